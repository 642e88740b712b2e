"""Pictures and their boxes from COCO JSON, VOC XML, YOLO text files and tables, read from disk or given.

Whatever form they come in, they leave as a list of pictures (or the array given) and a list of `Boxes`, one a picture.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from ...errors import DataError, FileError
from ..answers import shown
from ..images.pictures import PICTURES
from ..sources import TABLES, Source, fingerprint, open_source, pictures_in
from .boxes import Boxes, boxes_of, named
from .coco import boxes_of_rows, found_picture, read_coco, refuse_shared
from .voc import read_voc
from .yolo import read_yolo

Annotated = tuple[Any, list[Boxes] | None]
SYNONYMS = {
    "image": ("image", "path", "file", "filename", "file_name", "picture", "image_path", "img"),
    "label": ("label", "class", "category", "name"),
    "x1": ("x1", "xmin", "left"),
    "y1": ("y1", "ymin", "top"),
    "x2": ("x2", "xmax", "right"),
    "y2": ("y2", "ymax", "bottom"),
}


def open_boxes(path: str | os.PathLike, parts: Sequence[str] = ()) -> Source:
    """Pictures X and their `Boxes` y at a path, of any form that `annotated` knows."""
    path = Path(path).expanduser()
    X, y = read_annotations(path, parts=parts)
    return Source(X, y, str(path), "boxes", fingerprint=fingerprint(path))


def annotated(X: Any, y: Any, parts: Sequence[str] = ()) -> Annotated:
    """Pictures and boxes, from whatever X and y are.

    With y: a list of boxes, one entry a picture; a table of boxes with the columns image, x1, y1, x2, y2, label, where
    image is the place in X or a path; or the path of a COCO file, of such a table, or of a folder of .xml or .txt,
    X being the folder of the pictures. Without y, X is one of these paths, or such a table, and the pictures are found
    beside it; boxes are None where there are none at all. Of `parts`, "masks" and "points", a COCO file's are read too.
    """
    if isinstance(X, str | os.PathLike):
        path = Path(X).expanduser()
        if not path.exists():
            raise FileError(f"{path} does not exist; look at the path")
        if isinstance(y, str | os.PathLike):
            return read_annotations(Path(y).expanduser(), pictures=path, parts=parts)
        if y is not None:
            return _of_pairs(open_source(path).X, y, folder=path)
        return read_annotations(path, parts=parts)
    if y is None and is_frame(X):
        return of_table(X, None)
    if isinstance(y, str | os.PathLike):
        raise DataError(f"y is the path {y}; then X is the folder of its pictures, as a path; got a {type(X).__name__}")
    return (X, None) if y is None else _of_pairs(X, y)


def is_frame(given: Any) -> bool:
    """Whether data are a table with named columns."""
    return isinstance(nw.from_native(given, eager_only=True, pass_through=True), nw.DataFrame)


def _of_pairs(X: Any, y: Any, *, folder: Path | None = None) -> Annotated:
    """Pictures and boxes given side by side, or a table of boxes that names the pictures of X."""
    if is_frame(y):
        return of_table(y, folder if folder is not None else X)
    if isinstance(y, dict | Boxes) or not hasattr(y, "__len__"):
        raise DataError(f"y is a {type(y).__name__}; give a list with the boxes of each picture")
    if len(X) != len(y):
        raise DataError(f"X holds {len(X)} pictures and y the boxes of {len(y)}; give one entry a picture")
    return X, [boxes_of(one, named(X, i)) for i, one in enumerate(y)]


def read_annotations(path: Path, *, pictures: Path | None = None, parts: Sequence[str] = ()) -> Annotated:
    """What a path holds: a COCO file, a table of boxes, or a folder of VOC or YOLO files."""
    beside = dict.fromkeys(parts, True)
    if not path.exists():
        raise FileError(f"{path} does not exist; look at the path")
    if path.is_file() and path.suffix.lower() == ".json":
        return read_coco(path, pictures, **beside)
    if path.is_file() and path.suffix.lower() in TABLES:
        return of_table(open_source(path).X, pictures or path.parent)
    if not path.is_dir():
        if pictures is None and (path.suffix.lower() in PICTURES or path.suffix.lower() in (".txt", ".lst", ".npz")):
            return open_source(path).X, None
        raise FileError(
            f"{path}: boxes are read from a COCO .json, a table ({', '.join(TABLES)}), or a folder of .xml or .txt"
        )
    if any(path.rglob("*.xml")):
        return read_voc(path, pictures)
    if any(p for p in path.rglob("*.txt") if p.name not in ("classes.txt", "obj.names")):
        return read_yolo(path, pictures)
    jsons = sorted(path.glob("*.json"))
    if len(jsons) == 1:
        return read_coco(jsons[0], pictures or path, **beside)
    found = pictures_in(path)
    if not found:
        raise FileError(
            f"{path} holds neither pictures nor boxes; give a folder of both, or the path of the boxes as y"
        )
    return found, None


# --- tables ---------------------------------------------------------------------------------------


def of_table(table: Any, pictures: Any) -> Annotated:
    """Pictures and boxes of a table with one row a box; a row without a box says that its picture has none.

    `pictures` is the folder of the paths, or pictures in memory whose places the column of pictures holds.
    """
    frame = nw.from_native(table, eager_only=True)
    at = {key: _column(frame, key, names) for key, names in SYNONYMS.items()}
    image, label = (frame[at[key]].to_list() for key in ("image", "label"))
    try:
        corners = np.stack([frame[at[k]].to_numpy().astype(np.float64) for k in ("x1", "y1", "x2", "y2")], 1)
    except (TypeError, ValueError) as error:
        raise DataError(f"the corners of the table of boxes are no numbers ({error})") from error
    in_memory = pictures is not None and not isinstance(pictures, Path)
    keys = list(range(len(pictures))) if in_memory else list(dict.fromkeys(image))
    rows: dict[Any, list[tuple[list[float], Any]]] = {key: [] for key in keys}
    for i, (key, name, box) in enumerate(zip(image, label, corners.tolist(), strict=True)):
        if key not in rows:
            raise DataError(
                f"row {i} of the table of boxes is of picture {key!r}, and there are pictures 0 to {len(keys) - 1}; "
                "remove the row, or give the picture"
            )
        empty = np.isnan(box)
        if empty.all():
            continue
        if name is None or name != name:
            raise DataError(
                f"row {i} of the table of boxes has a box of {key!r} and no label; say what is in it, or remove the row"
            )
        rows[key].append((box, name))
    found = [boxes_of_rows(r) for r in rows.values()]
    if in_memory:
        return pictures, found
    folders = list(dict.fromkeys([Path(pictures) if pictures is not None else Path(), Path()]))
    files = [found_picture(str(key), folders, Path("the table of boxes")) for key in keys]
    refuse_shared(files, keys, "the table of boxes:")
    return files, found


def _column(frame: Any, key: str, names: Sequence[str]) -> str:
    """The column that holds what `key` stands for."""
    by_lower = {str(name).lower(): name for name in frame.columns}
    there = [by_lower[name] for name in names if name in by_lower]
    if not there:
        raise DataError(
            f"a table of boxes needs a column {key!r} (or {', '.join(names[1:])}); it has {shown(frame.columns)}"
        )
    return there[0]
