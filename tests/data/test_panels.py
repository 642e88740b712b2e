"""Panels as sktime keeps them: nested frames, frames indexed by instance and time, arrays of three axes."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.errors import DataError

RNG = np.random.default_rng(0)
ARRAY = RNG.normal(size=(6, 2, 9))  # (instances, columns, time)
NESTED = pd.DataFrame({f"dim_{c}": [pd.Series(row) for row in ARRAY[:, c]] for c in range(2)})
INDEXED = pd.DataFrame(
    ARRAY.transpose(0, 2, 1).reshape(54, 2),
    columns=["a", "b"],
    index=pd.MultiIndex.from_product([range(6), range(9)], names=["instances", "timepoints"]),
)


@pytest.mark.parametrize("panel", [ARRAY, NESTED, INDEXED], ids=["numpy3D", "nested", "multiindex"])
def test_the_three_forms_are_one(panel):
    found = pn.panel_sequences(panel)
    assert len(found) == 6
    for row, wanted in zip(found, ARRAY, strict=True):
        np.testing.assert_array_equal(row, wanted.T)


def test_instances_may_differ_in_length_and_steps_come_in_any_order():
    shuffled = (
        INDEXED.drop(index=[(2, 8), (2, 7)]).sample(frac=1, random_state=0).sort_index(level=0, sort_remaining=False)
    )
    found = pn.panel_sequences(shuffled)
    np.testing.assert_array_equal(found[2], ARRAY[2].T[:7])


def test_a_classifier_takes_a_nested_frame_as_it_comes():
    y = np.array([0, 1, 0, 1, 0, 1])
    frame = pd.DataFrame({"x": [pd.Series(np.full(5, k) + 0.01 * i) for i, k in enumerate(y)]})
    net = pn.Classifier("dtw_neighbors").fit(frame, y)
    assert (net.predict(frame) == y).all()
    assert (net.predict(pn.panel_sequences(frame)) == y).all()


def test_a_frame_of_two_levels_with_an_answer_an_instance_says_what_to_give():
    with pytest.raises(DataError, match=r"pn\.panel_sequences"):
        pn.Classifier("gru", epochs=1).fit(INDEXED, np.array([0, 1] * 3))
    table = pn.Classifier("linear", epochs=1).fit(INDEXED, np.tile([0, 1], 27))  # an answer a row: a table
    assert len(table.predict(INDEXED)) == 54


@pytest.mark.parametrize(("change", "says"), [
    ("short", "row 3 of X holds series of 5 and 9 steps"),
    ("text", "row 3, column 'dim_1' of X holds a str"),
])  # fmt: skip
def test_odd_cells_are_refused_by_their_place(change, says):
    frame = NESTED.copy()
    frame.at[3, "dim_1"] = frame.at[3, "dim_1"][:5] if change == "short" else "x"
    with pytest.raises(DataError, match=says):
        pn.panel_sequences(frame)


def test_other_things_are_no_panel():
    with pytest.raises(DataError, match="a panel is a frame whose cells are series"):
        pn.panel_sequences(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(DataError, match="instances, columns, time"):
        pn.panel_sequences(np.zeros((3, 4)))


# --- forecasts ------------------------------------------------------------------------------------


DAYS = pd.date_range("2024-01-01", periods=20)
WALK = {"north": np.arange(20.0), "south": 100 - 2 * np.arange(20.0)}


def said(model):
    found = model.predict()
    return found.iloc[:, 0].tolist(), found.iloc[:, 1].tolist(), found.iloc[:, 2].tolist()


def test_a_frame_of_two_levels_is_series_by_time():
    long = pd.concat({k: pd.DataFrame({"sold": v}, index=DAYS) for k, v in WALK.items()}, names=["shop", "day"])
    names, days, values = said(pn.Forecaster("drift", horizon=2).fit(long))
    assert names == ["north", "north", "south", "south"]
    assert days == list(pd.date_range("2024-01-21", periods=2)) * 2
    np.testing.assert_allclose(values, [20, 21, 60, 58])
    bare = long["sold"].rename_axis([None, None])
    np.testing.assert_allclose(said(pn.Forecaster("drift", horizon=2).fit(bare))[2], [20, 21, 60, 58])
    three = pd.concat({"x": long}, names=["region"])
    with pytest.raises(DataError, match="index of 3 levels"):
        pn.Forecaster("drift").fit(three)


def test_a_nested_frame_is_series_by_row():
    nested = pd.DataFrame({"sold": [pd.Series(v, index=DAYS) for v in WALK.values()]}, index=list(WALK))
    model = pn.Forecaster("drift", horizon=2).fit(nested)
    names, days, values = said(model)
    assert names == ["north", "north", "south", "south"]
    assert days[0] == pd.Timestamp("2024-01-21")
    np.testing.assert_allclose(values, [20, 21, 60, 58])
    np.testing.assert_allclose(model.predict(X=nested).iloc[:, 2], values)


def test_an_array_of_one_column_is_series_whichever_way_it_lies():
    rows = np.stack(list(WALK.values()))
    for array in (rows[:, None], rows[:, :, None]):
        np.testing.assert_allclose(pn.Forecaster("drift", horizon=1).fit(array).predict(), [[20], [60]])
    with pytest.raises(DataError, match="of a panel of several columns"):
        pn.Forecaster("drift").fit(ARRAY)
