"""Classifiers of the books' digits: counts known from elsewhere, and MNIST read from files."""

from parnassus import recipes


def test_the_counts_are_those_that_keras_prints():
    from parnassus.recipes.read_digits import _of_mnist

    assert _of_mnist() == 109_386
    assert _of_mnist(norm="batch") == 109_386 + 128 + 64  # two numbers a unit, and no bias before them
    (_, book, here), *_ = recipes.run("lenet-of-sigmoids", "tiny").rows
    assert book == here == 61_706


def test_no_area_under_a_curve_is_below_one_half_after_two_epochs():
    rows = recipes.run("digits-row-by-row", "tiny").rows
    assert sum(row[2] for row in rows[:10]) / 10 > 0.5
    assert sum(row[1] for row in rows[:10]) == rows[10][1] == 60
