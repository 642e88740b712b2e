"""One unit by hand: the numbers that the books print, and the bound that they print wrongly."""

import pytest

from parnassus import recipes


def rows_of(name):
    return recipes.run(name, "tiny").rows


def test_the_listing_on_or_ends_after_three_epochs():
    rows = rows_of("perceptron-on-or")
    assert [row[2:] for row in rows] == [(1, 1.0, 1.0, 1.0), (1, 1.0, 1.0, 0.0), (0, 1.0, 1.0, 0.0)]


def test_two_rows_need_103_corrections_where_the_printed_bound_allows_21():
    rows = {row[0]: row[3:] for row in rows_of("perceptron-bound")}
    assert rows["AND"][:2] == (10, pytest.approx(12.3693169))  # (R^2 + 1) sqrt(17)
    assert rows["x = 0.1 and 0.2"] == (103, pytest.approx(21.0327, abs=1e-4), False, pytest.approx(425.36), True)
    assert all(row[-1] for row in rows.values())


def test_each_printed_number_of_the_or_unit_is_ours_rounded():
    for _, what, book, here in rows_of("sigmoid-unit-on-or"):
        assert round(here, 4) == book, what


def test_each_printed_number_of_the_and_unit_is_ours_rounded():
    (_, book, here), *rest = rows_of("sigmoid-unit-on-and")
    assert float(here) == pytest.approx(0.2303555539, abs=1e-10)
    assert float(here) == pytest.approx(float(book), abs=1e-7)
    assert all(printed == ours for _, printed, ours in rest)


def test_no_line_no_end_of_the_rule_and_an_end_of_the_squared_errors():
    ends = {row[:2]: row for row in rows_of("mmse-unit")}
    assert ends["a line separates", "perceptron rule"][4] == "ends"
    assert ends["no line separates", "perceptron rule"][4] == "never ends"
    assert ends["no line separates", "tanh, row by row"][3] <= ends["no line separates", "perceptron rule"][3]


def test_the_slopes_of_the_two_costs_part_where_the_unit_is_wrong():
    z, ce, ce_slope, se, se_slope = rows_of("two-costs-of-a-sigmoid")[1]
    assert (z, ce) == (-10, pytest.approx(10.0000453989))
    assert ce_slope == pytest.approx(-0.9999546021)
    assert (se, se_slope) == (pytest.approx(0.9999092063), pytest.approx(-9.07875e-05))
