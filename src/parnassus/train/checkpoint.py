"""When a training is written down: at every epoch's end and every N steps, always between two steps."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .record import Record

if TYPE_CHECKING:
    from .trainer import Trainer


class Checkpoint(Record):
    """Hands the trainer's state to `write`, which must replace the last one in one piece."""

    def __init__(self, write: Callable[[dict[str, Any]], None], *, every: int | None = None) -> None:
        self.write, self.every = write, every

    def stepped(self, trainer: "Trainer") -> None:
        ended = trainer.timetable.ends_epoch(trainer.step)
        if ended or (self.every and trainer.step % self.every == 0):
            self.write(trainer.state_dict())
