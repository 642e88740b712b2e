"""Gradient boosting: members one after another, each fitted to what the sum so far leaves over."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..data.targets import Numbers, Target
from ..errors import SettingError, check_count
from ..estimators.fitting.intake import Examples
from ..functional.boosting import class_residual, step_along
from ..imports import imported
from ..train.randomness import seed_of
from .base import Ensemble, refuse_several
from .members import _fit_all, check_rate, copied, kind_of, numbers_of, part_of, reseeded


class GradientBoosting(Ensemble):
    """A sum of regressors, each fitted to the residuals of the sum before it.

    F = F_0 + rate sum_m alpha_m f_m, f_m being fitted to y - F for numbers, and to y - p for classes, p being the
    sigmoid or softmax of F; alpha_m is the best step along f_m (`functional.boosting.step_along`). F_0 is the mean of
    y, or the logarithm of the classes' odds. Where bagging takes variance away, boosting takes bias: its members are
    small.

    Parameters
    ----------
    estimator : the regressor to copy, for classes too; None takes a tree of depth 3.
    n : how many rounds.
    rate : the share of each step that is taken; a smaller one needs more rounds and overfits later.
    loss : "squared_error" predicts numbers, one or several a row; "log_loss" makes a classifier.
    seed : of the members, each of which gets its own.

    Attributes
    ----------
    members_, alphas_ : the members, and what each one's answers are multiplied by, `rate` included.
    losses_ : the training loss before the first round and after each.

    Systems: residual-boosting
    Source: Friedman 2001; Hifny A14.19 (eq. 14.29), Jaiswal J53.
    """

    learned = (*Ensemble.learned, "alphas_", "start_", "losses_")

    def __init__(
        self,
        estimator: Any = None,
        *,
        n: int = 100,
        rate: float = 0.1,
        loss: Literal["squared_error", "log_loss"] = "squared_error",
        seed: int = 0,
    ) -> None:
        self.estimator, self.n, self.rate, self.loss, self.seed = estimator, n, rate, loss, seed

    @property
    def several(self) -> bool:  # type: ignore[override]
        return self.loss == "squared_error"

    def _kind(self) -> str:
        if self.loss not in ("squared_error", "log_loss"):
            raise SettingError(f"loss is 'squared_error' or 'log_loss'; got {self.loss!r}")
        return "classifier" if self.loss == "log_loss" else "regressor"

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        check_rate(self.rate)
        if self.estimator is not None and kind_of(self.estimator) != "regressor":
            raise SettingError(
                f"boosting fits regressors to residuals, even of classes; got {type(self.estimator).__name__}; "
                f"give a regressor, with loss='log_loss' where y holds classes"
            )
        y = self._truth(examples, goal)
        weight = torch.ones(len(y), dtype=y.dtype) if examples.weight is None else torch.from_numpy(examples.weight)
        mean = (weight[:, None] * y).sum(0) / weight.sum()
        if self.loss == "log_loss":
            mean = mean.logit() if len(mean) == 1 else mean.log()
        self.start_, score = mean.tolist(), mean.expand_as(y).clone()
        self.alphas_: list[float] = []
        self.losses_ = [self._loss(score, y, weight)]
        members: list[Any] = []
        for i in range(check_count("n", self.n)):
            residual, curvature = self._residual(score, y)
            left = residual[:, 0] if residual.shape[1] == 1 else residual
            member = self._member(i)
            part = part_of(member, Examples(examples.X, left.numpy(), examples.weight), Numbers())
            _fit_all([member], [part])
            said = torch.from_numpy(numbers_of(member, examples.X))
            members.append(member)
            self.alphas_.append(self.rate * step_along(said, residual, curvature, weight=weight))
            score = score + self.alphas_[-1] * said
            self.losses_.append(self._loss(score, y, weight))
        return members

    def _made_of(self) -> list[Any]:
        if self.estimator is not None:
            return [self.estimator]
        return [imported("sklearn.tree").DecisionTreeRegressor(max_depth=3)]

    def _member(self, number: int) -> Any:
        return reseeded(copied(self._made_of()[0]), seed_of(self.seed, "member", number))

    def _truth(self, examples: Examples, goal: Any) -> Tensor:
        """The answers as (n, 1), or as unit vectors (n, K) where there are more than two classes."""
        if isinstance(goal, Numbers):
            return torch.from_numpy(examples.y.reshape(len(examples), -1).astype(np.float64))
        refuse_several(self, goal)
        hot = torch.from_numpy(goal.one_hot(examples.y))
        return hot[:, 1:] if hot.shape[1] == 2 else hot

    def _residual(self, score: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return (y - score, torch.ones_like(y)) if self.loss == "squared_error" else class_residual(score, y)

    def _loss(self, score: Tensor, y: Tensor, weight: Tensor) -> float:
        if self.loss == "squared_error":
            each = (y - score).square().mean(1)
        elif y.shape[1] == 1:
            each = torch.nn.functional.softplus((1 - 2 * y) * score)[:, 0]
        else:
            each = score.logsumexp(1) - (y * score).sum(1)
        return float((weight * each).sum() / weight.sum())

    def _scores(self, X: Any) -> Tensor:
        said = sum(alpha * numbers_of(m, X) for alpha, m in zip(self.alphas_, self.members_, strict=True))
        return torch.from_numpy(np.array(self.start_) + said)

    def _probabilities(self, X: Any) -> np.ndarray:
        return self.target_.probabilities(self._scores(X))

    def _numbers(self, X: Any) -> np.ndarray:
        return self._scores(X).numpy()
