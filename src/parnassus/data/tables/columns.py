"""Raw tables as columns of NumPy arrays, and what kind of thing each column holds.

Any container goes in (arrays, lists, tensors, pandas, polars and pyarrow through narwhals); a `Frame` comes out.
"""

import datetime
import decimal
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import DataError
from ..answers import is_gap, shown


class CellError(DataError, TypeError):
    """A cell holds a thing that no column can hold: a dict, an image, a function."""


@dataclass
class Frame:
    """Columns side by side: one matrix of numbers, or an array a column."""

    n_rows: int
    columns: np.ndarray | list[np.ndarray]
    names: list[str] | None = None
    levels: dict[int, list] = field(default_factory=dict)  # ordered categories, first to last

    @property
    def n_columns(self) -> int:
        return self.columns.shape[1] if isinstance(self.columns, np.ndarray) else len(self.columns)

    def column(self, j: int) -> np.ndarray:
        return self.columns[:, j] if isinstance(self.columns, np.ndarray) else self.columns[j]

    def part(self, start: int, stop: int) -> "Frame":
        """Some rows, without a copy."""
        if isinstance(self.columns, np.ndarray):
            return Frame(min(stop, self.n_rows) - start, self.columns[start:stop], self.names, self.levels)
        return Frame(min(stop, self.n_rows) - start, [c[start:stop] for c in self.columns], self.names, self.levels)

    def blocks(self, n_rows: int) -> Iterator["Frame"]:
        """The rows in order, at most n_rows at a time."""
        for start in range(0, self.n_rows, n_rows):
            yield self.part(start, start + n_rows)


def read_frame(raw: Any) -> Frame:
    """Any table as a Frame; what is no table is refused."""
    if isinstance(raw, Frame):
        return raw
    if hasattr(raw, "toarray") and hasattr(raw, "nnz"):
        raise DataError("X is sparse data, and Sparse data is not supported; give X.toarray(), if it fits in memory")
    if isinstance(raw, Tensor):
        raw = raw.numpy(force=True)
    if isinstance(raw, list | tuple):
        return read_lists(raw)
    if not isinstance(raw, np.ndarray) and (hasattr(type(raw), "columns") or hasattr(type(raw), "schema")):
        return read_native(raw)
    if not isinstance(raw, np.ndarray):
        raw = np.asarray(raw)
    return read_array(raw)


def read_array(x: np.ndarray) -> Frame:
    """A 2-D array as a Frame: numbers stay one matrix, anything else becomes a column each."""
    if x.ndim != 2:
        raise DataError(
            f"Expected 2D array, got {x.ndim}D array instead: X has shape {x.shape}, and a table is (rows, columns). "
            "Reshape your data either using X.reshape(-1, 1) if it has a single column or X.reshape(1, -1) if it is "
            "a single row"
        )
    if not x.shape[1]:
        raise DataError(
            f"X has 0 feature(s) (shape={x.shape}) while a minimum of 1 is required; give at least one column"
        )
    if x.dtype.kind == "c":
        raise DataError(
            "Complex data not supported: X holds complex numbers; give real and imaginary parts as two columns"
        )
    if x.dtype.kind in "biuf":
        return Frame(len(x), x)
    if x.dtype.names:
        raise DataError(f"X is a structured array with the fields {', '.join(x.dtype.names)}; give pandas.DataFrame(X)")
    return Frame(len(x), [x[:, j] for j in range(x.shape[1])])


def read_lists(rows: Sequence) -> Frame:
    """A list of rows (lists, tuples, arrays) or of records (dicts) as a Frame."""
    if len(rows) and isinstance(rows[0], dict):
        import pandas as pd

        try:
            frame = pd.DataFrame(list(rows))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"X cannot be read as a list of records ({error}); give dicts of the same keys") from error
        return read_native(frame)
    widths = [
        len(row) if isinstance(row, Sequence | np.ndarray | Tensor) and not isinstance(row, str) else None
        for row in rows
    ]
    for i, width in enumerate(widths):
        if width != widths[0]:
            raise DataError(
                f"row {i} of X has {width if width is not None else 'no'} entries, and row 0 has {widths[0]}; "
                "give every row the same columns, or, of series, arrays (time, columns)"
            )
    try:
        if isinstance(rows[0] if len(rows) else None, Tensor):
            rows = [row.numpy(force=True) if isinstance(row, Tensor) else row for row in rows]
        x = np.asarray(rows)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"X cannot be read as a table of rows and columns ({error}); give a list of equally long rows"
        ) from error
    if x.dtype.kind in "USO" and x.ndim == 2:
        x = np.asarray(rows, dtype=object)  # NumPy would turn [1, "a"] into text without a word
    return read_array(x)


def only_column(raw: Any) -> list[Any] | None:
    """The values of a data frame's single column; None for what has several, or is no frame."""
    import narwhals as nw

    names: Any = getattr(raw, "column_names", None) or getattr(raw, "columns", ())  # pyarrow's `columns` are its data
    if len(names) != 1:
        return None
    held = nw.from_native(raw, eager_only=True, pass_through=True)
    return held[held.columns[0]].to_list() if isinstance(held, nw.DataFrame) else None


