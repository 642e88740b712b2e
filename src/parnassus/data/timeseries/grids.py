"""Steps of time: how far apart a series' stamps lie, whether they all lie on one grid, and which steps come next."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DataError, SettingError

SEASONS = {"h": 24, "D": 7, "B": 5, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4, "min": 60, "s": 60}


@dataclass(frozen=True)
class Grid:
    """Equal steps of time: a pandas offset ("MS", "h", "15min") for dates, a number for numbers, None for mere order.

    `zone` is the time zone that stamps came with and go back to; `wall` says that steps are equal on its clocks (days
    and longer), and not in seconds.
    """

    offset: str | None = None
    step: float | None = None
    zone: str | None = None
    wall: bool = True

    @property
    def season(self) -> int:
        """How many steps make the season that such steps usually have; 1 where none is known."""
        if self.offset is None:
            return 1
        name = self.offset.split("-")[0]
        if name in SEASONS:
            return SEASONS[name]
        seconds = seconds_of(self.offset)
        day = 86_400 / seconds if seconds else 0
        return int(day) if day > 1 and day == int(day) else 1

    @property
    def words(self) -> str:
        """The step in words, for messages."""
        return f"{self.offset!r}" if self.offset is not None else f"{self.step:g}" if self.step else "one row"

    def between(self, first: Any, last: Any) -> Any:
        """All steps from the first to the last, both included."""
        import pandas as pd

        if self.offset is not None:
            return pd.date_range(first, last, freq=self.offset)
        assert self.step is not None
        return first + self.step * np.arange(round((last - first) / self.step) + 1)

    def after(self, last: Any, n_steps: int) -> Any:
        """The `n_steps` steps after `last`."""
        import pandas as pd

        if self.offset is not None:
            return pd.date_range(last, periods=n_steps + 1, freq=self.offset)[1:]
        return last + (self.step or 1) * np.arange(1, n_steps + 1)

    def shown(self, stamps: Any) -> Any:
        """Stamps as the user gave them: in their time zone."""
        if self.zone is None or self.offset is None:
            return stamps
        return stamps.tz_localize(self.zone) if self.wall else stamps.tz_localize("UTC").tz_convert(self.zone)


def seconds_of(offset: str) -> float | None:
    """How long a step is in seconds; None for calendar steps, which differ."""
    import pandas as pd

    try:
        return pd.Timedelta(pd.tseries.frequencies.to_offset(offset)).total_seconds()  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def stamps_of(column: Any, where: str) -> tuple[Any, str | None, bool]:
    """Stamps as dates without a zone, or as numbers; the zone they had, and whether they are its wall clock's.

    Stamps with a zone become UTC, so that no hour is there twice or missing in spring; where all are at midnight they
    are days of the wall clock.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(pd.PeriodIndex(column).to_timestamp()), None, True
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = np.asarray(column, dtype=np.float64)
        if not np.isfinite(values).all():
            raise DataError(f"{where} has no time in row {int((~np.isfinite(values)).argmax())}; drop or fill that row")
        return values, None, True
    try:
        with warnings.catch_warnings():  # of texts in no known format, which are then refused
            warnings.simplefilter("ignore")
            dates = _read_dates(column, where)
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where} holds no times ({str(error).splitlines()[0][:120]}); give dates, such as 2024-05-31 13:00, all "
            "with a time zone or all without, or numbers"
        ) from error
    if dates.hasnans:
        raise DataError(f"{where} has no time in row {int(np.asarray(dates.isna()).argmax())}; drop or fill that row")
    if dates.tz is None:
        return dates, None, True
    local = dates.tz_localize(None)
    if bool((local == local.normalize()).all()):
        return local, str(dates.tz), True
    return dates.tz_convert("UTC").tz_localize(None), str(dates.tz), False


def _read_dates(column: Any, where: str) -> Any:
    """Dates of a column; texts in which a day may be taken for a month are refused."""
    import pandas as pd

    if not pd.api.types.is_string_dtype(column.dtype) or written_dates(column):
        return pd.DatetimeIndex(pd.to_datetime(column))
    read = {}
    for first in (False, True):
        try:
            read[first] = pd.DatetimeIndex(pd.to_datetime(column, dayfirst=first))
        except (ValueError, TypeError):
            if first and not read:
                raise
    if len(read) == 2 and not read[False].equals(read[True]):
        raise DataError(
            f"{where} holds dates such as {column.iloc[0]!r}, whose day may come first or second; give dates as "
            "2024-05-31, or pd.to_datetime(column, dayfirst=True)"
        )
    return next(iter(read.values()))


