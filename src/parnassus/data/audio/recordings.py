"""Recordings and what is said in them, from lists, tables with a column of each, and folders."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from ...errors import DataError, FileError, did_you_mean
from ..codec import Codec
from ..sources import TABLES, Columns, open_source
from .sounds import Sounds, is_sound_path, is_wave, sounds_in
from .speakers import FOLDER, spoken


def recordings(
    X: Any, y: Any, *, target: Columns | None = None, codec: Codec | None = None, drop: Sequence[str] = ()
) -> tuple[Any, Any, Any]:
    """Sounds or sequences as a codec takes them, transcripts (or None), and the name of their column.

    X is a list of paths or of arrays, a table with a column of paths (the transcripts are its column `target`), the
    path of such a table, a folder in which each sound lies beside a text of its name, `one.wav` and `one.txt`, at
    any depth, or a text file whose lines are a path and, after a tab, a transcript. Paths in a table that is a file
    start from its folder, where they lead to a file from there. Where y is given the column `target` need not be
    there. Columns of `drop` hold no recordings.
    """
    folder = None
    if isinstance(X, str | os.PathLike):
        path = Path(X).expanduser()
        if path.is_dir():
            return _of_folder(path, y)
        if path.suffix.lower() not in TABLES:
            source = open_source(path)
            return source.X, listed_texts(source.y) if y is None else y, target
        source = open_source(path, target=target if y is None else None)
        X, y, folder = source.X, source.y if y is None else y, path.parent
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        for name in drop:
            if name not in frame.columns:
                raise DataError(f"the table has no column {name!r} to drop; {did_you_mean(name, frame.columns)}")
        frame = frame.drop(list(drop))
        options = codec.options if codec is not None else {}
        return _of_table(frame, y, target, folder, options.get("column"), options.get("speaker", FOLDER))
    rate = codec.options.get("sample_rate") if codec is not None else None
    if rate and isinstance(X, list | tuple) and len(X) and all(is_wave(row) for row in X):
        X = Sounds(X, rate)
    elif is_wave(X):
        raise DataError("X is one array of samples; give a list with one array a recording, [X]")
    return X, y, target


def deeper(path: Path) -> Iterator[Path]:
    """The folders in a folder, at any depth; hidden ones are passed over."""
    for inner in path.iterdir():
        if inner.is_dir() and not inner.name.startswith("."):
            yield inner
            yield from deeper(inner)


def listed_texts(y: Any) -> Any:
    """Labels that a file named as plain texts; None stays None."""
    return y.tolist() if isinstance(y, np.ndarray) else y


def _of_table(
    frame: "nw.DataFrame", y: Any, target: Columns | None, folder: Path | None, column: str | None, speaker: str
) -> tuple[Any, Any, Any]:
    """The paths of a table, and its transcripts where `target` names a column that is still there.

    Paths know who speaks by the column `speaker`, where the table has one.
    """
    if target is not None and not isinstance(target, str):
        raise DataError(f"transcripts are one column; target names {list(target)!r}")
    if target is not None and y is None:
        if target not in frame.columns:
            raise DataError(f"X has no column {target!r} of transcripts; {did_you_mean(target, frame.columns)}")
        y = frame[target].to_list()
    paths = [n for n in frame.columns if n != target and len(frame) and is_sound_path(frame[n][0])]
    if column is None and len(paths) == 1:
        column = paths[0]
    if column not in frame.columns:
        raise DataError(
            f"of the columns {', '.join(frame.columns[:20])} {len(paths) or 'none'} hold paths of sounds; name one: "
            "codec=pn.Speech(column=...)"
        )
    given = [Path(str(path)) for path in frame[column].to_list()]
    placed = [folder / p if folder is not None and (folder / p).is_file() else p for p in given]
    if speaker in frame.columns:
        placed = [spoken(p, who, speaker) for p, who in zip(placed, frame[speaker].to_list(), strict=True)]
    return placed, y, target


def _of_folder(path: Path, y: Any) -> tuple[Any, Any, None]:
    """The sounds of a folder, and the texts beside them where each has one."""
    found = sorted(file for folder in (path, *deeper(path)) for file in sounds_in(folder))
    if not found:
        raise FileError(f"{path} holds no sounds; give a folder of recordings, or a table with a column of paths")
    texts = [sound.with_suffix(".txt") for sound in found]
    there = [text.is_file() for text in texts]
    if y is not None or not any(there):
        return found, y, None
    if not all(there):
        raise DataError(
            f"{found[there.index(False)]} has no transcript beside it, and others have; add a .txt of its name"
        )
    return found, [text.read_text(encoding="utf-8").strip() for text in texts], None
