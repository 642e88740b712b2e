"""Objectives of detectors: what anchors, or points, answer for, the losses, and the way from outputs to boxes."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...errors import DataError
from ...functional.boxes import (
    SSD_VARIANCES,
    clipped,
    decode_offsets,
    encode_offsets,
    focal_box_loss,
    match_anchors,
    nms_by_class,
    ssd_loss,
)
from ...functional.losses import huber
from ...train.phase import Batch
from ..transfer import Staged

CANDIDATES = 1000  # boxes of a picture that suppression looks at


class Found(NamedTuple):
    """Boxes of one picture: corners (n, 4) in pixels of x, scores (n,) from 0 to 1, classes (n,) from 0; best first."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor


class Detection(Staged):
    """What all detectors share: a batch holds x (batch, channels, height, width) and, where they are known, the true
    boxes y (batch, most, 4), their classes y_labels (batch, most; -1 for what is not counted) and y_lengths (batch,).

    `learner` holds `maps`, and heads on them. The losses are means over the anchors (or points, or regions) that answer
    for boxes, which `weight` counts.
    """

    probabilistic = False
    finds_masks = False  # whether it also says which pixels of a box are the thing's
    finds_points = False  # whether it also says where the keypoints of a box's thing are

    def __init__(self, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.image_size = image_size

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.mean_loss(batch)}

    def weight(self, batch: Batch) -> Tensor:
        classes = self.goals(batch)[0]
        n = (classes > 0).sum(1).float()
        return (n * batch["weight"] if "weight" in batch else n).sum().clamp(min=1e-6)

    def goals(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What each place answers for: classes (b, a), 0 for background, 1 to K, -1 for left out; boxes (b, a, 4).

        Kept in the batch, for the loss and its weight both ask.
        """
        if "goal_classes" not in batch:
            classes, boxes = self.assigned(batch["y"], batch["y_labels"], batch["y_lengths"])
            batch["goal_classes"], batch["goal_boxes"] = classes, boxes
        return batch["goal_classes"], batch["goal_boxes"]

    def assigned(self, boxes: Tensor, labels: Tensor, n_boxes: Tensor) -> tuple[Tensor, Tensor]:
        """What `goals` keeps."""
        raise NotImplementedError

    def scored(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores (b, a, K) from 0 to 1 of every place and class, and their boxes (b, a, 4)."""
        raise NotImplementedError

    def outputs(self, batch: Batch) -> Tensor:
        return self.scored(batch)[0]

    def detect(
        self, batch: Batch, *, threshold: float = 0.05, iou_threshold: float = 0.45, n_most: int = 100
    ) -> list[Found]:
        """The boxes of each picture whose score is at least the threshold, suppressed class by class."""
        scores, boxes = self.scored(batch)
        return [
            chosen(s, clipped(b, self.image_size), threshold=threshold, iou_threshold=iou_threshold, n_most=n_most)
            for s, b in zip(scores.float(), boxes.float(), strict=True)
        ]


def chosen(scores: Tensor, boxes: Tensor, *, threshold: float, iou_threshold: float, n_most: int) -> Found:
    """Of scores (a, K) and boxes (a, 4) or (a, K, 4), what stays after the threshold and suppression by class."""
    places, classes = (scores >= threshold).nonzero(as_tuple=True)
    values = scores[places, classes]
    if len(values) > CANDIDATES:
        values, best = values.topk(CANDIDATES)
        places, classes = places[best], classes[best]
    corners = boxes[places, classes] if boxes.ndim == 3 else boxes[places]
    kept = nms_by_class(corners, values, classes, iou_threshold=iou_threshold)[:n_most]
    return Found(corners[kept], values[kept], classes[kept])


def picked(matched: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Classes (0 background, 1 to K, -1 left out) and boxes of places by the box that each was matched with."""
    if not boxes.shape[1]:
        return matched.clamp(min=-1) + 1, matched.new_zeros(*matched.shape, 4, dtype=boxes.dtype)
    at = matched.clamp(min=0)
    classes = torch.where(matched >= 0, labels.gather(1, at) + 1, matched + 1)  # BACKGROUND -1 -> 0, IGNORED -2 -> -1
    uncounted = (matched >= 0) & (labels.gather(1, at) < 0)
    return classes.masked_fill(uncounted, -1), boxes.gather(1, at[..., None].expand(*at.shape, 4))


class AnchorDetector(Detection):
    """A net that says classes and offsets of fixed anchors: `net(x)` -> scores (b, a, C) and offsets (b, a, 4)."""

    anchors: Tensor

    def __init__(self, net: nn.Module, anchors: Tensor, image_size: tuple[int, int]) -> None:
        super().__init__(image_size)
        self.net = net
        self.register_buffer("anchors", anchors, persistent=False)


class SSD(AnchorDetector):
    """SSD: a softmax over background and the classes at each anchor, taught by the hardest negatives.

    Anchors that overlap a box by more than `threshold`, or most of all, answer for it; offsets are in units of the
    variances 0.1, 0.1, 0.2, 0.2.

    Systems: object-detection
    Source: Liu et al. 2016; Baker A109, A113 and A116.
    """

    def __init__(
        self,
        net: nn.Module,
        anchors: Tensor,
        image_size: tuple[int, int],
        *,
        threshold: float = 0.5,
        ratio: float = 3.0,
        alpha: float = 1.0,
    ) -> None:
        super().__init__(net, anchors, image_size)
        self.threshold, self.ratio, self.alpha = threshold, ratio, alpha

    def assigned(self, boxes: Tensor, labels: Tensor, n_boxes: Tensor) -> tuple[Tensor, Tensor]:
        return picked(match_anchors(self.anchors, boxes, n_boxes, threshold=self.threshold), boxes, labels)

    def mean_loss(self, batch: Batch) -> Tensor:
        scores, offsets = self.net(batch["x"])
        classes, boxes = self.goals(batch)
        goals = safe_offsets(boxes, self.anchors, classes > 0, SSD_VARIANCES)
        return ssd_loss(
            scores.float(),
            offsets.float(),
            classes,
            goals,
            alpha=self.alpha,
            ratio=self.ratio,
            weight=batch.get("weight"),
        )

    def scored(self, batch: Batch) -> tuple[Tensor, Tensor]:
        scores, offsets = self.net(batch["x"])
        return scores.softmax(-1)[..., 1:], decode_offsets(offsets, self.anchors, variances=SSD_VARIANCES)


class RetinaNet(AnchorDetector):
    """RetinaNet: a sigmoid a class at each anchor, taught by the focal loss on all anchors.

    Anchors that overlap a box by more than 0.5, or most of all, answer for it, and those by 0.4 to 0.5 are left out.

    Source: Lin et al. 2017.
    """

    def __init__(
        self, net: nn.Module, anchors: Tensor, image_size: tuple[int, int], *, balance: float = 0.25, focus: float = 2.0
    ) -> None:
        super().__init__(net, anchors, image_size)
        self.balance, self.focus = balance, focus

    def assigned(self, boxes: Tensor, labels: Tensor, n_boxes: Tensor) -> tuple[Tensor, Tensor]:
        return picked(match_anchors(self.anchors, boxes, n_boxes, threshold=0.5, low=0.4), boxes, labels)

    def mean_loss(self, batch: Batch) -> Tensor:
        logits, offsets = self.net(batch["x"])
        classes, boxes = self.goals(batch)
        weight = batch.get("weight")
        named = focal_box_loss(logits.float(), classes, balance=self.balance, focus=self.focus, weight=weight)
        positive = classes > 0
        goals = safe_offsets(boxes, self.anchors, positive, (1.0, 1.0, 1.0, 1.0))
        # smooth L1 with beta 1/9, as in the paper's code: huber(delta) / delta
        along = huber(torch.where(positive[..., None], offsets.float() - goals, 0.0), delta=1 / 9).sum((1, 2)) * 9
        return (named + (along if weight is None else along * weight).sum()) / self.weight(batch).clamp(min=1.0)

    def scored(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits, offsets = self.net(batch["x"])
        return logits.sigmoid(), decode_offsets(offsets, self.anchors)


def safe_offsets(boxes: Tensor, anchors: Tensor, positive: Tensor, variances: Any) -> Tensor:
    """Offsets of boxes from anchors where they answer for one; 0 elsewhere, where there is nothing to take a log of."""
    held = torch.where(positive[..., None], boxes, anchors)
    return encode_offsets(held, anchors.expand_as(held), variances=variances)


def check_image_size(name: str, image_size: tuple[int, int], least: int) -> None:
    """Refuses pictures too small for a detector's maps."""
    if min(image_size) < least:
        raise DataError(
            f"model {name!r} sees pictures of at least {least} pixels a side, and these are brought to {image_size}; "
            f"give codec=pn.Image(size={least}, resize='pad') or more"
        )
