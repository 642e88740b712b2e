"""What a detector is asked besides its boxes: whether it may learn masks, what judges it, where it is most wrong."""

import inspect
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ...data.codec import Codec
from ...data.detection.boxes import Boxes, BoxTargets, named, sizes_of
from ...data.detection.sides import settle_pairs
from ...data.images.image import Image, is_stack
from ...errors import DataError, DataWarning, SettingError
from ...evaluation.detection import found_of, poses_of, shapes_of, true_of
from ...functional.metrics.detection import FoundShapes, TrueBoxes, match_detections
from ...registry import Spec
from ..fitting.intake import Examples

TOGETHER = 32  # pictures that are looked at at a time


def parts_learned(spec: Spec) -> list[str]:
    """What a model learns beside boxes, by the class that its builder says it returns."""
    return parts_found(inspect.signature(spec.builders("detector")[0].make).return_annotation)


def parts_found(objective: Any) -> list[str]:
    """What an objective, or a class of them, finds beside boxes."""
    return [part for part in ("masks", "points") if getattr(objective, f"finds_{part}", False)]


def check_parts_are_met(objective: nn.Module, target: BoxTargets, codec: Codec) -> None:
    """Refuses a model of masks where boxes have none, and flips of points without sides; says what is left aside."""
    if getattr(objective, "finds_points", False):
        settle_pairs(codec, target.point_names, target.n_points)
    elif target.n_points:
        words = "the boxes have keypoints, and this model learns none; model 'keypoint_rcnn' learns both"
        warnings.warn(words, DataWarning, stacklevel=4)
    learns = bool(getattr(objective, "finds_masks", False))
    if learns and not target.masked:
        raise DataError(
            "model 'mask_rcnn' learns a mask for each box, and these boxes have none; give y as dicts with the keys "
            "'boxes', 'labels' and 'masks' (n, height, width), or a COCO file's path, or take model 'faster_rcnn'"
        )
    if target.masked and not learns:
        warnings.warn(
            "the boxes have masks, and this model learns boxes alone; model 'mask_rcnn' learns both",
            DataWarning,
            stacklevel=4,
        )


def judged(
    predict: Callable[[Any], list[Boxes]], examples: Examples
) -> tuple[list[Boxes], dict[str, list[tuple[TrueBoxes, FoundShapes]]]]:
    """What is found, without masks, and what judges masks and poses, where both sides have them.

    Masks are too large to be held all together.
    """
    found: list[Boxes] = []
    beside: dict[str, list[Any]] = {"mask": [], "pose": []}
    for first in range(0, len(examples), TOGETHER):
        part = examples.take(np.arange(first, min(first + TOGETHER, len(examples))))
        for true, said in zip(part.y, predict(part.X), strict=True):
            beside["mask"].append(shapes_of(true, said))
            beside["pose"].append(poses_of(true, said))
            found.append(replace(said, masks=None))
    return found, {kind: shapes for kind, shapes in beside.items() if all(one is not None for one in shapes)}


def worst_pictures(
    examples: Examples, found: list[Boxes], n: int
) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
    """Of the worst answered pictures: row, what is there, what was found, errors, their name, the picture."""
    errors = np.array([n_wrong(true, said) for true, said in zip(examples.y, found, strict=True)])
    order = [int(i) for i in np.argsort(-errors, kind="stable") if errors[i]][:n]
    words = "boxes missed or made up"
    return [
        (i, words_of(examples.y[i]), words_of(found[i]), str(errors[i]), words, {"picture": named(examples.X, i)})
        for i in order
    ]


def n_wrong(true: Boxes, said: Boxes) -> int:
    """How many boxes of a picture were missed, and how many made up, at IoU 0.5."""
    one, other = [true_of(true)], [found_of(said)]
    wrong = 0
    for label in {*true.labels.tolist(), *said.labels.tolist()}:
        matches = match_detections(one, other, label, thresholds=[0.5])
        right = int(matches.correct.sum())
        wrong += int(matches.n_truths.sum()) - right + int((~matches.correct & ~matches.ignored).sum())
    return wrong


def words_of(boxes: Boxes) -> str:
    """What is in a picture, counted: "2 cat, 1 dog"."""
    counts = Counter(str(label) for label in boxes.labels[~boxes.uncounted].tolist())
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "nothing"


def framed(who: str, codec: Any, X: Any, *, resize: str, largest: int, **own: Any) -> Image:
    """The codec of a task whose answers lie in places; None, and what a codec leaves open, is the task's own.

    A codec without `resize` takes this one, and where it has no size either, the pictures' common or median one.
    """
    if codec is None:
        return Image(size=common_size(X, largest), resize=resize, **own)
    if not isinstance(codec, Image):
        raise SettingError(f"{who} takes codec=pn.Image(...); got {codec!r}")
    options = dict(codec.options)
    if options["resize"] is None:
        options |= {"resize": resize, "size": options["size"] or common_size(X, largest)}
    return Image(**options)


def common_size(X: Any, largest: int) -> tuple[int, int] | None:
    """The common or median size of pictures, brought to `largest` a side; None where a stack may stay as it is."""
    height, width = np.median(np.array(sizes_of(X)), axis=0)
    shrunk = min(largest / max(height, width), 1.0)
    if shrunk == 1.0 and is_stack(X):
        return None
    return max(round(height * shrunk), 1), max(round(width * shrunk), 1)
