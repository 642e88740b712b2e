"""Features that the calendar knows ahead: hour, weekday and season of the year as points on circles."""

from typing import Any

import numpy as np

from ...errors import SettingError, did_you_mean
from .grids import Grid, seconds_of

PERIODS = ("hour", "weekday", "month_day", "year")


def calendar_periods(grid: Grid) -> tuple[str, ...]:
    """The periods that say something about steps of this length: none for numbers and years."""
    if grid.offset is None:
        return ()
    name = grid.offset.split("-")[0]
    if name in ("YS", "YE", "Y", "BYE", "BYS"):
        return ()
    if name in ("D", "B"):
        return ("weekday", "year")
    if name[-2:] in ("MS", "ME", "QS", "QE") or name in ("W", "M", "Q"):
        return ("year",)
    seconds = seconds_of(grid.offset)
    return ("hour", "weekday", "year") if seconds is not None and seconds < 86_400 else ("year",)


def calendar_features(stamps: Any, periods: tuple[str, ...]) -> np.ndarray:
    """sin and cos of how far each stamp is through each period, (stamps, 2 periods) float64.

    "hour" is the part of the day, "weekday" of the week, "month_day" of the month, "year" of the year; neighbours at
    the turn of a period are neighbours here too. `stamps` are of the local clock.

    Systems: lag-calendar-features
    Source: Baker A151 (daily, weekly, annual seasonality).
    """
    for period in periods:
        if period not in PERIODS:
            raise SettingError(f"calendar names {period!r}; {did_you_mean(period, PERIODS)}")
    if not periods:
        return np.zeros((len(stamps), 0))
    day = (np.asarray(stamps.hour) + np.asarray(stamps.minute) / 60 + np.asarray(stamps.second) / 3600) / 24
    year = np.where(np.asarray(stamps.is_leap_year), 366, 365)
    share = {
        "hour": day,
        "weekday": (np.asarray(stamps.day_of_week) + day) / 7,
        "month_day": (np.asarray(stamps.day) - 1 + day) / np.asarray(stamps.days_in_month),
        "year": (np.asarray(stamps.day_of_year) - 1 + day) / year,
    }
    angles = np.stack([2 * np.pi * share[period] for period in periods], 1)
    return np.stack([np.sin(angles), np.cos(angles)], 2).reshape(len(stamps), -1)
