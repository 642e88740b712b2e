"""Boxes of COCO: one JSON file for all pictures, read and written."""

import json
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, DataWarning, FileError, did_you_mean
from ...files import write_text
from ..answers import shown
from ..sources import PICTURES
from .boxes import Boxes, sizes_of
from .coco_masks import mask_of, runs_of_mask
from .object_points import read_points


def read_coco(
    path: Path | str, pictures: Path | str | None = None, *, masks: bool = False, points: bool = False
) -> tuple[list[Path], list[Boxes]]:
    """The pictures and boxes of a COCO file; labels are the names of its categories, boxes x, y, width, height.

    Pictures are looked for in `pictures`, beside the file, in a folder `images` or one named as the file is; one that
    stands under two ids is refused. With `masks` each box also has the mask of its segmentation, which "mask_rcnn"
    learns; a mask takes a byte a pixel. With `points` each has its keypoints, which "keypoint_rcnn" learns.
    """
    path, pictures = Path(path).expanduser(), None if pictures is None else Path(pictures).expanduser()
    tree, images, names = opened(path)
    rows: dict[Any, list[tuple[list[float], str, bool, Any]]] = {key: [] for key in images}
    for note in tree["annotations"]:
        rows_of_image, row = _coco_row(path, note, rows, names)
        rows_of_image.append(row)
    files = [found_picture(name, folders_of(path, pictures), path) for name in images.values()]
    refuse_shared(files, images, f"{path}: the images of id")
    found = [
        replace(boxes_of_rows([one[:2] for one in r], crowd=[one[2] for one in r]), size=told_size(image))
        for r, image in zip(rows.values(), tree["images"], strict=True)
    ]
    notes = [[one[3] for one in r] for r in rows.values()]
    if points:
        found = _with_points(path, found, notes, names_of(tree["categories"], path))
    return files, _with_masks(files, found, notes) if masks else found


def opened(path: Path) -> tuple[dict[str, Any], dict[Any, str], dict[Any, str]]:
    """What a COCO file holds, with names of its pictures and of its categories by their ids."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(f"{path} is no JSON file ({error}); look whether it was written to the end") from error
    if not isinstance(tree, dict) or not {"images", "annotations", "categories"} <= tree.keys():
        held = sorted(tree)[:6] if isinstance(tree, dict) else type(tree).__name__
        raise DataError(f"{path}: a COCO file holds images, annotations and categories; this one has {held}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(tree[key], list):
            raise DataError(f"{path}: {key} are a list in a COCO file, [] where there are none; got {tree[key]!r:.60}")
    try:
        images = {one["id"]: one["file_name"] for one in tree["images"]}
        names = {one["id"]: str(one["name"]) for one in tree["categories"]}
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: an image or a category lacks {error}; COCO needs id, file_name and name") from error
    for what, entries, by_id in (("image", tree["images"], images), ("category", tree["categories"], names)):
        if len(by_id) < len(entries):
            raise DataError(f"{path}: several entries share the id of one {what}; ids must differ")
    if not images:
        raise DataError(f"{path} names no images; nothing can be learned from it")
    check_notes(path, tree["annotations"])
    return tree, images, names


def check_notes(path: Path, notes: Sequence[Any]) -> None:
    """Refuses an annotation that stands there twice, and warns of one id that different annotations share."""
    told: dict[Any, Any] = {}
    shared: dict[Any, None] = {}
    for note in notes:
        if not isinstance(note, dict) or not isinstance(note.get("id"), int | str):
            continue
        what = [note.get(key) for key in ("image_id", "category_id", "bbox")]
        other = told.setdefault(note["id"], what)
        if other is not what and other == what:
            raise DataError(
                f"{path}: annotation {note['id']} stands there twice, with the same box of image {what[0]!r}, and "
                "would be learned as two things; remove one"
            )
        if other is not what:
            shared[note["id"]] = None
    if shared:
        ids = ", ".join(map(repr, list(shared)[:5]))
        warnings.warn(
            f"{path}: different annotations share the {'id' if len(shared) == 1 else 'ids'} {ids}; all are read, as "
            "things of their own. Ids are to differ: number them anew where that is what they are",
            DataWarning,
            stacklevel=2,
        )


def told_size(image: dict[str, Any]) -> tuple[int, int] | None:
    """The (height, width) that an entry says its picture has; None where it says none."""
    sides: list[Any] = [image.get("height"), image.get("width")]
    return (int(sides[0]), int(sides[1])) if all(isinstance(side, int | float) and side > 0 for side in sides) else None


def _with_masks(files: Sequence[Path], found: Sequence[Boxes], notes: Sequence[list[Any]]) -> list[Boxes]:
    """The boxes with the masks of their annotations."""
    complete = []
    for file, one, mine, size in zip(files, found, notes, sizes_of(files), strict=True):
        stack = [mask_of(n.get("segmentation"), size, f"{file.name}: annotation {n.get('id', '?')}") for n in mine]
        complete.append(replace(one, masks=np.array(stack, dtype=bool).reshape(len(mine), *size)))
    return complete


def _with_points(path: Path, found: Sequence[Boxes], notes: Sequence[list[Any]], names: tuple[str, ...]) -> list[Boxes]:
    """The boxes with the keypoints of their annotations."""
    k = len(names)
    stacks = [np.array([points_of(note, k, path) for note in mine]).reshape(-1, k, 3) for mine in notes]
    return [
        replace(one, points=read_points(stack, str(path)), point_names=names)
        for one, stack in zip(found, stacks, strict=True)
    ]


def names_of(categories: list[dict[str, Any]], path: Path) -> tuple[str, ...]:
    """What the points are called; the categories that have some must have the same."""
    found = {tuple(map(str, one["keypoints"])) for one in categories if one.get("keypoints")}
    if len(found) != 1:
        held = "no category names keypoints" if not found else f"its categories have {len(found)} sets of keypoints"
        raise DataError(f"{path}: {held}; one set is learned, under 'keypoints' of its category")
    return next(iter(found))


def points_of(note: dict[str, Any], k: int, path: Path) -> np.ndarray:
    """(k, 3) of an annotation: x, y and COCO's visibility."""
    where = f"{path}: annotation {note.get('id', '?')}"
    flat = np.asarray(note.get("keypoints", [0] * 3 * k), dtype=np.float64)
    if flat.shape != (3 * k,):
        raise DataError(f"{where} has {flat.size} numbers under 'keypoints'; {k} points have x, y and visibility each")
    return flat.reshape(k, 3)


