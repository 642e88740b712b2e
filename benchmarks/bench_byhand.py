"""An epoch of a dense classifier in NumPy by hand (`parnassus.byhand.epoch`) against scikit-learn's MLPClassifier.

Both: ReLU, softmax, Adam, float32, the same batches in a shuffled order, no penalty.
"""

import functools
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from harness import arguments, compare, installed
from parnassus.byhand.epoch import DenseTrainer

WORKLOADS = {
    "digits 64-64-10, batch 64": (64, (64,), 10, 64, 1797),
    "30-128-128-2, batch 128": (30, (128, 128), 2, 128, 4000),
    "784-128-64-10, batch 200": (784, (128, 64), 10, 200, 6000),
}


def rows(n_features: int, n_classes: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    if n_features == 64:
        x, y = load_digits(return_X_y=True)
        return (x / 16).astype(np.float32), y
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, n_features)).astype(np.float32), rng.integers(0, n_classes, n)


def scikit_epoch(peer: Any, x: np.ndarray, y: np.ndarray) -> None:
    peer.partial_fit(x, y)


if __name__ == "__main__":
    args = arguments()
    for name, (n_features, hidden, n_classes, batch_size, n) in WORKLOADS.items():
        x, y = rows(n_features, n_classes, n)
        trainer = DenseTrainer((n_features, *hidden, n_classes), batch_size=batch_size)
        works = {"parnassus byhand": functools.partial(trainer.epoch, x, y)}
        if installed("sklearn"):
            from sklearn.neural_network import MLPClassifier

            peer = MLPClassifier(hidden, batch_size=batch_size, alpha=0, random_state=0)
            peer.partial_fit(x, y, classes=np.unique(y))
            works["scikit-learn"] = functools.partial(scikit_epoch, peer, x, y)
        compare(name, works, ours="parnassus byhand", args=args)
