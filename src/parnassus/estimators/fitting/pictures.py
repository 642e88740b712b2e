"""Pictures as the estimators that look at their parts are given them."""

from pathlib import Path
from typing import Any

from ...data.images.image import is_stack, stacked
from ...data.sources import open_source, pictures_in
from ...errors import DataError
from .intake import count_rows


def pictures_given(X: Any) -> Any:
    """The pictures as they came, or those of a path; refuses none at all, and an array that is no stack.

    A path is that of a folder of pictures, of one picture, of a list of paths (.txt) or of arrays (.npz).
    """
    if isinstance(X, str | Path):
        X = [str(path) for path in pictures_in(Path(X))] if Path(X).is_dir() else pictures_at(Path(X))
    if not count_rows(X):
        raise DataError("X holds no pictures; give at least one")
    if is_stack(X):
        stacked(X)
    return X


def pictures_at(path: Path) -> Any:
    """The pictures of a file."""
    source = open_source(path)
    if source.kind not in ("pictures", "npz"):
        raise DataError(
            f"{path} holds {source.kind}, and no pictures; give a folder of pictures, one picture, a list of paths "
            "(.txt), or arrays (.npz)"
        )
    return source.X
