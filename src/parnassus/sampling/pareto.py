"""How heavy the tail of importance ratios is: Pareto's k."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError


def pareto_shape(log_ratios: ArrayLike) -> float:
    """Pareto's k of the largest ratios exp(log_ratios), (n,): below .5 their variance is finite, above .7 do not rely.

    The generalised Pareto distribution is fitted to the min(n / 5, 3 sqrt n) largest, by Zhang and Stephens' mean over
    a profile of the likelihood, with a weak pull towards .5. Infinite where fewer than five are in the tail.

    Source: Vehtari et al. 2024, Journal of Machine Learning Research 25; Zhang and Stephens 2009.
    """
    shape, _, _, _ = _fitted(_checked(log_ratios))
    return shape


def pareto_smoothed(log_ratios: ArrayLike) -> tuple[np.ndarray, float]:
    """Log weights (n,) that sum to one, their largest put at the quantiles of the tail fitted to them; and Pareto's k.

    Weighted by them, draws of q stand for p, with less variance than by the ratios as they are.

    Source: Vehtari et al. 2024, algorithm 1.
    """
    logs = _checked(log_ratios)
    shape, scale, cut, places = _fitted(logs)
    found = logs - logs.max()
    if math.isfinite(shape):
        p = (np.arange(len(places)) + 0.5) / len(places)
        quantiles = -np.log1p(-p) * scale if abs(shape) < 1e-12 else np.expm1(-shape * np.log1p(-p)) * scale / shape
        found[places] = np.log(quantiles + math.exp(cut))
        found = np.minimum(found, 0.0)
    total = np.logaddexp.reduce(found)
    return found - total, shape


def _checked(log_ratios: ArrayLike) -> np.ndarray:
    logs = np.asarray(log_ratios, dtype=np.float64)
    if logs.ndim != 1 or len(logs) < 25 or np.isnan(logs).any():
        raise DataError(f"log ratios have shape {logs.shape}; expected 25 numbers or more, without NaN")
    return logs


def _fitted(logs: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """Shape and scale of the tail above a cut of the shifted logs, and where its numbers are, in ascending order."""
    shifted = logs - logs.max()
    n_tail = math.ceil(min(0.2 * len(logs), 3 * math.sqrt(len(logs))))
    cut = max(float(np.sort(shifted)[-n_tail - 1]), math.log(np.finfo(np.float64).tiny))
    places = np.flatnonzero(shifted > cut)
    places = places[np.argsort(shifted[places], kind="stable")]
    if len(places) <= 4:
        return math.inf, math.nan, cut, places
    return *_shape(np.exp(shifted[places]) - math.exp(cut)), cut, places


def _shape(x: np.ndarray) -> tuple[float, float]:
    """Shape, pulled a little towards .5, and scale of ascending numbers above 0."""
    n = len(x)
    m = 30 + int(math.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    theta = (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quarter) + 1 / x[-1]
    k = np.log1p(-theta[:, None] * x).mean(1)
    profile = n * (np.log(-theta / k) - k - 1)
    weight = 1 / np.exp(profile[None] - profile[:, None]).sum(1)
    kept = weight >= 10 * np.finfo(np.float64).eps
    best = float((theta[kept] * weight[kept]).sum() / weight[kept].sum())
    found = float(np.log1p(-best * x).mean())
    return (n * found + 5) / (n + 10), -found / best
