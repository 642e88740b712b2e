"""Quantile targets: shapes, units, the median, and intervals by level."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.quantiles import Quantiles

Y = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0]])


def test_there_is_an_output_for_every_quantile_of_every_column():
    assert Quantiles().fit(Y).facts() == {"n_outputs": 6}
    assert Quantiles(quantiles=(0.5,)).fit(Y[:, 0]).facts() == {"n_outputs": 1}


def test_quantiles_come_back_in_the_users_units_and_ascending():
    target = Quantiles().fit(Y)
    z = torch.tensor([[0.0, -1.0, 1.0, 2.0, 0.0, 1.0]])
    expected = np.sort(z.numpy().reshape(1, 2, 3)) * Y.std(0)[:, None] + Y.mean(0)[:, None]
    np.testing.assert_allclose(target.levels(z), expected, rtol=1e-6)
    np.testing.assert_allclose(target.decode(z), expected[..., 1], rtol=1e-6)
    assert Quantiles().fit(Y[:, 0]).levels(z[:, :3]).shape == (1, 3)


@pytest.mark.parametrize(
    ("levels", "expected"), [((0.25, 0.75), 1.5), ((0.1, 0.6), 1.8), ((0.6, 0.9), 1.0), ((0.2,), 1.0)]
)
def test_without_a_median_it_is_read_off_its_neighbours(levels, expected):
    target = Quantiles(quantiles=levels, scaling="none").fit([0.0, 4.0])
    assert target.decode(torch.tensor([[1.0, 2.0][: len(levels)]])) == pytest.approx(expected)


def test_a_level_names_its_two_quantiles():
    target = Quantiles(quantiles=(0.05, 0.1, 0.9, 0.95))
    assert target.ends(0.8) == (1, 2)
    assert target.ends(0.9) == target.ends(None) == (0, 3)
    with pytest.raises(pn.SettingError, match=r"0.25 and 0.75, and this model learned \(0.05"):
        target.ends(0.5)
    with pytest.raises(pn.SettingError, match="two ends"):
        Quantiles(quantiles=(0.5,)).ends(None)


def test_the_state_round_trips():
    target = Quantiles(quantiles=(0.2, 0.8)).fit(Y)
    again, z = Quantiles.from_state(target.state()), torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(again.levels(z), target.levels(z))
    assert again.quantiles == (0.2, 0.8)
