"""Tables with a row a step, of one sequence or of many: taken apart into sequences, and put together again."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from ...errors import DataError, DataWarning, did_you_mean
from .grids import stamps_of
from .sequences import SequenceList
from .series import numbers_in


@dataclass(frozen=True)
class StepTable:
    """The sequences of a table, in the order in which they are first named.

    X : frames (time, columns), or symbols (time,) of each; names : what the table calls them; places : the rows of
    each, in order of time; answers : what the target column says of each step, or None.
    """

    X: SequenceList
    names: list[Any]
    places: list[np.ndarray]
    columns: list[str]
    answers: list[np.ndarray] | None = None

    def in_rows(self, parts: Sequence[Any]) -> np.ndarray:
        """What was said of the steps of each sequence, (time, ...) each, in the order of the table's rows."""
        return np.concatenate(list(map(np.asarray, parts)))[np.argsort(np.concatenate(self.places))]

    def apart(self, values: Any) -> list[np.ndarray]:
        """One value a row of the table as an array for each sequence."""
        n = sum(len(p) for p in self.places)
        given = values.tolist() if hasattr(values, "tolist") else list(values)
        if len(given) != n or any(isinstance(one, list | tuple | np.ndarray) for one in given):
            raise DataError(f"y holds {len(given)} values or rows beside a table of {n} rows; give one value a row")
        held = np.empty(n, dtype=object)
        held[:] = given
        return [held[place] for place in self.places]


def is_frame(raw: Any) -> bool:
    """Whether raw data are a data frame of pandas, polars or pyarrow."""
    if not (hasattr(raw, "columns") or hasattr(raw, "schema")):
        return False
    return hasattr(raw, "iloc") or isinstance(nw.from_native(raw, eager_only=True, pass_through=True), nw.DataFrame)


def read_steps(
    frame: Any,
    *,
    sequence: str | None = None,
    time: str | None = None,
    target: str | None = None,
    columns: Sequence[str] | None = None,
    symbols: bool = False,
) -> StepTable:
    """The sequences of a table.

    Parameters
    ----------
    frame : a data frame with a row a step.
    sequence : the column that says which sequence a row is of; None takes all rows as one sequence.
    time : the column that orders the rows of a sequence; None takes them as they stand.
    target : the column of what is to be said of each step; it may be absent where nothing is learned.
    columns : the columns of what is seen at a step; None takes all others, which must be numbers, or one of texts.
    symbols : whether the one column of whole numbers is of symbols.

    Raises
    ------
    DataError : a column that is not there, holes, texts among numbers, or two rows of one time; named by row.
    """
    frame = _pandas(frame)
    wanted = [name for name in (sequence, time, *(columns or ())) if name is not None]
    for name in wanted:
        if name not in frame.columns:
            raise DataError(f"the table has no column {name!r}; {did_you_mean(name, list(frame.columns))}")
    named = (sequence, time, target)
    seen = list(columns) if columns is not None else [name for name in frame.columns if name not in named]
    if not seen:
        raise DataError("the table has no column of what is seen at a step beside those that are named; add one")
    values = _seen(frame, seen, symbols=symbols)
    names, places = _grouped(frame, sequence)
    if time is not None:
        places = _in_order(frame, time, names, places)
    elif columns is None and values.ndim == 2:
        _warn_of_clocks(values, seen, places)
    answers = None
    if target is not None and target in frame.columns:
        held = np.asarray(frame[target])
        answers = [held[place] for place in places]
    return StepTable(SequenceList(values[place] for place in places), names, places, seen, answers)


def _pandas(frame: Any) -> Any:
    found = frame if hasattr(frame, "iloc") else nw.from_native(frame, eager_only=True).to_pandas()
    if not len(found):
        raise DataError("the table has no rows; give at least one step")
    found = found.set_axis([str(name) for name in found.columns], axis=1)
    twice = found.columns[found.columns.duplicated()]
    if len(twice):
        raise DataError(f"the table has two columns or more named {twice[0]!r}; rename or drop all but one")
    return found


