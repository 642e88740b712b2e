"""Boxes of YOLO: a .txt a picture, each line a class number and a centre and size as shares of the picture."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, FileError
from ..sources import pictures_in
from .boxes import Boxes, sizes_of

NOT_BOXES = ("classes.txt", "train.txt", "val.txt", "test.txt")


def read_yolo(path: Path, pictures: Path | None = None) -> tuple[Any, list[Boxes]]:
    """The pictures and boxes of a folder of .txt files (or one with `images` and `labels` in it).

    Class names come from `data.yaml`, `classes.txt` or `obj.names` in the folder or above it; without one, labels are
    the numbers. A picture without a .txt has nothing in it, as YOLO has it; a .txt without a picture is refused.
    """
    labels = path / "labels" if (path / "labels").is_dir() else path
    folder = pictures or next((f for f in (path / "images", path) if f.is_dir() and pictures_in(f)), None)
    if folder is None:
        folder = labels.parent / "images"
    found = pictures_in(folder) if folder.is_dir() else []
    if not found:
        raise FileError(f"{folder} holds no pictures for the boxes of {labels}; give their folder as X, the boxes as y")
    names = class_names([path, labels, labels.parent, folder.parent])
    files = {p.stem: p for p in sorted(labels.glob("*.txt")) if p.name not in NOT_BOXES}
    lost = sorted(files.keys() - {p.stem for p in found})
    if lost:
        raise FileError(f"{files[lost[0]]} has boxes for a picture {lost[0]!r}, and there is none in {folder}")
    seen: dict[str, Path] = {}
    for picture in found:
        other = seen.setdefault(picture.stem, picture)
        if other is not picture and picture.stem in files:
            raise DataError(
                f"{other} and {picture} have one name, and {files[picture.stem]} may be of either; rename one with its "
                ".txt, or leave it out"
            )
    sizes = sizes_of(found)
    return found, [
        read_yolo_file(files[p.stem], size, names) if p.stem in files else _boxes([], names)
        for p, size in zip(found, sizes, strict=True)
    ]


def read_yolo_file(file: Path, size: tuple[int, int], names: list[str] | None) -> Boxes:
    """The boxes of one file, for a picture of (height, width)."""
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        where = f"{file}, line {number}"
        if len(parts) != 5:
            raise DataError(f"{where}: {line.strip()[:60]!r}; a line is a class number and x, y, width, height")
        try:
            label, (x, y, w, h) = int(parts[0]), (float(v) for v in parts[1:])
        except ValueError as error:
            raise DataError(f"{where}: {error}; a line is a class number and x, y, width, height") from error
        if label < 0 or (names is not None and label >= len(names)):
            known = f"classes are 0 to {len(names) - 1}" if names is not None else "classes count from 0"
            raise DataError(f"{where}: class {label}; {known}")
        if max(x, y, w, h) > 2 or min(x, y, w, h) < -1:
            raise DataError(
                f"{where}: {' '.join(parts[1:])} are no shares of a picture; x, y (the centre), width and height run "
                "from 0 to 1"
            )
        rows.append((label, x, y, w, h))
    return _boxes(rows, names, size)


def _boxes(rows: list[tuple[int, float, float, float, float]], names: list[str] | None, size: Any = (1, 1)) -> Boxes:
    height, width = size
    array = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 4)
    low, high = array[:, :2] - array[:, 2:] / 2, array[:, :2] + array[:, 2:] / 2
    labels = [row[0] if names is None else names[row[0]] for row in rows]
    corners = np.concatenate([low, high], 1) * [width, height, width, height]
    return Boxes(corners, np.array(labels) if labels else np.zeros(0, dtype=object))


def class_names(folders: list[Path]) -> list[str] | None:
    """The names of classes, in order; None where no file has them."""
    for folder in folders:
        for file in sorted(folder.glob("*.yaml")) if folder.is_dir() else []:
            import yaml

            try:
                held = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
            except yaml.YAMLError as error:
                raise FileError(f"{file} is no YAML ({str(error).splitlines()[0]}); mend it or remove it") from error
            names = held.get("names") if isinstance(held, dict) else None
            if isinstance(names, dict):
                names = [names[key] for key in sorted(names)]
            if isinstance(names, list):
                return [str(name) for name in names]
        for name in ("classes.txt", "obj.names"):
            if (folder / name).is_file():
                return [
                    line.strip()
                    for line in (folder / name).read_text(encoding="utf-8-sig").splitlines()
                    if line.strip()
                ]
    return None
