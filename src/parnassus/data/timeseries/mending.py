"""Series as they come: rows of one time joined, holes filled, each by a rule that was asked for."""

from typing import Any

import numpy as np

from ...errors import DataError

MISSING = ("refuse", "linear", "last", "seasonal", "zero")
DUPLICATES = ("refuse", "mean", "sum", "first", "last")
SPRING, AUTUMN = (3, 4, 9, 10), (3, 4, 9, 10, 11)  # months in which clocks are put forward and back somewhere


# --- rows of one time -----------------------------------------------------------------------------


def is_new(times: Any) -> np.ndarray:
    """Which of ascending times are not those before them."""
    return np.concatenate([[True], np.asarray(times[1:] != times[:-1])])


def of_one_time(values: np.ndarray, times: Any, how: str, where: str) -> tuple[np.ndarray, Any]:
    """Values (rows, columns) of ascending times, with those of one time made one row, or refused."""
    same = ~is_new(times)[1:]
    if not same.any():
        return values, times
    if how == "refuse":
        first = times[int(same.argmax())]
        raise DataError(
            f"{where}: {int(same.sum())} times are there twice, the first is {first}; say by duplicates= whether rows "
            "of one time are the 'mean', 'sum', 'first' or 'last', or by series= which column tells series apart"
            + moved_clock(first, AUTUMN)
        )
    return _joined(values, times, same, how)


def _joined(values: np.ndarray, times: Any, same: np.ndarray, how: str) -> tuple[np.ndarray, Any]:
    """Values (rows, columns) of one row a time; a mean or sum is of the values that are there, NaN of none."""
    group = np.concatenate([[0], np.cumsum(~same)])
    first = np.concatenate([[True], ~same])
    last = np.concatenate([~same, [True]])
    if how in ("first", "last"):
        return values[first if how == "first" else last], times[first]
    sums, counts = np.zeros((group[-1] + 1, values.shape[1])), np.zeros((group[-1] + 1, values.shape[1]))
    there = ~np.isnan(values)
    np.add.at(sums, group, np.where(there, values, 0.0))
    np.add.at(counts, group, there)
    sums[counts == 0] = np.nan
    return (sums / np.maximum(counts, 1) if how == "mean" else sums), times[first]


# --- holes ----------------------------------------------------------------------------------------


def without_holes(y: np.ndarray, where: str, missing: str, season: int, stamps: Any) -> np.ndarray:
    """The series without holes, from its first value on; infinity is always refused."""
    if np.isinf(y).any():
        raise DataError(f"{where} is infinite at {stamps[int(np.isinf(y).argmax())]}; correct or remove that value")
    hole = np.isnan(y)
    if not hole.any():
        return y
    if hole.all():
        raise DataError(f"{where} has no value at all; leave it out")
    first = int((~hole).argmax())
    if missing == "refuse":
        raise DataError(
            f"{where} has no value at {stamps[int(hole.argmax())]} ({int(hole.sum())} of {len(y)} steps are missing or "
            f"NaN); say by missing= how to fill them: {', '.join(map(repr, MISSING[1:]))}"
            + moved_clock(stamps[int(hole.argmax())], SPRING)
        )
    if hole[-1] and missing == "linear":
        raise DataError(
            f"{where} ends without a value, at {stamps[-1]}, and nothing follows to interpolate to; cut it "
            "there (rows that only hold covariates known ahead go to predict), or use missing='last'"
        )
    y, hole = y[first:].copy(), hole[first:]
    at = np.flatnonzero(~hole)
    if missing == "linear":
        y[hole] = np.interp(np.flatnonzero(hole), at, y[at])
    elif missing == "zero":
        y[hole] = 0.0
    else:
        back = season if missing == "seasonal" else 1
        for i in np.flatnonzero(hole):
            y[i] = y[i - back] if i >= back else y[i - 1]
    return y


def moved_clock(time: Any, months: tuple[int, ...]) -> str:
    """What to say of a local time at night on a Sunday on which clocks may have been moved; nothing of others."""
    early = 1 <= getattr(time, "hour", 12) <= 3 and getattr(time, "tzinfo", None) is None
    if not early or time.weekday() != 6 or time.month not in months:
        return ""
    return (
        "; were clocks moved in that night, give times with their zone: dt.tz_localize('Europe/Berlin', "
        "ambiguous='infer') in pandas"
    )
