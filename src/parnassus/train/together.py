"""Trainings whose shapes agree, side by side: folds, seeds, the members of an ensemble.

Every member keeps its own rows, order, history, validation and best weights; only the gradients and the optimizer's
step are one call for all. What comes out equals separate trainings to rounding.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..data.rows import GATHERED, Rows
from ..errors import Diverged
from .blocks import clip, stacked
from .diagnosis import explain
from .interrupt import deferred_interrupt
from .optimizers.base import Optimizer
from .phase import Batch
from .randomness import kept_random
from .record import Record
from .schedules import Schedule
from .timetable import cuts_of
from .trainer import FOLD_EVERY, Trainer

Gradient = Callable[[Batch, Sequence[int]], Tensor]


def like(trainer: Trainer, other: Trainer) -> bool:
    """Whether two trainings differ in nothing but rows, seed and weights, so that one program can run both."""
    return trainer is other or (
        _batchable(trainer)
        and _batchable(other)
        and replace(trainer.plan, seed=0) == replace(other.plan, seed=0)
        and repr(trainer.specs) == repr(other.specs)
        and trainer.identity["schedule"] == other.identity["schedule"]
        and (trainer.timetable.starts, trainer.device) == (other.timetable.starts, other.device)
        and [b.values.shape for b in trainer.distinct] == [b.values.shape for b in other.distinct]
    )


def _batchable(trainer: Trainer) -> bool:
    """One phase in closed form on every step, whole windows, and an optimizer that moves each weight by itself."""
    plan = trainer.plan
    phase = trainer.phases[0]
    elementwise = all(
        isinstance(o, Optimizer) and type(o).step is Optimizer.step and type(o).apply is Optimizer.apply
        for o in trainer.optimizers.values()
    )
    own_rate = type(trainer.schedule).observe is not Schedule.observe  # found from the member's own history
    whole = plan.micro_batch_size is None and plan.precision == "float32" and not trainer.regularizers
    plain = phase.every == 1 and phase.during == (0.0, 1.0) and phase.after is None and phase.gradient is not None
    return len(trainer.phases) == 1 and plain and whole and elementwise and not own_rate


class Together:
    """Trains members that are `like` each other; `ready()` makes their gradients' function once they share memory."""

    def __init__(self, trainers: Sequence[Trainer], ready: Callable[[], Gradient]) -> None:
        self.trainers, self.first = list(trainers), trainers[0]
        self.blocks = [stacked(of_members) for of_members in zip(*(t.distinct for t in trainers), strict=True)]
        self.optimizer = next(iter(self.first.specs.values())).make(self.blocks)
        self.gradient = ready()
        self.losses: list[Tensor] = []  # (members,) a step, until they are added up
        self.counts: list[Tensor] = []

    def fit(self, rows: Sequence[Rows], validations: Sequence[Rows | None]) -> None:
        """Train every member on its rows to the end, to where its patience ends, or to Ctrl-C."""
        first, record = self.first, Record()
        with torch.no_grad(), kept_random(first.device), deferred_interrupt() as interrupt:
            for trainer, own in zip(self.trainers, rows, strict=True):
                trainer.start(own)
            while first.step < first.steps and not all(t.stopped for t in self.trainers):
                for batch, n_rows in self.windows(rows):
                    self.step(batch, n_rows)
                    ended = first.timetable.ends_epoch(first.step)
                    if ended or first.step % FOLD_EVERY == 0:
                        self.fold()
                    for trainer, held in zip(self.trainers, validations, strict=True):
                        if ended and not trainer.stopped:
                            trainer.end_epoch(held, record)
                    if interrupt.asked:
                        for trainer in self.trainers:
                            trainer.interrupted = trainer.stopped = True
                        break
        for trainer in self.trainers:
            trainer.finish()

    def fold(self) -> None:
        """Add all members' losses up at once; one that is not finite ends the training, unless its member has ended."""
        values, counts = torch.stack(self.losses).double(), torch.stack(self.counts).double()
        sums, totals = (values * counts).sum(0).tolist(), counts.sum(0).tolist()
        for i, trainer in enumerate(self.trainers):
            name = trainer.phases[0].name
            if not math.isfinite(sums[i]) and not trainer.stopped:
                first = int((~values[:, i].isfinite()).nonzero()[0])
                raise Diverged(explain(trainer, trainer.rows, name, len(values) - first))
            trainer.losses[name].book(sums[i], totals[i])
        self.losses, self.counts = [], []

    def windows(self, rows: Sequence[Rows]) -> Iterator[tuple[Batch, list[int]]]:
        """The windows of an epoch with an axis of members in front, and how many rows of each member are its own.

        Members with a row fewer than others are filled up with zeros. Several windows are gathered at a time.
        """
        window = max(t.window for t in self.trainers)  # of members whose rows all fit into one, the longest
        orders = [t.order(t.timetable.place(t.step)[0]) for t in self.trainers]
        lengths = [cuts_of(len(order), window) for order in orders]
        each = max(1, sum(own.n_bytes for own in rows) // max(map(len, orders)))
        n_gathered = max(1, GATHERED // (window * each))
        for at in range(0, len(lengths[0]), n_gathered):
            here = [own[at : at + n_gathered] for own in lengths]
            parts = [
                t.prepare(own.take(order[at * window :][: sum(sizes)]), training=True)
                for t, own, order, sizes in zip(self.trainers, rows, orders, here, strict=True)
            ]
            parts = [part | {"x": part["x"].flatten(1)} for part in parts]
            whole = {k: pad_sequence([part[k] for part in parts], batch_first=True) for k in parts[0]}
            for i, n_rows in enumerate(zip(*here, strict=True)):
                first = i * window
                yield {k: t[:, first : first + max(n_rows)] for k, t in whole.items()}, list(n_rows)

    def step(self, batch: Batch, n_rows: Sequence[int]) -> None:
        """Move all members once, each over its own rows of the window."""
        plan, weight = self.first.plan, batch.get("weight")
        self.losses.append(self.gradient(batch, n_rows))
        self.counts.append(torch.tensor(n_rows) if weight is None else weight.sum(1))
        for trainer in self.trainers if plan.clip_norm or plan.clip_value else ():
            clip(trainer.distinct, norm=plan.clip_norm, value=plan.clip_value)
        self.optimizer.apply(self.first.schedule(self.first.step / self.first.steps))
        newest = self.first.timetable.newest_share(plan.average, self.first.step + 1) if plan.average else 0.0
        for block in self.blocks if plan.average else ():
            block.average.lerp_(block.values, newest)  # type: ignore[union-attr]
        for trainer in self.trainers:
            trainer.step += 1
