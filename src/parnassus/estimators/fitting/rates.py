"""Which learning rate to take, from a training of a hundred steps."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import SettingError
from ...train.rate_finder import rate_range, steepest
from ..base import Estimator
from ..classifier import Classifier
from ..regressor import Regressor
from .assembly import placed, prepare, rows_of
from .intake import Examples, examples_of
from .training import check_settings, device_of, threads_for, trainer_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Rates:
    """Rates that were tried, the averaged loss at each, and the one where it falls fastest."""

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float

    def plot(self) -> "Figure":
        """The loss by rate, the suggestion marked."""
        from ...insight.trajectories import rate_curve

        return rate_curve(self.rates, self.losses, self.suggestion)


def find_rate(
    estimator: Estimator,
    X: Any,
    y: Any = None,
    *,
    target: str | None = None,
    sample_weight: Any = None,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> Rates:
    """The learning rate range test on these rows: the rate is raised step by step until the loss explodes.

    A twin of the estimator with its model, optimizer and batches is trained and thrown away; the estimator itself is
    not touched. Take the suggestion, or a rate a few times lower for training to the end.

    Parameters
    ----------
    estimator : a Classifier or Regressor, fitted or not.
    X, y, target, sample_weight : as for its `fit`.
    low, high : the first rate and the last.
    steps : how many rates are tried, one a step.
    """
    if not isinstance(estimator, Classifier | Regressor):
        raise SettingError(f"find_rate takes a pn.Classifier or a pn.Regressor; got {estimator!r}")
    own = estimator.get_params(deep=False) | {"out": None, "resume": False, "patience": None, "progress": False}
    twin = type(estimator)(**own)
    check_settings(twin)
    examples, goal = _taken(twin, X, y, target, sample_weight)
    twin._fit_codecs(examples, goal)
    rows, device = rows_of(twin, examples), device_of(twin.device)
    twin._build(device)
    trainer = trainer_of(twin, twin.objective_, partial(prepare, twin, device), len(rows), device)
    with threads_for(twin.objective_, trainer.window):
        rates, losses = rate_range(trainer, placed(rows, device), low=low, high=high, steps=steps)
    if len(rates) < 2:
        raise SettingError(f"the loss explodes at the lowest rate, {low:g}; give a lower one by low=")
    tenth = len(rates) // 10
    best = steepest(rates, losses, span=max(tenth, 1), skip=tenth)
    return Rates(np.array(rates), np.array(losses), best)


def _taken(twin: Classifier | Regressor, X: Any, y: Any, target: Any, sample_weight: Any) -> tuple[Examples, Any]:
    """The examples and the unfitted target, as the task's own `fit` makes them."""
    if isinstance(twin, Classifier):
        examples, goal, _ = twin._intake(X, y, target, sample_weight)
        return examples, goal
    return examples_of(X, y, target=target, sample_weight=sample_weight, memory=twin.memory), twin._goal()
