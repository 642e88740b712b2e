"""How good detected boxes are: average precision as COCO and as VOC define it, mean average precision, recall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
RECALLS = np.linspace(0.0, 1.0, 101)


class TrueBoxes(NamedTuple):
    """The boxes of one picture: corners (m, 4), classes (m,), and which are crowds, or are left out of the count.

    Whatever matches an ignored box is neither right nor wrong. A crowd is ignored too, and any number of detections
    may match it. `area` (m,) is what sorts boxes into small, medium and large; None takes width times height.
    """

    boxes: Floats
    labels: NDArray
    crowd: Flags | None = None
    ignored: Flags | None = None
    area: Floats | None = None


class FoundBoxes(NamedTuple):
    """The boxes that a detector found in one picture: corners (n, 4), scores (n,), classes (n,)."""

    boxes: Floats
    scores: Floats
    labels: NDArray


class FoundShapes(NamedTuple):
    """What was found in one picture where masks and not boxes are compared; see `found_shapes`.

    scores, labels, areas : (n,). overlaps : (n, m) with the true things, in their order.
    """

    scores: Floats
    labels: NDArray
    areas: Floats
    overlaps: Floats


FoundThings = FoundBoxes | FoundShapes


def found_shapes(
    masks: Flags, scores: Floats, labels: NDArray, *, true: Flags, crowd: Flags | None = None
) -> FoundShapes:
    """Found masks (n, height, width) beside the true ones (m, height, width): all that average precision asks of them.

        IoU(a, b) = |a and b| / |a or b|;   with a crowd b: |a and b| / |a|

    Masks of a whole data set are many bytes; areas and overlaps are few. The areas of the true masks, in pixels, are
    for `TrueBoxes(area=...)`.

    Source: Lin et al. 2014 and the evaluation code of COCO.

    >>> one, other = np.array([[[True, True, False]]]), np.array([[[False, True, True]]])
    >>> found_shapes(one, np.array([0.9]), np.array([0]), true=other).overlaps.round(3)
    array([[0.333]])
    """
    a, b = (
        np.asarray(part, dtype=np.float32).reshape(len(part), part[0].size if len(part) else 0)
        for part in (masks, true)
    )
    own, other = a.sum(1, dtype=np.float64), b.sum(1, dtype=np.float64)
    none = np.zeros((len(a), len(b)))
    shared = (a @ b.T).astype(np.float64) if none.size else none.copy()
    flags = np.zeros(len(b), dtype=bool) if crowd is None else np.asarray(crowd)
    whole = np.where(flags[None], own[:, None], own[:, None] + other[None] - shared)
    overlaps = np.divide(shared, whole, out=none, where=whole > 0)
    return FoundShapes(np.asarray(scores, dtype=np.float64), np.asarray(labels), own, overlaps)


@dataclass(frozen=True)
class Matches:
    """Detections of one class over all pictures, by falling score: which are right at each of T thresholds.

    scores, picture : (n,). correct, ignored : (T, n). n_truths : (pictures,), how many boxes are to be found in each.
    """

    scores: Floats
    picture: NDArray[np.int64]
    correct: Flags
    ignored: Flags
    n_truths: Floats


class _Picture(NamedTuple):
    """One picture's true things (m) and found ones (n), and how much each found one overlaps each true one (n, m)."""

    labels: NDArray
    crowd: Flags
    passed: Flags  # crowds and what is ignored
    sizes: Floats
    said: NDArray
    scores: Floats
    areas: Floats
    overlaps: Floats


def _picture(true: TrueBoxes, said: FoundThings) -> _Picture:
    boxes = np.asarray(true.boxes, dtype=np.float64).reshape(-1, 4)
    crowd = np.zeros(len(boxes), dtype=bool) if true.crowd is None else np.asarray(true.crowd)
    passed = crowd if true.ignored is None else crowd | np.asarray(true.ignored)
    sizes = _areas(boxes) if true.area is None else np.asarray(true.area, dtype=np.float64)
    if isinstance(said, FoundShapes):
        areas, overlaps = said.areas, said.overlaps
    else:
        seen = np.asarray(said.boxes, dtype=np.float64).reshape(-1, 4)
        areas, overlaps = _areas(seen), _overlaps(seen, boxes, crowd)
    scores = np.asarray(said.scores, dtype=np.float64)
    return _Picture(np.asarray(true.labels), crowd, passed, sizes, np.asarray(said.labels), scores, areas, overlaps)


