"""Faster R-CNN: one net proposes regions, another says what is in each; both learn together."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional.boxes import (
    SSD_VARIANCES,
    clipped,
    decode_offsets,
    encode_offsets,
    iou,
    match_anchors,
    nms_by_class,
    roi_align,
)
from ...functional.losses import huber
from ...train.phase import Batch
from .detector import Detection, Found, chosen, picked

PROPOSED, EACH_MAP, OVERLAP = 300, 600, 0.7  # regions of a picture that go on, candidates of a map, suppression
COARSE = 14.0  # a region is looked at on the map of whose cells it is 14 to 28 wide
SIZE = 7  # cells a side of what a region becomes


class Drawn(NamedTuple):
    """Regions (n, 4) of one picture to learn from, their classes (n,; 0 background), and the boxes (n, 4) that they
    answer for, with the places (n,) of these among the picture's boxes.
    """

    regions: Tensor
    classes: Tensor
    goals: Tensor
    places: Tensor


class FasterRCNN(Detection):
    """Regions proposed on a feature pyramid, and for each, by what lies in it, its class and a better box.

    The proposal net gives each anchor a score and offsets; the best 300 regions after suppression go on. In training,
    `n_anchors` anchors of a picture are drawn, half of them positive at most (IoU over 0.7 or the best of a box;
    negative under 0.3), and `n_regions` regions, a quarter positive at most (IoU of 0.5 or more); true boxes are among
    the regions. The loss is the sum of four: cross-entropies of both nets, and Huber losses of offsets.

    Parameters
    ----------
    maps : x -> list of maps. proposer : map -> (b, k, h, w) scores and (b, 4 k, h, w) offsets, as lists of (b, a) and
        (b, a, 4). head : (n, c, 7, 7) -> scores (n, K + 1), background first, and offsets (n, K, 4).
    anchors : one (a, 4) a map. strides : pixels a cell of each map that regions are looked at on.

    Systems: faster-rcnn
    Source: Ren et al. 2015, with a pyramid (Lin et al. 2017) and RoIAlign (He et al. 2017); Baker A123,
    Martinez-Ramon problem 4.4.
    """

    answering: tuple[str, ...] = ("head.classes", "head.offsets")  # what is drawn anew for other classes

    def __init__(
        self,
        maps: nn.Module,
        proposer: nn.Module,
        head: nn.Module,
        anchors: Sequence[Tensor],
        strides: Sequence[float],
        image_size: tuple[int, int],
        *,
        n_anchors: int,
        n_regions: int,
    ) -> None:
        super().__init__(image_size)
        self.maps, self.proposer, self.head = maps, proposer, head
        self.strides, self.n_anchors, self.n_regions = list(strides), n_anchors, n_regions
        self.sizes = [len(a) for a in anchors]
        self.register_buffer("anchors", torch.cat(list(anchors)), persistent=False)
        self.anchors: Tensor

    @property
    def learner(self) -> nn.Module:
        return self

    def weight(self, batch: Batch) -> Tensor:
        each = batch.get("weight")
        return batch["x"].new_tensor(float(len(batch["x"]))) if each is None else each.sum()

    # --- proposals --------------------------------------------------------------------------------

    def proposals(self, scores: Tensor, offsets: Tensor) -> list[Tensor]:
        """The regions (n, 4) of each picture that go on, best first; no gradient goes through them."""
        boxes = clipped(decode_offsets(offsets.detach().float(), self.anchors), self.image_size)
        found = []
        for s, b in zip(scores.detach().float().split(self.sizes, 1), boxes.split(self.sizes, 1), strict=True):
            best, at = s.topk(min(EACH_MAP, s.shape[1]), dim=1)
            found.append((best, b.gather(1, at[..., None].expand(-1, -1, 4)), at))
        values, regions = torch.cat([f[0] for f in found], 1), torch.cat([f[1] for f in found], 1)
        level = torch.cat([torch.full_like(f[2][0], i) for i, f in enumerate(found)])
        kept = []
        for v, r in zip(values, regions, strict=True):
            wide = ((r[:, 2:] - r[:, :2]) >= 1).all(1).nonzero()[:, 0]
            best = nms_by_class(r[wide], v[wide], level[wide], iou_threshold=OVERLAP)[:PROPOSED]
            kept.append(r[wide[best]])
        return kept

    def looked_at(self, maps: Sequence[Tensor], regions: Sequence[Tensor], *, size: int = SIZE) -> Tensor:
        """What lies in each region (n, c, size, size), from the map whose cells suit its extent."""
        rows = torch.cat([torch.full((len(r),), i, device=r.device) for i, r in enumerate(regions)])
        boxes = torch.cat(list(regions))
        side = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-6).prod(1).sqrt()
        level = (side / (COARSE * self.strides[0])).log2().floor().clamp(0, len(self.strides) - 1).long()
        parts = maps[0].new_zeros(len(boxes), maps[0].shape[1], size, size)
        for i, stride in enumerate(self.strides):
            own = (level == i).nonzero()[:, 0]
            if len(own):
                parts = parts.index_copy(0, own, roi_align(maps[i], boxes[own], rows[own], size=size, scale=1 / stride))
        return parts

    # --- training ---------------------------------------------------------------------------------

    def mean_loss(self, batch: Batch) -> Tensor:
        maps = self.maps(batch["x"])
        scores, offsets = self.proposer(maps)
        y, labels, n_boxes = batch["y"], batch["y_labels"], batch["y_lengths"]
        weight = batch.get("weight", torch.ones(len(y), device=y.device))
        first = self.proposal_loss(scores.float(), offsets.float(), y, labels, n_boxes)
        regions = [
            torch.cat([r, box[:n]])
            for r, box, n in zip(self.proposals(scores, offsets), y, n_boxes.tolist(), strict=True)
        ]
        drawn = [
            self._drawn_regions(r, box[:n], label[:n])
            for r, box, label, n in zip(regions, y, labels, n_boxes.tolist(), strict=True)
        ]
        second = self.region_loss(maps, drawn, batch)
        return ((first + second) * weight).sum() / weight.sum()

    def proposal_loss(self, scores: Tensor, offsets: Tensor, y: Tensor, labels: Tensor, n_boxes: Tensor) -> Tensor:
        """The loss of scores and offsets of drawn anchors, for each picture (b,)."""
        matched = match_anchors(self.anchors, y, n_boxes, threshold=0.7, low=0.3)
        classes, boxes = picked(matched, y, labels)
        positive = drawn(classes > 0, self.n_anchors // 2)
        room = self.n_anchors - positive.sum(1)
        asked = positive | drawn(classes == 0, room)
        named = F.binary_cross_entropy_with_logits(scores, positive.float(), reduction="none") * asked
        held = torch.where(positive[..., None], boxes, self.anchors)
        goal = encode_offsets(held, self.anchors.expand_as(held))
        along = huber(torch.where(positive[..., None], offsets - goal, 0.0), delta=1 / 9).sum(-1) * 9
        return (named.sum(1) + along.sum(1)) / asked.sum(1).clamp(min=1)

    def region_loss(self, maps: Sequence[Tensor], picks: Sequence[Drawn], batch: Batch) -> Tensor:
        """The loss of classes and offsets of drawn regions, for each picture (b,)."""
        kept = [p.regions for p in picks]
        classes, goals = torch.cat([p.classes for p in picks]), torch.cat([p.goals for p in picks])
        scores, offsets = (part.float() for part in self.head(self.looked_at(maps, kept)))
        named = F.cross_entropy(scores, classes, reduction="none")
        positive = classes > 0
        own = offsets[torch.arange(len(classes), device=classes.device), (classes - 1).clamp(min=0)]
        code = encode_offsets(
            torch.where(positive[:, None], goals, torch.cat(kept)), torch.cat(kept), variances=SSD_VARIANCES
        )
        along = huber(torch.where(positive[:, None], own - code, 0.0)).sum(-1)
        return torch.stack([part.sum() / max(len(part), 1) for part in (named + along).split([len(k) for k in kept])])

    def _drawn_regions(self, regions: Tensor, boxes: Tensor, labels: Tensor) -> Drawn:
        """Of one picture's regions those to learn from, and what they are to answer."""
        if len(boxes):
            best, at = iou(regions, boxes).nan_to_num(0.0).max(1)
            goals, classes = boxes[at], torch.where(best >= 0.5, labels[at] + 1, 0)
            left_out = (best >= 0.5) & (labels[at] < 0)
        else:
            goals, classes = torch.zeros_like(regions), regions.new_zeros(len(regions), dtype=torch.long)
            at = classes
            left_out = torch.zeros_like(classes, dtype=torch.bool)
        positive = drawn((classes > 0)[None] & ~left_out[None], self.n_regions // 4)[0]
        negative = drawn((classes == 0)[None] & ~left_out[None], self.n_regions - int(positive.sum()))[0]
        kept = (positive | negative).nonzero()[:, 0]
        return Drawn(regions[kept], classes[kept], goals[kept], at[kept])

    # --- use --------------------------------------------------------------------------------------

    def detect(
        self, batch: Batch, *, threshold: float = 0.05, iou_threshold: float = 0.45, n_most: int = 100
    ) -> list[Found]:
        limits = {"threshold": threshold, "iou_threshold": iou_threshold, "n_most": n_most}
        return self.found_on(self.maps(batch["x"]), **limits)

    def found_on(self, maps: Sequence[Tensor], **limits: Any) -> list[Found]:
        """The boxes of each picture, from its maps."""
        regions = self.proposals(*self.proposer(maps))
        scores, offsets = self.head(self.looked_at(maps, regions))
        sizes = [len(r) for r in regions]
        every = torch.cat(regions)[:, None].expand(-1, offsets.shape[1], 4)
        boxes = clipped(decode_offsets(offsets.float(), every, variances=SSD_VARIANCES), self.image_size)
        shares = scores.float().softmax(-1)[:, 1:]
        return [chosen(s, b, **limits) for s, b in zip(shares.split(sizes), boxes.split(sizes), strict=True)]

    def outputs(self, batch: Batch) -> Tensor:
        return self.proposer(self.maps(batch["x"]))[0].sigmoid()


def drawn(of: Tensor, n_most: int | Tensor) -> Tensor:
    """At most n of the true places of each row (b, a), at random; all where there are no more."""
    order = torch.rand(of.shape, device=of.device).masked_fill(~of, math.inf).argsort(dim=1).argsort(dim=1)
    limit = n_most[:, None] if isinstance(n_most, Tensor) else n_most
    return of & (order < limit)