def _coco_row(path: Path, note: Any, rows: dict[Any, list], names: dict[Any, str]) -> tuple[list, tuple]:
    """Where a row belongs, and the row: corners, label, whether it is a crowd."""
    where = f"{path}: annotation {note.get('id', '?') if isinstance(note, dict) else note}"
    try:
        image, category, box = note["image_id"], note["category_id"], note["bbox"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{where} lacks {error}; COCO needs image_id, category_id and bbox") from error
    if image not in rows:
        raise DataError(f"{where} is of image {image!r}, which the file does not name; remove it or add the image")
    if category not in names:
        raise DataError(f"{where} is of category {category!r}; the file has {shown(sorted(names))}")
    try:
        x, y, w, h = (float(v) for v in box)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} has the box {box!r}; COCO boxes are four numbers x, y, width, height") from error
    return rows[image], ([x, y, x + w, y + h], names[category], bool(note.get("iscrowd", 0)), note)


def folders_of(path: Path, pictures: Path | None) -> list[Path]:
    """Where the pictures of a COCO file may lie."""
    if pictures is not None:
        return [pictures]
    parent = path.parent
    return [parent, parent / "images", parent / path.stem, parent.parent / "images", parent.parent / path.stem]


def found_picture(name: str, folders: Sequence[Path], named_by: Path) -> Path:
    """The file of a picture, in the first folder that has it."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    near = [p.name for p in folders[0].iterdir() if p.suffix.lower() in PICTURES] if folders[0].is_dir() else []
    looked = " and ".join(str(f) for f in folders if f.is_dir()) or str(folders[0])
    hint = f"; {did_you_mean(name, near[:1000])}" if near else ""
    raise FileError(
        f"{named_by} has boxes for {name!r}, and there is no such picture in {looked}; give its folder as X and the "
        f"boxes as y{hint}"
    )


def refuse_shared(files: Sequence[Path], names: Iterable[Any], who: str) -> None:
    """Refuses one picture under several names: each would lack the boxes of the other."""
    seen: dict[tuple[int, int], Any] = {}
    for file, name in zip(files, names, strict=True):
        told = file.stat()
        other = seen.setdefault((told.st_dev, told.st_ino), name)
        if other != name:
            raise DataError(
                f"{who} {other!r} and {name!r} are one picture, {file.name}, and would be learned as two; give it one "
                "entry, with all its boxes"
            )


def boxes_of_rows(rows: Sequence[tuple[list[float], Any]], **flags: Sequence[bool]) -> Boxes:
    """Boxes from (corners, label) pairs."""
    corners = np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, 4)
    labels = np.array([row[1] for row in rows]) if rows else np.zeros(0, dtype=object)
    return Boxes(corners, labels, **{k: np.array(v, dtype=bool) for k, v in flags.items()})  # type: ignore[arg-type]


def write_coco(path: Path, pictures: Sequence[Path], boxes: Sequence[Boxes]) -> Path:
    """Write pictures and their boxes as a COCO file, which `read_coco` reads, and return its path.

    Paths are written whole; labels become names of categories, crowds `iscrowd`, masks run lengths, keypoints numbers
    with the visibility 2, scores a score; boxes that are not counted for another reason are left out.
    """
    names = sorted({str(label) for one in boxes for label in one.labels.tolist()})
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for i, (picture, one, size) in enumerate(zip(pictures, boxes, sizes_of(list(pictures)), strict=True)):
        name = str(Path(picture).resolve())
        images.append({"id": i, "file_name": name, "height": size[0], "width": size[1]})
        for k in np.flatnonzero(~one.ignored).tolist():
            x1, y1, x2, y2 = one.boxes[k].tolist()
            notes.append(
                {
                    "id": len(notes) + 1,
                    "image_id": i,
                    "category_id": names.index(str(one.labels[k])),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(one.crowd[k]),
                }
                | _beside(one, k, size)
            )
    n_points = max((one.points.shape[1] for one in boxes if one.points is not None), default=0)
    called = next((one.point_names for one in boxes if len(one.point_names) == n_points), map(str, range(n_points)))
    named = {"keypoints": list(called)} if n_points else {}
    categories = [{"id": i, "name": name, **named} for i, name in enumerate(names)]
    tree = {"images": images, "annotations": notes, "categories": categories}
    write_text(path, json.dumps(tree))
    return path


def _beside(one: Boxes, k: int, size: tuple[int, int]) -> dict[str, Any]:
    """What an annotation holds beside its box: its score, the run lengths of its mask, its keypoints."""
    found: dict[str, Any] = {} if one.scores is None else {"score": float(one.scores[k])}
    if one.masks is not None:
        found["segmentation"] = {"counts": runs_of_mask(one.masks[k]), "size": list(size)}
    if one.points is not None:
        there = ~np.isnan(one.points[k][:, :1])
        found["keypoints"] = np.concatenate([np.where(there, one.points[k], 0.0), 2.0 * there], 1).flatten().tolist()
        found["num_keypoints"] = int(there.sum())
    return found
