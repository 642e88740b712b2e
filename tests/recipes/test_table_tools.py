"""SciPy's and scikit-learn's examples: against the numbers that the book prints and that another rerun found."""

import pytest

from parnassus import recipes
from parnassus.recipes import table_tools


def rows_of(name):
    return recipes.run(name, "tiny").rows


def test_our_clusters_are_scipy_s():
    rows = rows_of("two-clouds-quantised")
    assert all(scipy == pytest.approx(ours) for _, scipy, ours in rows)


def test_points_are_joined_as_another_rerun_joined_them():
    found = {row[:2]: row[2] for row in rows_of("curves-through-points")}
    assert found["cos(2x) + 1, linear", "at 0.5"] == pytest.approx(1.2771555849)
    assert found["cos(2x) + 1, linear", "at 5"] == pytest.approx(0.6277324728)
    assert found["cos(2x) + 1, cubic", "at 9.7"] == pytest.approx(2.0274278414)


def test_the_pipeline_has_the_accuracy_of_another_rerun(monkeypatch):
    from sklearn.neural_network import MLPClassifier

    given = {"max_iter": 2000, "random_state": 0}
    monkeypatch.setattr(table_tools.neural_network, "MLPClassifier", lambda widths, **_: MLPClassifier(widths, **given))
    rows = {row[0]: row[1:] for row in rows_of("scaled-rotated-classified")}
    assert rows["scikit-learn's MLPClassifier"] == (0.875, 37, 4, 6, 33)
    assert sum(rows["parnassus.Classifier"][1:]) == 80


def test_the_sides_of_a_stone_say_its_weight():
    rows = rows_of("columns-that-matter")
    assert rows[0][2] == "x, y, z"
    assert set(rows[1][2].split(", ")) <= {"x", "y", "z"}


def test_the_printed_accuracy_is_that_of_one_split_among_others():
    rows = {row[0]: row[1:] for row in rows_of("one-split-is-luck")}
    printed, here = rows["breast cancer, an RBF machine on split 1"]
    assert here == pytest.approx(103 / 114)
    assert printed == 0.9035
    low, high = map(float, rows["the same, lowest and highest of 5 splits"][1].split(" and "))
    assert low < 0.9 < 0.92 < high


def test_the_two_sentences_feel_as_printed_to_two_digits():
    for text, what, book, here in rows_of("two-sentences-felt"):
        assert book == "" or here == pytest.approx(book, abs=0.006), (text, what)


def test_steps_come_to_the_closed_form():
    for _, slope, closed, start, bias, _ in rows_of("ridge-by-steps"):
        assert (slope, start) == (pytest.approx(closed, rel=0.1), pytest.approx(bias, rel=0.01))
