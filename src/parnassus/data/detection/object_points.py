"""Keypoints of things: what they are given as, what is refused in them, and how they lie in a model's frame."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from ...errors import DataError

EDGE = 1.0  # pixels by which a point may stand over its picture's edge, as a box may


class HasPoints(Protocol):
    """Boxes of a picture, which may have keypoints."""

    @property
    def points(self) -> np.ndarray | None: ...

    def __len__(self) -> int: ...


class Placed(Protocol):
    """How a picture lies in a frame: x -> x * scale_x - left, and the same for y."""

    @property
    def scale(self) -> tuple[float, float]: ...

    @property
    def corner(self) -> tuple[float, float]: ...


def read_points(given: Any, where: str, *, n_axes: int = 3) -> np.ndarray:
    """Keypoints of n things as (n, k, 2), NaN where one is not there; with `n_axes` 2 those of one, (k, 2).

    A third number of each is COCO's visibility.
    """
    form = "(n, k, 2)" if n_axes == 3 else "(k, 2)"
    try:
        array = np.array(given.numpy(force=True) if isinstance(given, Tensor) else given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: its keypoints are no numbers ({error}); give {form}, x before y") from error
    if not array.size and n_axes == 3:
        return np.zeros((0, array.shape[1] if array.ndim == 3 else 0, 2))
    if array.ndim != n_axes or array.shape[-1] not in (2, 3) or not array.size:
        raise DataError(
            f"{where}: its keypoints have shape {array.shape}; give {form}, x before y, or {form[:-2]}3) with COCO's "
            "visibility, as many for each"
        )
    points = array[..., :2]
    if array.shape[-1] == 3:
        for at in np.argwhere(~np.isin(array[..., 2], (0, 1, 2)))[:1].tolist():
            raise DataError(
                f"{where}: {_called(at)} has the visibility {array[(*at, 2)]:g}; COCO's are 0 (not there), 1 (hidden) "
                "and 2 (seen); leave the column out if it is something else"
            )
        points[array[..., 2] == 0] = np.nan
    gaps = np.isnan(points)
    for at in np.argwhere(gaps.any(-1) & ~gaps.all(-1))[:1].tolist():
        raise DataError(
            f"{where}: {_called(at)} has one number of two, ({points[(*at, 0)]:g}, {points[(*at, 1)]:g}); give both, "
            "or NaN for both where it is not to be seen"
        )
    return points


def refuse_shares(places: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], what: str) -> None:
    """Refuses places (..., 2 or 4) that are all within one pixel of their pictures' corners: they are shares.

    Whole numbers are left alone: they may be the first pixel.
    """
    values = np.concatenate([[0.0], *(np.ravel(one) for one in places)])
    values = values[np.isfinite(values)]
    if values.max() <= 1 and np.any(values % 1) and min(map(max, sizes)) > 2:
        raise DataError(
            f"all {what} lie between 0 and 1, within the first pixel of their pictures: they look like shares of width "
            "and height, and pixels are due; multiply x by the width and y by the height"
        )


def inside(points: np.ndarray, size: tuple[int, int], where: str) -> np.ndarray:
    """Keypoints (..., k, 2), every one in its picture of (height, width); what stands over by a pixel is cut."""
    far = np.array(size[::-1], dtype=np.float64)
    wrong = np.isinf(points).any(-1) | (points < -EDGE).any(-1) | (points > far + EDGE).any(-1)
    for at in np.argwhere(wrong)[:1].tolist():
        x, y = points[tuple(at)]
        raise DataError(
            f"{where}: {_called(at)}, ({x:g}, {y:g}), lies outside its picture of width {size[1]} and height "
            f"{size[0]}; mend it, or give NaN where a point is not to be seen"
        )
    return np.clip(points, 0, far)


def _called(at: list[int]) -> str:
    """What the messages call a keypoint, by its place in (k,) or (n, k)."""
    return f"keypoint {at[-1]}" + (f" of box {at[0]}" if len(at) > 1 else "")


def checked_points(points: np.ndarray | None, n: int, size: tuple[int, int], where: str) -> np.ndarray | None:
    """The keypoints of n boxes, every one inside its picture of (height, width)."""
    if points is None:
        return None
    if len(points) != n:
        raise DataError(f"{where}: {n} boxes and keypoints of {len(points)}; give one (k, 2) a box")
    return inside(points, size, where)


def number_of_points(raw: Sequence[HasPoints]) -> int:
    """How many keypoints each box has; 0 where none have any. Boxes that have some and others none are refused."""
    held = [one.points for one in raw if len(one)]
    counts = {-1 if points is None else points.shape[1] for points in held}
    if counts <= {-1}:
        return 0
    if len(counts) > 1:
        said = "none" if -1 in counts else str(min(counts))
        raise DataError(
            f"some pictures' boxes have {max(counts)} keypoints and others' {said}; give as many for each, NaN where "
            "one is not there"
        )
    if all(np.isnan(points).all() for points in held if points is not None):
        raise DataError("no box has a keypoint that is there; give some that have, or leave the keypoints out")
    return counts.pop()


def points_in_frame(points: np.ndarray, placed: Placed) -> np.ndarray:
    """Keypoints (n, k, 2) of a picture as (n, 3 k): x and y in the frame, and 1 where one is there."""
    framed = points * np.array(placed.scale) - np.array(placed.corner)
    there = ~np.isnan(framed[..., :1])
    return np.concatenate([np.where(there, framed, 0.0), there], -1).reshape(len(points), 3 * points.shape[1])


def points_in_picture(found: Any, placed: Placed, size: tuple[int, int] | None) -> np.ndarray:
    """Keypoints (n, k, 2) of the frame in pixels of a picture of (height, width), and inside it."""
    back = (np.asarray(found, dtype=np.float64) + np.array(placed.corner)) / np.array(placed.scale)
    return back if size is None else np.clip(back, 0, size[::-1])
