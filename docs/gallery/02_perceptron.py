# %% [markdown]
# # Perceptron and linear models
#
# One unit: what it decides, how it learns, and what it cannot do.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _size import size

import parnassus as pn
from parnassus.byhand import capacity, neuron, perceptron, regression
from parnassus.data import samples
from parnassus.functional import linear
from parnassus.insight import curves, plots

corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)

# %% [markdown]
# ## Prices of houses
# Exercise 0:D2
#
# A table with a word in it, columns of very different size and some holes. Numbers are scaled inside the model, by what
# the training rows say, and errors come back in the price's own units.
# %%
noise = np.random.default_rng(0)
n = 400
houses = pd.DataFrame({"rooms": noise.integers(1, 8, n), "area": noise.normal(90, 30, n).clip(20)})
houses["year"], houses["place"] = noise.integers(1900, 2024, n), noise.choice(["town", "coast", "hills"], n)
price = 2000 * houses["area"] + 9000 * houses["rooms"] + 60000 * (houses["place"] == "coast")
houses["price"] = price + 400 * (houses["year"] - 1900) + noise.normal(0, 15000, n)
houses.loc[::25, "area"] = np.nan
train, test = houses[:300], houses[300:]
reg = pn.Regressor("linear", codec=pn.Table(missing="median"))
found = reg.fit(train, target="price").evaluate(test)
for metric in found.metrics[:3]:
    print(f"{metric.name:5} {metric.value:.4g} (the mean of the training rows: {metric.baseline:.4g})")
assert found["r2"].value > 0.8

# %% [markdown]
# ## Spam, and where to draw the line
# Exercise 0:D3
#
# Counts of twenty words in messages, a fifth of them spam. Precision, recall, F1 and the area under the ROC curve on
# rows that training has not seen; then the threshold with the best F1 on a third set, which the test set confirms.
# %%
rates = {False: np.linspace(1.1, 0.5, 20), True: np.linspace(0.7, 1.3, 20)}
spam = noise.random(1500) < 0.2
words = np.array([noise.poisson(rates[bool(s)]) for s in spam])
setting = {"epochs": size(60, 200), "lr": 0.05}
plain = pn.Classifier("logistic", **setting).fit(words[:1100], spam[:1100]).evaluate(words[1100:], spam[1100:])
clf = pn.Classifier("logistic", threshold="f1", **setting)
clf.fit(words[:700], spam[:700], validation=(words[700:1100], spam[700:1100]))
tuned = clf.evaluate(words[1100:], spam[1100:])
for name in ("precision", "recall", "f1", "roc_auc"):
    print(f"{name:10} {plain[name].value:.3f} at 0.5, {tuned[name].value:.3f} at {clf.threshold_:.2f}")
assert plain["roc_auc"].value > 0.85
assert tuned["f1"].value > plain["f1"].value - 0.03
curve = tuned.curves["roc"]
plots.roc(curve["fpr"], curve["tpr"], auc=tuned["roc_auc"].value)

# %% [markdown]
# ## Digits by one linear layer
# Exercise 0:D4
#
# Ten scores, one softmax. The rows of the weights, put back into the picture's shape, are what each class looks for.
# %%
X, y = samples.digits()
rows = noise.permutation(len(y))
held, kept = rows[:500], rows[500:]
clf = pn.Classifier("softmax", epochs=size(10, 100), lr=0.01).fit(X[kept], y[kept])
print("test accuracy", round(clf.score(X[held], y[held]), 3))
assert clf.score(X[held], y[held]) > 0.9
weights = next(iter(clf.objective_.model.parameters())).detach()
plots.image_grid(list(weights.reshape(10, 8, 8).numpy()), [str(i) for i in range(10)], n_columns=5)

