"""Texts as estimators of texts take them: lists, columns, and the paths of files and folders."""

from pathlib import Path
from typing import Any

from ..data.prose import read_texts
from ..data.sources import Columns
from ..data.text import strings
from ..errors import DataError
from .intake import split_target


def texts_of(X: Any, target: Columns | None) -> list[str]:
    """The texts of a list, of a frame's column, of a file's paragraphs or of a folder's files, as a list.

    Raises
    ------
    DataError : X is one text, has columns and none is named, or a row is no text; the message names it.
    """
    if isinstance(X, str) and ("\n" in X or (not Path(X[:200]).suffix and not Path(X[:200]).exists())):
        raise DataError(f"X is one text, {X[:40]!r}, and no path; give a list of texts, such as [{X[:40]!r}]")
    if isinstance(X, str | Path):
        return read_texts(X)
    if target is not None:
        X = split_target(X, target)[1]
    elif getattr(X, "ndim", 2) > 1 and (hasattr(X, "keys") or hasattr(X, "columns")):
        raise DataError("X has columns; name the one that holds the texts by target=, or give it alone, as X['text']")
    elif not hasattr(X, "__iter__"):
        raise DataError(f"X is a {type(X).__name__}; give a list of texts, or the path of a text file")
    return strings(X)