def _seen(frame: Any, columns: list[str], *, symbols: bool) -> np.ndarray:
    """What is seen at each row: numbers (rows, columns), or symbols (rows,), whole numbers or strings."""
    from pandas.api.types import is_numeric_dtype

    gaps = frame[columns].isna().to_numpy()
    if gaps.any():
        row = int(gaps.any(1).argmax())
        raise DataError(
            f"row {row} of the table has no {columns[int(gaps[row].argmax())]!r}; fill it, or leave the row out (which "
            "makes neighbours of the steps about it)"
        )
    texts = [name for name in columns if not is_numeric_dtype(frame[name].dtype)]
    if texts and len(columns) == 1:
        held = frame[columns[0]]
        odd = next((i for i, value in enumerate(held) if not isinstance(value, str)), None)
        if odd is not None:
            raise DataError(f"row {odd} of {columns[0]!r} holds {held.iloc[odd]!r:.60}; give numbers, or strings alone")
        return np.asarray(held.tolist(), dtype=str)
    if texts:
        raise DataError(
            f"the column {texts[0]!r} holds {frame[texts[0]].iloc[0]!r:.60}, beside columns of numbers; leave it out, "
            "or name it by sequence=, time= or target="
        )
    values = np.stack([numbers_in(frame[name].to_numpy(), f"the column {name!r}") for name in columns], 1)
    if not symbols:
        return values
    if len(columns) > 1 or (values != np.floor(values)).any():
        raise DataError(f"symbols are one column of whole numbers or texts; got {', '.join(map(repr, columns))}")
    return values[:, 0].astype(np.int64)


def _grouped(frame: Any, sequence: str | None) -> tuple[list[Any], list[np.ndarray]]:
    """Names of the sequences in the order of their first rows, and the rows of each."""
    if sequence is None:
        return [""], [np.arange(len(frame))]
    ids = frame[sequence]
    gaps = ids.isna().to_numpy()
    if gaps.any():
        raise DataError(f"the column {sequence!r} names no sequence in row {int(gaps.argmax())}")
    codes, names = ids.factorize()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    return list(names), np.split(order, ends[:-1])


def _warn_of_clocks(values: np.ndarray, columns: list[str], places: list[np.ndarray]) -> None:
    """Warns of columns that go up by as much at every step of every sequence, and are taken for what is seen."""
    steps = [np.diff(values[place], axis=0) for place in places if len(place) > 1]
    if not steps or sum(map(len, steps)) < 3:
        return
    every = np.concatenate(steps)
    for name, rise in zip(columns, every.T, strict=True):
        if rise[0] > 0 and (rise == rise[0]).all():
            warnings.warn(
                f"the column {name!r} rises by {rise[0]:g} at every step, as a clock does, and is taken for what is "
                f"seen; say time={name!r}, or leave it out",
                DataWarning,
                stacklevel=5,
            )


def _in_order(frame: Any, time: str, names: list[Any], places: list[np.ndarray]) -> list[np.ndarray]:
    """The rows of each sequence by time; two rows of one time are refused."""
    stamps = np.asarray(stamps_of(frame[time], f"the column {time!r}")[0])
    found, moved = [], 0
    for name, place in zip(names, places, strict=True):
        order = place[np.argsort(stamps[place], kind="stable")]
        same = np.flatnonzero(stamps[order[1:]] == stamps[order[:-1]])
        if len(same):
            at = order[same[0] + 1]
            whose = f"sequence {name!r}" if len(names) > 1 else "the table"
            raise DataError(f"{whose} has two rows of {time} {frame[time].iloc[at]}, the second in row {at}; join them")
        moved += int((order != place).sum())
        found.append(order)
    if moved:
        warnings.warn(f"{moved} rows were not in the order of {time!r}; now they are", DataWarning, stacklevel=5)
    return found
