# %% [markdown]
# # Initialisation and regularisation
#
# Where weights begin, and what keeps them from learning the noise.
# %%
from math import erfc

import matplotlib.pyplot as plt
import numpy as np
import torch
from _size import size
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.data import samples
from parnassus.functional import linear, regularization

# %% [markdown]
# ## Xavier's weights against others
# Exercise 2a:P2.2
#
# The 2-40-10-1 net on noisy XOR. Zeros keep all units of a layer alike for ever, so that the net is one unit wide; any
# draw is better, and in so shallow a net there is little between them. The book's "Xavier", 1 / sqrt(inputs), is
# LeCun's rule; Glorot's own counts the outputs too.
# %%
X, y = samples.xor_clusters(100, seed=1)
held = samples.xor_clusters(500, seed=2)
deep = pn.model("mlp", hidden=(40, 10), activation="sigmoid")
rules = {name: name for name in ("zeros", "lecun_normal", "glorot_uniform", "he_normal", "logistic_normal")}
rules["unit variance"] = pn.initializer("normal", std=1.0)
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
scores = {}
for name, rule in rules.items():
    clf = pn.Classifier(deep, epochs=size(40, 200), lr=0.03, init=rule).fit(X, y)
    scores[name] = clf.score(*held)
    ax.plot([h["loss"] for h in clf.history_], label=f"{name} {scores[name]:.3f}")
    print(f"{name:16} loss {clf.history_[-1]['loss']:.3f}, test accuracy {scores[name]:.3f}")
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()
assert scores["zeros"] < 0.75 < min(s for name, s in scores.items() if name != "zeros")
figure

# %% [markdown]
# ## The gap with L1 and L2
# Exercise 2a:P2.3
#
# Two Gaussians in 50 dimensions, of which one tells them apart, and 40 rows. Both penalties narrow the gap; L1, which
# can set weights to exactly 0, finds the one column. Too much of either forgets it.
# %%


def plane(x, t, kind, strength):
    if kind == "l2":
        return linear.ridge(x, t, l2=strength * len(x))[0].reshape(-1)
    w, rate = torch.zeros(x.shape[1]).double(), len(x) / torch.linalg.matrix_norm(x, 2) ** 2 / 2
    for _ in range(200):
        w = regularization.soft_threshold(w - rate * 2 / len(x) * x.T @ (x @ w - t[:, 0]), rate * strength)
    return w


generator, gaps = torch.Generator().manual_seed(0), {}
signs, mean = torch.tensor([[1.0], [-1.0]]).double().repeat(20, 1), torch.eye(50).double()[0] * 1.0
x = [signs * mean + 0.7 * torch.randn(40, 50, generator=generator).double() for _ in range(size(4, 40))]
for kind, strength in [("l2", 0.0), ("l2", 0.3), ("l2", 3.0), ("l1", 0.2), ("l1", 0.6), ("l1", 3.0)]:
    ws = [plane(part, signs, kind, strength) for part in x]
    inside = np.mean([((part @ w)[:, None] * signs <= 0).double().mean().item() for part, w in zip(x, ws, strict=True)])
    outside = np.mean([erfc(w[0] / (2**0.5 * 0.7 * w.norm().clamp(min=1e-12))) / 2 for w in ws])
    gaps[kind, strength] = outside - inside
    zeros = np.mean([(w == 0).sum().item() for w in ws])
    print(f"{kind} {strength}: training error {inside:.3f}, test error {outside:.3f}, {zeros:.0f} weights of 50 are 0")
assert gaps["l1", 0.6] < gaps["l2", 3.0] < gaps["l2", 0.0]

