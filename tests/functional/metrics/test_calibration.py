"""Probability metrics against scikit-learn and numbers made by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from parnassus.errors import DataError
from parnassus.functional.metrics import brier, expected_calibration_error, log_loss, reliability_curve


@pytest.fixture
def binary():
    rng = np.random.default_rng(0)
    p = rng.random(400)
    return (rng.random(400) < p).astype(int), p, rng.random(400)


@pytest.fixture
def multiclass():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), size=300)
    return rng.integers(4, size=300), p, rng.random(300)


@pytest.mark.parametrize("case", ["binary", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
def test_brier_and_log_loss_equal_scikit_learn(case, weighted, request):
    y, p, w = request.getfixturevalue(case)
    w = w if weighted else None
    assert brier(y, p, sample_weight=w) == pytest.approx(sk.brier_score_loss(y, p, sample_weight=w))
    assert log_loss(y, p, sample_weight=w) == pytest.approx(sk.log_loss(y, p, sample_weight=w))


def test_a_matrix_of_two_columns_gives_twice_the_binary_brier_score(binary):
    y, p, _ = binary
    assert brier(y, np.stack((1 - p, p), 1)) == pytest.approx(2 * brier(y, p))
    assert log_loss(y, np.stack((1 - p, p), 1)) == pytest.approx(log_loss(y, p))


def test_a_certain_mistake_costs_36_nats_as_in_scikit_learn():
    assert log_loss([1, 0], [0.0, 0.0]) == pytest.approx(sk.log_loss([1, 0], [0.0, 0.0]))


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_reliability_bins_equal_scikit_learn(binary, strategy):
    y, p, _ = binary
    curve = reliability_curve(y, p, n_bins=7, strategy=strategy)
    frequency, probability = calibration_curve(y, p, n_bins=7, strategy=strategy)
    np.testing.assert_allclose(curve.frequency, frequency)
    np.testing.assert_allclose(curve.probability, probability)
    assert curve.weight.sum() == 400


def test_calibration_error_by_hand():
    # Bins (0, .5], (.5, 1]: said .2 (two rows), came .5; said .9 (two rows), came 1: (2 * .3 + 2 * .1) / 4.
    assert expected_calibration_error([0, 1, 1, 1], [0.1, 0.3, 0.85, 0.95], n_bins=2) == pytest.approx(0.2)


def test_calibration_error_of_classes_compares_confidence_with_being_right():
    # Both rows are in the top bin: mean confidence .8, half right.
    p = [[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]
    assert expected_calibration_error([0, 2], p, n_bins=2) == pytest.approx(0.3)


def test_calibration_error_is_the_weighted_gap_of_the_reliability_curve(binary):
    y, p, w = binary
    curve = reliability_curve(y, p, n_bins=10, sample_weight=w)
    gap = np.average(np.abs(curve.frequency - curve.probability), weights=curve.weight)
    assert expected_calibration_error(y, p, sample_weight=w) == pytest.approx(gap)


def test_logits_given_as_probabilities_are_refused():
    with pytest.raises(DataError, match="sigmoid"):
        brier([0, 1], [-2.0, 3.0])


def test_labels_and_columns_must_agree():
    with pytest.raises(DataError, match="2 labels for 3 columns"):
        log_loss(["a"], [[0.2, 0.3, 0.5]], labels=["a", "b"])
