# %% [markdown]
# # Recurrent networks
#
# Nets that go along a sequence, what they carry from step to step, and how they are taught.
# %%
import numpy as np
import torch
from _size import size

import parnassus as pn
from parnassus.byhand import recurrence, sequence
from parnassus.byhand.gradients import numeric_gradient
from parnassus.data import samples
from parnassus.functional import unrolling
from parnassus.insight import gates, plots
from parnassus.insight.memory import memory

rng = np.random.default_rng(0)

# %% [markdown]
# ## Weights of an Elman net, its states and outputs
# Exercise 1:D7
#
# H_t = tanh(X_t W_x + H_(t-1) W_h + b) and O_t = H_t W_y + b_y. With d inputs, n units and m outputs that is
# d n + n n + n + n m + m weights, however long the sequence is.
# %%
w_x, w_h = np.array([[0.5, 0.2], [-0.3, 0.4]]), np.array([[0.1, -0.3], [0.2, 0.4]])
net = sequence.SequenceNet(recurrence.Elman(w_x, w_h, np.array([0, 0.1])), np.array([[1, 0.5], [-1, 0.5]]), np.zeros(2))
trace = net.trace([[[1, 0], [0, 1], [1, 1]]], [[[1, 0], [0, 1], [1, 0]]])
print("states", trace.run.h[0].round(6).tolist(), "outputs", trace.outputs[0].round(6).tolist())
d, n, m = 3, 5, 2
counted = sum(p.numel() for p in torch.nn.RNN(d, n, device="meta").parameters())
print("d n + n n + n =", d * n + n * n + n, "torch has a second bias:", counted)
assert np.isclose(trace.loss, 2.4741548112)
assert counted == d * n + n * n + 2 * n

# %% [markdown]
# ## The gates of an LSTM and of a GRU, by hand
# Exercise 1:D8
#
# One unit with all weights 1/2 reads 1 and then -1. The cell state is the long memory, which the forget gate scales;
# the hidden state is the short one, what the output gate lets out. A GRU has one state for both.
# %%
halves = [np.full((1, 4), 0.5), np.full((1, 4), 0.5), np.zeros(4)]
run = recurrence.LSTM(*halves).forward(np.array([[[1.0], [-1.0]]]))
print({name: value.ravel().round(7).tolist() for name, value in run.inner.items()})
print("LSTM h", run.h.ravel().round(7))
assert np.allclose(run.h.ravel()[1:], [0.1742697187, -0.0163650838])
gru = recurrence.GRUResetBefore(np.full((1, 3), 0.5), np.full((1, 3), 0.5), np.zeros(3))
states = gru.forward(np.array([[[1.0], [-1.0]]])).h.ravel()
print("GRU h ", states.round(7))
assert np.allclose(states[1:], [0.1744680206, -0.1918953096])

# %% [markdown]
# ## An LSTM from nothing, and one that looks further ahead
# Exercise 2b:P5.2
#
# The four gates in NumPy equal torch's cell at the same weights. The passengers of an airline by four LSTM units, one
# month ahead and twelve, with a linear output: the book's tanh cannot say what lies above the training values.
# %%
cell = recurrence.LSTM(*(rng.normal(size=s) for s in ((2, 12), (3, 12), (12,))))
with torch.random.fork_rng():
    theirs = torch.nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
for p, value in zip(theirs.parameters(), (cell.w_x.T, cell.w_h.T, cell.b, np.zeros(12)), strict=True):
    p.data = torch.tensor(value.copy())
x = rng.normal(size=(1, 6, 2))
print("gap to torch", np.abs(theirs(torch.tensor(x))[0].detach().numpy() - cell.forward(x).h[:, 1:]).max())
from parnassus.recipes.forecasting import AIRLINE

