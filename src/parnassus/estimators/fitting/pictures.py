"""Pictures as the estimators that look at their parts are given them."""

from pathlib import Path
from typing import Any

from ...data.images.image import is_stack, stacked
from ...data.sources import pictures_in
from ...errors import DataError
from .intake import count_rows


def pictures_given(X: Any) -> Any:
    """The pictures as they came, a folder as the paths in it; refuses none at all, and an array that is no stack."""
    if isinstance(X, str | Path) and Path(X).is_dir():
        X = [str(path) for path in pictures_in(Path(X))]
    if not count_rows(X):
        raise DataError("X holds no pictures; give at least one")
    if is_stack(X):
        stacked(X)
    return X
