"""`parnassus predict --impute`: tables and pictures whose holes an autoencoder or a generator has filled."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..data.sources import names_of, open_source
from ..errors import DataError, FileError, SettingError
from .anomalies import shown
from .console import Console, finite, note
from .records import hand_out

TASK, DRAWER = "autoencoder", "generator"
NAMES = ("impute", "draws", "seed")  # what `predict` may be told


def check(estimator: Any, asked: dict[str, Any], *, proba: bool, on_error: str) -> None:
    """Refuse what does not go with filling."""
    if "impute" not in asked:
        given = " and ".join(f"--{name}" for name in NAMES if name in asked)
        raise SettingError(f"{given} say how holes are filled: give --impute with them, or leave them out")
    if proba or on_error != "raise":
        raise SettingError("--impute gives rows back: no --proba, and no --on-error skip")
    if asked.get("draws", 1) < 1:
        raise SettingError(f"--draws is the number of fillings, at least 1; got {asked['draws']}")
    if estimator.task == TASK and "seed" in asked and "draws" not in asked:
        raise SettingError("--seed is of draws, and an autoencoder fills in means unless told --draws N")


def conditions(estimator: Any, data: list[str]) -> dict[str, Any]:
    """What each row of a file is of, for a generator that was told: the column, or columns, that it was told by."""
    if estimator.task != DRAWER or estimator.target_ is None:
        return {}
    names = list(names_of(estimator.target_name_))
    X: Any = open_source(data[0]).X if names and len(data) == 1 else None
    if not hasattr(X, "columns") or any(name not in X.columns for name in names):
        raise SettingError(
            f"this generator was told what rows are of, and fills holes of rows of which it is: give a file with the "
            f"column {', '.join(map(repr, names)) or 'of classes'}, or take impute(X, condition=...) in Python"
        )
    return {"condition": X[names[0]].to_numpy() if len(names) == 1 else X[names].to_numpy()}


def fill(
    estimator: Any, X: Any, asked: dict[str, Any], data: list[str], model: str, *, out: Path | None, proba: bool,
    on_error: str, json: bool,
) -> int:  # fmt: skip
    """Rows as they were given, with means in their holes, or draws where `draws` says how many. The exit code.

    A table becomes a CSV, and pictures whose holes are transparent a folder of PNGs.
    """
    check(estimator, asked, proba=proba, on_error=on_error)
    told = {"n_draws": asked.get("draws"), "seed": asked.get("seed"), **conditions(estimator, data)}
    if hasattr(X, "to_dict"):
        return _table(estimator, X, told, out, json=json)
    if isinstance(X, list):
        return _pictures(estimator, X, told, out or _beside(model), json=json)
    raise DataError(
        "--impute fills the holes of a table of columns and of pictures whose holes are transparent; arrays and "
        "sequences are filled in Python, by impute"
    )


def _count(told: dict[str, Any]) -> str:
    """How many values a hole was given."""
    return f"{told['n_draws']:,} draws" if told["n_draws"] else "1 value"


def _table(estimator: Any, X: Any, told: dict[str, Any], out: Path | None, *, json: bool) -> int:
    """A record a row, by column; of draws, which draw it is of comes first."""
    n_holes, made = int(X.isna().to_numpy().sum()), estimator.impute(X, **told)
    if told["n_draws"] and "draw" in X.columns:
        raise DataError("the table has a column 'draw', which says of which draw a row is: rename it")
    rows = []
    for i, table in enumerate(made if told["n_draws"] else [made], 1):
        first = {"draw": i} if told["n_draws"] else {}
        rows += [first | {str(k): finite(shown(v)) for k, v in row.items()} for row in table.to_dict("records")]
    with_what = f"rows, {n_holes:,} holes filled with {_count(told)} each,"
    hand_out(rows, out, json=json, what=with_what)
    return 0


def _beside(model: str) -> Path:
    """The folder for pictures where none was named: beside the model."""
    return (Path(model) if Path(model).is_dir() else Path(model).parent) / "imputed"


def holes_of(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Where a picture of this height and width is transparent (height, width)."""
    from PIL import Image

    with Image.open(path) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    if alpha.shape != shape:
        raise DataError(
            f"{path}: {alpha.shape[0]} x {alpha.shape[1]} pixels, and the model knows {shape[0]} x {shape[1]}; give "
            "pictures of that size, whose holes are then where they should be"
        )
    return alpha == 0


def _pictures(estimator: Any, files: list[Any], told: dict[str, Any], folder: Path, *, json: bool) -> int:
    """A PNG for each picture, and for each draw of it, in a folder; transparent pixels are holes."""
    from PIL import Image

    if getattr(estimator.codec_, "kind", "") != "image":
        raise DataError("--impute fills the holes of tables and pictures; texts have none")
    _, height, width = estimator.codec_.shape
    missing = np.stack([holes_of(Path(one), (height, width)) for one in files])
    made = estimator.impute(files, missing=missing, **told)
    written: dict[Path, Any] = {}
    for i, pictures in enumerate(made if told["n_draws"] else [made], 1):
        mark = f"-{i}" if told["n_draws"] else ""
        names = [folder / f"{Path(one).stem}{mark}.png" for one in files]
        twice = [name.name for name, n in Counter(names).items() if n > 1]
        if twice:
            raise SettingError(f"several pictures would become {twice[0]}; give one folder at a time")
        written |= dict(zip(names, pictures, strict=True))
    there = [name for name in written if name.exists()]
    if there:
        raise FileError(f"{there[0]} exists, and is not overwritten; name another folder by --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in written.items():
            Image.fromarray(np.asarray(picture)).save(name)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    n_holes = int(missing.sum())
    note(f"wrote {len(written):,} pictures, {n_holes:,} holes filled with {_count(told)} each, to {folder}")
    Console(json=json).result([{"picture": str(name)} for name in written])
    return 0
