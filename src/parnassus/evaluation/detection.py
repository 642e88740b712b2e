"""How good detected boxes are: COCO's numbers with intervals over pictures, beside a constant answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..data.detection.boxes import Boxes
from ..errors import DataError
from ..functional.metrics.detection import (
    COCO_THRESHOLDS,
    FoundBoxes,
    FoundShapes,
    Matches,
    TrueBoxes,
    average_precision,
    coco_metrics,
    found_shapes,
    match_classes,
    precision_at,
    precision_recall,
)
from ..functional.metrics.inputs import Floats, row_weights
from ..functional.metrics.keypoints import COCO_SIGMAS, N_MOST, found_poses
from .bootstrap import Bootstrap, Numbers, Statistic, centred, interval
from .result import Evaluation, Metric

HEADLINES = ("map_50", "map", "map_75", "mar_100")
MOST = 100  # boxes of a picture that count; of poses, `N_MOST`


def evaluate_detection(
    truths: Sequence[Boxes],
    found: Sequence[Boxes],
    *,
    classes: Sequence[Any],
    constant: Boxes | None = None,
    beside: Mapping[str, Sequence[tuple[TrueBoxes, FoundShapes]]] | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 200,
    confidence: float = 0.95,
) -> Evaluation:
    """Mean average precision at IoU 0.5, over 0.5 to 0.95, and at 0.75, and mean recall, with bootstrap intervals.

    Numbers are COCO's (and equal pycocotools' where pictures weigh the same); a resample draws whole pictures. The
    baseline says `constant`, the same boxes in every picture (as shares of it). Precision and recall by class are at
    the IoU 0.5 and at the score that gives the best F1. `beside` holds what adds the same numbers of other parts, whose
    names begin with its key: "mask" by `shapes_of`, and "pose" by `poses_of`.

    Systems: detection-map
    """
    if len(truths) != len(found):
        raise DataError(f"{len(truths)} pictures with true boxes and {len(found)} with found ones; give one for each")
    if not any((~one.uncounted).any() for one in truths):
        raise DataError("no picture has a true box, so precision means nothing; give some that have")
    true, said = [true_of(one) for one in truths], [found_of(one) for one in found]
    at = {c: i for i, c in enumerate(classes)}
    matches = dict(zip(classes, match_classes(true, said, classes), strict=True))
    n_found = sum(len(m.scores) for m in matches.values())
    passes = max(1, 10 * n_found // max(len(truths), 1))
    bootstrap = Bootstrap(row_weights(sample_weight, len(truths)), n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(lambda w: _numbers(list(matches.values()), w), passes)])
    trivial = {} if constant is None else _baseline(truths, constant, list(at), bootstrap.weight)
    metrics = []
    for name in HEADLINES:
        value = float(point[name])
        # a resample holds pictures twice, which lifts precision; intervals are moved by that bias
        moved = np.minimum(centred(replicates[name], value), 1.0) if name in replicates else None
        low, high = interval(moved, confidence)
        metrics.append(Metric(name, value, low, high, trivial.get(name), True))
    for kind, shapes in (beside or {}).items():
        metrics += _of_parts(kind, shapes, list(classes), bootstrap, confidence)
    more = coco_metrics(true, said, labels=list(classes)) if sample_weight is None else {}
    metrics += [Metric(k, v, None, None, None, True) for k, v in more.items() if k not in HEADLINES and v == v]
    task: Any = "detection"
    return Evaluation(
        task,
        metrics,
        len(truths),
        "the same boxes in every picture: the mean box of the commonest class",
        classes=[str(c) for c in classes],
        by_class=[class_row(str(c), m, bootstrap.weight) for c, m in matches.items()],
        confidence=confidence,
        notes=_notes(truths, found),
        replicates={m.name: replicates[m.name] for m in metrics if m.name in replicates},
        rows=bootstrap.fingerprint(np.concatenate([np.zeros((0, 4)), *(one.boxes for one in truths)])),
    )


def shapes_of(true: Boxes, said: Boxes) -> tuple[TrueBoxes, FoundShapes] | None:
    """One picture's true and found masks as the metrics take them, far less than the masks; None without them."""
    if said.masks is None or (true.masks is None and len(true)):
        return None
    masks = np.zeros((0, *said.masks.shape[1:]), dtype=bool) if true.masks is None else true.masks
    scores = np.ones(len(said)) if said.scores is None else said.scores
    areas = masks.sum((1, 2)).astype(np.float64)
    there = TrueBoxes(true.boxes, true.labels, crowd=true.crowd, ignored=true.ignored, area=areas)
    return there, found_shapes(said.masks, scores, said.labels, true=masks, crowd=true.crowd)


