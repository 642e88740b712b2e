"""Tests of two models on the same rows or the same folds: is the difference more than chance makes?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .folds import corrected_variance


@dataclass(frozen=True)
class PairedTest:
    """A difference (second minus first), the test's statistic and its two-sided p-value.

    `p_value` is the chance of a difference at least as large where the two models are equally good.
    """

    name: str
    difference: float
    statistic: float
    p_value: float


def corrected_t_test(first: ArrayLike, second: ArrayLike, *, test_share: float) -> PairedTest:
    """A paired t test on fold scores with the variance of correlated folds.

    With test_share=0 it is the plain paired t test, which takes folds for independent and finds differences that are
    none.

    Source: Nadeau and Bengio (2003), equation 9.
    """
    from scipy.special import stdtr

    gap = _gaps(first, second)
    variance = corrected_variance(gap, test_share=test_share)
    mean = float(gap.mean())
    if variance == 0:
        return PairedTest("corrected t", mean, 0.0 if mean == 0 else np.inf * np.sign(mean), float(mean == 0))
    t = mean / variance**0.5
    return PairedTest("corrected t", mean, t, float(2 * stdtr(len(gap) - 1, -abs(t))))


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> PairedTest:
    """McNemar's exact test on rows: of those that one model alone has right, are halves due to each?

    first_right, second_right (rows,) of bool. The statistic is the number of rows that the second alone has right; the
    difference is that of the accuracies.

    Source: McNemar (1947); Dietterich (1998) for its use on classifiers.

    >>> mcnemar([True, True, False, False], [True, False, True, True]).statistic
    2.0
    """
    from scipy.stats import binomtest

    a, b = (np.asarray(v, dtype=bool) for v in (first_right, second_right))
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise DataError(f"both models answer the same rows; got shapes {a.shape} and {b.shape}")
    lost, won = int((a & ~b).sum()), int((b & ~a).sum())
    p = float(binomtest(won, won + lost, 0.5).pvalue) if won + lost else 1.0
    return PairedTest("McNemar", (won - lost) / len(a), float(won), p)


def wilcoxon(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """Wilcoxon's signed ranks of paired scores, such as two models' on several data sets or rows' errors.

    Pairs without a difference are left out. It takes pairs for independent: scores of folds are not, those of rows or
    of data sets are.

    Source: Wilcoxon (1945); Demsar (2006) for scores on several data sets.
    """
    from scipy.stats import wilcoxon as test

    gap = _gaps(first, second)
    if not gap.any():
        return PairedTest("Wilcoxon", 0.0, 0.0, 1.0)
    found = test(gap)
    return PairedTest("Wilcoxon", float(gap.mean()), float(found.statistic), float(found.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of several tests made together, so that all of them hold at once.

    Source: Holm (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = least
    return adjusted


def _gaps(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    a, b = (np.asarray(v, dtype=np.float64) for v in (first, second))
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise DataError(f"paired scores are two or more numbers a model, the same of each; got {a.shape} and {b.shape}")
    return b - a
