"""The perceptron, learnt by hand: the rule that starts over after each change, and the one that goes on in epochs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """One correction: the row that was wrong, and the weights and bias after it."""

    row: int
    w: Array
    b: float


@dataclass(frozen=True)
class PerceptronRun:
    """What the rescanning rule came to: final weights, every change, and whether a scan found no error."""

    w: Array
    b: float
    changes: list[Change]
    converged: bool


@dataclass(frozen=True)
class EpochRun:
    """What the epochs came to: final weights, and (w, b, number of changes) at each epoch's end."""

    w: Array
    b: float
    epochs: list[tuple[Array, float, int]]
    converged: bool


def perceptron_output(x: ArrayLike, w: ArrayLike, b: float, *, step: bool = False) -> Array:
    """sign(x.w + b) for each row, -1 at zero; with `step` the same answer as 1 and 0.

    The plane w.x + b = 0 separates the answers; w is its normal and points to the +1 side.

    Systems: perceptron
    Source: Rosenblatt 1958; Martinez-Ramon eqs. 1.3 and 1.4, Jaiswal J1, Keras course K4, where one printed bias has
    the wrong sign (its OR unit takes b = -0.5; +0.5 answers 1 to everything).

    >>> perceptron_output([[0, 0], [0, 1], [1, 0], [1, 1]], [1, 1], -0.5, step=True)
    array([0., 1., 1., 1.])
    """
    positive = np.asarray(x) @ np.asarray(w) + b > 0
    return np.where(positive, 1.0, 0.0 if step else -1.0)


def perceptron_rule(
    x: ArrayLike,
    y: ArrayLike,
    *,
    w: ArrayLike | None = None,
    b: float = 0.0,
    max_changes: int = 10_000,
    at_zero: float = -1.0,
) -> PerceptronRun:
    """The run of the rule that corrects the first misclassified row, then scans again from the top.

    w += y_k x_k and b += y_k, for labels y of +1 and -1, until no row is wrong: for separable data after fewer than
    (R^2 + 1) / margin^2 changes (`parnassus.functional.linear.novikoff_bound`), for others never. A score of 0 says
    `at_zero`; 0 there counts such a row as wrong whatever its label.

    Systems: perceptron-rule
    Source: Martinez-Ramon 1.2.2 eqs. 1.5 and 1.6. The book's example of the rule contradicts itself (16 updates in
    the text, 6 in the caption).

    >>> run = perceptron_rule([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, 1])
    >>> run.w, run.b, [change.row for change in run.changes]
    (array([1., 1.]), 0.0, [1, 0, 2, 0])
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    now: Array = np.zeros(x.shape[1]) if w is None else np.array(w, dtype=float)
    changes: list[Change] = []
    while len(changes) < max_changes:
        k = _first_wrong(x, y, now, b, at_zero)
        if k is None:
            return PerceptronRun(now, b, changes, converged=True)
        now, b = now + y[k] * x[k], b + float(y[k])
        changes.append(Change(k, now, b))
    return PerceptronRun(now, b, changes, converged=_first_wrong(x, y, now, b, at_zero) is None)


def _first_wrong(x: Array, y: Array, w: Array, b: float, at_zero: float) -> int | None:
    for k in range(len(x)):
        score = w @ x[k] + b
        if (np.sign(score) if score != 0 else at_zero) != y[k]:
            return k
    return None


def perceptron_epochs(
    x: ArrayLike,
    y: ArrayLike,
    *,
    orders: Iterable[Sequence[int]] | None = None,
    w: ArrayLike | None = None,
    b: float = 0.0,
    max_epochs: int = 100,
) -> EpochRun:
    """The run of the rule that goes on through all rows, epoch by epoch, and stops after one without a change.

    For labels y of 1 and 0, with the step unit's answer yhat (0 at zero): err = y - yhat, w += err x, b += err.
    `orders` gives each epoch's order of the rows, and with its last one the run ends; without it every epoch goes from
    the first to the last.

    Systems: perceptron-epochs
    Source: Keras course K9 and K10, Jaiswal J2.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    now: Array = np.zeros(x.shape[1]) if w is None else np.array(w, dtype=float)
    epochs: list[tuple[Array, float, int]] = []
    for order in islice(repeat(range(len(x))) if orders is None else orders, max_epochs):
        n_changes = 0
        for k in order:
            err = float(y[k]) - float(now @ x[k] + b > 0)
            now, b, n_changes = now + err * x[k], b + err, n_changes + int(err != 0)
        epochs.append((now, b, n_changes))
        if n_changes == 0:
            return EpochRun(now, b, epochs, converged=True)
    return EpochRun(now, b, epochs, converged=False)
