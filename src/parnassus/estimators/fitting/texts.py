"""Texts as estimators of texts take them: lists, columns, and the paths of files and folders."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.sources import TABLES, Columns, open_source
from ...data.text.prose import read_texts
from ...data.text.text import strings
from ...errors import DataError, SettingError
from .intake import split_target

WHOLE = 1 << 62  # bytes: texts are held in memory all at once


def texts_of(X: Any, target: Columns | None = None) -> list[str]:
    """The texts of a list, of a column of a frame or table, of a file's paragraphs or of a folder's files, as a list.

    Raises
    ------
    DataError : X is one text, has columns and none is named, or a row is no text; the message names it.
    """
    if isinstance(X, str) and ("\n" in X or (not Path(X[:200]).suffix and not Path(X[:200]).exists())):
        raise DataError(f"X is one text, {X[:40]!r}, and no path; give a list of texts, such as [{X[:40]!r}]")
    if isinstance(X, str | Path):
        return texts_at(X, target)[0]
    if target is not None:
        X = split_target(X, target)[1]
    elif getattr(X, "ndim", 2) > 1 and (hasattr(X, "keys") or hasattr(X, "columns")):
        raise DataError("X has columns; name the one that holds the texts by target=, or give it alone, as X['text']")
    elif not hasattr(X, "__iter__"):
        raise DataError(f"X is a {type(X).__name__}; give a list of texts, or the path of a text file")
    return strings(X)


def texts_at(
    path: str | os.PathLike, target: Columns | None, *, drop: Sequence[str] = ()
) -> tuple[list[str], Columns | None]:
    """The texts of a file or folder and, of a table, the name of their column: `target`, or the one beside `drop`.

    Raises
    ------
    DataError : a table has several columns and none is named, or a row holds no text; the message names it.
    FileError : no such file, nothing in it, or bytes that are no UTF-8.
    SettingError : columns are named, and the path is no table.
    """
    if Path(path).suffix.lower() not in TABLES:
        if target is not None or drop:
            named = target if target is not None else drop[0]
            raise SettingError(f"{path} is no table, and has no column {named!r}; name none, or give a table")
        return read_texts(path), None
    X = open_source(path, memory=WHOLE, as_text=True).X
    if target is None:
        left = [c for c in X.columns if c not in drop]
        if len(left) != 1:
            named = ", ".join(map(str, left[:8]))
            raise DataError(f"{path} has {len(left)} columns ({named}); name the one that holds the texts by target=")
        (target,) = left
    return strings(split_target(X, target)[1]), target
