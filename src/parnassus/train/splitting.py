"""A step that does not fit into memory, done in pieces: the same step, with less of it in memory at a time."""

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import DataWarning, SettingError
from .timetable import cuts_of

if TYPE_CHECKING:
    from .closure import PhaseClosure
    from .phase import Batch

WHOLE = 0  # a trainer's `piece` that asks for no splitting: what does not fit is said to whoever tries
WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def is_shortage(error: BaseException) -> bool:
    """Whether memory ran out: torch's own error, Python's, or the words in which allocators say so.

    >>> is_shortage(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."))
    True
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def fill(closure: "PhaseClosure") -> Tensor:
    """What `closure.fill` returns, its cuts halved until they fit; later steps begin with what fitted.

    Of several processes each does so for itself: the others wait where the gradients are added up.

    Gradients are means by what the pieces weigh, so that the step is that of the whole window, but for rounding,
    batch-norm statistics and random draws. A step that fails leaves no gradients behind: filling begins by zeroing.
    """
    trainer = closure.trainer
    if trainer.piece:
        split(closure, trainer.piece)
    while True:
        try:
            return closure.fill()
        except (RuntimeError, MemoryError) as error:
            if trainer.piece == WHOLE or not is_shortage(error):
                raise
            rows = max(_n_rows(batch) or 0 for batch in closure.batches)
            _check(closure, rows, error)
        # here the error and what its frames held are gone
        if trainer.device.type == "cuda":
            torch.cuda.empty_cache()
        if trainer.piece is None:
            warnings.warn(
                f"a step ran out of memory with {rows} rows at once, and goes on in smaller pieces; batch_size, and so "
                f"each step, stays what it was. Give micro_batch_size={(rows + 1) // 2} or less to begin so",
                DataWarning,
                stacklevel=2,
            )
        trainer.piece = (rows + 1) // 2
        split(closure, trainer.piece)


def _check(closure: "PhaseClosure", rows: int, error: BaseException) -> None:
    """Refuses what cannot be made smaller, in plain words."""
    kinds = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
    normed = any(isinstance(m, kinds) for m in closure.trainer.objective.modules())
    least = 2 if normed else 1
    if closure.trainer.shards.ranks.size > 1 and (normed or not closure.alone):
        why = "its batch norms see the rows of all" if normed else "its weights are divided"
        raise SettingError(
            f"a step ran out of memory on one of the processes that train together, and {why}, so that this one cannot "
            f"go on in smaller pieces alone; give a smaller micro_batch_size ({str(error).splitlines()[0][:120]})"
        ) from error
    if any(_n_rows(batch) is None for batch in closure.batches):
        raise SettingError(
            f"a step ran out of memory, and its batch is not of rows that could be taken apart; give a smaller "
            f"batch_size ({str(error).splitlines()[0][:120]})"
        ) from error
    if (rows + 1) // 2 < least or rows < 2:
        raise SettingError(
            f"a step ran out of memory with {rows} {'row' if rows == 1 else 'rows'} at once, and fewer cannot be "
            f"trained on; choose a smaller model, shorter or smaller inputs, or precision='bfloat16' "
            f"({str(error).splitlines()[0][:120]})"
        ) from error


def split(closure: "PhaseClosure", piece: int) -> None:
    """Cut the closure's batches into pieces of so many rows, each counting by what it weighs."""
    weigh = closure.phase.weight or closure.trainer.objective.weight
    batches: list[Batch] = []
    shares: list[Any] = []
    for batch, share in zip(closure.batches, closure.shares, strict=True):
        n = _n_rows(batch)
        if n is None or n <= piece:
            batches.append(batch)
            shares.append(share)
            continue
        start, whole = 0, weigh(batch)
        for length in cuts_of(n, piece):
            part = {k: _cut(v, start, length, n) for k, v in batch.items()}
            batches.append(part)
            shares.append(weigh(part) / whole * (1.0 if share is None else share))
            start += length
    closure.batches, closure.shares, closure.sizes = batches, shares, [None] * len(batches)


def _n_rows(batch: "Batch") -> int | None:
    """The rows of a batch; None where not every tensor in it has one entry a row."""
    found = {len(v) for v in batch.values() if isinstance(v, Tensor) and v.ndim}
    plain = all(isinstance(v, Tensor) for v in batch.values())
    return found.pop() if plain and len(found) == 1 else None


def _cut(value: Tensor, start: int, length: int, n: int) -> Tensor:
    return value.narrow(0, start, length) if value.ndim and len(value) == n else value
