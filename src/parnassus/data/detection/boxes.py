"""Boxes in pictures: what they are given as, what is refused in them, and how a model of one picture size sees them."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError, did_you_mean
from ..answers import label_array, shown
from ..codec import Codec, State
from ..images.image import THREADS, is_stack, name_of, stacked
from ..images.pictures import look
from ..packing import packed, unpacked
from ..targets import Target
from .box_rows import BoxRows, MaskedBoxRows
from .object_masks import (
    all_have_masks,
    boxes_around,
    check_masks,
    check_shape,
    laid_over,
    mask_stack,
    packed_in_frame,
)
from .object_points import (
    checked_points,
    number_of_points,
    points_in_frame,
    points_in_picture,
    read_points,
    refuse_shares,
)
from .placement import Placement, other_size

SLACK = 1.0  # pixels by which a box may stand over the edge: annotations are rounded; it is cut there
LEFT_OUT = -1  # the class of boxes that are neither learned nor counted
BAD_BOXES = ("refuse", "repair")
KEYS = ("boxes", "labels", "masks", "points", "crowd", "ignored")


def _none() -> np.ndarray:
    return np.zeros(0, dtype=bool)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one picture: those that are there, or those that a detector found.

    Attributes
    ----------
    boxes : (n, 4) float64, corners (x1, y1, x2, y2) in pixels of the picture; points, not pixels: a picture of width 8
        ends at x = 8.
    labels : (n,) what is in each.
    scores : (n,) how sure the detector is; None of true boxes.
    crowd, ignored : (n,) whether a box is around many things (COCO), and whether it is not counted (VOC's difficult).
    masks : (n, height, width) booleans, the pixels of the thing in each box; None where only boxes are known.
    points : (n, k, 2) the keypoints of each thing, x before y, NaN where one is not there; None where there are none.
    heat : (n, k) how sure a detector is of each keypoint.
    point_names : what the keypoints are called, where they have names.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None
    crowd: np.ndarray = field(default_factory=_none)
    ignored: np.ndarray = field(default_factory=_none)
    size: tuple[int, int] | None = None
    masks: np.ndarray | None = None
    points: np.ndarray | None = None
    heat: np.ndarray | None = None
    point_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (isinstance(self.boxes, np.ndarray) and isinstance(self.labels, np.ndarray)):
            for name, array in zip(("boxes", "labels"), _arrays(self.boxes, self.labels, "pn.Boxes"), strict=True):
                object.__setattr__(self, name, array)
        for name in ("scores", "crowd", "ignored", "masks", "points", "heat"):
            if not isinstance(getattr(self, name), np.ndarray | None):
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
        for name in ("crowd", "ignored"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.zeros(len(self.boxes), dtype=bool))

    def __len__(self) -> int:
        return len(self.boxes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Boxes):
            return NotImplemented
        names = ("boxes", "labels", "scores", "crowd", "ignored", "masks", "points", "heat")
        mine, theirs = ([getattr(one, n) for n in names] for one in (self, other))
        return all(
            (a is None) == (b is None) and (a is None or np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
            for a, b in zip(mine, theirs, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rows = [f"{label!s} {np.round(box, 1).tolist()}" for box, label in zip(self.boxes, self.labels, strict=True)]
        if self.scores is not None:
            rows = [f"{row} {score:.2f}" for row, score in zip(rows, self.scores, strict=True)]
        return f"Boxes({'; '.join(rows[:6])}{' ...' if len(rows) > 6 else ''})"

    @property
    def uncounted(self) -> np.ndarray:
        """(n,) whether a box is neither learned nor counted."""
        return self.crowd | self.ignored

    def take(self, chosen: np.ndarray) -> Self:
        """Some of the boxes, by a mask or by indices."""
        names = ("boxes", "labels", "scores", "crowd", "ignored", "masks", "points", "heat")
        parts: dict[str, Any] = {name: getattr(self, name) for name in names}
        some: dict[str, Any] = {name: None if part is None else part[chosen] for name, part in parts.items()}
        return replace(self, **some)


def boxes_of(given: Any, where: str) -> Boxes:
    """One picture's boxes from what a person may give: `Boxes`, a pair (boxes, labels), a dict of these, or nothing."""
    if isinstance(given, Boxes):
        _arrays(given.boxes, given.labels, where)
        return given
    if given is None or (isinstance(given, list | tuple | np.ndarray) and len(given) == 0):
        return Boxes(np.zeros((0, 4)), np.zeros(0, dtype=object))
    if isinstance(given, dict):
        corners, labels, extra = _parts_of(given, where)
    elif isinstance(given, tuple | list) and len(given) == 2:
        (corners, labels), extra = given, {}
    else:
        raise DataError(
            f"{where}: boxes of a picture are a pair (boxes, labels), a dict with these keys, or pn.Boxes; got "
            f"a {type(given).__name__}"
        )
    array, names = _arrays(corners, labels, where)
    if any(len(flag) != len(array) for flag in extra.values()):
        told = ", ".join(f"{len(flag)} {name}" for name, flag in extra.items())
        raise DataError(f"{where}: {len(array)} boxes and {told}; give one of each a box")
    return Boxes(array, names, **extra)


