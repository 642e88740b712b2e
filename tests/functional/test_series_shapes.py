"""Shapes of whole series: the shift that fits best, the centre of some, the mean under warping."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.dtw import dtw
from parnassus.functional.series_shapes import barycentre, shape_centre, shape_distances, shifted, z_normalized


def rows(n, time, seed=0):
    return torch.randn(n, time, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_normalised_series_have_mean_0_and_variance_1():
    found = z_normalized(5 * rows(4, 30) + 7)
    torch.testing.assert_close(found.mean(1), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(found.var(1, correction=0), torch.ones(4, dtype=torch.float64))


def test_shape_distances_are_one_minus_the_best_cross_correlation():
    x, y = rows(3, 17), rows(2, 17, seed=1)
    distance, shift = shape_distances(x, y)
    for i in range(3):
        for j in range(2):
            products = np.correlate(x[i].numpy(), y[j].numpy(), "full")
            expected = 1 - products.max() / (x[i].norm() * y[j].norm())
            assert float(distance[i, j]) == pytest.approx(float(expected))
            assert int(shift[i, j]) == int(products.argmax()) - 16


def test_a_shifted_copy_is_at_no_distance_and_shifting_it_back_fits():
    bump = torch.zeros(1, 40, dtype=torch.float64)
    bump[0, 10:15] = torch.tensor([1.0, 3, 5, 3, 1], dtype=torch.float64)
    late = torch.roll(bump, 9, 1)
    distance, shift = shape_distances(late, bump)
    assert float(distance) == pytest.approx(0, abs=1e-12)
    assert torch.equal(shifted(late, shift[:, 0]), bump)


def test_the_shape_centre_beats_the_mean_in_squared_correlations():
    x = z_normalized(rows(6, 12))
    start = torch.zeros(12, dtype=torch.float64)

    def fit(centre):
        return float((x @ (centre / centre.norm())).square().sum())

    centre = shape_centre(x, start)
    assert fit(centre) >= fit(x.mean(0))
    for direction in rows(50, 12, seed=5):
        level = direction - direction.mean()
        assert fit(centre) >= fit(level) - 1e-9
    assert float((x @ centre).sum()) >= 0


def test_averaging_under_warping_never_raises_the_sum_of_distances():
    given = [rows(1, n, seed=n)[0] for n in (9, 12, 15, 10)]
    centre = given[2]
    sums = []
    for _ in range(6):
        sums.append(sum(dtw(r[:, None], centre[:, None], squared=True).total for r in given))
        centre = barycentre(given, centre, n_rounds=1)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(sums))
    assert sums[-1] < sums[0]


def test_series_of_different_lengths_have_no_shape_distance():
    with pytest.raises(DataError, match="one length"):
        shape_distances(rows(1, 4), rows(1, 5))
