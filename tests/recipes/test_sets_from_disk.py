"""Recipes that stand for runs on well-known sets, on a few rows of them in their own form."""

import pytest
from tests.recipes.sets_on_disk import WRITERS

from parnassus import recipes

READING = sorted((one.reads, name) for name, one in recipes.all_recipes().items() if one.reads)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), READING)
def test_a_recipe_runs_on_the_set_that_it_reads(tmp_path, kind, name):
    table = recipes.run(name, "tiny", WRITERS[kind](tmp_path))
    assert table.rows
    assert table.rows != recipes.run(name, "tiny").rows
