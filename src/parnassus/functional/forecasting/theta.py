"""The Theta method: a straight line and a smoothed line twice as bent, averaged."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .autoregression import autocorrelation
from .smoothing import fit_smoothing
from .windows import at_least, series_of

Floats = NDArray[np.float64]


class Theta(NamedTuple):
    """What the Theta method learned: the smoothing's weight and first level, the line, and the season's indices."""

    alpha: float
    level: float
    slope: float
    season: NDArray[np.float64]
    std: float
    form: Literal["add", "mul"] = "mul"


def seasonal_indices(y: ArrayLike, season: int, *, form: Literal["add", "mul"] = "mul") -> NDArray[np.float64]:
    """The classical decomposition: how far each step of a season lies from the centred moving average, in the mean.

    Indices have mean 1 ("mul") or 0 ("add"); the first is that of y[0].

    Source: Macaulay 1931; Hyndman and Athanasopoulos 3.4.

    >>> seasonal_indices([1.0, 3.0] * 4, 2).tolist()
    [0.5, 1.5]
    """
    m = at_least("season", season, 2)
    values = series_of(y, 2 * m)
    filter_ = np.ones(m) / m if m % 2 else np.concatenate([[0.5], np.ones(m - 1), [0.5]]) / m
    half = len(filter_) // 2
    smooth = np.convolve(values, filter_, "valid")
    inner = values[half : len(values) - half]
    apart = inner / smooth if form == "mul" else inner - smooth
    place = np.arange(half, len(values) - half) % m
    found = np.array([apart[place == j].mean() for j in range(m)])
    return found / found.mean() if form == "mul" else found - found.mean()


def is_seasonal(y: ArrayLike, season: int) -> bool:
    """Whether the correlation at lag m is beyond 1.645 sqrt((1 + 2 sum r[k]^2, k < m) / T), a test at 90 %.

    Source: Fiorucci et al. 2016, after Assimakopoulos and Nikolopoulos 2000.

    >>> is_seasonal([1.0, 5.0, 2.0] * 6, 3), is_seasonal(np.random.default_rng(0).normal(size=60), 3)
    (True, False)
    """
    values = series_of(y)
    if season < 2 or len(values) < 2 * season + 1 or values.min() == values.max():
        return False
    r = autocorrelation(values, season)
    return bool(abs(r[season]) > 1.645 * np.sqrt((1 + 2 * np.square(r[1:season]).sum()) / len(values)))


def fit_theta(y: ArrayLike, *, season: int = 1) -> Theta:
    """alpha and first level of simple smoothing, the slope of the least-squares line, and a season where there is one.

    Where `is_seasonal` says so, y is divided by `seasonal_indices` first; where y is not above 0 everywhere, these are
    taken off instead.

    Systems: theta-method
    Source: Assimakopoulos and Nikolopoulos 2000; Hyndman and Billah 2003; Baker A159.

    >>> fit_theta([1.0, 2.0, 3.0, 4.0, 5.0]).slope
    1.0
    """
    values, indices = series_of(y, 4), np.ones(1)
    form: Literal["add", "mul"] = "mul" if (values > 0).all() else "add"
    if is_seasonal(values, season):
        indices = seasonal_indices(values, season, form=form)
    else:
        form = "mul"
    flat = _flat(values, indices, form)
    t = np.arange(len(flat)) - (len(flat) - 1) / 2
    slope = float(t @ flat / (t @ t))
    model, std = fit_smoothing(flat)
    return Theta(model.alpha, model.level, slope, indices, std, form)


def forecast_theta(y: ArrayLike, model: Theta, horizon: int) -> NDArray[np.float64]:
    """Smoothing's forecast with half the line's slope: l[T] + b/2 (h - 1 + (1 - (1 - alpha)^T) / alpha), times season.

    Which is the average of the line and of smoothing along 2 y - line; see `forecast_theta_slowly`.

    Systems: theta-method
    Source: Hyndman and Billah 2003, section 2.

    >>> forecast_theta([1.0, 2.0, 3.0], Theta(1.0, 1.0, 1.0, np.ones(1), 0.0), 2).tolist()
    [3.5, 4.0]
    """
    values, h = series_of(y), np.arange(1, at_least("horizon", horizon) + 1)
    season, n = model.season, len(values)
    flat = _flat(values, season, model.form)
    kept = (1 - model.alpha) ** np.arange(n)
    level = model.alpha * (kept[::-1] @ flat) + (1 - model.alpha) ** n * model.level
    line = model.slope / 2 * (h - 1 + (1 - (1 - model.alpha) ** n) / model.alpha)
    place = (n + h - 1) % len(season)
    return level + line + season[place] if model.form == "add" else (level + line) * season[place]


def _flat(values: Floats, season: Floats, form: str) -> Floats:
    """The series without its season."""
    each = season[np.arange(len(values)) % len(season)]
    return values - each if form == "add" else values / each


def forecast_theta_slowly(y: ArrayLike, model: Theta, horizon: int) -> NDArray[np.float64]:
    """The average of two theta lines of a series without season: the straight one, and smoothing along 2 y - line.

    The line a + b t may have any a: it falls out. Smoothing starts at 2 level - (a - b), its own first level's line.

    Source: Assimakopoulos and Nikolopoulos 2000.

    >>> forecast_theta_slowly([1.0, 2.0, 3.0], Theta(1.0, 1.0, 1.0, np.ones(1), 0.0), 2).tolist()
    [3.5, 4.0]
    """
    values = series_of(y)
    a = float(values.mean() - model.slope * (len(values) - 1) / 2)
    line = a + model.slope * np.arange(len(values) + horizon)
    bent, level = 2 * values - line[: len(values)], 2 * model.level - (a - model.slope)
    for value in bent:
        level = model.alpha * value + (1 - model.alpha) * level
    return (line[len(values) :] + level) / 2
