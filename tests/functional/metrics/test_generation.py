"""Metrics of generated rows against the fixtures and scipy."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from parnassus.functional.metrics.generation import frechet_distance, inception_score, mode_coverage, squared_mmd


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
