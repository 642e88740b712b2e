"""Random changes of training pictures that their true boxes, masks and keypoints follow."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import SettingError
from ..functional.augmentation import geometry
from ..functional.augmentation.cropping import LEAST_OVERLAPS, jaccard_crops
from ..functional.losses import IGNORED
from .rows import Batch

if TYPE_CHECKING:
    from .augmentation import Augmentation

UNFOLLOWED = ("elastic", "randaugment")


def refuse_unfollowed(augmentation: "Augmentation | None") -> None:
    """Refuses changes that move things where boxes do not follow."""
    for name in UNFOLLOWED if augmentation is not None else ():
        if getattr(augmentation, name):
            raise SettingError(
                f"augment: {name} moves things, and boxes do not follow it; leave it out for pictures with boxes"
            )


def changed_with_boxes(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its boxes y moved with them.

    A box whose centre has left the picture is left out, as in SSD; the others are cut at the edge.
    """
    size = (x.shape[2], x.shape[3])
    y, n_boxes = batch["y"], batch["y_lengths"]
    if augmentation.moves:
        matrix = augmentation.matrices(len(x), size, x.device)
        if augmentation.jaccard_crop:
            matrix = matrix @ geometry.crop(_regions(augmentation, y, n_boxes, size), size=size)
        x = geometry.warp(x, matrix, fill=augmentation.fill)
        if "y_masks" in batch:  # masks move as planes of one picture; moved_boxes puts them in order
            planes = geometry.warp(batch["y_masks"].to(x.dtype), matrix, nearest=True, fill="zeros")
            batch = batch | {"y_masks": planes.round().to(torch.uint8)}
        batch = batch | moved_boxes(batch, matrix, size)
    return batch | {"x": augmentation.recoloured(x, axes=axes)}


def changed_with_masks(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its masks y (n, h, w) moved with them.

    What comes in from beyond the picture's edge does not count.
    """
    if augmentation.moves:
        matrix = augmentation.matrices(len(x), (x.shape[2], x.shape[3]), x.device)
        x = geometry.warp(x, matrix, fill=augmentation.fill)
        beyond = 1 + batch["y"][:, None].clamp(min=IGNORED).float() - IGNORED  # 0 is what has no class
        moved = geometry.warp(beyond, matrix, nearest=True, fill="zeros")[:, 0].round().long()
        batch = batch | {"y": torch.where(moved == 0, torch.full_like(moved, IGNORED), moved + IGNORED - 1)}
    return batch | {"x": augmentation.recoloured(x, axes=axes)}


def changed_with_points(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its keypoints y (n, k, 3) moved with them.

    A point that has left the picture is not there any more.
    """
    size = (x.shape[2], x.shape[3])
    if augmentation.moves:
        matrix = augmentation.matrices(len(x), size, x.device)
        x = geometry.warp(x, matrix, fill=augmentation.fill)
        batch = batch | {"y": moved_points(batch["y"], matrix, size)}
    return batch | {"x": augmentation.recoloured(x, axes=axes)}


def moved_points(y: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Keypoints (batch, k, 3) after the moves; what has left the picture, or was not there, is 0."""
    points = geometry.move_points(y[..., :2], matrix)
    inside = ((points >= 0) & (points <= points.new_tensor([size[1], size[0]]))).all(-1, keepdim=True)
    there = y[..., 2:] * inside
    return torch.cat([torch.where(there > 0, points, 0.0), there], -1)


def _regions(augmentation: "Augmentation", y: Tensor, n_boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """What each picture is cut to: a share `jaccard_crop` of them by the rule, with a drawn least overlap."""
    least = y.new_tensor(LEAST_OVERLAPS)[torch.randint(len(LEAST_OVERLAPS), (len(y),), device=y.device)]
    regions = jaccard_crops(y, n_boxes, size=size, least=least)
    whole = y.new_tensor([0.0, 0.0, size[1], size[0]])
    chosen = torch.rand(len(y), device=y.device) < augmentation.jaccard_crop
    return torch.where(chosen[:, None], regions, whole)


def moved_boxes(batch: Batch, matrix: Tensor, size: tuple[int, int]) -> Batch:
    """y, y_labels and y_lengths after the moves, the boxes that stay first."""
    y, labels, n_boxes = batch["y"], batch["y_labels"], batch["y_lengths"]
    if not y.shape[1]:
        return {}
    middle = geometry.move_points((y[..., :2] + y[..., 2:]) / 2, matrix)
    inside = ((middle > 0) & (middle < middle.new_tensor([size[1], size[0]]))).all(-1)
    boxes, _ = geometry.move_boxes(y, matrix, size=size)
    wide = (boxes[..., 2:] - boxes[..., :2]).amin(-1) > 0.5  # pixels; less is no box any more
    stays = inside & wide & (torch.arange(y.shape[1], device=y.device) < n_boxes[:, None])
    order = (~stays).to(torch.uint8).argsort(dim=1, stable=True)
    along = {k: v for k, v in batch.items() if k in ("y_masks", "y_points")}
    if "y_points" in along:
        along["y_points"] = moved_points(along["y_points"].flatten(1, 2), matrix, size).view_as(along["y_points"])
    along = {k: v.gather(1, order[:, :, None, None].expand_as(v)) for k, v in along.items()}
    return along | {
        "y": boxes.gather(1, order[..., None].expand_as(boxes)),
        "y_labels": labels.gather(1, order),
        "y_lengths": stays.sum(1),
    }
