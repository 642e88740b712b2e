"""Rows of different lengths as one array, filled and cut on the side that is asked for; and the beginnings of rows."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError, DataWarning, SettingError, did_you_mean

SIDES = ("behind", "before")


class Padded(NamedTuple):
    """Values (rows, length), a mask of what is real, and how many rows were cut."""

    values: np.ndarray
    mask: np.ndarray
    n_cut: int


def padded(
    rows: Sequence[Sequence[int]], *, length: int | None = None, fill: str = "behind", cut: str = "behind", pad: int = 0
) -> Padded:
    """Rows as one array: `pad` stands behind each row or before it; what is too long loses its end or beginning.

    Parameters
    ----------
    length : of all rows; None takes the longest. Rows that are cut are counted, and warned of.
    fill, cut : "behind" or "before".

    Systems: sequence-padding-mask
    Source: Hifny 11.2.2; Baker 6.3.6; Martinez-Ramon 5.7.2 (before, for prefixes) and 5.8.1. See also `rows.Ragged`,
    which pads each batch to its own longest row, `layers.recurrent.mask_of` and `reversed_rows`.

    >>> padded([[1, 2, 3], [4]], fill="before").values.tolist()
    [[1, 2, 3], [0, 0, 4]]
    """
    for name, side in (("fill", fill), ("cut", cut)):
        if side not in SIDES:
            raise SettingError(f"{name}={side!r}; {did_you_mean(side, SIDES)}")
    if length is not None and length < 1:
        raise SettingError(f"length is at least 1; got {length}")
    if not len(rows):
        raise DataError("there are no rows to pad; give one at least")
    lengths = np.array([len(row) for row in rows])
    width = max(int(lengths.max()), 1) if length is None else length
    over = lengths > width
    if over.any():
        warnings.warn(
            f"{int(over.sum())} of {len(rows)} rows are longer than {width} and lose what stands {cut} "
            f"(first row {int(over.argmax())}, {lengths[over.argmax()]} long); give a larger length to keep all",
            DataWarning,
            stacklevel=2,
        )
    values, mask = np.full((len(rows), width), pad), np.zeros((len(rows), width), dtype=bool)
    for i, row in enumerate(rows):
        kept = list(row[:width] if cut == "behind" else row[-width:])
        place = slice(0, len(kept)) if fill == "behind" else slice(width - len(kept), width)
        values[i, place], mask[i, place] = kept, True
    return Padded(values, mask, int(over.sum()))


def prefixes(row: Sequence[int], *, least: int = 2) -> list[list[int]]:
    """The beginnings of a row from `least` things on, the row itself the last: what comes before, and what follows.

    Systems: sequence-padding-mask
    Source: Martinez-Ramon example 5.7.2 (B24), whose table 5.4 prints the last but one twice in place of the last.

    >>> prefixes([7, 8, 9])
    [[7, 8], [7, 8, 9]]
    """
    if least < 1:
        raise SettingError(f"least is at least 1; got {least}")
    return [list(row[:n]) for n in range(least, len(row) + 1)]
