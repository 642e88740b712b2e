"""Pictures on disk with a mask for each: a folder that holds both, a list of pairs, or arrays in NPZ."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, FileError, did_you_mean
from ..answers import shown
from ..sources import Source, fingerprint, open_arrays, open_list, open_source, pictures_in
from ..split import random_split
from .boxes import sizes_of
from .masks import LOSSLESS, opened

PICTURE_FOLDERS, MASK_FOLDERS = ("images", "pictures"), ("masks", "labels")
FORMS = (
    "a folder that holds the folders images and masks, whose files have the same names; a list (.txt) of a picture's "
    "path, a tab and its mask's path a line; or .npz with the arrays X and y"
)


def holds_masks(path: Any) -> bool:
    """Whether a path is that of a folder with a folder of masks in it."""
    return isinstance(path, str | os.PathLike) and any((Path(path) / name).is_dir() for name in MASK_FOLDERS)


def names_masks(path: Any) -> bool:
    """Whether a path is that of pictures with masks: such a folder, or a list or arrays with answers."""
    if not isinstance(path, str | os.PathLike) or Path(path).suffix.lower() not in (".npz", ".txt", ".lst"):
        return holds_masks(path)
    return open_source(path).y is not None


def open_masked(path: str | os.PathLike) -> Source:
    """Pictures X and their masks y behind a path, both as paths (or both as arrays, of NPZ); see `FORMS`.

    Raises
    ------
    FileError : there is nothing of the kind there.
    DataError : a picture has no mask, a mask no picture, or two of a name could be meant.
    """
    path = Path(path).expanduser()
    if not path.exists():
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise FileError(f"{path} does not exist; {did_you_mean(path.name, near) if near else 'look at the path'}")
    suffix = path.suffix.lower()
    if path.is_dir():
        X, y = _paired(path)
        return Source(X, y, str(path), "masks", fingerprint=fingerprint(path))
    if suffix == ".npz":
        source = open_arrays(path, None)
        if source.y is None:
            raise DataError(f"{path} holds no masks; name their array y, (n, height, width) whole class numbers")
        return source
    if suffix not in (".txt", ".lst"):
        raise FileError(f"{path}: pictures with masks are {FORMS}")
    source = open_list(path)
    if source.y is None:
        raise DataError(f"{path} names no masks; write a tab and the path of its mask behind each picture")
    masks = [(path.parent / name).resolve() for name in source.y.tolist()]
    for picture, mask in zip(source.X, masks, strict=True):
        if not mask.is_file():
            raise FileError(f"{path}: the mask of {picture.name}, {mask}, is no file")
    return Source(source.X, masks, str(path), "masks", fingerprint=source.fingerprint)


def picture_folder(path: Path) -> Path:
    """The folder of the pictures, of a folder that holds pictures and masks."""
    return _inner(path, PICTURE_FOLDERS)


def _paired(path: Path) -> tuple[list[Path], list[Path]]:
    """Pictures of a folder and the mask of each, by their names without endings."""
    pictures = pictures_in(picture_folder(path))
    folder = _inner(path, MASK_FOLDERS)
    masks = pictures_in(folder)
    lossy = [p.name for p in masks if p.suffix.lower() not in LOSSLESS]
    if lossy:
        raise DataError(f"{folder}: {shown(lossy)} are no masks: JPEG and its like change class numbers; save PNG")
    if not pictures:
        raise FileError(f"{path}: there are no pictures in {picture_folder(path).name}")
    by_name = {_stem(mask): mask.resolve() for mask in masks}
    for what, names in (("masks", [_stem(m) for m in masks]), ("pictures", [p.stem for p in pictures])):
        twice = sorted(name for name, n in Counter(names).items() if n > 1)
        if twice:
            raise DataError(f"{path}: several {what} have the names {shown(twice)}; leave one of each")
    absent = [p.name for p in pictures if p.stem not in by_name]
    if absent:
        raise DataError(f"{path}: {len(absent)} of {len(pictures)} pictures have no mask: {shown(absent)}; a mask has "
                        "its picture's name and ends in .png, or in _mask.png")  # fmt: skip
    spare = sorted(by_name.keys() - {p.stem for p in pictures})
    if spare:
        raise DataError(f"{path}: the masks {shown(spare)} have no pictures; add these, or take the masks out")
    return pictures, [by_name[p.stem] for p in pictures]


def _stem(mask: Path) -> str:
    return mask.stem.removesuffix("_mask")


def _inner(path: Path, names: Sequence[str]) -> Path:
    found = [path / name for name in names if (path / name).is_dir()]
    if len(found) != 1:
        has = f"holds {found[0].name} and {found[1].name}" if found else f"holds no folder {' or '.join(names)}"
        raise FileError(f"{path} {has}; pictures with masks are {FORMS}")
    return found[0]


def classes_in(pictures: Any, masks: Any) -> list[np.ndarray]:
    """The class numbers of each mask, sorted; a mask that does not fit its picture is refused by its name."""
    sizes = sizes_of(pictures)
    return [np.unique(opened(one, i, size)) for i, (one, size) in enumerate(zip(masks, sizes, strict=True))]


def held_out(classes: Sequence[np.ndarray], share: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(train, held) rows of pictures whose masks hold these classes, at random, as `random_split` draws them.

    A held picture with a class that no training picture has goes over to these.

    >>> train, held = held_out([np.array([0, 1])] * 3 + [np.array([0, 7])], 0.5, seed=0)
    >>> 3 in train, sorted([*train.tolist(), *held.tolist()])
    (True, [0, 1, 2, 3])
    """
    train, held = (part.tolist() for part in random_split(len(classes), share, seed=seed))
    seen = {int(k) for row in train for k in classes[row]}
    for row in list(held):
        if {int(k) for k in classes[row]} - seen:
            held.remove(row)
            train.append(row)
            seen |= {int(k) for k in classes[row]}
    if not held:
        raise DataError(
            f"each of the {len(classes)} pictures has a class that no other has, so that none can be held out; give "
            "more pictures, or others to judge by"
        )
    return np.array(train, dtype=np.int64), np.array(held, dtype=np.int64)
