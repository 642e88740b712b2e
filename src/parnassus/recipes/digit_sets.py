"""Handwritten digits for recipes: MNIST where it is on disk, else the 8 x 8 ones that scikit-learn ships."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from ..data.book_sets import BookSet


@dataclass(frozen=True)
class Digits:
    """Pictures (n, height, width) uint8 and what they show, for training and for testing, and what set they are of."""

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures as rows of numbers from 0 to 1, training and test, without pixels that training has in one shade."""
        varies = np.ptp(self.X.reshape(len(self.X), -1), axis=0) > 0
        train, test = (x.reshape(len(x), -1)[:, varies] / 255 for x in (self.X, self.X_test))
        return train.astype(np.float32), test.astype(np.float32)


def digits_of(data: BookSet | None, *, n_train: int = 1400, n_test: int = 397, most: int = 10_000) -> Digits:
    """At most so many digits, drawn with seed 0; of MNIST at most `most` in place of scikit-learn's 1,400."""
    if data is None:
        found = load_digits()
        pictures = (found.images * 255 / 16).round().astype(np.uint8)
        order = np.random.default_rng(0).permutation(len(pictures))
        train, test = order[:n_train], order[n_train : n_train + n_test]
        parts = pictures[train], found.target[train], pictures[test], found.target[test]
        return Digits("8 x 8 digits of scikit-learn", *parts)
    wanted = most if n_train >= 1400 else n_train
    rng = np.random.default_rng(0)
    train = rng.permutation(len(data.X))[:wanted]
    test = rng.permutation(len(data.X_test))[: wanted if n_train >= 1400 else n_test]
    return Digits("MNIST", data.X[train], data.y[train], data.X_test[test], data.y_test[test])
