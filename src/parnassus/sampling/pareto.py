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
    logs = np.asarray(log_ratios, dtype=np.float64)
    if logs.ndim != 1 or len(logs) < 25 or np.isnan(logs).any():
        raise DataError(f"log ratios have shape {logs.shape}; expected 25 numbers or more, without NaN")
    shifted = np.sort(logs - logs.max())
    n_tail = math.ceil(min(0.2 * len(logs), 3 * math.sqrt(len(logs))))
    cut = max(float(shifted[-n_tail - 1]), math.log(np.finfo(np.float64).tiny))
    tail = np.exp(shifted[shifted > cut]) - math.exp(cut)
    if len(tail) <= 4:
        return math.inf
    return _shape(np.sort(tail))


def _shape(x: np.ndarray) -> float:
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
    return (n * found + 5) / (n + 10)
