"""Parzen windows, balls, two-sample tests and memory against scikit-learn, SciPy, loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu, norm
from sklearn.neighbors import KernelDensity, KNeighborsClassifier

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics.generation import mode_coverage, squared_mmd
from parnassus.functional.metrics.sample_quality import (
    nearest_training,
    parzen_log_density,
    parzen_log_likelihood,
    precision_recall_coverage,
    two_sample_test,
)

RNG = np.random.default_rng(0)


def drawn(n, d, *, by=0.0, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)) + by)


def test_parzen_densities_are_those_of_scikit_learn():
    x, s = drawn(30, 3), drawn(50, 3, seed=1)
    theirs = KernelDensity(bandwidth=0.4).fit(s.numpy()).score_samples(x.numpy())
    assert np.abs(parzen_log_density(x, s, 0.4).numpy() - theirs).max() < 1e-10


def test_the_width_is_the_validation_rows_likeliest():
    x, s, held = drawn(40, 2), drawn(60, 2, seed=1), drawn(40, 2, seed=2)
    tried = [0.05, 0.2, 0.5, 1.0, 3.0]
    theirs = {h: KernelDensity(bandwidth=h).fit(s.numpy()).score(held.numpy()) for h in tried}
    found = parzen_log_likelihood(x, s, validation=held, widths=tried)
    assert found.width == max(theirs, key=theirs.get)
    log_p = KernelDensity(bandwidth=found.width).fit(s.numpy()).score_samples(x.numpy())
    assert found.value == pytest.approx(log_p.mean())
    assert found.error == pytest.approx(log_p.std(ddof=1) / math.sqrt(40))


def test_samples_of_the_right_law_are_likelier():
    x = drawn(200, 2)
    near, far = (parzen_log_likelihood(x, drawn(300, 2, by=by, seed=3)).value for by in (0.0, 4.0))
    assert near > far + 2


def slow_coverage(real, made, k):
    """By the sentences, one row after another."""

    def radius(rows, i):
        return np.sort(np.linalg.norm(np.delete(rows, i, 0) - rows[i], axis=1))[k - 1]

    balls, own = [radius(real, i) for i in range(len(real))], [radius(made, j) for j in range(len(made))]
    inside = [[np.linalg.norm(x - y) <= balls[i] for y in made] for i, x in enumerate(real)]
    other = [[np.linalg.norm(x - y) <= own[j] for j, y in enumerate(made)] for x in real]
    inside, other = np.array(inside), np.array(other)
    return inside.any(0).mean(), other.any(1).mean(), inside.sum() / (k * len(made)), inside.any(1).mean()


@pytest.mark.parametrize("k", [1, 3])
def test_balls_are_those_of_the_sentences(k):
    real, made = drawn(25, 2), drawn(18, 2, by=0.5, seed=1)
    expected = slow_coverage(real.numpy(), made.numpy(), k)
    assert precision_recall_coverage(real, made, k=k) == pytest.approx(expected)


def test_of_one_law_density_is_one_and_coverage_what_naeem_derives():
    """Expected coverage is 1 - (n - 1) ... (n - k) / ((2 n - 1) ... (2 n - k)) for n rows each (2020, eq. 8)."""
    n, k = 400, 5
    found = [precision_recall_coverage(drawn(n, 4, seed=2 * i), drawn(n, 4, seed=2 * i + 1), k=k) for i in range(6)]
    expected = 1 - math.prod(n - i for i in range(1, k + 1)) / math.prod(2 * n - i for i in range(1, k + 1))
    assert np.mean([f.coverage for f in found]) == pytest.approx(expected, abs=0.01)
    assert np.mean([f.density for f in found]) == pytest.approx(1, abs=0.06)


def test_a_collapse_is_precise_and_covers_nothing():
    real = drawn(200, 2)
    made = real[:1] + 1e-3 * drawn(200, 2, seed=1)
    found = precision_recall_coverage(real, made)
    assert found.precision == 1
    assert found.recall < 0.05
    assert found.coverage < 0.1


def test_the_vote_is_that_of_scikit_learn():
    x, y = drawn(40, 2), drawn(40, 2, by=0.6, seed=1)
    g = torch.Generator().manual_seed(0)
    a, b = x[torch.randperm(40, generator=g)], y[torch.randperm(40, generator=g)]
    taught = np.concatenate([a[:20], b[:20]]), np.repeat([0, 1], 20)
    theirs = KNeighborsClassifier(7).fit(*taught).score(np.concatenate([a[20:], b[20:]]), np.repeat([0, 1], 20))
    found = two_sample_test(x, y, k=7)
    assert found.accuracy == pytest.approx(theirs)
    assert found.p_value == pytest.approx(norm.sf((theirs - 0.5) * 2 * math.sqrt(40)))
    assert found.n_tested == 40


def test_the_test_keeps_its_level_and_sees_a_shift():
    p = [two_sample_test(drawn(60, 2, seed=2 * i), drawn(60, 2, seed=2 * i + 1)).p_value for i in range(100)]
    assert np.mean(np.array(p) < 0.05) < 0.13
    assert two_sample_test(drawn(200, 2), drawn(200, 2, by=1.0, seed=1)).p_value < 1e-6


def test_memory_is_the_statistic_of_mann_and_whitney():
    made, training, held = drawn(30, 2), drawn(50, 2, seed=1), drawn(20, 2, seed=2)
    near = [np.linalg.norm(side.numpy()[:, None] - training.numpy(), axis=2).min(1) for side in (made, held)]
    found = nearest_training(made, training, held)
    assert found.nearer == pytest.approx(1 - mannwhitneyu(*near).statistic / (30 * 20))
    assert found.made == pytest.approx(np.median(near[0]))
    assert found.held_out == pytest.approx(np.median(near[1]))
    assert found.copies == 0


def test_rows_learned_by_heart_are_seen():
    training, held = drawn(100, 3), drawn(100, 3, seed=1)
    found = nearest_training(torch.cat([training[:50], training[50:] + 0.01]), training, held)
    assert found.copies == 0.5
    assert found.nearer > 0.98
    assert abs(nearest_training(drawn(100, 3, seed=2), training, held).nearer - 0.5) < 0.15


def test_what_cannot_be_compared_is_refused():
    x = drawn(10, 2)
    with pytest.raises(DataError, match="one width"):
        two_sample_test(x, drawn(10, 3))
    with pytest.raises(DataError, match="NaN"):
        precision_recall_coverage(x, torch.full((10, 2), torch.nan))
    with pytest.raises(SettingError, match="fewer than the rows"):
        precision_recall_coverage(x, x, k=10)
    with pytest.raises(SettingError, match="above 0"):
        parzen_log_density(x, x, 0.0)
    with pytest.raises(DataError, match="4 rows"):
        two_sample_test(x[:3], x)
    with pytest.raises(DataError, match="validation"):
        parzen_log_likelihood(x[:1], x)


def test_windows_about_one_row_again_and_again_need_a_width():
    with pytest.raises(DataError, match="give widths="):
        parzen_log_likelihood(drawn(9, 2), torch.ones(7, 2))
    assert parzen_log_likelihood(drawn(9, 2), torch.ones(7, 2), widths=[0.5]).width == 0.5
    with pytest.raises(SettingError, match="widths is empty"):
        parzen_log_likelihood(drawn(9, 2), drawn(9, 2, seed=1), widths=[])


def test_arrays_and_lists_are_rows_too():
    a, b, c = (drawn(12, 2, seed=seed) for seed in range(3))
    assert nearest_training(a.numpy(), b.tolist(), c.numpy()) == nearest_training(a, b, c)
    assert two_sample_test(a.numpy(), b.numpy()) == two_sample_test(a, b)


def test_an_even_vote_is_refused():
    with pytest.raises(SettingError, match="k is odd"):
        two_sample_test(drawn(12, 2), drawn(12, 2, seed=1), k=4)


def test_rows_far_from_the_origin_are_as_far_from_one_another(draws):
    x, y = torch.randn(90, 5, dtype=torch.float64), 1.5 * torch.randn(70, 5, dtype=torch.float64)
    x, y = x.mul(2**20).round() / 2**20, y.mul(2**20).round() / 2**20  # so that the sum below loses nothing
    for ask in (
        lambda a, b: squared_mmd(a, b),
        lambda a, b: squared_mmd(a, b, width=1.3),
        lambda a, b: parzen_log_density(a, b, 0.7).tolist(),
        lambda a, b: list(precision_recall_coverage(a, b)),
        lambda a, b: two_sample_test(a, b).accuracy,
        lambda a, b: mode_coverage(a, b[:3], radius=2.0).astray,
    ):
        assert ask(x + 2.0**30, y + 2.0**30) == pytest.approx(ask(x, y), rel=1e-6)


def test_the_median_distance_is_of_rows_that_differ(draws):
    x = torch.randn(40, 6, dtype=torch.float64) + 3
    assert squared_mmd(x, x + 0.5) == pytest.approx(squared_mmd(x, x + 0.5, width=median_of(x, x + 0.5)), rel=1e-9)
    assert squared_mmd(x[:30], x) == pytest.approx(squared_mmd(x[:30], x, width=median_of(x[:30], x)), rel=1e-9)


def median_of(a, b):
    both = torch.cat([a, b])
    apart = (both[:, None] - both).square().sum(-1)
    return float(apart[apart > 0].median().sqrt())
