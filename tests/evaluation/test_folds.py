"""The mean of fold scores: the correction against its published form, and against what folds really do."""

import numpy as np
import pytest
from scipy import stats

from parnassus.data.split import mean_variance
from parnassus.errors import DataError
from parnassus.evaluation.folds import corrected_variance, fold_mean

SCORES = np.array([0.81, 0.84, 0.79, 0.88, 0.83])


def test_the_correction_is_that_of_nadeau_and_bengio():
    """(1/J + n2/n1) S^2 with n2 tested and n1 trained rows, their equation 9: here 30 and 90 rows."""
    assert corrected_variance(SCORES, test_share=0.25) == pytest.approx(
        SCORES.var(ddof=1) * (1 / 5 + 30 / 90), rel=1e-12
    )


def test_0_A14_13_is_the_same_variance_once_the_spread_of_correlated_scores_is_corrected():
    rho = 0.25
    whole = SCORES.var(ddof=1) / (1 - rho)
    assert corrected_variance(SCORES, test_share=rho) == pytest.approx(mean_variance(whole, 5, rho), rel=1e-12)
    # Putting the spread itself into the book's formula understates the variance by 1 - rho.
    understated = mean_variance(SCORES.var(ddof=1), 5, rho)
    assert understated == pytest.approx(corrected_variance(SCORES, test_share=rho) * (1 - rho), rel=1e-12)


def test_correlated_scores_spread_by_their_variance_less_the_correlation():
    """Draws of known correlation .4: the formula finds the true variance of the mean, s^2 / K does not."""
    random = np.random.default_rng(0)
    n, k, rho = 20_000, 5, 0.4
    scores = np.sqrt(rho) * random.normal(size=(n, 1)) + np.sqrt(1 - rho) * random.normal(size=(n, k))
    true = scores.mean(1).var()
    found = np.mean([corrected_variance(row, test_share=rho) for row in scores[:5000]])
    naive = (scores.var(axis=1, ddof=1) / k).mean()
    assert found == pytest.approx(true, rel=0.05)
    assert naive < 0.25 * true


def test_without_shared_rows_the_interval_is_students():
    low, high = stats.t.interval(0.9, 4, loc=SCORES.mean(), scale=stats.sem(SCORES))
    found = fold_mean(SCORES, test_share=0.0, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)
    assert found.spread == pytest.approx(SCORES.std(ddof=1))


def test_one_fold_has_no_interval():
    found = fold_mean([0.7], test_share=0.25)
    assert (found.mean, found.error, found.low, found.high) == (0.7, None, None, None)
    with pytest.raises(DataError, match="two scores"):
        corrected_variance([0.7], test_share=0.25)
    with pytest.raises(DataError, match="below 1"):
        corrected_variance(SCORES, test_share=1.0)
