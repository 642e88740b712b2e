"""One or many series from arrays, frames and files: ordered, on one grid of time, without holes, or refused."""

import os
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError, did_you_mean
from ..masked_arrays import in_a_list
from .grids import Grid, grid_of, places_on, stamps_of, written_dates
from .mending import DUPLICATES, MISSING, is_new, of_one_time, without_holes
from .panels import long_form

LARGEST = 1e100


@dataclass(frozen=True)
class Reading:
    """How data are read: which columns are what, and what is done about holes and doubles.

    target : the column to forecast, or several, each a series of its own.
    time : the column of times; None takes an index of dates, or the only column that holds dates.
    series : the column that says which series a row is of.
    past, known : columns of covariates: known until now, and known ahead.
    frequency : the step of time as a pandas offset; None finds it.
    season : steps of a season; None takes what such steps usually have (12 months, 24 hours, 7 days).
    missing : what becomes of NaN and of steps that are not there: "refuse", "linear" between neighbours, "last" known
        value, value one "seasonal" step back, "zero".
    duplicates : what becomes of rows with one time: "refuse", "mean", "sum", "first", "last".
    """

    target: tuple[str, ...] | None = None
    time: str | None = None
    series: str | None = None
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    frequency: str | None = None
    season: int | None = None
    missing: str = "refuse"
    duplicates: str = "refuse"

    def __post_init__(self) -> None:
        for name, value, choices in (("missing", self.missing, MISSING), ("duplicates", self.duplicates, DUPLICATES)):
            if value not in choices:
                raise SettingError(f"{name}={value!r}; {did_you_mean(value, choices)}")
        if self.season is not None and (isinstance(self.season, bool) or self.season < 1):
            raise SettingError(f"season is a number of steps of at least 1; got {self.season!r}")

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Reading":
        """That of the keywords that a function hands on; one that is none of them is refused by name."""
        odd = next((name for name in settings if name not in cls.__dataclass_fields__), None)
        if odd is not None:
            raise SettingError(
                f"there is no setting {odd!r} here; of how series are read there are "
                f"{', '.join(cls.__dataclass_fields__)}, and the function's own are in its signature"
            )
        return cls(**settings)


@dataclass
class Track:
    """One series: values y (time,), covariates beside it, and its steps of time (None where there are none)."""

    name: str
    y: np.ndarray
    stamps: Any = None
    past: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    known: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __len__(self) -> int:
        return len(self.y)

    def until(self, n_steps: int) -> "Track":
        """The first steps."""
        stamps = None if self.stamps is None else self.stamps[:n_steps]
        return Track(self.name, self.y[:n_steps], stamps, self.past[:n_steps], self.known[:n_steps])


@dataclass
class Panel:
    """Series side by side on one grid; `form` is how they came: "array", "arrays", "frame"."""

    tracks: list[Track]
    grid: Grid
    season: int
    form: str
    reading: Reading

    def until(self, n_left_out: int) -> "Panel":
        """All series without their last steps."""
        return replace(self, tracks=[t.until(len(t) - n_left_out) for t in self.tracks])

    def only(self, i: int) -> "Panel":
        """One of the series."""
        return replace(self, tracks=[self.tracks[i]])

    @property
    def names(self) -> list[str]:
        return [t.name for t in self.tracks]

    @property
    def n_steps(self) -> int:
        """Steps of the shortest series."""
        return min(len(t) for t in self.tracks)


def read_panel(raw: Any, reading: Reading) -> Panel:
    """What a user gave as series: a 1-D array; (time, series); a list or dict of arrays; a Series or frame; a path.

    Panels as sktime keeps them are read too (`panels.long_form`).

    Rows out of order are sorted, with a warning. Steps that are missing and NaN are filled by `reading.missing`, rows
    with one time are joined by `reading.duplicates`; where these say "refuse", the message names series and time.

    Raises
    ------
    DataError : the data break a contract; the message names the series, the time and the remedy.

    Systems: sequence-data-model
    Source: Baker 6.1, Jaiswal 4.1 (ordered samples: what came before matters).
    """
    if isinstance(raw, str | os.PathLike):
        from ..sources import open_source

        raw = open_source(raw).X
        if not hasattr(raw, "iloc"):
            raise DataError("the file is larger than the memory that data may take; cut it into files of some series")
    if isinstance(raw, Tensor):
        raw = raw.numpy(force=True)
    raw, reading = long_form(raw, reading)
    if isinstance(raw, dict) and any(_is_series(v) for v in raw.values()):
        raw = _stacked(raw)
        reading = replace(reading, series="series", time="time", target=("value",))
    if hasattr(type(raw), "columns") or hasattr(type(raw), "schema") or _is_series(raw):
        return _from_frame(as_pandas(raw, reading), reading)
    return _from_arrays(raw, reading)