# %% [markdown]
# ## How many changes the perceptron makes
# Exercise 2a:P1.1
#
# The wider the gap and the smaller the radius, the fewer the changes; there are always fewer than (R^2 + 1) / margin^2.
# The book prints (R^2 + 1) / margin: two points at 0.1 and 0.2 need 103 changes, and that bound says 21.
# %%
for gap in (0.2, 1.0, 3.0):
    for radius in (1, 3):
        x = radius * noise.uniform(-1, 1, (60, 2))
        x[:, 0] += np.where(x[:, 0] > 0, gap / 2, -gap / 2)
        y = np.where(x[:, 0] > 0, 1, -1)
        run = perceptron.perceptron_rule(x, y, max_changes=100000)
        bound = linear.novikoff_bound(torch.tensor(x), torch.tensor(y)).n_changes
        print(f"gap {gap}, radius {radius}: {len(run.changes)} changes, fewer than {bound:.0f}")
        assert len(run.changes) < bound
mixed = perceptron.perceptron_rule(np.r_[x, x[:1]], np.r_[y, -y[:1]], max_changes=500)
print("a point with both labels: converged", mixed.converged, "after", len(mixed.changes))
close = perceptron.perceptron_rule(np.array([[0.1], [0.2]]), np.array([-1, 1]))
print(len(close.changes), close.w, close.b)
assert (len(close.changes), close.b, mixed.converged) == (103, -1, False)

# %% [markdown]
# ## The update of a logistic and of a linear unit
# Exercise 2a:P1.3
#
# For the mean of (f - y)^2 the chain rule gives e f' x with e = f - y. A logistic unit has f' = f (1 - f), a linear one
# f' = 1, and then the rule is LMS. One step of each from w = (0.1, -0.2), b = 0.05 on x = (1, 2), y = 1.
# %%
w, b, x, y = np.array([0.1, -0.2]), 0.05, np.array([1.0, 2.0]), 1.0
for name in ("tanh", "logistic", "linear"):
    after = neuron.online_step(neuron.Neuron(w, b, name), x, y, lr=0.1)
    print(f"{name:8} w {after.w.round(8)}, b {after.b:.8f}")
assert np.allclose(after.w, [0.225, 0.05])
f = 1 / (1 + np.exp(-(w @ x + b)))
logistic = neuron.online_step(neuron.Neuron(w, b, "logistic"), x, y, lr=0.1)
assert np.allclose(logistic.w, w - 0.1 * (f - y) * f * (1 - f) * x)
assert np.allclose(logistic.w, [0.1138370797, -0.1723258405])

# %% [markdown]
# ## Both units on two clouds
# Exercise 2a:P1.4
#
# The clouds are learnt by either; each takes many passes, where the perceptron's rule stops at the first without error.
# %%
x, y = samples.blobs(50, centers=((-1, -1), (1, 1)), spread=0.4, seed=0)
errors = {}
for name in ("logistic", "linear"):
    unit, cut = neuron.Neuron(np.zeros(2), 0.0, name), {"logistic": 0.5, "linear": 0.5}[name]
    errors[name] = []
    for _ in range(30):
        *_, unit = neuron.online_epoch(unit, x, y, lr=0.02)
        errors[name].append(float(((unit.output(x) - y) ** 2).mean()))
    wrong = ((unit.output(x) >= cut) != y).mean()
    print(f"{name:8} squared error {errors[name][0]:.3f} to {errors[name][-1]:.3f}, wrong {wrong:.3f}")
    assert wrong < 0.05
assert errors["logistic"][-1] < errors["logistic"][0]

# %% [markdown]
# ## Batch against online
# Exercise 2a:P1.5
#
# A step over all rows moves by the sum of what they ask for; a pass of single rows takes as many steps as there are
# rows. With the mean in place of the sum, the batch is slower by that number.
# %%
errors = {"online": [], "batch, sum": [], "batch, mean": []}
units = dict.fromkeys(errors, neuron.Neuron(np.zeros(2), 0.0, "logistic"))
for _ in range(40):
    *_, units["online"] = neuron.online_epoch(units["online"], x, y, lr=0.02)
    units["batch, sum"] = neuron.batch_step(units["batch, sum"], x, y, lr=0.02)
    units["batch, mean"] = neuron.batch_step(units["batch, mean"], x, y, lr=0.02, mean=True)
    for name, unit in units.items():
        errors[name].append(float(((unit.output(x) - y) ** 2).mean()))
