"""Categories and dates as numbers, and back."""

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from ..answers import shown

DATE_PARTS = (
    "days",
    "year",
    "month sine",
    "month cosine",
    "weekday sine",
    "weekday cosine",
    "hour sine",
    "hour cosine",
)


def ordinal(
    values: Sequence | np.ndarray, levels: Sequence, *, where: str = "the column", start: int = 0
) -> np.ndarray:
    """The place of each value in `levels`, int64; -1 for None.

    Systems: ordinal-encoding
    Source: Hifny A3.3 (Male 0, Female 1; No 0, Yes 1); Martinez-Ramon, Ajith and Kurup, section 3.5.3.

    >>> ordinal(["no", "yes", None], ["no", "yes"])
    array([ 0,  1, -1])
    """
    at = {level: i for i, level in enumerate(levels)} | {None: -1}
    try:
        return np.fromiter((at[v] for v in values), dtype=np.int64, count=len(values))
    except KeyError:
        row, value = next((i, v) for i, v in enumerate(values) if v not in at)
        raise DataError(
            f"row {start + row}, {where} holds {value!r}, which is none of the levels "
            f"{shown(levels)}; mend the cell, or "
            "fit again with all levels declared"
        ) from None


def one_hot(index: np.ndarray, n_levels: int) -> np.ndarray:
    """Unit vectors (..., n_levels), float64; an index of -1 is all zeros.

    >>> one_hot(np.array([2, -1]), 4)
    array([[0., 0., 1., 0.],
           [0., 0., 0., 0.]])
    """
    return (np.asarray(index)[..., None] == np.arange(n_levels)).astype(np.float64)


def thermometer(index: np.ndarray, n_levels: int) -> np.ndarray:
    """Level j of k as k - 1 bits, the first j of them on, float64; an index of -1 is NaN.

    Systems: thermometer-encoding
    Source: Keras course K44.

    >>> thermometer(np.array([0, 2]), 4)
    array([[0., 0., 0.],
           [1., 1., 0.]])
    """
    index = np.asarray(index)[..., None]
    return np.where(index < 0, np.nan, (index > np.arange(n_levels - 1)).astype(np.float64))


def level_of(bits: np.ndarray) -> np.ndarray:
    """The level that thermometer bits (..., k - 1) stand for: how many are over one half."""
    return (bits > 0.5).sum(-1)


def date_parts(dates: np.ndarray) -> np.ndarray:
    """`DATE_PARTS` of each date (rows, 8), float64: days since 1970, the year, and three cycles as sine and cosine.

    dates: datetime64, wall-clock time; NaT gives a row of NaN. Months run from January = 0, weekdays from Monday = 0.
    """
    days = (dates - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    years = dates.astype("datetime64[Y]")
    months = (dates.astype("datetime64[M]") - years) / np.timedelta64(1, "M")
    cycles = [months / 12, (np.floor(days) + 3) % 7 / 7, days % 1]  # 1970-01-01 was a Thursday
    angles = [2 * np.pi * cycle for cycle in cycles]
    year = np.where(np.isnat(dates), np.nan, years.astype(np.int64) + 1970.0)
    return np.stack([days, year, *(f(a) for a in angles for f in (np.sin, np.cos))], 1)
