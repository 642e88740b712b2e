"""Metrics of several labels a row: y_true and y_pred are (n, L) of 0 and 1."""

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .counts import Average, Counts, Scores, averaged_scores, count_scores
from .inputs import paired, row_weights


def label_counts(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Counts:
    """TP, FP, FN and TN of every label, each (L,)."""
    true, pred = _indicators(y_true, y_pred)
    weight = row_weights(sample_weight, len(true))
    return Counts(weight @ (true & pred), weight @ (~true & pred), weight @ (true & ~pred), weight @ ~(true | pred))


def exact_match(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The share of rows with every label right."""
    true, pred = _indicators(y_true, y_pred)
    return float(np.average((true == pred).all(1), weights=row_weights(sample_weight, len(true))))


def hamming_loss(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The share of all n * L decisions that are wrong."""
    true, pred = _indicators(y_true, y_pred)
    return float(np.average((true != pred).mean(1), weights=row_weights(sample_weight, len(true))))


def label_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    beta: float = 1.0,
    average: Average | None = None,
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> Scores:
    """Precision, recall and F-beta of every label (average None), or averaged as in `averaged_scores`.

    Source: Hifny, section 7.3 (0:A7.4, A7.5).

    Systems: averaged-f1

    >>> label_scores([[1, 0], [1, 1]], [[1, 1], [0, 1]], average="micro").f.round(4).item()
    0.6667
    """
    tp, fp, fn, _ = label_counts(y_true, y_pred, sample_weight=sample_weight)
    if average is None:
        return count_scores(tp, fp, fn, beta=beta, zero_division=zero_division)
    return averaged_scores(tp, fp, fn, average=average, beta=beta, zero_division=zero_division)


def _indicators(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    true, pred = paired(y_true, y_pred)
    for name, values in (("y_true", true), ("y_pred", pred)):
        if values.ndim != 2 or (values.dtype.kind != "b" and not np.isin(values, (0, 1)).all()):
            shape = f"{name} of shape {values.shape}"
            raise DataError(f"{shape} is no matrix (n, n_labels) of 0 and 1; threshold scores first")
    return true.astype(bool, copy=False), pred.astype(bool, copy=False)
