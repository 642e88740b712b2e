"""Labels that are probably wrong, found by what a model says of rows that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, SettingError
from ..estimators.judging.selection import cross_validate
from ..functional.metrics.inputs import class_scores


@dataclass(frozen=True)
class Mistakes:
    """Rows whose label is probably wrong, the surest first.

    Attributes
    ----------
    rows : their numbers; given, likely : the label that each has, and the one that the model holds for right.
    confidence : the probability of the given label, by row in `rows`: low is suspicious.
    joint : how many rows have given label i (down) and true label j (across), estimated, (classes, classes).
    """

    rows: np.ndarray
    given: list[Any]
    likely: list[Any]
    confidence: np.ndarray
    joint: np.ndarray
    classes: list[Any]
    n_rows: int

    @property
    def share(self) -> float:
        """The estimated share of wrong labels."""
        return 1 - float(np.trace(self.joint) / self.joint.sum())

    def __str__(self) -> str:
        lines = [f"{len(self.rows)} of {self.n_rows:,} labels are suspicious; estimated wrong: {self.share:.1%}"]
        for row, given, likely, p in list(zip(self.rows, self.given, self.likely, self.confidence, strict=True))[:10]:
            lines.append(f"  row {row}: {given!r} (probability {p:.3f}), likely {likely!r}")
        if len(self.rows) > 10:
            lines.append(f"  and {len(self.rows) - 10} more in rows")
        return "\n".join(lines)


def find_mistakes(
    estimator: Any, X: Any, y: Any = None, *, target: str | None = None, folds: Any = 5, seed: int = 0, **options: Any
) -> Mistakes:
    """Rows whose label a classifier, trained on other rows, does not believe: confident learning over folds.

    The settings are those of `pn.cross_validate`. The estimator stays unfitted.

    Source: Northcutt, Jiang and Chuang (2021), JAIR 70.
    """
    result = cross_validate(estimator, X, y, target=target, folds=folds, seed=seed, **options)
    said = result.predictions
    if said is None or said.ndim != 2:
        raise SettingError("mistakes are found by the probabilities of a classifier with one class a row")
    tested = np.sort(np.concatenate([test for _, test in result.splits[: len(result.splits)]]))
    if len(np.unique(tested)) < len(said):
        raise SettingError("some rows were in no test fold; give folds that test every row, such as folds=5")
    labels = result.estimators[0].classes_
    truth = _answers(X, y, target)
    return mistakes_in(truth, said, classes=labels)


def _answers(X: Any, y: Any, target: str | None) -> np.ndarray:
    from ..estimators.fitting.intake import examples_of

    return np.asarray(examples_of(X, y, target=target).y)


def mistakes_in(y: ArrayLike, probability: ArrayLike, *, classes: Sequence[Any] | None = None) -> Mistakes:
    """Rows whose label is probably wrong, from probabilities by a model that has not seen the row.

    A class's threshold t_j is the mean probability of j over the rows labelled j. A row counts as truly j when
    p_j is at least t_j, among several such classes as the likeliest; it is suspicious when that is not its label.

    y : the labels (rows,); probability : (rows, classes), in the order of `classes` (0, 1, 2, ... if not given).

    Source: Northcutt, Jiang and Chuang (2021), equations 1 and 2; the joint is scaled so that every given label has as
    many rows as it has.

    >>> mistakes_in([0, 0, 1, 1, 0], [[.9, .1], [.8, .2], [.2, .8], [.1, .9], [.05, .95]]).rows.tolist()
    [4]
    """
    given, p = class_scores(y, probability, None if classes is None else list(classes))
    if not np.isfinite(p).all() or (p < 0).any() or (p > 1 + 1e-6).any():
        row = int((~np.isfinite(p) | (p < 0) | (p > 1 + 1e-6)).any(1).argmax())
        raise DataError(f"row {row} of probability holds {p[row].tolist()}; expected numbers from 0 to 1")
    names = list(range(p.shape[1])) if classes is None else np.asarray(classes).tolist()
    n = np.bincount(given, minlength=len(names))
    absent = [names[k] for k in np.flatnonzero(n == 0)]
    if absent:
        raise DataError(f"no row is labelled {absent[0]!r}; leave that class out of `classes` and of probability")
    own = p[np.arange(len(given)), given]
    threshold = np.bincount(given, weights=own) / n
    passing = p >= threshold - 1e-9
    guess = np.where(passing.any(1), np.where(passing, p, -1.0).argmax(1), given)
    joint = np.zeros((len(names), len(names)))
    np.add.at(joint, (given[passing.any(1)], guess[passing.any(1)]), 1.0)
    joint[np.diag_indices_from(joint)] = np.maximum(np.diag(joint), 1.0)
    joint *= (n / joint.sum(1))[:, None]
    rows = np.flatnonzero(guess != given)
    rows = rows[np.argsort(own[rows], kind="stable")]
    return Mistakes(
        rows, [names[k] for k in given[rows]], [names[k] for k in guess[rows]], own[rows], joint, names, len(given)
    )
