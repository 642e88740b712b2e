"""Photographs: sizes that follow by arithmetic, and filters beside SciPy's."""

from parnassus import recipes


def test_our_filters_are_scipy_s():
    rows = recipes.run("photo-turned-and-blurred", "tiny").rows
    assert all(row[3] < 1e-6 for row in rows[1:])
    details = [row[1] for row in rows[:4]]
    assert details == sorted(details, reverse=True)


def test_the_stride_gives_the_printed_size_with_up_to_two_rows_added():
    table = recipes.run("edges-and-a-stride", "tiny")
    assert [row[3] for row in table.rows] == [True, True, True, False, False, True, True]
    assert table.rows[4][2] == "148 x 257"
    assert "to the last digit: yes" in table.notes[0]


def test_a_flip_moves_colours_and_makes_none():
    rows = {row[0]: row[1:] for row in recipes.run("pictures-changed-at-random", "tiny").rows}
    assert abs(rows["flipped"][1]) < 1e-12 < rows["flipped"][0]
