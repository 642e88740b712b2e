"""Arrays as NumPy keeps what is odd in rectangles: hidden entries, and rows of different lengths in one array."""

from typing import Any

import numpy as np

from ..errors import DataError


def is_masked(raw: Any) -> bool:
    """Whether an array hides entries, or a list holds arrays that do."""
    if isinstance(raw, list | tuple):
        return any(isinstance(row, np.ma.MaskedArray) for row in raw)
    return isinstance(raw, np.ma.MaskedArray)


def unmasked(raw: Any, name: str = "X") -> Any:
    """The same with NaN where entries are hidden, so that they are missing to whoever reads it.

    Pictures of bytes become floats from 0 to 1, with an axis of channels, by which floats are known as pictures.

    >>> unmasked(np.ma.array([1, 2, 3], mask=[0, 1, 0])).tolist()
    [1.0, nan, 3.0]

    Raises
    ------
    DataError : entries are hidden where there is no number that says so, as among texts and the bytes of videos.
    """
    if isinstance(raw, list | tuple):
        return type(raw)([unmasked(row, f"row {i} of {name}") for i, row in enumerate(raw)])
    if not isinstance(raw, np.ma.MaskedArray):
        return raw
    if not np.ma.getmaskarray(raw).any():
        return raw.data
    if raw.dtype.kind == "f":
        return np.ma.filled(raw, np.nan)
    if raw.dtype.kind in "iub" and raw.ndim < 3:
        return np.ma.filled(raw.astype(np.float64), np.nan)
    if raw.dtype == np.uint8 and raw.ndim in (3, 4):
        floats = np.ma.filled(raw.astype(np.float32) / np.float32(255), np.nan)
        return floats[..., None] if raw.ndim == 3 else floats
    raise DataError(
        f"{name} hides entries of {raw.dtype} by a mask, for which there is no missing value; fill them, such as by "
        "numpy.ma.filled, or leave these rows out"
    )


def refuse_masked(raw: Any, name: str) -> None:
    """Refuses answers and weights that are hidden: no row can be learned from without."""
    if isinstance(raw, np.ma.MaskedArray) and np.ma.getmaskarray(raw).any():
        row = int(np.ma.getmaskarray(raw).reshape(len(raw), -1).any(1).argmax())
        raise DataError(f"{name} of row {row} is hidden by a mask; leave the row out, or give it one")


def in_a_list(raw: Any) -> Any:
    """An array of objects whose rows are arrays or lists as a list of them, or as numbers where they are equally long.

    >>> in_a_list(np.array([np.zeros(2), np.zeros(3)], dtype=object))
    [array([0., 0.]), array([0., 0., 0.])]
    """
    if not isinstance(raw, np.ndarray) or raw.dtype != object or not raw.size:
        return raw
    if raw.ndim == 1:
        return list(raw) if all(isinstance(row, np.ndarray | list | tuple) for row in raw) else raw
    return in_numbers(raw) if raw.ndim > 2 else raw


def in_numbers(raw: np.ndarray) -> np.ndarray:
    """An array of objects that are all numbers as float64; any other as it is."""
    try:
        return raw.astype(np.float64) if raw.dtype == object else raw
    except (TypeError, ValueError):
        return raw
