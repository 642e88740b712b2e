"""Maps from a classifier's scores to probabilities that say how often: temperature, Platt's sigmoid, isotonic steps.

NumPy in, NumPy out; each is fitted on rows that the classifier was not trained on.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError

Floats = np.ndarray
LOG_BOUND = 10.0  # temperatures from e^-10 to e^10
STEPS, ENOUGH = 100, 1e-12


def temperature(logits: ArrayLike, labels: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    """T with which softmax(logits / T) has the least negative log-likelihood; T > 1 where a net is over-confident.

        sum_i w_i (sum_k p_k z_ik - z_i,y_i) = 0 at p = softmax(z / T), which falls in T: one root

    logits (n, n_classes), labels (n,) class numbers. The likeliest class stays what it was. Kept within e^-10 and e^10,
    where rows that are all right (or no better than chance) have no root.

    Source: Guo et al. 2017, eq. 9.
    """
    from scipy.optimize import brentq

    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    w = np.ones(len(z)) if weight is None else np.asarray(weight, dtype=np.float64)
    own = np.take_along_axis(z, y[:, None], 1)[:, 0]

    def slope(log_beta: float) -> float:
        return float(w @ ((_softmax(np.exp(log_beta) * z) * z).sum(1) - own) / w.sum())

    if slope(-LOG_BOUND) >= 0:
        return float(np.exp(LOG_BOUND))
    if slope(LOG_BOUND) <= 0:
        return float(np.exp(-LOG_BOUND))
    return float(np.exp(-brentq(slope, -LOG_BOUND, LOG_BOUND, xtol=1e-13)))


def with_temperature(logits: ArrayLike, t: float) -> Floats:
    """softmax(logits / T), (n, n_classes)."""
    return _softmax(np.asarray(logits, dtype=np.float64) / t)


def platt(scores: ArrayLike, truth: ArrayLike, *, weight: ArrayLike | None = None) -> tuple[float, float]:
    """(a, b) with which sigmoid(a score + b) fits targets held a little off 0 and 1, by Newton's method.

        t = (n_1 + 1) / (n_1 + 2) for a positive row, 1 / (n_0 + 2) for a negative one

    scores (n,), truth (n,) of 0 and 1. Platt writes 1 / (1 + exp(A f + B)): A = -a, B = -b.

    Source: Platt 1999, section 2.2; Newton's method with a line search by Lin, Lin and Weng 2007.
    """
    f, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth) > 0
    w = np.ones(len(f)) if weight is None else np.asarray(weight, dtype=np.float64)
    n_1, n_0 = w[positive].sum(), w[~positive].sum()
    t = np.where(positive, (n_1 + 1) / (n_1 + 2), 1 / (n_0 + 2))
    scale = max(float(np.abs(f).max()), 1e-300)
    design = np.stack([f / scale, np.ones_like(f)], 1)
    found = np.array([0.0, np.log((n_1 + 1) / (n_0 + 1))])

    def loss(ab: Floats) -> float:
        z = design @ ab
        return float(w @ (np.logaddexp(0, z) - t * z))

    for _ in range(STEPS):
        p = _sigmoid(design @ found)
        gradient = design.T @ (w * (p - t))
        curvature = (design * (w * p * (1 - p))[:, None]).T @ design + ENOUGH * np.eye(2)
        move, size, before = np.linalg.solve(curvature, gradient), 1.0, loss(found)
        while loss(found - size * move) > before - 1e-4 * size * gradient @ move and size > 1e-10:
            size /= 2
        found = found - size * move
        if np.abs(gradient).max() < ENOUGH * w.sum():
            break
    return float(found[0] / scale), float(found[1])


def with_platt(scores: ArrayLike, a: float, b: float) -> Floats:
    """sigmoid(a score + b), (n,)."""
    return _sigmoid(a * np.asarray(scores, dtype=np.float64) + b)


def isotonic(scores: ArrayLike, truth: ArrayLike, *, weight: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Knots (x, y) of the rising function of the score nearest to the truth in squares: pool adjacent violators.

    Computed by scikit-learn. A thousand rows or so are needed: with few it fits their noise.

    Source: Ayer et al. 1955; Zadrozny and Elkan 2002.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(
        np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64), sample_weight=weight
    )
    return fitted.X_thresholds_, fitted.y_thresholds_


def with_isotonic(scores: ArrayLike, x: ArrayLike, y: ArrayLike) -> Floats:
    """The straight lines between the knots, level beyond them, (n,)."""
    return np.interp(np.asarray(scores, dtype=np.float64), np.asarray(x), np.asarray(y))


def log_odds(logits: ArrayLike) -> Floats:
    """log(p_k / (1 - p_k)) of every class (n, K) from logits (n, K): z_k - log sum of exp z_j over the others.

    A logit by itself says nothing of its class: all may be moved together. Of two classes (0, z) the second's is z.

    >>> log_odds([[0.0, 2.0], [1.0, 3.0]]).tolist()
    [[-2.0, 2.0], [-2.0, 2.0]]
    """
    z = np.asarray(logits, dtype=np.float64)
    alone = np.eye(z.shape[1], dtype=bool)
    return z - np.logaddexp.reduce(np.where(alone, -np.inf, z[:, None, :]), axis=2)


def one_against_rest(columns: ArrayLike) -> Floats:
    """Probabilities (n, K) from each class's own (n, K): divided by their sum; even where all are 0.

    >>> one_against_rest([[0.5, 0.5, 0.25], [0, 0, 0]]).round(3).tolist()
    [[0.4, 0.4, 0.2], [0.333, 0.333, 0.333]]
    """
    p = np.asarray(columns, dtype=np.float64)
    total = p.sum(1, keepdims=True)
    return np.divide(p, total, out=np.full_like(p, 1 / p.shape[1]), where=total > 0)


def check_both(truth: np.ndarray, what: str) -> None:
    """Refuses rows of one side alone."""
    if truth.all() or not truth.any():
        raise DataError(
            f"the rows to calibrate on hold {'only' if truth.all() else 'no'} {what}; give rows of each class"
        )


def _sigmoid(z: Floats) -> Floats:
    return (1 + np.tanh(z / 2)) / 2


def _softmax(z: Floats) -> Floats:
    return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
