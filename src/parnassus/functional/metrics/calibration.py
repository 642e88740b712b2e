"""Metrics of probabilities: do they say how often, and how far are they from what happened."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .counts import fraction
from .inputs import Floats, Integers, class_scores, indicator, row_weights, weight_by


class Reliability(NamedTuple):
    """Per bin of probability: the mean probability, the share that came true, and the weight of its rows."""

    edges: Floats
    probability: Floats
    frequency: Floats
    weight: Floats


def brier(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    labels: Sequence | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean squared distance between probabilities and what happened; 0 is best.

    Two classes, probability (n,) of the positive one: mean (p - y)^2, from 0 to 1. Matrix (n, n_classes): the squares
    are summed over the classes, from 0 to 2, so that a matrix of two columns gives twice the other form.

    Source: Brier (1950).

    >>> brier([1, 0], [0.8, 0.4])
    0.1
    """
    if np.ndim(probability) == 2:
        true, matrix = class_scores(y_true, probability, labels)
        squares = ((matrix - np.eye(matrix.shape[1])[true]) ** 2).sum(1)
        return float(np.average(squares, weights=row_weights(sample_weight, len(true))))
    truth, p = binary_probability(y_true, probability)
    return float(np.average((p - truth) ** 2, weights=row_weights(sample_weight, len(truth))))


def log_loss(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    labels: Sequence | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean of -log p(true class), in nats.

    Probability is (n,) of the positive class with y_true of 0 and 1, or (n, n_classes). A probability of 0 for what
    happened counts as 2.2e-16 (36 nats), as in scikit-learn, so that one row does not make the mean infinite.

    >>> round(log_loss([1, 0], [0.8, 0.4]), 6)
    0.366985
    """
    if np.ndim(probability) == 2:
        true, matrix = class_scores(y_true, probability, labels)
    else:
        truth, p = binary_probability(y_true, probability)
        true, matrix = truth.astype(np.intp), np.stack((1 - p, p), 1)
    own = np.take_along_axis(matrix, true[:, None], axis=1)[:, 0]
    return float(np.average(surprise(own), weights=row_weights(sample_weight, len(true))))


def surprise(probability: Floats) -> Floats:
    """-log p, with p kept between 2.2e-16 and 1 - 2.2e-16."""
    eps = np.finfo(np.float64).eps
    return -np.log(np.clip(probability, eps, 1 - eps))


def reliability_curve(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    sample_weight: ArrayLike | None = None,
) -> Reliability:
    """How often it happened against how probable it was said to be, in bins; empty bins are left out.

    y_true is 0/1 and probability (n,). For several classes give the confidence (the largest probability) and whether
    that class was right. "uniform" bins have equal width, "quantile" bins an equal number of rows.

    Source: DeGroot and Fienberg (1983).
    """
    truth, p = binary_probability(y_true, probability)
    weight = row_weights(sample_weight, len(truth))
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.unique(np.quantile(p, edges))
    place = bin_places(p, edges)
    n_places = max(len(edges) - 1, 1)
    sums = [weight_by(place, w, n_places) for w in (weight, weight * p, weight * truth)]
    filled = sums[0] > 0
    mass, said, came = (s[filled] for s in sums)
    return Reliability(edges, said / mass, came / mass, mass)


def bin_places(probability: Floats, edges: Floats) -> Integers:
    """The bin of each probability: bins are (low, high], the first one closed on both sides."""
    return np.searchsorted(edges[1:-1], probability, side="left")


def expected_calibration_error(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    n_bins: int = 10,
    labels: Sequence | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The mean distance between said and true frequency over bins of equal width, weighted by rows; 0 is best.

    Probability (n,) of the positive class is binned as it is; of a matrix (n, n_classes) the largest entry of a row is
    binned and compared with how often that class was right. The number depends on `n_bins`, and is never negative, so
    that few rows make it larger.

    Source: Naeini, Cooper and Hauskrecht (2015); Guo et al. (2017), eq 3.

    >>> round(expected_calibration_error([1, 0, 1, 1], [0.9, 0.1, 0.8, 0.8], n_bins=2), 4)
    0.15
    """
    if np.ndim(probability) == 2:
        true, matrix = class_scores(y_true, probability, labels)
        best = matrix.argmax(1)
        truth, p = best == true, np.take_along_axis(matrix, best[:, None], axis=1)[:, 0]
    else:
        truth, p = binary_probability(y_true, probability)
    weight = row_weights(sample_weight, len(truth))
    gap = np.bincount(bin_places(p, np.linspace(0, 1, n_bins + 1)), weights=weight * (p - truth))
    return float(fraction(np.abs(gap).sum(), weight.sum()))


def binary_probability(y_true: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, Floats]:
    """Truth as booleans and probabilities between 0 and 1; anything else is refused."""
    truth, p = indicator(y_true, probability)
    if p.min() < 0 or p.max() > 1:
        raise DataError(
            f"probability runs from {p.min():.4g} to {p.max():.4g}; expected 0 to 1 "
            f"(a logit goes through a sigmoid first)"
        )
    return truth, p
