"""The suppression of all but the best of each heap of boxes: hard, by class, soft, and in one matrix."""

import torch
from torch import Tensor

from ... import kernels
from ...errors import DataError
from .overlaps import iou


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


def nms_by_class(boxes: Tensor, scores: Tensor, labels: Tensor, *, iou_threshold: float) -> Tensor:
    """`nms` within each class: boxes of different `labels` (n,) never drop each other. Indices by falling score.

    Source: Baker A115, whose words leave out that a class is suppressed by itself.

    >>> boxes, scores = torch.tensor([[0.0, 0, 2, 2], [0.0, 0, 2, 2]]), torch.tensor([0.2, 0.9])
    >>> nms_by_class(boxes, scores, torch.tensor([0, 1]), iou_threshold=0.5)
    tensor([1, 0])
    """
    parts = [torch.empty(0, dtype=torch.int64, device=boxes.device)]
    for label in labels.unique().tolist():
        own = (labels == label).nonzero()[:, 0]
        parts.append(own[nms(boxes[own], scores[own], iou_threshold)])
    kept = torch.cat(parts).sort().values
    return kept[scores[kept].argsort(descending=True, stable=True)]


def soft_nms(
    boxes: Tensor, scores: Tensor, *, sigma: float | None = 0.5, iou_threshold: float = 0.3, least: float = 0.001
) -> tuple[Tensor, Tensor]:
    """The indices of boxes by their lowered scores, and these scores: a box that a better one overlaps loses score.

        s_i <- s_i exp(-IoU(M, b_i)^2 / sigma)       with sigma
        s_i <- s_i (1 - IoU(M, b_i))                 for IoU > iou_threshold, with sigma=None

    M is the best of the boxes that are left, taken out in turn; boxes whose score falls below `least` are dropped.

    Source: Bodla et al. 2017, equations 3 and 2.

    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0.0, 0, 2, 1]])
    >>> kept, lowered = soft_nms(boxes, torch.tensor([0.9, 0.8]), sigma=None)
    >>> kept.tolist(), [round(s, 2) for s in lowered.tolist()]
    ([0, 1], [0.9, 0.4])
    """
    _check(boxes, scores)
    left = scores.detach().to(torch.float64).clone()
    at, found = torch.arange(len(boxes), device=boxes.device), []
    lowered = []
    while len(at):
        best = int(left.argmax())
        if left[best] < least:
            break
        found.append(int(at[best]))
        lowered.append(left[best])
        others = torch.arange(len(at), device=at.device) != best
        overlap = iou(boxes[at[best]][None], boxes[at])[0].double().nan_to_num(0.0)
        gentle = torch.where(overlap > iou_threshold, 1 - overlap, torch.ones_like(overlap))
        left = left * (gentle if sigma is None else torch.exp(-overlap.square() / sigma))
        at, left = at[others], left[others]
    values = torch.stack(lowered) if lowered else left.new_zeros(0)
    return torch.tensor(found, dtype=torch.int64, device=boxes.device), values.to(scores.dtype)


def matrix_nms(boxes: Tensor, scores: Tensor, *, sigma: float | None = 2.0) -> Tensor:
    """Lowered scores (n,) of all boxes at once, in the order given: no loop, so that it suits an accelerator.

        s_j <- s_j min over better i of f(IoU(i, j)) / f(max over k better than i of IoU(k, i))

    with f(u) = exp(-sigma u^2), or f(u) = 1 - u for sigma=None. What suppresses i itself makes i suppress less.

    Source: Wang et al. 2020 (SOLOv2), section 3.3.
    """
    _check(boxes, scores)
    if not len(boxes):
        return scores.clone()
    order = scores.argsort(descending=True, stable=True)
    overlap = iou(boxes[order], boxes[order]).nan_to_num(0.0).triu(diagonal=1)  # row i suppresses column j
    own = overlap.amax(0)[:, None]  # how much the best overlaps each that suppresses
    if sigma is None:
        decay = (1 - overlap) / (1 - own).clamp(min=torch.finfo(overlap.dtype).eps)
    else:
        decay = torch.exp(-sigma * (overlap.square() - own.square()))
    better = torch.ones_like(overlap).triu(diagonal=1).bool()
    lowered = scores[order] * decay.masked_fill(~better, 1.0).amin(0)
    return torch.empty_like(scores).index_copy_(0, order, lowered)


def _ranked(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes.detach()[order]
    return order, ranked if ranked.dtype in (torch.float32, torch.float64) else ranked.float()


def _check(boxes: Tensor, scores: Tensor) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise DataError(
            f"nms takes boxes (n, 4) and scores (n,); got boxes {tuple(boxes.shape)}, scores {tuple(scores.shape)}"
        )
    if boxes.device.type == "cpu" and (scores.isnan().any() or boxes.isnan().any()):  # elsewhere it would wait
        raise DataError("boxes or scores hold NaN, which would win over every score; look at what made them")
