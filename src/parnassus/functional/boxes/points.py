"""Keypoints of regions: a place among the cells of a region's map, and the way back."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..heatmaps import peaks


def point_cells(points: Tensor, regions: Tensor, *, size: int) -> Tensor:
    """The cell (n, k), counted in rows, of each keypoint in its region of size x size cells; -1 where there is none.

        c = floor(size (x - x1) / (x2 - x1)) + size floor(size (y - y1) / (y2 - y1))

    points : (n, k, 3), x, y and 1 where one is there. regions : (n, 4), corners. A point on the far edge is of the last
    cell; one outside its region has none.

    Source: He et al. 2017, section 5, and the authors' code.

    >>> point_cells(torch.tensor([[[5.0, 2.0, 1.0], [9.0, 9.0, 0.0]]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]), size=2)
    tensor([[ 1, -1]])
    """
    low, high = regions[:, None, :2], regions[:, None, 2:]
    at = size * (points[..., :2] - low) / (high - low).clamp(min=1e-6)
    inside = ((at >= 0) & (at <= size)).all(-1) & (points[..., 2] > 0)
    cell = at.floor().clamp(0, size - 1).long()
    return torch.where(inside, cell[..., 0] + size * cell[..., 1], -1)


def point_loss(logits: Tensor, cells: Tensor) -> Tensor:
    """-ln softmax(logits)[cell] of each keypoint (n, k), over all places of its map; 0 where there is none.

    logits : (n, k, size, size). cells : (n, k), as `point_cells` gives them.

    Source: He et al. 2017, section 5: a one-hot mask, and a softmax over its m^2 places.
    """
    flat = logits.flatten(2)
    each = F.cross_entropy(flat.flatten(0, 1), cells.flatten(), ignore_index=-1, reduction="none")
    return each.view(cells.shape)


def points_of_maps(logits: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Where each keypoint lies (n, k, 2), in pixels, and the share (n, k) of its map's heat that lies there.

    The peak of each map, to parts of a cell, laid over its region.
    """
    size = logits.shape[-1]
    at, heat = peaks(logits.flatten(2).softmax(-1).view_as(logits))
    low, high = regions[:, None, :2], regions[:, None, 2:]
    return low + at / size * (high - low), heat
