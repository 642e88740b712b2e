# %% [markdown]
# # Boltzmann machines
#
# Nets without a direction, whose states are drawn, and stacks of them.
# %%
import numpy as np
from _size import size
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import parnassus as pn
from parnassus.byhand import boltzmann
from parnassus.insight import maps, plots

digits = load_digits()
rng = np.random.default_rng(0)
order = rng.permutation(len(digits.target))
inked = (digits.data > 0).mean(0) > 0.05
X, y = digits.data[order], digits.target[order]
test, train = slice(0, 360), slice(360, size(900, None))

# %% [markdown]
# ## Steps of contrastive divergence, layers, units, and what the units see
# Exercise 2c:P7.1
#
# Features of a machine, judged by a linear classifier. The book's figures come from pictures that were shifted before
# they were split, so that copies of one digit stood on both sides; without that one machine is as good as two, and the
# raw pixels are better than the book's 78 %.
# %%
raw = LogisticRegression(max_iter=300).fit(X[train] / 16, y[train]).score(X[test] / 16, y[test])
print("raw pixels", round(raw, 3))
scores = {}
for n_steps, hidden in [(1, 30), (1, 100), (size(2, 10), 100)]:
    net = pn.model("rbm", n_components=hidden, n_steps=n_steps)
    rbm = pn.RBM(net, epochs=size(8, 30)).fit(X[train][:, inked])
    a, b = (rbm.transform(X[part][:, inked]) for part in (train, test))
    scores[n_steps, hidden] = LogisticRegression(max_iter=300).fit(a, y[train]).score(b, y[test])
    print(f"{hidden} units by CD-{n_steps}: {scores[n_steps, hidden]:.3f}")
assert raw > 0.85
assert scores[1, 100] > 0.7
tiles = np.zeros((16, 64))
tiles[:, inked] = rbm.objective_.net.w.detach().numpy().T[:16]
plots.image_grid(list(tiles.reshape(-1, 8, 8)), n_columns=8)

# %% [markdown]
# ## Ten columns to two by a stack with Gaussian units
# Exercise 2c:P7.2
#
# Four round Gaussians whose means are one apart on each axis: nobody can tell them apart in more than 55 % of rows, so
# the colours must overlap, however deep the stack is. The first machine has Gaussian visible units.
# %%
kinds = np.repeat(np.arange(4), 100)
rows = np.eye(10)[kinds] + rng.normal(size=(400, 10))
best = (rows[:, :4].argmax(1) == kinds).mean()
print("the best rule is right in", round(best, 3), "of the rows")
for widths in ((2,), (6, 2), (8, 4, 2)):
    now = rows
    for i, width in enumerate(widths):
        name = "gaussian_rbm" if i == 0 else "rbm"
        machine = pn.RBM(pn.model(name, n_components=width), epochs=size(10, 60)).fit(now)
        now = machine.transform(now)
    found = LogisticRegression().fit(StandardScaler().fit_transform(now), kinds)
    print(widths, "told apart by two numbers:", round(found.score(StandardScaler().fit_transform(now), kinds), 3))
assert abs(best - 0.552) < 0.08
maps.map_plot(maps.Projection("the stack's two units", now), kinds)

# %% [markdown]
# ## A deep belief net, before and after fine-tuning
# Exercise 2c:P7.11
#
# Layer by layer without labels, then all of it by backpropagation. The first part alone gives features, which a second
# layer makes worse here, as it does in the book's own example once that is run; labels then move all layers.
# %%
scores = {}
for hidden in size(((100,),), ((100,), (100, 64))):
    for tuned in (False, True):
        net = pn.model("dbn", hidden=hidden, fine_tuning=tuned, pretraining=0.6)
        dbn = pn.DBN(net, epochs=size(40, 100), batch_size=16).fit(X[train][:, inked], y[train])
        scores[hidden, tuned] = dbn.score(X[test][:, inked], y[test])
        print(hidden, "fine-tuned" if tuned else "as pretrained", round(scores[hidden, tuned], 3))
assert scores[(100,), True] > scores[(100,), False]
assert scores[(100,), True] > 0.85

# %% [markdown]
# ## A machine for bars
# Exercise 2c:P7.12
#
# Small pictures of bars, each there or not, as rows of 0 and 1. What is likely to be there, given the hidden units that
# a damaged picture turns on, mends it; by hand, one step of learning raises the likelihood.
# %%
bars = rng.random((size(300, 1500), 4)) < 0.4
pictures = np.repeat(bars[:, :, None], 4, axis=2).reshape(len(bars), 16).astype(float)
rbm = pn.RBM(n_components=12, epochs=size(80, 150), lr=0.02).fit(pictures)
drawn = rbm.sample(200, seed=0).reshape(-1, 4, 4)
whole = (drawn.std(2) == 0).all(1).mean()
print("made pictures with whole bars only:", round(float(whole), 2), "of random ones", round((2 / 16) ** 4, 4))
machine = boltzmann.RBM(np.array([[1, -1], [0.5, 2], [-0.5, 0]]), np.array([0.1, -0.2, 0.3]), np.array([0, -0.5]))
data = np.array([[1.0, 0, 1], [1, 1, 0], [0, 1, 1]])
by_w = boltzmann.likelihood_gradient(machine, data)[0]
print("exact gradient of the small machine", np.round(by_w, 6).tolist())
assert np.allclose(by_w[0], [0.081119, 0.002591], atol=1e-6)
assert whole > 0.2
plots.image_grid(list(drawn[:16]), n_columns=8)