past, future = np.array(AIRLINE[:126], float), np.array(AIRLINE[126:], float)
for horizon in (1, 12):
    net = pn.model("lstm", hidden=4)
    setting = {"history": 13, "transform": "log", "epochs": size(12, 300), "lr": 0.02}
    model = pn.Forecaster(net, horizon=horizon, strategy="recursive" if horizon == 1 else "direct", **setting)
    said = np.asarray(model.fit(past).predict(12)).ravel()
    print(f"{horizon:2} steps at once: mean absolute error over a year {np.abs(said - future[:12]).mean():.1f}")
    assert np.abs(said - future[:12]).mean() < 200

# %% [markdown]
# ## Digits read row by row
# Exercise 2b:P5.3
#
# Three LSTM layers over the eight rows of a picture. A class against all others has a ROC curve each; the mean area is
# the number for ten classes.
# %%
X, y = samples.digits()
order = rng.permutation(len(y))
test, train = order[:300], order[300 : size(900, None)]
net = pn.model("lstm", hidden=size(32, 256), n_layers=3)
clf = pn.Classifier(net, view="rows", epochs=size(5, 15), lr=0.005).fit(X[train], y[train])
said = clf.predict_proba(X[test])
areas = [pn.functional.metrics.roc_auc(y[test] == c, said[:, c]) for c in range(10)]
print("accuracy", round(clf.score(X[test], y[test]), 3), "area by class", np.round(areas, 3))
worst = int(np.argmin(areas))
fpr, tpr, _ = pn.functional.metrics.roc_curve(y[test] == worst, said[:, worst])
assert np.mean(areas) > 0.8
plots.roc(np.asarray(fpr), np.asarray(tpr), auc=areas[worst])

# %% [markdown]
# ## What a sequence needs before a net sees it
# Exercise 2b:P5.6
#
# The same order of steps and the same unit for all, scaled by the training rows; rows of different lengths padded to
# the longest of a batch, with their lengths beside them, so that what is behind the end counts for nothing.
# %%
rows = [rng.normal(size=(n, 2)) * [1, 100] for n in rng.integers(4, 12, 80)]
marks = [int(row[:, 0].sum() > 0) for row in rows]
clf = pn.Classifier(pn.model("gru", hidden=8), epochs=5, lr=0.02).fit(rows, marks)
together, alone = clf.predict_proba(rows[:5]), [clf.predict_proba([row])[0] for row in rows[:5]]
print("lengths", [len(r) for r in rows[:5]], "gap between a batch and each alone", np.abs(together - alone).max())
longer = np.vstack([rows[0], np.zeros((3, 2))])
print("with three rows of zeros that are not padding:", clf.predict_proba([longer])[0].round(4), together[0].round(4))
assert np.allclose(together, alone, atol=1e-5)

# %% [markdown]
# ## How a bidirectional net is trained
# Exercise 2b:L5585
#
# The two directions share nothing but the output layer. Its deltas split into two halves: one goes back in time through
# the forward cell, the other on in time through the backward cell. Differences confirm both.
# %%
there, back = (recurrence.Elman(*(rng.normal(size=s) for s in ((2, 3), (3, 3), (3,)))) for _ in range(2))
both = recurrence.Bidirectional(there, back)
x, by_h = rng.normal(size=(1, 4, 2)), rng.normal(size=(1, 4, 6))
_, *runs = both.forward(x)
by_x, *_ = both.backward(runs, by_h)
numeric = numeric_gradient(lambda v: float((both.forward(v)[0] * by_h).sum()), x)
print("slope by the inputs: gap to differences", np.abs(by_x - numeric).max())
halves = there.backward(there.forward(x), by_h[..., :3]).by_x
halves = halves + back.backward(back.forward(x[:, ::-1]), by_h[:, ::-1, 3:]).by_x[:, ::-1]
print("as two nets, each on its own half:", np.abs(by_x - halves).max())
assert np.allclose(by_x, numeric, atol=1e-6)
assert np.allclose(by_x, halves)

# %% [markdown]
# ## Shapes of recurrent nets, and who feeds the next step
# Exercise 3:D12
#
# One to many, many to one, a step for a step, and encoder with decoder are ways to call one step. While learning, the
# next input may be the truth (teacher), the net's own answer (free), a coin between the two (scheduled), and professor
# forcing has a second net tell the two kinds of states apart: two methods, which the notes take for one.
# %%
w = torch.tensor([[0.5]])


