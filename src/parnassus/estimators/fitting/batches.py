"""How many rows a step can take at once, tried by steps."""

import time
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import SettingError, check_count
from ...train.randomness import kept_random
from ...train.splitting import WHOLE, is_shortage
from ..base import Estimator
from .assembly import placed
from .training import check_settings, threads_for


@dataclass(frozen=True)
class BatchSizes:
    """Sizes that were tried, whether a step of each fitted into memory, and its rows a second; `largest` fitted."""

    sizes: list[int]
    fits: list[bool]
    rows_per_second: list[float]
    largest: int
    limited: bool

    @property
    def fastest(self) -> int:
        """The size with the most rows a second; on a busy machine this says little."""
        return self.sizes[max(range(len(self.sizes)), key=lambda i: self.rows_per_second[i])]

    def __str__(self) -> str:
        lines = [f"{'rows':>8}  {'fits':<5}  rows a second"]
        for size, fits, speed in zip(self.sizes, self.fits, self.rows_per_second, strict=True):
            lines.append(f"{size:>8,}  {'yes' if fits else 'no':<5}  {f'{speed:,.0f}' if fits else ''}".rstrip())
        end = "more do not fit into memory" if self.limited else "no more were asked for, or there are no more rows"
        return "\n".join([*lines, f"{self.largest:,} rows fit; {end}"])


def find_batch_size(
    estimator: Estimator,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    least: int = 1,
    most: int | None = None,
) -> BatchSizes:
    """The most rows that one step takes at once on this machine, found by steps: forward, backward, and the update.

    Sizes are doubled until one runs out of memory, and the gap to the last that fitted is halved until it is within a
    tenth. A twin of the estimator takes the steps; the estimator is not touched. Leave some room: a batch of longer
    texts than those tried takes more.

    Parameters
    ----------
    estimator : one that learns rows by steps, such as a Classifier, fitted or not.
    X, y, sample_weight : as for its `fit`.
    least, most : the first size, and the last; None is all rows.
    """
    if not isinstance(estimator, Estimator) or not hasattr(estimator, "_take"):
        raise SettingError(f"find_batch_size takes an estimator of rows, such as a pn.Classifier; got {estimator!r}")
    check_count("least", least)
    own = estimator.get_params(deep=False) | {"out": None, "resume": False, "patience": None, "progress": False}
    twin = type(estimator)(**own | {"micro_batch_size": None})
    check_settings(twin)
    ready = twin._take(X=X, y=y, sample_weight=sample_weight)
    trainer, rows = twin._trainer(ready), placed(ready.rows, ready.device)
    trainer.piece = WHOLE
    most = len(rows) if most is None else min(check_count("most", most, least=least), len(rows))
    seconds: dict[int, float | None] = {}

    def fits(size: int) -> bool:
        seconds[size] = _step(trainer, rows, size)
        return seconds[size] is not None

    with torch.no_grad(), kept_random(trainer.device), threads_for(twin.objective_, most):
        trainer.start(rows)
        largest, fails = _searched(fits, min(least, most), most)
    trainer.finish()
    tried = sorted(seconds)
    speeds = [size / max(seconds[size] or float("inf"), 1e-9) for size in tried]
    return BatchSizes(tried, [seconds[s] is not None for s in tried], speeds, largest, fails is not None)


def _searched(fits: Any, least: int, most: int) -> tuple[int, int | None]:
    """The largest size that fits, to a tenth, and the smallest that was seen not to."""
    largest, size, fails = 0, least, None
    while True:
        if not fits(size):
            fails = size
            break
        largest = size
        if size == most:
            return largest, None
        size = min(2 * size, most)
    if not largest:
        raise SettingError(
            f"a step of {fails} {'row' if fails == 1 else 'rows'} runs out of memory; "
            + ("choose a smaller model" if fails == 1 else "begin with fewer by least=")
        )
    while fails - largest > max(1, largest // 10):
        middle = (largest + fails) // 2
        if fits(middle):
            largest = middle
        else:
            fails = middle
    return largest, fails


def _step(trainer: Any, rows: Any, size: int) -> float | None:
    """The seconds of one step of so many rows; None where memory ran out."""
    trainer.step = 0
    try:
        started = time.perf_counter()
        trainer.train_step([rows.take(torch.arange(size))])
        if trainer.device.type == "cuda":
            torch.cuda.synchronize(trainer.device)
        return time.perf_counter() - started
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
    if trainer.device.type == "cuda":
        torch.cuda.empty_cache()
    return None
