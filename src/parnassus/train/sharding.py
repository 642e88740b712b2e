"""How the ranks divide a training: which rows of a window are whose, what is drawn for them, how gradients add up.

Every cut of a window is dealt out row by row: rank r of N takes rows r, r + N, r + 2N, ...; a cut with fewer rows than
ranks is done whole by every one. A rank's loss counts by what its rows weigh, and its gradient is added to the others'
once a window, so that all take the step that one process takes with the whole window. What no division can serve (rules
without gradients, rows that see each other) runs whole on every rank.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..data.rows import Rows
from .batch_norms import normed_together, norms_of
from .blocks import Block
from .distributed import ALONE, Ranks, merged
from .draws import WindowDraws
from .phase import Batch, Objective
from .randomness import seed_device, seed_of

if TYPE_CHECKING:
    from .trainer import Trainer

Count = float | Tensor
NOTHING = nullcontext()  # one for all: a single process enters it at every step


class Shards:
    """What of a training is this rank's.

    Parameters
    ----------
    ranks : the processes that train together.
    divided : whether windows are dealt out; else every rank does the whole.
    deterministic : whether draws are made for the whole window and cut like its rows, as one process draws them.
    """

    def __init__(
        self,
        objective: Objective,
        ranks: Ranks = ALONE,
        *,
        divided: bool,
        seed: int,
        device: torch.device,
        deterministic: bool = False,
    ) -> None:
        self.objective, self.ranks, self.seed, self.device = objective, ranks, seed, device
        self.divided, self.deterministic = divided and ranks.size > 1, deterministic
        self.sliced = self.divided and deterministic  # whether whole cuts are taken and prepared, and then dealt out
        self.n_cut: int | None = None  # rows of the dealt-out cut under way; None where it is whole

    # --- rows -------------------------------------------------------------------------------------

    def begin(self, trainer: "Trainer", rows: Rows) -> None:
        """Before the first step: every rank holds the same rows, and starts from the first's weights."""
        if self.ranks.size == 1:
            return
        example = rows.take(torch.arange(min(8, len(rows))))
        sums = {k: f"{float(t.double().sum()):.6g}" for k, t in example.items()}  # roundings differ by machine
        if self.objective.ranks is not None:
            self.objective.ranks = self.ranks
        self.ranks.agree(data=(len(rows), sums), settings=trainer.identity, step=trainer.step)
        trainer.strategy.share(self, trainer.distinct)
        if self.divided and "lengths" in example and norms_of(self.objective):
            self.sliced = True  # norms would see other padding where rows are padded apart

    def asked(self, asked: bool, looked: bool) -> bool:
        """Whether to stop, which all ranks do at one step: where they look at the losses anyway."""
        return asked if self.ranks.size == 1 else looked and self.ranks.any(asked)

    def told(self, summary: dict[str, float]) -> dict[str, float]:
        """The first rank's numbers, so that all decide alike."""
        if self.ranks.size == 1:
            return summary
        values = torch.tensor(list(summary.values()), dtype=torch.float64)
        self.ranks.tell([values])
        return dict(zip(summary, values.tolist(), strict=True))

    def dealt(self, n: int) -> bool:
        """Whether a cut of n rows is dealt out."""
        return self.divided and n >= self.ranks.size

    def rows(self, order: Tensor, sizes: Sequence[int]) -> tuple[Tensor, list[int]]:
        """This rank's rows of cuts of these sizes, and how many of each."""
        if not self.divided or self.sliced:
            return order, list(sizes)
        rank, size = self.ranks.rank, self.ranks.size
        cuts = [cut[rank::size] if len(cut) >= size else cut for cut in order.split(list(sizes))]
        return torch.cat(cuts), [len(cut) for cut in cuts]

    def own(self, batch: Batch, n: int) -> Batch:
        """This rank's rows of a batch of n that was prepared whole."""
        if not self.sliced or not self.dealt(n):
            return batch
        rank, size = self.ranks.rank, self.ranks.size
        return {k: t[rank::size].contiguous() if t.ndim and len(t) == n else t for k, t in batch.items()}

    def prepared(
        self, window: list[Batch], sizes: Sequence[int], step: int, prepare: Callable[[Batch], Batch]
    ) -> list[Batch]:
        """The window's cuts as phases take them."""
        if not self.divided:
            return [prepare(cut) for cut in window]
        with nullcontext() if self.sliced else self.drawing(step, "rows"):
            return [self.own(prepare(cut), n) for cut, n in zip(window, sizes, strict=True)]

    def counted(self, counts: Sequence[Count], sizes: Sequence[int]) -> list[Count]:
        """What the cuts weigh on this rank, so that the ranks' sum is what they weigh: a whole one counts once."""
        if not self.divided:
            return list(counts)
        return [c if self.dealt(n) else c / self.ranks.size for c, n in zip(counts, sizes, strict=True)]

    # --- draws ------------------------------------------------------------------------------------

    def drawing(self, *place: Any) -> AbstractContextManager[None]:
        """Inside, draws are this rank's own; afterwards those of all ranks are the same again."""
        return NOTHING if not self.divided or self.deterministic else self._drawing(*place)

    @contextmanager
    def _drawing(self, *place: Any) -> Iterator[None]:
        seed_device(self.device, seed_of(self.seed, *place, self.ranks.rank))
        try:
            yield
        finally:
            seed_device(self.device, seed_of(self.seed, *place, "all"))

    def cut(self, n: int | None) -> AbstractContextManager[None]:
        """Inside, the losses are of this rank's rows of a cut of n."""
        return NOTHING if n is None or not self.dealt(n) else self._cut(n)

    @contextmanager
    def _cut(self, n: int) -> Iterator[None]:
        mode = WindowDraws(self.ranks.rank, self.ranks.size, n) if self.deterministic else nullcontext()
        before, self.n_cut = self.n_cut, n
        try:
            with mode:
                yield
        finally:
            self.n_cut = before

    def norms_together(self) -> AbstractContextManager[None]:
        """Inside, batch norms see all ranks' rows."""
        if not self.divided:
            return nullcontext()
        return normed_together(self.objective, lambda: self.n_cut is not None and self.objective.training)

    # --- sums -------------------------------------------------------------------------------------

    def mean(self, loss: Tensor, count: Count, vectors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Weighted sums of this rank become means over all ranks' counts; returns the mean loss and all that counted.

        `vectors` change in place. A rank whose rows weigh nothing has no say.
        """
        own = torch.as_tensor(count, dtype=torch.float64, device=self.ranks.device)
        told = loss.detach().to(self.ranks.device, torch.float64)
        if isinstance(count, Tensor):
            told = torch.where(own > 0, told, 0)
            for vector in vectors:
                vector.copy_(torch.where(own.to(vector.device) > 0, vector, 0))
        sums = torch.stack([told, own])
        self.ranks.add(sums, *vectors)
        total = torch.where(sums[1] > 0, sums[1], 1)  # where no row of the window weighs anything, nothing moves
        for vector in vectors:
            vector.div_(total.to(vector.device))
        return (sums[0] / total).to(loss.device, loss.dtype), sums[1]

    def totals(self, sums: dict[str, Any], total: Any) -> tuple[dict[str, float], float]:
        """Sums by name over all ranks, and what they are sums over."""
        own = torch.stack(
            [torch.as_tensor(v, dtype=torch.float64, device="cpu").detach() for v in [*sums.values(), total]]
        )
        if self.divided:
            own = own.to(self.ranks.device)
            self.ranks.add(own)
        *values, total = own.tolist()
        return dict(zip(sums, values, strict=True)), total

    # --- what all share ---------------------------------------------------------------------------

    def share(self, blocks: Sequence[Block]) -> None:
        """Every rank's weights, averages and buffers become those of the first."""
        held = [b.values for b in blocks] + [b.average for b in blocks if b.average is not None]
        placed = {id(p) for b in blocks for p in b.params}
        self.ranks.tell(held + [t for t in tensors_of(self.objective) if id(t) not in placed])

    def settle(self) -> None:
        """What losses wrote into buffers becomes one on all ranks."""
        if self.divided:
            merged(self.ranks, list(self.objective.buffers()))


def tensors_of(objective: Objective) -> list[Tensor]:
    """An objective's parameters and buffers."""
    return [*objective.parameters(), *objective.buffers()]


def divisible(objective: Objective, moves: Sequence[Sequence[Any]]) -> bool:
    """Whether ranks may divide a training's windows: each move lowers a mean over rows by gradients of parameters."""
    return objective.by_rows and not objective.full_batch and all(moves)
