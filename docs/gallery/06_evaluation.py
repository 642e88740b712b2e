# %% [markdown]
# # Evaluation and model selection
#
# How good a model is on rows that it has not seen, and how to choose without fooling oneself.
# %%
import numpy as np
import pandas as pd
import torch
from _size import size
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import parnassus as pn
from parnassus.data import samples, split
from parnassus.functional import linear, metrics
from parnassus.insight import plots, units

cancer = load_breast_cancer()

# %% [markdown]
# ## Texts with several labels
# Exercise 0:D5
#
# Made-up notes about sport, food and music, any number of them at once. Micro F1 counts every label alike, macro F1
# every kind of label; thresholds are chosen by label on rows held out of the training.
# %%
noise = np.random.default_rng(0)
words = {"sport": "match goal team run win", "food": "bread soup salt cook taste", "music": "song drum choir tune play"}
texts, labels = [], []
for _ in range(size(300, 1200)):
    kinds = [k for k, p in zip(words, (0.6, 0.4, 0.15), strict=True) if noise.random() < p] or ["sport"]
    said = [*noise.choice(["the", "a", "so", "and", "then", "we", "had", "it", "was", "on"], 8)]
    said += [w for k in kinds for w in noise.choice(words[k].split(), 2) if noise.random() < 0.8]
    texts.append(" ".join(noise.permutation(said)))
    labels.append(kinds)
cut = len(texts) * 2 // 3
with_rule = pn.Classifier("logistic", threshold="f1", epochs=20, lr=0.05)
with_rule.fit(texts[:cut], labels[:cut], validation=0.25)
found = with_rule.evaluate(texts[cut:], labels[cut:])
print("thresholds", dict(zip(with_rule.classes_.tolist(), np.round(with_rule.threshold_, 2).tolist(), strict=True)))
print({m.name: round(m.value, 3) for m in found.metrics})
assert found["f1_micro"].value > 0.7

# %% [markdown]
# ## Loss, output and metric by task
# Exercise 1:D9
#
# The kind of target fixes the output and the loss: one score and a sigmoid, a score a class and a softmax, a score a
# label and a sigmoid each, and a linear output with squared error for numbers. Where one class is rare, accuracy
# praises whoever never names it; recall, F-beta with beta above 1 and the macro mean do not.
# %%
truth = np.r_[np.ones(10), np.zeros(90)].astype(int)
never, eager = np.zeros(100, int), np.r_[np.ones(9), 0, np.ones(15), np.zeros(75)].astype(int)
for name, said in {"never": never, "eager": eager}.items():
    f = {beta: round(metrics.classification.f_beta(truth, said, beta=beta), 3) for beta in (0.5, 1, 2)}
    both = {a: round(metrics.classification.f_beta(truth, said, average=a), 3) for a in ("micro", "macro")}
    print(f"{name:6} accuracy {metrics.classification.accuracy(truth, said):.2f}, F-beta {f}, {both}")
x = noise.normal(size=(60, 2))
targets = {"one of two": x[:, 0] > 0, "one of three": np.digitize(x[:, 0], [-0.5, 0.5]), "labels": (x > 0).astype(int)}
for name, y in targets.items():
    clf = pn.Classifier("mlp", epochs=1).fit(x, y)
    print(f"{name:13} {clf.objective_.n_outputs} outputs, a row sums to {clf.predict_proba(x)[0].sum():.2f}")
assert metrics.classification.accuracy(truth, never) == 0.9
assert metrics.classification.f_beta(truth, eager, beta=2) > 0.7

# %% [markdown]
# ## What a training suffers from
# Exercise 1:D10
#
# The curves say whether it learns too little or too well, the layers say where; `diagnose` reads both, and asks whether
# a fresh net can learn a few rows by heart. Hidden units that move together are so many the less.
# %%
X, y = cancer.data, cancer.target
deep = pn.Classifier(pn.model("mlp", hidden=(20,) * 8, activation="sigmoid"), epochs=6)
plain = pn.Classifier(pn.model("mlp", hidden=(32,)), epochs=size(6, 40))
for name, clf in {"deep sigmoid net": deep, "plain net": plain}.items():
    clf.fit(X, y, validation=0.25)
    found = clf.diagnose(by_heart=False)
    print(f"{name}: {found.fit};", "; ".join(a.what for a in found.advice) or "nothing to say")
    if name.startswith("deep"):
        assert any("vanish" in a.what for a in found.advice)
hidden = units.hidden_units(clf, X[:200])
print("mean size of the correlations of hidden units", round(float(np.abs(hidden.correlation).mean()), 3))
plots.learning_curves(clf.history_)

# %% [markdown]
# ## Split, lock, tune, stop, watch
# Exercise 1:D11
#
# Three parts; the last is looked at once. The width is chosen on the second, training stops on it, and rows that come
# later are compared with those that were learned from.
# %%
train, valid, test = split.three_way_split(len(y), y=y, seed=0)
held = X[valid], y[valid]
tried = {}
for width in (2, 16, 64):
    net = pn.Classifier(pn.model("mlp", hidden=(width,)), epochs=size(15, 100), patience=5, lr=0.01)
    tried[width] = net.fit(X[train], y[train], validation=held)
best = max(tried, key=lambda width: tried[width].score(*held))
print({w: round(net.score(*held), 3) for w, net in tried.items()}, "chosen", best, "epoch", tried[best].best_epoch_)
print("test accuracy, once:", round(tried[best].score(X[test], y[test]), 3))
now, later = pd.DataFrame(X[train][:, :4]), pd.DataFrame(X[test][:, :4] * [1, 1, 1.3, 1])
found = pn.drift(now, later)
print(found)
assert found.columns[0].name == "column 2"
assert tried[best].score(X[test], y[test]) > 0.9

