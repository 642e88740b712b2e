"""An LSTM forecaster beside torch.nn.LSTM in a bare loop and beside Keras on JAX, smoothing beside statsmodels.

Ratios of ours to theirs within one run, interleaved: below 1 is faster. Windows of 100 steps, batches of 64, as many
threads as each takes by itself. Keras is compiled before it is timed, and left out where it is not installed.

python benchmarks/bench_forecast.py [--tiny]
"""

import argparse
import importlib.util
import os
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

import parnassus as pn
from parnassus.data.timeseries.synthetic_series import load_profile
from parnassus.functional import forecasting as F


def seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare_loop(y: np.ndarray, *, history: int, horizon: int, epochs: int, batch_size: int, hidden: int) -> None:
    """The same net, windows and optimizer by hand."""
    torch.manual_seed(0)
    X, Y = F.sliding_windows(y, history, horizon=horizon)
    mean, std = X.mean(1, keepdims=True), X.std(1, keepdims=True)
    x, t = (torch.from_numpy(((a - mean) / std).astype(np.float32)) for a in (X, Y))
    net, head = torch.nn.LSTM(1, hidden, batch_first=True), torch.nn.Linear(hidden, horizon)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-3, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            out, _ = net(x[index, :, None])
            (head(out[:, -1]) - t[index]).square().mean().backward()
            optimizer.step()


def keras_of(y: np.ndarray, *, history: int, horizon: int, epochs: int, batch_size: int, hidden: int) -> Callable:
    """The same net, windows and optimizer in Keras on JAX, compiled."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    X, Y = F.sliding_windows(y, history, horizon=horizon)
    mean, std = X.mean(1, keepdims=True), X.std(1, keepdims=True)
    x, t = ((X - mean) / std).astype(np.float32)[..., None], ((Y - mean) / std).astype(np.float32)
    net = keras.Sequential([keras.Input((history, 1)), keras.layers.LSTM(hidden), keras.layers.Dense(horizon)])
    net.compile("adam", "mse")

    def work() -> None:
        net.fit(x, t, batch_size=batch_size, epochs=epochs, verbose=0)

    work()
    return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    n_days, rounds = (6, 1) if tiny else (90, 5)
    y, pairs = load_profile(n_days), dict[str, list[float]]()
    plan = {"history": 24 if tiny else 100, "horizon": 24, "epochs": 2, "batch_size": 64}
    for hidden in (8,) if tiny else (128, 64):
        compare_nets(y, rounds, pairs, hidden=hidden, **plan)
    short = y[: 24 * 14] + 1
    for _ in range(rounds):
        ours = seconds(lambda: F.fit_smoothing(short, season=24, trend="add", seasonal="add"))
        pairs.setdefault("Holt-Winters / statsmodels", []).append(ours / seconds(lambda: statsmodels_of(short)))
    for name, ratios in pairs.items():
        print(f"{name}: {np.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"{torch.get_num_threads()} threads")


def compare_nets(y: np.ndarray, rounds: int, pairs: dict[str, list[float]], *, hidden: int, **plan: int) -> None:
    """Ours over each of the others, in turn."""
    name = f"LSTM forecaster of {hidden} units"
    peers = {"bare loop": lambda: bare_loop(y, hidden=hidden, **plan)}
    if importlib.util.find_spec("keras") is not None:
        peers["Keras on JAX"] = keras_of(y, hidden=hidden, **plan)
    for _ in range(rounds):
        model = pn.Forecaster(pn.model("lstm", hidden=hidden), progress=False, **plan)
        ours = seconds(lambda: model.fit(y))  # noqa: B023
        for peer, work in peers.items():
            pairs.setdefault(f"{name} / {peer}", []).append(ours / seconds(work))


def statsmodels_of(y: np.ndarray) -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ExponentialSmoothing(y, trend="add", seasonal="add", seasonal_periods=24).fit()


if __name__ == "__main__":
    main()