# --- arrays ---------------------------------------------------------------------------------------


def _from_arrays(raw: Any, reading: Reading) -> Panel:
    for name in ("target", "time", "series", "past", "known", "frequency"):
        if getattr(reading, name):
            raise SettingError(
                f"{name}={getattr(reading, name)!r} is of a frame's columns, and X is no frame; give one"
            )
    raw = in_a_list(raw)
    many = isinstance(raw, dict) or (isinstance(raw, list | tuple) and len(raw) > 0 and np.ndim(raw[0]) > 0)
    if isinstance(raw, dict):
        named = {str(k): v for k, v in raw.items()}
    elif many:
        named = {str(i): v for i, v in enumerate(raw)}
    else:
        values = np.asanyarray(raw)  # a masked array keeps its mask
        if values.ndim > 2:
            raise DataError(f"X is {values.shape}; give one series (time,), several (time, series), or a list of them")
        many = values.ndim == 2 and values.shape[1] != 1
        named = {str(i): column for i, column in enumerate(values.T)} if values.ndim == 2 else {"": values}
        if values.ndim == 2 and not many:
            named = {"": values[:, 0]}
    season = reading.season or 1
    tracks = []
    for name, given in named.items():
        y = numbers_in(given, where_of(name))
        if y.ndim != 1:
            raise DataError(f"{where_of(name)} is {y.shape}; each series is (time,)")
        tracks.append(Track(name, without_holes(y, where_of(name), reading.missing, season, np.arange(len(y)))))
    return _checked(Panel(tracks, Grid(), season, "arrays" if many else "array", reading))


def numbers_in(given: Any, where: str) -> np.ndarray:
    """Numbers float64, NaN where an array has them masked; anything else is refused."""
    try:
        if isinstance(given, np.ma.MaskedArray):
            given = np.ma.filled(given.astype(np.float64), np.nan)
        found = np.asarray(given)
        if found.dtype.kind in "cmM":
            raise ValueError(f"of type {found.dtype}")
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} holds no numbers ({str(error)[:80]}); give plain ones such as 76.79") from error


# --- frames ---------------------------------------------------------------------------------------


def _is_series(raw: Any) -> bool:
    return type(raw).__name__ == "Series" and hasattr(raw, "dtype")


def _stacked(named: dict[Any, Any]) -> Any:
    """A dict of pandas Series as one long frame."""
    import pandas as pd

    parts = [pd.DataFrame({"series": str(k), "time": s.index, "value": np.asarray(s)}) for k, s in named.items()]
    return pd.concat(parts, ignore_index=True)


def as_pandas(raw: Any, reading: Reading) -> Any:
    """A pandas frame with its index of times, where it has one, as a column."""
    import pandas as pd

    if _is_series(raw) and not hasattr(raw, "iloc"):
        raw = nw.from_native(raw, allow_series=True).to_pandas()
    if hasattr(raw, "iloc"):
        frame = raw.to_frame(raw.name if raw.name is not None else "value") if _is_series(raw) else raw.copy(deep=False)
        dated = isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex)
        if dated and (reading.time is None or reading.time not in frame.columns):
            name = str(reading.time or frame.index.name or "time")
            name = name if name not in frame.columns else f"{name}_index"
            frame = frame.reset_index(names=name)
            frame.attrs["time"] = name
    else:
        frame = nw.from_native(raw, eager_only=True).to_pandas()
    if not len(frame):
        raise DataError("X has no rows; give at least a few steps of a series")
    frame.columns = [str(c) for c in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"X has two columns or more named {twice[0]!r}; rename or drop all but one")
    return frame


def _from_frame(frame: Any, reading: Reading) -> Panel:
    reading = _columns_of(frame, reading)
    targets = reading.target or ()
    stamps, zone, wall = None, None, True
    if reading.time is not None:
        stamps, zone, wall = stamps_of(frame[reading.time], f"the column {reading.time!r}")
    groups: dict[str, np.ndarray] = {"": np.arange(len(frame))}
    if reading.series is not None:
        ids = frame[reading.series]
        if bool(ids.isna().any()):
            raise DataError(
                f"the column {reading.series!r} names no series in row {int(ids.isna().to_numpy().argmax())}"
            )
        groups = {str(k): np.asarray(v) for k, v in frame.groupby(reading.series, sort=True).indices.items()}
    ordered = _ordered(groups, stamps, reading)
    grid = Grid(step=1.0)
    if stamps is not None:
        longest = max((times[is_new(times)] for _, times in ordered.values()), key=len)
        found = frame.attrs.get("offset")
        where = f"the column {reading.time!r}"
        grid = grid_of(longest, where, frequency=reading.frequency or found, zone=zone, wall=wall)
    tracks = []
    for name, (rows, times) in ordered.items():
        for target in targets:
            label = " ".join(filter(None, [name, target if len(targets) > 1 else ""]))
            tracks.append(_track(frame, rows, times, target, label, grid, reading))
    form = "frame"
    return _checked(Panel(tracks, grid, reading.season or grid.season, form, reading))


