# %% [markdown]
# # Time series
#
# What comes next, how sure one can be, and what is odd.
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _size import size

import parnassus as pn
from parnassus.functional import convolution
from parnassus.functional.forecasting import scores
from parnassus.recipes.forecasting import AIRLINE

rng = np.random.default_rng(0)
passengers = np.array(AIRLINE, float)

# %% [markdown]
# ## Which model for a sequence, and the ladder
# Exercise 1:D18
#
# Short series and few of them are for statistics; nets need many series or long ones. Whatever is chosen must beat the
# season before: a ladder from naive to deep, on months that none of them saw.
# %%
print("\n".join(str(pn.choose_forecaster(length=144, season=12)).splitlines()[:4]))
print("\n".join(str(pn.choose_sequence_model(length=64, n_rows=1000)).splitlines()[:4]))
errors = {}
for name in ("naive", "seasonal_naive", "holt_winters", "ridge", "gru"):
    deep = {"epochs": size(10, 150), "lr": 0.01} if name == "gru" else {}
    transform = "none" if name.endswith("naive") else "log"
    net = pn.model("gru", hidden=16) if name == "gru" else name
    model = pn.Forecaster(net, horizon=12, season=12, transform=transform, **deep).fit(passengers[:132])
    errors[name] = np.abs(np.asarray(model.predict(12)).ravel() - passengers[132:]).mean()
    print(f"{name:15} mean absolute error {errors[name]:6.1f}")
assert errors["holt_winters"] < errors["seasonal_naive"] < errors["naive"]

# %% [markdown]
# ## A number or a distribution, one model or one a series
# Exercise 1:D19
#
# A point forecast says nothing of its error; a distribution is judged by its coverage and its CRPS. A global model
# learns one rule from many series, which helps where each of them is short.
# %%
noise = rng.normal(10, 2, size(300, 1000))
net = pn.model("mlp", hidden=(8,))
short = {"horizon": 3, "history": 4, "epochs": size(20, 60)}
law = pn.Forecaster(net, distribution="gaussian", scaling="series", **short).fit(noise)
low, high = law.predict(quantiles=(0.1, 0.9)).mean(0)
print(f"80 % lie between {low:.1f} and {high:.1f}; truly between 7.4 and 12.6")
crps = float(np.mean(scores.crps_gaussian(noise, 10.0, 2.0)))
print(f"CRPS of the true law {crps:.3f}, of the true mean alone {np.abs(noise - 10).mean():.3f}")
t = np.arange(36)
many = [10 + 5 * np.sin(2 * np.pi * (t + k) / 12) + rng.normal(0, 1, 36) for k in range(20)]
frame = pd.concat([pd.DataFrame({"t": t, "who": str(k), "y": s}) for k, s in enumerate(many)])
short = {"horizon": 6, "history": 12}
together = pn.Forecaster("ridge", series="who", time="t", **short).fit(frame[frame["t"] < 24], target="y")
apart = [np.abs(pn.Forecaster("ridge", **short).fit(s[:24]).predict(6).ravel() - s[24:30]).mean() for s in many]
found = together.evaluate(frame[frame["t"].between(24, 29)])
print("error of the global model", round(found["mae"].value, 2), "of one a series", round(float(np.mean(apart)), 2))
assert found["mae"].value < np.mean(apart)

# %% [markdown]
# ## Why two directions leak in forecasting
# Exercise 1:D24
#
# A text is read when it is complete, so that both sides of a word are there; a forecast must not read what comes after
# it. A bidirectional net changes its answer at a step when later steps change; a causal convolution does not.
# %%
with torch.random.fork_rng():
    torch.manual_seed(0)
    nets = {name: torch.nn.GRU(1, 4, batch_first=True, bidirectional=name == "both") for name in ("onward", "both")}
x = torch.randn(1, 20, 1, generator=torch.Generator().manual_seed(1))
changed = x.clone()
changed[:, 15:] += 1
leaks = {}
with torch.no_grad():
    for name, net in nets.items():
        leaks[name] = float((net(x)[0] - net(changed)[0])[:, :15].abs().max())
    w = torch.ones(1, 1, 3)
    a, b = (convolution.causal(v.transpose(1, 2), w, dilation=2) for v in (x, changed))
    leaks["causal convolution"] = float((a - b)[..., :15].abs().max())
