"""What users give as y, as plain NumPy arrays: any container, one type, nothing missing, nothing to broadcast."""

import decimal
import numbers
import warnings
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import DataError

SHOWN = 10


def shown(values: Any) -> str:
    """The first few values, as a message shows them."""
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    more = f", ... ({len(values)} in all)" if len(values) > SHOWN else ""
    return "[" + ", ".join(map(repr, values[:SHOWN])) + more + "]"


def answer_array(raw: Any) -> np.ndarray:
    """y as an array of one plain type: lists, Series, frames, tensors and sparse matrices alike."""
    if raw is None:
        raise DataError("this estimator requires y to be passed, but the target y is None; give one answer a row")
    if isinstance(raw, Tensor):
        raw = raw.numpy(force=True)
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    try:
        y = np.asarray(raw)
    except ValueError as error:
        raise DataError(
            f"y cannot be read as one array ({error}); give one answer a row, all of the same length"
        ) from error
    if y.dtype.kind in "USO" and isinstance(raw, list | tuple):
        y = np.asarray(raw, dtype=object)  # NumPy would turn [1, "a", nan] into text without a word
        return settled(y, text=np.str_)
    if not y.ndim:
        raise DataError(f"y should be a 1d array, got a single {type(raw).__name__} instead; give one answer a row")
    if y.dtype.kind == "c":
        raise DataError(
            "Complex data not supported: y holds complex numbers; give the real part, the modulus or labels"
        )
    return settled(y) if y.dtype.kind == "O" else y


def refuse_kinds(y: np.ndarray) -> None:
    """Refuses columns of answers of which some are texts all through and others numbers all through."""
    if y.ndim != 2 or y.shape[1] < 2:
        return
    texts = [all(isinstance(v, str) for v in y[:, j]) for j in range(y.shape[1])]
    counts = [all(isinstance(v, numbers.Number) for v in y[:, j]) for j in range(y.shape[1])]
    if any(texts) and any(counts) and all(a or b for a, b in zip(texts, counts, strict=True)):
        raise DataError(
            f"column {texts.index(True)} of y holds texts and column {counts.index(True)} numbers: one net answers one "
            "kind; fit a Classifier on the one and a Regressor on the other, or one Regressor on numbers alone, the "
            "classes as indicators: pd.get_dummies(y, dtype=float)"
        )


def settled(y: np.ndarray, text: type = object) -> np.ndarray:
    """An object array in the one type its values share; `text` is how strings are then held."""
    types = {type(v) for v in y.flat}
    if all(issubclass(t, str) for t in types):
        return y.astype(text) if types else y.astype(np.float64)
    refuse_missing(y)
    for base, dtype in ((bool | np.bool_, bool), (numbers.Integral, np.int64), (numbers.Real, np.float64)):
        if all(issubclass(t, base) for t in types):
            try:
                return y.astype(dtype)
            except OverflowError as error:
                raise DataError(f"y holds integers beyond 64 bits ({error}); give them as strings") from error
    first = type(y.flat[0])
    row = next((i for i, v in enumerate(y.flat) if type(v) is not first), 0)
    if row:
        refuse_kinds(y)
        raise DataError(
            f"Unknown label type: mixed. y mixes {first.__name__} (row 0: {y.flat[0]!r}) with "
            f"{type(y.flat[row]).__name__} (row {row}: {y.flat[row]!r}); give one type, "
            "for example [str(v) for v in y]"
        )
    raise DataError(
        f"Unknown label type: unknown. y holds {first.__name__} (row 0: {y.flat[0]!r}); "
        "give strings, integers, booleans or numbers"
    )


