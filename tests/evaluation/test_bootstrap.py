"""The resamples are a bootstrap, and its intervals are the textbook's where there is one."""

import numpy as np
import pytest

from parnassus.evaluation import bootstrap as module
from parnassus.evaluation.bootstrap import Bootstrap, Statistic, centred, interval
from parnassus.evaluation.statistics import means


def weights_of(bootstrap):
    return np.concatenate(list(bootstrap.chunks()), axis=1)


def test_a_resample_draws_as_many_rows_as_there_are():
    weights = weights_of(Bootstrap(np.ones(50), 300, seed=1))
    assert weights.shape == (50, 300)
    assert (weights.sum(0) == 50).all()
    # A row is left out of a resample with probability (1 - 1/n)^n.
    assert (weights == 0).mean() == pytest.approx((1 - 1 / 50) ** 50, abs=0.01)


def test_a_rows_own_weight_multiplies_its_draws():
    own = np.array([0.5, 2.0, 1.0])
    np.testing.assert_array_equal(
        weights_of(Bootstrap(own, 20, seed=1)), weights_of(Bootstrap(np.ones(3), 20, seed=1)) * own[:, None]
    )


def test_the_seed_alone_fixes_the_resamples_and_the_chunks_do_not_matter(monkeypatch):
    whole = weights_of(Bootstrap(np.ones(7), 30, seed=5))
    monkeypatch.setattr(module, "CHUNK", 20)
    np.testing.assert_array_equal(weights_of(Bootstrap(np.ones(7), 30, seed=5)), whole)
    assert (weights_of(Bootstrap(np.ones(7), 30, seed=6)) != whole).any()


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    weights_of(Bootstrap(np.ones(5), 10, seed=0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_interval_of_a_mean_is_the_normal_one():
    # Theory: mean +- 1.96 s / sqrt(n), for n = 2000 draws of a normal variable.
    x = np.random.default_rng(0).normal(3, 2, size=2000)
    _, replicates = Bootstrap(np.ones(2000), 2000, seed=0).run([means({"x": x})])
    half = 1.96 * x.std() / np.sqrt(2000)
    assert interval(replicates["x"], 0.95) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.1 * half)


def test_intervals_of_a_mean_cover_the_truth_about_as_often_as_they_say():
    # 300 samples of 60 exponential draws with mean 1; 95 % nominal, a little less for so few and skew rows.
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        _, replicates = Bootstrap(np.ones(60), 300, seed=seed).run([means({"x": rng.exponential(size=60)})])
        low, high = interval(replicates["x"], 0.95)
        covered += low <= 1 <= high
    assert 0.89 <= covered / 300 <= 0.97


def test_a_costly_statistic_gets_fewer_resamples_but_enough_for_an_interval(monkeypatch):
    monkeypatch.setattr(module, "WORK", 10_000)
    bootstrap = Bootstrap(np.ones(10), 1000)
    cheap, costly = means({"a": np.arange(10.0)}), Statistic(means({"b": np.arange(10.0)}).compute, n_passes=4)
    _, replicates = bootstrap.run([cheap, costly])
    assert {k: len(v) for k, v in replicates.items()} == {"a": 1000, "b": 250}
    assert bootstrap.affordable(10_000) == module.FEWEST


def test_no_interval_where_half_of_the_resamples_are_undefined():
    assert interval(np.array([np.nan, np.nan, 1.0, 2.0]), 0.95) == (None, None)
    assert interval(None, 0.95) == (None, None)
    assert interval(np.array([np.nan, 1.0, 1.0]), 0.95) == (1.0, 1.0)


def test_centring_removes_the_bias_and_keeps_errors_from_going_below_zero():
    moved = centred(np.array([0.05, 0.07, 0.09]), 0.02)
    assert moved.mean() == pytest.approx(0.02)
    assert centred(np.array([0.0, 0.2]), 0.05).min() == 0


def test_fingerprints_tell_rows_weights_and_resamples_apart():
    y = np.array([0, 1, 1])
    base = Bootstrap(np.ones(3), 10, seed=0)
    assert base.fingerprint(y) == Bootstrap(np.ones(3), 10, seed=0).fingerprint(y.copy())
    others = [
        base.fingerprint(y[::-1]),
        Bootstrap(np.ones(3), 10, seed=1).fingerprint(y),
        Bootstrap(np.ones(3), 11, seed=0).fingerprint(y),
        Bootstrap(np.array([1, 1, 2.0]), 10).fingerprint(y),
    ]
    assert base.fingerprint(y) not in others
