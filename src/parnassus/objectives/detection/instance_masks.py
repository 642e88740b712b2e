"""Mask R-CNN: what Faster R-CNN learns, and a mask for each thing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...errors import DataError
from ...functional.boxes import mask_loss, mask_targets
from ...train.phase import Batch
from .detector import Found
from .proposals import Drawn, FasterRCNN

LOOK = 14  # cells a side of what a mask is read off; the mask has twice as many


class FoundMasks(NamedTuple):
    """A `Found`, and for each box the share (n, 28, 28), from 0 to 1, of the thing in each cell of it."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor


class MaskRCNN(FasterRCNN):
    """Faster R-CNN with a third head, which says for each region and class which pixels are the thing's.

        L = L_proposals + L_class + L_box + L_mask

    L_mask is the mean over a picture's positive regions of `mask_loss`, the binary cross-entropy of the true class's
    28 x 28 mask alone; it is 0 where no region is positive. The target is the part of the true mask that lies in the
    region. In use masks are read off the boxes that were found, each by its own class.

    Parameters
    ----------
    mask_head : (n, c, 14, 14) -> logits (n, K + 1, 28, 28), background first, whose plane nothing reads.
    Others as for `FasterRCNN`. A batch also holds y_masks (batch, most, height, width) of 0 and 1.

    Systems: instance-segmentation
    Source: He et al. 2017; Baker A126.
    """

    finds_masks = True
    answering = (*FasterRCNN.answering, "mask_head.planes")

    def __init__(self, *parts: Any, mask_head: nn.Module, **settings: Any) -> None:
        super().__init__(*parts, **settings)
        self.mask_head = mask_head

    def region_loss(self, maps: Sequence[Tensor], picks: Sequence[Drawn], batch: Batch) -> Tensor:
        """The losses of classes, offsets and masks of drawn regions, for each picture (b,)."""
        return super().region_loss(maps, picks, batch) + self.loss_of_masks(maps, picks, batch)

    def loss_of_masks(self, maps: Sequence[Tensor], picks: Sequence[Drawn], batch: Batch) -> Tensor:
        """The mean loss of the masks of each picture's positive regions (b,)."""
        if "y_masks" not in batch:
            raise DataError(
                "model 'mask_rcnn' learns a mask for each box, and the boxes have none; give dicts with the keys "
                "'boxes', 'labels' and 'masks' (n, height, width), or take model 'faster_rcnn'"
            )
        positive = [p.classes > 0 for p in picks]
        regions = [p.regions[own] for p, own in zip(picks, positive, strict=True)]
        lengths = [len(r) for r in regions]
        if not sum(lengths):  # the head keeps its place in the graph, for gradients that are added up
            return maps[0].new_zeros(len(picks)) + 0 * sum(p.sum() for p in self.mask_head.parameters())
        true = torch.cat([m[p.places[own]] for m, p, own in zip(batch["y_masks"], picks, positive, strict=True)])
        classes = torch.cat([p.classes[own] for p, own in zip(picks, positive, strict=True)])
        logits = self.mask_head(self.looked_at(maps, regions, size=LOOK)).float()
        each = mask_loss(logits, classes, mask_targets(true, torch.cat(regions), size=logits.shape[-1]))
        return torch.stack([part.sum() / max(len(part), 1) for part in each.split(lengths)])

    def found_on(self, maps: Sequence[Tensor], **limits: Any) -> list[Any]:
        """The boxes of each picture and their masks."""
        found = super().found_on(maps, **limits)
        return [self._masked([m[i : i + 1] for m in maps], one) for i, one in enumerate(found)]

    def _masked(self, maps: Sequence[Tensor], found: Found) -> FoundMasks:
        """One picture's boxes with their masks; of one picture at a time, for regions of many take much memory."""
        logits = self.mask_head(self.looked_at(maps, [found.boxes], size=LOOK)).float()
        own = logits[torch.arange(len(logits), device=logits.device), found.classes + 1]
        return FoundMasks(*found, own.sigmoid())
