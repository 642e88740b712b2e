"""Panels as sktime keeps them: frames whose cells are series, frames indexed by instance and time, and arrays."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ...errors import DataError, SettingError
from .sequences import SequenceList

if TYPE_CHECKING:
    from .series import Reading


def panel_sequences(panel: Any) -> SequenceList:
    """Sequences (time, columns), one an instance, of a panel.

    Parameters
    ----------
    panel : a frame whose cells are series (instances are rows, "nested"); a frame with an index of two levels, instance
        and time; or an array (instances, columns, time) ("numpy3D"), whose axes no program can tell from those of
        (rows, time, features), so that `fit` takes such arrays for the latter.

    >>> panel_sequences(np.arange(12.0).reshape(2, 2, 3))[1].tolist()
    [[6.0, 9.0], [7.0, 10.0], [8.0, 11.0]]
    """
    if isinstance(panel, Tensor):
        panel = panel.numpy(force=True)
    if isinstance(panel, np.ndarray):
        if panel.ndim != 3:
            raise DataError(f"an array of a panel is (instances, columns, time); got {panel.shape}")
        return SequenceList(_numbers(x.T, f"instance {i}") for i, x in enumerate(panel))
    if is_nested(panel):
        return SequenceList(_instance(panel, i) for i in range(len(panel)))
    if has_two_levels(panel):
        frame = panel.to_frame() if not hasattr(panel, "columns") else panel
        groups = frame.groupby(level=0, sort=False)
        return SequenceList(_numbers(part.sort_index(level=1).to_numpy(), f"instance {name}") for name, part in groups)
    raise DataError(
        f"a panel is a frame whose cells are series, a frame with an index of two levels (instance and time), or an "
        f"array (instances, columns, time); got a {type(panel).__name__}"
    )


def is_nested(raw: Any) -> bool:
    """Whether a frame's cells are series: every column of objects, the first of each a Series or an array (time,)."""
    if not hasattr(raw, "iloc") or getattr(raw, "ndim", 0) != 2 or not len(raw) or not len(raw.columns):
        return False
    if not all(getattr(dtype, "kind", "") == "O" for dtype in raw.dtypes):
        return False
    return all(_is_series(cell) for cell in raw.iloc[0])


def has_two_levels(raw: Any) -> bool:
    """Whether pandas data have an index of instance and time."""
    return hasattr(raw, "iloc") and getattr(raw.index, "nlevels", 1) == 2


def _is_series(cell: Any) -> bool:
    return (isinstance(cell, np.ndarray) or hasattr(cell, "iloc")) and getattr(cell, "ndim", 0) == 1


def _instance(frame: Any, i: int) -> np.ndarray:
    columns = []
    for name, cell in frame.iloc[i].items():
        if not _is_series(cell):
            raise DataError(f"row {i}, column {name!r} of X holds a {type(cell).__name__}, and other cells hold series")
        columns.append(_numbers(np.asarray(cell), f"row {i}, column {name!r}"))
    lengths = sorted({len(c) for c in columns})
    if len(lengths) > 1:
        raise DataError(
            f"row {i} of X holds series of {' and '.join(map(str, lengths))} steps; the columns of an instance go side "
            "by side: give them one length"
        )
    return np.stack(columns, 1)


def _numbers(values: np.ndarray, where: str) -> np.ndarray:
    try:
        return np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} of the panel holds no numbers ({str(error)[:80]})") from error


# --- series to forecast ---------------------------------------------------------------------------


def long_form(raw: Any, reading: "Reading") -> tuple[Any, "Reading"]:
    """A panel as a long frame with columns of series and time, and the reading of it; anything else as it is."""
    if isinstance(raw, np.ndarray) and raw.ndim == 3:
        return _single_column(raw), reading
    nested = is_nested(raw)
    if not nested and (not hasattr(raw, "iloc") or getattr(raw.index, "nlevels", 1) == 1):
        return raw, reading
    if not nested and not has_two_levels(raw):
        raise DataError(
            f"X has an index of {raw.index.nlevels} levels ({', '.join(map(str, raw.index.names))}), and a panel has "
            "two, the series and the time; join the others into one name"
        )
    names = [None, None] if nested else list(raw.index.names)
    series = reading.series or str(names[0] or "series")
    time = reading.time or str(names[1] or "time")
    frame = _unnested(raw, series, time) if nested else _flat(raw, series, time)
    return frame, replace(reading, series=series, time=time)


def _single_column(array: np.ndarray) -> list[np.ndarray]:
    """An array (instances, 1, time), or (instances, time, 1), as a list of series."""
    if 1 not in array.shape[1:]:
        raise DataError(
            f"X is {array.shape}; give one series (time,), several (time, series), or a list of them; of a panel of "
            "several columns say which is forecast: X[:, i] of (instances, columns, time), or a frame with target="
        )
    return list(array[:, 0] if array.shape[1] == 1 else array[:, :, 0])


def _flat(raw: Any, series: str, time: str) -> Any:
    frame = raw.to_frame(raw.name if raw.name is not None else "value") if not hasattr(raw, "columns") else raw
    taken = [name for name in (series, time) if name in frame.columns]
    if taken:
        raise SettingError(f"X has {taken[0]!r} as a level of its index and as a column; rename one of them")
    return frame.rename_axis([series, time]).reset_index()


def _unnested(frame: Any, series: str, time: str) -> Any:
    import pandas as pd

    parts = []
    for i, (label, row) in enumerate(frame.iterrows()):
        _instance(frame, i)  # refuses cells that are none, and columns of different lengths
        first = row.iloc[0]
        steps = first.index if hasattr(first, "index") and not callable(first.index) else np.arange(len(first))
        held = {str(name): np.asarray(cell) for name, cell in row.items()}
        parts.append(pd.DataFrame({series: str(label), time: steps, **held}))
    return pd.concat(parts, ignore_index=True)
