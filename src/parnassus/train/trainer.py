"""The loop: gradient, clip, step, schedule, average, validate, stop early, resume. Sees phases and batches only.

A step shows the objective one window of `batch_size` rows; `micro_batch_size` cuts the window for memory and changes
nothing else, so a step is whole and a checkpoint between steps holds no half-filled window. What is random is a
function of (seed, epoch) for the order of rows and of (seed, step) for the rest, so a checkpoint holds no random
state and a resumed training takes up its place without reading what it skips.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..data.rows import Rows
from ..data.rows import batches as batches_of
from ..data.text.token_groups import TokenGroups
from ..errors import Diverged, SettingError
from ..registry import Spec
from .blocks import averages_in_place
from .checkpoint import check_same, identity_of, restore, state_of
from .diagnosis import explain
from .distributed import ALONE, Ranks
from .interrupt import deferred_interrupt
from .measuring import means_over, numbers_in, watch
from .phase import Batch, Objective, Phase
from .plan import Plan
from .randomness import kept_random, seed_device, seed_of, step_seed
from .record import Losses, Record
from .schedules import Schedule
from .sharding import Shards, divisible
from .strategies import WHOLE, Strategy
from .timetable import Timetable, cuts_of

if TYPE_CHECKING:
    from .regularizers import Regularizer

FOLD_EVERY = 512  # steps between two looks at the losses: often enough to stop, too seldom to cost
SNAPSHOT_LIMIT = 20_000_000  # numbers in a model up to which an epoch's start is kept, to find a divergence's cause


def optimizer_for(phase: Phase, chosen: Spec, by_phase: Mapping[str, Spec]) -> Spec:
    """What the user fixed, for all phases or for this one, beats the phase's own options, which beat defaults."""
    own = dict(phase.optimizer)
    user = by_phase.get(phase.name, chosen)
    name = own.pop("name", user.name)
    if user.options or phase.name in by_phase:
        name = user.name
    spec = user.registry(name)
    fits = {k: v for k, v in own.items() if k in spec.defaults()}
    return spec.set_params(**fits | (user.options if spec.name == user.name else {}))


def refuse_idle(schedule: Spec, optimizers: Mapping[str, Any]) -> None:
    """Refuses a schedule where every optimizer finds its own step, so that it would change nothing."""
    if schedule.get_params() == {"warmup": 0.0} and schedule.name == "constant":
        return
    if optimizers and not any(o.scheduled for o in optimizers.values()):
        names = ", ".join(sorted({o.name for o in optimizers.values()}))
        raise SettingError(
            f"schedule {schedule.name!r} has no effect with optimizer {names!r}, which finds its own step; "
            f"leave schedule='constant', or choose an optimizer with a rate, such as 'adam'"
        )


def sizes_of(plan: Plan) -> list[tuple[int, int]]:
    """The plan's batch size as pairs (first epoch, rows)."""
    return [(0, plan.batch_size)] if isinstance(plan.batch_size, int) else list(plan.batch_size)


def cut_up(rows: Rows, order: Tensor, window: int, size: int | None) -> tuple[Rows, Tensor, list[list[int]]]:
    """Rows, their order, and how many of them each cut of each window has; of groups, each is a window of its rows."""
    if isinstance(rows, TokenGroups):
        rows, order, counts = rows.opened(order)
        return rows, order, [[n] for n in counts]
    return rows, order, [cuts_of(n, size) for n in cuts_of(len(order), window)]


