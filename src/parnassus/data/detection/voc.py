"""Boxes of PASCAL VOC: an .xml a picture."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...errors import DataError, DataWarning, FileError
from ..sources import pictures_in
from .boxes import Boxes
from .coco import refuse_shared


def read_voc(path: Path, pictures: Path | None = None) -> tuple[Any, list[Boxes]]:
    """The pictures and boxes of a folder of .xml files (or one with `Annotations` and `JPEGImages` in it).

    VOC counts pixels from 1 and both corners are inside, so that a box from 1 to 8 spans 0 to 8 here. Boxes marked as
    difficult are not counted. A <filename> without its ending, or with another one, means the picture that has the rest
    of the name: between two of those it is refused, and another ending is told of. Every file needs its picture, and
    every picture of the folder its file.
    """
    files = sorted((path / "Annotations").glob("*.xml")) or sorted(path.glob("*.xml"))
    if not files:
        raise FileError(f"{path}: its .xml files lie deeper than Annotations; give the folder that holds them")
    folders = [pictures] if pictures is not None else [path / "JPEGImages", path / "images", path, path.parent]
    there = [p for folder in reversed([f for f in folders if f.is_dir()]) for p in pictures_in(folder)]
    by_name, by_stem = {p.name: p for p in there}, {p.stem: p for p in there}
    found, boxes, guessed = [], [], []
    for file in files:
        name, one = read_voc_file(file)
        stem = Path(name).stem if name else file.stem
        picture = by_name.get(Path(name).name) or by_stem.get(stem) or by_stem.get(file.stem)
        if picture is None:
            raise FileError(
                f"{file} has boxes for {name or file.stem!r}, and there is no such picture in "
                f"{' or '.join(str(f) for f in folders if f.is_dir())}; give its folder as X and the boxes as y"
            )
        if picture.name != Path(name).name:
            _refuse_doubt(file, name, picture, there)
            if name and Path(name).name != picture.stem:
                guessed.append(f"{file.name} names {name!r}, and {picture.name} was taken")
        found.append(picture)
        boxes.append(one)
    if guessed:
        warnings.warn(
            f"{path}: {len(guessed)} of {len(files)} .xml files name a picture that is not there; taken was one of the "
            f"same name but for its ending, or of the .xml's: {guessed[0]}. Set their <filename> where that is wrong",
            DataWarning,
            stacklevel=2,
        )
    refuse_shared(found, [file.name for file in files], f"{path}:")
    taken, stems = set(found), {(p.parent, p.stem) for p in found}  # beside a.jpg an a.png would be passed over
    lost = {p for p in there if p not in taken and (p is by_stem[p.stem] or (p.parent, p.stem) in stems)}
    left = sorted(lost) if pictures is None else []
    if left:
        raise DataError(
            f"{len(left)} pictures have no .xml, such as {left[0]}; leave them out, or write one without an object for "
            "a picture in which there is nothing"
        )
    return found, boxes


def _refuse_doubt(file: Path, name: str, picture: Path, there: Sequence[Path]) -> None:
    """Refuses to choose between pictures that differ by their endings alone, where an .xml names none of them."""
    alike = sorted({p.name for p in there if (p.parent, p.stem) == (picture.parent, picture.stem)})
    if len(alike) > 1:
        raise DataError(
            f"{file} names {name!r} as its picture, which may be {' or '.join(alike)} in {picture.parent}; write the "
            "whole name into its <filename>"
            if name
            else f"{file} names no picture, and {' or '.join(alike)} in {picture.parent} may be meant; write one into "
            "its <filename>"
        )


def read_voc_file(file: Path) -> tuple[str, Boxes]:
    """The picture that an .xml names, and its boxes."""
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise FileError(f"{file} is no XML ({error}); look whether it was written to the end") from error
    if root.tag != "annotation":
        raise DataError(f"{file}: VOC boxes stand in an <annotation>, and this file holds <{root.tag}>; leave it out")
    corners, labels, difficult = [], [], []
    for k, thing in enumerate(root.iter("object")):
        name, box = thing.findtext("name"), thing.find("bndbox")
        if not name or box is None:
            raise DataError(f"{file}: object {k} has no name or no bndbox; VOC needs both")
        try:
            x1, y1, x2, y2 = (float(box.findtext(key) or "none") for key in ("xmin", "ymin", "xmax", "ymax"))
        except ValueError as error:
            raise DataError(f"{file}: object {k} has no numbers xmin, ymin, xmax and ymax ({error})") from error
        corners.append([x1 - 1, y1 - 1, x2, y2])
        labels.append(name.strip())
        difficult.append((thing.findtext("difficult") or "0").strip() == "1")
    array = np.array(corners, dtype=np.float64).reshape(-1, 4)
    height, width = (root.findtext(f"size/{side}", "").strip() for side in ("height", "width"))
    return (root.findtext("filename") or "").strip(), Boxes(
        array,
        np.array(labels, dtype=object if not labels else None),
        ignored=np.array(difficult, dtype=bool),
        size=(int(height), int(width))
        if height.isdecimal() and width.isdecimal() and int(height) * int(width)
        else None,
    )
