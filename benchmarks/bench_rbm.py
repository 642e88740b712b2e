"""An epoch of contrastive divergence on 10,000 x 784 with 256 hidden units, beside scikit-learn's persistent one.

python benchmarks/bench_rbm.py [--rows 10000] [--repeats 5]
"""

import argparse
import statistics
import time

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM

import parnassus as pn


def seconds(run) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    X = (np.random.default_rng(0).random((given.rows, 784)) < 0.2).astype(np.float32)
    codec = pn.Table(scaling="none")

    def ours(epochs: int) -> float:
        net = pn.RBM(n_components=256, batch_size=64, epochs=epochs, codec=codec)
        net.fit(X)
        return net.seconds_

    theirs = BernoulliRBM(256, batch_size=64, n_iter=1, random_state=0)
    ours(1)
    rates: dict[str, list[float]] = {"parnassus": [], "scikit-learn": []}
    for _ in range(given.repeats):
        rates["parnassus"].append((ours(4) - ours(1)) / 3)
        rates["scikit-learn"].append(seconds(lambda: theirs.fit(X)))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, value in medians.items():
        print(f"{name:<13} {value:.3f} s an epoch")
    print(f"scikit-learn takes {medians['scikit-learn'] / medians['parnassus']:.2f} times as long; ", end="")
    print(f"{torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
