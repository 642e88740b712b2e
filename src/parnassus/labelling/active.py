"""Active learning: label a few rows, fit, ask for the labels of the most telling rows, and again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, SettingError
from ..estimators.fitting.intake import Examples, count_rows, take_rows
from ..estimators.judging.contenders import copies, fit_all
from .queries import draws_weights, to_label_next

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ask = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Asked:
    """One way of asking, round by round.

    n_labelled and score (rounds,): rows with labels and the score on the test rows after each fit (NaN without test).
    rows : the rows asked for, in order; labels : their answers. estimator : the last fit.
    """

    how: str
    n_labelled: np.ndarray
    score: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    estimator: Any

    def shares(self) -> dict[Any, float]:
        """Label -> its share of the answers; a share far above the pool's says where the model had questions."""
        names, counts = np.unique(self.labels, return_counts=True)
        return {k: float(c / counts.sum()) for k, c in zip(names.tolist(), counts, strict=True)}


@dataclass(frozen=True)
class ActiveLearning:
    """What asking gained: the way chosen, and rows drawn at random for as many labels."""

    asked: Asked
    random: Asked | None

    @property
    def estimator(self) -> Any:
        """The estimator fitted on all labels that were asked for."""
        return self.asked.estimator

    @property
    def rows(self) -> np.ndarray:
        """The rows that were labelled, in order."""
        return self.asked.rows

    def saved(self) -> int | None:
        """How many labels fewer it took to reach the score that random rows reach in the end; None if never."""
        if self.random is None or not np.isfinite(self.random.score[-1]):
            return None
        reached = np.flatnonzero(self.asked.score >= self.random.score[-1])
        return int(self.random.n_labelled[-1] - self.asked.n_labelled[reached[0]]) if len(reached) else None

    def __str__(self) -> str:
        ways = [self.asked] + ([self.random] if self.random is not None else [])
        lines = ["labelled  " + "  ".join(f"{way.how:>16}" for way in ways)]
        for i, n in enumerate(self.asked.n_labelled):
            lines.append(f"{n:>8}  " + "  ".join(f"{way.score[i]:>16.4f}" for way in ways))
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Scores by labelled rows, against rows drawn at random."""
        from ..insight.labels import labelling_curves

        if not np.isfinite(self.asked.score).all():
            raise SettingError("there are no scores to draw; give test=(X, y) to active_learning")
        ways = [self.asked] + ([self.random] if self.random is not None else [])
        return labelling_curves([w.n_labelled for w in ways], [w.score for w in ways], [w.how for w in ways])


def active_learning(
    estimator: Any,
    X: Any,
    ask: Ask | Any,
    *,
    how: str = "margin",
    n_first: int = 20,
    n_each: int = 10,
    n_rounds: int = 10,
    n_members: int = 5,
    test: tuple[Any, Any] | None = None,
    against_random: bool = True,
    seed: int = 0,
) -> ActiveLearning:
    """Learn a pool by asking for few labels: fit, ask for the rows of `to_label_next`, fit again.

    Parameters
    ----------
    estimator : a classifier of this library or in scikit-learn's manner; copies are fitted anew each round.
    X : the pool.
    ask : a function from row numbers to their labels (a person, a form); or all labels, to try a way out.
    how : as in `to_label_next`. "bald" fits `n_members` copies with other seeds, or one estimator that has `inference`.
    n_first : rows drawn at random to begin with; more are drawn while all of them have one label.
    n_each, n_rounds : rows asked for in each round, and rounds.
    test : rows and labels to score each fit on.
    against_random : also fit on as many rows drawn at random, if `ask` is an array (nobody is asked twice).

    Systems: active-learning
    Source: Baker, section 5.1 (1:A090, 1:D15): fewer labels, and a sample that lies where the first rows left doubts,
    which may miss whole regions; `shares` shows it.
    """
    n_rows = count_rows(X)
    n_first = min(n_first, n_rows)
    if n_first < 2 or n_each < 1 or n_rounds < 1:
        raise SettingError(f"n_first is 2 or more, n_each and n_rounds 1 or more; got {n_first}, {n_each}, {n_rounds}")
    if n_first + n_each * n_rounds > n_rows:
        raise SettingError(
            f"{n_first} rows and {n_rounds} rounds of {n_each} make {n_first + n_each * n_rounds}, "
            f"and the pool has {n_rows}"
        )
    known_to_all = not callable(ask)
    answers = _from_array(ask, n_rows) if known_to_all else ask
    plan = {"n_first": n_first, "n_each": n_each, "n_rounds": n_rounds, "n_members": n_members}
    asked = _run(estimator, X, answers, how, test, seed, **plan)
    random = None
    if against_random and known_to_all and test is not None and how != "random":
        random = _run(estimator, X, answers, "random", test, seed, **plan)
    return ActiveLearning(asked, random)


def _from_array(labels: Any, n_rows: int) -> Ask:
    known = np.asarray(labels)
    if known.shape[:1] != (n_rows,):
        raise DataError(f"ask holds {len(known)} labels for {n_rows} rows; give one a row, or a function")
    return lambda rows: known[rows]


def _run(
    estimator: Any, X: Any, answers: Ask, how: str, test: Any, seed: int,
    *, n_first: int, n_each: int, n_rounds: int, n_members: int,
) -> Asked:  # fmt: skip
    drawn = np.random.default_rng(seed).permutation(count_rows(X))
    rows, labels = drawn[:n_first], _labels(answers, drawn[:n_first])
    while len(np.unique(labels)) < 2 and len(rows) < len(drawn):
        more = drawn[len(rows) : len(rows) + n_each]
        rows, labels = np.concatenate((rows, more)), np.concatenate((labels, _labels(answers, more)))
    many = n_members if how == "bald" and not draws_weights(estimator) else 1
    sizes, scores = [], []
    for turn in range(n_rounds + 1):
        members = _fitted(estimator, X, rows, labels, many, seed)
        sizes.append(len(rows))
        scores.append(float(members[0].score(*test)) if test is not None else np.nan)
        left = len(drawn) - len(rows)
        if turn == n_rounds or not left:
            break
        asked = to_label_next(members, X, min(n_each, left), how=how, known=rows, seed=seed + turn)
        rows, labels = np.concatenate((rows, asked)), np.concatenate((labels, _labels(answers, asked)))
    return Asked(how, np.array(sizes), np.array(scores), rows, labels, members[0])


def _labels(answers: Ask, rows: np.ndarray) -> np.ndarray:
    found = np.asarray(answers(rows))
    if found.shape != rows.shape:
        raise DataError(f"{len(rows)} rows were asked about and {found.shape} labels came; give one a row, in order")
    return found


def _fitted(estimator: Any, X: Any, rows: np.ndarray, labels: np.ndarray, n: int, seed: int) -> list[Any]:
    """Copies fitted on the labelled rows, each from a seed of its own."""
    members = copies(estimator, n)
    if n > 1:
        seeds = [name for name in ("seed", "random_state") if name in estimator.get_params()]
        if not seeds:
            raise SettingError("bald needs models that differ by a seed; this estimator takes none")
        for i, member in enumerate(members):
            member.set_params(**{seeds[0]: seed + i})
    fit_all(members, [Examples(take_rows(X, rows), labels)] * n, seed=seed)
    return members
