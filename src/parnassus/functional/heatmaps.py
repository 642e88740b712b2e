"""Keypoints as maps of heat: a bump at each point to learn, and the way back from a map to a place."""

import torch
from torch import Tensor

from ..errors import DataError


def heatmaps(points: Tensor, size: tuple[int, int], *, sigma: float = 2.0) -> Tensor:
    """A map for each keypoint, (..., k, height, width), 1 at the point and falling around it.

        h(y, x) = exp(-((x + 1/2 - p_x)^2 + (y + 1/2 - p_y)^2) / (2 sigma^2))

    points : (..., k, 2), x before y, in pixels, the picture ending at (width, height). A point that is NaN is not
    there, and its map is 0.

    Source: Tompson et al. 2014.

    >>> heatmaps(torch.tensor([[1.5, 0.5]]), (2, 3), sigma=1.0)[0, 0]
    tensor([0.6065, 1.0000, 0.6065])
    """
    if points.shape[-1] != 2 or sigma <= 0:
        raise DataError(f"points are (..., k, 2) and sigma is above 0; got {tuple(points.shape)} and {sigma}")
    y, x = (torch.arange(n, dtype=points.dtype, device=points.device) + 0.5 for n in size)
    down = (y - points[..., 1:]).square()[..., :, None]
    across = (x - points[..., :1]).square()[..., None, :]
    return torch.exp(-(down + across) / (2 * sigma**2)).nan_to_num(0.0)


def soft_argmax(maps: Tensor, *, sharpness: float = 1.0) -> Tensor:
    """The place of each map's heat, (..., k, 2), x before y: the mean place under a softmax, which has a slope.

        p = sum over y, x of softmax(beta m)(y, x) (x + 1/2, y + 1/2)

    maps : (..., k, height, width), logits. sharpness : beta; the greater, the nearer to the single highest place.

    Source: Sun et al. 2018 (integral regression); Luvizon et al. 2019.

    >>> soft_argmax(torch.tensor([[[0.0, 0.0, 99.0]]]))
    tensor([[2.5000, 0.5000]])
    """
    shares = (sharpness * maps).flatten(-2).softmax(-1).view_as(maps)
    y, x = (torch.arange(n, dtype=maps.dtype, device=maps.device) + 0.5 for n in maps.shape[-2:])
    return torch.stack([(shares.sum(-2) * x).sum(-1), (shares.sum(-1) * y).sum(-1)], -1)


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest place of each map, (..., k, 2), x before y, and the heat there (..., k).

    The place is moved from its pixel's centre to the top of the parabola through the logarithms of the heat there and
    on both sides, along each axis, by half a pixel at most: for a bump of `heatmaps` away from an edge that is its
    middle.

    Source: Zhang et al. 2020 (DARK), whose Taylor step is this parabola for each axis alone.

    >>> place, heat = peaks(heatmaps(torch.tensor([[4.3, 3.8]]), (8, 9)))
    >>> place
    tensor([[4.3000, 3.8000]])
    """
    height, width = maps.shape[-2:]
    heat, at = maps.flatten(-2).max(-1)
    row, column = at // width, at % width
    logs = maps.clamp(min=1e-12).log().flatten(-2)

    def along(place: Tensor, extent: int, step: int) -> Tensor:
        inside = (place > 0) & (place < extent - 1)
        middle = torch.where(inside, at, at.new_full((), step))  # any place that has both sides; not used there
        middle = middle.clamp(step, max(height * width - 1 - step, step))
        if extent < 3:
            return torch.zeros_like(heat)
        low, top, high = (logs.gather(-1, (middle + s)[..., None])[..., 0] for s in (-step, 0, step))
        bend = low - 2 * top + high
        moved = torch.where(bend < 0, (low - high) / (2 * bend), 0.0).clamp(-0.5, 0.5)
        return torch.where(inside, moved, 0.0)

    x = column + 0.5 + along(column, width, 1)
    return torch.stack([x, row + 0.5 + along(row, height, width)], -1), heat
