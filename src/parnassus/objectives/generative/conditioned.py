"""Generators whose net is told a time and perhaps a class, with and without which it is trained."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.diffusion.samplers import guided
from .generating import Generating


class Conditioned(Generating):
    """A net (x, t, classes, numbers or None) -> the shape of x, told the class or the numbers of most rows.

    Parameters
    ----------
    drop : the share of rows that are not told theirs.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer.
    """

    def __init__(
        self, net: nn.Module, shape: tuple[int, ...], n_classes: int, *, drop: float, guidance: float, n_sampled: int,
        n_told: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(shape, n_classes, n_told)
        if not 0 <= drop < 1 or n_sampled < 1:
            raise SettingError(f"drop is a share in [0, 1), and n_sampled 1 or more; got {drop} and {n_sampled}")
        self.net, self.drop, self.guidance, self.n_sampled = net, drop, guidance, n_sampled

    def some_told(self, condition: Tensor | None) -> Tensor | None:
        """The conditions of a batch while it is learned from: a share of them are not told."""
        if condition is None:
            return None
        return self.untold(condition, torch.rand(len(condition), device=condition.device) < self.drop)

    def said(self, x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        """The net's answer, leaning on the condition as far as guidance says."""
        if condition is None or self.guidance == 1:
            return self.net(x, t, condition)
        without = self.net(x, t, self.untold(condition))
        return guided(without, self.net(x, t, condition), self.guidance)
