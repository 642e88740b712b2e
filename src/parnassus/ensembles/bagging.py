"""Bagging: the mean of members that each saw rows, and perhaps columns, of their own."""

import warnings
from typing import Any

import numpy as np

from ..data.answers import shown
from ..data.split import bootstrap_draw
from ..data.targets import Labels, Numbers, Target
from ..errors import DataError, DataWarning, check_count
from ..estimators.base import Estimator
from ..estimators.fitting.intake import Examples, take_rows
from ..functional.metrics import r2
from ..train.randomness import seed_of
from .base import Ensemble
from .members import (
    _fit_all,
    check_share,
    copies,
    n_columns_of,
    numbers_of,
    part_of,
    probabilities_of,
    take_columns,
)

DRAWS = 100  # of rows for one member, until all classes are among them


class Bagging(Ensemble):
    """The mean of n copies of an estimator, each fitted on rows drawn with replacement.

    The mean of M models of variance s^2 and correlation rho varies by rho s^2 + (1 - rho) s^2 / M
    (`functional.boosting.variance_of_mean`), so what helps is that members differ: by their rows, their seeds, and
    their columns where `columns` is below 1. Bagged trees with columns drawn at every split are the random forest.

    A member that watches validation rows (`patience`, or a threshold to tune) watches the rows it did not draw, which
    makes the out-of-bag score a little too good.

    Parameters
    ----------
    estimator : the estimator to copy, a classifier or a regressor.
    n : how many members.
    rows : how many rows each draws, as a share of all.
    columns : how many columns each sees, as a share of all, without replacement; for tables.
    replace : whether a row may be drawn twice (bagging); False draws subsets (pasting).
    seed : of the draws and of the members, each of which gets its own.

    Attributes
    ----------
    members_ : the fitted members.
    columns_ : the columns that each sees; None where all do.
    oob_score_ : accuracy, or R squared, of each row answered by the members that did not draw it; None where there are
        no such rows.
    oob_predictions_ : those answers, (rows, classes) or (rows, outputs); NaN where every member drew the row.

    Systems: bagging
    Source: Breiman 1996; Ho 1998 (columns); Hifny A14.17, Jaiswal J50.
    """

    learned = (*Ensemble.learned, "columns_", "oob_score_")
    decides = "estimator"

    def __init__(
        self,
        estimator: Any,
        *,
        n: int = 10,
        rows: float = 1.0,
        columns: float = 1.0,
        replace: bool = True,
        seed: int = 0,
    ) -> None:
        self.estimator, self.n, self.rows, self.columns = estimator, n, rows, columns
        self.replace, self.seed = replace, seed

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        n = check_count("n", self.n)
        labels = goal.indices(examples.y) if isinstance(goal, Labels) else None
        draws = [self._draw(i, len(examples), labels) for i in range(n)]
        if isinstance(goal, Labels) and labels is not None:
            _warn_of_missed(goal, labels, [drawn for drawn, _ in draws])
        self.columns_ = self._draw_columns(examples.X, n)
        members = copies(self.estimator, n, seed=self.seed)
        parts = []
        for i, (member, (drawn, left)) in enumerate(zip(members, draws, strict=True)):
            part = part_of(member, examples, goal, drawn)
            if isinstance(member, Estimator) and _watches(member) and len(left):
                part["validation"] = (self._seen(take_rows(examples.X, left), i), take_rows(examples.y, left))
            parts.append(part | {"X": self._seen(part["X"], i)})
        _fit_all(members, parts)
        self._score_left(members, examples, goal, [left for _, left in draws])
        return members

    def _draw(self, member: int, n_rows: int, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """(drawn, left out); drawn again while a class is missing, and then the draw with the most classes."""
        n_drawn = max(1, round(check_share("rows", self.rows) * n_rows))
        n_classes = 2 if labels is None else len(np.unique(labels))
        most, best = 1, None
        for attempt in range(DRAWS):
            seed = seed_of(self.seed, "rows", member, attempt)
            if self.replace:
                drawn, left = bootstrap_draw(n_rows, n_drawn, seed=seed)
            else:
                drawn, left = np.split(np.random.default_rng(seed).permutation(n_rows), [n_drawn])
            n_found = n_classes if labels is None else len(np.unique(labels[drawn]))
            if n_found > most:
                most, best = n_found, (drawn, left)
            if n_found == n_classes:
                break
        if best is not None:
            return best
        raise DataError(
            f"{DRAWS} draws of {n_drawn} of {n_rows} rows each showed one class alone; raise rows above {self.rows}"
        )

    def _draw_columns(self, X: Any, n: int) -> list[np.ndarray] | None:
        if check_share("columns", self.columns) == 1:
            return None
        n_columns = n_columns_of(X)
        n_seen = max(1, round(self.columns * n_columns))
        generators = [np.random.default_rng(seed_of(self.seed, "columns", i)) for i in range(n)]
        return [np.sort(g.permutation(n_columns)[:n_seen]) for g in generators]

    def _seen(self, X: Any, member: int) -> Any:
        return X if self.columns_ is None else take_columns(X, self.columns_[member])

    def _score_left(self, members: list[Any], examples: Examples, goal: Any, left: list[np.ndarray]) -> None:
        """Judge each row by the members that did not draw it."""
        width = (
            len(goal.mean) if isinstance(goal, Numbers) else len(getattr(goal, "classes", getattr(goal, "labels", ())))
        )
        sums, counts = np.zeros((len(examples), width)), np.zeros(len(examples))
        for i, rows in enumerate(left):
            if len(rows):
                sums[rows] += self._said(members[i], self._seen(take_rows(examples.X, rows), i), goal)
                counts[rows] += 1
        known = counts > 0
        sums[~known] = np.nan
        self.oob_predictions_ = sums / np.maximum(counts, 1)[:, None]
        threshold = self._threshold(members, goal)
        self.oob_score_ = self._oob(goal, examples.take(np.flatnonzero(known)), self.oob_predictions_[known], threshold)

    def _oob(self, goal: Any, known: Examples, predicted: np.ndarray, threshold: Any) -> float | None:
        if len(predicted) < 2:
            return None
        if isinstance(goal, Numbers):
            return float(r2(known.y.reshape(predicted.shape), predicted, sample_weight=known.weight))
        answers = goal.decide(predicted, threshold=threshold)
        if isinstance(goal, Labels):
            return float(np.average(answers == known.y, weights=known.weight))
        return float(np.average((goal.multi_hot(answers) == goal.multi_hot(known.y)).all(1), weights=known.weight))

    @staticmethod
    def _said(member: Any, X: Any, goal: Any) -> np.ndarray:
        return numbers_of(member, X) if isinstance(goal, Numbers) else probabilities_of(member, X, goal)

    def _probabilities(self, X: Any) -> np.ndarray:
        return self._mean(X)

    def _numbers(self, X: Any) -> np.ndarray:
        return self._mean(X)

    def _mean(self, X: Any) -> np.ndarray:
        said = [self._said(m, self._seen(X, i), self.target_) for i, m in enumerate(self.members_)]
        return np.mean(said, axis=0)


def _warn_of_missed(goal: Labels, labels: np.ndarray, draws: list[np.ndarray]) -> None:
    """Warn of classes that some members never see."""
    missed = [np.setdiff1d(labels, labels[drawn]) for drawn in draws]
    n_blind = sum(len(classes) > 0 for classes in missed)
    if n_blind:
        warnings.warn(
            f"{n_blind} of {len(draws)} members drew no row of all classes in {DRAWS} draws, and give those missing, "
            f"of {shown(goal.classes[np.unique(np.concatenate(missed))])}, probability 0; give more rows of them, or "
            f"raise rows",
            DataWarning,
            stacklevel=4,
        )


def _watches(member: Estimator) -> bool:
    """Whether a member holds rows out: to know when to stop, or where its threshold lies."""
    return bool(member.patience) or isinstance(getattr(member, "threshold", None), str)
