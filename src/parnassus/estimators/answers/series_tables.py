"""Forecasts in the user's terms, and series as what a file holds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.sources import Columns
from ...data.timeseries.grids import Grid
from ...data.timeseries.series import Panel, Reading, Track
from ...errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from ..forecaster import Forecaster


def reading_of(self: "Forecaster", target: Columns | None) -> Reading:
    """How a forecaster's settings have series read, for the columns to forecast."""
    return Reading(
        target=(target,) if isinstance(target, str) else tuple(map(str, target)) if target is not None else None,
        time=self.time,
        series=self.series,
        past=(self.past,) if isinstance(self.past, str) else tuple(self.past),
        known=(self.known,) if isinstance(self.known, str) else tuple(self.known),
        frequency=self.frequency,
        season=self.season,
        missing=self.missing,
        duplicates=self.duplicates,
    )


def as_given(panel: Panel, values: Sequence[np.ndarray], *, columns: Sequence[str] = ()) -> Any:
    """Forecasts (horizon,) or (horizon, columns) of each series in the form that the series came in.

    Arrays give an array, or a list or (series, ...) array of them; frames give a frame with a row for each series and
    step: the series' id where there is one, its time, and the values.
    """
    if panel.form == "array":
        return values[0]
    if panel.form == "arrays":
        return np.stack(values)
    return frame_of(panel, values, columns=columns or [value_name(panel)])


def value_name(panel: Panel) -> str:
    """What the column of forecasts goes by."""
    targets = panel.reading.target or ()
    return targets[0] if len(targets) == 1 else "value"


def frame_of(panel: Panel, values: Sequence[np.ndarray], *, columns: Sequence[str]) -> Any:
    """A long frame of the steps after each series."""
    import pandas as pd

    parts = []
    for track, said in zip(panel.tracks, values, strict=True):
        held: dict[str, Any] = {}
        if len(panel.tracks) > 1 or panel.reading.series is not None:
            held[panel.reading.series or "series"] = [track.name] * len(said)
        held[panel.reading.time or "step"] = times_after(panel, track, len(said))
        held |= dict(zip(columns, said.reshape(len(said), -1).T, strict=True))
        parts.append(pd.DataFrame(held))
    return pd.concat(parts, ignore_index=True)


def times_after(panel: Panel, track: Track, n: int) -> Any:
    """The times of the n steps after a series."""
    last = track.stamps[-1] if track.stamps is not None else float(len(track) - 1)
    return panel.grid.shown(panel.grid.after(last, n))


def position_of(panel: Panel, which: str | None) -> int:
    """Where the series of a name stands; the first for None."""
    if which is not None and panel.names == [""]:
        raise SettingError(f"there is one series, and it has no name: leave out which={which!r}")
    if which is not None and which not in panel.names:
        raise SettingError(f"no series {which!r}; {did_you_mean(which, panel.names)}")
    return panel.names.index(which) if which is not None else 0


def packed(panel: Panel) -> dict[str, Any]:
    """A panel as JSON values and arrays."""
    return {
        "form": panel.form,
        "season": panel.season,
        "grid": asdict(panel.grid),
        "reading": asdict(panel.reading),
        "tracks": [
            {
                "name": t.name,
                "y": t.y,
                "past": np.ascontiguousarray(t.past),
                "known": np.ascontiguousarray(t.known),
                "start": _start(t, panel.grid),
            }
            for t in panel.tracks
        ],
    }


def unpacked(state: dict[str, Any]) -> Panel:
    """The panel that `packed` took apart."""
    grid, reading = Grid(**state["grid"]), Reading(**_tuples(state["reading"]))
    tracks = []
    for held in state["tracks"]:
        y = np.asarray(held["y"])
        tracks.append(Track(held["name"], y, _stamps(held["start"], grid, len(y)), held["past"], held["known"]))
    return Panel(tracks, grid, state["season"], state["form"], reading)


def _tuples(reading: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in reading.items()}


def _start(track: Track, grid: Grid) -> Any:
    if track.stamps is None:
        return None
    return str(track.stamps[0]) if grid.offset is not None else float(track.stamps[0])


def _stamps(start: Any, grid: Grid, n: int) -> Any:
    import pandas as pd

    if start is None:
        return None
    if grid.offset is not None:
        return pd.date_range(pd.Timestamp(start), periods=n, freq=grid.offset)
    return start + (grid.step or 1.0) * np.arange(n)
