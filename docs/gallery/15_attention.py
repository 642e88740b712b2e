# %% [markdown]
# # Attention and Transformers
#
# Means with weights that are worked out as one goes, and nets that are made of them.
# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from _size import size

import parnassus as pn
from parnassus.byhand import attention as byhand
from parnassus.byhand.gradients import gradient_error
from parnassus.data import samples
from parnassus.functional import attention, positions
from parnassus.insight.attention import attention_maps, heat_maps

rng = np.random.default_rng(0)

# %% [markdown]
# ## Kernel regression, and its attention matrix
# Exercise 2b:P6.1
#
# Each query's answer is a mean of the known ones, weighted by nearness. A tiny bandwidth repeats the nearest point,
# noise and all; a huge one gives everybody the mean. The printed kernel has the wrong sign: its weights grow with
# distance.
# %%
x, y = torch.tensor([0.0, 1, 2]), torch.tensor([0.0, 1, 4])
weights = attention.kernel_weights(torch.tensor([0.0]), x, bandwidth=0.5)
answers = attention.nadaraya_watson(torch.tensor([0.0, 1.0]), x, y, bandwidth=0.5)
print("weights", weights.numpy().round(6), "answers", answers.numpy().round(6))
assert np.allclose(answers, [0.120349, 1.213014], atol=1e-5)
x = torch.linspace(0, 6, 100)
y = torch.sin(x) + 0.2 * torch.randn(100, generator=torch.Generator().manual_seed(0))
figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
axes[0].scatter(x, y, s=6)
for ax, h in zip(axes[1:], (0.02, 0.4, 10.0), strict=True):
    made = attention.nadaraya_watson(x, x, y, bandwidth=h)
    axes[0].plot(x, made, label=f"h = {h}")
    ax.imshow(attention.kernel_weights(x, x, bandwidth=h).numpy())
    ax.set_title(f"weights, h = {h}")
    print(f"h {h:5}: distance to the sine {float((made - torch.sin(x)).square().mean()):.4f}")
assert torch.allclose(made, y.mean().expand(100), atol=0.2)
axes[0].legend()
figure

# %% [markdown]
# ## The slopes of queries and keys
# Exercises 2b:P6.2, 2b:L6208
#
# With G the slopes of the outputs, dA = G V', the softmax sends back dS = A (dA - sum A dA), row by row, and then
# dQ = dS K / sqrt(d), dK = dS' Q / sqrt(d); the weights' slopes are X' dQ and X' dK. Differences confirm both.
# %%
x, by_z = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
w_q, w_k, w_v = (rng.normal(size=(3, 2)) for _ in range(3))
step = byhand.self_attention(x, w_q, w_k, w_v, by_z=by_z)
A, q, k, v = step.attended.weights, x @ w_q, x @ w_k, x @ w_v
by_a = by_z @ v.T
by_s = A * (by_a - (A * by_a).sum(1, keepdims=True))
by_w_q, by_w_k = x.T @ (by_s @ k) / 2**0.5, x.T @ (by_s.T @ q) / 2**0.5
print("W_q", by_w_q.round(5).tolist(), "gaps", np.abs(by_w_q - step.by_w_q).max(), np.abs(by_w_k - step.by_w_k).max())


def loss(w):
    return float((byhand.self_attention(x, w, w_k, w_v, by_z=by_z).attended.z * by_z).sum())


print("against differences", gradient_error(loss, by_w_q, w_q))
assert np.allclose(by_w_q, step.by_w_q)
assert np.allclose(by_w_k, step.by_w_k)
assert gradient_error(loss, by_w_q, w_q) < 1e-6

