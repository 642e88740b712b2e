"""Normalisers that torch.nn lacks; their equations are in `functional.normalization`."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SettingError
from ..functional.normalization import adaptive_instance_norm, weight_standardize

GROUPS = 8  # of channels, where a group normaliser is asked for by name and so many divide them
MOST = 32  # groups of the norms in published diffusion nets
LEAST = 4  # channels a group of theirs, at 128 channels


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


def published_groups(n_channels: int, least: int = 1) -> int:
    """The most groups, a power of two up to 32, that divide channels into groups of at least `least`; else one.

    >>> published_groups(128, 4), published_groups(64, 4), published_groups(16, 4), published_groups(16)
    (32, 16, 4, 16)
    """
    n = math.gcd(MOST, n_channels)
    while n > 1 and n_channels // n < least:
        n //= 2
    return n


def wide_groups(net: nn.Module, least: int = LEAST) -> None:
    """Gives the group norms in a net groups of at least `least` channels, and has its weights say so.

    A group of one channel takes away what is added to the channel as a whole, and so all that a net is told in this
    way: the step of a diffusion, the class. Weights that are loaded bring their own number. Those that say none, which
    are diffusers' and those of earlier versions, are of as many groups up to 32 as divide the channels.
    """
    net.register_buffer("least", torch.tensor(least))
    _regroup(net, least)
    net.register_load_state_dict_pre_hook(_as_loaded)


def _regroup(net: nn.Module, least: int) -> None:
    for norm in net.modules():
        if isinstance(norm, nn.GroupNorm):
            norm.num_groups = published_groups(norm.num_channels, least)


def _as_loaded(net: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    _regroup(net, int(state.setdefault(f"{prefix}least", torch.tensor(1))))