def poses_of(true: Boxes, said: Boxes) -> tuple[TrueBoxes, FoundShapes] | None:
    """One picture's true and found keypoints as the metrics take them; None without them.

    A subject's scale is the root of its box's area, for COCO's area of the thing itself is not known here. How far
    annotators differ is COCO's for 17 keypoints, and the mean of those for any others. Subjects without a known
    keypoint are not counted.
    """
    if said.points is None or (true.points is None and len(true)):
        return None
    points = np.zeros((0, *said.points.shape[1:])) if true.points is None else true.points
    sigmas = COCO_SIGMAS if points.shape[1] == len(COCO_SIGMAS) else COCO_SIGMAS.mean()
    sides = true.boxes[:, 2:] - true.boxes[:, :2]
    unknown = np.isnan(points).any(-1).all(-1)
    there = TrueBoxes(true.boxes, true.labels, crowd=true.crowd, ignored=true.ignored | unknown, area=sides.prod(1))
    scores = np.ones(len(said)) if said.scores is None else said.scores
    return there, found_poses(said.points, scores, said.labels, true=points, truths=there, sigmas=sigmas)


def _of_parts(
    kind: str,
    shapes: Sequence[tuple[TrueBoxes, FoundShapes]],
    classes: list[Any],
    bootstrap: Bootstrap,
    confidence: float,
) -> list[Metric]:
    """COCO's numbers of masks or of poses, the headlines with intervals."""
    if not shapes:
        return []
    there, said = [one[0] for one in shapes], [one[1] for one in shapes]
    n_most = N_MOST if kind == "pose" else MOST
    matches = match_classes(there, said, classes, n_most=n_most)
    passes = max(1, 10 * sum(len(m.scores) for m in matches) // len(shapes))
    point, replicates = bootstrap.run([Statistic(lambda w: _numbers(matches, w), passes)])
    metrics = []
    for name in HEADLINES:
        value = float(point[name])
        moved = np.minimum(centred(replicates[name], value), 1.0) if name in replicates else None
        name = name.replace(str(MOST), str(n_most))
        metrics.append(Metric(f"{kind}_{name}", value, *interval(moved, confidence), None, True))
    return metrics


def true_of(one: Boxes) -> TrueBoxes:
    """True boxes as the metrics take them."""
    return TrueBoxes(one.boxes, one.labels, crowd=one.crowd, ignored=one.ignored)


def found_of(one: Boxes) -> FoundBoxes:
    """Found boxes as the metrics take them."""
    scores = np.ones(len(one)) if one.scores is None else one.scores
    return FoundBoxes(one.boxes, scores, one.labels)


def _numbers(matches: Sequence[Matches], weights: Floats) -> Numbers:
    """COCO's headlines for each column of picture weights."""
    columns = []
    for weight in weights.T:
        curves = [precision_recall(m, weight=weight) for m in matches]
        precision = np.array([last if np.isnan(last).any() else precision_at(p, r) for p, r, last in curves])
        recall = np.array([last for *_, last in curves])
        columns.append([_mean(precision[:, 0]), _mean(precision), _mean(precision[:, 5]), _mean(recall)])
    table = np.array(columns).reshape(-1, len(HEADLINES))
    return {name: table[:, k] for k, name in enumerate(HEADLINES)}


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _baseline(truths: Sequence[Boxes], constant: Boxes, classes: list[Any], weight: Floats) -> dict[str, float]:
    """The same numbers for a constant answer."""
    answers = []
    for one in truths:
        height, width = one.size or (1, 1)
        boxes = constant.boxes * np.array([width, height, width, height])
        answers.append(FoundBoxes(boxes, np.ones(len(boxes)), constant.labels))
    matches = match_classes([true_of(one) for one in truths], answers, classes)
    found = _numbers(matches, weight[:, None])
    return {name: float(values[0]) for name, values in found.items()}


def class_row(name: str, matches: Matches, weight: Floats) -> dict[str, Any]:
    """One line of the table by class."""
    level = int(np.flatnonzero(np.isclose(COCO_THRESHOLDS, 0.5))[0])
    precision, recall, _ = precision_recall(matches, weight=weight)
    f1 = np.nan_to_num(2 * precision[level] * recall[level] / np.maximum(precision[level] + recall[level], 1e-12))
    best = int(f1.argmax()) if len(f1) else None
    return {
        "name": name,
        "n_rows": float(weight @ matches.n_truths),
        "n_predicted": len(matches.scores),
        "threshold": None if best is None else float(matches.scores[best]),
        "precision": None if best is None else float(precision[level, best]),
        "recall": None if best is None else float(recall[level, best]),
        "f1": None if best is None else float(f1[best]),
        "map_50": float(average_precision(matches, weight=weight)[level]),
    }


def _notes(truths: Sequence[Boxes], found: Sequence[Boxes]) -> list[str]:
    n_true, n_passed = sum(len(one) for one in truths), sum(int(one.uncounted.sum()) for one in truths)
    notes = [f"{n_true - n_passed:,} true boxes in {len(truths):,} pictures, and {sum(map(len, found)):,} found ones."]
    if n_passed:
        notes.append(f"{n_passed:,} boxes are crowds or difficult; what matches them is neither right nor wrong.")
    return notes
