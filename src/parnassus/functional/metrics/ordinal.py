"""Metrics of ordered classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .inputs import row_weights


def rank_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, order: Sequence, sample_weight: ArrayLike | None = None
) -> float:
    """The mean number of classes between answer and truth; `order` names the classes, lowest first.

    >>> rank_error(["low", "top", "mid"], ["low", "low", "top"], order=["low", "mid", "top"])
    1.0
    """
    rank = {label: i for i, label in enumerate(order)}
    sides = [np.asarray(side).tolist() for side in (y_true, y_pred)]
    lost = [label for side in sides for label in side if label not in rank]
    if lost:
        raise DataError(f"{lost[0]!r} is not in the order {list(order)}; name every class, lowest first")
    true, pred = ([rank[label] for label in side] for side in sides)
    return float(np.average(np.abs(np.subtract(true, pred)), weights=row_weights(sample_weight, len(true))))
