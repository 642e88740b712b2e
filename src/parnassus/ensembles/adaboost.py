"""AdaBoost: members one after another, each looking hardest at what the ones before it got wrong."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.targets import Labels, Target
from ..errors import SettingError, check_count
from ..estimators.fitting.intake import Examples, take_rows
from ..functional.boosting import member_weight, relative_errors, reweighted, weighted_median
from ..imports import imported
from ..train.randomness import seed_of
from .base import Ensemble, refuse_several
from .members import (
    _fit_all,
    check_rate,
    class_numbers_of,
    copied,
    kind_of,
    numbers_of,
    reseeded,
    takes_weight,
)

LEAST = 1e-10  # what an error is off by rounding; the error that stands for none, whose alpha would have no bound


class AdaBoost(Ensemble):
    """A weighted vote of weak learners, each fitted with the rows weighted by how wrong the vote has been so far.

    Two classes make discrete AdaBoost, more of them SAMME; members need `sample_weight`. Numbers make AdaBoost.R2:
    rows are drawn by weight, and the answer is the weighted median. Boosting ends early when a member makes no error,
    or is no better than a guess. Labels that are wrong get ever more weight, so data with many of them suit bagging.

    Probabilities are the softmax of each class's share of the vote; their order is meant, not their size.

    Parameters
    ----------
    estimator : the weak learner to copy; None takes a tree with one split (a stump).
    n : the most members.
    rate : what each member's say is multiplied by; below 1 it takes more members.
    seed : of the members, and of the rows drawn for numbers.

    Attributes
    ----------
    members_, alphas_, errors_ : the members, what each has to say, and the weighted error it made.

    Systems: adaboost
    Source: Freund and Schapire 1997; Zhu, Zou, Rosset and Hastie 2009 (SAMME); Drucker 1997 (R2); Jaiswal J51, J68.
    """

    learned = (*Ensemble.learned, "alphas_", "errors_")
    several = False

    def __init__(self, estimator: Any = None, *, n: int = 50, rate: float = 1.0, seed: int = 0) -> None:
        self.estimator, self.n, self.rate, self.seed = estimator, n, rate, seed

    def _kind(self) -> str:
        return "classifier" if self.estimator is None else kind_of(self.estimator)

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        refuse_several(self, goal)
        check_count("n", self.n)
        check_rate(self.rate)
        n = len(examples)
        weight = torch.ones(n, dtype=torch.float64) if examples.weight is None else torch.from_numpy(examples.weight)
        self.alphas_: list[float] = []
        self.errors_: list[float] = []
        rounds = self._vote if isinstance(goal, Labels) else self._median
        return rounds(examples, goal, weight / weight.sum())

    def _made_of(self) -> list[Any]:
        if self.estimator is not None:
            return [self.estimator]
        return [imported("sklearn.tree").DecisionTreeClassifier(max_depth=1)]

    def _member(self, number: int) -> Any:
        return reseeded(copied(self._made_of()[0]), seed_of(self.seed, "member", number))

    def _vote(self, examples: Examples, goal: Any, weight: Tensor) -> list[Any]:
        """Members for classes."""
        if not takes_weight(self._made_of()[0]):
            raise SettingError(
                f"AdaBoost weights the rows, and {type(self.estimator).__name__} takes no sample_weight in fit; choose "
                f"a member that takes it, or pn.Bagging"
            )
        members: list[Any] = []
        truth, n_classes = goal.indices(examples.y), len(goal.classes)
        guess = 1 - 1 / n_classes - LEAST
        for i in range(self.n):
            member = self._member(i)
            part = {"X": examples.X, "y": examples.y, "sample_weight": (weight * len(weight)).numpy()}
            _fit_all([member], [part])
            wrong = torch.from_numpy(class_numbers_of(member, examples.X, goal) != truth)
            error = float(weight[wrong].sum())
            if error >= guess and members:
                break
            if error >= guess:
                raise SettingError(
                    f"the first {type(member).__name__} errs on {error:.2f} of the weight, no better than a guess "
                    f"among {n_classes} classes; give it more room (depth, epochs), or look at the data"
                )
            members.append(member)
            self.errors_.append(error)
            self.alphas_.append(self.rate * member_weight(max(error, LEAST), n_classes=n_classes))
            if error <= 0:
                break
            weight = reweighted(weight, wrong, self.alphas_[-1])
        return members

    def _median(self, examples: Examples, goal: Any, weight: Tensor) -> list[Any]:
        """Members for numbers."""
        members: list[Any] = []
        for i in range(self.n):
            rng = np.random.default_rng(seed_of(self.seed, "rows", i))
            drawn = rng.choice(len(examples), size=len(examples), p=weight.numpy())
            member = self._member(i)
            _fit_all([member], [{"X": take_rows(examples.X, drawn), "y": examples.y[drawn]}])
            off = relative_errors(torch.from_numpy(numbers_of(member, examples.X)[:, 0] - examples.y))
            error = float((weight * off).sum())
            if error >= 0.5 and members:
                break
            beta = max(error, LEAST) / max(1 - error, LEAST)
            members.append(member)
            self.errors_.append(error)
            self.alphas_.append(self.rate * max(-float(np.log(beta)), LEAST))
            if error <= 0 or error >= 0.5:
                break
            weight = weight * beta ** (self.rate * (1 - off))
            weight = weight / weight.sum()
        return members

    def _probabilities(self, X: Any) -> np.ndarray:
        n_classes = len(self.target_.classes)
        votes = np.stack([np.eye(n_classes)[class_numbers_of(m, X, self.target_)] for m in self.members_])
        signed = votes - (1 - votes) / (n_classes - 1)
        scores = np.tensordot(np.array(self.alphas_) / np.sum(self.alphas_), signed, axes=1)
        return torch.from_numpy(scores / (n_classes - 1)).softmax(1).numpy()

    def _numbers(self, X: Any) -> np.ndarray:
        values = np.concatenate([numbers_of(m, X) for m in self.members_], 1)
        alphas = torch.tensor(self.alphas_, dtype=torch.float64)
        return weighted_median(torch.from_numpy(values), alphas).numpy()[:, None]