def is_gap(value: Any) -> bool:
    """Whether one Python value says that there is none: None, NaN, pandas.NA, NaT, what a mask hides."""
    if isinstance(value, decimal.Decimal):
        return value.is_nan()  # a signalling NaN cannot even be compared
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return value is np.ma.masked or (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def refuse_missing(y: np.ndarray) -> None:
    """Refuses NaN, infinity, None and NaT, naming the row."""
    if y.dtype.kind == "O":
        bad = np.array([is_gap(v) for v in y.flat], dtype=bool)
    elif y.dtype.kind in "mM":
        bad = np.isnat(y).ravel()
    elif y.dtype.kind == "f":
        bad = ~np.isfinite(y).ravel()
    else:
        return
    if not bad.any():
        return
    at = int(bad.argmax())
    infinite = y.dtype.kind == "f" and np.isinf(y.flat[at])
    what = f"infinity or a value too large for dtype('{y.dtype}')" if infinite else "NaN"
    where = f"row {at // (y.shape[1] if y.ndim > 1 else 1)}" + (f", column {at % y.shape[1]}" if y.ndim > 1 else "")
    raise DataError(
        f"Input y contains {what}. {int(bad.sum())} answers are missing or not finite, first {where} "
        f"({y.flat[at]!s}); leave these rows out of X and y, or fill them in"
    )


def is_label_lists(y: Any) -> bool:
    """Whether each row of y is a list, tuple or set of labels (and not a matrix of 0 and 1 written as lists)."""
    if isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1:
        y = y.tolist()
    if not isinstance(y, Sequence) or isinstance(y, str | bytes) or not len(y):
        return False
    if not all(isinstance(row, list | tuple | Set) for row in y):
        return False
    if any(isinstance(row, Set) for row in y):
        return True
    lengths = {len(row) for row in y}
    if len(lengths) > 1 or lengths == {0}:
        return True
    flat = [v for row in y for v in row]
    return any(isinstance(v, str) for v in flat)


def label_lists(y: Any) -> list[list]:
    """Each row's labels as a list; strings, integers or booleans."""
    return [list(row) for row in y]


def is_indicator(y: Any) -> bool:
    """Whether y is a matrix of 0 and 1 with more than one column."""
    if isinstance(y, list | tuple) and not (len(y) and isinstance(y[0], list | tuple | np.ndarray)):
        return False
    if not hasattr(y, "shape") and not isinstance(y, list | tuple):
        return False
    if hasattr(y, "shape") and (len(y.shape) != 2 or y.shape[1] < 2 or y.shape[0] < 2):
        return False
    array = answer_array(y)
    return array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf" and bool(np.isin(array, (0, 1)).all())


def label_array(raw: Any) -> np.ndarray:
    """Labels (rows,), checked: no probabilities, no continuous numbers, nothing missing, nothing to broadcast."""
    if is_label_lists(raw):
        raise DataError("y holds a list or set of labels in each row; for more than one label a row use Multilabel")
    y = column(answer_array(raw), "labels")
    refuse_missing(y)
    if y.dtype.kind in "mMV":
        raise DataError(
            f"y is of type {y.dtype}; labels are strings, integers or booleans: turn them into strings first"
        )
    if y.dtype.kind == "f" and (y != np.trunc(y)).any():
        row = int((y != np.trunc(y)).argmax())
        raise DataError(
            f"Unknown label type: continuous. Row {row} of y is {y[row]!s}, and labels "
            f"are strings, integers or booleans; "
            "to predict quantities use Regressor; if y holds probabilities give labels, (y > 0.5).astype(int)"
        )
    return y


def column(y: np.ndarray, what: str) -> np.ndarray:
    """y as (rows,); a single column is accepted with scikit-learn's warning, any other shape is refused."""
    if y.ndim == 1:
        return y
    if y.ndim == 2 and y.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning  # scikit-learn takes a second to import

        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        return y[:, 0]
    message = f"y should be a 1d array, got an array of shape {y.shape} instead: one of the {what} a row is due; "
    if y.ndim == 2 and len(y) == 1:
        raise DataError(message + "give y.ravel(), which has one entry a row")
    if y.ndim == 2 and y.dtype.kind == "f" and np.isfinite(y).all() and not np.isin(y, (0, 1)).all():
        called = "probabilities" if (y >= 0).all() and np.allclose(y.sum(1), 1, atol=1e-3) else "scores or logits"
        raise DataError(message + f"y looks like {called}: give the classes, y.argmax(1)")
    raise DataError(
        message + "for one-hot rows give y.argmax(1); for several labels a row lists of them, np.asarray(y).tolist()"
    )


def indicator_matrix(raw: Any) -> np.ndarray:
    """0 and 1 (rows, L), or a refusal that names the row and column."""
    y = answer_array(raw)
    if y.ndim != 2:
        raise DataError(
            f"y has shape {y.shape}; several labels a row are lists of labels, or 0 and 1 of shape (rows, labels)"
        )
    refuse_missing(y)
    wrong = ~np.isin(y, (0, 1))
    if wrong.any():
        row, at = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"row {row}, column {at} of y is {y[row, at]!s}; an indicator holds 0 and 1: for probabilities or "
            "logits give labels, (probability > 0.5).astype(int)"
        )
    return y


def number_array(raw: Any) -> np.ndarray:
    """Quantities (rows,) or (rows, m), float64, checked: finite numbers, none missing, no text; maybe raw itself."""
    y = answer_array(raw)
    if y.ndim not in (1, 2) or (y.ndim == 2 and not y.shape[1]):
        raise DataError(f"y has shape {y.shape}; quantities are (rows,) or (rows, outputs)")
    refuse_missing(y)
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"row 0 of y is {next(iter(y.ravel()[:1].tolist()), '')!r}; a regressor predicts numbers, and y is of type "
            f"{y.dtype}: give y.astype(float), or use Classifier for labels"
        )
    return y.astype(np.float64, copy=False)
