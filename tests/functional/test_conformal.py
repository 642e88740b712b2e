"""Conformal quantiles against the exact distribution of their coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from parnassus.errors import DataError, SettingError
from parnassus.functional.conformal import (
    aps_scores,
    conformal_quantile,
    conformal_rank,
    lac_scores,
    least_rows,
    quantile_scores,
    residual_scores,
)


@pytest.mark.parametrize(("n", "level"), [(30, 0.9), (99, 0.9), (50, 0.8), (19, 0.95)])
def test_the_coverage_over_draws_is_beta_distributed(n, level):
    """Uniform scores: the share of new ones below q is q itself, which is Beta(k, n + 1 - k) (Vovk 2012)."""
    scores = np.random.default_rng(7).uniform(size=(n, 4000))
    k = math.ceil((n + 1) * level - 1e-9)
    found = conformal_quantile(scores, level)
    assert stats.kstest(found, stats.beta(k, n + 1 - k).cdf).pvalue > 0.01
    assert found.mean() == pytest.approx(k / (n + 1), abs=4 * stats.beta(k, n + 1 - k).std() / 4000**0.5)
    assert k / (n + 1) >= level - 1e-12


def test_the_rank_is_a_ceiling_that_rounding_does_not_move():
    assert [conformal_rank(n, 0.9) for n in (9, 10, 19, 99)] == [9, 10, 18, 90]
    assert conformal_rank(99, 0.55) == 55
    assert all(conformal_rank(n, 0.7) == -(-(n + 1) * 7 // 10) for n in range(3, 200))


@pytest.mark.parametrize(("level", "n"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_too_few_rows_are_refused_with_both_numbers(level, n):
    assert least_rows(level) == n
    assert conformal_rank(n, level) == n
    with pytest.raises(DataError, match=rf"at least {n} rows .* there are {n - 1}"):
        conformal_rank(n - 1, level)


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, float("nan")])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(SettingError, match="between 0 and 1"):
        conformal_rank(100, level)


def test_scores_by_hand():
    np.testing.assert_allclose(residual_scores([1.0, 2.0], [3.0, 2.0], [2.0, 1.0]), [1, 0])
    np.testing.assert_allclose(quantile_scores([0.0, 2.0, 5.0], [1.0] * 3, [3.0] * 3), [1, -1, 2])
    np.testing.assert_allclose(lac_scores([[0.25, 0.75]]), [[0.75, 0.25]])
    np.testing.assert_allclose(aps_scores([[0.2, 0.5, 0.3]]), [[1.0, 0.5, 0.8]])


@pytest.mark.parametrize("scores", [lac_scores, aps_scores])
def test_sets_hold_the_truth_as_often_as_they_say(scores):
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(300):
        p = rng.dirichlet([0.5] * 4, size=240)
        y = (p.cumsum(1) > rng.uniform(size=(240, 1))).argmax(1)
        own = scores(p)[np.arange(240), y]
        shares.append((own[200:] <= conformal_quantile(own[:200], 0.8)).mean())
    assert np.mean(shares) == pytest.approx(161 / 201, abs=0.015)
