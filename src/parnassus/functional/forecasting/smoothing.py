"""Exponential smoothing: level, trend and season as recursions, in one pass for many candidates at once."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError, SettingError, did_you_mean
from .error_correction import run_smoothing, smoothing_slopes
from .windows import at_least, series_of

Floats = NDArray[np.float64]
Trend = Literal["none", "add", "damped"]
Seasonal = Literal["none", "add", "mul"]


class Smoothing(NamedTuple):
    """Weights of exponential smoothing, and the states before the first step; `season` holds one state a step of it.

    alpha, beta, gamma: weights of level, trend, season; phi: how much of the trend is left a step later (1 undamped).
    """

    alpha: float
    beta: float
    gamma: float
    phi: float
    level: float
    trend: float
    season: NDArray[np.float64]
    seasonal: Seasonal = "none"


class Smoothed(NamedTuple):
    """One-step forecasts (time,), and the same model with the states after the last step."""

    fitted: NDArray[np.float64]
    last: Smoothing


def smooth_slowly(y: ArrayLike, model: Smoothing) -> Smoothed:
    """The recursions as they are written in books, one step after another.

    f[t] = l[t-1] + phi b[t-1] + s[t-m]     (season "mul": (l[t-1] + phi b[t-1]) s[t-m])
    l[t] = alpha (y[t] - s[t-m]) + (1 - alpha)(l[t-1] + phi b[t-1])     ("mul": y[t] / s[t-m])
    b[t] = beta (l[t] - l[t-1]) + (1 - beta) phi b[t-1]
    s[t] = gamma (y[t] - l[t-1] - phi b[t-1]) + (1 - gamma) s[t-m]     ("mul": y[t] / (l[t-1] + phi b[t-1]))

    Source: Brown 1959, Holt 1957, Winters 1960; Hyndman and Athanasopoulos 8.1 to 8.3; Baker A158.

    >>> model = Smoothing(0.5, 0.0, 0.0, 1.0, 2.0, 0.0, np.zeros(1))
    >>> smooth_slowly([4.0, 3.0], model).fitted.tolist()
    [2.0, 3.0]
    """
    a, b, g, phi, level, trend, season, seasonal = model
    seasons, fitted = list(season), []
    for t, value in enumerate(series_of(y)):
        before, s = level + phi * trend, seasons[t % len(seasons)]
        if seasonal == "mul":
            fitted.append(before * s)
            following, seasons[t % len(seasons)] = a * value / s + (1 - a) * before, g * value / before + (1 - g) * s
        else:
            fitted.append(before + s)
            following = a * (value - s) + (1 - a) * before
            seasons[t % len(seasons)] = g * (value - before) + (1 - g) * s
        trend = b * (following - level) + (1 - b) * phi * trend
        level = following
    turned = np.roll(np.array(seasons), -(len(fitted) % len(seasons)))
    return Smoothed(np.array(fitted), model._replace(level=level, trend=trend, season=turned))


def smooth(y: ArrayLike, model: Smoothing) -> Smoothed:
    """`smooth_slowly` in its form of error correction: every state moves by its weight times the one-step error.

    l[t] = l + phi b + alpha e / d, b[t] = phi b + alpha beta e / d, s[t] = s[t-m] + gamma e / (l + phi b), where
    d = s[t-m] and the last divisor counts for season "mul" alone.

    Systems: exponential-smoothing
    Source: Hyndman, Koehler, Ord and Snyder 2008, table 2.1; Baker A158.

    >>> model = Smoothing(0.5, 0.0, 0.0, 1.0, 2.0, 0.0, np.zeros(1))
    >>> smooth([4.0, 3.0], model).fitted.tolist()
    [2.0, 3.0]
    """
    values = series_of(y)
    given = np.array([[*model[:6], *model.season]])
    fitted, last = run_smoothing(values, given, multiply=model.seasonal == "mul")
    level, trend, season = last[0, 4], last[0, 5], last[0, 6:]
    return Smoothed(fitted[0], model._replace(level=float(level), trend=float(trend), season=season))


def forecast_smoothing(last: Smoothing, horizon: int) -> NDArray[np.float64]:
    """f[h] = l + (phi + ... + phi^h) b + s[h] (times s[h] for season "mul"), from the states after the last step.

    >>> forecast_smoothing(Smoothing(0.5, 0.1, 0.0, 1.0, 10.0, 2.0, np.zeros(1)), 3).tolist()
    [12.0, 14.0, 16.0]
    """
    steps = np.cumsum(last.phi ** np.arange(1, at_least("horizon", horizon) + 1))
    level = last.level + steps * last.trend
    season = last.season[np.arange(horizon) % len(last.season)]
    return level * season if last.seasonal == "mul" else level + season


def smoothing_response(model: Smoothing, horizon: int) -> NDArray[np.float64]:
    """psi[0 .. horizon - 1] of additive smoothing: 1, then alpha (1 + beta (phi + ... + phi^j)) + gamma [m divides j].

    Source: Hyndman and Athanasopoulos 8.7, table 8.8.

    >>> smoothing_response(Smoothing(0.5, 0.0, 0.0, 1.0, 0.0, 0.0, np.zeros(1)), 3).tolist()
    [1.0, 0.5, 0.5]
    """
    j = np.arange(1, at_least("horizon", horizon))
    m = len(model.season)
    season = model.gamma * (j % m == 0) if model.seasonal != "none" else 0.0
    later = model.alpha * (1 + model.beta * np.cumsum(model.phi**j)) + season
    return np.concatenate([[1.0], later])


def simulate_smoothing(last: Smoothing, errors: Floats) -> Floats:
    """Paths (draws, horizon) that go on from the last states when the one-step errors (draws, horizon) come true.

    For season "mul" errors are shares of the one-step forecast, so that high seasons vary more.

    Source: Hyndman, Koehler, Ord and Snyder 2008, 6.1.

    >>> simulate_smoothing(Smoothing(0.5, 0.0, 0.0, 1.0, 10.0, 0.0, np.zeros(1)), np.array([[2.0, 0.0]])).tolist()
    [[12.0, 11.0]]
    """
    n, horizon = errors.shape
    level, trend = np.full(n, last.level), np.full(n, last.trend)
    season, m = np.repeat(last.season[:, None], n, 1), len(last.season)
    paths = np.empty((n, horizon))
    for h in range(horizon):
        before, s, multiply = level + last.phi * trend, season[h % m].copy(), last.seasonal == "mul"
        said = before * s if multiply else before + s
        error = errors[:, h] * said if multiply else errors[:, h]
        paths[:, h] = said + error
        season[h % m] = s + last.gamma * error / (before if multiply else 1.0)
        pushed = error / s if multiply else error
        level, trend = before + last.alpha * pushed, last.phi * trend + last.alpha * last.beta * pushed
    return paths


def first_states(y: ArrayLike, *, season: int, trend: Trend, seasonal: Seasonal) -> tuple[float, float, Floats]:
    """Level, trend and season before the first step, from the first seasons: where a search starts.

    Source: Hyndman and Athanasopoulos 8 (after Winters 1960).

    >>> first_states([1.0, 2.0, 3.0, 4.0], season=1, trend="add", seasonal="none")
    (0.0, 1.0, array([0.]))
    """
    values, m = series_of(y, 2), at_least("season", season)
    if seasonal == "none":
        n = min(len(values), 10)
        slope = float(np.polyfit(np.arange(n), values[:n], 1)[0]) if trend != "none" else 0.0
        slope = round(slope, 12)
        start = values[:n].mean() - slope * (n + 1) / 2 if trend != "none" else values[0]
        return round(float(start), 12), slope, np.zeros(1)
    if len(values) < 2 * m:
        raise DataError(
            f"y has {len(values)} steps, and a season of {m} is learned from two seasons at least; "
            "give a longer series, or season=1"
        )
    first, second = values[:m].mean(), values[m : 2 * m].mean()
    slope = float((second - first) / m) if trend != "none" else 0.0
    level = first - slope * (m + 1) / 2
    line = level + slope * np.arange(1, 2 * m + 1)
    apart = values[: 2 * m] / line if seasonal == "mul" else values[: 2 * m] - line
    states = apart.reshape(2, m).mean(0)
    return float(level), slope, states / states.mean() if seasonal == "mul" else states - states.mean()


def fit_smoothing(
    y: ArrayLike, *, season: int = 1, trend: Trend = "none", seasonal: Seasonal = "none"
) -> tuple[Smoothing, float]:
    """The weights and first states of least squared one-step errors, and their standard deviation.

    Weights lie in [0, 1], gamma in [0, 1 - alpha], phi in [0.8, 0.995]. The best of a grid of weights go down by
    L-BFGS-B, with slopes by the chain rule back through the series. For season "mul" the deviation is relative.

    Systems: exponential-smoothing
    Source: Hyndman and Athanasopoulos 8.6; Baker A158.

    >>> model, std = fit_smoothing([3.0, 5.0, 7.0, 9.0, 11.0, 13.0], trend="add")
    >>> forecast_smoothing(smooth([3.0, 5.0, 7.0, 9.0, 11.0, 13.0], model).last, 2).round(3).tolist()
    [15.0, 17.0]
    """
    for name, value, known in (("trend", trend, ("none", "add", "damped")), ("seasonal", seasonal, SEASONAL)):
        if value not in known:
            raise SettingError(f"{name}={value!r}; {did_you_mean(value, known)}")
    if seasonal != "none" and season < 2:
        raise SettingError(f"seasonal={seasonal!r} needs a season of 2 steps or more; got season={season}")
    values = series_of(y, 4)
    if seasonal == "mul" and not (values > 0).all():
        step = int((values <= 0).argmax())
        raise DataError(
            f"y is {values[step]:g} at step {step}, and a season that multiplies needs numbers above 0; "
            "use seasonal='add'"
        )
    search = _Search(values, season, trend, seasonal)
    best = min((search.descend(start) for start in search.starts(2 + len(search.weights))), key=lambda pair: pair[1])
    row = search.rows(best[0][None])[0]
    alpha, beta, gamma, phi, level, slope = (float(v) for v in row[:6])
    model = Smoothing(alpha, beta, gamma, phi, level, slope, row[6:], seasonal)
    fitted = smooth(values, model).fitted
    errors = (values - fitted) / fitted if seasonal == "mul" else values - fitted
    free = max(len(values) - len(best[0]), 1)
    return model, float(np.sqrt(errors @ errors / free))


SEASONAL = ("none", "add", "mul")
WORST = 1e12  # stands for what is no number
BOUNDS = {"alpha": (1e-8, 1.0), "phi": (0.8, 0.995)}  # the Theta method divides by alpha
LIMITS = {"maxiter": 300, "maxfun": 1000, "ftol": 1e-11, "gtol": 1e-8}


class _Search:
    """Points of a search, and the rows of candidates that they stand for: weights as shares, states in units of y."""

    def __init__(self, values: Floats, season: int, trend: Trend, seasonal: Seasonal) -> None:
        self.values, self.multiply = values, seasonal == "mul"
        level, slope, states = first_states(values, season=season, trend=trend, seasonal=seasonal)
        self.unit = unit = float(values.std()) or 1.0
        taken = {"alpha": True, "beta": trend != "none", "gamma": seasonal != "none", "phi": trend == "damped"}
        self.weights = [name for name, there in taken.items() if there]
        free = [*taken.values(), True, trend != "none", *(seasonal != "none" for _ in states)]
        sizes = [1.0, 1.0, 1.0, 1.0, unit, 0.1 * unit, *(0.1 if self.multiply else unit for _ in states)]
        self.base = np.array([0.0, 0.0, 0.0, float(trend != "damped"), level, slope, *states])
        self.free, self.sizes = np.flatnonzero(free), np.array(sizes)[free]
        self.bounds = [BOUNDS.get(name, (0.0, 1.0)) for name in self.weights]
        self.bounds += [(-np.inf, np.inf)] * (len(self.free) - len(self.weights))

    def rows(self, points: Floats) -> Floats:
        """Candidates (points, 6 + season) for points (points, free); gamma is its share of 1 - alpha."""
        rows = self.shares(points)
        rows[:, 2] *= 1 - rows[:, 0]
        return rows

    def shares(self, points: Floats) -> Floats:
        """The rows before gamma is made of its share."""
        rows = np.repeat(self.base[None], len(points), 0)
        rows[:, self.free] += points * self.sizes
        return rows

    def losses(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean squared one-step errors (points,) in units of the variance of y, and their slopes (points, free)."""
        shares, size = self.shares(points), self.unit**2 * len(self.values)
        found, slopes = smoothing_slopes(self.values, self.rows(points), multiply=self.multiply)
        with np.errstate(all="ignore"):
            slopes[:, 0] -= slopes[:, 2] * shares[:, 2]
            slopes[:, 2] *= 1 - shares[:, 0]
            found, by_point = found / size, slopes[:, self.free] * self.sizes / size
        sound = np.isfinite(found) & np.isfinite(by_point).all(1) & (found < WORST)
        return np.where(sound, found, WORST), np.where(sound[:, None], by_point, 0.0)

    def starts(self, n: int) -> list[Floats]:
        """The best points of a grid of weights."""
        choice = {"alpha": (0.02, 0.1, 0.3, 0.6, 0.9), "beta": (0.02, 0.3), "gamma": (0.02, 0.1, 0.5), "phi": (0.95,)}
        axes = np.meshgrid(*(choice[name] for name in self.weights), indexing="ij")
        grid = np.stack([a.ravel() for a in axes], 1)
        points = np.concatenate([grid, np.zeros((len(grid), len(self.bounds) - len(self.weights)))], 1)
        return [points[i] for i in np.argsort(self.losses(points)[0], kind="stable")[:n]]

    def descend(self, start: Floats) -> tuple[Floats, float]:
        """The point at the bottom below a start, and its loss."""
        from scipy.optimize import minimize

        low, high = np.array(self.bounds).T

        def with_slope(point: Floats) -> tuple[float, Floats]:
            loss, slope = self.losses(point[None])
            return float(loss[0]), slope[0]

        done = minimize(with_slope, start, jac=True, method="L-BFGS-B", bounds=self.bounds, options=LIMITS)
        return np.clip(done.x, low, high), float(done.fun)
