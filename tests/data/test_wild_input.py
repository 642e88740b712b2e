"""Anything at all goes in: out comes a finite result or one of our own refusals, and what was learned can be saved."""

import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parnassus.data.audit import audit_table, audit_target
from parnassus.data.tables.table import Table
from parnassus.data.targets import target_for
from parnassus.errors import DataError

ODD = st.sampled_from(
    [None, np.nan, pd.NA, pd.NaT, "", b"\x80", {}, [1], 2**70, 1e308, -1e308, np.inf, 1 + 2j, True, "1"]
)
CELLS = [
    st.integers(-9, 9),
    st.floats(),
    st.text(max_size=2),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.decimals(),
    st.one_of(st.none(), st.floats(-5, 5)),
    st.one_of(st.none(), st.sampled_from("ab")),
    ODD,
]
COLUMNS = st.lists(st.one_of(*[st.lists(cell, min_size=4, max_size=4) for cell in CELLS]), min_size=1, max_size=3)
OPTIONS = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["refuse", "mean", "median", "mode", "constant"]),
        "scaling": st.sampled_from(["standard", "minmax", "log", "quantile", "none"]),
        "missing_indicator": st.booleans(),
        "categories": st.sampled_from(["onehot", "embedding"]),
    }
)
ANSWERS = st.one_of(
    st.one_of(*[st.lists(cell, max_size=5) for cell in CELLS]),
    st.lists(st.lists(st.one_of(ODD, st.integers(0, 2)), max_size=3), max_size=4),
    st.lists(st.sets(st.integers(0, 3)), max_size=4),
    st.lists(st.lists(st.sampled_from([0, 1]), min_size=2, max_size=2), max_size=4),
    ODD,
)
ANYTHING = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def table_of(columns, form):
    if form == "frame":
        return pd.DataFrame(
            {f"c{i}": pd.Series(values, dtype=object).infer_objects() for i, values in enumerate(columns)}
        )
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.slow
@ANYTHING
@given(COLUMNS, COLUMNS, OPTIONS, st.sampled_from(["frame", "rows"]))
def test_any_table_is_learned_or_refused(columns, others, options, form):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw, other = table_of(columns, form), table_of(others, form)
        try:
            codec = Table(**options).fit(raw)
            rows = codec.encode(raw)
            x = codec.prepare(rows.take(torch.arange(4)), "vector")["x"]
            assert x.shape == (4, codec.views()["vector"]["in_features"])
            assert torch.isfinite(x).all()
            again = Table.from_state(codec.state())
            assert torch.equal(again.prepare(again.encode(raw).take(torch.arange(4)), "vector")["x"], x)
            codec.decode(x)
            assert torch.isfinite(codec.encode(other).take(torch.arange(4))["x"]).all()
        except DataError:
            pass
        with suppress(DataError):
            audit_table(raw)


@pytest.mark.slow
@ANYTHING
@given(ANSWERS, ANSWERS, st.sampled_from(["classifier", "regressor"]))
def test_any_answers_are_learned_or_refused(y, other, task):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            target = target_for(y, task).fit(y)
            encoded = target.encode(y).tensors["y"]
            assert torch.isfinite(encoded.float()).all()
            again = type(target).from_state(target.state())
            assert torch.equal(again.encode(y).tensors["y"], encoded)
            assert len(again.decode(torch.zeros(3, target.facts()["n_outputs"]))) == 3
            target.encode(other)
        except DataError:
            pass
        audit_target(y)