def read_native(raw: Any) -> Frame:
    """A pandas, polars or pyarrow table as a Frame; a pandas index is never a column."""
    import narwhals as nw

    try:
        frame: Any = nw.from_native(raw, eager_only=True)
        schema = frame.schema
    except (TypeError, ValueError) as error:
        raise DataError(
            f"X is a {type(raw).__name__} that cannot be read as a table ({error}); give a table with one name "
            "a column, for example polars.LazyFrame.collect() of a lazy one"
        ) from error
    labels = list(schema)
    if not labels:
        raise DataError(
            f"X has 0 feature(s) (shape={tuple(raw.shape)}) while a minimum of 1 is required; give at least one column"
        )
    columns, levels = [], {}
    for j, dtype in enumerate(schema.values()):
        series = frame[:, j]
        if dtype == nw.Enum:
            levels[j] = list(dtype.categories)
        columns.append(read_series(series, dtype))
    named = all(isinstance(label, str) for label in labels)
    return Frame(len(frame), columns, labels if named else None, levels)


def read_series(series: Any, dtype: Any) -> np.ndarray:
    """One narwhals column as an array: wall-clock dates, NaN for missing numbers, objects for the rest."""
    import narwhals as nw

    if dtype == nw.Datetime and dtype.time_zone:
        series = series.dt.replace_time_zone(None)
    elif dtype == nw.Decimal:
        series = series.cast(nw.Float64)
    array = np.asarray(series.to_numpy())
    if array.ndim != 1:
        return np.array([None] * len(array) if not array.size else list(array), dtype=object)
    return array


def is_missing(column: np.ndarray) -> np.ndarray:
    """Where a column has no value: NaN, None, NaT, pandas.NA."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype.kind != "O":
        return np.zeros(len(column), dtype=bool)
    import pandas as pd

    try:
        return np.asarray(pd.isna(column))
    except decimal.InvalidOperation:
        return np.array([is_gap(v) for v in column], dtype=bool)


FIRST = 64  # rows that are looked at at a time
WIDEST = 2.0**53  # beyond which every float is whole


def are_whole(matrix: np.ndarray) -> np.ndarray:
    """Whether each column of floats (rows, columns) holds whole numbers, missing ones apart (columns,)."""
    whole, seen = np.ones(matrix.shape[1], dtype=bool), np.zeros(matrix.shape[1], dtype=bool)
    for start in range(0, len(matrix), FIRST):
        part = matrix[start : start + FIRST]
        seen |= (part == part).any(0)
        with np.errstate(invalid="ignore"):
            whole &= ~(np.abs(part - np.rint(part)) > 0).any(0)
        if not whole.any():
            break
    return whole & seen


def is_whole(column: np.ndarray) -> bool:
    """Whether a column holds whole numbers, missing ones apart.

    >>> is_whole(np.array([3.0, np.nan, 7.0])), is_whole(np.array([3.0, 0.5]))
    (True, False)
    """
    if column.dtype.kind in "iu":
        return True
    if column.dtype.kind == "O":
        return all(isinstance(v, numbers.Integral) or is_gap(v) for v in column.tolist())
    return column.dtype.kind == "f" and bool(are_whole(column[:, None])[0])


def kind_of(column: np.ndarray, where: str, start: int = 0, *, ordered: bool = False) -> str | None:
    """What a column holds: number, boolean, category, ordered or date; None where every value is missing."""
    if ordered:
        return "ordered"
    by_dtype = {
        "b": "boolean",
        "i": "number",
        "u": "number",
        "f": "number",
        "m": "number",
        "M": "date",
        "U": "category",
        "S": "category",
    }
    if column.dtype.kind in by_dtype:
        return by_dtype[column.dtype.kind]
    if column.dtype.kind == "c":
        raise DataError(f"Complex data not supported: {where} holds complex numbers")
    missing = is_missing(column)
    kinds = {cell_kind(t): t for t in {type(v) for v in column[~missing]}}
    if None in kinds:
        row = next(i for i, v in enumerate(column) if not missing[i] and cell_kind(type(v)) is None)
        raise CellError(
            f"row {start + row}, {where} holds a {type(column[row]).__name__}; a cell argument must be a string or a "
            "number, a boolean or a date: turn it into columns of these, or leave it out"
        )
    if len(kinds) <= 1:
        return next(iter(kinds), None)
    if set(kinds) == {"boolean", "number"}:
        return "number"
    refuse_mixture(column, missing, where, start)
    raise AssertionError("a mixture was found and not refused")


def refuse_mixture(column: np.ndarray, missing: np.ndarray, where: str, start: int) -> None:
    """Names the first cell of the rarer kind."""
    kinds = np.array(["missing" if m else str(cell_kind(type(v))) for v, m in zip(column, missing, strict=True)])
    names, counts = np.unique(kinds[~missing], return_counts=True)
    rare, usual = names[counts.argmin()], names[counts.argmax()] if counts.max() > counts.min() else names[-1]
    row = int((kinds == rare).argmax())
    raise DataError(
        f"{where} mixes kinds: row {start + row} holds {column[row]!r} (a {rare}) where {counts.max()} others hold "
        f"a {usual}; mend "
        f"these cells ({int((kinds == rare).sum())} in all), mark them as missing, "
        f"or turn the whole column into strings"
    )


def cell_kind(cell: type) -> str | None:
    """The kind of one Python value's type."""
    if issubclass(cell, bool | np.bool_):
        return "boolean"
    if issubclass(cell, numbers.Real | decimal.Decimal):
        return "number"
    if issubclass(cell, str | bytes):
        return "category"
    if issubclass(cell, datetime.date | np.datetime64):
        return "date"
    return "number" if issubclass(cell, datetime.timedelta | np.timedelta64) else None


