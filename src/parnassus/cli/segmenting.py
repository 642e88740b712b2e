"""Pictures with masks on the command line: which are kept for the test, and the maps that a trained model writes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, FileError, ParnassusError, SettingError

if TYPE_CHECKING:
    import numpy as np

    from ..estimators.fitting.intake import Examples
    from ..estimators.segmenter import Segmenter

TOGETHER = 32  # pictures whose maps are held at a time
LARGEST = 65_535  # the largest number that a pixel of PNG holds

# --- the test part --------------------------------------------------------------------------------


def divided_pictures(
    examples: "Examples", other: "Examples | None", part: float | str, *, seed: int
) -> tuple["Examples", "Examples | None"]:
    """Examples to learn from and to test on: no class is in the test part alone; every mask is looked at first."""
    from ..data.detection.mask_files import classes_in, held_out

    held = classes_in(examples.X, examples.y)
    if other is not None:
        seen = {int(k) for one in held for k in one}
        for i, one in enumerate(classes_in(other.X, other.y)):
            strange = sorted({int(k) for k in one} - seen)
            if strange:
                raise DataError(
                    f"{part}: mask {i} has pixels of the classes {strange[:8]}, which no mask to learn from has; add "
                    "such pictures to these, or leave it out"
                )
        return examples, other
    if isinstance(part, str) or part == 0:
        return examples, None
    train, test = held_out(held, part, seed=seed)
    return examples.take(train), examples.take(test)


# --- maps -----------------------------------------------------------------------------------------


def pictures_alone(data: list[str]) -> list[str]:
    """Paths to predict for: of a folder that holds pictures and masks, that of the pictures."""
    from ..data.detection.mask_files import holds_masks, picture_folder

    return [str(picture_folder(Path(path))) if holds_masks(path) else path for path in data]


def hand_out_maps(
    estimator: Any, X: Any, names: Sequence[Any], *, heading: str, out: Path | None, on_error: str, json: bool
) -> None:
    """What is where: shares of the pixels as CSV; where `out` is no CSV, it is a folder, and takes the maps as PNG."""
    from .console import Console, note
    from .records import hand_out

    folder = out if out is not None and out.suffix.lower() != ".csv" else None
    rows = mapped(estimator, X, names, heading=heading, out=folder, on_error=on_error)
    if folder is None:
        hand_out(rows, out, json=json)
        return
    n_written = sum(row["mask"] is not None for row in rows)
    note(f"wrote {n_written:,} maps to {folder}")
    Console(json=json).result(rows)


def mapped(
    estimator: "Segmenter", X: Any, names: Sequence[Any], *, heading: str, out: Path | None, on_error: str
) -> list[dict[str, Any]]:
    """One record a picture: the share of its pixels of each class, and the file of its map where `out` is a folder."""
    files = _files(names, out, estimator.classes_) if out is not None else [None] * len(names)
    records = []
    for first in range(0, len(names), TOGETHER):
        rows = range(first, min(first + TOGETHER, len(names)))
        for row, said in zip(rows, _said(estimator, [X[row] for row in rows], on_error), strict=True):
            record: dict[str, Any] = {heading: names[row]}
            for k in estimator.classes_.tolist():
                record[f"class {k}"] = None if isinstance(said, str) else round(float((said == k).mean()), 6)
            if out is not None:
                record["mask"] = None if isinstance(said, str) else str(_written(said, files[row]))
            if on_error == "skip":
                record["error"] = said if isinstance(said, str) else ""
            records.append(record)
    return records


def _said(estimator: "Segmenter", pictures: list[Any], on_error: str) -> list[Any]:
    """The map of each picture, or with "skip" the reason why there is none."""
    try:
        return list(estimator.predict(pictures))
    except ParnassusError as error:
        if on_error != "skip":
            raise
        if len(pictures) == 1:
            return [str(error)]
    return [said for one in pictures for said in _said(estimator, [one], on_error)]


def _files(names: Sequence[Any], out: Path, classes: "np.ndarray") -> list[Path]:
    """A PNG for each picture, none of which is there already: they might be somebody's own masks."""
    if classes.min() < 0 or classes.max() > LARGEST:
        raise DataError(f"the classes {classes.tolist()[:8]} are no pixels of PNG (0 to {LARGEST}); predict in Python")
    files = [out / f"{Path(str(name)).stem}.png" for name in names]
    twice = [file.name for file, n in Counter(files).items() if n > 1]
    if twice:
        raise SettingError(f"several pictures would become {twice[0]}; give one folder at a time")
    there = [file for file in files if file.exists()]
    if there:
        raise FileError(f"{there[0]} exists, and is not overwritten; name another folder by --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{out}: cannot be made a folder: {error.strerror or error}") from error
    return files


def _written(said: "np.ndarray", file: Path | None) -> Path:
    import numpy as np
    from PIL import Image

    assert file is not None
    try:
        Image.fromarray(said.astype(np.uint8 if said.max() < 256 else np.uint16)).save(file)
    except OSError as error:
        raise FileError(f"{file}: the map cannot be written: {error.strerror or error}") from error
    return file
