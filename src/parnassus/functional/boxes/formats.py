"""Boxes (..., 4) as corners, as a centre and a size, or as a corner and a size, and from one to the other."""

import torch
from torch import Tensor


def centers_of(boxes: Tensor) -> Tensor:
    """Corners (x1, y1, x2, y2) as centres and sizes (cx, cy, w, h).

        cx = (x1 + x2) / 2,  cy = (y1 + y2) / 2,  w = x2 - x1,  h = y2 - y1

    Systems: box-formats
    Source: Baker A110.

    >>> centers_of(torch.tensor([2.0, 3.0, 6.0, 9.0])).tolist()
    [4.0, 6.0, 4.0, 6.0]
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], -1)


def corners_of(centers: Tensor) -> Tensor:
    """Centres and sizes (cx, cy, w, h) as corners (x1, y1, x2, y2); the inverse of `centers_of`.

    Systems: box-formats
    Source: Baker A110.

    >>> corners_of(torch.tensor([4.0, 6.0, 4.0, 6.0])).tolist()
    [2.0, 3.0, 6.0, 9.0]
    """
    middle, half = centers[..., :2], centers[..., 2:] / 2
    return torch.cat([middle - half, middle + half], -1)


def corners_of_sizes(boxes: Tensor) -> Tensor:
    """First corners and sizes (x, y, w, h), as COCO writes boxes, as corners (x1, y1, x2, y2).

    >>> corners_of_sizes(torch.tensor([2.0, 3.0, 4.0, 6.0])).tolist()
    [2.0, 3.0, 6.0, 9.0]
    """
    return torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def sizes_of(boxes: Tensor) -> Tensor:
    """Corners as first corners and sizes (x, y, w, h), as COCO writes boxes; the inverse of `corners_of_sizes`."""
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def areas(boxes: Tensor) -> Tensor:
    """(x2 - x1) (y2 - y1) of boxes given by corners."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes cut at the edges of a picture of (height, width).

    >>> clipped(torch.tensor([-1.0, 2.0, 30.0, 9.0]), (8, 20)).tolist()
    [0.0, 2.0, 20.0, 8.0]
    """
    height, width = size
    far = boxes.new_tensor([width, height, width, height])
    return torch.minimum(boxes.clamp(min=0), far)