# %% [markdown]
# ## Patches of several sizes
# Exercise 2b:P6.6
#
# A vision Transformer on digits. Small patches mean many tokens, each with little in it: detail, at a cost that grows
# with their square. Large ones see whole strokes and leave attention little to do.
# %%
X, y = samples.digits()
order = rng.permutation(len(y))
test, train = order[:200], order[300 : size(550, None)]
for patch in size((4,), (1, 2, 4)):
    net, tokens = pn.model("vit_ti", patch_size=patch, n_layers=size(1, 4)), (8 // patch) ** 2
    clf = pn.Classifier(net, epochs=size(3, 30), lr=0.001).fit(X[train], y[train])
    cost = attention.attention_cost(tokens + 1, 192).operations
    print(f"patch {patch}: {tokens} tokens, accuracy {clf.score(X[test], y[test]):.3f}, {cost:.1e} operations a layer")
    assert clf.score(X[test], y[test]) > size(0.15, 0.3)

# %% [markdown]
# ## BERT fine-tuned on moods: rate and batch
# Exercise 2b:P6.7
#
# A small BERT learns to fill gaps in made-up reviews, and then to judge them from few. A rate too low changes nothing
# in so few steps, one too high forgets what was learned; small batches take more steps.
# %%
good, bad = ["warm", "funny", "clever"], ["dull", "cold", "clumsy"]
texts, moods = [], []
for i in range(size(80, 400)):
    mood = i % 2
    a, b = rng.choice([bad, good][mood], 2)
    texts.append(f"the film was {a} and the play was {b}")
    moods.append(mood)
net = pn.model("bert", width=32, n_layers=1, n_heads=2, dropout=0.0, attention_dropout=0.0)
lm = pn.LanguageModel(net, context=16, epochs=size(10, 60), batch_size=16, lr=0.005).fit(texts)
scores = {}
for lr, batch in [(1e-5, 8), (1e-3, 8), (1e-3, 32), (0.3, 8)]:
    clf = pn.Classifier(start=lm, epochs=size(6, 15), lr=lr, batch_size=batch).fit(texts[:40], moods[:40])
    scores[lr, batch] = clf.score(texts[40:], moods[40:])
    print(f"rate {lr:7}, batch {batch:2}: test accuracy {scores[lr, batch]:.2f}")
assert scores[1e-3, 8] > 0.8

# %% [markdown]
# ## Several heads, each with its map
# Exercise 2b:P6.8
#
# Heads are projections side by side with attention in each, joined and projected once more. The library's layer gives
# the map of each head; as plain products they are the same.
# %%
x = torch.tensor([[1.0, 0, 1, 0], [0, 2, 0, 2], [1, 1, 1, 1]])
eye = torch.eye(4)
heads = [attention.self_attention(x, *(eye[:, cut],) * 3) for cut in (slice(0, 2), slice(2, 4))]
print("head 1", heads[0].z.numpy().round(4).tolist())
assert torch.allclose(heads[0].z[0], torch.tensor([0.8022241854, 0.7966637220]))
assert torch.allclose(heads[0].z, heads[1].z)
rows = rng.normal(size=(size(80, 400), 6, 2)).astype(np.float32)
first = (rows[:, 0, 0] > rows[:, 5, 0]).astype(int)
net = pn.model("transformer", hidden=16, n_heads=4, n_layers=1)
clf = pn.Classifier(net, epochs=size(4, 30), lr=0.01).fit(rows, first)
maps = attention_maps(clf, rows[:4])
seen = maps.of(0, row=0)
print("maps of four heads", seen.shape, "rows sum to", seen.sum(-1).min().round(5))
assert np.allclose(seen.sum(-1), 1, atol=1e-5)
maps.plot(0, row=0)

# %% [markdown]
# ## Without positions
# Exercise 2b:P6.9
#
# Which of two marks stands first? A Transformer that is told no places sees a set: both orders are one to it, and it
# can only guess. With places it learns, by waves or by a table.
# %%
n = size(200, 600)
marks, order = np.zeros((n, 6, 2), dtype=np.float32), []
for row in marks:
    a, b = rng.permutation(6)[:2]
    row[a, 0] = row[b, 1] = 1
    order.append(int(a < b))
scores = {}
for kind in ("none", "learned", "sinusoidal"):
    net = pn.model("transformer", hidden=16, n_heads=2, positions=kind)
    clf = pn.Classifier(net, epochs=size(12, 40), lr=0.01).fit(marks[: n * 4 // 5], order[: n * 4 // 5])
    scores[kind] = clf.score(marks[n * 4 // 5 :], order[n * 4 // 5 :])
    print(f"{kind:10} {scores[kind]:.2f}")
assert scores["none"] < 0.75 < scores["sinusoidal"]
wave = positions.sinusoidal(60, 32)
assert np.allclose(positions.sinusoidal(2, 4)[1], [0.841471, 0.540302, 0.010000, 0.999950], atol=1e-6)
heat_maps(wave @ wave.T / 16, title="how alike two places are")

# %% [markdown]
# ## What a language model passes on
# Exercise 2b:P6.10
#
# BERT's kind reads both sides and is a start for judging; GPT's kind reads from the left and is a start for writing.
# Either way unlabelled text does most of the work. The limits: what the new texts hold that the old did not, a size
# that must be carried along, and habits that come with the first texts. Here with twelve labels, from either start.
# %%
few = slice(0, 12)
setting = {"epochs": size(8, 20), "lr": 0.001, "batch_size": 4}
net = pn.model("bert", width=32, n_layers=1, n_heads=2)
scratch = pn.Classifier(net, **setting).fit(texts[few], moods[few])
begun = pn.Classifier(start=lm, **setting).fit(texts[few], moods[few])
unknown = ["the book is warm", "the book is cold", "the book is clever", "the book is dull"]
for name, clf in {"from scratch": scratch, "from the gap filler": begun}.items():
    same, new = clf.score(texts[40:], moods[40:]), clf.score(unknown, [1, 0, 1, 0])
    print(f"{name:20} same kind {same:.2f}, other words {new:.2f}")
print("drawn anew:", begun.start_["new"])
assert begun.start_["new"]

# %% [markdown]
# ## All forms of attention, and a whole Transformer
# Exercise 3:D15
#
# Additive and multiplicative scores, scaled products, one head and several, over itself and over another row; then a
# Transformer that turns words round, and where it looks for each of them.
# %%
q, k, v = (torch.randn(3, 4, generator=torch.Generator().manual_seed(s)) for s in range(3))
W, u = torch.ones(4, 8) / 8, torch.ones(4)
forms = {
    "scaled": attention.scaled_dot_product(q, k, v),
    "causal": attention.scaled_dot_product(q, k, v, mask=attention.causal_mask(3)),
    "additive": attention.attend(attention.additive_scores(q, k, W, u), v),
    "multiplicative": attention.attend(attention.multiplicative_scores(q, k), v),
}
for name, form in forms.items():
    print(f"{name:14} weights of the first query {form.weights[0].numpy().round(3)}")
    assert torch.allclose(form.weights.sum(-1), torch.ones(3))
pairs = [(" ".join(w), " ".join(w[::-1])) for w in rng.choice(list("abcde"), (size(200, 1500), 3))]
net = pn.model("transformer", width=32, n_layers=1, n_heads=2)
tr = pn.Translator(net, epochs=size(12, 40), lr=0.005, batch_size=16)
made = tr.fit(pairs[20:]).translate([s for s, _ in pairs[:20]])
print("turned round rightly", np.mean([a == b for a, (_, b) in zip(made, pairs, strict=False)]))
tr.align(["a b c"])[0].plot()

# %% [markdown]
# ## Which residues of a protein touch
# Exercise 2b:P6.4
#
# CASP's structures cannot be had offline, so the chains are made: of three strands two pair, letter by letter, and only
# the letters say which. The maps of attention find the partners in chains that training did not have, and the distances
# that the contacts allow give a fold. With real chains, give their sequences and C-alpha coordinates in place of these.
# %%
from parnassus.data.proteins.hairpins import hairpin_proteins

train, test = hairpin_proteins(size(40, 240), seed=0), hairpin_proteins(size(10, 40), seed=1)
contacts = pn.ContactPredictor(epochs=size(1, 6), batch_size=16, lr=0.005).fit(train.sequences, train.coordinates)
found = contacts.evaluate(test.sequences, test.coordinates)
print(found)
assert size(True, found["precision_l5"].value > 0.9)
print("a fold:", contacts.fold(test.sequences[:1])[0].shape, "angstrom")
contacts.plot(test.sequences[0], test.coordinates[0])
