"""How well label maps agree: pixel and class accuracy, intersection over union, Dice, and agreement of outlines.

All but the last come from a confusion matrix of pixels, rows of true classes and columns of predicted ones.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .counts import fraction
from .inputs import Floats


class MapScores(NamedTuple):
    """Pixel accuracy, mean accuracy of the classes, mean IoU, mean Dice; and IoU and Dice of each class, (..., k).

    Classes that neither map holds are NaN and not in the means.
    """

    pixel_accuracy: Floats
    mean_accuracy: Floats
    mean_iou: Floats
    mean_dice: Floats
    iou: Floats
    dice: Floats


def pixel_confusion(true: ArrayLike, said: ArrayLike, n_classes: int, *, ignored: int = -1) -> Floats:
    """How many pixels of class i (down) were called j (across), (k, k); pixels that are truly `ignored` do not count.

    Systems: segmentation-metrics

    >>> pixel_confusion([[0, 1], [1, -1]], [[0, 1], [0, 0]], 2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    a, b = np.asarray(true), np.asarray(said)
    if a.shape != b.shape:
        raise DataError(f"the maps have shapes {a.shape} and {b.shape}; give maps of one picture, of one size")
    kept = a != ignored
    a, b = a[kept].astype(np.intp), b[kept].astype(np.intp)
    if len(a) and (min(a.min(), b.min()) < 0 or max(a.max(), b.max()) >= n_classes):
        raise DataError(f"the maps hold class numbers outside 0 to {n_classes - 1}")
    return np.bincount(a * n_classes + b, minlength=n_classes**2).reshape(n_classes, -1).astype(np.float64)


def map_scores(confusion: ArrayLike) -> MapScores:
    """Scores of confusion matrices (..., k, k), k >= 1.

        accuracy = sum n_ii / sum n,  IoU_i = n_ii / (t_i + s_i - n_ii),  Dice_i = 2 n_ii / (t_i + s_i)

    with t_i the pixels that are truly i and s_i those called i; the mean accuracy is over n_ii / t_i.

    Systems: segmentation-metrics
    Source: Long, Shelhamer and Darrell 2015, section 5; Baker A125, which names no metric; Martinez-Ramon 8.7.1.

    >>> found = map_scores([[3, 1], [2, 4]])
    >>> round(float(found.pixel_accuracy), 4), found.iou.round(4).tolist(), round(float(found.mean_dice), 4)
    (0.7, [0.5, 0.5714], 0.697)
    """
    n = np.asarray(confusion, dtype=np.float64)
    if n.ndim < 2 or n.shape[-1] != n.shape[-2]:
        raise DataError(f"a confusion matrix is (..., k, k); got {n.shape}")
    right = np.diagonal(n, axis1=-2, axis2=-1)
    true, said = n.sum(-1), n.sum(-2)
    iou = fraction(right, true + said - right, np.nan)
    dice = fraction(2 * right, true + said, np.nan)
    accuracy = fraction(right, true, np.nan)
    return MapScores(
        fraction(right.sum(-1), n.sum((-2, -1)), np.nan),
        mean_of_known(accuracy),
        mean_of_known(iou),
        mean_of_known(dice),
        iou,
        dice,
    )


def mean_of_known(values: Floats) -> Floats:
    """The mean over the classes that are there."""
    known = np.isfinite(values)
    return fraction(np.where(known, values, 0.0).sum(-1), known.sum(-1), np.nan)


def boundary_f(true: ArrayLike, said: ArrayLike, *, tolerance: float = 2.0) -> float:
    """F1 of the outlines of two masks: a pixel of one is right within `tolerance` pixels of the other's outline.

    1 for two empty masks. Masks are of booleans, or of 0 and one other number; of a map of classes give `map == k`.

    Source: Csurka et al. 2013.

    >>> square = np.zeros((9, 9), bool)
    >>> square[2:6, 2:6] = True
    >>> boundary_f(square, np.roll(square, 1, 0), tolerance=1), boundary_f(square, ~square & False)
    (1.0, 0.0)
    """
    from scipy.ndimage import binary_erosion

    a, b = _mask(true), _mask(said)
    if a.shape != b.shape or a.ndim != 2:
        raise DataError(f"the masks have shapes {a.shape} and {b.shape}; expected two of (height, width)")
    edges = [mask & ~binary_erosion(mask, border_value=0) for mask in (a, b)]
    return _outlines_alike(edges[0], edges[1], tolerance) if edges[0].any() or edges[1].any() else 1.0


def boundary_scores(
    true: ArrayLike, said: ArrayLike, n_classes: int, *, tolerance: float | None = None, ignored: int = -1
) -> Floats:
    """F1 of the outlines of each class in two maps (height, width), (k,); NaN where neither map has one.

    An outline are the pixels of a class beside one of another; the edge of the picture is none. Pixels that are truly
    `ignored` belong to no class and end none.

    tolerance : how far off a pixel may lie; None is 0.75 % of the diagonal, and a pixel at least.

    Source: Csurka et al. 2013, whose score of a class is the mean of these over the pictures that have it.

    >>> true = np.repeat([[0], [0], [0], [1], [1], [1]], 4, axis=1)
    >>> boundary_scores(true, np.roll(true, -1, 0), 2).round(2).tolist(), boundary_scores(true, true * 0, 2).tolist()
    ([0.67, 1.0], [0.0, 0.0])
    """
    a, b = np.asarray(true), np.asarray(said)
    if a.shape != b.shape or a.ndim != 2:
        raise DataError(f"the maps have shapes {a.shape} and {b.shape}; expected two of (height, width)")
    reach = max(0.0075 * float(np.hypot(*a.shape)), 1.0) if tolerance is None else tolerance
    free, found = a == ignored, np.full(n_classes, np.nan)
    for k in range(n_classes):
        edges = [_outline((one == k) & ~free, free) for one in (a, b)]
        if edges[0].any() or edges[1].any():
            found[k] = _outlines_alike(edges[0], edges[1], reach)
    return found


def _outline(mask: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a mask beside one that is outside it, but for those where nothing is known."""
    from scipy.ndimage import binary_erosion

    return mask & ~binary_erosion(mask | free, border_value=1)


def _outlines_alike(a: NDArray[np.bool_], b: NDArray[np.bool_], tolerance: float) -> float:
    """F1 of two outlines, not both empty."""
    from scipy.ndimage import distance_transform_edt

    if not a.any() or not b.any():
        return 0.0
    recall, precision = (
        float((distance_transform_edt(~other)[edge] <= tolerance).mean()) for edge, other in ((a, b), (b, a))
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _mask(given: ArrayLike) -> NDArray[np.bool_]:
    """A mask as booleans; a map of several classes, or of shares, is refused."""
    mask = np.asarray(given)
    found = np.unique(mask)
    if len(found[found != 0]) > 1 or (mask.dtype.kind == "f" and not np.isin(found, (0, 1)).all()):
        raise DataError(
            f"a mask holds {found[:5].tolist()}; give booleans, such as map == k of a map of classes, shares >= 0.5"
        )
    return mask.astype(bool)
