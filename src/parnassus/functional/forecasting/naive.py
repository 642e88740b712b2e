"""The benchmarks that every forecast must beat: last value, last season, drift, mean."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .windows import at_least, series_of


class Spread(NamedTuple):
    """A forecast (horizon,) and its standard deviation at each step (horizon,), errors being independent."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def naive(y: ArrayLike, horizon: int) -> Spread:
    """The last value, again and again: f[h] = y[T], std[h] = s sqrt(h), s^2 the mean square of the steps y[t] - y[t-1].

    Systems: naive-forecasts
    Source: Baker A160; Hyndman and Athanasopoulos, Forecasting 5.2 and 5.5.

    >>> naive([1.0, 2.0, 4.0], 2).mean.tolist()
    [4.0, 4.0]
    """
    values, h = series_of(y, 2), at_least("horizon", horizon)
    s = np.sqrt(np.square(np.diff(values)).mean())
    return Spread(np.full(h, values[-1]), s * np.sqrt(np.arange(1, h + 1)))


def seasonal_naive(y: ArrayLike, horizon: int, *, season: int) -> Spread:
    """The value one season back: f[h] = y[T + h - m k], k the fewest seasons that reach the past; std[h] = s sqrt(k).

    m = 1 is `naive`. s^2 is the mean square of y[t] - y[t-m].

    Systems: naive-forecasts
    Source: Baker A160 (y[t-m]), Martinez-Ramon 5.7.1; Hyndman and Athanasopoulos 5.2 and 5.5.

    >>> seasonal_naive([10, 20, 30, 40], 5, season=4).mean.tolist()
    [10.0, 20.0, 30.0, 40.0, 10.0]
    """
    m, h = at_least("season", season), at_least("horizon", horizon)
    values = series_of(y, m)
    ahead = np.arange(h)
    changes = values[m:] - values[:-m]
    s = np.sqrt(np.square(changes).mean()) if len(changes) else np.nan
    return Spread(values[len(values) - m + ahead % m], s * np.sqrt(ahead // m + 1))


def drift(y: ArrayLike, horizon: int) -> Spread:
    """The straight line through the first and the last value: f[h] = y[T] + h (y[T] - y[1]) / (T - 1).

    std[h] = s sqrt(h (1 + h / (T - 1))), s^2 the variance of the steps around the drift.

    Systems: naive-forecasts
    Source: Hyndman and Athanasopoulos 5.2 and 5.5.

    >>> drift([1.0, 2.0, 5.0], 2).mean.tolist()
    [7.0, 9.0]
    """
    values, h = series_of(y, 2), at_least("horizon", horizon)
    n, ahead = len(values) - 1, np.arange(1, h + 1)
    steps = np.diff(values)
    slope = (values[-1] - values[0]) / n
    s = np.sqrt(np.square(steps - slope).sum() / max(n - 1, 1))
    return Spread(values[-1] + ahead * slope, s * np.sqrt(ahead * (1 + ahead / n)))


def mean(y: ArrayLike, horizon: int) -> Spread:
    """All values averaged: f[h] = (y[1] + ... + y[T]) / T, std[h] = s sqrt(1 + 1 / T), s^2 the variance (T - 1 below).

    Systems: naive-forecasts
    Source: Hyndman and Athanasopoulos 5.2 and 5.5.

    >>> mean([1.0, 2.0, 6.0], 2).mean.tolist()
    [3.0, 3.0]
    """
    values, h = series_of(y, 2), at_least("horizon", horizon)
    s = values.std(ddof=1) * np.sqrt(1 + 1 / len(values))
    return Spread(np.full(h, values.mean()), np.full(h, s))
