"""Two kinds of pictures: a perceptron that knows its rows by heart, and a count known from elsewhere."""

import numpy as np

from parnassus import recipes
from parnassus.recipes.two_animals import two_kinds


def test_a_perceptron_knows_its_rows_and_little_else():
    rows = {row[0]: row[2] for row in recipes.run("perceptron-on-pictures", "tiny").rows}
    assert rows["colours a picture"] == 12_288
    assert rows["accuracy on its own rows"] == 1 > rows["accuracy on others"]


def test_both_kinds_are_in_both_parts_and_no_picture_twice():
    kinds = two_kinds(None, "tiny", side=16)
    assert kinds.names == ("disc", "square")
    assert set(kinds.y) == set(kinds.y_test) == {0, 1}
    every = np.concatenate([kinds.X, kinds.X_test])
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every) == 60


def test_the_course_s_dense_net_has_as_many_weights_as_worked_out():
    assert "37,754,881" in recipes.run("dense-net-on-pictures", "tiny").notes[0]


def test_the_taught_trunk_is_judged_on_classes_that_it_never_saw():
    rows = recipes.run("a-trunk-taught-before", "tiny").rows
    assert all(0 <= score <= 1 for score in rows[0][1:])
