"""Reading tables: what a column holds, whatever container it came in."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from parnassus.data.tables.columns import kind_of, read_frame
from parnassus.errors import DataError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], "number"),
        ([True, False, None], "boolean"),
        ([True, 2], "number"),
        (["a", None], "category"),
        ([decimal.Decimal("1.5"), 2], "number"),
        ([datetime.date(2020, 1, 1)], "date"),
        ([datetime.timedelta(1)], "number"),
        ([None, float("nan")], None),
        ([b"x"], "category"),
        ([pd.NA, 1], "number"),
        ([pd.Timestamp("2020-01-01"), pd.NaT], "date"),
    ],
)
def test_python_objects_are_told_apart(values, kind):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    assert kind_of(column, "column 'a'") == kind


def test_the_rarer_kind_is_named_by_its_row():
    with pytest.raises(DataError, match=r"row 102 holds '\?' \(a category\) where 3 others hold a number"):
        kind_of(np.array([1, 2, "?", 3], dtype=object), "column 'a'", 100)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"e": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x"]))}),
        pd.DataFrame({"e": pd.Categorical(["x", "y"], categories=["y", "x"], ordered=True)}),
    ],
)
def test_ordered_categories_keep_their_order(frame):
    assert read_frame(frame).levels == {0: ["y", "x"]}


def test_names_that_are_no_strings_are_no_names():
    assert read_frame(pd.DataFrame(np.eye(2))).names is None
    assert read_frame(pd.DataFrame(np.eye(2), columns=["a", "b"])).names == ["a", "b"]


@pytest.mark.parametrize(
    "raw", [pl.LazyFrame({"a": [1]}), np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]).reshape(1, 1)]
)
def test_tables_that_cannot_be_read_say_what_to_give(raw):
    with pytest.raises(DataError, match=r"collect|DataFrame\(X\)"):
        read_frame(raw)
