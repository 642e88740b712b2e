"""Metrics of generated rows against the fixtures and scipy."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics.generation import (
    frechet_between,
    frechet_distance,
    inception_score,
    mode_coverage,
    squared_mmd,
)


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("first", "second", "expected"), [
    (([0, 0], [[1, 0], [0, 1]]), ([1, 2], [[4, 0], [0, 9]]), 10.0),
    (([0, 0], [[2, 0.5], [0.5, 1]]), ([1, 2], [[1, 0.3], [0.3, 3]]), 5.734758),
    (([0], [[1]]), ([3], [[4]]), 10.0),
])  # fmt: skip
def test_b8_13_frechet_distances(first, second, expected):
    assert frechet_distance(*map(f64, first), *map(f64, second)) == pytest.approx(expected, abs=5e-7)


def test_frechet_distances_are_those_of_scipys_root():
    rng = np.random.default_rng(0)
    a, b = (m @ m.T for m in rng.normal(size=(2, 5, 5)))
    theirs = np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(torch.zeros(5), f64(a.tolist()), torch.zeros(5), f64(b.tolist())) == pytest.approx(theirs)


def test_b8_14_inception_scores():
    assert inception_score(torch.eye(10)) == pytest.approx(10)
    assert inception_score(torch.full((7, 10), 0.1)) == pytest.approx(1)
    rows = f64([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    assert inception_score(rows) == pytest.approx(2.022258, abs=5e-7)
    assert inception_score(rows[:1].repeat(9, 1)) == pytest.approx(1)


def test_the_discrepancy_grows_with_the_distance_and_is_small_for_one_law():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 2, generator=g), torch.randn(400, 2, generator=g)
    assert squared_mmd(x, y) < 0.01 < squared_mmd(x, y + 0.5) < squared_mmd(x, y + 2)


def test_collapse_is_seen_in_modes_and_duplicates():
    modes = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    whole = modes.repeat(50, 1) + 0.1 * torch.randn(150, 2, generator=torch.Generator().manual_seed(0))
    assert mode_coverage(whole, modes, radius=1.0).covered.all()
    found = mode_coverage(whole[::3], modes, radius=1.0)
    assert found.covered.tolist() == [True, False, False]
    one = mode_coverage(whole[:1].repeat(50, 1), modes, radius=1.0)
    assert one.duplicates == pytest.approx(0.98)


def test_the_distance_of_features_is_that_of_numpys_moments():
    rng = np.random.default_rng(1)
    for d in (1, 4):
        a, b = rng.normal(size=(13, d)), 2 * rng.normal(size=(17, d)) + 0.5
        one, two = np.cov(a.T).reshape(d, d), np.cov(b.T).reshape(d, d)
        theirs = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(one + two - 2 * np.real(sqrtm(one @ two)))
        assert frechet_between(a, torch.from_numpy(b)) == pytest.approx(theirs)


def test_bytes_of_pictures_are_rows_of_their_pixels():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 256, (5, 3, 4)).astype(np.uint8), rng.integers(0, 256, (6, 3, 4)).astype(np.uint8)
    x, y = a.reshape(5, 12).astype(float), b.reshape(6, 12).astype(float)

    def mean_kernel(p, q):
        return np.mean([[np.exp(-np.sum((i - j) ** 2) / (2 * 300.0**2)) for j in q] for i in p])

    expected = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert squared_mmd(a, b, width=300.0) == pytest.approx(expected)
    assert squared_mmd(a[:, 0, 0], b[:, 0, 0]) == squared_mmd(x[:, :1], y[:, :1])


HOLED = np.array([[0.0, np.nan], [1.0, 2.0]])
WHOLE = np.array([[0.0, 1.0], [1.0, 2.0]])


@pytest.mark.parametrize(("call", "words"), [
    (lambda: frechet_distance(torch.zeros(3), torch.eye(3), torch.zeros(2), torch.eye(2)), "of one d"),
    (lambda: frechet_distance(torch.zeros(2), torch.eye(2) / 0, torch.zeros(2), torch.eye(2)), "two rows at least"),
    (lambda: frechet_between(WHOLE[:1], WHOLE), "got 1 real and 2 made"),
    (lambda: frechet_between(WHOLE, HOLED), "made holds NaN"),
    (lambda: frechet_between(WHOLE, WHOLE[:, :1]), "rows of one width"),
    (lambda: inception_score(torch.full((3, 4), torch.nan)), "not its logits"),
    (lambda: inception_score([[3.0, 4.0]]), "add up to 1"),
    (lambda: inception_score([0.5, 0.5]), "rows, classes"),
    (lambda: squared_mmd(WHOLE, HOLED), "y holds NaN"),
    (lambda: squared_mmd(WHOLE[:0], WHOLE), "rows of one width"),
    (lambda: mode_coverage(HOLED, WHOLE, radius=1.0), "samples holds NaN"),
    (lambda: frechet_between([["a", "b"]] * 3, WHOLE), "array of numbers"),
    (lambda: squared_mmd(WHOLE, [[1.0], [1.0, 2.0]]), "one width"),
])  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize("asked", [{"radius": -1.0}, {"radius": float("nan")}, {"radius": 1.0, "least": 0.0}])
def test_modes_without_a_place_or_a_share_are_refused(asked):
    with pytest.raises(SettingError, match="radius is how near"):
        mode_coverage(WHOLE, WHOLE, **asked)


def test_a_window_of_no_width_is_refused():
    with pytest.raises(SettingError, match="width is above 0"):
        squared_mmd(WHOLE, WHOLE, width=0.0)
