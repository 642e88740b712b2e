"""What every metric asks of its arrays: equal shapes, weights of one number a row, classes by number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def paired(y_true: ArrayLike, y_pred: ArrayLike, *, what: str = "y_pred") -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one shape; NumPy would broadcast (n,) against (n, 1) to n * n comparisons without a word."""
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    if true.shape != pred.shape:
        raise DataError(
            f"y_true has shape {true.shape} and {what} has shape {pred.shape}; "
            f"give arrays of one shape, one entry a row"
        )
    if not true.size:
        raise DataError("y_true is empty; a metric needs one row at least")
    return true, pred


def row_weights(sample_weight: ArrayLike | None, n_rows: int) -> Floats:
    """One float64 weight a row, ones where none are given."""
    if sample_weight is None:
        return np.ones(n_rows)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise DataError(f"sample_weight has shape {weight.shape}; expected one weight for each of {n_rows} rows")
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
        raise DataError("sample_weight must be finite, not negative, and above zero for one row at least")
    return weight


def weight_by(place: Integers, weight: ArrayLike, n_places: int) -> Floats:
    """The sum of the weights at every place, (n_places,)."""
    return np.bincount(place, weights=np.asarray(weight, dtype=np.float64), minlength=n_places).astype(np.float64)


def indicator(y_true: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    """Truth as booleans beside float64 scores; only 0/1 or False/True are taken for truth."""
    true, scores = paired(y_true, score, what="score")
    if true.dtype.kind != "b" and not np.isin(true, (0, 1)).all():
        found = ", ".join(map(repr, np.unique(true)[:5].tolist()))
        raise DataError(f"y_true holds {found}; expected 0 and 1 (compare with the positive class first: y == 'yes')")
    scores = scores.astype(np.float64, copy=False)
    if np.isnan(scores).any():
        raise DataError(f"score holds NaN, first in row {int(np.isnan(scores).argmax())}; it cannot be ranked")
    return true.astype(bool, copy=False), scores


def coded(
    y_true: ArrayLike, y_pred: ArrayLike, labels: Sequence | NDArray | None = None
) -> tuple[np.ndarray, Integers, Integers]:
    """Classes, and both arrays as places in them.

    Without `labels` the classes are the sorted values found in either array; with them their order is kept, and a
    value that is not among them is refused.
    """
    true, pred = paired(y_true, y_pred)
    both = np.concatenate((true.ravel(), pred.ravel()))
    found, inverse = _distinct(both)
    if labels is None:
        return found, inverse[: true.size], inverse[true.size :]
    classes = np.asarray(labels)
    order = np.argsort(classes)
    place = np.searchsorted(classes, found, sorter=order).clip(max=len(classes) - 1)
    place = order[place]
    strange = found[classes[place] != found]
    if len(strange):
        raise DataError(f"the values {strange[:5].tolist()} are not among the labels {classes.tolist()}; add them")
    inverse = place[inverse]
    return classes, inverse[: true.size], inverse[true.size :]


def _distinct(values: np.ndarray) -> tuple[np.ndarray, Integers]:
    """What np.unique finds, by counting instead of sorting where the values are small whole numbers."""
    if values.dtype.kind not in "biu" or values.min() < 0 or values.max() > len(values):
        return np.unique(values, return_inverse=True)
    places = values.astype(np.intp, copy=False)
    present = np.bincount(places) > 0
    return np.flatnonzero(present).astype(values.dtype), (np.cumsum(present) - 1)[places]


def class_scores(y_true: ArrayLike, scores: ArrayLike, labels: Sequence | None = None) -> tuple[Integers, Floats]:
    """Truth as column numbers beside a matrix of scores (n, K); columns follow `labels` (0..K-1 when not given)."""
    matrix = np.asarray(scores, dtype=np.float64)
    true = np.asarray(y_true)
    if matrix.ndim != 2 or true.shape != matrix.shape[:1] or not true.size:
        raise DataError(
            f"y_true has shape {true.shape} and the scores {matrix.shape}; expected (n,) and (n, n_classes), n above 0"
        )
    columns = np.arange(matrix.shape[1]) if labels is None else np.asarray(labels)
    if len(columns) != matrix.shape[1]:
        raise DataError(f"there are {len(columns)} labels for {matrix.shape[1]} columns of scores; give one a column")
    return coded(true, true, columns)[1], matrix