def _arrays(corners: Any, labels: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 4) and labels (n,)."""
    corners = corners.numpy(force=True) if isinstance(corners, Tensor) else corners
    labels = labels.numpy(force=True) if isinstance(labels, Tensor) else labels
    try:
        array = np.asarray(corners, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: its boxes are no numbers ({error}); give (n, 4) corners x1, y1, x2, y2") from error
    if not array.size:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"{where}: its boxes have shape {array.shape}; give (n, 4) corners x1, y1, x2, y2")
    names = np.asarray(labels)
    names = names.reshape(0) if not names.size else names
    if names.shape != (len(array),):
        raise DataError(f"{where}: {len(array)} boxes and labels of shape {names.shape}; give one label a box")
    return array, names


def _parts_of(given: dict[str, Any], where: str) -> tuple[Any, Any, dict[str, Any]]:
    """Corners, labels and the rest of a dict; boxes that are not given are those around the masks."""
    if "labels" not in given or not {"boxes", "masks"} & given.keys():
        raise DataError(
            f"{where}: a dict of boxes has the keys 'labels' and 'boxes', or 'masks' (n, height, width), or both; "
            f"got {sorted(given)}"
        )
    for key in sorted(map(str, given.keys() - set(KEYS))):
        raise DataError(f"{where}: a dict of boxes has no key {key!r}; leave it out, or {did_you_mean(key, KEYS)}")
    extra: dict[str, Any] = {k: np.asarray(given[k], dtype=bool) for k in ("crowd", "ignored") if k in given}
    if given.get("points") is not None:
        extra["points"] = read_points(given["points"], where)
    corners = given.get("boxes")
    if given.get("masks") is not None:
        extra["masks"] = mask_stack(given["masks"], where)
        corners = boxes_around(extra["masks"], where) if corners is None else corners
    return corners, given["labels"], extra


def checked(boxes: Boxes, size: tuple[int, int], where: str, *, bad: str = "refuse") -> tuple[Boxes, list[str]]:
    """The boxes, every one with an area inside its picture of (height, width), and what was wrong with others.

    NaN is refused always. A box that stands over the edge by up to a pixel is cut there. Boxes further outside, with
    corners the wrong way round, or without an area are refused, or with `bad="repair"` cut, turned, and left out; so
    are those of a picture of another size, which "repair" takes as they stand.
    """
    height, width = size
    corners = boxes.boxes.copy()
    for k in np.flatnonzero(np.any(~np.isfinite(corners), axis=1))[:1]:
        raise DataError(f"{where}: box {k} holds NaN or infinity, {corners[k].tolist()}; mend it or leave it out")
    for k in [k for k, label in enumerate(boxes.labels.tolist()) if label is None or label != label][:1]:
        raise DataError(f"{where}: box {k}, {_text(corners[k])}, has no label; say what is in it or leave it out")
    wrong = other_size(boxes.size, size, where) if len(boxes) else []
    inverted = np.any(corners[:, 2:] < corners[:, :2], axis=1)
    for k in np.flatnonzero(inverted):
        wrong.append(f"{where}: box {k}, {_text(corners[k])}, ends before it begins; corners are x1, y1, x2, y2")
    corners = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1
    )
    far = np.array([width, height, width, height], dtype=np.float64)
    outside = np.any((corners < -SLACK) | (corners > far + SLACK), axis=1)
    for k in np.flatnonzero(outside):
        wrong.append(
            f"{where}: box {k}, {_text(corners[k])}, lies outside its picture of width {width} and height {height}"
        )
    corners = np.minimum(np.maximum(corners, 0), far)
    flat = np.any(corners[:, 2:] <= corners[:, :2], axis=1)
    for k in np.flatnonzero(flat & ~outside):
        wrong.append(f"{where}: box {k}, {_text(corners[k])}, has no area")
    if wrong and bad == "refuse":
        raise DataError(
            f"{wrong[0]}{f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''}; mend the annotations, or set "
            "bad_boxes='repair', which cuts, turns or leaves out such boxes and says how many"
        )
    check_shape(boxes.masks, len(boxes), size, where)
    points = checked_points(boxes.points, len(boxes), size, where)
    found = replace(boxes, boxes=corners, points=points, size=size).take(~flat)
    check_masks(found.masks, found.boxes, where)
    return found, wrong


def _text(box: np.ndarray) -> str:
    return f"({', '.join(f'{v:g}' for v in box)})"


def all_checked(given: Sequence[Any], pictures: Any, *, bad: str = "refuse") -> list[Boxes]:
    """The boxes of every picture, checked against its size; with "repair" one warning says what was mended."""
    if bad not in BAD_BOXES:
        raise SettingError(f"bad_boxes={bad!r}; {did_you_mean(bad, BAD_BOXES)}")
    sizes, found, wrong = sizes_of(pictures), [], []
    for i, (one, size) in enumerate(zip(given, sizes, strict=True)):
        where = named(pictures, i)
        boxes, notes = checked(boxes_of(one, where), size, where, bad=bad)
        found.append(boxes)
        wrong += notes
    refuse_shares([one.boxes for one in found], sizes, "boxes")
    if wrong:
        warnings.warn(f"{len(wrong)} boxes were mended or left out: {'; '.join(wrong[:3])}", DataWarning, stacklevel=4)
    return found


def named(pictures: Any, i: int) -> str:
    """Picture i as a message names it."""
    return f"picture {i}" if is_stack(pictures) else _words(pictures[i], i)


def _words(picture: Any, i: int) -> str:
    name = name_of(picture, i)
    return f"picture {i} ({name})" if isinstance(picture, str | os.PathLike) else name


def sizes_of(pictures: Any) -> list[tuple[int, int]]:
    """(height, width) of every picture; of files from their headers."""
    if is_stack(pictures):
        pixels = stacked(pictures)
        return [(pixels.shape[1], pixels.shape[2])] * len(pixels)
    with ThreadPoolExecutor(THREADS) as pool:
        seen = pool.map(look, pictures, [name_of(p, i) for i, p in enumerate(pictures)])
        return [size for _, size in seen]


class BoxTargets(Target):
    """What is in each picture, and where: `Boxes`, one a picture, checked by `all_checked` and knowing its size.

    Classes are sorted as np.unique sorts. y holds corners in pixels of the frame that the codec of the pictures brings
    them to; the class of boxes that are not counted is -1. Boxes are held as float32.

    Attributes: `classes` (K,); `counts` (K,), how often `fit` saw each; `mean_box` (4,) of the commonest class, in
    shares of a picture; `frame` (height, width) and `resize`; `masked`, whether boxes come with masks; `n_points`, how
    many keypoints each comes with, and `point_names`, what these are called.
    """

    kind = "boxes"
    loss_name = ""  # detectors bring their own

    classes: np.ndarray
    counts: np.ndarray
    mean_box: np.ndarray
    frame: tuple[int, int] | None
    resize: str
    masked: bool = False
    n_points: int = 0
    point_names: tuple[str, ...] = ()

    @property
    def loss_kind(self) -> str:
        return "boxes"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        names = [one.labels[~one.uncounted] for one in raw]
        if not any(len(n) for n in names):
            raise DataError(f"none of the {len(names)} pictures has a box; a detector learns from some that have")
        kinds = {"text" if n.dtype.kind in "OUS" else "number" for n in names if len(n)}
        if len(kinds) > 1:
            raise DataError("some labels of boxes are texts and others numbers; give all of one type")
        self.classes, self.counts = np.unique(
            label_array(np.concatenate([n for n in names if len(n)])), return_counts=True
        )
        self.mean_box = self._mean_box(raw)
        self.masked, self.n_points = all_have_masks(raw), number_of_points(raw)
        self.point_names = next((one.point_names for one in raw if len(one.point_names) == self.n_points), ())
        shape = getattr(inputs, "shape", None)
        self.frame = None if shape is None else (int(shape[1]), int(shape[2]))
        self.resize = "pad" if inputs is None else str(inputs.options.get("resize") or "pad")
        if self.resize == "crop":
            raise SettingError("resize='crop' cuts things away that have boxes; take codec=pn.Image(resize='pad')")
        return self

    def _mean_box(self, raw: Any) -> np.ndarray:
        """The mean box of the commonest class (4,), in shares of its picture."""
        commonest = self.classes[self.counts.argmax()]
        shares = [
            one.boxes[(one.labels == commonest) & ~one.uncounted] / np.tile((one.size or (1, 1))[::-1], 2)
            for one in raw
            if len(one)
        ]
        return np.concatenate(shares).mean(0)

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.classes), "n_points": self.n_points}

    def indices(self, labels: np.ndarray, where: str = "y") -> np.ndarray:
        """The class number of each label; what `fit` has not seen is refused."""
        at = {name: i for i, name in enumerate(self.classes.tolist())}
        strange = [x for x in np.asarray(labels).tolist() if x not in at]
        if strange:
            raise DataError(f"{where}: fit has seen no box of {shown(strange)}; it saw {shown(self.classes)}")
        return np.array([at[x] for x in np.asarray(labels).tolist()], dtype=np.int64)

    def placement(self, size: tuple[int, int] | None) -> Placement:
        """How a picture of this size lies in the frame."""
        frame = self.frame or size or (1, 1)
        return Placement.of(size or frame, frame, self.resize)

    def encode(self, raw: Any) -> BoxRows:
        parts, lengths = [np.zeros((0, 5 + 3 * self.n_points))], []
        for i, one in enumerate(raw):
            placed = self.placement(one.size)
            classes = np.full(len(one), LEFT_OUT)
            classes[~one.uncounted] = self.indices(one.labels[~one.uncounted], f"picture {i}")
            unknown = np.full((len(one), self.n_points, 2), np.nan)
            points = points_in_frame(unknown if one.points is None or not len(one) else one.points, placed)
            if points.shape[1] != 3 * self.n_points:
                raise DataError(f"picture {i}: fit saw {self.n_points} keypoints a box; give as many")
            parts.append(np.concatenate([placed.into(one.boxes), classes[:, None], points], 1))
            lengths.append(len(one))
        values, counts = torch.from_numpy(np.concatenate(parts)).float(), torch.tensor(lengths, dtype=torch.int64)
        if not self.masked or not any(one.masks is not None for one in raw):
            return BoxRows(values, counts)
        frame = self.frame or raw[0].size
        packed_masks = [packed_in_frame(one.masks, frame, self.resize) for one in raw if len(one)]
        return MaskedBoxRows(values, counts, masks=torch.from_numpy(np.concatenate(packed_masks)), frame=frame)

    def decode(self, found: Sequence[Any], sizes: Sequence[tuple[int, int]] | None = None) -> list[Boxes]:
        """What a detector found, (corners in the frame, scores, class numbers) a picture, in the user's terms."""
        answers = []
        for i, (corners, scores, classes, *more) in enumerate(found):
            size = sizes[i] if sizes is not None else self.frame
            placed = self.placement(size)
            boxes = placed.back(np.asarray(corners, dtype=np.float64).reshape(-1, 4))
            if size is not None:
                boxes = np.minimum(np.maximum(boxes, 0), np.tile(size[::-1], 2).astype(np.float64))
            said = None if scores is None else np.asarray(scores, dtype=np.float64)
            beside: dict[str, Any] = {}
            if len(more) == 1 and size is not None:  # shares of cells
                beside["masks"] = laid_over(more[0], boxes, size)
            elif len(more) == 2:  # places and how sure
                beside = {"points": points_in_picture(more[0], placed, size), "heat": np.asarray(more[1], np.float64)}
                beside["point_names"] = self.point_names
            one = Boxes(boxes, self.classes[np.asarray(classes, dtype=np.int64)], said, size=size, **beside)
            answers.append(one.take(np.all(one.boxes[:, 2:] > one.boxes[:, :2], axis=1)))
        return answers

    def state(self) -> State:
        return {
            "classes": packed(self.classes.tolist()),
            "counts": packed(self.counts.tolist()),
            "mean_box": packed(self.mean_box.tolist()),
            "frame": self.frame and list(self.frame),
            "resize": self.resize,
            "masked": self.masked,
            "n_points": self.n_points,
            "point_names": list(self.point_names),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.classes, target.counts = np.array(unpacked(state["classes"])), np.array(unpacked(state["counts"]))
        target.mean_box = np.array(unpacked(state["mean_box"]))
        target.frame, target.resize = state["frame"] and tuple(state["frame"]), state["resize"]
        target.masked, target.n_points = bool(state.get("masked", False)), int(state.get("n_points", 0))
        target.point_names = tuple(state.get("point_names", ()))
        return target
