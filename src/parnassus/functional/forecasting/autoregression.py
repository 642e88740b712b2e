"""Correlation of a series with its past, and forecasts from it: ACF, PACF, AR by Yule-Walker or least squares."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError, SettingError
from .windows import at_least, lagged, series_of

Method = Literal["least_squares", "yule_walker"]


class AutoRegression(NamedTuple):
    """y[t] = constant + sum_j weights[j] y[t - 1 - j] + e[t], e of standard deviation `std`."""

    constant: float
    weights: NDArray[np.float64]
    std: float


def autocorrelation(y: ArrayLike, n_lags: int) -> NDArray[np.float64]:
    """r[k] = sum_t (y[t] - m)(y[t - k] - m) / sum_t (y[t] - m)^2 for k = 0 .. n_lags (n_lags + 1,).

    Both sums run over what there is, so that r is positive definite. A series that never varies is refused.

    Source: Box and Jenkins 1970, 2.1.

    >>> autocorrelation([1.0, 2.0, 3.0, 4.0], 2).round(3).tolist()
    [1.0, 0.25, -0.3]
    """
    k = at_least("n_lags", n_lags, 0)
    values = series_of(y, k + 1)
    centred = values - values.mean()
    power = centred @ centred
    if not power > 0:
        raise DataError("y never varies, so it has no autocorrelation; look whether the right column was taken")
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    return np.fft.irfft(spectrum * spectrum.conj(), size)[: k + 1] / power


def levinson(r: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Weights that solve the Toeplitz equations of correlations r[0..p], the partial ones, and the share left over.

    Source: Levinson 1947, Durbin 1960.

    >>> weights, partial, left = levinson([1.0, 0.5, 0.25])
    >>> weights.tolist(), partial.tolist(), float(left)
    ([0.5, 0.0], [0.5, 0.0], 0.75)
    """
    given = np.asarray(r, dtype=np.float64)
    weights, left = np.zeros(len(given) - 1), float(given[0])
    partial = np.zeros(len(given) - 1)
    for k in range(len(weights)):
        reflect = (given[k + 1] - weights[:k] @ given[k:0:-1]) / left if left > 0 else 0.0
        weights[:k] -= reflect * weights[:k][::-1].copy()
        weights[k] = partial[k] = reflect
        left *= 1 - reflect**2
    return weights, partial, left


def partial_autocorrelation(y: ArrayLike, n_lags: int) -> NDArray[np.float64]:
    """The correlation of y[t] and y[t - k] that the steps between do not explain, k = 0 .. n_lags; 1 at k = 0.

    The last weight of the Yule-Walker AR(k), by Levinson's recursion.

    Source: Durbin 1960.

    >>> partial_autocorrelation([1.0, 2.0, 3.0, 4.0], 1).round(6).tolist()
    [1.0, 0.25]
    """
    return np.concatenate([[1.0], levinson(autocorrelation(y, n_lags))[1]])


def yule_walker(y: ArrayLike, order: int) -> AutoRegression:
    """AR(p) whose correlations at lags 1 .. p are those of y: R w = r; always stationary.

    Source: Yule 1927, Walker 1931.

    >>> yule_walker([1.0, 2.0, 3.0, 4.0], 1).weights.round(6).tolist()
    [0.25]
    """
    values = series_of(y, order + 2)
    weights, _, left = levinson(autocorrelation(values, at_least("order", order)))
    return AutoRegression(
        float(values.mean() * (1 - weights.sum())), weights, float(np.sqrt(values.var() * max(left, 0)))
    )


def fit_autoregression(y: ArrayLike, order: int, *, method: Method = "least_squares") -> AutoRegression:
    """AR(p) by conditional least squares on the steps that have p before them, or by Yule-Walker.

    `std` divides the squared errors by rows minus weights; order 0 is the mean.

    Systems: arima
    Source: Box and Jenkins 1970, 7.3; Baker A157.

    >>> found = fit_autoregression([1.0, 2.0, 4.0, 8.0, 16.0], 1)
    >>> round(found.constant, 6) + 0.0, round(float(found.weights[0]), 6)
    (0.0, 2.0)
    """
    if method not in ("least_squares", "yule_walker"):
        raise SettingError(f"method is 'least_squares' or 'yule_walker'; got {method!r}")
    if at_least("order", order, 0) == 0:
        values = series_of(y, 2)
        return AutoRegression(float(values.mean()), np.zeros(0), float(values.std(ddof=1)))
    if method == "yule_walker":
        return yule_walker(y, order)
    X, now = lagged(series_of(y, 2 * order + 2), np.arange(1, order + 1))
    scale = max(float(np.abs(X).max()), 1e-300)  # so that the column of ones is neither lost nor all
    design = np.concatenate([np.ones((len(X), 1)), X / scale], 1)
    found = np.linalg.lstsq(design, now, rcond=None)[0]
    errors = now - design @ found
    return AutoRegression(
        float(found[0]), found[1:] / scale, float(np.sqrt(errors @ errors / max(len(X) - order - 1, 1)))
    )


def forecast_autoregression(y: ArrayLike, model: AutoRegression, horizon: int) -> NDArray[np.float64]:
    """The recursion of an AR on its own answers: f[h] = c + sum_j w[j] f[h - 1 - j], where f[0], f[-1], ... are y.

    >>> forecast_autoregression([1.0, 2.0], AutoRegression(1.0, np.array([0.5]), 1.0), 2).tolist()
    [2.0, 2.0]
    """
    order = len(model.weights)
    past = list(series_of(y, max(order, 1))[::-1][:order])
    found = []
    for _ in range(at_least("horizon", horizon)):
        following = model.constant + float(model.weights @ np.array(past)) if order else model.constant
        found.append(following)
        past = [following, *past][:order]
    return np.array(found)


def response_weights(
    horizon: int, ar: ArrayLike = (), *, ma: ArrayLike = (), differences: int = 0
) -> NDArray[np.float64]:
    """psi[0 .. horizon - 1]: how an error lives on in an ARIMA; psi(B) = theta(B) / (phi(B) (1 - B)^d), psi[0] = 1.

    The error of the forecast h steps ahead has the variance s^2 (psi[0]^2 + ... + psi[h - 1]^2).

    Systems: arima
    Source: Box and Jenkins 1970, 5.2.

    >>> response_weights(3, [0.5]).tolist(), response_weights(3, differences=1).tolist()
    ([1.0, 0.5, 0.25], [1.0, 1.0, 1.0])
    """
    denominator = np.concatenate([[1.0], -np.asarray(ar, dtype=np.float64)])
    for _ in range(differences):
        denominator = np.convolve(denominator, [1.0, -1.0])
    numerator = np.concatenate([[1.0], np.asarray(ma, dtype=np.float64)])
    psi = np.zeros(at_least("horizon", horizon))
    for j in range(len(psi)):
        past = denominator[1 : j + 1] @ psi[j - min(j, len(denominator) - 1) : j][::-1]
        psi[j] = (numerator[j] if j < len(numerator) else 0.0) - past
    return psi
