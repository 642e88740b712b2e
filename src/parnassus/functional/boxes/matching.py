"""Which anchor answers for which true box, and which of the others are worth learning from."""

import torch
from torch import Tensor

from .overlaps import iou

BACKGROUND = -1
IGNORED = -2


def match_anchors(
    anchors: Tensor,
    boxes: Tensor,
    n_boxes: Tensor,
    *,
    threshold: float = 0.5,
    low: float | None = None,
    forced: bool = True,
) -> Tensor:
    """The true box that each anchor answers for, by its index, or BACKGROUND (-1), or IGNORED (-2).

    First every true box gets the anchor that overlaps it most (`forced`): boxes and anchors are paired by falling
    IoU, so that two boxes never share one. Then every other anchor whose IoU with some box is greater than `threshold`
    answers for the box it overlaps most. Where `low` is given, anchors whose greatest IoU lies between `low` and
    `threshold` are ignored.

    Parameters
    ----------
    anchors : (a, 4) corners.
    boxes, n_boxes : (b, m, 4) and (b,); the first n_boxes of each row are boxes, the others padding.

    Returns
    -------
    (b, a) int64.

    Systems: anchor-matching
    Source: Liu et al. 2016, section 2.2; Baker A118 (IoU > 0.5; that every box is matched at all is left out there).

    >>> anchors = torch.tensor([[0.0, 0, 2, 2], [2.0, 0, 4, 2], [0.0, 2, 2, 4]])
    >>> match_anchors(anchors, torch.tensor([[[1.5, 0, 4, 2]]]), torch.tensor([1])).tolist()
    [[-1, 0, -1]]
    """
    b, m = boxes.shape[:2]
    if not m:
        return torch.full((b, len(anchors)), BACKGROUND, device=boxes.device)
    absent = torch.arange(m, device=boxes.device) >= n_boxes[:, None]
    overlaps = iou(anchors, boxes).nan_to_num_(0.0).masked_fill_(absent[:, None], -1.0)  # (b, a, m)
    best, chosen = overlaps.max(2)
    matched = torch.where(best > threshold, chosen, BACKGROUND)
    if low is not None:
        matched = torch.where((best > low) & (best <= threshold), IGNORED, matched)
    return _forced(matched, overlaps, absent) if forced else matched


def _forced(matched: Tensor, overlaps: Tensor, absent: Tensor) -> Tensor:
    """The same, every true box given an anchor of its own, the closest pairs first."""
    m = overlaps.shape[2]
    rows, at = torch.arange(len(matched), device=matched.device), overlaps.argmax(1)  # (b, m)
    names = torch.where(absent, -1 - torch.arange(m, device=at.device), at).sort(1).values
    clash = (names[:, 1:] == names[:, :-1]).any(1)
    plain = (~clash).nonzero()[:, 0]
    if len(plain):
        i, j = (~absent[plain]).nonzero(as_tuple=True)
        matched[plain[i], at[plain[i], j]] = j
    rows = clash.nonzero()[:, 0]
    if len(rows):
        left = overlaps[rows].clone()
        some = torch.arange(len(rows), device=rows.device)
        for _ in range(min(m, left.shape[1])):
            best, place = left.flatten(1).max(1)
            anchor, box = place // m, place % m
            real = best >= 0  # -1 marks padding, and what is paired already
            matched[rows[real], anchor[real]] = box[real]
            left[some, anchor], left[some, :, box] = -1.0, -1.0
    return matched


def match_by_bands(
    points: Tensor,
    bands: Tensor,
    radii: Tensor,
    boxes: Tensor,
    n_boxes: Tensor,
) -> Tensor:
    """The true box that each point of the maps answers for, by its index, or BACKGROUND (-1); without anchors.

    A point answers for a box that it lies in, near its centre (by at most `radii` to each side), if the largest of its
    distances to the four sides lies in the point's band [low, high): small boxes are left to fine maps. Of several
    boxes it takes the smallest. The result is (b, p).

    Parameters
    ----------
    points : (p, 2) as (x, y). bands : (p, 2). radii : (p,).
    boxes, n_boxes : (b, m, 4) and (b,), as for `match_anchors`.

    Source: Tian et al. 2019, section 3.1 and the centre sampling of its sequel.
    """
    b, m = boxes.shape[:2]
    if not m:
        return torch.full((b, len(points)), BACKGROUND, device=boxes.device)
    absent = torch.arange(m, device=boxes.device) >= n_boxes[:, None]
    to_low = points[None, :, None] - boxes[:, None, :, :2]  # (b, p, m, 2)
    to_high = boxes[:, None, :, 2:] - points[None, :, None]
    sides = torch.cat([to_low, to_high], -1)
    middle = (boxes[..., :2] + boxes[..., 2:])[:, None] / 2
    near = ((points[None, :, None] - middle).abs() <= radii[None, :, None, None]).all(-1)
    largest = sides.amax(-1)
    fits = (largest >= bands[None, :, :1]) & (largest < bands[None, :, 1:])
    taken = (sides.amin(-1) > 0) & near & fits & ~absent[:, None]
    extent = (boxes[..., 2:] - boxes[..., :2]).prod(-1)[:, None].expand_as(taken)
    smallest, chosen = extent.masked_fill(~taken, torch.inf).min(2)
    return torch.where(smallest.isfinite(), chosen, BACKGROUND)


def hard_negatives(
    losses: Tensor,
    positive: Tensor,
    *,
    ratio: float = 3.0,
    candidates: Tensor | None = None,
) -> Tensor:
    """Which negatives to learn from: of each row those of the greatest loss, `ratio` times as many as its positives.

    Parameters
    ----------
    losses : (b, a) the confidence loss of every anchor.
    positive : (b, a) the anchors that answer for a box.
    candidates : (b, a) the negatives to choose from; None takes all that are not positive.

    Of equal losses the first anchors are taken. Rows without positives keep no negatives.

    Systems: hard-negative-mining
    Source: Liu et al. 2016, section 2.2; Baker A121.

    >>> losses, positive = torch.tensor([[9.0, 1.0, 3.0, 2.0, 4.0]]), torch.tensor([[True] + 4 * [False]])
    >>> hard_negatives(losses, positive, ratio=2).tolist()
    [[False, False, True, False, True]]
    """
    negative = ~positive if candidates is None else candidates & ~positive
    order = losses.detach().masked_fill(~negative, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(1)
    wanted = (positive.sum(1, keepdim=True) * ratio).floor()
    return negative & (rank < wanted)
