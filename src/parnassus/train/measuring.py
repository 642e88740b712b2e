"""What a training measures on rows that it does not learn from, and what of it patience watches."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ..data.rows import Rows
from ..data.rows import batches as batches_of
from ..errors import SettingError
from .phase import Batch, Objective
from .sharding import Shards
from .timetable import cuts_of

if TYPE_CHECKING:
    from .trainer import Trainer


def score_of(summary: Mapping[str, float], monitor: str) -> float:
    """What patience compares: the monitored measure, negated where more is better, so that less is."""
    name = next((n for n in (f"validation_{monitor}", monitor) if n in summary), None)
    if name is None and monitor != "loss":
        raise SettingError(f"monitor {monitor!r} is not measured; measured are {', '.join(summary)}")
    value = summary[name or next(iter(summary))]
    score = value if monitor.endswith(("loss", "error")) else -value
    return math.inf if math.isnan(score) else score


def watch(trainer: "Trainer", summary: Mapping[str, float], epoch: int) -> None:
    """Keep the weights of the best epoch, and stop the trainer where patience is at its end."""
    score = score_of(summary, trainer.plan.monitor)
    if trainer.best is None or score < trainer.best["score"]:
        state = trainer.averaged(lambda: {k: v.clone() for k, v in trainer.objective.state_dict().items()})
        trainer.best = {"score": score, "epoch": epoch, "state": state}
    if trainer.plan.patience and epoch - trainer.best["epoch"] >= trainer.plan.patience:
        trainer.stopped = True


def means_over(
    objective: Objective, prepare: Callable[..., Batch], rows: Rows, *, batch_size: int, shards: Shards
) -> dict[str, float]:
    """What the objective measures, weighted over all rows, each counted once whoever has it; leaves it in training."""
    objective.eval()
    sums: dict[str, Any] = {}
    total: Any = 0
    sizes = cuts_of(len(rows), batch_size)
    order, own = shards.rows(torch.arange(len(rows)), sizes)
    for place, (taken, n) in enumerate(zip(batches_of(rows, order, own), sizes, strict=True)):
        (batch,) = shards.prepared([taken], [n], place, prepare)
        (count,) = shards.counted([objective.weight(batch)], [n])
        total = total + count
        with shards.drawing(place, "measure"), shards.cut(n):
            found = objective.evaluate(batch)
        for k, v in found.items():
            sums[k] = sums.get(k, 0) + v * count
    objective.train()
    if shards.divided:
        sums, total = shards.totals(sums, total)
    return {k: float(v / total) for k, v in sums.items()}


def numbers_in(objective: Objective) -> int:
    """How many numbers an objective's state holds."""
    return sum(t.numel() for t in objective.state_dict().values())
