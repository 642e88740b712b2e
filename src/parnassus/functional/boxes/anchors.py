"""Anchors: boxes of several sizes and shapes around every place of a map, from which a detector measures."""

from collections.abc import Sequence

import torch
from torch import Tensor


def anchor_sizes(scales: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """(w, h) of every scale with every ratio, (n, 2): w = s sqrt(r), h = s / sqrt(r), n = len(scales) * len(ratios).

    A ratio is width over height, and all boxes of a scale have the area s^2. Scales run slower than ratios.

    Systems: anchor-boxes
    Source: Baker A111, which leaves open whether n + m - 1 or n m boxes stand at a place: it is n m here.

    >>> anchor_sizes([2.0], [1.0, 4.0]).tolist()
    [[2.0, 2.0], [4.0, 1.0]]
    """
    s = torch.tensor(scales, dtype=torch.float32)[:, None]
    root = torch.tensor(ratios, dtype=torch.float32).sqrt()[None]
    return torch.stack([s * root, s / root], -1).view(-1, 2)


def default_scales(n_maps: int, *, least: float = 0.2, most: float = 0.9) -> list[float]:
    """SSD's scales of maps 1 to m, as shares of the picture: s_k = s_min + (s_max - s_min) (k - 1) / (m - 1).

    Source: Liu et al. 2016, equation 4; Baker A117.

    >>> [round(s, 3) for s in default_scales(6)]
    [0.2, 0.34, 0.48, 0.62, 0.76, 0.9]
    """
    if n_maps == 1:
        return [least]
    return [least + (most - least) * k / (n_maps - 1) for k in range(n_maps)]


def anchors_on_grid(grid: tuple[int, int], sizes: Tensor, *, stride: tuple[float, float]) -> Tensor:
    """Boxes of all `sizes` (w, h) around the centre of every cell of a grid (rows, columns): corners (n, 4).

    The cell in row i and column j has its centre at ((j + 1/2) stride_x, (i + 1/2) stride_y); `stride` is (y, x), the
    height and width of a cell in pixels. Sizes run fastest, then columns, then rows, as a convolution's outputs do.
    Boxes may stand out of the picture.

    Systems: anchor-boxes
    Source: Liu et al. 2016, section 2.2; Baker A111 and A117 (Baker re-applies one set of anchors to every map; SSD
    gives each map its own scale).

    >>> anchors_on_grid((1, 2), torch.tensor([[2.0, 4.0]]), stride=(8.0, 8.0)).tolist()
    [[3.0, 2.0, 5.0, 6.0], [11.0, 2.0, 13.0, 6.0]]
    """
    rows, columns = grid
    y = (torch.arange(rows, dtype=torch.float32) + 0.5) * stride[0]
    x = (torch.arange(columns, dtype=torch.float32) + 0.5) * stride[1]
    middle = torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)], -1)[:, :, None]
    half = sizes.to(torch.float32)[None, None] / 2
    return torch.cat([middle - half, middle + half], -1).view(-1, 4)
