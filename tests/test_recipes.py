"""Recipes at toy size: that they run, and what holds at any size. `make proof` runs the same code at full size."""

import json

import numpy as np
import pytest

from parnassus import recipes
from parnassus.cli import main
from parnassus.errors import SettingError
from parnassus.recipes.experiments import chosen, experiments
from parnassus.recipes.linear import BAYES
from parnassus.recipes.pages import write_page

pytestmark = pytest.mark.slow
NAMES = sorted(recipes.all_recipes())


class Tables(dict[str, recipes.Table]):
    """The tables by name, each made when it is first asked for: several workers share the recipes out."""

    def __missing__(self, name: str) -> recipes.Table:
        self[name] = recipes.run(name, "tiny")
        return self[name]


@pytest.fixture(scope="module")
def tables() -> Tables:
    print("recipes at toy size; `make proof` runs them in full")
    return Tables()


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
    assert main(["reproduce"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES)
    assert main(["reproduce", "learning-curve", "--tiny", "--write", str(tmp_path / "pages")]) == 0
    assert "N" in capsys.readouterr().out
    text = (tmp_path / "pages" / "learning-curve.md").read_text()
    assert "Toy size" in text
    assert "| N | training error |" in text
    assert "Commit " in text


def test_the_command_takes_an_experiment_and_gives_json(capsys):
    assert main(["reproduce", "martinez-ramon-8", "--tiny", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["recipe"] == "learning-curve"
    assert found["experiments"][0]["section"] == "2.2"
    assert set(found["rows"][0]) == set(recipes.run("learning-curve", "tiny").columns)


def test_pictures_of_a_recipe_are_drawn_into_its_page(tmp_path):
    from matplotlib.figure import Figure

    one = recipes.Recipe("drawn", "a test", "", lambda size: None, ("hifny-1",))
    table = recipes.Table("Drawn", ("a",), [(1,)], pictures={"An empty sheet.": Figure})
    page = write_page(tmp_path, one, table, size="full").read_text()
    assert "![An empty sheet.](drawn-1.png)" in page
    assert (tmp_path / "drawn-1.png").read_bytes().startswith(b"\x89PNG")
    assert "| `hifny-1` | Hifny 2.3 |" in page


def test_every_experiment_of_the_books_has_a_recipe():
    assert {e for one in recipes.all_recipes().values() for e in one.experiments} == set(experiments())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["digit"], "no recipe, experiment or book 'digit'; did you mean 'digits'"),
        (["learning-curve", "--tiny", "--write", "file/below"], "cannot be written"),
        (["learning-curve", "--data", "file"], "makes its own data"),
        (["gates", "learning-curve", "--data", "file"], "names 2 recipes"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["reproduce", *words]) == 2
    found = capsys.readouterr().err
    assert says in found
    assert found.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(recipes, "run", lambda *given: pytest.fail("it ran first"))
    assert main(["reproduce", "gates", "--tiny", "--write", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_book_is_named_in_capitals_or_not():
    known = {"lenet": ("hifny-13", "baker-8"), "gates": ("keras-1",)}
    assert chosen("Hifny", known) == chosen("baker", known) == ["lenet"]
    assert chosen("keras", known) == ["gates"]


def test_an_experiment_without_a_recipe_is_named_with_what_it_is():
    with pytest.raises(SettingError, match=r"martinez-ramon-28 \(.*on CIFAR-10\) has no recipe yet"):
        chosen("martinez-ramon-28", {})


def test_sizes_are_checked():
    with pytest.raises(SettingError, match="'tiny' or 'full'"):
        recipes.run("gates", "huge")


def test_two_recipes_cannot_share_a_name():
    with pytest.raises(ValueError, match="registered twice"):
        recipes.recipe("gates", source="x")(lambda size: recipes.Table("", [], []))


def test_a_wider_layer_comes_nearer_to_the_bump(tables):
    largest = [row[1] for row in tables["universal-approximation"].rows]
    assert largest[-1] < 0.2 < largest[0]  # one ridge cannot be a bump


def test_the_test_error_peaks_where_features_equal_rows_and_falls_again(tables):
    rows = {row[1]: row[2:] for row in tables["double-descent"].rows}
    assert rows[1.0][1] > 3 * max(rows[0.25][1], rows[20.0][1])
    assert max(train for at, (train, _) in rows.items() if at >= 1) < 1e-12  # as many features as rows fit exactly
    assert rows[0.5][0] > 1e-3


def test_deep_and_wide_nets_have_about_as_many_weights(tables):
    weights = [row[1] for row in tables["depth-versus-width"].rows]
    assert max(weights) < 1.2 * min(weights)


@pytest.mark.parametrize("name", ["array-toolkit", "scientific-routines", "dataframe-io"])
def test_what_other_packages_compute_is_what_is_known(tables, name):
    assert [row[0] for row in tables[name].rows if not row[3]] == []


def test_every_kind_of_plot_is_drawn(tables):
    assert len(tables["plots"].rows) == 16
    assert all(drawn for _, drawn in tables["plots"].rows)


def test_a_file_read_in_chunks_gives_the_weights_of_rows_in_memory(tables):
    assert tables["data-pipeline"].notes[0].startswith("Largest difference of a weight: 0")


def test_pictures_in_folders_are_told_apart_by_the_loaded_model(tables):
    assert [row[1] for row in tables["image-folder"].rows] == [row[2] for row in tables["image-folder"].rows]


def test_a_list_a_graph_and_a_name_learn_and_the_saved_one_says_the_same(tables):
    rows = {row[0]: row for row in tables["sequential-model-api"].rows}
    assert rows["a name"][4]
    assert min(row[3] for row in rows.values()) > 0.3  # ten classes


def test_the_loop_by_hand_and_the_estimator_are_tested_once(tables):
    rows = tables["learning-workflow"].rows
    assert [row[2] != "" for row in rows].count(True) == 2
    assert rows[-1][2] > 0.8


def test_candidates_are_sorted_by_validation_and_the_best_alone_is_tested(tables):
    scores = [row[1] for row in tables["architecture-search"].rows]
    assert scores == sorted(scores, reverse=True)
    assert [row[3] != "" for row in tables["architecture-search"].rows].count(True) == 1
