"""What of a training is written down and taken up again, and when: at every epoch's end and every N steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .plan import Plan
from .record import Record

if TYPE_CHECKING:
    from .regularizers import Regularizer
    from .trainer import Trainer


def identity_of(plan: Plan, regularizers: Sequence["Regularizer"], **settings: Any) -> dict[str, Any]:
    """What a resumed training must share with the one it continues, as JSON keeps it."""
    own = asdict(plan) | {k: v if isinstance(v, int) else repr(v) for k, v in settings.items()}
    if not isinstance(plan.batch_size, int):
        own["batch_size"] = repr(plan.batch_size)  # JSON has no tuples
    return own | ({"regularizers": repr(list(regularizers))} if regularizers else {})


def check_same(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of another training, naming what differs."""
    names = [*mine, *(k for k in theirs if k not in mine)]
    differing = {k: (theirs.get(k), mine.get(k)) for k in names if theirs.get(k) != mine.get(k)}
    if differing:
        shown = "; ".join(f"{k} was {was!r} and is now {now!r}" for k, (was, now) in differing.items())
        raise DataError(f"this checkpoint is of another training: {shown}; resume with the same, or start anew")


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """All that a later process needs to go on from between two steps; the same on every rank."""
    return {
        "identity": trainer.identity,
        "step": trainer.step,
        "stopped": trainer.stopped,
        "history": [dict(h) for h in trainer.history],
        "best": trainer.best,
        "losses": {k: s.state_dict() for k, s in trainer.losses.items()},
        "objective": {k: v.clone() for k, v in trainer.objective.state_dict().items()},
        "averages": [b.average.clone() for b in trainer.distinct if b.average is not None],
        "optimizers": {k: o.state_dict() for k, o in trainer.optimizers.items()},
    }


def restore(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    """Put a trainer where `state_of` left another."""
    trainer.step, trainer.stopped, trainer.best = state["step"], state["stopped"], state["best"]
    trainer.history = [dict(h) for h in state["history"]]
    trainer.schedule.observe(trainer.history)
    trainer.objective.load_state_dict(state["objective"])
    for name, losses in trainer.losses.items():
        losses.load_state_dict(state["losses"][name])
    averaged = [b for b in trainer.distinct if b.average is not None]
    for block, average in zip(averaged, state["averages"], strict=True):
        block.average.copy_(average)  # type: ignore[union-attr]
    for name, o in trainer.optimizers.items():
        o.load_state_dict(state["optimizers"][name])


class Checkpoint(Record):
    """Hands the trainer to `write` between two steps, which must replace the state written last in one piece."""

    def __init__(self, write: Callable[["Trainer"], None], *, every: int | None = None) -> None:
        self.write, self.every = write, every

    def stepped(self, trainer: "Trainer") -> None:
        if self.due(trainer):
            self.write(trainer)

    def interrupted(self, trainer: "Trainer") -> None:
        if not self.due(trainer):
            self.write(trainer)

    def due(self, trainer: "Trainer") -> bool:
        """Whether a step ends an epoch, or so many steps."""
        return trainer.timetable.ends_epoch(trainer.step) or bool(self.every and trainer.step % self.every == 0)
