"""The part of a map inside a box, brought to one size: RoIAlign, fast and as it is defined."""

import torch
from torch import Tensor

TOGETHER = 1 << 20  # sampled values of boxes that are worked on at a time: they stay near the processor


def roi_align(
    maps: Tensor,
    boxes: Tensor,
    rows: Tensor,
    *,
    size: int = 7,
    scale: float = 1.0,
    n_samples: int = 2,
) -> Tensor:
    """Each box's part of its row's map, (n, c, size, size): the mean of n_samples x n_samples points of each cell.

    Points lie evenly in their cell, and take the bilinear mean of the four values around them; the value of row i and
    column j stands at (j + 1/2, i + 1/2). Beyond the outermost values a map goes on as it ends, and points more than a
    half cell outside of the map count 0 (as He et al.'s code has it).

    Parameters
    ----------
    maps : (b, c, h, w). boxes : (n, 4) corners in pixels. rows : (n,) which map of the batch each box is of.
    scale : the map's size over the picture's, such as 1/16.

    Source: He et al. 2017, section 3 (with the half-pixel shift of its later code).
    """
    n, c = len(boxes), maps.shape[1]
    height, width = maps.shape[2:]
    if not n:
        return maps.new_zeros(0, c, size, size)
    flat = maps.permute(0, 2, 3, 1).reshape(-1, c)  # one row a place, so that a look-up is one gather
    together = max(TOGETHER // ((size * n_samples) ** 2 * c), 1)
    parts = [
        _aligned(flat, part, row, (height, width), size=size, scale=scale, n_samples=n_samples)
        for part, row in zip(boxes.split(together), rows.split(together), strict=True)
    ]
    return torch.cat(parts).permute(0, 3, 1, 2)


def _aligned(
    flat: Tensor, boxes: Tensor, rows: Tensor, extent: tuple[int, int], *, size: int, scale: float, n_samples: int
) -> Tensor:
    """`roi_align` of some boxes with channels last, (n, size, size, c), from the places of all maps (b h w, c)."""
    (height, width), n, c = extent, len(boxes), flat.shape[1]
    x = _points(boxes[:, 0] * scale, boxes[:, 2] * scale, size, n_samples)  # (n, size * n_samples)
    y = _points(boxes[:, 1] * scale, boxes[:, 3] * scale, size, n_samples)
    x_weight, x_low, x_high = _between(x, width)
    y_weight, y_low, y_high = _between(y, height)

    def at(i: Tensor, j: Tensor) -> Tensor:
        places = rows.view(-1, 1, 1) * (height * width) + i[:, :, None] * width + j[:, None, :]
        return flat[places.flatten()].view(*places.shape, c)

    wx, wy = x_weight[:, None, :, None], y_weight[:, :, None, None]
    top = at(y_low, x_low) * (1 - wx) + at(y_low, x_high) * wx
    bottom = at(y_high, x_low) * (1 - wx) + at(y_high, x_high) * wx
    inside = (_inside(y, height)[:, :, None] & _inside(x, width)[:, None, :])[..., None]
    values = (top * (1 - wy) + bottom * wy) * inside
    return values.view(n, size, n_samples, size, n_samples, c).mean((2, 4))


def _points(low: Tensor, high: Tensor, size: int, n_samples: int) -> Tensor:
    """Sample positions along one axis, in places of the map counted from the first value's centre."""
    steps = (torch.arange(size * n_samples, device=low.device, dtype=low.dtype) + 0.5) / (size * n_samples)
    return low[:, None] + (high - low)[:, None] * steps - 0.5


def _inside(at: Tensor, extent: int) -> Tensor:
    return (at >= -1) & (at <= extent)


def _between(at: Tensor, extent: int) -> tuple[Tensor, Tensor, Tensor]:
    """The share of the upper neighbour, and both neighbours; positions are cut at the ends of the map."""
    at = at.clamp(0, extent - 1)
    low = at.floor().long().clamp(max=max(extent - 2, 0))
    return at - low, low, (low + 1).clamp(max=extent - 1)


def roi_align_twin(
    maps: Tensor,
    boxes: Tensor,
    rows: Tensor,
    *,
    size: int = 7,
    scale: float = 1.0,
    n_samples: int = 2,
) -> Tensor:
    """What `roi_align` gives, point by point."""
    height, width = maps.shape[2:]
    found = maps.new_zeros(len(boxes), maps.shape[1], size, size)
    for k, (box, row) in enumerate(zip((boxes * scale).tolist(), rows.tolist(), strict=True)):
        left, top, right, bottom = box
        for i in range(size * n_samples):
            for j in range(size * n_samples):
                y = top + (bottom - top) * (i + 0.5) / (size * n_samples) - 0.5
                x = left + (right - left) * (j + 0.5) / (size * n_samples) - 0.5
                if not (-1 <= y <= height and -1 <= x <= width):
                    continue
                y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
                i0, j0 = int(y), int(x)
                i1, j1 = min(i0 + 1, height - 1), min(j0 + 1, width - 1)
                one = maps[row]
                above = one[:, i0, j0] * (1 - (x - j0)) + one[:, i0, j1] * (x - j0)
                below = one[:, i1, j0] * (1 - (x - j0)) + one[:, i1, j1] * (x - j0)
                found[k, :, i // n_samples, j // n_samples] += above * (1 - (y - i0)) + below * (y - i0)
    return found / n_samples**2
