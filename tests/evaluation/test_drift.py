"""Columns that shifted are found and those that did not are not; numbers are scipy's and hand-counted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import parnassus as pn
from parnassus.errors import DataError

RNG = np.random.default_rng(0)
N = 400


@pytest.fixture(autouse=True)
def _drawn_anew() -> None:
    """Each test draws the same rows, in whatever order the tests run."""
    global RNG
    RNG = np.random.default_rng(0)


def rows(n: int, shift: float = 0.0, city: tuple = ("Bonn", "Ulm")) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": RNG.normal(40 + shift, 10, n),
            "city": RNG.choice(city, n),
            "same": RNG.normal(size=n),
            "gap": np.where(RNG.random(n) < 0.1, np.nan, 1.0 * RNG.integers(0, 9, n)),
        }
    )


@pytest.mark.slow
def test_a_column_that_moved_is_found_and_the_others_are_not(tmp_path) -> None:
    before, after = rows(N), rows(N, shift=15)
    found = pn.drift(before, after)
    assert found.shifted == ["age"]
    assert found.columns[0].name == "age"
    assert found.columns[0].p_value == stats.ks_2samp(before["age"], after["age"]).pvalue
    assert found.columns[0].distance == stats.ks_2samp(before["age"], after["age"]).statistic
    assert found.auc > 0.8
    assert "! age" in str(found)
    before.to_csv(tmp_path / "before.csv", index=False)
    after.to_csv(tmp_path / "after.csv", index=False)
    assert pn.drift(tmp_path / "before.csv", str(tmp_path / "after.csv")).shifted == ["age"]
    json.dumps(found.to_dict())


@pytest.mark.slow
def test_rows_of_one_source_show_no_drift() -> None:
    found = pn.drift(rows(N), rows(N))
    assert not found.shifted
    assert abs(found.auc - 0.5) < 0.1


def test_categories_that_are_new_are_found_by_their_share() -> None:
    before = pd.DataFrame({"c": ["a"] * 60 + ["b"] * 40})
    after = pd.DataFrame({"c": ["a"] * 30 + ["b"] * 40 + ["z"] * 30})
    (column,) = pn.drift(before, after).columns
    assert column.unseen == 0.3
    assert column.distance == pytest.approx(0.3)  # half of |.6 - .3| + |.4 - .4| + |0 - .3|
    assert column.p_value == pytest.approx(stats.chi2_contingency([[60, 40, 0], [30, 40, 30]]).pvalue)


@pytest.mark.slow
def test_arrays_dates_and_missing_columns_are_compared() -> None:
    assert pn.drift(RNG.normal(size=(50, 2)), RNG.normal(size=(60, 2)) + 5).columns[1].p_value < 1e-9
    dates = [pd.DataFrame({"d": pd.date_range(start, periods=80)}) for start in ("2020-01-01", "2024-01-01")]
    assert pn.drift(*dates).columns[0].distance == 1
    gone = pn.drift(pd.DataFrame({"a": [1.0] * 30}), pd.DataFrame({"a": [np.nan] * 30})).columns[0]
    assert (gone.missing_after, gone.distance) == (1, 1)


def test_darker_pictures_and_strange_words_are_found() -> None:
    bright = RNG.integers(0, 255, (80, 8, 8), dtype=np.uint8)
    assert "brightness" in pn.drift(bright, bright // 3).shifted
    old, new = ["good film"] * 20 + ["bad film"] * 20, ["schlechter film heute"] * 40
    assert {"n_words", "new_words"} <= set(pn.drift(old, new).shifted)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]}), "columns differ"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "2 columns before and 3 after"),
        (["a text"], np.zeros((5, 3)), "strings before and table after"),
    ],
)
def test_what_cannot_be_compared_is_refused(before, after, words) -> None:
    with pytest.raises(DataError, match=words):
        pn.drift(before, after)