def as_texts(column: np.ndarray) -> np.ndarray:
    """Numbers as the texts that a file would have held: 7 and 7.0 as "7", NaN as missing."""
    values = [
        None if v != v else str(int(v)) if float(v).is_integer() else str(v)  # NaN is the one that differs from itself
        for v in column.tolist()
    ]
    return np.array(values, dtype=object)


def numbers_of(column: np.ndarray, where: str, start: int = 0) -> np.ndarray:
    """A column of numbers or booleans as float64 with NaN for missing; text is refused with its row named."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind == "m":
        return np.where(np.isnat(column), np.nan, column / np.timedelta64(1, "D"))
    missing = is_missing(column)
    for row in range(len(column)) if column.dtype.kind in "OUSM" else ():
        if not missing[row] and cell_kind(type(column[row])) not in ("number", "boolean"):
            raise DataError(
                f"row {start + row}, {where} holds {column[row]!r} where numbers are due; mend the cell, or give the "
                "column as numbers, X[column].astype(float)"
            )
    days = np.timedelta64(1, "D")
    values = [
        np.nan
        if m
        else v / days
        if isinstance(v, np.timedelta64)
        else v.total_seconds() / 86400
        if isinstance(v, datetime.timedelta)
        else float(v)
        for v, m in zip(column, missing, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def dates_of(column: np.ndarray, where: str, start: int = 0) -> np.ndarray:
    """A column of dates as datetime64[us], wall-clock time; anything else is refused."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    missing = is_missing(column)
    for row, value in enumerate(column):
        if not missing[row] and cell_kind(type(value)) != "date":
            raise DataError(
                f"row {start + row}, {where} holds {value!r} where dates are due; give the column as dates, "
                "for example pandas.to_datetime(X[column])"
            )
    values = [
        np.datetime64("NaT") if m else np.datetime64(v.replace(tzinfo=None) if isinstance(v, datetime.datetime) else v)
        for v, m in zip(column, missing, strict=True)
    ]
    return np.array(values, dtype="datetime64[us]")


def categories_of(column: np.ndarray, where: str, kinds: set[str], start: int = 0) -> np.ndarray:
    """A column of categories as objects with None for missing; what is no such category is refused by its type."""
    missing = is_missing(column)
    values = column.astype(object)
    found = {type(v) for v in values[~missing]}
    if any(plain_kind(t) not in kinds for t in found):
        row = next(i for i, v in enumerate(values) if not missing[i] and plain_kind(type(v)) not in kinds)
        raise DataError(
            f"row {start + row}, {where} holds {values[row]!r}, a {type(values[row]).__name__}; "
            f"fit saw categories of type "
            f"{', '.join(sorted(kinds))}: give the column in that type, X[column].astype({min(kinds)})"
        )
    if any(t not in (str, int, float, bool) for t in found):
        values = np.array([plain(v) for v in values], dtype=object)
    values[missing] = None
    return values


def plain_kind(cell: type) -> str:
    """The JSON type in which a category is remembered."""
    for name, base in (
        ("bool", bool | np.bool_),
        ("int", numbers.Integral),
        ("float", numbers.Real),
        ("str", str | bytes),
    ):
        if issubclass(cell, base):
            return name
    return cell.__name__


def plain(value: Any) -> Any:
    """One category as a JSON value."""
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def refuse_names(given: list[str], known: list[str]) -> None:
    """Refuses columns that are missing, unknown or in another order, in scikit-learn's words and with a remedy."""
    if given == known:
        return
    unseen, lost = sorted(set(given) - set(known)), sorted(set(known) - set(given))
    message = "The feature names should match those that were passed during fit.\n"
    if unseen:
        message += "Feature names unseen at fit time:\n" + listed(unseen)
    if lost:
        message += "Feature names seen at fit time, yet now missing:\n" + listed(lost)
    if not unseen and not lost:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise DataError(
        message + f"Give the columns {shown(known)}, in this order: X[{'names' if len(known) > 10 else known!r}]"
    )


def listed(names: list[str]) -> str:
    """Names on lines of their own, five at most."""
    return "".join(f"- {name}\n" for name in names[:5]) + ("- ...\n" if len(names) > 5 else "")
