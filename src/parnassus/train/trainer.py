"""The loop: gradient, clip, step, schedule, average, validate, stop early, resume. Sees phases and batches only.

A step shows the objective one window of `batch_size` rows; `micro_batch_size` cuts the window for memory and changes
nothing else, so a step is whole and a checkpoint between steps holds no half-filled window. What is random is a
function of (seed, epoch) for the order of rows and of (seed, step) for the rest, so a checkpoint holds no random
state and a resumed training takes up its place without reading what it skips.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..data.rows import Rows
from ..data.rows import batches as batches_of
from ..errors import DataError, Diverged, SettingError
from ..registry import Spec
from .blocks import averages_in_place, blocks_of, clip
from .diagnosis import explain
from .interrupt import deferred_interrupt
from .phase import Batch, Objective, Phase
from .plan import Plan
from .randomness import kept_random, seed_device, seed_of, step_seed
from .record import Losses, Record

FOLD_EVERY = 512  # steps between two looks at the losses: often enough to stop, too seldom to cost
SNAPSHOT_LIMIT = 20_000_000  # numbers in a model up to which an epoch's start is kept, to find a divergence's cause


def cuts_of(n: int, size: int | None) -> list[int]:
    """n rows in cuts of `size`, the last one ragged: the lengths."""
    size = size or n
    return [min(size, n - at) for at in range(0, n, size)]


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


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager:
    """The context in which losses are computed: plain, or with matrix products in bfloat16."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, dtype=torch.bfloat16)


