"""Paired tests against scipy, and against cases worked by hand."""

import numpy as np
import pytest
from scipy import stats

from parnassus.errors import DataError
from parnassus.evaluation.paired import corrected_t_test, holm, mcnemar, wilcoxon

FIRST = np.array([0.81, 0.84, 0.79, 0.88, 0.83])
SECOND = np.array([0.85, 0.86, 0.80, 0.93, 0.84])


def test_without_a_correction_the_t_test_is_scipys():
    found, peer = corrected_t_test(FIRST, SECOND, test_share=0.0), stats.ttest_rel(SECOND, FIRST)
    assert (found.statistic, found.p_value) == pytest.approx((peer.statistic, peer.pvalue), rel=1e-10)
    assert found.difference == pytest.approx(0.026)


def test_the_correction_divides_t_by_a_root():
    """t falls by sqrt(1 + K n_test / n_train): five folds have n_test / n_train = 1/4."""
    plain = corrected_t_test(FIRST, SECOND, test_share=0.0)
    found = corrected_t_test(FIRST, SECOND, test_share=0.2)
    assert found.statistic == pytest.approx(plain.statistic / np.sqrt(1 + 5 / 4), rel=1e-12)
    assert found.p_value == pytest.approx(2 * stats.t.sf(found.statistic, 4), rel=1e-9)


def test_equal_models_do_not_differ():
    assert corrected_t_test(FIRST, FIRST, test_share=0.2).p_value == 1.0
    assert corrected_t_test(FIRST, FIRST + 0.125, test_share=0.2).p_value < 1e-6
    assert wilcoxon(FIRST, FIRST).p_value == 1.0
    assert mcnemar([True, False], [True, False]).p_value == 1.0


def test_the_correction_keeps_its_level_where_the_plain_test_does_not():
    """Differences of correlation .2 with mean 0: the plain test finds a difference far more often than 1 time in 20."""
    random = np.random.default_rng(1)
    gaps = np.sqrt(0.2) * random.normal(size=(2000, 1)) + np.sqrt(0.8) * random.normal(size=(2000, 5))
    zero = np.zeros(5)
    plain = np.mean([corrected_t_test(zero, g, test_share=0.0).p_value < 0.05 for g in gaps])
    found = np.mean([corrected_t_test(zero, g, test_share=0.2).p_value < 0.05 for g in gaps])
    assert plain > 0.12
    assert found == pytest.approx(0.05, abs=0.015)


def test_mcnemar_is_the_binomial_test_of_rows_that_differ():
    """2 rows for the first alone and 8 for the second: p = 2 (1 + 10 + 45) / 2^10 = .109375."""
    first = np.array([True] * 2 + [False] * 8 + [True] * 5 + [False] * 5)
    second = np.array([False] * 2 + [True] * 8 + [True] * 5 + [False] * 5)
    found = mcnemar(first, second)
    assert found.p_value == pytest.approx(0.109375, rel=1e-12)
    assert found.difference == pytest.approx(6 / 20)


def test_wilcoxon_is_scipys():
    a, b = np.random.default_rng(2).normal(size=(2, 30))
    assert wilcoxon(a, b).p_value == pytest.approx(stats.wilcoxon(b - a).pvalue)


def test_holm_multiplies_the_least_by_how_many_there_are():
    """Worked by hand: .01 x 4, .02 x 3, .03 x 2, and .04 x 1 lifted to the one before."""
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    "call", [lambda: wilcoxon([1.0], [2.0]), lambda: mcnemar([], []), lambda: wilcoxon([1, 2], [1])]
)
def test_scores_that_do_not_pair_are_refused(call):
    with pytest.raises(DataError):
        call()
