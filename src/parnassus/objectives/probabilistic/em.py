"""Expectation maximisation as a game without gradients: all rows are added up, then the model is made anew."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...errors import Diverged
from ...functional.threads import one_thread
from ...train.distributed import ALONE, Ranks
from ...train.phase import Batch, Objective, Phase

BLOCK = 4096  # rows worked on at a time: scores stay in cache


class EM(Objective):
    """Runs of EM side by side, from different starts; an epoch is an iteration, and `epochs` the most of them.

    A subclass starts from data (`start`), adds up what a block of rows says under the present model (`gather`, whose
    first sum is the log-likelihood of each run) and makes the next model of the sums (`maximise`). A run ends when its
    mean log-likelihood a row gains less than `tol`; the others go on, and training ends with the last. A mean
    log-likelihood that falls by more than rounding and the floor explain is an error, and no end. Several ranks deal
    the rows out and add their sums up, so that each makes the same model of all rows.

    Log-likelihoods are float64. The loss is minus the mean log-likelihood of the leading run, before the iteration.
    """

    full_batch = True
    epochs = 100
    ranks: Ranks = ALONE

    def __init__(self, n_runs: int, *, tol: float) -> None:
        super().__init__()
        self.tol = tol
        self.register_buffer("begun", torch.tensor(False))
        self.register_buffer("log_likelihood", torch.full((n_runs,), -torch.inf, dtype=torch.float64))
        self.register_buffer("converged", torch.zeros(n_runs, dtype=torch.bool))
        self.register_buffer("n_iter", torch.tensor(0))
        self._sums: list[Tensor] | None = None
        self._divided = False  # whether the rows that are added are this rank's alone

    begun: Tensor
    log_likelihood: Tensor
    converged: Tensor
    n_iter: Tensor

    # --- what a model says of itself --------------------------------------------------------------

    def start(self, batch: Batch, n_rows: int) -> None:
        """The first model, from some rows of n_rows."""
        raise NotImplementedError

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        """Sums over a block of rows x (n, d) float64, the first each run's log-likelihood; share (n, runs) counts."""
        raise NotImplementedError

    def maximise(self, sums: list[Tensor], kept: Tensor) -> Tensor:
        """Make the next model of the sums without the likelihood; runs in `kept` stay. Which runs were repaired."""
        raise NotImplementedError

    def allowance(self, sums: list[Tensor]) -> Tensor | float:
        """By how much each run's mean log-likelihood may fall for what the covariances' floor does to the M step."""
        return 0.0

    def shares(self, batch: Batch) -> Tensor:
        """How much each row counts for each run (n, runs), float64."""
        weight = batch["weight"] if "weight" in batch else batch["x"].new_ones(len(batch["x"]))
        return weight.double()[:, None].expand(-1, len(self.converged))

    def origin(self) -> Tensor | float:
        """What is taken off the rows before anything else, so that squares lose no digits."""
        return 0.0

    @property
    def block(self) -> int:
        """How many rows are worked on at a time."""
        return BLOCK

    # --- the game ---------------------------------------------------------------------------------

    def begin(self, batch: Batch) -> None:
        self.begin_from(batch, len(batch["x"]))

    def begin_from(self, batch: Batch, n_rows: int) -> None:
        """Start once, from some rows of n_rows."""
        if not self.begun:
            self.start(batch, n_rows)
            self.begun.fill_(True)

    @property
    def finished(self) -> bool:  # type: ignore[override]
        return bool(self.converged.all())

    def phases(self) -> Sequence[Phase]:
        return [Phase("em", self.add_own, after=self.advance)]

    def add_own(self, batch: Batch) -> Tensor:
        """Add this rank's part of the rows."""
        part, _, self._divided = dealt(batch, self.ranks)
        return self.add(part)

    def blocks(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows about the origin and their shares, a block at a time."""
        origin = self.origin()
        for x, share in zip(batch["x"].split(self.block), self.shares(batch).split(self.block), strict=True):
            yield x.double() - origin, share

    def add(self, batch: Batch) -> Tensor:
        """Minus the mean log-likelihood of these rows; adds what they say to the sums."""
        with one_thread():
            own = [[share.sum(0), *self.gather(x, share)] for x, share in self.blocks(batch)]
        return self.book([torch.stack(parts).sum(0) for parts in zip(*own, strict=True)] if len(own) > 1 else own[0])

    def book(self, totals: list[Tensor]) -> Tensor:
        """Add what rows say (how much they count, their log-likelihood, and the rest) to the sums; their loss."""
        totals = added(self.ranks, totals) if self._divided else totals
        self._sums = totals if self._sums is None else [a + b for a, b in zip(self._sums, totals, strict=True)]
        return self.mean_loss(totals[1], totals[0])

    def mean_loss(self, log_likelihood: Tensor, counts: Tensor) -> Tensor:
        """The loss of rows, from each run's log-likelihood of them and how much they count (runs,)."""
        leader = self.leader
        return -log_likelihood[leader] / counts[leader]

    @property
    def leader(self) -> int:
        """The run of the highest log-likelihood."""
        return int(self.log_likelihood.argmax())

    def advance(self) -> None:
        """The M step of every run that goes on, once its log-likelihood was looked at."""
        assert self._sums is not None
        counts, log_likelihood, *sums = self._sums
        self._sums = None
        mean = log_likelihood / counts.clamp(min=torch.finfo(counts.dtype).tiny)
        before, kept = self.log_likelihood, self.converged.clone()
        limit = before - self.allowance(sums) - 1e-9 * (1 + before.abs())
        fallen = (mean < limit) & ~kept
        if fallen.any():
            run = int(fallen.nonzero()[0])
            raise Diverged(
                f"EM iteration {int(self.n_iter)}: the mean log-likelihood fell from {float(before[run]):.9g} to "
                f"{float(mean[run]):.9g}, which EM cannot do; the data lose their digits to a huge offset or scale: "
                f"give codec=pn.Table(scaling='standard'), or raise reg_covar"
            )
        ended = (mean - before).abs() < self.tol
        repaired = self.maximise(sums, kept)
        self.log_likelihood.copy_(torch.where(kept, before, torch.where(repaired, -torch.inf, mean)))
        self.converged.logical_or_(ended & ~repaired)
        self.n_iter.add_(1)


def dealt(batch: Batch, ranks: Ranks) -> tuple[Batch, int, bool]:
    """A rank's part of the rows, where it begins, and whether it is one: fewer rows than ranks are everybody's."""
    n = len(batch["x"])
    if not 1 < ranks.size <= n:
        return batch, 0, False
    first, end = (n * k // ranks.size for k in (ranks.rank, ranks.rank + 1))
    return {name: t[first:end] for name, t in batch.items()}, first, True


def added(ranks: Ranks, parts: Sequence[Tensor]) -> list[Tensor]:
    """The sums of parts over the ranks."""
    whole = [part.contiguous() for part in parts]
    ranks.add(*whole)
    return whole


def lowest_of(ranks: Ranks, value: Tensor, row: Tensor) -> Tensor:
    """The row (d,) of the rank whose value is lowest."""
    return ranks.gathered(row)[ranks.gathered(value).argmin()]


def shares_of(scores: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """gamma (n, runs k), each row's shares among the components times how much it counts, and ln p(x) (n, runs).

    `scores` (n, runs k) are ln c_k N_k(x), and are overwritten.
    """
    lifted = scores.view(len(scores), share.shape[1], -1)
    most = lifted.amax(-1, keepdim=True)
    total = lifted.sub_(most).exp_().sum(-1, keepdim=True)
    lifted.mul_(share[..., None] / total)
    return scores, (most + total.log())[..., 0]
