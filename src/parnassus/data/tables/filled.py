"""Tables whose holes were filled, in the form in which they were given."""

from typing import Any

import narwhals as nw
import numpy as np


def filled(X: Any, made: Any) -> Any:
    """A copy of X whose holes hold what was made; everything else, the types of columns too, is X's own.

    Whole numbers are filled with whole numbers: what was made, rounded.

    >>> filled([[1.0, None], [2.0, 3.0]], np.array([[9.0, 8.0], [9.0, 8.0]])).tolist()
    [[1.0, 8.0], [2.0, 3.0]]
    """
    if hasattr(X, "isna"):
        given = made if hasattr(made, "columns") else type(X)(made, columns=X.columns)
        return type(X)({c: _pandas_column(X[c], given[c].set_axis(X.index)) for c in X.columns}, index=X.index)
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        parts = [made[c].tolist() for c in made.columns] if hasattr(made, "columns") else np.asarray(made).T.tolist()
        named = zip(frame.columns, parts, strict=True)
        return frame.with_columns(*(_column(frame[name], values) for name, values in named)).to_native()
    own = np.array(X, dtype=np.float64) if not isinstance(X, np.ndarray) or X.dtype == object else X.copy()
    hole = np.isnan(own)
    own[hole] = np.asarray(made)[hole]
    return own


def _pandas_column(own: Any, made: Any) -> Any:
    """One column of pandas."""
    from pandas.api.types import is_integer_dtype

    return own.where(own.notna(), made.round().astype(own.dtype) if is_integer_dtype(own.dtype) else made)


def _column(own: nw.Series, values: list[Any]) -> nw.Series:
    """One column of polars or pyarrow."""
    if own.dtype.is_integer():
        values = [round(value) for value in values]
    there = ~own.is_null()
    if own.dtype.is_float():
        there = there & ~own.is_nan()
    made = nw.new_series(own.name, values, backend=own.implementation).cast(own.dtype)
    return own.zip_with(there.fill_null(value=False), made)
