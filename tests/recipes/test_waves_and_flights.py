"""The books' series: against values and errors worked out apart."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.recipes.waves_and_flights import linear, wave, windows


def test_the_wave_without_noise_is_the_book_s_and_follows_from_six_values():
    y = wave(200, noise=0)
    assert y[:6] == pytest.approx([2, 0.866025, 0, 0, -1, -0.866025], abs=1e-6)
    for width, due in ((5, 0.138), (6, 0)):
        train, test = windows(y[:150], width), windows(y[150 - width :], width)
        assert np.square(linear(train, test[0]) - test[1]).mean() == pytest.approx(due, abs=6e-3)


def test_errors_of_what_needs_no_training_are_those_worked_out():
    rows = {row[0]: row[3:] for row in recipes.run("passengers-under-a-ceiling", "tiny").rows}
    assert rows["the month before"][0] == pytest.approx(55.79, abs=0.01)
    assert rows["the same month a year before"][0] == pytest.approx(52.78, abs=0.01)
    assert rows["the best under a tanh"] == (pytest.approx(40.53, abs=0.01), 505)
    assert rows["LSTM of 4 cells, tanh output"][1] <= 505


def test_whiskers_lie_between_the_ends_and_the_box():
    for _, least, lower, first, middle, third, upper, largest in recipes.run("passengers-by-year", "tiny").rows:
        assert least <= lower <= first <= middle <= third <= upper <= largest


def test_a_net_s_next_value_is_no_better_than_the_noise_allows():
    for row in recipes.run("wave-by-a-recurrent-net", "tiny").rows:
        assert row[2] > 0.5 * row[4]
    assert [row[0] for row in recipes.run("wave-by-attention", "tiny").rows][-1] == "noise alone"
