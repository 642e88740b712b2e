"""Recipes on labels, starts, boxes and pixels: what must hold whatever the nets learn."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.recipes.labelled_pictures import shares, vehicles


def test_a_written_scheme_makes_people_agree():
    vague, written = recipes.run("vans-or-trucks", "tiny").rows
    assert written[1] > vague[1]
    assert written[3] > vague[3]  # where it is hard
    assert min(vague[2], written[2]) > 0.97  # where it is clear


def test_vehicles_are_as_long_as_they_say():
    X, lengths = vehicles(40, seed=0)
    bright = (X > 130).sum((1, 2))
    assert np.corrcoef(bright, lengths)[0, 1] > 0.98


def test_shares_of_a_perfect_and_of_an_empty_answer():
    truth = np.array([[[0, 0, 1, 2]]])
    assert shares(truth, truth) == (1, 1, 1)
    assert shares(np.zeros_like(truth), truth) == (pytest.approx(0.5 / 3), 0, 0.5)


@pytest.mark.slow
def test_detectors_and_segmenters_run():
    rows = recipes.run("one-stage-and-two", "tiny").rows
    assert [row[0] for row in rows] == ["ssd", "faster_rcnn"]
    assert all(0 <= row[1] <= 1 for row in rows)
    assert recipes.run("pixels-by-class", "tiny").rows[-1][2] == 0
    assert recipes.run("few-labels-from-a-start", "tiny").rows
