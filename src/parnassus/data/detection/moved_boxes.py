"""Random changes of training pictures that their true boxes, masks and keypoints follow."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...functional.augmentation import geometry
from ...functional.augmentation.cropping import LEAST_OVERLAPS, jaccard_crops
from ...functional.losses import IGNORED
from ..rows import Batch
from .sides import swapped

if TYPE_CHECKING:
    from ..images.augmentation import Augmentation


def changed_with_boxes(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its boxes y moved with them.

    A box whose centre has left the picture is left out, as in SSD; the others are cut at the edge.
    """
    size = (x.shape[2], x.shape[3])
    if augmentation.moves:
        matrix, field = augmentation.matrices(len(x), size, x.device), augmentation.field(x)
        if augmentation.jaccard_crop:
            matrix = matrix @ geometry.crop(_regions(augmentation, batch["y"], batch["y_lengths"], size), size=size)
        x = geometry.warp(x, matrix, displacement=field, fill=augmentation.fill)
        batch = batch | moved_boxes(batch, matrix, size, field)
        if "y_points" in batch:
            batch = batch | {"y_points": swapped(batch["y_points"], matrix, augmentation.flip_pairs)}
    x, moves = augmentation.recoloured(x, axes=axes)
    for matrix in moves:
        batch = batch | moved_boxes(batch, matrix, size)
    return batch | {"x": x}


def changed_with_masks(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its masks y (n, h, w) moved with them.

    What comes in from beyond the picture's edge does not count.
    """
    y = batch["y"]
    if augmentation.moves:
        matrix, field = augmentation.matrices(len(x), (x.shape[2], x.shape[3]), x.device), augmentation.field(x)
        x = geometry.warp(x, matrix, displacement=field, fill=augmentation.fill)
        y = moved_classes(y, matrix, field)
    x, moves = augmentation.recoloured(x, axes=axes)
    for matrix in moves:
        y = moved_classes(y, matrix)
    return batch | {"x": x, "y": y}


def moved_classes(y: Tensor, matrix: Tensor, field: Tensor | None = None) -> Tensor:
    """Maps of classes (n, h, w) after the moves; IGNORED stays so, and comes in from beyond the edge."""
    beyond = 1 + y[:, None].clamp(min=IGNORED).float() - IGNORED  # 0 is what has no class
    moved = geometry.warp(beyond, matrix, displacement=field, nearest=True, fill="zeros")[:, 0].round().long()
    return torch.where(moved == 0, torch.full_like(moved, IGNORED), moved + IGNORED - 1)


def changed_with_points(augmentation: "Augmentation", x: Tensor, batch: Batch, *, axes: Tensor) -> Batch:
    """The batch with its pictures `x` (values from 0 to 1) changed, and its keypoints y (n, k, 3) moved with them.

    A point that has left the picture is not there any more.
    """
    size, y = (x.shape[2], x.shape[3]), batch["y"]
    if augmentation.moves:
        matrix, field = augmentation.matrices(len(x), size, x.device), augmentation.field(x)
        x = geometry.warp(x, matrix, displacement=field, fill=augmentation.fill)
        y = swapped(moved_points(y, matrix, size, field), matrix, augmentation.flip_pairs)
    x, moves = augmentation.recoloured(x, axes=axes)
    for matrix in moves:
        y = moved_points(y, matrix, size)
    return batch | {"x": x, "y": y}


def moved_points(y: Tensor, matrix: Tensor, size: tuple[int, int], field: Tensor | None = None) -> Tensor:
    """Keypoints (batch, k, 3) after the moves; what has left the picture, or was not there, is 0."""
    points = geometry.move_points(y[..., :2], matrix, displacement=field)
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


def moved_boxes(batch: Batch, matrix: Tensor, size: tuple[int, int], field: Tensor | None = None) -> Batch:
    """y, y_labels, y_lengths and what goes with them after the moves, the boxes that stay first."""
    y, labels, n_boxes = batch["y"], batch["y_labels"], batch["y_lengths"]
    if not y.shape[1]:
        return {}
    middle = geometry.move_points((y[..., :2] + y[..., 2:]) / 2, matrix, displacement=field)
    inside = ((middle > 0) & (middle < middle.new_tensor([size[1], size[0]]))).all(-1)
    boxes, _ = geometry.move_boxes(y, matrix, size=size, displacement=field)
    wide = (boxes[..., 2:] - boxes[..., :2]).amin(-1) > 0.5  # pixels; less is no box any more
    stays = inside & wide & (torch.arange(y.shape[1], device=y.device) < n_boxes[:, None])
    order = (~stays).to(torch.uint8).argsort(dim=1, stable=True)
    along = {}
    if "y_masks" in batch:  # masks move as planes of one picture
        planes = batch["y_masks"].to(matrix.dtype)
        planes = geometry.warp(planes, matrix, displacement=field, nearest=True, fill="zeros")
        along["y_masks"] = planes.round().to(torch.uint8)
    if "y_points" in batch:
        points = batch["y_points"]
        along["y_points"] = moved_points(points.flatten(1, 2), matrix, size, field).view_as(points)
    along = {k: v.gather(1, order[:, :, None, None].expand_as(v)) for k, v in along.items()}
    return along | {
        "y": boxes.gather(1, order[..., None].expand_as(boxes)),
        "y_labels": labels.gather(1, order),
        "y_lengths": stays.sum(1),
    }