def step(x, state):
    state = torch.tanh((0 if x is None else x) + state @ w)
    return state, state


xs, zero = torch.ones(1, 4, 1), torch.zeros(1, 1)
steps = xs.unbind(1)
print("one of many", unrolling.many_to_one(step, steps, zero).item(), "each", len(unrolling.aligned(step, steps, zero)))
print("one to many", [round(o.item(), 4) for o in unrolling.one_to_many(step, xs[:, 0], zero, 3)])
taught = unrolling.teacher_forced(step, xs[:, 0], xs, zero)
free = unrolling.free_running(step, xs[:, 0], zero, 4, fed=lambda o: o)
mixed = unrolling.scheduled_sampling(step, xs[:, 0], xs, zero, 1.0, torch.zeros(1, 4), fed=lambda o: o)
print("teacher", [round(o.item(), 3) for o in taught], "free", [round(o.item(), 3) for o in free])
assert mixed == taught
pairs = [(" ".join(w), " ".join(w[::-1])) for w in rng.choice(list("abcd"), (size(60, 400), 3))]
for forcing in ("teacher", "linear", "professor"):
    net = pn.model("seq2seq", hidden=32, forcing=forcing)
    model = pn.Translator(net, epochs=size(2, 60), lr=0.01).fit(pairs[:-10])
    said = model.translate([source for source, _ in pairs[-10:]])
    print(f"{forcing:9} reversed rightly {np.mean([a == b for a, (_, b) in zip(said, pairs[-10:], strict=True)]):.2f}")

# %% [markdown]
# ## Gates, clipping, an identity to begin with, and second order
# Exercise 3:D13
#
# What the gates do at each step; gradients cut to a length; ReLU units that begin with the identity, which keeps states
# and slopes as they are; and a Hessian-free step as a baseline, which takes all rows at once.
# %%
x = rng.normal(size=(size(60, 300), 20, 1)).astype(np.float32)
marks = (x[:, 0, 0] > 0).astype(int)  # the answer is in the first step
cut = len(x) * 2 // 3
cases = {
    "elman": {"model": pn.model("rnn", hidden=16)},
    "elman, clipped": {"model": pn.model("rnn", hidden=16), "clip_norm": 1.0},
    "identity": {"model": pn.model("rnn", hidden=16, cell="irnn"), "clip_norm": 1.0},
    "second order": {"model": pn.model("rnn", hidden=8), "optimizer": "hessian_free", "batch_size": cut, "lr": None},
    "lstm": {"model": pn.model("lstm", hidden=16)},
}
for name, setting in cases.items():
    clf = pn.Classifier(**{"epochs": size(3, 60), "lr": 0.01} | setting).fit(x[:cut], marks[:cut])
    seen = memory(clf, x[:8]).norms
    print(f"{name:15} test accuracy {clf.score(x[cut:], marks[cut:]):.2f}, slope 19 steps back {seen.mean(0)[-1]:.1e}")
trace = gates.gate_trace(clf, x[:2])
assert 0 < trace.gates["forget"].min() < trace.gates["forget"].max() < 1
trace.plot(0)

# %% [markdown]
# ## A small net to the end of its sequence
# Exercise 4:Ex6.1
#
# A logistic state with a linear output reads 1, 4, 3. The first state is given; the rest is filled in. The text rounds
# the first output to 0.1554; it is 0.1555.
# %%
z, states, outputs = 0.0, [], []
for x in (1, 4, 3):
    z = 1 / (1 + np.exp(-(0.5 * z + 0.1 * x - 1)))
    states.append(z)
    outputs.append(0.3 - 0.5 * z)
print("states", np.round(states, 6), "outputs", np.round(outputs, 6))
assert np.allclose(states, [0.2891, 0.388060, 0.376139], atol=5e-5)
assert np.allclose(outputs, [0.155475, 0.105970, 0.111931], atol=1e-6)
