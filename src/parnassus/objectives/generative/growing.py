"""Two players that grow: from few pixels to many, each resolution faded in beside the one before."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataWarning
from ...train.phase import Batch, Phase
from .gan import Adversarial

Stage = tuple[int, float]  # resolutions added to the first one, and the share that the last of them has


def stage_of(progress: float, n_doublings: int) -> Stage:
    """What a net has grown to at `progress` in [0, 1], of 2 n + 1 stretches that are equally long.

    The first resolution is learned alone; each of the n others is faded in over a stretch and then held for one.

    Source: Karras et al. 2018, section 2 and appendix A, whose stretches are of 800,000 pictures.

    >>> [stage_of(p, 1) for p in (0.0, 0.5, 0.75, 1.0)]
    [(0, 1.0), (1, 0.5), (1, 1.0), (1, 1.0)]
    """
    at = progress * (2 * n_doublings + 1)
    stretch = min(int(at), 2 * n_doublings)
    return (stretch + 1) // 2, at - stretch if stretch % 2 else 1.0


def faded(coarse: Tensor, fine: Tensor, share: float) -> Tensor:
    """(1 - share) coarse + share fine; at 0 and 1 exactly the one or the other.

    >>> faded(torch.tensor([2.0]), torch.tensor([torch.inf]), 0.0), faded(torch.tensor([2.0]), torch.tensor([4.0]), 0.5)
    (tensor([2.]), tensor([3.]))
    """
    if share in (0.0, 1.0):
        return fine if share else coarse
    return coarse.lerp(fine, share)


class Player(Protocol):
    """A net that grows: `stage` is what it has grown to, `parts(depth)` what works at a depth, its fading included."""

    stage: Stage

    def parts(self, depth: int) -> Iterable[nn.Module]: ...


class Growing(Adversarial):
    """The game on pictures of 4 pixels a side, or as few as halving leaves, then of twice as many, and so on.

    Real pictures are averaged down to the size under way, and faded like the made ones. Each resolution is two phases
    of a stretch of training ("critic_4", "generator_4", "critic_8", ...), so that optimizers begin anew. Rows are drawn
    as far as the nets have grown, their pixels repeated up to the whole size.

    Parameters
    ----------
    generator, critic : see `Player`; as in `Adversarial` otherwise.
    n_doublings : from the first resolution to the last.

    Source: Karras et al. 2018.
    """

    grown: Tensor

    def __init__(self, generator: Any, critic: Any, shape: tuple[int, ...], n_classes: int, *, n_doublings: int,
                 **game: Any) -> None:  # fmt: skip
        super().__init__(generator, critic, shape, n_classes, **game)
        self.n_doublings = n_doublings
        self.register_buffer("grown", torch.zeros((), dtype=torch.float64))
        self.register_load_state_dict_post_hook(_take_up)
        self.grow(0.0)

    @property
    def by_rows(self) -> bool:
        return False  # the critic looks at how varied a batch is

    @property
    def stage(self) -> Stage:
        """What the nets have grown to."""
        return self._stage

    def grow(self, progress: float) -> None:
        """Let both players be what they are at this share of the training."""
        self.grown.fill_(progress)
        self._stage = stage_of(progress, self.n_doublings)
        for player in (self.generator, self.critic):
            player.stage = self._stage  # type: ignore[assignment]

    def phases(self) -> Sequence[Phase]:
        found, n = [], 2 * self.n_doublings + 1
        for depth in range(self.n_doublings + 1):
            side, during = self.side(depth), (max(2 * depth - 1, 0) / n, (2 * depth + 1) / n)
            for name, loss, player in (
                ("critic", self.criticise, self.critic),
                ("generator", self.deceive, self.generator),
            ):
                params = [p for part in player.parts(depth) for p in part.parameters()]  # type: ignore[operator]
                found.append(Phase(f"{name}_{side}", loss, params, during=during, optimizer=self.optimizer,
                                   every=self.rules.n_critic if name == "generator" else 1))  # fmt: skip
        return found

    def side(self, depth: int) -> int:
        """The shorter side of pictures at a depth."""
        return min(self.shape[1:]) // 2 ** (self.n_doublings - depth)

    def real(self, x: Tensor) -> Tensor:
        """Pictures as they are at this stage."""
        depth, share = self._stage
        x = F.avg_pool2d(x, 2 ** (self.n_doublings - depth))
        return x if share == 1 else faded(doubled(F.avg_pool2d(x, 2)), x, share)

    def criticise(self, batch: Batch) -> Tensor:
        if self.training:
            self.grow(self.progress)
        return super().criticise({**batch, "x": self.real(batch["x"])})

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        made = super().rows_of(noise, condition, generator)
        return F.interpolate(made, self.shape[1:], mode="nearest")

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        if self._stage == (self.n_doublings, 1.0):
            super().conclude(batches)
            return
        warnings.warn(
            f"training ended at pictures of {self.side(self._stage[0])} pixels a side, before the nets were grown to "
            f"{min(self.shape[1:])}; give more epochs, and leave out patience=",
            DataWarning,
            stacklevel=6,
        )


def doubled(x: Tensor) -> Tensor:
    """Maps of twice the size, each pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _take_up(made: Growing, _keys: Any) -> None:
    """What was loaded is as far grown as it was when it was saved."""
    made.grow(float(made.grown))
