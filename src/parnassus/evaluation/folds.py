"""What the scores of folds say of the mean: folds share training rows, so that their scores go together."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..data.split import mean_variance
from ..errors import DataError
from .result import json_values


@dataclass(frozen=True)
class FoldMean:
    """The mean of fold scores, their standard deviation (n - 1), the mean's standard error, and a t interval.

    The last three are None for a single fold.
    """

    mean: float
    spread: float | None
    error: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_values(vars(self))


def correlation(test_share: float) -> float:
    """The correlation of two folds' scores that the correction assumes: the share of rows tested, n_test / n.

    Source: Nadeau and Bengio (2003), section 5.2.
    """
    if not 0 <= test_share < 1:
        raise DataError(f"the share of rows that a fold tests is at least 0 and below 1; got {test_share}")
    return test_share


def corrected_variance(scores: ArrayLike, *, test_share: float) -> float:
    """The variance of the mean of K fold scores, s^2 (1/K + n_test / n_train), s^2 with n - 1 in the denominator.

    `test_share` is n_test / n, and 1 / K for K folds.

    Source: Nadeau and Bengio (2003). It is Hifny's A14.13, (v / K) (1 + (K - 1) rho), with rho = n_test / n: scores
    that correlate spread by s^2 = v (1 - rho) only, so that their variance v is s^2 / (1 - rho). With s^2 itself in the
    place of v the formula is too small by the factor 1 - rho; with rho = 0 it is the s^2 / K of independent scores.

    >>> round(corrected_variance([0.8, 0.9, 1.0], test_share=1 / 3), 6)
    0.008333
    """
    values = np.asarray(scores, dtype=np.float64)
    if len(values) < 2:
        raise DataError(f"a spread needs two scores or more; there are {len(values)}")
    rho = correlation(test_share)
    return mean_variance(float(values.var(ddof=1)) / (1 - rho), len(values), rho)


def fold_mean(scores: ArrayLike, *, test_share: float, confidence: float = 0.95) -> FoldMean:
    """The mean of fold scores and its interval, mean -+ t(K - 1) sqrt(corrected variance)."""
    from scipy.special import stdtrit

    values = np.asarray(scores, dtype=np.float64)
    mean = float(values.mean())
    if len(values) < 2 or not np.isfinite(values).all():
        return FoldMean(mean, None, None, None, None)
    error = math.sqrt(corrected_variance(values, test_share=test_share))
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * error
    return FoldMean(mean, float(values.std(ddof=1)), error, mean - half, mean + half)
