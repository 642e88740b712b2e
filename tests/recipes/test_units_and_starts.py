"""Activations and first weights: against numbers of another implementation of the book's runs."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.data.samples import rings, xor_clusters
from parnassus.recipes import units_and_starts as recipe


def test_the_book_s_xor_run_goes_where_another_implementation_went():
    state = np.random.RandomState(30)
    train, _, unseen = xor_clusters(100, seed=state), rings(250, seed=state), xor_clusters(100, seed=state)
    for unit, rate, due in (("relu", 0.1, (0.0720, 0.0854, 0.1025)), ("sigmoid", 0.8, (0.2350, 0.2350, 0.3425))):
        found, _ = recipe._followed(unit, train, unseen, rate=rate, n_epochs=100)
        assert found[-1] == pytest.approx(due, abs=1e-4)


def test_relu_is_ahead_after_twenty_epochs_on_both_sets():
    rows = recipes.run("relu-beside-logistic", "tiny").rows
    last = {row[:2]: row[4] for row in rows if row[3] == 20}
    assert last["XOR", "relu"] < last["XOR", "sigmoid"]
    assert last["circle", "relu"] < last["circle", "sigmoid"]


def test_a_relu_without_he_s_factor_halves_the_square_of_the_signal():
    rows = {row[0]: row[2] for row in recipes.run("thirty-layers", "tiny").rows}
    assert rows["lecun_normal"] == pytest.approx(rows["he_normal"] / 2**2, rel=1e-4)  # four layers, a root of two each
