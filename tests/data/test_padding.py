"""Rows of different lengths as one array: sides, cuts, masks, beginnings."""

import numpy as np
import pytest

from parnassus.data.padding import padded, prefixes
from parnassus.errors import DataError, DataWarning, SettingError

ROWS = [[1, 2, 3], [4], [5, 6]]


def test_rows_are_filled_on_either_side_and_the_mask_says_where():
    behind, before = padded(ROWS), padded(ROWS, fill="before", pad=9)
    assert behind.values.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    assert before.values.tolist() == [[1, 2, 3], [9, 9, 4], [9, 5, 6]]
    for found in (behind, before):
        assert [row[real].tolist() for row, real in zip(found.values, found.mask, strict=True)] == ROWS
        assert found.n_cut == 0


@pytest.mark.parametrize(("cut", "wanted"), [("behind", [1, 2]), ("before", [2, 3])])
def test_what_is_too_long_loses_the_side_that_was_named_and_is_counted(cut, wanted):
    with pytest.warns(DataWarning, match="1 of 3 rows are longer than 2"):
        found = padded(ROWS, length=2, cut=cut)
    assert found.values[0].tolist() == wanted
    assert found.n_cut == 1


def test_2b_B24_prefix_rows_of_eleven_words():
    words = ["once", "upon", "a", "time", "there", "were", "a", "king", "and", "a", "queen"]
    ids = [346, 41, 4, 68, 25, 19, 4, 32, 2, 4, 45]
    assert len(words) == len(ids) == 11
    assert [i for i, word in zip(ids, words, strict=True) if word == "a"] == [4, 4, 4]
    rows = prefixes(ids)
    assert [len(row) for row in rows] == list(range(2, 12))
    assert rows[-1][-2:] == [4, 45]  # the book's table repeats the row before, which ends in 2, 4
    assert rows[-2][-2:] == [2, 4]
    table = padded(rows, fill="before").values
    assert table.shape == (10, 11)
    assert table[:, -1].tolist() == ids[1:]  # the last column is what follows
    assert np.count_nonzero(table) == sum(range(2, 12))


def test_what_means_nothing_is_refused():
    for wrong in ({"fill": "post"}, {"cut": "middle"}, {"length": 0}):
        with pytest.raises(SettingError):
            padded(ROWS, **wrong)
    with pytest.raises(SettingError):
        prefixes([1], least=0)
    with pytest.raises(DataError, match="no rows"):
        padded([])
    assert padded([[]]).values.shape == (1, 1)
    assert prefixes([1]) == []
