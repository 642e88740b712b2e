"""What a training leaves behind: losses kept on the device, the epochs' log, the progress that a person watches."""

import csv
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import FileError
from ..imports import imported

if TYPE_CHECKING:
    from .trainer import Trainer


N_LINES = 20  # about as many lines does a whole training print where there is no terminal


class Losses:
    """One phase's losses: tensors on the device until `fold` adds them up, in float64."""

    first = math.nan  # the very first loss, before the phase had moved

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.values: list[Tensor] = []
        self.counts: list[Any] = []
        self.sum, self.total = 0.0, 0.0

    def add(self, loss: Tensor, counts: list) -> None:
        self.values.append(loss)
        self.counts.append(counts[0] if len(counts) == 1 else sum(counts))

    def book(self, total_loss: float, count: float) -> None:
        """Add sums that were made elsewhere."""
        self.sum, self.total = self.sum + total_loss, self.total + count

    def fold(self) -> int | None:
        """Add up what is pending; where a loss is not finite, its place counted from the end (1 is the last)."""
        if not self.values:
            return None
        values, counts = self._stacked()
        finite = values.isfinite()
        if not finite.all():
            return len(values) - int((~finite).nonzero()[0])
        self.first = float(values[0]) if math.isnan(self.first) else self.first
        self.sum += float((values * counts).sum())
        self.total += float(counts.sum())
        self.values, self.counts = [], []
        return None

    def mean(self) -> float:
        return self.sum / self.total

    def _stacked(self) -> tuple[Tensor, Tensor]:
        values = torch.stack([v.reshape(()) for v in self.values]).double().cpu()
        if not any(isinstance(c, Tensor) for c in self.counts):
            return values, torch.tensor(self.counts, dtype=torch.float64)
        return values, torch.stack([torch.as_tensor(c, dtype=torch.float64, device="cpu") for c in self.counts])

    def state_dict(self) -> dict[str, Any]:
        values, counts = self._stacked() if self.values else (torch.zeros(0).double(), torch.zeros(0).double())
        first = [] if math.isnan(self.first) else [self.first]
        return {"first": first, "sum": self.sum, "total": self.total, "values": values, "counts": counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        first = list(state.get("first", ()))  # none in the first files, numbers in a tensor in divided ones
        self.first = float(first[0]) if first else math.nan
        self.sum, self.total = state["sum"], state["total"]
        self.values, self.counts = list(state["values"]), list(state["counts"])


class Record:
    """Hears of every step and epoch; the plain one says nothing."""

    def of(self, estimator: Any) -> "Record":
        """What hears of the training that this estimator begins: itself, or a record of that training alone."""
        return self

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        yield

    def stepped(self, trainer: "Trainer") -> None:
        """After every step; must not read the device."""

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        """After every epoch, with its means."""

    def interrupted(self, trainer: "Trainer") -> None:
        """After the last step of a training that is asked to end early."""


class Progress(Record):
    """A line with epoch, losses, rate and time left, redrawn on a terminal; `always` prints elsewhere too."""

    def __init__(self, *, always: bool = False) -> None:
        self.always = always
        self.terminal = sys.stderr.isatty()
        self._live: Any = None

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        if not self.terminal:
            yield
            return
        rich, console = imported("rich.progress"), imported("rich.console").Console(stderr=True)
        text, bar, left = rich.TextColumn, rich.BarColumn, rich.TimeRemainingColumn
        named = text("{task.description}"), bar(), text("{task.fields[shown]}"), left()
        with rich.Progress(*named, console=console, transient=not self.always) as self._live:
            self._task = self._live.add_task("epoch 1", total=trainer.steps, completed=trainer.step, shown="")
            yield
        self._live = None

    def stepped(self, trainer: "Trainer") -> None:
        if self._live is not None:
            self._live.update(self._task, completed=trainer.step)

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        number = len(trainer.history)
        if self._live is not None:
            self._live.update(self._task, description=f"epoch {number + 1}", shown=shown(summary))
        epochs = trainer.plan.epochs
        due = number in (1, epochs) or number % max(1, epochs // N_LINES) == 0
        if self.always and (number == epochs if self._live is not None else due):
            print(f"epoch {number}/{epochs}  {shown(summary)}", file=sys.stderr)


PICTURES = "pictures"  # where a run's folder holds what was drawn while it trained, epoch_0001.png and on


class Log(Record):
    """Writes `log.csv` and TensorBoard events into a run's folder, a row an epoch; a resumed run goes on.

    `stage` draws, of a trainer at an epoch's end, a picture (height, width[, 3]) of bytes that is written too, or None.
    """

    def __init__(self, folder: Path, stage: Callable[["Trainer"], Any] | None = None) -> None:
        self.folder, self.stage = folder, stage
        self._events: Any = None
        self._start = time.perf_counter()

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        from tensorboardX import SummaryWriter

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"{self.folder}: no folder can be made here ({error.strerror}); give another out"
            ) from error
        self._write(trainer.history)
        for epoch, path in pictures_in(self.folder).items():
            if epoch > len(trainer.history):  # of a run that stood here before, or of what is done again
                path.unlink()
        self._events = SummaryWriter(str(self.folder / "events"), purge_step=len(trainer.history))
        try:
            yield
        except BaseException:
            with suppress(OSError):  # on a full disk: what ended the training is what is told
                self._events.close()
            raise
        try:
            self._events.close()
        except OSError as error:
            raise FileError(f"{self.folder / 'events'}: cannot be written: {error.strerror or error}") from error

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        self._write(trainer.history)
        for name, value in summary.items():
            self._events.add_scalar(name, value, len(trainer.history))
        picture = self.stage(trainer) if self.stage is not None else None
        if picture is not None:
            self._show(picture, len(trainer.history))

    def _show(self, picture: Any, epoch: int) -> None:
        """A picture as a file of the folder and as an event."""
        from PIL import Image

        path = self.folder / PICTURES / f"epoch_{epoch:04d}.png"
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(picture).save(part, "PNG")
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
        self._events.add_image(PICTURES, picture, epoch, dataformats="HWC" if picture.ndim == 3 else "HW")

    def _write(self, history: list[dict[str, float]]) -> None:
        names = list(dict.fromkeys(k for summary in history for k in summary))
        path, part = self.folder / "log.csv", self.folder / "log.csv.part"
        try:
            with part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["epoch", *names])
                writer.writerows([i + 1, *(s.get(n, "") for n in names)] for i, s in enumerate(history))
            os.replace(part, path)  # in one piece: a full disk or a kill leaves the log of the epoch before
        except OSError as error:
            part.unlink(missing_ok=True)
            raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error


