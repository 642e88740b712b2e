"""Regions of a picture: what a click selects, and how much two masks share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError

Mask = NDArray[np.bool_]


def grow_region(picture: ArrayLike, point: tuple[int, int], *, tolerance: float, diagonal: bool = False) -> Mask:
    """The connected pixels around a point whose value is within `tolerance` of the value there, (height, width).

    picture : (height, width), or (height, width, channels), where every channel must be within the tolerance.
    point : (row, column). `diagonal` also connects pixels that touch at a corner.

    Source: Adams and Bischof (1994) for growing from a seed; Baker, section 5.1 (1:A092): click inside, get a mask.

    >>> grow_region([[0, 0, 9], [9, 0, 9], [0, 9, 9]], (0, 0), tolerance=1).astype(int).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    """
    from scipy.ndimage import label

    pixels = np.asarray(picture, dtype=np.float64)
    if pixels.ndim not in (2, 3) or not pixels.size or not np.isfinite(pixels).all():
        raise DataError(f"the picture has shape {pixels.shape}; expected finite (height, width) or with channels")
    row, column = point
    if not (0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]):
        raise DataError(
            f"the point {point} lies outside the picture of {pixels.shape[0]} rows, {pixels.shape[1]} columns"
        )
    near = np.abs(pixels - pixels[row, column]) <= tolerance
    near = near.all(-1) if near.ndim == 3 else near
    parts, _ = label(near, structure=np.ones((3, 3)) if diagonal else None)
    return parts == parts[row, column]


def mask_iou(a: ArrayLike, b: ArrayLike) -> float:
    """The shared pixels over all pixels of two masks of one shape; 1 for two empty ones.

    >>> round(mask_iou([[1, 1, 0]], [[0, 1, 1]]), 4)
    0.3333
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise DataError(f"the masks have shapes {first.shape} and {second.shape}; give masks of one picture")
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 1.0
