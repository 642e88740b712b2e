"""Masks of single things: what they are given as, what is refused in them, and how a model sees them in its frame."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...functional.boxes import boxes_of_masks, pasted_masks
from .masks import into_frame

BITS = 8


class HasMasks(Protocol):
    """Boxes of a picture, which may have masks."""

    @property
    def masks(self) -> np.ndarray | None: ...

    def __len__(self) -> int: ...


def mask_stack(given: Any, where: str) -> np.ndarray:
    """Masks as booleans (n, height, width); what is neither true nor false, 0 nor 1, is refused."""
    masks = given.numpy(force=True) if isinstance(given, Tensor) else np.asarray(given)
    if not masks.size:
        return np.zeros((0, *(masks.shape[1:] if masks.ndim == 3 else (0, 0))), dtype=bool)
    if masks.ndim != 3 or masks.dtype.kind not in "biuf" or not np.isin(masks, (0, 1)).all():
        raise DataError(
            f"{where}: its masks have shape {masks.shape} and hold {masks.dtype}; give one of 0 and 1 a thing, "
            "(n, height, width); a map of numbered things is cut up by pn.data.detection.object_masks.things_of_map"
        )
    return masks.astype(bool)


def things_of_map(numbers: Any, labels: Any = None) -> dict[str, np.ndarray]:
    """A map (height, width) of numbered things, 0 being none, as the masks, boxes and labels of each.

    labels : for each number from 1 on its label, as a dict or a sequence; None labels each by its number.

    >>> found = things_of_map([[0, 1, 1], [2, 0, 0]], ["cat", "dog"])
    >>> found["boxes"].tolist(), found["labels"].tolist()
    ([[1.0, 0.0, 3.0, 1.0], [0.0, 1.0, 1.0, 2.0]], ['cat', 'dog'])
    """
    array = np.asarray(numbers)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise DataError(f"a map of things is whole numbers (height, width); got {array.dtype} of shape {array.shape}")
    there = [int(k) for k in np.unique(array) if k]
    names = (
        labels
        if isinstance(labels, dict)
        else {k + 1: name for k, name in enumerate(labels if labels is not None else ())}
    )
    if labels is not None and (strange := [k for k in there if k not in names]):
        raise DataError(
            f"the map holds thing {strange[0]}, and there is no label for it; labels are there for {list(names)}"
        )
    masks = array[None] == np.array(there, dtype=array.dtype)[:, None, None]
    said = np.array([names[k] if labels is not None else k for k in there])
    return {"masks": masks, "boxes": boxes_around(masks, "the map"), "labels": said}


def boxes_around(masks: np.ndarray, where: str) -> np.ndarray:
    """The smallest box around each mask (n, 4); an empty mask is refused."""
    for k in np.flatnonzero(~masks.any((1, 2)))[:1]:
        raise DataError(f"{where}: mask {k} has no pixel; leave it and its label out")
    return boxes_of_masks(torch.from_numpy(masks)).double().numpy().reshape(-1, 4)


def check_shape(masks: np.ndarray | None, n_boxes: int, size: tuple[int, int], where: str) -> None:
    """Refuses masks that are not of their picture's size, or not one a box."""
    if masks is not None and n_boxes and masks.shape != (n_boxes, *size):
        raise DataError(
            f"{where}: masks have shape {masks.shape}; for {n_boxes} boxes in a picture of height {size[0]} "
            f"and width {size[1]} give {(n_boxes, *size)}"
        )


def check_masks(masks: np.ndarray | None, boxes: np.ndarray, where: str) -> None:
    """Refuses masks that have no pixel in their box."""
    if masks is None:
        return
    for k, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        part = masks[k, int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
        if not part.any():
            has = "lies outside its box" if masks[k].any() else "has no pixel"
            raise DataError(f"{where}: mask {k} {has}; masks and boxes go in the same order, x to the right and y down")


def all_have_masks(raw: Sequence[HasMasks]) -> bool:
    """Whether the boxes of all pictures have masks; some with and some without are refused."""
    known = [one.masks is not None for one in raw if len(one)]
    if any(known) and not all(known):
        i = next(i for i, one in enumerate(raw) if len(one) and one.masks is None)
        raise DataError(
            f"the boxes of picture {i} have no masks, and those of others have; give masks for all, or none"
        )
    return bool(known) and all(known)


def packed_in_frame(masks: np.ndarray | None, frame: tuple[int, int], how: str) -> np.ndarray:
    """Masks as their picture lies in the frame, eight pixels a byte (n, bytes)."""
    assert masks is not None
    framed = [into_frame(one.astype(np.int8), frame, how) == 1 for one in masks]
    return np.packbits(np.stack(framed).reshape(len(masks), -1), axis=1)


def unpacked_masks(values: Tensor, frame: tuple[int, int]) -> Tensor:
    """Packed masks (batch, most, bytes) as uint8 (batch, most, height, width) of 0 and 1."""
    shifts = torch.arange(BITS - 1, -1, -1, dtype=torch.uint8, device=values.device)
    bits = (values[..., None] >> shifts) & 1
    return bits.flatten(-2)[..., : frame[0] * frame[1]].unflatten(-1, frame)


def laid_over(shares: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks (n, height, width) of a picture from shares (n, m, m) of its boxes."""
    return pasted_masks(torch.as_tensor(shares).double(), torch.from_numpy(boxes), size).numpy()
