"""FCOS: every point of the maps says a class, its distances to the four sides of a box, and how central it is."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional.boxes import focal_box_loss, giou, match_by_bands
from ...train.phase import Batch
from .detector import Detection, picked


class FCOS(Detection):
    """One-stage detection without anchors: `net(x)` -> logits (b, p, K), distances (b, p, 4) above 0, and centrality
    (b, p), for p points of all maps.

    A point answers for the smallest box that it lies in, near the centre, if the box's size suits its map. The loss is
    the focal loss on all points, and on those that answer 1 - GIoU of their box and the binary cross-entropy of

        centrality = sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b))

    A box's score is the root of class probability times centrality.

    Source: Tian et al. 2019.
    """

    points: Tensor
    bands: Tensor
    radii: Tensor
    strides: Tensor

    def __init__(
        self,
        net: nn.Module,
        points: Tensor,
        strides: Tensor,
        bands: Tensor,
        image_size: tuple[int, int],
        *,
        radius: float,
    ) -> None:
        super().__init__(image_size)
        self.net = net
        for name, held in (("points", points), ("strides", strides), ("bands", bands), ("radii", radius * strides)):
            self.register_buffer(name, held, persistent=False)

    def assigned(self, boxes: Tensor, labels: Tensor, n_boxes: Tensor) -> tuple[Tensor, Tensor]:
        return picked(match_by_bands(self.points, self.bands, self.radii, boxes, n_boxes), boxes, labels)

    def boxes_at(self, distances: Tensor) -> Tensor:
        """Boxes (b, p, 4) at distances (left, top, right, bottom) from the points, given in strides."""
        reach = distances * self.strides[:, None]
        return torch.cat([self.points - reach[..., :2], self.points + reach[..., 2:]], -1)

    def mean_loss(self, batch: Batch) -> Tensor:
        logits, distances, central = (part.float() for part in self.net(batch["x"]))
        classes, boxes = self.goals(batch)
        weight = batch.get("weight")
        rows, at = (classes > 0).nonzero(as_tuple=True)
        goal, each = boxes[rows, at], torch.ones_like(rows, dtype=logits.dtype) if weight is None else weight[rows]
        found = self.boxes_at(distances)[rows, at]
        away = (1 - giou(found, goal)) * each
        named = F.binary_cross_entropy_with_logits(
            central[rows, at], centrality(self.points[at], goal), reduction="none"
        )
        total = focal_box_loss(logits, classes, weight=weight) + away.sum() + (named * each).sum()
        return total / self.weight(batch).clamp(min=1.0)

    def scored(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits, distances, central = self.net(batch["x"])
        return (logits.sigmoid() * central.sigmoid()[..., None]).sqrt(), self.boxes_at(distances)


def centrality(points: Tensor, boxes: Tensor) -> Tensor:
    """How central points (n, 2) lie in their boxes (n, 4), from 0 at an edge to 1 in the middle.

    >>> centrality(torch.tensor([[5.0, 5.0], [1.0, 5.0]]), torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 10]]))
    tensor([1.0000, 0.3333])
    """
    low, high = points - boxes[:, :2], boxes[:, 2:] - points
    share = torch.minimum(low, high) / torch.maximum(low, high)
    return share.clamp(min=0).prod(-1).sqrt()