def match_detections(
    truths: Sequence[TrueBoxes],
    found: Sequence[FoundThings],
    label: object,
    *,
    thresholds: Sequence[float] | Floats = COCO_THRESHOLDS,
    area: tuple[float, float] = AREAS["all"],
    n_most: int = 100,
) -> Matches:
    """Which detections of a class are right, as COCO has it.

    In each picture the `n_most` best are taken by falling score; each takes the box of its class that it overlaps most
    among those that no better one took, if their IoU is at least the threshold. Boxes of another `area` are ignored,
    and so are unmatched detections of another.

    `FoundShapes` compare masks in place of boxes; `TrueBoxes.area` then holds the pixels of the true masks.

    Source: Lin et al. 2014 and the evaluation code of COCO.
    """
    return match_classes(truths, found, [label], thresholds=thresholds, area=area, n_most=n_most)[0]


def match_classes(
    truths: Sequence[TrueBoxes],
    found: Sequence[FoundThings],
    labels: Sequence[object],
    *,
    thresholds: Sequence[float] | Floats = COCO_THRESHOLDS,
    area: tuple[float, float] = AREAS["all"],
    n_most: int = 100,
) -> list[Matches]:
    """The same for several classes; boxes are compared once."""
    pictures = [_picture(true, said) for true, said in zip(truths, found, strict=True)]
    levels = np.asarray(thresholds, dtype=np.float64)
    return [_matches(pictures, label, levels, [area], n_most)[0][0] for label in labels]


def _matches(
    pictures: Sequence[_Picture], label: object, levels: Floats, areas: Sequence[tuple[float, float]], n_most: int
) -> tuple[list[Matches], NDArray[np.int64]]:
    """The detections of a class for each area, and which in its picture each is by score, from 0."""
    scores, where, ranks = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    flags = [np.zeros((2, len(areas), len(levels), 0), dtype=bool)]
    n_truths = np.zeros((len(areas), len(pictures)))
    for i, one in enumerate(pictures):
        mine, asked = np.flatnonzero(one.labels == label), np.flatnonzero(one.said == label)
        if len(mine) or len(asked):
            best = asked[np.argsort(-one.scores[asked], kind="stable")[:n_most]]
            found, n_truths[:, i] = _match_one(one, mine, best, levels, np.array(areas))
            flags.append(found)
            scores.append(one.scores[best])
            where.append(np.full(len(best), i))
            ranks.append(np.arange(len(best)))
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    picture, (correct, ignored) = np.concatenate(where)[order], np.concatenate(flags, axis=-1)[..., order]
    per_area = zip(correct, ignored, n_truths, strict=True)
    return [Matches(score[order], picture, *one) for one in per_area], np.concatenate(ranks)[order]


def _match_one(
    one: _Picture, mine: NDArray[np.int64], best: NDArray[np.int64], levels: Floats, areas: Floats
) -> tuple[Flags, Floats]:
    """Whether each detection `best` of one picture is right, and ignored, (2, A, T, n); how many are there (A,)."""
    crowd, sizes, overlaps = one.crowd[mine], one.sizes[mine], one.overlaps[best][:, mine]
    passed = one.passed[mine] | (sizes < areas[:, :1]) | (sizes > areas[:, 1:])
    n_rows = len(areas) * len(levels)  # every area with every threshold, side by side
    level, aside = np.tile(np.minimum(levels, 1 - 1e-10), len(areas))[:, None], np.repeat(passed, len(levels), axis=0)
    correct, ignored = np.zeros((2, n_rows, len(best)), dtype=bool)
    taken, rows = np.zeros((n_rows, len(mine)), dtype=bool), np.arange(n_rows)
    for d in np.flatnonzero((overlaps >= level.min()).any(1)):
        open_ = (overlaps[d] >= level) & (~taken | crowd)
        counted = open_ & ~aside
        # a box that counts is preferred; of equal overlaps the last is taken
        pool = np.where(counted.any(1)[:, None], counted, open_)
        at = len(mine) - 1 - np.where(pool, overlaps[d], -1.0)[:, ::-1].argmax(1)
        hit, left = pool.any(1), aside[rows, at]
        taken[rows[hit], at[hit]] = True
        ignored[:, d], correct[:, d] = hit & left, hit & ~left
    shape = (len(areas), len(levels), len(best))
    size, correct, ignored = one.areas[best], correct.reshape(shape), ignored.reshape(shape)
    strange = ((size < areas[:, :1]) | (size > areas[:, 1:]))[:, None]
    return np.stack([correct, ignored | (~correct & ~ignored & strange)]), (~passed).sum(1).astype(np.float64)


