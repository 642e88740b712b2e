"""Weights cut to zero while a net trains, so that those that stay can make up for those that go."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import DataWarning, SettingError
from ..registry import regularizer
from .blocks import Block
from .phase import Objective
from .regularizers import Regularizer, weights_in

LOOKS = 100  # times in a training at which it is chosen anew which weights are cut
SHIFTED = 1e-3  # of the weights' norm: what more than that is cut at the end is said


def cubic_share(progress: float, *, share: float, until: float) -> float:
    """The share of weights that are zero at `progress` in [0, 1): it rises fast, then slowly, and stands from `until`.

    s(t) = share (1 - (1 - t / until)^3), and share from t = until on.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1.

    >>> [cubic_share(t, share=0.5, until=0.5) for t in (0.0, 0.25, 0.9)]
    [0.0, 0.4375, 0.5]
    """
    return share * (1 - (1 - min(progress / until, 1.0)) ** 3)


def largest_kept(weight: Tensor, share: float) -> Tensor:
    """The mask of the entries that stay where the `share` of least size is cut.

    >>> largest_kept(torch.tensor([[0.1, -3.0], [2.0, -0.2]]), 0.5).tolist()
    [[False, True], [True, False]]
    """
    order = weight.abs().flatten().argsort(stable=True)
    kept = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    kept[order[: int(share * len(order))]] = False
    return kept.view(weight.shape)


class Pruning(Regularizer):
    """After every move the smallest weights are zero: a share of each layer that grows over training.

    Each layer by itself: early in training the sizes of two layers tell more of how they were drawn than of their use,
    and a last layer could go whole.
    """

    def __init__(self, share: float, until: float) -> None:
        self.share, self.until = share, until
        self._masks: dict[nn.Parameter, tuple[int, Tensor]] = {}

    def attach(self, objective: Objective) -> None:
        self._masks = {}

    def after(self, blocks: Sequence[Block]) -> None:
        look = min(int(self.progress / self.until * LOOKS), LOOKS)
        for p in weights_in(blocks):
            if p not in self._masks or self._masks[p][0] < look:
                now = cubic_share(look / LOOKS * self.until, share=self.share, until=self.until)
                self._masks[p] = look, largest_kept(p.data, now)
            p.data.mul_(self._masks[p][1])

    def detach(self, objective: Objective) -> None:
        lost = size = 0.0
        for p, (_, mask) in self._masks.items():
            size += float(p.data.square().sum())
            mask = largest_kept(p.data * mask, self.share)
            lost += float((p.data * ~mask).square().sum())
            p.data.mul_(mask)
        self._masks = {}
        if lost > SHIFTED**2 * size:
            warnings.warn(
                f"the weights that were kept are of a time when fewer were cut, and {(lost / size) ** 0.5:.1%} of "
                "their norm went at the end; train without patience, or longer after `until`",
                DataWarning,
                stacklevel=4,
            )


@regularizer.register()
def pruning(*, share: float = 0.8, until: float = 0.7) -> Regularizer:
    """The smallest weights become zero, more of them as training goes on, and the others learn to do without them.

    Parameters
    ----------
    share : of the weights of each matrix and kernel, to be zero at the end.
    until : the fraction of training after which no more are cut, and those that stay only learn.

    Source: Zhu and Gupta 2017; Han et al. 2015 (weights by their size).
    """
    if not 0 < share < 1 or not 0 < until <= 1:
        raise SettingError(
            f"regularizer 'pruning': share is in (0, 1) and until in (0, 1]; got {share!r} and {until!r}"
        )
    return Pruning(float(share), float(until))
