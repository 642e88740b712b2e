"""Metrics of an order: what share of positive rows is scored above negative ones, at any or every threshold."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .inputs import Floats, class_scores, indicator, row_weights


class RocCurve(NamedTuple):
    """False and true positive rates, rising from (0, 0) to (1, 1), at thresholds that fall from infinity."""

    fpr: Floats
    tpr: Floats
    thresholds: Floats


class PrCurve(NamedTuple):
    """Precision and recall at rising thresholds (rule: score >= threshold), closed by the point (1, 0)."""

    precision: Floats
    recall: Floats
    thresholds: Floats


def cumulative_hits(y_true: ArrayLike, score: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Floats, ...]:
    """Weight of true and of false positives at each distinct score, from the highest down, and those scores."""
    true, scores = indicator(y_true, score)
    weight = row_weights(sample_weight, len(true))
    order = np.argsort(-scores, kind="stable")
    scores, true, weight = scores[order], true[order], weight[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    return np.cumsum(weight * true)[last], np.cumsum(weight * ~true)[last], scores[last]


def roc_curve(y_true: ArrayLike, score: ArrayLike, *, sample_weight: ArrayLike | None = None) -> RocCurve:
    """The share of positives found against the share of negatives let through, at every distinct score.

    y_true holds 0 and 1; a row is called positive when score >= threshold. Thresholds are the scores themselves: on a
    grid such as linspace(0, 1, 11) the value .3 is .30000000000000004, and a score of .3 falls below it.

    Source: Hifny, eqs 5.21-5.22 (0:A5.11), Listing 5.1 (its rule >=, its text >); Baker, section 3.6.2 (1:A053).

    Systems: roc-curve

    >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.fpr.tolist(), curve.tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    tp, fp, thresholds = cumulative_hits(y_true, score, sample_weight)
    if not (tp[-1] > 0 and fp[-1] > 0):
        raise DataError(f"all rows are {'negative' if tp[-1] == 0 else 'positive'}; a ROC curve needs both classes")
    return RocCurve(np.append(0, fp) / fp[-1], np.append(0, tp) / tp[-1], np.append(np.inf, thresholds))


def roc_auc(
    y_true: ArrayLike, score: ArrayLike, *, labels: Sequence | None = None, sample_weight: ArrayLike | None = None
) -> float:
    """The chance that a positive row is scored above a negative one, ties counting half: the area under the ROC curve.

    With scores (n, n_classes), the mean over classes of each class against the rest; classes without a row, and one
    that has every row, are left out. 1 is perfect, .5 chance; below .5 the scores are worth inverting.

    Source: Hifny, eq 5.23 (0:A5.12; its listing integrates with FPR falling and gets -1.0 for 1.0, F12); Baker,
    section 3.6.2 (1:A054).

    Systems: roc-curve

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    if np.ndim(score) == 2:
        return _macro(roc_auc, y_true, score, labels, sample_weight)
    curve = roc_curve(y_true, score, sample_weight=sample_weight)
    return float(np.trapezoid(curve.tpr, curve.fpr))


def pr_curve(y_true: ArrayLike, score: ArrayLike, *, sample_weight: ArrayLike | None = None) -> PrCurve:
    """Precision and recall at every distinct score; says more than the ROC curve when positives are rare.

    Source: named by Hifny (0:A5.13) for imbalanced data.

    Systems: pr-auc
    """
    tp, fp, thresholds = cumulative_hits(y_true, score, sample_weight)
    if not tp[-1] > 0:
        raise DataError("no row is positive; a precision-recall curve needs positive rows")
    return PrCurve(np.append((tp / (tp + fp))[::-1], 1.0), np.append((tp / tp[-1])[::-1], 0.0), thresholds[::-1])


def average_precision(
    y_true: ArrayLike, score: ArrayLike, *, labels: Sequence | None = None, sample_weight: ArrayLike | None = None
) -> float:
    """The area under the precision-recall curve as steps: sum (R_n - R_{n-1}) P_n.

    The share of positives is what a score without information reaches. With scores (n, n_classes), the mean over
    classes that have rows.

    Systems: pr-auc
    """
    if np.ndim(score) == 2:
        return _macro(average_precision, y_true, score, labels, sample_weight)
    curve = pr_curve(y_true, score, sample_weight=sample_weight)
    return float(-np.sum(np.diff(curve.recall) * curve.precision[:-1]))


def pr_auc(y_true: ArrayLike, score: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The area under the precision-recall curve by trapezoids; lines between its points promise too much.

    `average_precision` does not interpolate, and is the one to report.

    Systems: pr-auc
    """
    curve = pr_curve(y_true, score, sample_weight=sample_weight)
    return float(-np.trapezoid(curve.precision, curve.recall))


def _macro(
    metric: Callable[..., float],
    y_true: ArrayLike,
    score: ArrayLike,
    labels: Sequence | None,
    weight: ArrayLike | None,
) -> float:
    true, matrix = class_scores(y_true, score, labels)
    present: NDArray[np.intp] = np.unique(true)
    if len(present) < 2:
        raise DataError("y_true holds one class only; comparing classes needs two at least")
    return float(np.mean([metric(true == c, matrix[:, c], sample_weight=weight) for c in present]))