def match_detections_voc(
    truths: Sequence[TrueBoxes], found: Sequence[FoundBoxes], label: object, *, threshold: float = 0.5
) -> Matches:
    """Which detections of a class are right, as PASCAL VOC has it.

    Each detection, by falling score, looks at the one box of its class that it overlaps most, taken or not: the first
    to come with an IoU of at least the threshold is right, later ones are wrong; boxes that are `ignored` (difficult)
    make it neither. VOC counts pixels, so that its boxes are one wider and higher than corners as points are.

    Source: Everingham et al. 2010, section 4.2.
    """
    n_truths = np.zeros(len(truths))
    rows: list[tuple[float, int, bool, bool]] = []
    for i, (true, said) in enumerate(zip(truths, found, strict=True)):
        mine, asked = np.asarray(true.labels) == label, np.asarray(said.labels) == label
        boxes = np.asarray(true.boxes, dtype=np.float64).reshape(-1, 4)[mine]
        flags = (f for f in (true.crowd, true.ignored) if f is not None)
        hard = np.zeros(len(boxes), dtype=bool)
        for flag in flags:
            hard = hard | np.asarray(flag)[mine]
        n_truths[i] = (~hard).sum()
        scores = np.asarray(said.scores, dtype=np.float64)[asked]
        overlap = _overlaps(np.asarray(said.boxes, dtype=np.float64).reshape(-1, 4)[asked], boxes, np.zeros_like(hard))
        taken = np.zeros(len(boxes), dtype=bool)
        for d in np.argsort(-scores, kind="stable"):
            best = int(overlap[d].argmax()) if len(boxes) else -1
            hit = best >= 0 and overlap[d, best] >= threshold
            passed = bool(hit and hard[best])
            right = bool(hit and not passed and not taken[best])
            if right:
                taken[best] = True
            rows.append((scores[d], i, right, passed))
    rows.sort(key=lambda row: -row[0])
    correct, ignored = (np.array([[row[k] for row in rows]], dtype=bool).reshape(1, -1) for k in (2, 3))
    return Matches(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows], dtype=np.int64),
        correct,
        ignored,
        n_truths,
    )


