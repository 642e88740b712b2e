"""Stacking: a last estimator learns what to make of the others' answers."""

from typing import Any

import numpy as np

from ..data.split import Split, k_folds, stratified_folds
from ..data.targets import Labels, Multilabel, Numbers, Target
from ..errors import DataError, SettingError, check_count
from ..estimators.classifier import Classifier
from ..estimators.fitting.intake import Examples, take_rows
from ..estimators.regressor import Regressor
from ..train.randomness import seed_of
from .committee import Committee, Given
from .members import (
    _fit_all,
    copied,
    kind_of,
    numbers_of,
    part_of,
    probabilities_of,
    refuse_thresholds,
    settled,
)


class Stacking(Committee):
    """Different estimators, and a final one that learns from their answers to rows they were not fitted on.

    Each member answers every row once, from a copy fitted on the other folds; the final estimator sees these answers
    alone (probabilities of all classes but the first, or numbers). The members that answer new rows are fitted on all
    rows. So no answer that the final estimator learns from has seen the row's own truth.

    Parameters
    ----------
    estimators : the members, alone or as (name, estimator).
    final : the estimator on top, of the members' kind; None takes a logistic regression with a slight penalty, or a
        linear one for numbers.
    n_folds : the folds, stratified where there is one class a row.
    seed : of the folds, and of members without a seed of their own.

    Attributes
    ----------
    members_ : the members, fitted on all rows.
    final_ : the fitted final estimator.

    Systems: stacking
    Source: Wolpert 1992; Jaiswal J54, which names it.
    """

    others = ("final_",)
    decides = "final"

    def __init__(self, estimators: Given, *, final: Any = None, n_folds: int = 5, seed: int = 0) -> None:
        self.estimators, self.final, self.n_folds, self.seed = estimators, final, n_folds, seed

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Settings by name; `deep` adds those of the members and of the final estimator."""
        params = super().get_params(deep)
        if deep and hasattr(self.final, "get_params") and not isinstance(self.final, type):
            params |= {f"final__{k}": v for k, v in self.final.get_params().items()}
        return params

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        refuse_thresholds(self._parts(), "leave its threshold=0.5, and set one in final=pn.Classifier(...)")
        folds = self._folds(examples, goal)
        given = [settled(copied(one), self.seed) for one in self._parts().values()]
        final = self._final(len(examples))
        jobs = [(copied(one), train) for one in given for train, _ in folds]
        members = [copied(one) for one in given]
        everyone = [one for one, _ in jobs] + members
        parts = [part_of(one, examples, goal, train) for one, train in jobs]
        _fit_all(everyone, parts + [part_of(one, examples, goal) for one in members])
        said = []
        for i in range(len(given)):
            held = [(jobs[i * len(folds) + k][0], rows) for k, (_, rows) in enumerate(folds)]
            answers = [self._said(one, take_rows(examples.X, rows), goal) for one, rows in held]
            said.append(np.concatenate(answers)[np.argsort(np.concatenate([rows for _, rows in held]))])
        columns = np.concatenate(said, 1)
        if not np.ptp(columns, axis=0).any():
            raise DataError(
                "the members answer every row alike, which leaves nothing to learn from; look whether each class has "
                "rows with a weight above 0 in every fold"
            )
        learned = Examples(columns, examples.y, examples.weight)
        self.final_ = _fit_all([final], [part_of(final, learned, goal)])[0]
        return members

    def _folds(self, examples: Examples, goal: Target) -> list[Split]:
        if len(examples) < check_count("n_folds", self.n_folds, least=2):
            raise DataError(f"{self.n_folds} folds of n_samples = {len(examples)} cannot be made; ask for fewer folds")
        if isinstance(goal, Labels):
            return stratified_folds(examples.y, self.n_folds, seed=seed_of(self.seed, "folds"))
        return k_folds(len(examples), self.n_folds, seed=seed_of(self.seed, "folds"))

    def _final(self, n_rows: int) -> Any:
        """An unfitted final estimator of the members' kind."""
        if self.final is None and self._kind() == "regressor":
            return Regressor("linear")
        if self.final is None:  # at its optimum: a column of near-certain answers takes long by small steps
            settings: dict[str, Any] = {"optimizer": "lbfgs", "epochs": 50, "batch_size": n_rows}
            return Classifier("logistic", regularizers={"l2": {"strength": 0.01}}, **settings)
        if kind_of(self.final) != self._kind():
            raise SettingError(
                f"members are {self._kind()}s, and final is a {kind_of(self.final)}; give one of their kind"
            )
        return settled(copied(self.final), self.seed)

    @staticmethod
    def _said(member: Any, X: Any, goal: Any) -> np.ndarray:
        """A member's answers as columns; the first class is what the others leave over."""
        if isinstance(goal, Numbers):
            return numbers_of(member, X)
        given = probabilities_of(member, X, goal)
        return given if isinstance(goal, Multilabel) else given[:, 1:]

    def _answers_of_members(self, X: Any) -> np.ndarray:
        return np.concatenate([self._said(m, X, self.target_) for m in self.members_], 1)

    def _probabilities(self, X: Any) -> np.ndarray:
        return probabilities_of(self.final_, self._answers_of_members(X), self.target_)

    def _numbers(self, X: Any) -> np.ndarray:
        return numbers_of(self.final_, self._answers_of_members(X))
