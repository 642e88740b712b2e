"""Neighbourhoods as one number: maxima, means, norms; over windows, over everything, over channels.

x is (batch, channels, *places) with one to three axes; windows may overlap (a stride below the size).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import SettingError
from .convolution.products import Axes, per_axis
from .convolution.sizes import output_size


def max_pool(x: Tensor, size: Axes, *, stride: Axes | None = None, padding: int = 0) -> Tensor:
    """The greatest of each window; stride None is the size, and padding never wins.

    Systems: max-pooling
    Source: Hifny A9.10, Baker A077 and A079 (invariance is local only), Martinez-Ramon A4.7, Jaiswal J79, Keras K73.
    """
    sizes, strides = _steps(x, size, stride)
    return (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3](x, sizes, strides, padding)


def average_pool(x: Tensor, size: Axes, *, stride: Axes | None = None, padding: int = 0) -> Tensor:
    """The mean of each window, zeros of the padding included.

    Systems: average-pooling
    Source: Hifny A9.11, Baker A078, Martinez-Ramon A4.7, Jaiswal J80, Keras course K72.
    """
    sizes, strides = _steps(x, size, stride)
    return (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3](x, sizes, strides, padding)


def windows(x: Tensor, size: Axes, *, stride: Axes | None = None) -> Tensor:
    """Every window as one axis at the end: (batch, channels, *places, taps); a view until it is flattened."""
    sizes, strides = _steps(x, size, stride)
    for axis, (n, s) in enumerate(zip(sizes, strides, strict=True)):
        if output_size(x.shape[axis + 2], n, stride=s) < 1:
            raise SettingError(f"windows of {sizes} do not fit places of {tuple(x.shape[2:])}")
        x = x.unfold(axis + 2, n, s)
    return x.flatten(-len(sizes))


def l2_pool(x: Tensor, size: Axes, *, stride: Axes | None = None) -> Tensor:
    """The root of the sum of squares of each window.

    >>> round(float(l2_pool(torch.tensor([[[1.0, 2, 5, 6]]]), 4)), 5)
    8.12404

    Systems: l2-pooling
    Source: Jaiswal J81; Hyvarinen and Koster 2007.
    """
    return windows(x, size, stride=stride).square().sum(-1).sqrt()


def distance_weighted_pool(x: Tensor, size: Axes, *, sigma: float = 1.0, stride: Axes | None = None) -> Tensor:
    """The mean of each window with weights exp(-r^2 / 2 sigma^2) by the distance r from its middle, summing to 1.

    Systems: distance-weighted-pooling
    Source: Jaiswal J82.
    """
    sizes = per_axis("size", size, x.ndim - 2)
    axes = [(torch.arange(n, dtype=torch.float64) - (n - 1) / 2).square() for n in sizes]
    square = torch.stack(torch.meshgrid(*axes, indexing="ij")).sum(0)
    weights = torch.exp(-square / (2 * sigma**2)).flatten()
    return windows(x, size, stride=stride) @ (weights / weights.sum()).to(x)


def cross_channel_pool(x: Tensor, size: int) -> Tensor:
    """The greatest of each `size` neighbouring channels (maxout over detectors): (batch, channels / size, *places).

    Detectors that answer to turned versions of one thing become one answer to it: an invariance that is learned.

    Systems: cross-channel-pooling
    Source: Goodfellow et al. 2013; Jaiswal J83 and its figure 3.8.
    """
    if x.shape[1] % size:
        raise SettingError(f"{x.shape[1]} channels do not divide into groups of {size}")
    return x.unflatten(1, (-1, size)).amax(2)


def adaptive_pool(x: Tensor, size: Axes, *, how: str = "max") -> Tensor:
    """A fixed number of windows whatever the size: window i runs from floor(i n / m) to ceil((i + 1) n / m).

    Windows overlap by a place where the sizes do not divide. (2, 2) are the quadrants of a picture.

    Systems: adaptive-pooling
    Source: Jaiswal J85; torch's adaptive pools.
    """
    n_axes, sizes = x.ndim - 2, per_axis("size", size, x.ndim - 2)
    pools: dict[str, Any] = {
        "max": (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
        "average": (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
    }
    if how not in pools:
        raise SettingError(f"how is 'max' or 'average'; got {how!r}")
    return pools[how][n_axes - 1](x, sizes[0] if n_axes == 1 else sizes)


def global_pool(x: Tensor, *, how: str = "average") -> Tensor:
    """One number a channel, (batch, channels): its mean or its maximum; no weights, and any size of picture.

    Systems: global-average-pooling
    Source: Lin, Chen and Yan 2014; Baker A106, Martinez-Ramon A4.16, Keras course K82.
    """
    flat = x.flatten(2)
    if how not in ("average", "max"):
        raise SettingError(f"how is 'average' or 'max'; got {how!r}")
    return flat.mean(2) if how == "average" else flat.amax(2)


def spatial_pyramid_pool(x: Tensor, levels: Sequence[int] = (1, 2, 4), *, how: str = "max") -> Tensor:
    """Adaptive pools of several sizes side by side, (batch, channels sum of levels^axes): a vector of any picture.

    Source: He et al. 2015.
    """
    n_axes = x.ndim - 2
    return torch.cat([adaptive_pool(x, (n,) * n_axes, how=how).flatten(1) for n in levels], 1)


def _steps(x: Tensor, size: Axes, stride: Axes | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides of windows, one an axis; the stride is the size where it is not given."""
    sizes = per_axis("size", size, x.ndim - 2)
    return sizes, sizes if stride is None else per_axis("stride", stride, x.ndim - 2)
