"""Risks and the gap between them."""

import numpy as np
import pytest
from scipy import stats

from parnassus.errors import DataError
from parnassus.evaluation.risk import generalisation_gap, risk


def test_a_risk_is_a_mean_with_its_standard_error():
    losses = np.random.default_rng(0).exponential(size=50)
    assert risk(losses).value == pytest.approx(losses.mean())
    assert risk(losses).error == pytest.approx(stats.sem(losses))
    assert risk([2.0]).error is None


def test_1_A045_the_gap_of_a_model_that_learned_its_rows_by_heart():
    """The nearest neighbour has empirical risk 0; its risk on rows of random labels is one half."""
    random = np.random.default_rng(1)
    y_train, y_test = random.integers(2, size=(2, 2000))
    found = generalisation_gap(np.zeros(2000), (random.permutation(y_train) != y_test).astype(float))
    assert found.empirical.value == 0.0
    assert found.low < 0.5 < found.high
    assert found.gap == found.held_out.value


def test_the_interval_is_the_normal_one_of_two_samples():
    a, b = np.random.default_rng(2).normal(size=(2, 30))
    found = generalisation_gap(a, b)
    half = stats.norm.ppf(0.975) * np.sqrt(a.var(ddof=1) / 30 + b.var(ddof=1) / 30)
    assert (found.low, found.high) == pytest.approx((found.gap - half, found.gap + half))
    assert found.to_dict()["empirical"]["n_rows"] == 30
    assert "gap" in found.table()


def test_losses_are_one_finite_number_a_row():
    with pytest.raises(DataError, match="one finite number a row"):
        risk([1.0, np.nan])
    assert generalisation_gap([1.0], [2.0, 3.0]).low is None