# %% [markdown]
# ## Regularisation of recurrent nets
# Exercise 2b:P5.9
#
# A recurrent net multiplies by one matrix at every step, so its weights are penalised once for all steps; dropout goes
# between layers and not from step to step, which would erase what is remembered; gates already hold the state steady.
# Stopping early and noise work as elsewhere.
# %%
noise = np.random.default_rng(0)
rows = noise.normal(size=(size(120, 400), 20, 2)).astype(np.float32)
answers = (rows[:, :, 0].sum(1) > 0).astype(int)
answers[: len(answers) // 8] ^= 1  # an eighth of the labels are wrong
cut = len(rows) // 2
for kind in ("rnn", "lstm", "gru"):
    plain = {"model": pn.model(kind, hidden=16)}
    cases = {"none": plain, "weight decay": plain | {"regularizers": {"l2": {"strength": 0.01}}},
             "dropout": {"model": pn.model(kind, hidden=16, n_layers=2, dropout=0.3)}}  # fmt: skip
    for name, setting in cases.items():
        clf = pn.Classifier(epochs=size(3, 40), lr=0.01, **setting).fit(rows[:cut], answers[:cut])
        inside, outside = clf.score(rows[:cut], answers[:cut]), clf.score(rows[cut:], answers[cut:])
        print(f"{kind:4} {name:12} training {inside:.2f}, test {outside:.2f}, gap {inside - outside:+.2f}")

# %% [markdown]
# ## Overfitting, and ten things to do about it
# Exercise 3:D6
#
# 150 digits and a net that can learn them by heart. Each remedy on its own, judged on pictures not seen. Noise is one
# kind of augmentation, not its other name; noise on inputs, labels, weights and gradients are four different things.
# %%
digits = load_digits()
order = noise.permutation(len(digits.target))
few, rest = order[:150], order[150 : size(450, None)]
X, y = (digits.images * 15).astype(np.uint8), digits.target
net = pn.model("mlp", hidden=(128, 128))
plain = {"model": net, "epochs": size(15, 80), "lr": 0.003, "batch_size": 32}
noises = ("input_noise", "label_noise", "weight_noise", "gradient_noise")
cases = {name: {"regularizers": name} for name in ("l1", "l2", *noises)}
cases |= {"none": {}, "dropout": {"model": pn.model("mlp", hidden=(128, 128), dropout=0.4)},
          "stopping": {"patience": 5}, "batch norm": {"model": pn.model("mlp", hidden=(128, 128), norm="batch")},
          "augmentation": {"codec": pn.Image(augment={"shift": 0.1, "rotate": 10})}}  # fmt: skip
scores = {}
for name, setting in cases.items():
    clf = pn.Classifier(**plain | setting).fit(X[few], y[few], validation=0.2 if name == "stopping" else None)
    scores[name] = clf.score(X[rest], y[rest])
many = pn.Bagging(pn.Classifier(**plain), n=size(2, 10)).fit(X[few], y[few])
scores["bagging"] = many.score(X[rest], y[rest])
print({name: round(score, 3) for name, score in sorted(scores.items(), key=lambda item: -item[1])})
assert min(scores.values()) > 0.5
print(pn.Classifier(**plain).fit(X[few], y[few], validation=0.3).diagnose(by_heart=False).fit)

# %% [markdown]
# ## Five initialisers, and gradients by depth
# Exercise 3:D7
#
# Variances of signals through twelve layers of 64 units, and of the first layer's slopes. He's rule keeps both for
# ReLU, Glorot's for tanh; small weights lose them, and then nothing is learnt. What the notes call Xavier, 1 / sqrt(n),
# is LeCun's rule.
# %%
from parnassus.layers.initialization import depth_study

kept = {}
for act in ("relu", "tanh"):
    for rule in (pn.initializer("normal", std=0.01), "lecun_normal", "glorot_normal", "he_normal", "orthogonal"):
        chosen = pn.initializer(rule) if isinstance(rule, str) else rule
        study = depth_study(chosen, activation=act, n_layers=12, width=64)
        signal = float(study.activation_variance[-1] / study.activation_variance[0])
        kept[act, chosen.name] = signal
        slope = float(study.gradient_variance[0])
        print(f"{act:5} {chosen.name:14} signal last over first {signal:.1e}, variance of first slopes {slope:.1e}")
assert kept["relu", "normal"] < 1e-20 < kept["relu", "lecun_normal"] < 0.01 < 0.1 < kept["relu", "he_normal"]
assert kept["tanh", "glorot_normal"] > 0.05
print("Glorot's deviation of a 40-10 layer:", round(pn.functional.initializers.glorot_std(40, 10), 4))
assert np.isclose(pn.functional.initializers.glorot_std(40, 10), 0.2)
