"""Covariates of the steps that are forecast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError, SettingError, did_you_mean
from .grids import stamps_of
from .series import Panel, Track, as_pandas, numbers_in, where_of


def known_ahead(panel: Panel, given: Any, horizon: int) -> list[np.ndarray]:
    """The covariates of the next `horizon` steps of each series, (horizon, covariates) each, as `predict` was given.

    `given` is a frame with the columns of `known`, and those of time and series where there are any; every series
    needs every step.
    """
    names, reading = list(panel.reading.known), panel.reading
    if not names:
        if given is not None:
            raise SettingError("known= is given, and fit named no covariates that are known ahead (known=)")
        return [np.zeros((horizon, 0))] * len(panel.tracks)
    if given is None:
        raise DataError(
            f"the next {horizon} steps of {', '.join(map(repr, names))} are needed: fit was told that they are known "
            "ahead; give them by known= as a frame, or a file, with a row for each step"
        )
    frame = as_pandas(given, reading)
    for name in [*names, *([reading.series] if reading.series else [])]:
        if name not in frame.columns:
            raise DataError(f"known= has no column {name!r}; {did_you_mean(name, frame.columns)}")
    time = reading.time if reading.time in frame.columns else frame.attrs.get("time")
    return [_of_track(panel, track, frame, time, horizon) for track in panel.tracks]


def _of_track(panel: Panel, track: Track, frame: Any, time: str | None, horizon: int) -> np.ndarray:
    names, reading, where = panel.reading.known, panel.reading, where_of(track.name)
    part = frame if reading.series is None else frame[frame[reading.series].astype(str) == _series_of(panel, track)]
    values = np.stack([numbers_in(part[n].to_numpy(), f"known=, column {n!r}") for n in names], 1)
    due = None
    if time is not None:
        due = panel.grid.after(track.stamps[-1], horizon)
        stamps = stamps_like(panel, *stamps_of(part[time], "known="), where="known=")
        place = {stamp: i for i, stamp in enumerate(stamps)}
        twice = next((stamp for i, stamp in enumerate(stamps) if place[stamp] != i and stamp in due), None)
        if twice is not None:
            raise DataError(f"known= has two rows or more for {where} at {twice}; give one a step")
        lost = [stamp for stamp in due if stamp not in place]
        if lost:
            raise DataError(
                f"known= has no row for {where} at {lost[0]}, one of {len(lost)} it lacks; the forecast covers "
                f"{due[0]} to {due[-1]}"
            )
        values = values[[place[stamp] for stamp in due]]
    elif len(values) < horizon:
        raise DataError(f"known= has {len(values)} rows for {where}, and {horizon} steps are forecast; give one a step")
    values = values[:horizon]
    if not np.isfinite(values).all():
        step, column = np.argwhere(~np.isfinite(values))[0]
        at = f"at {due[step]}" if due is not None else f"in row {step}"
        what = "NaN" if np.isnan(values[step, column]) else "infinity"
        raise DataError(
            f"known= holds {what} for {where} {at}, column {names[column]!r}; a forecast needs every number"
        )
    return values


def stamps_like(panel: Panel, stamps: Any, zone: str | None, wall: bool, *, where: str) -> Any:
    """Stamps on the clock of the series': a few at midnight may have been taken for days.

    Hours on a clock whose zone nobody knows, beside hours of a known one, are refused: they would be off unsaid.
    """
    grid = panel.grid
    days = wall if grid.zone is None else grid.wall
    if grid.offset is None or (days and (zone is None) != (grid.zone is None)):
        return stamps
    if (zone is None) != (grid.zone is None):
        ours, theirs = (f"in the zone {z}" if z else "without a time zone" for z in (grid.zone, zone))
        raise DataError(f"the times of {where} are {theirs}, and those of the series {ours}; give both alike")
    if zone is not None and wall and not grid.wall:
        return stamps.tz_localize(zone).tz_convert("UTC").tz_localize(None)
    return stamps


def _series_of(panel: Panel, track: Track) -> str:
    """The id of a track's series, without the target's name that stands behind it where there are several."""
    targets: Sequence[str] = panel.reading.target or ()
    if len(targets) < 2:
        return track.name
    return next(track.name[: -len(t) - 1] for t in targets if track.name.endswith(f" {t}"))
