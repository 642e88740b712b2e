"""Models of single series: each series has parameters of its own, found by a rule and not by gradients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from ...errors import DataError, SettingError
from ...train.phase import Batch, Objective, Phase

Held = TypeVar("Held")


@dataclass(frozen=True)
class Outlook:
    """A forecast (horizon,) with its standard deviations, and psi: how an error lives on, for paths."""

    mean: np.ndarray
    std: np.ndarray
    psi: np.ndarray

    def paths(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n courses (n, horizon): errors that live on as psi says, of the spread that `std` says."""
        horizon = len(self.mean)
        errors = rng.standard_normal((n, horizon))
        alive = np.stack([errors[:, : h + 1] @ self.psi[h::-1] for h in range(horizon)], 1)
        usual = np.sqrt(np.cumsum(np.square(self.psi)))
        return self.mean + alive / usual * self.std

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """(horizon, levels) of Gaussians."""
        from scipy.special import ndtri

        return self.mean[:, None] + self.std[:, None] * ndtri(np.asarray(levels))


class Local(Objective):
    """A rule that learns from each series alone. State: what was learned, by the name of the series.

    A subclass says in `least` how many steps it needs, and defines `learn`, `look` and `fitted`.

    Systems: global-forecasting
    Source: Baker A162 (local models learn from one series, global ones across all).
    """

    covariates = False  # whether covariates that are known ahead are used

    def __init__(self) -> None:
        super().__init__()
        self.learned: dict[str, dict[str, Any]] = {}
        self.season = 1

    def phases(self) -> Sequence[Phase]:
        return []

    def outputs(self, batch: Batch) -> Tensor:
        raise SettingError("a model of single series forecasts series, not windows")

    def get_extra_state(self) -> dict[str, Any]:
        """What was learned, as JSON values."""
        return {"season": self.season, "learned": {f"s{k}": v for k, v in self.learned.items()}}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_extra_state` said."""
        self.season = state["season"]
        self.learned = {k[1:]: v for k, v in state["learned"].items()}

    def learn(self, y: np.ndarray, known: np.ndarray) -> dict[str, Any]:
        """What there is to learn from one series (time,), as JSON values; `known` is (time, covariates)."""
        return {}

    def look(
        self, y: np.ndarray, learned: dict[str, Any], horizon: int, ahead: np.ndarray, known: np.ndarray
    ) -> Outlook:
        """The steps after y; `ahead` are the covariates of these steps, `known` those of y."""
        raise NotImplementedError

    def fitted(self, y: np.ndarray, learned: dict[str, Any], known: np.ndarray) -> np.ndarray:
        """One-step forecasts of y (time,); NaN where there is none."""
        raise NotImplementedError

    def of(self, name: str) -> dict[str, Any]:
        """What was learned of a series; one that was not there in fit is refused."""
        return of_series(self.learned, name)


def of_series(held: Mapping[str, Held], name: str) -> Held:
    """What is held of a series by its name; one that was not there in fit is refused."""
    if name not in held:
        known = ", ".join(map(repr, list(held)[:5]))
        raise DataError(
            f"series {name!r} was not there in fit (which saw {known}), and this model learns each series by "
            "itself; fit again with it, or take a model across all series such as 'gru' with scope='global'"
        )
    return held[name]