class Trainer:
    """Trains an objective; `prepare(batch, training=...)` turns what rows give into what its phases take."""

    piece: int | None = None  # rows at once, since a step ran out of memory

    def __init__(
        self,
        objective: Objective,
        prepare: Callable[..., Batch],
        *,
        plan: Plan,
        optimizer: Spec,
        schedule: Spec,
        n_rows: int,
        device: torch.device | str = "cpu",
        by_phase: Mapping[str, Spec] | None = None,
        regularizers: Sequence["Regularizer"] = (),
        ranks: Ranks = ALONE,
        deterministic: bool = False,
        strategy: Strategy = WHOLE,
    ) -> None:
        self.objective, self.prepare, self.plan, self.n_rows = objective, prepare, plan, n_rows
        self.device, self.regularizers, self.strategy = torch.device(device), list(regularizers), strategy
        self.rows: Rows
        self.phases: list[Phase] = strategy.phases(objective)
        self.players = {p.name: [q for q in p.params if q.requires_grad] for p in self.phases}
        self.specs = {p.name: optimizer_for(p, optimizer, by_phase or {}) for p in self.phases if self.players[p.name]}
        decays = any(spec.get_params().get("weight_decay") for spec in self.specs.values())
        rates = {p: rate for phase in self.phases for p, rate in phase.rates.items()}
        self.shards = Shards(
            objective,
            ranks,
            divided=strategy.by_rows and divisible(objective, list(self.players.values())),
            seed=plan.seed,
            device=self.device,
            deterministic=deterministic,
        )
        self.blocks = strategy.blocks(self.players, decays=decays, rates=rates)
        self.distinct = list({id(b): b for blocks in self.blocks.values() for b in blocks}.values())
        self.optimizers = strategy.optimizers(self.specs, self.blocks, self.regularizers)
        refuse_idle(schedule, self.optimizers)
        for block in self.distinct if plan.average else ():
            block.average = block.values.clone()
        self.timetable = Timetable(n_rows, plan.epochs, [(0, n_rows)] if objective.full_batch else sizes_of(plan))
        self.steps = self.timetable.steps
        self.schedule: Schedule = schedule.make()
        self.schedule.begin(self.timetable)
        self.identity = identity_of(plan, self.regularizers, optimizer=optimizer, schedule=schedule, n_rows=n_rows)
        self.step, self.stopped, self.interrupted = 0, False, False
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.losses = {p.name: Losses() for p in self.phases}
        self.cuts = self.timetable.cuts(0, plan.micro_batch_size)  # the rows of the window under way, on all ranks
        self._epoch_start: dict[str, Any] | None = None
        self._held: Batch | None = None  # all rows, of an objective that sees them all at every step

    @property
    def window(self) -> int:
        """The rows of a window in the epoch under way."""
        return self.timetable.window(self.step)

    @property
    def steps_per_epoch(self) -> int:
        """The steps of the epoch under way."""
        return self.timetable.steps_per_epoch(self.step)

    # --- the loop ---------------------------------------------------------------------------------

    def fit(
        self,
        rows: Rows,
        *,
        validation: Rows | None = None,
        record: Record | None = None,
        after_step: Callable[["Trainer"], None] | None = None,
    ) -> "Trainer":
        """Train to the end, to where patience ends, or to Ctrl-C; the process's random state comes back as it was."""
        record = record or Record()
        with (
            torch.no_grad(),
            kept_random(self.device),
            deferred_interrupt(ending=self.shards.ranks.size == 1) as interrupt,
            record.showing(self),
            self.shards.norms_together(),
        ):
            self.start(rows)
            while self.step < self.steps and not self.stopped:
                self._remember()
                for batches in self.windows(rows):
                    self.train_step(batches)
                    ended = self.timetable.ends_epoch(self.step)
                    looked = ended or self.step % FOLD_EVERY == 0
                    if looked:
                        self.fold()
                    if ended:
                        self.end_epoch(validation, record)
                    record.stepped(self)
                    if after_step:
                        after_step(self)
                    if self.shards.asked(interrupt.asked, looked):
                        record.interrupted(self)
                        self.interrupted = self.stopped = True
                        break
        return self.finish()

    def windows(self, rows: Rows) -> Iterator[list[Batch]]:
        """The windows of the epoch under way that are still to come, each as its cuts, as rows give them."""
        if self.objective.full_batch and self.plan.micro_batch_size is None:
            self._held = self._held or rows.take(torch.arange(self.n_rows))  # an index always gives the same
            yield [dict(self._held)]
            return
        epoch, position = self.timetable.place(self.step)
        order = self.order(epoch)[position * self.window :]
        rows, order, cuts = cut_up(rows, order, self.window, self.plan.micro_batch_size)
        pieces = batches_of(rows, *self.shards.rows(order, [n for sizes in cuts for n in sizes]))
        for self.cuts in cuts:
            yield [next(pieces) for _ in self.cuts]

    def order(self, epoch: int) -> Tensor:
        """The order in which an epoch takes its rows, (n_rows,) int64."""
        if self.objective.full_batch:
            return torch.arange(self.n_rows)
        generator = torch.Generator().manual_seed(seed_of(self.plan.seed, "order", epoch))
        order = torch.randperm(self.n_rows, generator=generator)
        arranged = getattr(getattr(self, "rows", None), "arranged", None)
        return order if arranged is None else arranged(order, self.timetable.windows[epoch], generator)

    def start(self, rows: Rows) -> None:
        """Take the rows to train on, and let the objective start from them before the first step."""
        self.rows, self._held = rows, None
        self.objective.train()
        if self.step == 0 and type(self.objective).begin is not Objective.begin:
            seed_device(self.device, seed_of(self.plan.seed, "begin"))
            self.objective.begin(self.prepare(rows.take(torch.arange(min(len(rows), 10_000)))))
        self.shards.begin(self, rows)

    def _remember(self) -> None:
        if self.strategy.remembers and numbers_in(self.objective) <= SNAPSHOT_LIMIT:
            self._epoch_start = self.state_dict()

    def train_step(self, window: list[Batch]) -> None:
        """Let every player that is due move once over one window, given as its cuts; losses stay on the device."""
        seed_device(self.device, step_seed(self.plan.seed, self.step))
        self.objective.progress = progress = self.step / self.steps
        for regularizer in self.regularizers:
            regularizer.progress = progress
        sizes = self.cuts if self.shards.divided else []
        batches = self.shards.prepared(window, sizes, self.step, self.prepared)
        for phase in self.phases:
            if phase.due(self.step, progress):
                counts = [(phase.weight or self.objective.weight)(batch) for batch in batches]
                self.losses[phase.name].add(*self._move(phase, batches, counts, sizes))
        if self.plan.average:
            for block in self.distinct:
                block.average.lerp_(block.values, self.timetable.newest_share(self.plan.average, self.step + 1))  # type: ignore[union-attr]
        self.step += 1

    def prepared(self, cut: Batch) -> Batch:
        """What rows gave as what phases take in training."""
        batch = self.prepare(cut, training=True)
        for regularizer in self.regularizers:
            batch = regularizer.batch(batch)
        return batch

    def _move(self, phase: Phase, batches: list[Batch], counts: list, sizes: list[int]) -> tuple[Tensor, list]:
        """One player's move; its loss, and what that is a mean over."""
        shares: list[Any] = [None] if len(counts) == 1 else [c / sum(counts) for c in counts]
        if self.shards.divided:
            shares = self.shards.counted(counts, sizes)
        if phase.name in self.optimizers:
            mover = self.optimizers[phase.name]
            closure = self.strategy.closure(self, phase, batches, shares, repeats=mover.repeats, sizes=sizes)
            loss = mover.step(closure, self.schedule(self.step / self.steps))
            counts = counts if closure.total is None else [closure.total]
            for regularizer in self.regularizers:
                regularizer.after(self.blocks[phase.name])
        else:
            loss = sum(phase.loss(b) * (1.0 if s is None else s) for b, s in zip(batches, shares, strict=True))
        if phase.after:
            phase.after()
        return loss.detach(), counts

    # --- the end of an epoch ----------------------------------------------------------------------

    def fold(self) -> None:
        """Add the losses up, which waits for the device; a loss that is not finite ends the training."""
        for name, losses in self.losses.items():
            bad = losses.fold()
            if bad is not None:
                # `bad` counts from the last of the steps that this phase moved in since the last fold
                raise Diverged(explain(self, self.rows, name, bad))

    def end_epoch(self, validation: Rows | None, record: Record) -> None:
        """Measure on the validation rows, keep the epoch's means, and look whether patience is at its end."""
        epoch = self.timetable.place(self.step)[0] - 1
        summary = {name: losses.mean() for name, losses in self.losses.items() if losses.total}
        if len(self.phases) == 1 and summary:
            summary = {"loss": next(iter(summary.values()))}
        for losses in self.losses.values():
            losses.clear()
        self.shards.settle()
        if validation is not None:
            seed_device(self.device, seed_of(self.plan.seed, "validation", epoch))
            summary |= {f"validation_{k}": v for k, v in self.averaged(lambda: self.evaluate(validation)).items()}
        summary |= {"rate": self.rate()} if self.optimizers else {}  # of counting rules, such as EM, there is none
        summary = self.shards.told(summary)
        self.history.append(summary)
        self.schedule.observe(self.history)
        if self.plan.patience or validation is not None:
            watch(self, summary, epoch)
        self.stopped = self.stopped or self.objective.finished
        record.epoch(self, summary)

    def rate(self) -> float:
        """The learning rate of the first player's last step."""
        first = next(iter(self.optimizers.values()))
        return first.lr * self.schedule((self.step - 1) / self.steps)

    def averaged(self, work: Callable[[], Any]) -> Any:
        """What `work()` gives under the averaged weights, where an average is kept."""
        with averages_in_place(self.distinct):
            return work()

    @torch.no_grad()
    def evaluate(self, rows: Rows, *, batch_size: int = 1024) -> dict[str, float]:
        """The objective's means over all rows."""
        return means_over(self.objective, self.prepare, rows, batch_size=batch_size, shards=self.shards)

    @torch.no_grad()
    def finish(self) -> "Trainer":
        """The averaged weights, or the best, in the objective's parameters, which get memory of their own."""
        for block in self.distinct:
            if block.average is not None:
                block.values.copy_(block.average)
        if self.best and (self.plan.patience or self.interrupted):
            self.objective.load_state_dict(self.best["state"])
        self.strategy.end(self.objective, self.distinct)
        self._epoch_start = self._held = None
        self.objective.eval()
        return self

    # --- resume -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that a later process needs to go on from between two steps."""
        return state_of(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a training where `state_dict` left it; another plan or other data are refused."""
        check_same(state["identity"], self.identity)
        restore(self, state)