class Trainer:
    """Trains an objective; `prepare(batch, training=...)` turns what rows give into what its phases take."""

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
    ) -> None:
        self.objective, self.prepare, self.plan, self.n_rows = objective, prepare, plan, n_rows
        self.device = torch.device(device)
        self.schedule = schedule.make()
        self.phases: list[Phase] = list(objective.phases())
        self.players = {p.name: [q for q in p.params if q.requires_grad] for p in self.phases}
        specs = {p.name: optimizer_for(p, optimizer, by_phase or {}) for p in self.phases if self.players[p.name]}
        decays = any(spec.get_params().get("weight_decay") for spec in specs.values())
        self.blocks = blocks_of(self.players, decays=decays)
        self.distinct = list({id(b): b for blocks in self.blocks.values() for b in blocks}.values())
        self.optimizers = {name: spec.make(self.blocks[name]) for name, spec in specs.items()}
        for block in self.distinct if plan.average else ():
            block.average = block.values.clone()
        self.window = n_rows if objective.full_batch else min(plan.batch_size, n_rows)
        self.steps_per_epoch = math.ceil(n_rows / self.window)
        self.steps = plan.epochs * self.steps_per_epoch
        self.identity = asdict(plan) | {"optimizer": repr(optimizer), "schedule": repr(schedule), "n_rows": n_rows}
        self.step, self.stopped, self.interrupted = 0, False, False
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.losses = {p.name: Losses() for p in self.phases}
        self._epoch_start: dict[str, Any] | None = None

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
        with torch.no_grad(), kept_random(self.device), deferred_interrupt() as interrupt, record.showing(self):
            self.objective.train()
            if self.step == 0:
                self._begin(rows)
            while self.step < self.steps and not self.stopped:
                self._remember()
                for batches in self.windows(rows):
                    self.train_step(batches)
                    if self.step % FOLD_EVERY == 0 or self.step % self.steps_per_epoch == 0:
                        self._fold(rows)
                    if self.step % self.steps_per_epoch == 0:
                        self._end_epoch(validation, record)
                    record.stepped(self)
                    if after_step:
                        after_step(self)
                    if interrupt.asked:
                        self.interrupted = self.stopped = True
                        break
        return self._finish()

    def windows(self, rows: Rows) -> Iterator[list[Batch]]:
        """The windows of the epoch under way that are still to come, each as its cuts, as rows give them."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        order = self.order(epoch)[position * self.window :]
        cuts = [
            cuts_of(min(self.window, len(order) - at), self.plan.micro_batch_size)
            for at in range(0, len(order), self.window)
        ]
        pieces = batches_of(rows, order, [n for sizes in cuts for n in sizes])
        for sizes in cuts:
            yield [next(pieces) for _ in sizes]

    def order(self, epoch: int) -> Tensor:
        """The order in which an epoch takes its rows, (n_rows,) int64."""
        if self.objective.full_batch:
            return torch.arange(self.n_rows)
        generator = torch.Generator().manual_seed(seed_of(self.plan.seed, "order", epoch))
        return torch.randperm(self.n_rows, generator=generator)

    def _begin(self, rows: Rows) -> None:
        if type(self.objective).begin is not Objective.begin:
            seed_device(self.device, seed_of(self.plan.seed, "begin"))
            self.objective.begin(self.prepare(rows.take(torch.arange(min(len(rows), 10_000)))))

    def _remember(self) -> None:
        if sum(t.numel() for t in self.objective.state_dict().values()) <= SNAPSHOT_LIMIT:
            self._epoch_start = self.state_dict()

    def train_step(self, window: list[Batch]) -> None:
        """Let every player that is due move once over one window, given as its cuts; losses stay on the device."""
        seed_device(self.device, step_seed(self.plan.seed, self.step))
        batches = [self.prepare(cut, training=True) for cut in window]
        progress = self.step / self.steps
        for phase in self.phases:
            if phase.due(self.step, progress):
                counts = [(phase.weight or self.objective.weight)(batch) for batch in batches]
                loss = self._move(phase, batches, counts, self.schedule(progress))
                self.losses[phase.name].add(loss, counts)
        if self.plan.average:
            for block in self.distinct:
                block.average.lerp_(block.values, 1 - self.plan.average)  # type: ignore[union-attr]
        self.step += 1

    def _move(self, phase: Phase, batches: list[Batch], counts: list, factor: float) -> Tensor:
        shares = [1.0] if len(counts) == 1 else [c / sum(counts) for c in counts]
        if phase.name in self.optimizers:
            loss = self.optimizers[phase.name].step(lambda: self._gradient(phase, batches, shares), factor)
        else:
            loss = sum(phase.loss(b) * s for b, s in zip(batches, shares, strict=True))
        if phase.after:
            phase.after()
        return loss.detach()

    def _gradient(self, phase: Phase, batches: list[Batch], shares: list) -> Tensor:
        """Fill this player's gradients over the window and clip them; the other players' feel nothing."""
        blocks = self.blocks[phase.name]
        if phase.gradient and len(batches) == 1 and self.plan.precision == "float32":
            loss = phase.gradient(batches[0])
        else:
            for block in blocks:
                block.gradients.zero_()
            loss = torch.zeros((), device=self.device)
            for batch, share in zip(batches, shares, strict=True):
                with torch.enable_grad(), arithmetic(self.device, self.plan.precision):
                    part = phase.loss(batch) * share if len(batches) > 1 else phase.loss(batch)
                part.backward(inputs=self.players[phase.name])
                loss = loss + part.detach()
        clip(blocks, norm=self.plan.clip_norm, value=self.plan.clip_value)
        return loss

    # --- the end of an epoch ----------------------------------------------------------------------

    def _fold(self, rows: Rows) -> None:
        """Add the losses up, which waits for the device; a loss that is not finite ends the training."""
        for name, losses in self.losses.items():
            bad = losses.fold()
            if bad is not None:
                # `bad` counts from the last of the steps that this phase moved in since the last fold
                raise Diverged(explain(self, rows, name, bad))

    def _end_epoch(self, validation: Rows | None, record: Record) -> None:
        epoch = self.step // self.steps_per_epoch - 1
        summary = {name: losses.mean() for name, losses in self.losses.items() if losses.total}
        if len(self.phases) == 1 and summary:
            summary = {"loss": next(iter(summary.values()))}
        for losses in self.losses.values():
            losses.clear()
        if validation is not None:
            seed_device(self.device, seed_of(self.plan.seed, "validation", epoch))
            measured = self.averaged(lambda: self.evaluate(validation))
            summary |= {f"validation_{k}": v for k, v in measured.items()}
        summary["rate"] = self.rate()
        self.history.append(summary)
        if self.plan.patience or validation is not None:
            self._watch(summary, epoch)
        record.epoch(self, summary)

    def rate(self) -> float:
        """The learning rate of the first player's last step."""
        first = next(iter(self.optimizers.values()), None)
        return first.lr * self.schedule((self.step - 1) / self.steps) if first else 0.0

    def _watch(self, summary: dict[str, float], epoch: int) -> None:
        names = [f"validation_{self.plan.monitor}", self.plan.monitor]
        name = next((n for n in names if n in summary), None)
        if name is None and self.plan.monitor != "loss":
            raise SettingError(f"monitor {self.plan.monitor!r} is not measured; measured are {', '.join(summary)}")
        value = summary[name or next(iter(summary))]
        score = value if self.plan.monitor.endswith(("loss", "error")) else -value
        score = math.inf if math.isnan(score) else score
        if self.best is None or score < self.best["score"]:
            state = self.averaged(lambda: {k: v.clone() for k, v in self.objective.state_dict().items()})
            self.best = {"score": score, "epoch": epoch, "state": state}
        if self.plan.patience and epoch - self.best["epoch"] >= self.plan.patience:
            self.stopped = True

    def averaged(self, work: Callable[[], Any]) -> Any:
        """What `work()` gives under the averaged weights, where an average is kept."""
        with averages_in_place(self.distinct):
            return work()

    @torch.no_grad()
    def evaluate(self, rows: Rows, *, batch_size: int = 1024) -> dict[str, float]:
        """The objective's means over all rows."""
        self.objective.eval()
        sums: dict[str, Any] = {}
        total: Any = 0
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), batch_size)):
            batch = self.prepare(taken)
            count = self.objective.weight(batch)
            total = total + count
            for k, v in self.objective.evaluate(batch).items():
                sums[k] = sums.get(k, 0) + v * count
        self.objective.train()
        return {k: float(v / total) for k, v in sums.items()}

    @torch.no_grad()
    def _finish(self) -> "Trainer":
        for block in self.distinct:
            if block.average is not None:
                block.values.copy_(block.average)
        if self.best and (self.plan.patience or self.interrupted):
            self.objective.load_state_dict(self.best["state"])
        for block in self.distinct:
            block.release()
        self._epoch_start = None
        self.objective.eval()
        return self

    # --- resume -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that a later process needs to go on from between two steps."""
        return {
            "identity": self.identity,
            "step": self.step,
            "stopped": self.stopped,
            "history": [dict(h) for h in self.history],
            "best": self.best,
            "losses": {k: s.state_dict() for k, s in self.losses.items()},
            "objective": {k: v.clone() for k, v in self.objective.state_dict().items()},
            "averages": [b.average.clone() for b in self.distinct if b.average is not None],
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a training where `state_dict` left it; another plan or other data are refused."""
        theirs, mine = state["identity"], self.identity
        differing = {k: (theirs.get(k), v) for k, v in mine.items() if theirs.get(k) != v}
        if differing:
            shown = "; ".join(f"{k} was {was!r} and is now {now!r}" for k, (was, now) in differing.items())
            raise DataError(f"this checkpoint is of another training: {shown}; resume with the same, or start anew")
        self.step, self.stopped, self.best = state["step"], state["stopped"], state["best"]
        self.history = [dict(h) for h in state["history"]]
        self.objective.load_state_dict(state["objective"])
        for name, losses in self.losses.items():
            losses.load_state_dict(state["losses"][name])
        for block, average in zip((b for b in self.distinct if b.average is not None), state["averages"], strict=True):
            block.average.copy_(average)  # type: ignore[union-attr]
        for name, o in self.optimizers.items():
            o.load_state_dict(state["optimizers"][name])