def pictures_in(folder: Path) -> dict[int, Path]:
    """The pictures that a run's folder holds, by epoch, in order."""
    found = ((path.stem.removeprefix("epoch_"), path) for path in (folder / PICTURES).glob("epoch_*.png"))
    return dict(sorted((int(number), path) for number, path in found if number.isdecimal()))


LISTENERS: ContextVar[tuple[Record, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(*records: Record) -> Iterator[None]:
    """Inside, these records hear of every training that an estimator begins, beside its own."""
    before = LISTENERS.set((*LISTENERS.get(), *records))
    try:
        yield
    finally:
        LISTENERS.reset(before)


class Several(Record):
    """Passes everything on to other records."""

    def __init__(self, *records: Record) -> None:
        self.records = records

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        from contextlib import ExitStack

        with ExitStack() as stack:
            for record in self.records:
                stack.enter_context(record.showing(trainer))
            yield

    def stepped(self, trainer: "Trainer") -> None:
        for record in self.records:
            record.stepped(trainer)

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        for record in self.records:
            record.epoch(trainer, summary)

    def interrupted(self, trainer: "Trainer") -> None:
        for record in self.records:
            record.interrupted(trainer)


def shown(summary: dict[str, float]) -> str:
    """An epoch's means in one line."""
    return "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in summary.items())