def _columns_of(frame: Any, reading: Reading) -> Reading:
    """The reading with every column named: the time that is found, and the target where only one is left."""
    import pandas as pd

    names = list(frame.columns)
    wanted = [*(reading.target or ()), reading.time, reading.series, *reading.past, *reading.known]
    for name in (n for n in wanted if n is not None):
        if name not in names:
            raise DataError(f"X has no column {name!r}; {did_you_mean(name, names)}")
    time = reading.time or frame.attrs.get("time")
    left = [n for n in names if n not in wanted and n != time]
    if time is None:
        dated = [n for n in left if pd.api.types.is_datetime64_any_dtype(frame[n].dtype) or written_dates(frame[n])]
        if len(dated) > 1:
            raise DataError(
                f"the columns {', '.join(map(repr, dated))} hold dates; say by time= which one orders the rows"
            )
        time = dated[0] if dated else None
        left = [n for n in left if n != time]
    target = reading.target
    if target is None:
        numeric = [n for n in left if pd.api.types.is_numeric_dtype(frame[n].dtype)]
        if len(numeric) != 1:
            raise SettingError(f"say by target= which column to forecast; X has {', '.join(map(repr, left))}")
        target, left = (numeric[0],), [n for n in left if n != numeric[0]]
    if left:
        warnings.warn(
            f"the columns {', '.join(map(repr, left))} are not used; name them in past= (known until now), known= "
            f"(known ahead){'' if time else ', time= (else rows are steps)'} or series=, or leave them out",
            DataWarning,
            stacklevel=7,
        )
    return replace(reading, time=time, target=target)


def _ordered(groups: dict[str, np.ndarray], stamps: Any, reading: Reading) -> dict[str, tuple[np.ndarray, Any]]:
    """The rows of each series by time, and their times."""
    if stamps is None:
        return {name: (rows, np.arange(len(rows), dtype=np.float64)) for name, rows in groups.items()}
    orders = {name: np.argsort(np.asarray(stamps[rows]), kind="stable") for name, rows in groups.items()}
    moved = {name: int((order != np.arange(len(order))).sum()) for name, order in orders.items()}
    if late := [name for name, n in moved.items() if n]:
        more = f", and of {len(late) - 1} more series," if len(late) > 1 else ""
        warnings.warn(
            f"{where_of(late[0])}: {moved[late[0]]} of {len(groups[late[0]])} rows{more} were not in the order of "
            f"{reading.time!r}; now they are",
            DataWarning,
            stacklevel=6,
        )
    return {name: (rows[orders[name]], stamps[rows[orders[name]]]) for name, rows in groups.items()}


def _track(frame: Any, rows: np.ndarray, times: Any, target: str, name: str, grid: Grid, reading: Reading) -> Track:
    """One series on its grid: doubles joined, holes filled."""
    where = where_of(name)
    wide = [target, *reading.past, *reading.known]
    columns = [numbers_in(frame[c].to_numpy()[rows], f"{where}, column {c!r}") for c in wide]
    values = np.stack(columns, 1)
    values, times = of_one_time(values, times, reading.duplicates, where)
    place, steps = places_on(grid, times, where)
    whole = np.full((len(steps), values.shape[1]), np.nan)
    whole[place] = values
    season = reading.season or grid.season
    shown = steps
    filled = [
        without_holes(column, where if i == 0 else f"{where}, column {wide[i]!r}", reading.missing, season, shown)
        for i, column in enumerate(whole.T)
    ]
    n_past = len(reading.past)
    cut = min(len(c) for c in filled)
    matrix = np.stack([c[len(c) - cut :] for c in filled], 1)
    return Track(name, matrix[:, 0], steps[len(steps) - cut :], matrix[:, 1 : 1 + n_past], matrix[:, 1 + n_past :])


def _checked(panel: Panel) -> Panel:
    if not panel.tracks:
        raise DataError("X holds no series; give at least one")
    for track in panel.tracks:
        if not len(track):
            raise DataError(f"{where_of(track.name)} has no steps; give at least a few")
        most = float(np.abs(track.y).max())
        if most > LARGEST or 0 < most < 1 / LARGEST:
            raise DataError(
                f"{where_of(track.name)} holds numbers of size {most:g}, whose squares are no numbers any "
                "more; divide it by a constant first"
            )
    return panel


def where_of(name: str) -> str:
    """A series as messages call it."""
    return f"series {name!r}" if name else "the series"
