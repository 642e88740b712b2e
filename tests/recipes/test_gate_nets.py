"""XOR by the smallest nets: against numbers worked out by hand, and what Minsky's corners allow."""

import pytest

from parnassus import recipes


@pytest.fixture(scope="module")
def tables():
    names = ("xor-with-a-steepness", "a-step-of-backpropagation", "xor-from-many-starts", "xor-row-by-row")
    return {name: recipes.run(name, "tiny").rows for name in names}


def test_the_outputs_for_a_steepness_of_ten_are_those_worked_out(tables):
    found = {row[:2]: row[4] for row in tables["xor-with-a-steepness"]}
    assert [found[10, "00"], found[10, "11"]] == pytest.approx([0.0066925450] * 2, abs=1e-10)
    assert found[10, "01"] == pytest.approx(0.9866142982, abs=1e-10)
    assert found[1, "10"] == pytest.approx(0.2449, abs=1e-4)


def test_the_step_ends_where_arithmetic_says_and_not_where_the_book_does(tables):
    rows = {what: (book, here) for what, book, here in tables["a-step-of-backpropagation"]}
    assert float(rows["new output"][1]) == pytest.approx(0.9994472214, abs=1e-7)
    assert float(rows["new delta"][1]) == pytest.approx(-5.5278e-4, abs=1e-8)
    assert rows["delta of the hidden layer"] == ("-.5, .5, 0", "-0.5, 0.5, 0")


def test_eight_hidden_units_always_find_xor_and_two_do_not(tables):
    solved = {row[0]: row[2] for row in tables["xor-from-many-starts"]}
    assert solved["2-8-1"] == 1
    assert 0.2 < solved["2-2-1"] < 0.9  # 55 % of 500 starts, worked out apart


def test_the_printed_accuracies_are_averages_of_running_means(tables):
    same = [row for row in tables["xor-row-by-row"] if row[0].startswith("the same")]
    assert [row[1] for row in same] == [row[2] for row in same] == [0.4667, 0.6333, 0.1667]


def test_a_softmax_over_one_unit_is_right_for_its_class_alone():
    rows = recipes.run("one-softmax-unit", "tiny").rows
    assert rows[0][1] == pytest.approx(35 / 80)  # the share of class 1 among the test rows
    assert rows[0][1] <= 0.6
