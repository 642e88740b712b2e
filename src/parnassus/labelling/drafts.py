"""Model-assisted labelling: masks that grow from clicks, boxes that a model drafts, and what correcting them costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.boxes import iou
from ..functional.regions import Mask, grow_region, mask_iou

Segment = Callable[[np.ndarray, tuple[int, int]], Mask]


class MaskDraft:
    """A mask that an annotator makes by clicks: each adds, or takes away, what the model selects around a point.

    Parameters
    ----------
    picture : (height, width) or (height, width, channels).
    segment : a function (picture, point) -> mask, such as a net's; None grows the region within `tolerance`.
    tolerance : how far a pixel may differ from the clicked one; None is a tenth of the picture's range.

    Attributes: `mask` (height, width), `clicks` [(row, column, kind)].

    Systems: model-assisted-labelling
    Source: Baker, section 5.1 (1:A092).
    """

    def __init__(self, picture: ArrayLike, *, segment: Segment | None = None, tolerance: float | None = None) -> None:
        self.picture = np.asarray(picture, dtype=np.float64)
        if self.picture.ndim not in (2, 3) or not self.picture.size or not np.isfinite(self.picture).all():
            raise DataError(
                f"the picture has shape {self.picture.shape}; expected finite (height, width) or with channels"
            )
        self.tolerance = 0.1 * float(np.ptp(self.picture)) if tolerance is None else tolerance
        self.segment = segment
        self.mask: Mask = np.zeros(self.picture.shape[:2], dtype=bool)
        self.clicks: list[tuple[int, int, str]] = []

    def add(self, row: int, column: int) -> Self:
        """Add the region around a point to the mask."""
        self.mask = self.mask | self._region(row, column)
        self.clicks.append((row, column, "add"))
        return self

    def remove(self, row: int, column: int) -> Self:
        """Take the region around a point out of the mask."""
        self.mask = self.mask & ~self._region(row, column)
        self.clicks.append((row, column, "remove"))
        return self

    def paint(self, mask: ArrayLike) -> Self:
        """Set the mask by hand where clicks do not do."""
        given = np.asarray(mask, dtype=bool)
        if given.shape != self.mask.shape:
            raise DataError(f"the mask has shape {given.shape} and the picture {self.mask.shape}")
        self.mask = given
        self.clicks.append((-1, -1, "paint"))
        return self

    def _region(self, row: int, column: int) -> Mask:
        if self.segment is None:
            return grow_region(self.picture, (row, column), tolerance=self.tolerance)
        found = np.asarray(self.segment(self.picture, (row, column)), dtype=bool)
        if found.shape != self.mask.shape:
            raise DataError(f"segment gave a mask of shape {found.shape} for a picture of {self.mask.shape}")
        return found


def clicks_to(draft: MaskDraft, truth: ArrayLike, *, iou: float = 0.9, most: int = 20) -> int | None:
    """How many clicks a careful annotator needs to reach this overlap with the true mask; None if `most` do not do.

    Each click is in the middle of the largest connected part that is still wrong; one that makes the mask worse is
    taken back, counted, and that part not clicked again. The draft holds the clicks afterwards.
    """
    from scipy.ndimage import distance_transform_edt, label

    true = np.asarray(truth, dtype=bool)
    hopeless = np.zeros_like(true)
    for n in range(most + 1):
        reached = mask_iou(draft.mask, true)
        if reached >= iou:
            return n
        parts, n_parts = label((draft.mask != true) & ~hopeless)
        if not n_parts or n == most:
            return None
        part = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
        depth = distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
        row, column = (int(v) for v in np.unravel_index(int(depth.argmax()), depth.shape))
        before = draft.mask
        (draft.add if true[row, column] else draft.remove)(row, column)
        if mask_iou(draft.mask, true) <= reached:
            draft.mask = before
            hopeless |= part
    return None


@dataclass(frozen=True)
class Corrections:
    """What an annotator does to drafted boxes: how many stay as they are, are moved, deleted or drawn anew."""

    kept: int
    moved: int
    deleted: int
    added: int

    @property
    def by_hand(self) -> int:
        """Boxes to draw where nothing is drafted."""
        return self.kept + self.moved + self.added

    @property
    def actions(self) -> int:
        """Actions on the draft: every box that is moved, deleted or drawn."""
        return self.moved + self.deleted + self.added


def _corners(given: Any, which: str) -> torch.Tensor:
    """Boxes (n, 4), whose corners are finite and in order."""
    try:
        boxes = np.asarray(getattr(given, "boxes", given), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the {which} boxes are no (n, 4) corners x1, y1, x2, y2 ({error}); give those of one picture at a time"
        ) from error
    boxes = boxes.reshape(0, 4) if not boxes.size else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"the {which} boxes have shape {boxes.shape}; give (n, 4) corners x1, y1, x2, y2")
    for i in np.flatnonzero(~np.isfinite(boxes).all(1) | (boxes[:, 2:] < boxes[:, :2]).any(1))[:1]:
        raise DataError(f"{which} box {i} is {boxes[i].tolist()}; corners are finite x1, y1, x2, y2, none inside out")
    return torch.from_numpy(boxes)


def box_corrections(
    drafted: Any, true: Any, *, labels: tuple[Any, Any] | None = None, good: float = 0.7, near: float = 0.3
) -> Corrections:
    """What it takes to make the drafted boxes the true ones of a picture, each (n, 4) of (x1, y1, x2, y2).

    What a Detector finds in a picture is taken as it is.

    Pairs are matched by decreasing overlap. A draft that overlaps its box by `good` or more stays, from `near` on it is
    moved (also where its label is wrong), and all others are deleted; true boxes without a draft are drawn.

    labels : the labels of the drafted and of the true boxes, where they have any.

    >>> box_corrections([[0, 0, 10, 10], [50, 50, 60, 60]], [[0, 0, 10, 9], [20, 20, 30, 30]])
    Corrections(kept=1, moved=0, deleted=1, added=1)
    """
    a, b = _corners(drafted, "drafted"), _corners(true, "true")
    for words, boxes, given in zip(("drafted", "true"), (a, b), labels or (a, b), strict=True):
        if len(given) != len(boxes):
            raise DataError(f"{len(boxes)} {words} boxes have {len(given)} labels; give one a box")
    overlap = iou(a, b).nan_to_num(0.0).numpy()
    kept = moved = 0
    while overlap.size and overlap.max() >= near:
        i, j = (int(v) for v in np.unravel_index(int(overlap.argmax()), overlap.shape))
        right = labels is None or labels[0][i] == labels[1][j]
        kept, moved = (kept + 1, moved) if overlap[i, j] >= good and right else (kept, moved + 1)
        overlap[i, :] = overlap[:, j] = -1.0
    return Corrections(kept, moved, len(a) - kept - moved, len(b) - kept - moved)
