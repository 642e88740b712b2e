"""Precision, recall and F-beta from counts of hits and misses: the one place where these fractions are formed."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .inputs import Floats

Average = Literal["micro", "macro", "macro-of-means", "weighted"]


class Counts(NamedTuple):
    """Hits and misses of one class, or of many along the last axis; any axes before are independent cases."""

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats


class Scores(NamedTuple):
    """Precision, recall and F-beta."""

    precision: Floats
    recall: Floats
    f: Floats


def fraction(part: ArrayLike, whole: ArrayLike, zero_division: float = 0.0) -> Floats:
    """The fraction part / whole, and `zero_division` where both are zero."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), float(zero_division))
    return np.divide(part, whole, out=out, where=whole != 0)


def count_scores(
    tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, *, beta: float = 1.0, zero_division: float = 0.0
) -> Scores:
    """TP / (TP + FP), TP / (TP + FN), and (1 + b^2) TP / ((1 + b^2) TP + FP + b^2 FN), elementwise.

    `zero_division` (0, 1 or NaN) stands where a denominator is zero.

    Source: Hifny, eqs 5.18-5.20 (0:A5.8-A5.10); Baker, section 3.6.2 (1:A050-A052), whose count form of F-beta leaves
    out the b^2 before FN (F15): only F1 came out right.

    Systems: precision-recall-f

    >>> p, r, f2 = count_scores(40, 10, 20, beta=2)
    >>> print(f"{p:.2f} {r:.4f} {f2:.4f}")
    0.80 0.6667 0.6897
    """
    tp, fp, fn = (np.asarray(a, dtype=np.float64) for a in (tp, fp, fn))
    square = beta * beta
    return Scores(
        fraction(tp, tp + fp, zero_division),
        fraction(tp, tp + fn, zero_division),
        fraction((1 + square) * tp, (1 + square) * tp + fp + square * fn, zero_division),
    )


def harmonic_f(precision: ArrayLike, recall: ArrayLike, *, beta: float = 1.0) -> Floats:
    """F-beta of a precision and a recall, (1 + b^2) P R / (b^2 P + R); zero where both are zero.

    >>> print(f"{harmonic_f(0.8, 0.82):.4f}")
    0.8099
    """
    precision, recall = np.asarray(precision, dtype=np.float64), np.asarray(recall, dtype=np.float64)
    square = beta * beta
    return fraction((1 + square) * precision * recall, square * precision + recall)


def averaged_scores(
    tp: ArrayLike,
    fp: ArrayLike,
    fn: ArrayLike,
    *,
    average: Average,
    beta: float = 1.0,
    zero_division: float = 0.0,
) -> Scores:
    """Precision, recall and F-beta averaged over the last axis (the classes or labels).

    "micro" pools the counts; "macro" is the mean of each score over the classes; "weighted" is that mean weighted by
    the classes' true rows; "macro-of-means" has macro precision and recall, and as F their harmonic mean, which is
    another number than the mean of the classes' F. With `zero_division=nan`, undefined classes stay out of the means.

    Source: Hifny, eqs 7.4-7.11 (0:A7.4, A7.5; its micro F1 of .762 is .763, F16); Baker, section 3.6.2 (1:A055), whose
    macro precision divides the micro one by K (F16) and who names one "average F" where there are two (F17).

    Systems: averaged-f1
    """
    tp, fp, fn = (np.asarray(a, dtype=np.float64) for a in (tp, fp, fn))
    if average == "micro":
        return count_scores(tp.sum(-1), fp.sum(-1), fn.sum(-1), beta=beta, zero_division=zero_division)
    scores = count_scores(tp, fp, fn, beta=beta, zero_division=zero_division)
    rows = tp + fn if average == "weighted" else np.ones_like(tp)
    means = Scores(*(_mean(s, rows, zero_division) for s in scores))
    if average == "macro-of-means":
        return means._replace(f=harmonic_f(means.precision, means.recall, beta=beta))
    return means


def _mean(scores: Floats, rows: Floats, zero_division: float) -> Floats:
    rows = np.where(np.isnan(scores), 0.0, rows)
    return fraction((np.nan_to_num(scores) * rows).sum(-1), rows.sum(-1), zero_division)
