"""Mask R-CNN's head of keypoints: what Faster R-CNN learns, and where the keypoints of each thing are."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...errors import DataError
from ...functional.boxes import point_cells, point_loss, points_of_maps
from ...train.phase import Batch
from .detector import Found
from .proposals import Drawn, FasterRCNN

LOOK = 14  # cells a side of what keypoints are read off; the maps have four times as many


class FoundPoints(NamedTuple):
    """A `Found`, and for each box the places (n, k, 2) of its keypoints, in pixels, and the heat (n, k) there."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    points: Tensor
    heat: Tensor


class KeypointRCNN(FasterRCNN):
    """Faster R-CNN with a third head, which says for each region and keypoint in which of 56 x 56 cells it lies.

        L = L_proposals + L_class + L_box + L_points

    L_points is, of each picture, the mean of `point_loss`, a cross-entropy over all cells, over the keypoints of its
    positive regions that are there and in the region; it is 0 where there are none. In use keypoints are read off the
    boxes that were found.

    Parameters
    ----------
    point_head : (n, c, 14, 14) -> logits (n, k, 56, 56).
    Others as for `FasterRCNN`. A batch also holds y_points (batch, most, k, 3): x, y in pixels, 1 where one is there.

    Source: He et al. 2017, section 5.
    """

    finds_points = True
    pointing = ("point_head.enlarge",)  # what is drawn anew for other keypoints

    def __init__(self, *parts: Any, point_head: nn.Module, **settings: Any) -> None:
        super().__init__(*parts, **settings)
        self.point_head = point_head

    def region_loss(self, maps: Sequence[Tensor], picks: Sequence[Drawn], batch: Batch) -> Tensor:
        """The losses of classes, offsets and keypoints of drawn regions, for each picture (b,)."""
        return super().region_loss(maps, picks, batch) + self.loss_of_points(maps, picks, batch)

    def loss_of_points(self, maps: Sequence[Tensor], picks: Sequence[Drawn], batch: Batch) -> Tensor:
        """The mean loss of the keypoints of each picture's positive regions (b,)."""
        if "y_points" not in batch:
            raise DataError(
                "model 'keypoint_rcnn' learns keypoints of each box, and the boxes have none; give dicts with the keys "
                "'boxes', 'labels' and 'points' (n, k, 2), or take model 'faster_rcnn'"
            )
        positive = [p.classes > 0 for p in picks]
        regions = [p.regions[own] for p, own in zip(picks, positive, strict=True)]
        lengths = [len(r) for r in regions]
        if not sum(lengths):  # the head keeps its place in the graph, for gradients that are added up
            return maps[0].new_zeros(len(picks)) + 0 * sum(p.sum() for p in self.point_head.parameters())
        true = torch.cat([t[p.places[own]] for t, p, own in zip(batch["y_points"], picks, positive, strict=True)])
        logits = self.point_head(self.looked_at(maps, regions, size=LOOK)).float()
        cells = point_cells(true, torch.cat(regions), size=logits.shape[-1])
        each, there = point_loss(logits, cells), cells >= 0
        sums = zip(each.split(lengths), there.split(lengths), strict=True)
        return torch.stack([part.sum() / own.sum().clamp(min=1) for part, own in sums])

    def found_on(self, maps: Sequence[Tensor], **limits: Any) -> list[Any]:
        """The boxes of each picture and their keypoints."""
        found = super().found_on(maps, **limits)
        return [self._pointed([m[i : i + 1] for m in maps], one) for i, one in enumerate(found)]

    def _pointed(self, maps: Sequence[Tensor], found: Found) -> FoundPoints:
        """One picture's boxes with their keypoints."""
        logits = self.point_head(self.looked_at(maps, [found.boxes], size=LOOK)).float()
        return FoundPoints(*found, *points_of_maps(logits, found.boxes))
