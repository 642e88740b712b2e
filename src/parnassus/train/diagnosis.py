"""Why a loss left the finite numbers: the step, the rows, the layer; and whether it ran away within them."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..data.rows import Rows
from ..data.text.token_groups import TokenGroups

if TYPE_CHECKING:
    from .trainer import Trainer

FAR = 1_000  # times its first value, at which a loss has run away
LEAST = 1e-3, 1.0  # what first values count at least: of one player, and of a game, where losses pass 0
REMEDY = "try a lower lr, clip_norm=1.0, or look for extreme values in the data"


def explain(trainer: "Trainer", rows: Rows, phase: str, from_end: int) -> str:
    """The message of a divergence: which phase and step, and, by living through the epoch again, which rows and layer.

    `from_end` counts the phase's moves back from the last step (1 is the last).
    """
    player = next(p for p in trainer.phases if p.name == phase)
    moved = [s for s in range(trainer.step) if player.due(s, s / trainer.steps)]
    step = moved[-from_end]
    epoch, position = trainer.timetable.place(step)
    window = trainer.timetable.window(step)
    index = trainer.order(epoch)[position * window :][:window]
    head = f"phase {phase!r}: the loss is not finite at step {step} (epoch {epoch + 1})"
    cause = _suspects(trainer, rows, index, step)
    return f"{head}; {cause}; {REMEDY}" if cause else f"{head}; {REMEDY}"


def warn_of_growth(trainer: "Trainer") -> None:
    """Warn of losses that stayed finite and ended far above where they began: weights that ran away."""
    if not trainer.history:
        return
    kept = trainer.best["epoch"] if trainer.best and (trainer.plan.patience or trainer.interrupted) else -1
    alone = len(trainer.phases) == 1
    for name, losses in trainer.losses.items():
        last = trainer.history[kept].get("loss" if alone else name, math.nan)
        if last > FAR * max(abs(losses.first), LEAST[not alone]):  # never of NaN
            head = "the loss" if alone else f"the loss of phase {name!r}"
            warnings.warn(
                f"{head} was {losses.first:.3g} at first and is {last:.3g} at the end: the training diverged, and the "
                f"model is of no use; {REMEDY}",
                stacklevel=5,
            )


def _suspects(trainer: "Trainer", rows: Rows, index: Tensor, step: int) -> str:
    batch = trainer.prepare(rows.take(index))
    index = _rows_of(rows, index)
    for key, value in batch.items():
        bad = ~value.isfinite().flatten(1).all(1) if value.ndim > 1 else ~value.isfinite()
        if value.is_floating_point() and bad.any():
            return f"{key} holds values that are not finite in rows {_few(index[bad.cpu()])}"
    if trainer._epoch_start is None or trainer._epoch_start["step"] > step:
        return f"its rows are {_few(index)}"
    epoch, position = trainer.timetable.place(step)
    window = trainer.timetable.window(step)
    lately = trainer.order(epoch)[max(position - 2, 0) * window : (position + 1) * window]
    largest_of = trainer.prepare(rows.take(lately))["x"].double().flatten(1).abs().amax(1)
    lately = _rows_of(rows, lately)
    _replay(trainer, rows, step)
    layer = first_bad_layer(trainer.objective, batch)
    where = f"the first layer that overflows is {layer}" if layer else "the weights themselves are out of range"
    largest = lately[largest_of.topk(min(3, len(lately))).indices.cpu()]
    return f"{where}; of the rows of that step and the two before, the largest values are in rows {_few(largest)}"


def _rows_of(rows: Rows, index: Tensor) -> Tensor:
    """The rows themselves, where those of a training are groups of them."""
    return rows.opened(index)[1] if isinstance(rows, TokenGroups) else index


def _replay(trainer: "Trainer", rows: Rows, step: int) -> None:
    """Bring the weights back to where they were before the step: training is a function of its seed."""
    trainer.load_state_dict(trainer._epoch_start or {})
    for window in trainer.windows(rows):
        if trainer.step == step:
            return
        trainer.train_step(window)


@torch.no_grad()
def first_bad_layer(objective: nn.Module, batch: dict[str, Tensor]) -> str | None:
    """The first module, in the order of their running, whose output is not finite."""
    found: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(f"{name} ({type(module).__name__})")

        return hook

    handles = [m.register_forward_hook(watch(n)) for n, m in objective.named_modules() if n and not list(m.children())]
    try:
        objective.phases()[0].loss(batch)  # type: ignore[operator]
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _few(index: Tensor) -> str:
    rows = sorted(index.tolist())
    return ", ".join(map(str, rows[:8])) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")
