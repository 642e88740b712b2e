"""Categories and dates as numbers."""

import numpy as np
import pytest

from parnassus.data.tables.encodings import date_parts, level_of, one_hot, ordinal, thermometer
from parnassus.errors import DataError


def test_0_B4_two_valued_columns():
    assert ordinal(list("MFFMF"), ["M", "F"]).tolist() == [0, 1, 1, 0, 1]
    assert ordinal(list("YNYNY"), ["N", "Y"]).tolist() == [1, 0, 1, 0, 1]


def test_2a_B24_ordinal_codes_of_sorted_columns():
    rows = [["a", "one"], ["b", "two"], ["c", "three"]]
    columns = [sorted({row[j] for row in rows}) for j in range(2)]
    codes = [ordinal([row[j] for row in rows], columns[j]) for j in range(2)]
    assert np.stack(codes, 1).tolist() == [[0, 0], [1, 2], [2, 1]]


def test_1_B04_third_of_four():
    assert one_hot(np.array([2]), 4).tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize("j", range(5))
def test_4_K44_level_j_of_k_is_j_leading_ones(j):
    assert thermometer(np.array([j]), 5)[0].tolist() == [1] * j + [0] * (4 - j)
    assert level_of(thermometer(np.array([j]), 5)).tolist() == [j]


def test_4_B22_model_year_takes_three_bits_and_cylinders_four():
    assert thermometer(np.arange(4), 4).shape[1] == 3
    assert thermometer(np.arange(5), 5).shape[1] == 4


def test_an_unknown_level_is_named():
    with pytest.raises(DataError, match=r"row 12, column 'size' holds 'XXL'.*'S', 'M'"):
        ordinal(["S", "XXL"], ["S", "M"], where="column 'size'", start=11)


def test_dates_are_those_of_the_calendar():
    # datetime: 2024-02-29 is day 19782 since 1970, a Thursday (weekday 3); 18:00 is three quarters of a day
    parts = date_parts(np.array(["2024-02-29T18:00", "NaT"], dtype="datetime64[us]"))
    angle = 2 * np.pi * np.array([1 / 12, 3 / 7, 0.75])
    expected = [19782.75, 2024, *np.stack([np.sin(angle), np.cos(angle)], 1).ravel()]
    assert parts[0] == pytest.approx(expected)
    assert np.isnan(parts[1]).all()
