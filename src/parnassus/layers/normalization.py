"""Normalisers that torch.nn lacks; their equations are in `functional.normalization`."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SettingError
from ..functional.normalization import adaptive_instance_norm, weight_standardize

GROUPS = 8  # of channels, where a group normaliser is asked for by name and so many divide them


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose kernels are brought to mean 0 and variance 1 before each use; torch.nn.Conv2d's keys.

    Systems: weight-standardisation
    Source: Qiao et al. 2019; Martinez-Ramon A6.30 (part 2b).
    """

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, weight_standardize(self.weight), self.bias)


class AdaptiveInstanceNorm(nn.Module):
    """Maps (batch, channels, height, width) with each one's mean and spread taken from a style (batch, n_style).

    The style gives 1 + scale and shift by an affine map, so that a style of zeros starts as plain normalisation.

    Systems: adain
    Source: Huang and Belongie 2017; Martinez-Ramon A8.16 (part 2c).
    """

    def __init__(self, n_channels: int, n_style: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.affine, self.eps = nn.Linear(n_style, 2 * n_channels), eps

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = F.linear(style, self.affine.weight, self.affine.bias).chunk(2, dim=1)
        return adaptive_instance_norm(x, 1 + scale, shift, eps=self.eps)


def dense_norm(name: str, width: int) -> nn.Module:
    """The normaliser of this name for dense layers: "batch", "layer" or "rms"."""
    known = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}
    if name not in known:
        raise SettingError(f"norm is {', '.join(map(repr, known))} or None; got {name!r}")
    return known[name](width)


def picture_norm(name: str, n_channels: int) -> nn.Module:
    """The normaliser of this name for maps: "batch", "layer" (the whole row), "instance", "group" or "standardized"."""
    if name == "batch":
        return nn.BatchNorm2d(n_channels)
    groups = {"layer": 1, "instance": n_channels, "group": groups_of(n_channels), "standardized": groups_of(n_channels)}
    if name not in groups:
        raise SettingError(f"norm is 'batch', {', '.join(map(repr, groups))} or 'none'; got {name!r}")
    return nn.GroupNorm(groups[name], n_channels)


def groups_of(n_channels: int) -> int:
    """The most groups, up to 8, of at least two channels that divide them; one for an odd number.

    >>> groups_of(32), groups_of(12), groups_of(4), groups_of(7)
    (8, 6, 2, 1)
    """
    return next((n for n in range(min(GROUPS, n_channels // 2), 1, -1) if n_channels % n == 0), 1)
