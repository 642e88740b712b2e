"""Whether chains can be believed: split R-hat, effective sample sizes, standard errors, energies.

Draws are (chains, draws). Ranks are over all chains and draws together.

Source: Vehtari et al. 2021, Bayesian Analysis 16(2); Geyer 1992; Betancourt 2016 for the energies.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError

Floats = NDArray[np.float64]


def split_rhat(draws: ArrayLike) -> float:
    """Rank-normalised split R-hat: how much wider all chains together are than each half of one; 1 where they agree.

    The larger of that of the draws and of their distances from the median. NaN where the draws are constant.

    Systems: mcmc-diagnostics
    """
    halves = _split(_checked(draws))
    folded = np.abs(halves - np.median(halves))
    return max(_rhat(_normal_scores(halves)), _rhat(_normal_scores(folded)))


def bulk_ess(draws: ArrayLike) -> float:
    """How many independent draws tell as much about the middle: of rank-normalised draws in halves."""
    return _ess(_normal_scores(_split(_checked(draws))))


def tail_ess(draws: ArrayLike) -> float:
    """The smaller of the effective sizes for being below the 5 % and the 95 % quantile."""
    halves = _split(_checked(draws))
    low, high = np.quantile(_checked(draws), (0.05, 0.95))
    return min(_ess((halves <= low).astype(np.float64)), _ess((halves <= high).astype(np.float64)))


def mean_ess(draws: ArrayLike) -> float:
    """How many independent draws give the mean as exactly: of the draws as they are, in halves."""
    return _ess(_split(_checked(draws)))


def mcse(draws: ArrayLike) -> float:
    """The Monte Carlo standard error of the mean: the standard deviation over the root of `mean_ess`."""
    values = _checked(draws)
    return float(values.std(ddof=1) / np.sqrt(mean_ess(values)))


def energy_fraction(energy: ArrayLike) -> Floats:
    """Each chain's Bayesian fraction of missing information, (chains,); below .3 momenta explore too slowly."""
    values = _checked(energy)
    spread = np.square(values - values.mean(1, keepdims=True)).sum(1)
    moved = np.square(np.diff(values, axis=1)).sum(1)
    return np.divide(moved, spread, out=np.full(len(values), np.nan), where=spread > 0)


def displacement_growth(draws: ArrayLike) -> float:
    """How many times as far, squared, chains go in n / 2 steps as in n / 8: 1 once settled, 4 of a random walk.

    Of rank-normalised draws, so that it is finite for any draws. Constant draws give 0.
    """
    scores = _normal_scores(_checked(draws))
    n = scores.shape[1]
    near, far = (np.square(scores[:, lag:] - scores[:, :-lag]).mean() for lag in (max(1, n // 8), n // 2))
    return float(far / near) if near > 0 else 0.0


def autocorrelation(draws: ArrayLike) -> Floats:
    """Of each chain, the correlation of draws so many steps apart, (chains, draws); 1 at step 0."""
    covariance = _autocovariance(_checked(draws))
    return covariance / covariance[:, :1]


def _checked(draws: ArrayLike) -> Floats:
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 4:
        raise DataError(f"draws have shape {values.shape}; expected (chains, draws), four draws at least")
    if not np.isfinite(values).all():
        raise DataError("the draws hold NaN or infinite numbers")
    return values


def _split(values: Floats) -> Floats:
    half = values.shape[1] // 2
    return np.concatenate((values[:, :half], values[:, -half:]))


def _normal_scores(values: Floats) -> Floats:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(values, method="average").reshape(values.shape)
    return ndtri((ranks - 0.375) / (values.size + 0.25))


def _rhat(values: Floats) -> float:
    n = values.shape[1]
    between = n * values.mean(1).var(ddof=1)
    within = values.var(1, ddof=1).mean()
    return float(np.sqrt((between / within + n - 1) / n)) if within > 0 else float("nan")


def _autocovariance(values: Floats) -> Floats:
    from scipy.fft import irfft, next_fast_len, rfft

    n = values.shape[1]
    size = next_fast_len(2 * n)
    spectrum = rfft(values - values.mean(1, keepdims=True), size, axis=1)
    return irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n] / n


def _ess(values: Floats) -> float:
    """Effective draws by Geyer's initial monotone sequence over all chains; constant draws count in full."""
    if np.ptp(values) < np.finfo(np.float64).resolution:
        return float(values.size)
    n_chains, n = values.shape
    covariance = _autocovariance(values)
    within = covariance[:, 0].mean() * n / (n - 1)
    variance = within * (n - 1) / n + (values.mean(1).var(ddof=1) if n_chains > 1 else 0.0)
    rho = 1 - (within - covariance.mean(0)) / variance
    rho[0] = 1.0
    last, total = _monotone(rho, n)
    tau = max(-1 + 2 * total + last, 1 / np.log10(values.size))
    return float(values.size / tau)


def _monotone(rho: Floats, n: int) -> tuple[float, float]:
    """The sum of correlations up to where the sums of pairs stop being positive, never rising; and what follows it."""
    kept = [1.0, float(rho[1])]
    t = 1
    even, odd = kept
    while t < n - 3 and even + odd > 0:
        even, odd = float(rho[t + 1]), float(rho[t + 2])
        if even + odd >= 0:
            kept += [even, odd]
        t += 2
    most = t - 2
    last = even if even > 0 else 0.0
    pairs = np.array(kept[: most + 1])
    for t in range(1, most - 1, 2):
        if pairs[t + 1] + pairs[t + 2] > pairs[t - 1] + pairs[t]:
            pairs[t + 1] = pairs[t + 2] = (pairs[t - 1] + pairs[t]) / 2
    return last, float(pairs.sum())
