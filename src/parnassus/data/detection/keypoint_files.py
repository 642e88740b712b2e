"""Pictures on disk with keypoints for each: a table of paths and places, or arrays in NPZ."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, FileError, did_you_mean
from ..answers import shown
from ..images.pictures import open_picture
from ..sources import Source, fingerprint, open_arrays, open_source, open_table
from .coco_keypoints import read_coco_keypoints
from .keypoints import Points, keypoints_of

FORMS = (
    "a CSV with a column `image` of paths and, for each point, two such as nose_x and nose_y (empty where it is not to "
    "be seen); COCO's .json, whose subjects are cut out; or .npz with the arrays X and y, (n, k, 2)"
)
SUFFIXES = (".csv", ".tsv", ".json", ".npz")


def names_keypoints(path: Any) -> bool:
    """Whether a path is that of a file that may hold pictures with keypoints; arrays without answers hold none."""
    if not isinstance(path, str | os.PathLike) or Path(path).suffix.lower() not in SUFFIXES:
        return False
    return Path(path).suffix.lower() != ".npz" or open_source(path).y is not None


def open_keypoints(path: str | os.PathLike) -> Source:
    """Pictures X and their keypoints y, a `Points` for each, of a file; see `FORMS`.

    Raises
    ------
    FileError : there is nothing of the kind there, or a picture that it names.
    DataError : columns do not come in pairs, or places are none.
    """
    path = Path(path).expanduser()
    if not path.exists():
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise FileError(f"{path} does not exist; {did_you_mean(path.name, near) if near else 'look at the path'}")
    suffix = path.suffix.lower()
    if path.is_dir() or suffix not in SUFFIXES:
        raise FileError(f"{path}: pictures with keypoints are {FORMS}")
    if suffix == ".npz":
        source = open_arrays(path, None)
        if source.y is None:
            raise DataError(f"{path} holds no keypoints; name their array y, (n, k, 2), x before y")
        return Source(source.X, keypoints_of(source.y, source.X), str(path), "keypoints", fingerprint=fingerprint(path))
    if suffix == ".json":
        cuts, points = read_coco_keypoints(path)
        return Source(cuts, points, str(path), "keypoints", list(points[0].names), fingerprint(path))
    frame = open_table(path, "csv", None, memory=1 << 40).X
    names = names_of_points([str(c) for c in frame.columns], path)
    pictures = [path.parent / str(name) for name in frame["image"]]
    for row, picture in enumerate(pictures):
        if not picture.is_file():
            raise FileError(
                f"{path}, row {row}: {frame['image'].iloc[row]!r} is no file (paths begin at the table's folder)"
            )
    columns = [f"{name}_{axis}" for name in names for axis in "xy"]
    strange = [c for c in columns if frame[c].dtype.kind not in "iuf"]
    if strange:
        raise DataError(f"{path}: the columns {shown(strange)} hold other things than numbers; mend the cells")
    places = frame[columns].to_numpy(np.float64).reshape(len(frame), len(names), 2)
    points = [replace(one, names=tuple(names)) for one in keypoints_of(places, pictures)]
    return Source(pictures, points, str(path), "keypoints", names, fingerprint(path))


def names_of_points(columns: Sequence[str], path: Any) -> list[str]:
    """The points that columns of a table come in pairs for, in their order."""
    if "image" not in columns:
        raise DataError(f"{path} has no column 'image'; it has {shown(columns)}: pictures with keypoints are {FORMS}")
    ends = [c[:-2] for c in columns if c.endswith("_x")]
    alone = [
        c
        for c in columns
        if c != "image" and (c[-2:] not in ("_x", "_y") or f"{c[:-1]}{'yx'[c[-1] == 'y']}" not in columns)
    ]
    if alone or not ends:
        raise DataError(
            f"{path}: the columns {shown(alone)} are no pairs of places, such as nose_x and nose_y; drop them"
        )
    return ends


def write_keypoints(path: Path, pictures: Sequence[Any], points: Sequence[Points]) -> Path:
    """A table that `open_keypoints` reads; returns its path. Pictures that are no files are written beside it."""
    import pandas as pd

    files = [p if isinstance(p, str | os.PathLike) else _as_file(p, i, path) for i, p in enumerate(pictures)]
    table: dict[str, Any] = {"image": [str(Path(p).resolve()) for p in files]}
    places = np.stack([one.points for one in points])
    for i, name in enumerate(points[0].names or map(str, range(places.shape[1]))):
        table |= {f"{name}_x": places[:, i, 0], f"{name}_y": places[:, i, 1]}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def _as_file(picture: Any, i: int, table: Path) -> Path:
    folder = table.with_suffix("")
    folder.mkdir(exist_ok=True)
    open_picture(picture, f"picture {i}").save(folder / f"{i:06}.png")
    return folder / f"{i:06}.png"
