"""Benchmarks of forecasting as models: last value, last season, drift, mean."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DataError
from ...functional.forecasting import Spread, drift, mean, naive, seasonal_naive
from ...objectives.sequence.local_forecasting import Local, Outlook
from ...registry import model


class Benchmark(Local):
    """A forecast by a rule without parameters; `back` steps are needed before the first one-step forecast."""

    def __init__(self, rule: Callable[[np.ndarray, int], Spread], lives_on: str) -> None:
        super().__init__()
        self.rule, self.lives_on = rule, lives_on

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        if self.lives_on == "season" and len(y) < self.season:
            raise DataError(
                f"y has {len(y)} steps, and a season of {self.season} has not gone by once; give a longer series, or "
                "season=1"
            )
        return super().learn(y, known)

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        found = self.rule(y, horizon) if self.lives_on != "season" else self._seasonal(y, horizon)
        std = np.nan_to_num(found.std, nan=float(np.std(y)))  # one season alone does not say how seasons differ
        psi = {
            "always": np.ones(horizon),
            "never": np.eye(1, horizon)[0],
            "season": (np.arange(horizon) % self._m(y) == 0).astype(float),
        }[self.lives_on]
        return Outlook(found.mean, std, psi)

    def _m(self, y: np.ndarray) -> int:
        return min(self.season, len(y))

    def _seasonal(self, y: np.ndarray, horizon: int) -> Spread:
        return seasonal_naive(y, horizon, season=self._m(y))

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        said = np.full(len(y), np.nan)
        if self.lives_on == "season":
            m = self._m(y)
            said[m:] = y[: len(y) - m]
            return said
        for t in range(2, len(y)):
            said[t] = self.rule(y[:t], 1).mean[0]
        return said


@model.register("forecaster", name="naive")
def naive_model() -> Benchmark:
    """The last value, again and again."""
    return Benchmark(naive, "always")


@model.register("forecaster", name="seasonal_naive")
def seasonal_naive_model() -> Benchmark:
    """The value one season back; the season is the estimator's."""
    return Benchmark(naive, "season")


@model.register("forecaster", name="drift")
def drift_model() -> Benchmark:
    """The straight line through the first and last value."""
    return Benchmark(drift, "always")


@model.register("forecaster", name="mean")
def mean_model() -> Benchmark:
    """The mean of all values."""
    return Benchmark(mean, "never")