print({name: round(leak, 6) for name, leak in leaks.items()})
assert leaks["onward"] == leaks["causal convolution"] == 0 < leaks["both"]

# %% [markdown]
# ## Ten steps ahead, and how the error grows
# Exercise 2b:P5.1
#
# A sum of three waves. A net that says ten steps at once, and its squared error by step.
# %%
t = np.arange(size(400, 1500))
wave = np.sin(t / 7) + 0.5 * np.sin(t / 3 + 1) + 0.3 * np.sin(t / 17) + 0.05 * rng.normal(size=len(t))
cut = len(t) * 3 // 4
model = pn.Forecaster(pn.model("rnn", hidden=32), horizon=10, history=30, epochs=size(6, 60), lr=0.005).fit(wave[:cut])
found = model.backtest(size(3, 20), refit_every=100)
print(found)
print("mean squared error by step", np.round(found.squared_by_step, 4))
assert len(found.squared_by_step) == 10
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(range(1, 11), found.squared_by_step, marker="o")
ax.set(xlabel="steps ahead", ylabel="mean squared error")
figure

# %% [markdown]
# ## Prices from prices and volumes
# Exercise 2b:P5.8
#
# A made-up price whose daily changes lean on yesterday's volume. The net must beat "as today", which for prices is hard
# to beat; errors are told as RMSE, MAE and percent.
# %%
n = size(150, 1500)
volume = np.exp(0.3 * rng.normal(size=n)) * 1000
change = np.r_[0, 0.02 * np.log(volume[:-1] / 1000)] + 0.004 * rng.normal(size=n)
frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=n), "volume": volume})
frame["price"] = 100 * np.exp(change.cumsum())
net = pn.model("gru", hidden=16)
model = pn.Forecaster(net, horizon=1, history=10, past="volume", transform="log", epochs=size(15, 60), lr=0.01)
found = model.fit(frame, target="price").backtest(size(20, 40), refit_every=100)
plain = pn.Forecaster("naive", horizon=1).fit(frame["price"].to_numpy()).backtest(size(20, 40), refit_every=100)
for name in ("rmse", "mae", "mape"):
    print(f"{name:5} GRU {found[name]:.4f}, as today {plain[name]:.4f}")
assert size(True, found["mae"] < plain["mae"])

# %% [markdown]
# ## Odd heartbeats
# Exercise 2b:P5.10
#
# An LSTM autoencoder learns usual beats only; what it cannot rebuild is odd. The limit is a high quantile of the errors
# of usual beats; precision, recall and F1 on a mixed set. Made-up beats stand in for ECG5000.
# %%
at = np.linspace(0, 1, 40)


def beats(n, late):
    places = 0.5 + 0.02 * rng.normal(size=(n, 1)) + (0.2 if late else 0)
    return np.exp(-(((at - places) / 0.05) ** 2)) * (0.6 if late else 1) + 0.05 * rng.normal(size=(n, 40))


usual, mixed = beats(size(120, 600), late=False), np.vstack([beats(100, late=False), beats(30, late=True)])
truth = np.r_[np.zeros(100), np.ones(30)].astype(int)
coder = pn.Autoencoder(pn.model("lstm_ae", hidden=16), quantile=0.98, epochs=size(15, 100), lr=0.01)
coder.fit(usual[..., None])
odd = coder.is_anomaly(mixed[..., None])
said = odd.astype(int)
parts = pn.functional.metrics.precision(truth, said), pn.functional.metrics.recall(truth, said)
f1 = pn.functional.metrics.f_beta(truth, said)
print("precision, recall", np.round(parts, 3), "F1", round(float(f1), 3))
assert f1 > 0.6
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(at, mixed[[0, 1]].T, color="C0")
ax.plot(at, mixed[[-1, -2]].T, color="C1")
figure
