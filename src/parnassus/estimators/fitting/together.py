"""Several estimators fitted at once, folds or seeds or members, in one batched program where shapes agree."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from ...objectives.members import members_gradient
from ...train.together import Together, like
from ..protocol import unfitted_on_error
from .assembly import placed
from .training import Ready, threads_for

if TYPE_CHECKING:
    from ...train.trainer import Trainer
    from ..base import Estimator

SMALL = 1 << 29  # bytes of all members' rows up to which they are held at the same time

Each = TypeVar("Each", bound="Estimator")


def fit_together(estimators: Sequence[Each], parts: Sequence[dict[str, Any]]) -> list[Each]:
    """Fit each estimator on its part, keywords of `fit`, as `estimator.fit(**part)` would.

    Plain dense nets that differ in nothing but rows, seed and first weights are trained in one program: the results
    equal those of separate fits to rounding, and take a fraction of their time. Any other is fitted by itself.
    """
    waiting: list[tuple[Each, Ready, Trainer]] = []
    for estimator, part in zip(estimators, parts, strict=True):
        ready = estimator._take(**part)
        if not _joins(estimator, ready, len(estimators)):
            estimator._train(ready)
            continue
        waiting.append((estimator, ready, estimator._trainer(ready)))
    while waiting:
        first = waiting[0][2]
        group = [one for one in waiting if like(one[2], first)]
        waiting = [one for one in waiting if not like(one[2], first)]
        _fit_group(group)
    return list(estimators)


def _joins(estimator: "Estimator", ready: Ready, n: int) -> bool:
    """Whether an estimator may share a program: nothing of it is written, shown or resumed while it trains."""
    apart = estimator.out is not None or estimator.progress or estimator.regularizers
    return not apart and ready.rows.n_bytes * n <= SMALL and ready.device.type == "cpu"


def _fit_group(group: Sequence[tuple["Estimator", Ready, "Trainer"]]) -> None:
    trainers = [trainer for _, _, trainer in group]
    make = members_gradient([t.objective for t in trainers]) if len(group) > 1 else None
    if make is None:
        for estimator, ready, _ in group:
            estimator._train(ready)
        return
    started = time.perf_counter()
    with ExitStack() as stack:
        for estimator, _, _ in group:
            stack.enter_context(unfitted_on_error(estimator))
        stack.enter_context(threads_for(trainers[0].objective, trainers[0].window))
        Together(trainers, make).fit(
            [placed(ready.rows, ready.device) for _, ready, _ in group],
            [placed(ready.watched, ready.device) if ready.watched is not None else None for _, ready, _ in group],
        )
    seconds = (time.perf_counter() - started) / len(group)
    for estimator, ready, trainer in group:
        estimator._conclude(ready, trainer, seconds)
