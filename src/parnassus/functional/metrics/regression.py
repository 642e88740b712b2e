"""Metrics of predicted numbers against true ones, for one output (n,) or several (n, m)."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError, DataWarning
from .inputs import Floats, paired, row_weights

MultiOutput = Literal["uniform_average", "raw_values"]


def mse(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The mean squared error (no factor 1/2), averaged over outputs or one number each ("raw_values").

    Source: Baker, section 2.3.5 (1:A020); Martinez-Ramon et al., section 3.5.6.

    Systems: regression-metrics

    >>> mse([3, -0.5, 2, 7], [2.5, 0, 2, 8])
    0.375
    """
    true, pred = _numbers(y_true, y_pred)
    return _over_outputs(_row_mean((true - pred) ** 2, sample_weight), multioutput)


def rmse(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The root of the mean squared error, in the units of y; for several outputs the mean of their roots.

    Systems: regression-metrics
    """
    true, pred = _numbers(y_true, y_pred)
    return _over_outputs(np.sqrt(_row_mean((true - pred) ** 2, sample_weight)), multioutput)


def mae(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The mean absolute error, in the units of y; a single far-off row moves it less than the squared error.

    Source: Baker, section 2.3.5 (1:A021).

    Systems: regression-metrics

    >>> mae([3, -0.5, 2, 7], [2.5, 0, 2, 8])
    0.5
    """
    true, pred = _numbers(y_true, y_pred)
    return _over_outputs(_row_mean(np.abs(true - pred), sample_weight), multioutput)


def mape(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The mean of |y - yhat| / |y| as a fraction (times 100 for percent), over the rows where y is not 0.

    It is undefined where y is 0: such entries are left out, and a DataWarning says how many. Does not change with the
    scale of y, but grows without limit as y nears 0.

    Source: Baker, section 2.3.5 (1:A022), who calls it sensitive to the scale: it is free of scale (F30, B27).

    Systems: regression-metrics

    >>> round(100 * mape([3, -0.5, 2, 7], [2.5, 0, 2, 8]), 4)
    32.7381
    """
    true, pred = _numbers(y_true, y_pred)
    zero = true == 0
    if zero.all(0).any():
        raise DataError("MAPE divides by y, and y is 0 in every row; use the mean absolute error")
    if zero.any():
        left_out = f"MAPE leaves out {int(zero.sum())} of {zero.size} values where y is 0"
        warnings.warn(left_out, DataWarning, stacklevel=2)
    weight = row_weights(sample_weight, len(true))[:, None] * ~zero
    ratio = np.divide(np.abs(true - pred), np.abs(true), out=np.zeros_like(true), where=~zero)
    return _over_outputs((weight * ratio).sum(0) / weight.sum(0), multioutput)


def msle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The mean of (log(1 + y) - log(1 + yhat))^2; too low is punished more than too high by the same amount.

    Values of -1 and less have no logarithm and are refused.

    Source: Baker, section 2.3.5 (1:A023).

    Systems: regression-metrics
    """
    true, pred = _numbers(y_true, y_pred)
    for name, values in (("y_true", true), ("y_pred", pred)):
        if (values <= -1).any():
            row = int((values <= -1).any(1).argmax())
            raise DataError(f"{name} is {values[row].min():g} in row {row}; log(1 + y) needs values above -1")
    return _over_outputs(_row_mean((np.log1p(true) - np.log1p(pred)) ** 2, sample_weight), multioutput)


def r2(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: MultiOutput = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """1 - sum (y - yhat)^2 / sum (y - mean y)^2: 1 is perfect, 0 what the mean of these rows reaches.

    Where y is constant it is 1 for a perfect prediction and 0 for any other, as in scikit-learn.

    Systems: regression-metrics
    """
    true, pred = _numbers(y_true, y_pred)
    weight = row_weights(sample_weight, len(true))
    residual = _row_mean((true - pred) ** 2, weight)
    spread = _row_mean((true - np.average(true, axis=0, weights=weight)) ** 2, weight)
    ratio = np.divide(residual, spread, out=(residual > 0).astype(np.float64), where=spread > 0)
    return _over_outputs(1 - ratio, multioutput)


def _numbers(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    true, pred = paired(y_true, y_pred)
    if true.ndim > 2:
        raise DataError(f"y_true has shape {true.shape}; expected (n,) or (n, n_outputs)")
    true, pred = (a.astype(np.float64, copy=False).reshape(len(a), -1) for a in (true, pred))
    return true, pred


def _row_mean(values: Floats, sample_weight: ArrayLike | None) -> Floats:
    if sample_weight is None:
        return values.mean(0)
    return np.average(values, axis=0, weights=row_weights(sample_weight, len(values)))


def _over_outputs(values: Floats, multioutput: MultiOutput) -> float | Floats:
    return values if multioutput == "raw_values" else float(values.mean())
