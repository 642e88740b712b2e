"""Keypoints of COCO: one JSON file for all pictures; each subject becomes a picture of its own, cut out by its box."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, DataWarning
from ..images.pictures import open_picture
from .coco import folders_of, found_picture, names_of, opened, points_of
from .keypoints import Points, keypoints_of

GROWN = 0.1  # of its sides that a box is widened by all round: limbs reach to its edges


def read_coco_keypoints(path: Path | str, pictures: Path | str | None = None) -> tuple[list[np.ndarray], list[Points]]:
    """The subjects of a COCO file of keypoints, each cut out of its picture by its box, and their points in the cut.

    A box is widened by a tenth all round, within its picture. Crowds and subjects without a known point are left out,
    which a warning says. Pictures are looked for in `pictures`, beside the file, in a folder `images` or one named as
    the file is.

    Raises
    ------
    FileError : a picture is not there.
    DataError : no category has keypoints, several have others, or an annotation does not fit; the message names it.
    """
    path, pictures = Path(path).expanduser(), None if pictures is None else Path(pictures).expanduser()
    tree, images, _ = opened(path)
    names = names_of(tree["categories"], path)
    folders, order = folders_of(path, pictures), {image: i for i, image in enumerate(images)}
    cuts, places, n_left = [], [], 0
    held: tuple[Any, np.ndarray] = (object(), np.zeros(0))  # the picture that the last subject was cut out of
    for note in sorted(tree["annotations"], key=lambda one: rank_of(one, order, path)):
        points = points_of(note, len(names), path)
        if note.get("iscrowd") or not (points[:, 2] > 0).any():
            n_left += 1
            continue
        image = note["image_id"]
        if held[0] != image:
            file = found_picture(images[image], folders, path)
            held = image, np.asarray(open_picture(file, str(file)).convert("RGB"))
        cut, corner = cut_out(held[1], note, points[points[:, 2] > 0, :2], path)
        cuts.append(cut)
        places.append(points - (*corner, 0))
    if not cuts:
        raise DataError(f"{path}: none of its {n_left} subjects has a known keypoint")
    if n_left:
        warnings.warn(f"{path}: {n_left} subjects are left out: crowds, or without a known keypoint", DataWarning, 2)
    return cuts, [replace(one, names=names) for one in keypoints_of(places, cuts)]


def rank_of(note: dict[str, Any], order: dict[Any, int], path: Path) -> int:
    """Which of the file's pictures an annotation is of."""
    if note.get("image_id") not in order:
        raise DataError(
            f"{path}: annotation {note.get('id', '?')} is of image {note.get('image_id')!r}, which the file does not "
            "name; remove it or add the image"
        )
    return order[note["image_id"]]


def cut_out(
    picture: np.ndarray, note: dict[str, Any], known: np.ndarray, path: Path
) -> tuple[np.ndarray, tuple[int, int]]:
    """What a subject's widened box, and its known points (n, 2), show of a picture; and the left upper corner."""
    where, box = f"{path}: annotation {note.get('id', '?')}", note.get("bbox")
    try:
        x, y, w, h = (float(v) for v in box)  # type: ignore[union-attr]
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} has the box {box!r}; COCO boxes are four numbers x, y, width, height") from error
    size = np.array(picture.shape[1::-1])
    if (known < 0).any() or (known > size).any():
        raise DataError(f"{where} has a keypoint outside its picture of width {size[0]} and height {size[1]}; mend it")
    low, high = np.array([x - GROWN * w, y - GROWN * h]), np.array([x + (1 + GROWN) * w, y + (1 + GROWN) * h])
    low = np.clip(np.floor(np.minimum(low, known.min(0))), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(high, known.max(0))), 0, size).astype(int)
    if (high <= low).any():
        raise DataError(f"{where} has the box {box!r}, which holds nothing of its picture")
    return picture[low[1] : high[1], low[0] : high[0]], (int(low[0]), int(low[1]))
