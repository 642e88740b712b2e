"""Boxes as (x1, y1, x2, y2) corners: areas, overlaps, and the suppression of all but the best of each heap."""

import torch
from torch import Tensor

from .. import kernels
from ..errors import DataError


def area(boxes: Tensor) -> Tensor:
    """(x2 - x1) (y2 - y1) of boxes (..., 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def iou(a: Tensor, b: Tensor) -> Tensor:
    """The intersection over the union of every box of `a` (n, 4) with every box of `b` (m, 4): (n, m).

    Corners are points, not pixels: a box from 0 to 1 has width 1. Two empty boxes overlap by 0 / 0, which is NaN.

    Systems: box-iou
    Source: Jaccard 1912; Baker A114.

    >>> iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    tensor([[0.3333]])
    """
    corner = torch.maximum(a[:, None, :2], b[None, :, :2])
    far = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (far - corner).clamp_(min=0).prod(-1)
    return shared / (area(a)[:, None] + area(b)[None] - shared)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes that stay, by decreasing score: each kept box drops those it overlaps by more.

    Greedy non-maximum suppression of boxes (n, 4) with scores (n,). A box is dropped when its intersection over union
    with a better one that stays is greater than `iou_threshold` (equal stays). Boxes of equal score go in the order
    given. On the CPU a compiled kernel does it, `nms_twin` where there is none.

    Systems: nms
    Source: Baker A115.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9], [3.0, 3.0, 4.0, 4.0]])
    >>> nms(boxes, torch.tensor([0.8, 0.9, 0.1]), iou_threshold=0.5)
    tensor([1, 2])
    """
    _check(boxes, scores)
    kernel = kernels.load("nms") if boxes.device.type == "cpu" else None
    if kernel is None:
        return nms_twin(boxes, scores, iou_threshold)
    order, ranked = _ranked(boxes, scores)
    kept = torch.ones(len(boxes), dtype=torch.bool)
    kernel.keep(ranked.contiguous(), iou_threshold, kept)
    return order[kept]


def nms_twin(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """What `nms` gives, by torch operations alone: one Python step a kept box."""
    _check(boxes, scores)
    order, ranked = _ranked(boxes, scores)
    kept = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes)):
        if kept[i]:
            # compared in double, so that a threshold means the same for every dtype
            overlap = iou(ranked[i : i + 1], ranked[i + 1 :])[0].double()
            kept[i + 1 :] &= ~(overlap > iou_threshold)
    return order[kept]


def _ranked(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes.detach()[order]
    return order, ranked if ranked.dtype in (torch.float32, torch.float64) else ranked.float()


def _check(boxes: Tensor, scores: Tensor) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise DataError(
            f"nms takes boxes (n, 4) and scores (n,); got boxes {tuple(boxes.shape)}, scores {tuple(scores.shape)}"
        )