print({name: round(curve[-1], 4) for name, curve in errors.items()})
assert errors["batch, sum"][-1] < errors["batch, mean"][-1]
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, curve in errors.items():
    ax.plot(curve, label=name)
ax.set(xlabel="pass over the rows", ylabel="mean squared error")
ax.legend()
figure

# %% [markdown]
# ## XOR: not by a line, but by two ReLUs
# Exercise 3:D1
#
# No line has XOR's classes on its two sides: linear programming proves it. The perceptron is right three times at most.
# A hidden layer of two ReLUs is enough, where the notes speak of one unit.
# %%
xor = np.array([0, 1, 1, 0])
apart = linear.separation(torch.tensor(corners), torch.tensor(xor))
alone = perceptron.perceptron_epochs(corners, xor, max_epochs=50)
net = capacity.xor_by_relus()
print("separable:", apart.separable, "| perceptron converges:", alone.converged)
print("net of ReLUs:", net.trace(corners, xor[:, None]).outputs.ravel())
assert not apart.separable
assert not alone.converged
curves.activation_curves()

# %% [markdown]
# ## OR, its boundary, and the end of an epoch
# Exercises 4:Ex1.1, 4:Ex1.2, 4:Ex1.5
#
# With weights 1 and 1 the bias must be -0.5: the printed +0.5 says yes to everything. The boundary is
# x1 + x2 - 0.5 = 0. The epoch in the order 3, 4, 1, 2 leaves w = (1, 1), b = 1; then b falls to 0 and nothing changes.
# %%
for b in (0.5, -0.5):
    print("bias", b, "answers", perceptron.perceptron_output(corners, np.ones(2), b, step=True).tolist())
slope, intercept = linear.boundary_line(torch.ones(2), torch.tensor(-0.5))
print(f"boundary: x2 = {float(slope)} x1 + {float(intercept)}")
run = perceptron.perceptron_epochs(corners, [0, 1, 1, 1], orders=[[2, 3, 0, 1]] * 5)
for i, (w, b, n) in enumerate(run.epochs, 1):
    print(f"epoch {i}: w {w}, b {b}, {n} changes")
assert (run.epochs[0][0].tolist(), run.epochs[0][1], run.b) == ([1.0, 1.0], 1.0, 0.0)
assert np.isclose(float(slope), -1)
assert np.isclose(float(intercept), 0.5)

# %% [markdown]
# ## A boundary read off a drawing
# Exercise 4:Ex1.3
#
# The drawing's weights are lost, so here is the way back: from two points on the line, w is at a right angle to their
# difference, and b puts the line through one of them. The line through (0, 2) and (1, 0) is 2 a + b - 2 = 0.
# %%
p, q = np.array([0.0, 2.0]), np.array([1.0, 0.0])
w = np.array([p[1] - q[1], q[0] - p[0]])
b = -w @ p
print("w", w, "b", b)
distance = linear.boundary_distance(
    torch.tensor(np.array([p, q, [2.0, 2.0]])), weight=torch.tensor(w), bias=torch.tensor(b)
)
print("distances", distance.numpy().round(4))
assert np.allclose(distance[:2], 0)
assert perceptron.perceptron_output(np.array([[2.0, 2.0], [0.0, 0.0]]), w, b).tolist() == [1, -1]

# %% [markdown]
# ## The gradient of a sigmoid unit, filled in
# Exercise 4:Ex2.2
#
# OR from w = (0.2, 0.1), b = -0.1: the two slopes that are left blank are both -0.0591, because the errors of the rows
# in which they differ cancel. The text rounds w1 to 0.2058; it is 0.20575.
# %%
start = np.array([[0.2], [0.1]]), np.array([-0.1])
point = regression.sigmoid_squared_point(corners, np.array([[0], [1], [1], [1.0]]), *start)
print("by w", (point.by_w / 2).ravel().round(6), "by b", (point.by_b / 2).round(6))  # the course leaves out the 2
w, b = start[0] - 0.1 * point.by_w / 2, start[1] - 0.1 * point.by_b / 2
print("after the step", w.ravel().round(6), b.round(6))
assert np.allclose(w.ravel(), [0.205747, 0.105911], atol=1e-6)
