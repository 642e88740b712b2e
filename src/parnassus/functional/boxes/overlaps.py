"""How much two boxes overlap: the intersection over the union, and its forms that also say how far apart two are."""

import torch
from torch import Tensor

from .formats import areas as area

__all__ = ["area", "diou", "giou", "iou", "iou_rows"]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """The intersection over the union of every box of `a` (n, 4) with every box of `b` (m, 4): (n, m).

    Corners are points, not pixels: a box from 0 to 1 has width 1. Two empty boxes overlap by 0 / 0, which is NaN.
    Dimensions before the last two are those of a batch: (..., n, 4) and (..., m, 4) make (..., n, m).

    Systems: box-iou
    Source: Jaccard 1912; Baker A114.

    >>> iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    tensor([[0.3333]])
    """
    return iou_rows(a[..., :, None, :], b[..., None, :, :])


def iou_rows(a: Tensor, b: Tensor) -> Tensor:
    """The intersection over the union of each box with the box in its place: (..., 4) and (..., 4) make (...)."""
    shared, union = _shared_and_union(a, b)
    return shared / union


def giou(a: Tensor, b: Tensor) -> Tensor:
    """The generalised IoU of each box with the box in its place: (..., 4) and (..., 4) make (...), from -1 to 1.

        GIoU = IoU - |C \\ (A u B)| / |C|

    C is the smallest upright box around both; boxes that do not meet are the worse the further they are apart, so that
    1 - GIoU has a slope where 1 - IoU has none.

    Source: Rezatofighi et al. 2019.

    >>> one, other = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 1.0, 3.0, 3.0])
    >>> round(float(giou(one, other)), 4)  # 1/7 - 2/9
    -0.0794
    """
    shared, union = _shared_and_union(a, b)
    around = area(_around(a, b))
    return shared / union - (around - union) / around


def diou(a: Tensor, b: Tensor) -> Tensor:
    """The distance IoU of each box with the box in its place: (..., 4) and (..., 4) make (...), from -1 to 1.

        DIoU = IoU - d^2 / c^2

    d is the distance of the two centres, and c the diagonal of the smallest upright box around both.

    Source: Zheng et al. 2020.

    >>> one, other = torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 1.0, 3.0, 3.0])
    >>> round(float(diou(one, other)), 4)  # 1/7 - 2/18
    0.0317
    """
    between = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    around = _around(a, b)
    diagonal = (around[..., 2:] - around[..., :2]).square().sum(-1)
    return iou_rows(a, b) - between.square().sum(-1) / diagonal


def _shared_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    corner = torch.maximum(a[..., :2], b[..., :2])
    far = torch.minimum(a[..., 2:], b[..., 2:])
    shared = (far - corner).clamp(min=0).prod(-1)
    return shared, area(a) + area(b) - shared


def _around(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], -1)
