"""Voting: several estimators, each fitted on all rows, asked for their opinion."""

from typing import Any, Literal

import numpy as np
import torch

from ..data.targets import Labels, Numbers, Target
from ..errors import SettingError
from ..estimators.fitting.intake import Examples
from ..functional.boosting import vote_shares
from .committee import Committee, Given
from .members import (
    _fit_all,
    class_numbers_of,
    copied,
    numbers_of,
    part_of,
    probabilities_of,
    refuse_thresholds,
    settled,
    thresholds_of,
)


class Voting(Committee):
    """Different estimators on the same rows: the mean of their probabilities or numbers, or the most frequent class.

    Parameters
    ----------
    estimators : the members, alone or as (name, estimator).
    how : "soft", the mean of the members' probabilities; "hard", the share of members that answer a class. Numbers are
        averaged either way.
    weights : how much each member counts; all alike unless given.
    seed : for members without a seed of their own.

    Systems: majority-voting
    Source: Hifny A14.18. A tie of two classes goes to the second, as one half does everywhere here; a tie of several
    to the first.
    """

    def __init__(
        self, estimators: Given, *, how: Literal["soft", "hard"] = "soft", weights: Any = None, seed: int = 0
    ) -> None:
        self.estimators, self.how, self.weights, self.seed = estimators, how, weights, seed

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        if self.how not in ("soft", "hard"):
            raise SettingError(f"how is 'soft' or 'hard'; got {self.how!r}")
        self._weights()
        if self.how == "soft":
            refuse_thresholds(self._parts(), "choose how='hard', or leave its threshold=0.5")
        members = [settled(copied(one), self.seed) for one in self._parts().values()]
        return _fit_all(members, [part_of(m, examples, goal) for m in members])

    def _weights(self) -> np.ndarray:
        n = len(self.estimators)
        weight = np.ones(n) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
            raise SettingError(f"weights are {n} numbers of at least 0, not all 0; got {self.weights!r}")
        return weight

    def _probabilities(self, X: Any) -> np.ndarray:
        if self.how == "soft":
            said = [probabilities_of(m, X, self.target_) for m in self.members_]
        elif isinstance(self.target_, Labels):
            votes = np.stack([class_numbers_of(m, X, self.target_) for m in self.members_], 1)
            weight = torch.from_numpy(self._weights())
            return vote_shares(torch.from_numpy(votes), len(self.target_.classes), weight=weight).numpy()
        else:
            said = [
                (probabilities_of(m, X, self.target_) >= thresholds_of(m, self.target_)).astype(np.float64)
                for m in self.members_
            ]
        return np.average(said, axis=0, weights=self._weights())

    def _numbers(self, X: Any) -> np.ndarray:
        assert isinstance(self.target_, Numbers)
        return np.average([numbers_of(m, X) for m in self.members_], axis=0, weights=self._weights())
