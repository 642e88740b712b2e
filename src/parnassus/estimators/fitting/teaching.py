"""The rows of a training that starts from learned weights, and what a teacher says of them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.rows import Dense, Joined, Rows
from ...errors import DataError, SettingError
from ...layouts import few
from ...objectives.transfer import Stages
from .intake import Examples
from .training import plan_of
from .transfer import estimator_in

if TYPE_CHECKING:
    from ..base import Estimator

LEAST = 1e-12  # a teacher's probability below which its logarithm is not followed


def taught_rows(estimator: "Estimator", train: Examples, rows: Rows) -> Rows:
    """The training rows, with a teacher's answers where there is one; epochs of unfreezing are settled as well."""
    stages: Stages | None = getattr(estimator.objective_, "transfer", None)
    if stages is None:
        return rows
    stages.n_epochs = plan_of(estimator, estimator.objective_, len(rows)).epochs
    late = [epoch for epoch, _ in stages.frozen if epoch >= stages.n_epochs]
    if late and len(stages.frozen) > 1:
        raise SettingError(f"unfreeze from epoch {late[0]} never comes in {stages.n_epochs} epochs; give more epochs")
    if getattr(estimator, "teacher", None) is None:
        return rows
    return Joined(rows, Dense(y_teacher=teachers_logits(estimator, train.X)))


def teachers_logits(estimator: Any, X: Any) -> Tensor:
    """What the teacher says of raw rows, as logarithms of probabilities in the order of our classes, or one logit."""
    for name, least, most in (("temperature", 0.0, np.inf), ("teacher_share", 0.0, 1.0)):
        value = getattr(estimator, name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not least < value <= most
            or value == np.inf
        ):
            raise SettingError(f"{name} is above 0{' and at most 1' if most == 1 else ''}; got {value!r}")
    goal = estimator.target_
    if goal.loss_kind not in ("binary", "labels"):
        raise SettingError("a teacher's probabilities are of one class a row; leave teacher=None for several labels")
    teacher = estimator_in(estimator.teacher, "teacher")
    if not hasattr(teacher, "predict_proba") or not hasattr(teacher, "classes_"):
        raise SettingError(
            f"teacher is a fitted classifier with predict_proba and classes_, or the path of one; "
            f"got {estimator.teacher!r}"
        )
    known, mine = list(np.asarray(teacher.classes_).tolist()), list(np.asarray(goal.classes).tolist())
    unknown = [c for c in mine if c not in known]
    if unknown:
        raise DataError(
            f"the teacher does not know the classes {few(map(repr, unknown))}; it knows {few(map(repr, known))}"
        )
    told = np.asarray(teacher.predict_proba(X), dtype=np.float64)[:, [known.index(c) for c in mine]]
    logs = torch.from_numpy(np.log(np.maximum(told, LEAST))).float()
    return logs[:, 1:] - logs[:, :1] if goal.loss_kind == "binary" else logs


def refuse_parts(estimator: "Estimator") -> None:
    """Refuses, for `partial_fit`, what needs to know all rows or the number of epochs."""
    asked = [name for name in ("unfreeze", "teacher") if getattr(estimator, name, None) is not None]
    if asked:
        raise SettingError(f"{few(asked)} needs all rows and epochs at once, which partial_fit has not; use fit")
