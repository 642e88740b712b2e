"""Differences of two evaluations: paired on the same rows, independent on others."""

import json

import numpy as np
import pytest

from parnassus.errors import SettingError
from parnassus.evaluation import Evaluation, compare, evaluate_classification, evaluate_regression, shift

pytestmark = pytest.mark.slow


def answered(y, right, seed=0, n_bootstrap=1000):
    """An evaluation of answers that are right where told."""
    p = np.where((y == 1) == right, 0.9, 0.1)
    return evaluate_classification(
        y, np.stack((1 - p, p), 1), classes="ab", prior=[0.5, 0.5], seed=seed, n_bootstrap=n_bootstrap
    )


@pytest.fixture
def two():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=500)
    first = rng.random(500) < 0.8
    second = first | (rng.random(500) < 0.15)  # right wherever the first is, and a little more
    return y, first, second


def test_equal_models_differ_by_nothing(two):
    y, first, _ = two
    for d in compare(answered(y, first), answered(y, first)).differences:
        assert (d.difference, d.low, d.high, d.better, d.share) == (0, 0, 0, "undecided", 0.5)


def test_pairing_gives_mcnemars_spread_not_that_of_two_samples(two):
    # On the same rows only those where the two disagree matter: sd = sqrt(b + c - (b - c)^2 / n) / n (McNemar).
    y, first, second = two
    d = compare(answered(y, first), answered(y, second))["accuracy"]
    b, n = (second & ~first).sum(), len(y)
    sd = np.sqrt(b - b**2 / n) / n
    assert d.difference == pytest.approx(b / n)
    assert (d.high - d.low) / 2 == pytest.approx(1.96 * sd, rel=0.1)
    assert (d.better, d.share) == ("second", 1)


def test_less_loss_is_better(two):
    y, first, second = two
    d = compare(answered(y, first), answered(y, second))["log_loss"]
    assert d.difference < 0
    assert d.better == "second"
    assert compare(answered(y, second), answered(y, first))["log_loss"].better == "first"


def test_other_rows_or_other_resamples_are_not_paired(two):
    y, first, _ = two
    with pytest.raises(SettingError, match="same rows"):
        compare(answered(y, first), answered(y[::-1].copy(), first))
    with pytest.raises(SettingError, match="same rows"):
        compare(answered(y, first), answered(y, first, seed=1))


def test_without_resamples_there_is_nothing_to_compare(two):
    y, first, _ = two
    back = Evaluation.from_dict(answered(y, first).to_dict())
    with pytest.raises(SettingError, match="n_bootstrap"):
        compare(back, back)


def test_shift_has_the_spread_of_two_independent_samples(two):
    # sd of a difference of shares: sqrt(p (1 - p) / n + q (1 - q) / m), although both drew with one seed.
    y, first, second = two
    gap = shift(answered(y, second), answered(y, first))["accuracy"]
    p, q = second.mean(), first.mean()
    sd = np.sqrt((p * (1 - p) + q * (1 - q)) / 500)
    assert gap.difference == pytest.approx(q - p)
    assert (gap.high - gap.low) / 2 == pytest.approx(1.96 * sd, rel=0.12)


def test_a_model_far_from_its_training_rows_loses_and_the_gap_shows_it():
    # y = x^2 fitted by the line x - 1/6 on [0, 1], then asked on [1, 2]: the risk is the mean of (x^2 - x + 1/6)^2.
    x = np.linspace(0, 1, 200)
    near, far = (evaluate_regression(z**2, z - 1 / 6, names=["y"], train_mean=1 / 3) for z in (x, x + 1))
    gap = shift(near, far)["mse"]
    assert gap.second == pytest.approx(np.mean(((x + 1) ** 2 - (x + 1) + 1 / 6) ** 2))
    assert gap.better == "first"
    assert gap.low > 0


def test_tables_and_json(two):
    y, first, second = two
    comparison = compare(answered(y, first), answered(y, second))
    lines = comparison.table().splitlines()
    assert len(lines) == 1 + len(comparison.differences)
    assert lines[1].startswith("Accuracy")
    assert lines[1].endswith("second")
    json.dumps(comparison.to_dict(), allow_nan=False)
