"""Recipes on memory and alignment: bounds that any right run keeps."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.functional.statespace import legs
from parnassus.recipes.long_memory import recalled_share, wild
from parnassus.recipes.turned_round import mirrored


def test_hippo_recalls_more_of_the_past_than_random_matrices():
    own = recalled_share(*legs(16), n_steps=60, n_rows=150)
    others = [recalled_share(*wild(seed), n_steps=60, n_rows=150) for seed in range(3)]
    assert max(others) < own < 1


def test_a_random_matrix_is_made_stable():
    a, _ = wild(3)
    assert np.linalg.eigvals(a.numpy()).real.max() == pytest.approx(-0.5)


def test_weights_on_the_antidiagonal_are_a_turned_text():
    turned = np.fliplr(np.eye(4))
    assert mirrored([turned]) == 1
    assert mirrored([np.eye(4)]) == 0


@pytest.mark.parametrize("name", ["gap-to-remember", "jamba-and-its-parts", "soft-alignment"])
def test_recipes_of_memory_run(name):
    rows = recipes.run(name, "tiny").rows
    assert len(rows) >= 3


def test_the_adding_problem_is_not_learned_by_chance():
    for _, _, error, learned, _ in recipes.run("long-dependencies-by-optimizer", "tiny").rows:
        assert learned == (error < 0.5 / 6)
        assert error > 0.02
