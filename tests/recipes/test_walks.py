"""Walks on Beale's surface: against values worked out by hand and by another sampler."""

import pytest
import torch

from parnassus import recipes
from parnassus.functional.surfaces import beale
from parnassus.recipes.walks import PRINTED


def test_the_printed_minimum_is_none():
    notes = recipes.run("descent-and-adam-on-beale", "tiny").notes
    assert "0.0237097, at (2.4507, 0.3631); at (2.5, 1.5) it is 103.69" in notes[0]
    assert "0.0000000, at (3.0000, 0.5000); at (2.5, 1.5) it is 109.77" in notes[1]


def test_a_chain_of_no_steps_stands_where_the_value_is_known():
    assert float(beale(torch.tensor([1.2, 2.0], dtype=torch.float64), c=PRINTED)) == pytest.approx(155.201406)
    rows = {row[:2]: row for row in recipes.run("chains-on-beale", "tiny").rows}
    assert rows["descent", ""][3] == pytest.approx(10.483, abs=1e-3)  # after 20 steps
    assert rows["chains, round moves", 0.01][4] < rows["descent", ""][3]
    assert "-180.69 and 1097.53" in recipes.run("chains-on-beale", "tiny").notes[1]