def precision_recall(matches: Matches, *, weight: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Precision and recall after each detection, (T, n) both, and the greatest recall (T,).

    `weight` (pictures,) says how much each picture counts.
    """
    each = np.ones(len(matches.n_truths)) if weight is None else weight
    count = each[matches.picture] * ~matches.ignored
    right = np.cumsum(count * matches.correct, axis=1)
    wrong = np.cumsum(count * ~matches.correct, axis=1)
    wanted = float(each @ matches.n_truths)
    recall = right / wanted if wanted else np.full_like(right, np.nan)
    precision = right / (right + wrong + np.spacing(1))
    last = recall[:, -1] if recall.shape[1] else np.zeros(len(recall)) if wanted else np.full(len(recall), np.nan)
    return precision, recall, last


def average_precision(matches: Matches, *, recalls: Floats = RECALLS, weight: Floats | None = None) -> Floats:
    """The mean over `recalls` of the greatest precision at that recall or beyond, for each threshold: (T,).

        AP = (1 / |R|) sum over r in R of max over r' >= r of p(r')

    With the 101 recalls 0, 0.01, ..., 1 it is COCO's; `np.linspace(0, 1, 11)` makes it that of VOC until 2009. Where
    nothing is to be found it is NaN.

    Systems: detection-map
    Source: Everingham et al. 2010; Lin et al. 2014; Martinez-Ramon, problem 4.4.
    """
    precision, recall, last = precision_recall(matches, weight=weight)
    return last if np.isnan(last).any() else precision_at(precision, recall, recalls)


def precision_at(precision: Floats, recall: Floats, recalls: Floats = RECALLS) -> Floats:
    """The mean over `recalls` of the greatest precision at that recall or beyond, (T,), from curves (T, n)."""
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    at = np.stack([np.searchsorted(row, recalls, side="left") for row in recall])
    return np.take_along_axis(padded, at, axis=1).mean(1)


def precision_area(matches: Matches, *, weight: Floats | None = None) -> Floats:
    """The area under the curve of the greatest precision at each recall or beyond, (T,): VOC's AP since 2010."""
    precision, recall, last = precision_recall(matches, weight=weight)
    if np.isnan(last).any():
        return last
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(np.concatenate([np.zeros((len(recall), 1)), recall], axis=1), axis=1)
    return (envelope * steps).sum(1)


def coco_metrics(
    truths: Sequence[TrueBoxes], found: Sequence[FoundThings], *, labels: Sequence[object] | None = None
) -> dict[str, float]:
    """COCO's twelve numbers: map, map_50, map_75, map_small, map_medium, map_large, and mean recalls mar_*.

    `map` is the mean of the average precision over IoU thresholds 0.5, 0.55, ..., 0.95 and over classes; `mar_10` the
    mean of the greatest recall with at most ten detections a picture and class. Where no class has anything to be found
    the number is NaN (COCO's own code says -1).

    Systems: detection-map
    Source: Lin et al. 2014 and the evaluation code of COCO; Martinez-Ramon A4.27 and problem 4.4.
    """
    if labels is None:
        labels = sorted({x for one in truths for x in np.asarray(one.labels).tolist()})
    pictures = [_picture(true, said) for true, said in zip(truths, found, strict=True)]
    shape, areas = (len(labels), len(COCO_THRESHOLDS)), list(AREAS.values())
    precision = {name: np.zeros(shape) for name in AREAS}
    recall: dict[object, Floats] = {key: np.zeros(shape) for key in (1, 10, 100, "small", "medium", "large")}
    for c, label in enumerate(labels):
        per_area, rank = _matches(pictures, label, COCO_THRESHOLDS, areas, 100)
        for name, matches in zip(AREAS, per_area, strict=True):
            precision[name][c] = average_precision(matches)
            recall[100 if name == "all" else name][c] = precision_recall(matches)[2]
        for n_most in (1, 10):
            recall[n_most][c] = precision_recall(_best(per_area[0], rank < n_most))[2]
    numbers = {"map": _mean(precision["all"]), "map_50": _mean(precision["all"][:, 0])}
    numbers["map_75"] = _mean(precision["all"][:, 5])
    numbers |= {f"map_{name}": _mean(precision[name]) for name in ("small", "medium", "large")}
    return numbers | {f"mar_{key}": _mean(found) for key, found in recall.items()}


def _best(matches: Matches, kept: Flags) -> Matches:
    """Some of the detections: what a better one took does not depend on those behind it."""
    correct, ignored = matches.correct[:, kept], matches.ignored[:, kept]
    return Matches(matches.scores[kept], matches.picture[kept], correct, ignored, matches.n_truths)


def _mean(values: Floats) -> float:
    """The mean of what is defined; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _areas(boxes: Floats) -> Floats:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _overlaps(seen: Floats, boxes: Floats, crowd: Flags) -> Floats:
    """IoU (n, m); of a crowd the share of the detection that lies in it."""
    low, high = np.maximum(seen[:, None, :2], boxes[None, :, :2]), np.minimum(seen[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    own = np.broadcast_to(_areas(seen)[:, None], shared.shape)
    whole = np.where(crowd[None], own, own + _areas(boxes)[None] - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