def written_dates(column: Any) -> bool:
    """Whether a column of texts holds dates as ISO 8601 writes them, all of them."""
    import pandas as pd

    if not pd.api.types.is_string_dtype(column.dtype):
        return False
    try:
        return not bool(pd.to_datetime(column, format="ISO8601").isna().any())
    except (ValueError, TypeError):
        return False


def grid_of(stamps: Any, where: str, *, frequency: str | None, zone: str | None, wall: bool) -> Grid:
    """The grid that ascending, distinct stamps lie on; gaps are allowed, other steps are refused.

    The step is `frequency`, or the one that most neighbours are apart: calendar months, quarters and years count.
    """
    import pandas as pd

    if isinstance(stamps, np.ndarray):
        if frequency is not None:
            raise SettingError(f"frequency={frequency!r} is for dates, and {where} holds numbers; leave it out")
        return Grid(step=_commonest(np.diff(stamps)) if len(stamps) > 1 else 1.0)
    offset = frequency or _offset_of(stamps)
    if offset is None and len(stamps) == 1:
        raise DataError(f"{where} holds one time, {stamps[0]}, which says no step; give more rows, or frequency=")
    if offset is None:
        raise DataError(
            f"{where}: the steps between times follow no calendar (the first are {_first(stamps)}); give frequency=, "
            "such as 'D', 'h', '15min', 'MS' (first of the month)"
        )
    try:
        pd.tseries.frequencies.to_offset(offset)
    except ValueError as error:
        raise SettingError(f"frequency is a pandas offset, such as 'D', 'h', '15min', 'MS'; got {offset!r}") from error
    return Grid(offset=offset, zone=zone, wall=wall)


def places_on(grid: Grid, stamps: Any, where: str) -> tuple[np.ndarray, Any]:
    """The place of each stamp among all steps from first to last, and those steps; stamps off the grid are refused."""
    import pandas as pd

    steps = grid.between(stamps[0], stamps[-1])
    if grid.offset is None:
        place = np.rint((stamps - stamps[0]) / grid.step).astype(np.int64)
        off = np.abs(stamps[0] + place * grid.step - stamps) > 1e-6 * abs(grid.step or 1)
    else:
        place = pd.DatetimeIndex(steps).get_indexer(stamps)
        off = place < 0
    if off.any():
        odd = stamps[int(off.argmax())]
        raise DataError(
            f"{where}: {odd} does not lie on the grid of steps of {grid.words} from {stamps[0]}: the series changes "
            "its frequency, or is irregular; resample it first, or give frequency="
        )
    return place, steps


def _commonest(differences: np.ndarray) -> float:
    values, counts = np.unique(differences, return_counts=True)
    return float(values[counts.argmax()])


def _first(stamps: Any) -> str:
    return ", ".join(str(s) for s in (stamps[1:4] - stamps[: len(stamps[1:4])]))


def _offset_of(stamps: Any) -> str | None:
    import pandas as pd

    if len(stamps) < 3:
        return _named(stamps[1] - stamps[0], stamps) if len(stamps) == 2 else None
    with warnings.catch_warnings():  # pandas is about to answer an offset in place of its name
        warnings.simplefilter("ignore")
        found = pd.infer_freq(stamps)
    if found is not None:
        return str(getattr(found, "freqstr", found))
    steps = np.asarray(stamps[1:] - stamps[:-1])
    return _named(pd.Timedelta(_commonest(steps.astype("timedelta64[ns]").astype(np.int64)), "ns"), stamps)


def _named(step: Any, stamps: Any) -> str | None:
    """The offset of the commonest step: months, quarters and years by their first or last day, else a length."""
    import pandas as pd

    days = step / pd.Timedelta(days=1)
    for low, high, name in ((28, 31, "M"), (90, 92, "Q"), (365, 366, "Y")):
        if low <= days <= high:
            if bool(stamps.is_month_start.all()):
                return {"Q": f"QS-{_month(stamps)}", "Y": f"YS-{_month(stamps)}"}.get(name, "MS")
            if bool(stamps.is_month_end.all()):
                return {"Q": f"QE-{_month(stamps)}", "Y": f"YE-{_month(stamps)}"}.get(name, "ME")
            return f"{round(days)}D" if days == 28 else None
    if days == 7:
        return f"W-{stamps[0].strftime('%a').upper()}"
    if days == 1 and len(stamps) > 7 and not bool((stamps.day_of_week >= 5).any()):
        return "B"
    return pd.tseries.frequencies.to_offset(step).freqstr


def _month(stamps: Any) -> str:
    return stamps[0].strftime("%b").upper()
