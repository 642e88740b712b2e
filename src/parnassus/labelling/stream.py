"""On-line learning: labelled rows that arrive one batch after another, each judged before it is learned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, SettingError


@dataclass(frozen=True)
class Followed:
    """How an estimator did on a stream: each batch was predicted first and learned then.

    n_rows and right (batches,): the rows of each batch after the first, and how many were answered right before they
    were learned. The first batch has no judge: nothing was learned yet.
    """

    estimator: Any
    n_rows: np.ndarray
    right: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of right answers over the whole stream, each given before its label was seen."""
        return float(self.right.sum() / self.n_rows.sum())

    def recent(self, n_batches: int = 10) -> np.ndarray:
        """That share over the last `n_batches` up to each batch, (batches,)."""
        right, rows = (np.cumsum(np.concatenate(([0.0], v))) for v in (self.right, self.n_rows))
        at = np.arange(1, len(right))
        start = np.maximum(at - n_batches, 0)
        return (right[at] - right[start]) / (rows[at] - rows[start])


def follow(estimator: Any, stream: Iterable[tuple[Any, Any]], *, classes: Sequence[Any] | None = None) -> Followed:
    """Learn a stream of (X, y) by `partial_fit`, batch by batch, predicting each batch before it is learned.

    Parameters
    ----------
    estimator : a classifier with `partial_fit`, of this library or in scikit-learn's manner; it is fitted here.
    stream : batches of rows and labels, in the order in which they arrive; an iterator is read once.
    classes : all labels that will come; needed where the first batch may lack one.

    Systems: online-learning
    Source: Baker, section 5.1 (1:A091): labelled rows arrive, the model is updated, and nobody is asked.
    """
    if not hasattr(estimator, "partial_fit"):
        raise SettingError(f"{type(estimator).__name__} has no partial_fit, and a stream is learned by nothing else")
    rows: list[int] = []
    right: list[int] = []
    learned = False
    for X, y in stream:
        y = np.asarray(y)
        if not len(y):
            raise DataError(f"batch {len(rows) + learned} of the stream is empty; leave it out")
        if learned:
            rows.append(len(y))
            right.append(int((np.asarray(estimator.predict(X)) == y).sum()))
            estimator.partial_fit(X, y)
        else:
            estimator.partial_fit(X, y, classes=np.unique(y) if classes is None else np.asarray(classes))
            learned = True
    if not rows:
        raise DataError("the stream ended before its second batch; there is nothing to judge by")
    return Followed(estimator, np.array(rows), np.array(right))
