"""How good forecasts are: scaled and percentage errors, and scores of distributions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from ..metrics.inputs import paired
from .windows import at_least, series_of

Floats = NDArray[np.float64]


def naive_scale(train: ArrayLike, *, season: int = 1) -> float:
    """The mean absolute error of seasonal naive inside the training series: mean |y[t] - y[t - m]|.

    Source: Hyndman and Koehler 2006.

    >>> naive_scale([1.0, 3.0, 2.0])
    1.5
    """
    m = at_least("season", season)
    values = series_of(train, m + 1, "train")
    return float(np.abs(values[m:] - values[:-m]).mean())


def mase(y_true: ArrayLike, y_pred: ArrayLike, *, train: ArrayLike, season: int = 1) -> float:
    """The mean absolute error in units of `naive_scale` of the training series; below 1 beats it on average.

    A training series that repeats itself exactly has no scale, and is refused.

    Source: Hyndman and Koehler 2006.

    >>> mase([3.0, 4.0], [3.0, 5.0], train=[1.0, 2.0, 3.0])
    0.5
    """
    true, said = _numbers(y_true, y_pred)
    scale = naive_scale(train, season=season)
    if not scale > 0:
        raise DataError(f"train repeats itself every {season} steps, so that errors have no scale; use the plain error")
    return float(np.abs(true - said).mean() / scale)


def smape(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """mean of 2 |y - f| / (|y| + |f|), a fraction from 0 to 2; 0 where both are 0.

    Source: Makridakis 1993 (here not in percent).

    >>> round(smape([100.0, 0.0], [50.0, 0.0]), 4)
    0.3333
    """
    true, said = _numbers(y_true, y_pred)
    size = np.abs(true) + np.abs(said)
    return float(np.divide(2 * np.abs(true - said), size, out=np.zeros_like(size), where=size > 0).mean())


def guarded_mape(y_true: ArrayLike, y_pred: ArrayLike, *, floor: float = 0.0) -> float:
    """mean of |y - f| / |y| over the steps where |y| > floor; NaN where there are none, and never infinite.

    >>> guarded_mape([0.0, 100.0], [5.0, 90.0])
    0.1
    """
    true, said = _numbers(y_true, y_pred)
    kept = np.abs(true) > floor
    return float((np.abs(true - said)[kept] / np.abs(true)[kept]).mean()) if kept.any() else float("nan")


def pinball_score(y_true: ArrayLike, quantiles: ArrayLike, *, levels: ArrayLike) -> Floats:
    """The mean pinball loss of each level (levels,): y (n,), quantiles (n, levels). Half the absolute error at 1/2.

    Source: Koenker and Bassett 1978.

    >>> pinball_score([1.0], [[0.0, 3.0]], levels=[0.9, 0.9]).round(3).tolist()
    [0.9, 0.2]
    """
    true, said = np.asarray(y_true, dtype=np.float64), np.asarray(quantiles, dtype=np.float64)
    q = np.asarray(levels, dtype=np.float64)
    if said.shape != (*true.shape, len(q)):
        raise DataError(
            f"quantiles are {(*true.shape, len(q))} for y {true.shape} and {len(q)} levels; got {said.shape}"
        )
    error = true[..., None] - said
    return np.maximum(q * error, (q - 1) * error).reshape(-1, len(q)).mean(0)


def crps_gaussian(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike) -> Floats:
    """The continuous ranked probability score of a Gaussian, for each value.

    s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) with z = (y - mean) / s.

    In the units of y; 0 is perfect, and for std = 0 it is the absolute error.

    Source: Gneiting and Raftery 2007, eq. 21.

    >>> crps_gaussian([0.0], [0.0], [1.0]).round(4).tolist()
    [0.2337]
    """
    from scipy.special import ndtr

    true, centre, s = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (y_true, mean, std)))
    if (s < 0).any():
        raise DataError("std holds numbers below 0; give standard deviations")
    z = np.divide(true - centre, s, out=np.zeros_like(s), where=s > 0)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    score = s * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    return np.where(s > 0, score, np.abs(true - centre))


def crps_samples(y_true: ArrayLike, samples: ArrayLike) -> Floats:
    """CRPS of drawn forecasts (draws, ...) for each value: mean |x - y| - mean |x - x'| / 2, in n log n by sorting.

    Source: Gneiting and Raftery 2007, eq. 20, of the empirical distribution.

    >>> crps_samples([1.0], [[0.0], [2.0]]).tolist()
    [0.5]
    """
    true, drawn = np.asarray(y_true, dtype=np.float64), np.sort(np.asarray(samples, dtype=np.float64), 0)
    if drawn.shape[1:] != true.shape or not len(drawn):
        raise DataError(f"samples are (draws, *{true.shape}); got {drawn.shape}")
    n = len(drawn)
    rank = (2 * np.arange(1, n + 1) - n - 1).reshape(-1, *[1] * true.ndim)
    return np.abs(drawn - true).mean(0) - (rank * drawn).sum(0) / n**2


def coverage(y_true: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """The share of values inside their interval, ends included.

    >>> coverage([1.0, 5.0], [0.0, 0.0], [2.0, 2.0])
    0.5
    """
    true, least = _numbers(y_true, low)
    _, most = _numbers(y_true, high)
    return float(((least <= true) & (true <= most)).mean())


def _numbers(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Floats, Floats]:
    true, said = paired(y_true, y_pred)
    true, said = np.asarray(true, dtype=np.float64), np.asarray(said, dtype=np.float64)
    if true.shape != said.shape:
        raise DataError(f"y_true is {true.shape} and y_pred {said.shape}; give one forecast for each value")
    if not np.isfinite(true).all() or not np.isfinite(said).all():
        raise DataError("a score needs finite numbers; look for NaN in the true values and the forecasts")
    return true, said
