"""Digits in parts for who makes pictures and who judges them, and what a judge says of pictures that were made."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from ..data.book_sets import BookSet
from ..data.detection.scenes import enlarged
from ..errors import DataWarning
from ..estimators.classifier import Classifier
from ..functional.metrics.generation import frechet_between, inception_score
from . import Size
from .digit_sets import digits_of


class Parts(NamedTuple):
    """Pictures and labels: to make others like them, to teach a judge, and for nobody but the comparison; the set."""

    name: str
    X: np.ndarray
    y: np.ndarray
    judging: tuple[np.ndarray, np.ndarray]
    held: tuple[np.ndarray, np.ndarray]


def digits_in_parts(data: BookSet | None, size: Size, *, side: int = 16) -> Parts:
    """MNIST as it is, or scikit-learn's digits in 1,000, 398 and 399, enlarged to side x side pixels."""
    counts = {"n_train": 80, "n_test": 60} if size == "tiny" else {"n_train": 1000, "n_test": 797}
    digits = digits_of(data, **(counts if data is None or size == "tiny" else {"most": 6000}))
    pictures = [p if p.shape[1] >= side else wider(p, side) for p in (digits.X, digits.X_test)]
    cut = len(digits.y_test) // 2
    held = pictures[1][cut:], digits.y_test[cut:]
    name = digits.name if digits.X.shape[1] >= side else f"{digits.name}, enlarged to {side} x {side}"
    return Parts(name, pictures[0], digits.y, (pictures[1][:cut], digits.y_test[:cut]), held)


def wider(pictures: np.ndarray, side: int) -> np.ndarray:
    """Pictures (n, h, h) uint8 as (n, side, side), smooth."""
    return np.stack([np.rint(255 * enlarged(p / 255, side)) for p in pictures]).astype(np.uint8)


@contextmanager
def unwarned() -> Iterator[None]:
    """Without warnings of a generator that has collapsed: where the table shows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


class Judge:
    """A classifier of real pictures that says what made ones are, and in whose features they are near real ones."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, *, epochs: int) -> None:
        self.net = Classifier("cnn", epochs=epochs, seed=0, progress=False).fit(pictures, labels)

    def sureness(self, pictures: np.ndarray) -> float:
        """The mean probability of the likeliest class."""
        return float(self.net.predict_proba(pictures).max(1).mean())

    def shares(self, pictures: np.ndarray) -> np.ndarray:
        """How much of the pictures each class has, as the judge sees them."""
        said, classes = self.net.predict(pictures), self.net.classes_
        return np.array([(said == c).mean() for c in classes])

    def agrees(self, pictures: np.ndarray, asked: np.ndarray) -> float:
        """The share of pictures that are seen as what was asked for."""
        return float((self.net.predict(pictures) == asked).mean())

    def score(self, pictures: np.ndarray) -> float:
        """Inception score by this judge's classes, from 1 to their number."""
        return inception_score(torch.from_numpy(self.net.predict_proba(pictures)))

    def apart(self, real: np.ndarray, made: np.ndarray) -> float:
        """The squared Frechet distance of the judge's features of as many real and made pictures."""
        n = min(len(real), len(made))
        return frechet_between(*(np.asarray(self.net.features(p[:n])) for p in (real, made)))
