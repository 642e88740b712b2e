"""How near found keypoints are to the true ones: distances, shares within reach, and what COCO's code counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .detection import (
    AREAS,
    FoundShapes,
    TrueBoxes,
    average_precision,
    match_classes,
    precision_recall,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COCO_SIGMAS = (
    np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
)  # of nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles
N_MOST = 20  # found poses of a picture that COCO's code looks at


def keypoint_distances(true: ArrayLike, found: ArrayLike) -> Floats:
    """How far each found keypoint is from the true one, (..., k), in pixels; NaN where there is no true one.

        d = sqrt((x - x')^2 + (y - y')^2)

    true, found : (..., k, 2), x before y; a true point that is not there is NaN.

    >>> keypoint_distances([[[0, 0], [np.nan, np.nan]]], [[[3, 4], [1, 1]]])
    array([[ 5., nan]])
    """
    a, b = (np.asarray(part, dtype=np.float64) for part in (true, found))
    if a.shape != b.shape or a.shape[-1:] != (2,):
        raise DataError(f"true and found keypoints are (..., k, 2), one for one; got {a.shape} and {b.shape}")
    return np.sqrt(np.square(a - b).sum(-1))


def correct_keypoints(true: ArrayLike, found: ArrayLike, *, scale: ArrayLike, share: float = 0.2) -> float:
    """The share of true keypoints that were found no further off than a share of their subject's scale (PCK).

        PCK = #{d_ni <= share s_n} / #{i that are there}

    true, found : (n, k, 2). scale : (n,), such as the longer side of the box around each subject; the head's length
    makes it PCKh. NaN where no true keypoint is there.

    Source: Yang and Ramanan 2013; Andriluka et al. 2014 (PCKh).

    >>> correct_keypoints([[[0, 0], [9, 9]]], [[[1, 0], [5, 9]]], scale=[10])
    0.5
    """
    distance = keypoint_distances(true, found)
    reach = share * np.asarray(scale, dtype=np.float64)
    there = ~np.isnan(distance)
    near = there & (np.where(there, distance, np.inf) <= reach[..., None])
    return float(near.sum() / there.sum()) if there.any() else float("nan")


def keypoint_similarity(
    found: ArrayLike,
    true: ArrayLike,
    *,
    area: ArrayLike,
    sigmas: ArrayLike = COCO_SIGMAS,
    boxes: ArrayLike | None = None,
) -> Floats:
    """How alike each of n found poses and each of m true ones are, (n, m), from 0 to 1 (OKS).

        OKS = mean over i that are there of exp(-d_i^2 / (2 s^2 (2 sigma_i)^2))

    found : (n, k, 2). true : (m, k, 2), NaN where a point is not there. area : (m,), the squares s^2 of the subjects'
    scales in pixels. sigmas : (k,), how far annotators differ on each keypoint, as a share of s. boxes : (m, 4),
    corners around the subjects: where none of a subject's points is known, what counts is how far found ones lie
    outside its box made thrice as wide and high; without boxes such subjects are like nothing.

    Source: Ronchi and Perona 2017; the evaluation code of COCO.

    >>> pose = [[[10, 10], [20, 10]]]
    >>> keypoint_similarity([[[10, 10], [20, 14]]], pose, area=[100], sigmas=[0.1, 0.1]).round(4)
    array([[0.5677]])
    """
    said, there = (np.asarray(part, dtype=np.float64) for part in (found, true))
    spread = np.broadcast_to(np.asarray(sigmas, dtype=np.float64), said.shape[1:2])
    if said.shape[1:] != there.shape[1:] or said.shape[2:] != (2,):
        raise DataError(f"found and true poses are (n, k, 2) and (m, k, 2); got {said.shape} and {there.shape}")
    apart = np.square(said[:, None] - there[None]).sum(-1)
    unknown = np.isnan(there).any(-1).all(-1)
    if unknown.any() and boxes is not None:
        apart[:, unknown] = _outside(said, np.asarray(boxes, dtype=np.float64)[unknown])
    known = ~np.isnan(apart)
    scaled = np.where(known, apart, 0.0) / np.square(2 * spread) / (np.asarray(area)[:, None] + np.spacing(1)) / 2
    total = np.where(known, np.exp(-scaled), 0.0).sum(-1)
    return np.divide(total, known.sum(-1), out=np.zeros_like(total), where=known.any(-1))


def _outside(found: Floats, boxes: Floats) -> Floats:
    """Squares of the distances (n, m, k) at which points lie outside boxes made thrice as wide and high."""
    low, high = boxes[:, :2], boxes[:, 2:]
    near, far = (2 * low - high)[None, :, None], (2 * high - low)[None, :, None]
    points = found[:, None]
    return np.square(np.maximum(near - points, 0) + np.maximum(points - far, 0)).sum(-1)


def found_poses(
    found: ArrayLike, scores: ArrayLike, labels: ArrayLike, *, true: ArrayLike, truths: TrueBoxes, sigmas: ArrayLike
) -> FoundShapes:
    """Found poses of one picture (n, k, 2) beside the true ones (m, k, 2): what average precision asks of them.

    truths : boxes, labels and areas of the true poses; their area is what likeness is measured by.
    """
    said = np.asarray(found, dtype=np.float64)
    corners = np.zeros((0, 2)) if not len(said) else said.max(1) - said.min(1)
    area = truths.area if truths.area is not None else np.zeros(len(np.asarray(truths.boxes)))
    like = keypoint_similarity(said, true, area=area, sigmas=sigmas, boxes=truths.boxes)
    return FoundShapes(np.asarray(scores, dtype=np.float64), np.asarray(labels), corners.prod(1), like)


def keypoint_metrics(
    truths: Sequence[TrueBoxes], found: Sequence[FoundShapes], *, labels: Sequence[object] | None = None
) -> dict[str, float]:
    """COCO's ten numbers of keypoints: map, map_50, map_75, map_medium, map_large, and mean recalls mar_*.

    As `coco_metrics`, with likeness (OKS) in place of overlap, the best 20 poses of a picture, and no small subjects.
    Subjects without a known point are to be marked as `ignored` in `truths`.

    Source: the evaluation code of COCO.
    """
    if labels is None:
        labels = sorted({x for one in truths for x in np.asarray(one.labels).tolist()})
    numbers: dict[str, float] = {}
    for kind in ("map", "mar"):
        for name in ("all", "medium", "large"):
            every = match_classes(truths, found, labels, area=AREAS[name], n_most=N_MOST)
            values = np.array([average_precision(m) if kind == "map" else precision_recall(m)[2] for m in every])
            values = values.reshape(len(labels), -1)
            if name != "all":
                numbers[f"{kind}_{name}"] = _mean(values)
                continue
            numbers[kind] = _mean(values)
            numbers |= {f"{kind}_{level}": _mean(values[:, at]) for level, at in ((50, 0), (75, 5))}
    return numbers


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
