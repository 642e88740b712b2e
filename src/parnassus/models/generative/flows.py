"""RealNVP: coupling layers, each of which changes some columns by what the others say."""

from typing import cast

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.flows import couple, uncouple
from ...objectives.generative.flow import NormalizingFlow
from ...registry import model
from ..tables.mlp import MLP

STRETCH = 2.0  # the most that one layer's log-scale may be


class Coupling(nn.Module):
    """A step that scales and shifts what the mask (d,) does not hold; dense layers look at what it holds.

    The log-scale is STRETCH tanh(s / STRETCH), so that one layer stretches no volume without bound. The last layer
    begins at 0: a new coupling changes nothing.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = MLP((len(mask), *hidden, 2 * len(mask)), activation="relu")
        last = cast(nn.Linear, self.net[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def _said(self, x: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.net(x * self.mask).chunk(2, -1)
        return STRETCH * torch.tanh(s / STRETCH), t

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return couple(x, self.mask, *self._said(x))

    def back(self, y: Tensor) -> Tensor:
        """Rows that become y."""
        return uncouple(y, self.mask, *self._said(y))


class RealNVP(nn.Module):
    """Couplings in a row: x (n, d) -> z (n, d) and ln |det dz/dx| (n,); `back` leads z to x.

    Every other coupling holds a half of the columns that is drawn anew, and the one after it the other half.

    Source: Dinh, Sohl-Dickstein and Bengio 2017.
    """

    def __init__(self, n_features: int, n_couplings: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        masks: list[Tensor] = []
        for i in range(n_couplings):
            drawn = (torch.randperm(n_features) < n_features // 2).float()
            masks.append(1 - masks[-1] if i % 2 else drawn)
        self.couplings = nn.ModuleList(Coupling(mask, hidden) for mask in masks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, log_det = coupling(x)
            total = total + log_det
        return x, total

    def back(self, z: Tensor) -> Tensor:
        """Rows that become z."""
        for coupling in reversed(cast(list[Coupling], list(self.couplings))):
            z = coupling.back(z)
        return z


@model.register("density")
def realnvp(
    *, in_features: int, n_couplings: int = 8, hidden: tuple[int, ...] = (64, 64), noise: float = 0.0
) -> NormalizingFlow:
    """A normalising flow of affine couplings: exact log-densities of rows of 2 or more columns of real numbers.

    Parameters
    ----------
    n_couplings : steps between rows and noise.
    hidden : widths of each coupling's dense layers.
    noise : deviations, of standardised columns, of what is added to rows while training.
    """
    if in_features < 2:
        raise SettingError("model 'realnvp' changes some columns by what others say: give 2 or more, or take 'gmm'")
    if n_couplings < 2 or not hidden or any(n < 1 for n in hidden):
        raise SettingError(
            f"model 'realnvp' has 2 couplings or more, and hidden widths of at least 1; got {n_couplings} and {hidden}"
        )
    return NormalizingFlow(RealNVP(in_features, n_couplings, hidden), in_features, noise=noise)
