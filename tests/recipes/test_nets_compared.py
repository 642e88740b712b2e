"""Sizes of nets as counted elsewhere, and what a law's own sample is."""

import pytest

from parnassus import recipes


def test_vgg_16_has_as_many_parameters_as_published():
    rows = {row[0]: row for row in recipes.run("picture-nets-compared", "tiny").rows}
    assert rows["vgg16"][2] == pytest.approx(138.357544)
    assert rows["vgg16"][3]


def test_a_second_true_sample_is_nearer_than_the_critical_gap():
    rows = recipes.run("numbers-from-a-gan", "tiny").rows
    assert rows[0][3] < 1.628 * (2 / 1000) ** 0.5  # Kolmogorov and Smirnov at 1 %
    assert all(row[2] > 0 for row in rows)
