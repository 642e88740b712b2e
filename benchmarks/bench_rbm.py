"""An epoch of contrastive divergence on 10,000 x 784 units of 0 and 1, 256 hidden, beside scikit-learn and a bare loop.

    python benchmarks/bench_rbm.py [--rows 10000] [--repeats 5] [--density 0.2]

All compute in float32; scikit-learn, whose divergence is the persistent one of as many products, also as it computes
where it is given float64. The bare loop is torch alone: products into buffers, units by comparing with uniform numbers,
the slopes added to the weights at once, without momentum, losses or an order of rows. A product with zeros and ones is
a sum of rows here, so that the time depends on the share of units that are on (`--density`).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM

import parnassus as pn

BATCH, HIDDEN = 64, 256


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def ours(X: np.ndarray) -> Callable[[], float]:
    def fit(epochs: int) -> float:
        net = pn.RBM(n_components=HIDDEN, batch_size=BATCH, epochs=epochs, codec=pn.Table(scaling="none"))
        net.fit(X)
        return net.seconds_

    fit(1)
    return lambda: (fit(4) - fit(1)) / 3


def bare_loop(X: np.ndarray) -> Callable[[], float]:
    rows, d, lr = torch.from_numpy(X), X.shape[1], 0.05 / BATCH
    w, b, c = 0.01 * torch.randn(d, HIDDEN), torch.zeros(d), torch.zeros(HIDDEN)
    h, units, h_again = (torch.empty(BATCH, HIDDEN) for _ in range(3))
    again, noise = (torch.empty(BATCH, d) for _ in range(2))

    def epoch() -> None:
        for at in range(0, len(rows) - BATCH + 1, BATCH):
            v = rows[at : at + BATCH]
            torch.addmm(c, v, w, out=h).sigmoid_()
            torch.lt(units.uniform_(), h, out=units)
            torch.addmm(b, units, w.T, out=again).sigmoid_()
            torch.lt(noise.uniform_(), again, out=again)
            torch.addmm(c, again, w, out=h_again).sigmoid_()
            w.addmm_(v.T, h, alpha=lr).addmm_(again.T, h_again, alpha=-lr)
            b.add_(v.sum(0) - again.sum(0), alpha=lr)
            c.add_(h.sum(0) - h_again.sum(0), alpha=lr)

    return lambda: seconds(epoch)


def scikit(X: np.ndarray) -> Callable[[], float]:
    theirs = BernoulliRBM(HIDDEN, batch_size=BATCH, n_iter=1, random_state=0)
    return lambda: seconds(lambda: theirs.fit(X))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--density", type=float, default=0.2, help="the share of units that are on")
    given = parser.parse_args()
    X = (np.random.default_rng(0).random((given.rows, 784)) < given.density).astype(np.float32)
    runs = {
        "parnassus": ours(X),
        "bare torch loop": bare_loop(X),
        "scikit-learn, float32": scikit(X),
        "scikit-learn, float64": scikit(X.astype(np.float64)),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(given.repeats):
        for name, run in runs.items():
            found[name].append(run())
    own = statistics.median(found["parnassus"])
    for name, values in found.items():
        median = statistics.median(values)
        print(f"{name:<22} {median:.3f} s an epoch, {median / own:.2f} times as long")
    print(f"{torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