# %% [markdown]
# ## How many epochs
# Exercise 2a:P1.12
#
# `patience` watches the loss on rows held out, and brings the best weights back. With 100 rows and 10 to watch, the
# stop is a matter of luck; it is steadier with more.
# %%
for n_train, n_held in ((size(200, 400), 100), (100, 10)):
    data = [samples.xor_clusters(n, seed=s) for s, n in enumerate((n_train // 4, n_held // 4 + 1, 500))]
    clf = pn.Classifier(pn.model("mlp", hidden=(40, 10)), epochs=size(30, 200), patience=10, lr=0.01)
    clf.fit(*data[0], validation=data[1])
    error = [1 - clf.score(*part) for part in data]
    print(f"{n_train} rows: kept epoch {clf.best_epoch_} of {len(clf.history_)}, errors {np.round(error, 3)}")
    assert error[2] < 0.2
plots.learning_curves(clf.history_, best_epoch=clf.best_epoch_)

# %% [markdown]
# ## Layers and units by validation
# Exercise 2a:P1.13
#
# 400 rows to train, 100 to choose by, 1000 to confirm. One unit is too few for either figure; from ten on there is
# little to choose, and the smallest of those is as good as any.
# %%
for name, draw in {"xor": samples.xor_clusters, "rings": samples.rings}.items():
    parts = [draw(n, seed=seed) for seed, n in enumerate((100, 25, 250) if name == "xor" else (200, 50, 500))]
    scores = {}
    for hidden in [(1,), (10,), (40, 10)]:
        clf = pn.Classifier(pn.model("mlp", hidden=hidden), epochs=size(15, 100), lr=0.02).fit(*parts[0])
        scores[hidden] = clf.score(*parts[1]), clf.score(*parts[2])
    best = max(scores, key=lambda h: scores[h][0])
    print(name, {h: round(v, 3) for h, (v, _) in scores.items()}, "chosen", best, "test", round(scores[best][1], 3))
    assert best != (1,)

# %% [markdown]
# ## The gap between training and test
# Exercise 2a:P2.1
#
# Two Gaussians in D dimensions with variance half the squared distance of their means: whatever D is, no plane errs
# less than 23.98 %. With as many rows as columns the plane errs on none of its own rows and on nearly half of the rest.
# %%
from math import erfc


def errors(n, d, run, fit=linear.normal_equation):
    generator = torch.Generator().manual_seed(run)
    signs = torch.tensor([1.0, -1.0]).double().repeat(n // 2)
    mean = torch.zeros(d).double()
    mean[0], std = 1.0, 2**0.5  # the means are 2 apart, so the variance is 2
    x = signs[:, None] * mean + std * torch.randn(n, d, generator=generator).double()
    w, b = fit(x, signs[:, None])
    w, b = w.reshape(-1), float(b)
    sides = [erfc((w @ mean + s * b) / (2**0.5 * std * w.norm())) / 4 for s in (1, -1)]
    return ((x @ w + b) * signs <= 0).double().mean().item(), sum(sides)


for d in (2, 10, 100):
    for n in (10, 100, 1000):
        inside, outside = np.mean([errors(n, d, run) for run in range(size(5, 100))], axis=0)
        print(f"D {d:3}, N {n:4}: training error {inside:.3f}, test error {outside:.3f}, gap {outside - inside:.3f}")
        assert outside > 0.2397

# %% [markdown]
# ## A grid around a pipeline
# Exercise 2a:P3.6
#
# Every estimator is one of scikit-learn's: scaling, principal components and a net in one pipeline, searched whole. Two
# components of two columns leave nothing out, so their number matters and their directions do not.
# %%
X2, y2 = samples.xor_clusters(100, seed=30)
mixed = noise.permutation(len(y2))  # folds are cut in order, and these rows stand cluster by cluster
net = pn.Classifier("mlp", epochs=size(20, 50), lr=0.02)
pipe = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("net", net)])
search = GridSearchCV(pipe, {"pca__n_components": [1, 2], "net__model__hidden": [(10,), (40, 10)]}, cv=size(2, 5))
search.fit(X2[mixed], y2[mixed])
print(search.best_params_, round(search.best_score_, 3))
assert search.best_params_["pca__n_components"] == 2

# %% [markdown]
# ## Rate, batch, depth: grid and random search
# Exercise 2b:P4.9
#
# A rate too low learns too little in its time, one too high throws away what it had; small batches take more steps an
# epoch, and noisier ones; depth helps only what can still be trained. A random search tries more rates than a grid of
# the same length.
# %%
X3, y3 = cancer.data[::2], cancer.target[::2]
curve = pn.validation_curve(pn.Classifier("mlp", epochs=size(5, 30)), X3, y3, parameter="lr",
                            values=[1e-5, 1e-3, 1e-1], folds=size(2, 5))  # fmt: skip
print(curve)
settings = {"lr": np.geomspace(1e-4, 1e-1, 30).tolist(), "batch_size": [16, 64, 256],
            "model__hidden": [(16,), (16, 16), (16,) * 4]}  # fmt: skip
net = pn.Classifier("mlp", epochs=size(3, 30))
grid = GridSearchCV(net, {"lr": [1e-3, 1e-2], "batch_size": [16, 256]}, cv=2).fit(X3, y3)
drawn = RandomizedSearchCV(net, settings, n_iter=size(4, 20), cv=2, random_state=0).fit(X3, y3)
for name, search in (("grid", grid), ("random", drawn)):
    print(f"{name:6} best of {len(search.cv_results_['params'])}: {search.best_score_:.3f} {search.best_params_}")
assert curve.best != 1e-5
curve.plot()
