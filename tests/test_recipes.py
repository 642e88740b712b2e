"""Recipes at toy size: that they run, and what holds at any size. `make proof` runs the same code at full size."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.errors import SettingError
from parnassus.recipes.__main__ import main
from parnassus.recipes.linear import BAYES

NAMES = sorted(recipes.all_recipes())


@pytest.fixture(scope="module")
def tables() -> dict[str, recipes.Table]:
    print("recipes at toy size; `make proof` runs them in full")
    return {name: recipes.run(name, "tiny") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_and_its_table_is_whole(tables, name):
    table = tables[name]
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert all(np.isfinite(v) for row in table.rows for v in row if isinstance(v, float))
    assert table.seconds is not None
    assert "seed" in table.settings


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_where_it_comes_from(name):
    one = recipes.all_recipes()[name]
    assert one.summary.endswith(".")
    assert one.source


@pytest.mark.parametrize("name", ["learning-curve", "polynomial-degree"])
def test_a_recipe_gives_the_same_table_again(tables, name):
    assert recipes.run(name, "tiny").rows == tables[name].rows


def test_one_unit_learns_every_gate_but_xor(tables):
    found = {gate: (separable, unit, net) for gate, separable, unit, net in tables["gates"].rows}
    assert all(found[g] == (True, 1.0, 1.0) for g in ("AND", "OR", "NAND"))
    separable, unit, net = found["XOR"]
    assert not separable
    assert unit <= 0.75  # Minsky and Papert 1969
    assert net == 1.0


def test_no_test_error_lies_below_that_of_the_best_rule(tables):
    assert pytest.approx(0.0023388675, abs=1e-10) == BAYES  # Q(sqrt(2) / 0.5)
    test_errors = [row[2] for row in tables["learning-curve"].rows]
    assert min(test_errors) >= BAYES
    assert test_errors[0] > test_errors[-1]


def test_the_middle_degree_is_nearest_to_the_curve(tables):
    errors = {row[0]: row[1:] for row in tables["polynomial-degree"].rows}
    assert min(errors, key=lambda d: errors[d][1]) == 4
    assert errors[20][0] < errors[4][0] < errors[1][0]  # and yet the highest fits its own rows best


def test_the_command_lists_runs_and_writes(tmp_path, capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES)
    page = tmp_path / "proofs.md"
    assert main(["learning-curve", "--tiny", "--write", str(page)]) == 0
    text = page.read_text()
    assert "Toy size" in text
    assert "| N | training error |" in text
    assert "Commit " in text


def test_a_name_that_is_no_recipe_is_refused_in_one_line(capsys):
    assert main(["digit"]) == 2
    assert capsys.readouterr().err == "error: no recipe 'digit'; did you mean 'digits'?\n"


def test_a_page_that_cannot_be_written_is_refused_in_one_line(tmp_path, capsys):
    assert main(["learning-curve", "--tiny", "--write", str(tmp_path / "no" / "page.md")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_sizes_are_checked():
    with pytest.raises(SettingError, match="'tiny' or 'full'"):
        recipes.run("gates", "huge")


def test_two_recipes_cannot_share_a_name():
    with pytest.raises(ValueError, match="registered twice"):
        recipes.recipe("gates", source="x")(lambda size: recipes.Table("", [], []))
