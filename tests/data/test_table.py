"""Tables: refusals first, then every kind of column, encoding on the device, and saving."""

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import KBinsDiscretizer

from parnassus import store
from parnassus.data.tables.chunks import Chunks
from parnassus.data.tables.holed import HoledTable
from parnassus.data.tables.table import BLOCK, Table
from parnassus.errors import DataError, DataWarning, SettingError


def mixed_frame():
    return pd.DataFrame(
        {
            "age": [25, 32, 45, 29],
            "size": pd.Categorical(["M", "S", "L", "M"], categories=["S", "M", "L"], ordered=True),
            "colour": ["red", "blue", "red", "green"],
            "member": [True, False, True, True],
            "since": pd.to_datetime(["2020-01-01", "2021-06-15", "2022-03-03", "2020-11-30"]),
            "income": pd.array([50, 60, 75, 55], dtype="Int64"),
        }
    )


def vectors(codec, raw, view="vector"):
    rows = codec.encode(raw)
    return codec.prepare(rows.take(torch.arange(len(rows))), view)


def with_cell(x, row, column, value):
    x = x.copy()
    x[row, column] = value
    return x


X = np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (X[:, 0], "Expected 2D array, got 1D array instead.*Reshape your data"),
        (X[:0], r"0 sample\(s\)"),
        (X[:, :0], r"0 feature\(s\) \(shape=\(20, 0\)\) while a minimum of 1 is required"),
        (X + 1j, "Complex data not supported"),
        (with_cell(X, 3, 1, np.nan), r"row 3, column 1 .*NaN.*Table\(missing='median'\)"),
        (with_cell(X, 3, 1, np.inf), "row 3, column 1 .*infinity"),
        (pd.DataFrame({"age": [1, None, 3]}), "row 1, column 'age'.*NaN"),
        (pd.DataFrame({"age": ["old", None, "young"]}), "row 1, column 'age'.*missing"),
        ([[1, 2], [3]], "row 1 of X has 1 entries"),
        ([[1, "a"], [2, "b"], ["x", "c"]], "column 0 mixes kinds: row 2 holds 'x'"),
        (sparse.csr_array(np.eye(3)), "Sparse"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "one name"),
        (np.ones((5, 2)), "no column of X varies"),
        ("abc", "2D array"),
        (None, "2D array"),
    ],
)
def test_what_is_no_table_is_refused_by_row_and_column(raw, says):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        with pytest.raises(DataError, match=says):
            Table().fit(raw)


def test_a_cell_that_no_column_can_hold_is_a_type_error_too():
    x = X.astype(object)
    x[0, 0] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):  # scikit-learn's check_dtype_object
        Table().fit(x)


def test_infinity_is_refused_even_where_missing_values_are_filled():
    with pytest.raises(DataError, match="infinity"):
        Table(missing="mean").fit(with_cell(X, 3, 1, -np.inf))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f[f.columns[::-1]], "Feature names must be in the same order as they were in fit"),
        (lambda f: f.drop(columns="age"), "yet now missing:\n- age"),
        (lambda f: f.assign(extra=1), "unseen at fit time:\n- extra"),
        (lambda f: f.assign(age=["1", "2", "3", "x"]), "row 0, column 'age' holds '1' where numbers are due"),
        (
            lambda f: f.assign(colour=[1, 2, 3, 4]),
            "row 0, column 'colour' holds 1, a int; fit saw categories of type str",
        ),
        (lambda f: f.assign(since=[1, 2, 3, 4]), "row 0, column 'since'.*dates are due"),
        (lambda f: f.assign(colour=["red", None, "red", "red"]), "row 1, column 'colour'.*missing"),
        (lambda f: f.assign(since=f.since.where([True, False, True, True])), "row 1, column 'since'.*NaN"),
        (lambda f: f.assign(size=["S", "XL", "M", "L"]), "row 1, column 'size' holds 'XL'"),
        (lambda f: f.iloc[:0], r"0 sample\(s\)"),
        (lambda f: f.to_numpy()[:, :2], "X has 2 features, but Table is expecting 6 features as input"),
    ],
)
def test_a_table_unlike_that_of_fit_is_refused(change, says):
    codec = Table().fit(mixed_frame())
    with pytest.raises(DataError, match=says):
        codec.encode(change(mixed_frame()))


@pytest.mark.parametrize(
    "options",
    [
        {"scaling": "standart"},
        {"missing": "meen"},
        {"categories": "ids"},
        {"max_categories": 0},
        {"scaling": {"a": "x"}},
    ],
)
def test_settings_that_do_not_exist_are_refused(options):
    with pytest.raises(SettingError):
        Table(**options)


def test_a_scaling_for_an_unknown_column_is_refused():
    with pytest.raises(SettingError, match="did you mean 'age'"):
        Table(scaling={"aeg": "log"}).fit(mixed_frame())


def test_numbers_are_standardised_once_and_prepare_leaves_them_alone():
    codec = Table().fit(X)
    rows = codec.encode(X)
    expected = (X - X.mean(0)) / X.std(0)  # numpy, population deviation
    assert rows.tensors["x"].numpy() == pytest.approx(expected, abs=1e-6)
    assert rows.tensors["x"].dtype == torch.float32
    batch = rows.take(torch.tensor([2, 0]))
    assert codec.prepare(batch, "vector")["x"] is batch["x"]
    assert codec.views() == {"vector": {"in_features": 3}, "columns": {"in_features": 3, "cardinalities": ()}}
    assert codec.decode(rows.tensors["x"]) == pytest.approx(X, abs=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x.tolist(),
        torch.tensor,
        pd.DataFrame,
        lambda x: x.astype(object),
        lambda x: pl.DataFrame(x),
        list,
        lambda x: pa.table({f"c{j}": x[:, j] for j in range(3)}),
        lambda x: pd.DataFrame(x, index=range(100, 120)),
        np.asfortranarray,
        lambda x: [dict(enumerate(row)) for row in x.tolist()],
    ],
)
def test_every_container_gives_the_same_numbers(wrap):
    expected = Table().fit(X).encode(X).tensors["x"]
    assert torch.equal(Table().fit(wrap(X)).encode(wrap(X)).tensors["x"], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float16, bool])
def test_every_type_of_number_is_taken(dtype):
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    assert Table(scaling="none").fit(x).encode(x).tensors["x"].tolist() == [[0, 1], [1, 0], [1, 1]]


def test_fit_does_not_change_its_input():
    x = X.copy()
    x.flags.writeable = False
    Table(scaling="log", missing="mean").fit(x).encode(x)
    assert np.array_equal(x, X)


def test_names_and_values_of_a_mixed_table():
    codec = Table(scaling="none").fit(mixed_frame())
    names = codec.vector_names
    x = vectors(codec, mixed_frame())["x"]
    assert codec.views()["vector"]["in_features"] == len(names) == x.shape[1]
    at = {name: x[:, i].tolist() for i, name in enumerate(names)}
    assert at["age"] == [25, 32, 45, 29]
    assert at["income"] == [50, 60, 75, 55]
    assert at["member"] == [1, 0, 1, 1]
    assert (at["size: bit 'M'"], at["size: bit 'L'"]) == ([1, 0, 1, 1], [0, 0, 1, 0])
    assert (at["colour=blue"], at["colour=green"], at["colour=red"]) == ([0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0])
    assert at["since: days"] == [18262, 18793, 19054, 18596]  # datetime.date ordinals - 719163
    assert at["since: year"] == [2020, 2021, 2022, 2020]
    assert not any(name.startswith("since: hour") for name in names)  # no time of day in training
    assert codec.feature_names == list(mixed_frame().columns)


def test_0_B4_a_purchase_table_becomes_numbers():
    frame = pd.DataFrame(
        {"age": [25, 32, 45, 29, 39], "income": [50000, 60000, 75000, 55000, 80000], "gender": list("MFFMF")}
    )
    codec = Table(scaling={"age": (0, 100), "income": (0, 100000)}).fit(frame)
    x = vectors(codec, frame)["x"]
    assert codec.vector_names == ["age", "income", "gender=F", "gender=M"]
    assert x[:, 0].tolist() == pytest.approx([0.25, 0.32, 0.45, 0.29, 0.39])
    assert x[:, 1].tolist() == pytest.approx([0.5, 0.6, 0.75, 0.55, 0.8])
    assert x[:, 2].tolist() == [0, 1, 1, 0, 1]


def test_4_B22_auto_mpg_takes_five_three_and_three_inputs():
    frame = pd.DataFrame(
        {
            "cylinders": pd.Categorical([3, 4, 5, 6, 8]).astype(str),
            "year": pd.Categorical([0, 1, 2, 3, 3], categories=[0, 1, 2, 3], ordered=True),
            "origin": ["us", "eu", "jp", "us", "us"],
        }
    )
    names = Table().fit(frame).vector_names
    assert [sum(name.startswith(c) for name in names) for c in ("cylinders", "year", "origin")] == [5, 3, 3]


def test_an_embedding_gets_ids_beside_the_numbers():
    codec = Table(categories="embedding").fit(mixed_frame())
    assert list(codec.views()) == ["columns", "vector"]
    assert codec.views()["columns"] == {"in_features": codec.n_numbers, "cardinalities": (4,)}
    batch = vectors(codec, mixed_frame(), "columns")
    assert batch["columns"].tolist() == [[3], [1], [3], [2]]
    assert batch["columns"].dtype == torch.int64
    assert batch["x"].shape == (4, codec.n_numbers)
    assert list(Table().fit(mixed_frame()).views()) == ["vector", "columns"]


def test_an_unseen_category_is_unknown_with_one_warning():
    codec = Table().fit(mixed_frame())
    with pytest.warns(DataWarning, match=r"column 'colour': \['pink'\]") as caught:
        x = vectors(codec, mixed_frame().assign(colour=["red", "pink", "red", "pink"]))["x"]
    assert len(caught) == 1
    assert x[1, -3:].tolist() == [0, 0, 0]
    assert x[0, -3:].tolist() == [0, 0, 1]


def test_the_rarest_categories_share_the_unknown_slot():
    frame = pd.DataFrame({"c": ["a"] * 5 + ["b"] * 3 + ["c", "d"]})
    with pytest.warns(DataWarning, match="4 categories in 10 rows"):
        codec = Table(max_categories=2).fit(frame)
    assert vectors(codec, frame)["x"].sum(1).tolist() == [1] * 8 + [0, 0]


def test_a_column_that_never_varies_is_dropped_with_a_warning():
    frame = mixed_frame().assign(one=1, same="x", gone=None)
    with pytest.warns(DataWarning, match=r"\['one', 'same', 'gone'\]"):
        codec = Table().fit(frame)
    assert not any(name.startswith(("one", "same", "gone")) for name in codec.vector_names)
    assert torch.equal(vectors(codec, frame)["x"], vectors(Table().fit(mixed_frame()), mixed_frame())["x"])
    assert codec.decode(vectors(codec, frame)["x"])["same"].tolist() == ["x"] * 4


def test_a_single_row_is_enough():
    assert Table().fit([[1.0, 2.0]]).encode([[1.0, 2.0]]).tensors["x"].tolist() == [[0, 0]]


@pytest.mark.parametrize(("how", "expected"), [("mean", 2.75), ("median", 2.0), ("mode", 1.0), ("constant", 7.0)])
def test_missing_numbers_are_filled_and_flagged(how, expected):
    x = np.array([[1.0, 0], [1, 1], [3, 0], [6, 1], [np.nan, 0]])
    codec = Table(scaling="none", missing=how, fill_value=7, missing_indicator=True).fit(x)
    rows = codec.encode(x).tensors["x"]
    assert rows[4].tolist() == [expected, 0, 1]
    assert rows[:, 2].tolist() == [0, 0, 0, 0, 1]
    assert codec.vector_names == ["0", "1", "0: missing"]
    assert codec.columns[0]["missing"] == 1
    assert codec.encode(np.array([[np.nan, np.nan]])).tensors["x"][0, 0] == expected


def test_a_constant_is_in_the_users_units_under_a_logarithm():
    x = np.array([[0.0], [1.0], [np.nan]])
    codec = Table(scaling="log", missing="constant", fill_value=1.0).fit(x)
    filled = codec.encode(x).tensors["x"]
    assert filled[2] == filled[1]


def test_a_missing_category_is_unknown_or_the_commonest():
    frame = pl.DataFrame({"c": ["a", "b", "b", None]})
    assert vectors(Table(missing="median").fit(frame), frame)["x"].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0]]
    assert vectors(Table(missing="mode").fit(frame), frame)["x"].tolist() == [[1, 0], [0, 1], [0, 1], [0, 1]]


def test_dates_of_any_kind_are_wall_clock_times():
    stamps = ["2020-01-01 06:00", "2021-06-15 18:30", "2022-03-03 00:00"]
    naive = pd.DataFrame({"t": pd.to_datetime(stamps, format="ISO8601")})
    aware = pd.DataFrame({"t": pd.to_datetime(stamps, format="ISO8601").tz_localize("Europe/Paris")})
    plain = np.array([[datetime.datetime.fromisoformat(s)] for s in stamps], dtype=object)
    expected = vectors(Table().fit(naive), naive)["x"]
    assert torch.equal(vectors(Table().fit(aware), aware)["x"], expected)
    assert torch.equal(vectors(Table().fit(plain), plain)["x"], expected)


def test_a_category_comes_back_missing_only_where_fit_saw_it_missing():
    told = pl.DataFrame({"c": ["b", "a", "b", "b"]})
    made = np.array([[-0.3, -0.1], [-0.1, -0.3], [0.0, 0.0], [0.2, 0.9]])
    assert Table().fit(told).decode(made)["c"].tolist() == ["b", "a", "b", "b"]
    holed = pl.DataFrame({"c": ["b", "a", "b", None]})
    assert Table(missing="median").fit(holed).decode(made)["c"].isna().tolist() == [True, True, True, False]
    for codec in (Table(missing="mode"), HoledTable()):  # neither shows a model a row of zeros
        assert codec.fit(holed).decode(made)["c"].tolist() == ["b", "a", "b", "b"]
    with pytest.warns(DataWarning, match="categories"):
        cut = Table(max_categories=1).fit(told)
    assert cut.decode(np.array([[-0.1], [0.4]]))["c"].isna().tolist() == [True, False]


def test_decoding_gives_the_table_back():
    codec = Table().fit(mixed_frame())
    again = codec.decode(vectors(codec, mixed_frame())["x"])
    for name in ("size", "colour", "member", "since"):
        assert again[name].tolist() == mixed_frame()[name].tolist()
    assert again["age"].tolist() == pytest.approx([25, 32, 45, 29], abs=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scaling": "quantile", "missing": "median", "missing_indicator": True},
        {"scaling": {"age": (0, 100)}, "categories": "embedding"},
    ],
)
def test_a_saved_table_is_the_same_table(options, tmp_path):
    codec = Table(**options).fit(mixed_frame())
    store.save(tmp_path / "c", codec.state())
    again = Table.from_state(store.load(tmp_path / "c"))
    assert torch.equal(vectors(again, mixed_frame())["x"], vectors(codec, mixed_frame())["x"])
    assert again.views() == codec.views()
    assert again.vector_names == codec.vector_names
    with pytest.raises(DataError):
        again.encode(mixed_frame().drop(columns="age"))


def in_chunks(frame, n_rows):
    return Chunks(lambda: (frame.iloc[i : i + n_rows] for i in range(0, len(frame), n_rows)), len(frame))


def test_chunks_give_the_codec_and_the_batches_of_the_whole_table():
    rng = np.random.default_rng(1)
    n = BLOCK + 1000
    frame = pd.DataFrame({"a": rng.normal(1e3, 1, n), "b": rng.integers(0, 9, n), "c": rng.choice(list("xyz"), n)})
    frame.loc[5, "a"] = np.nan
    whole, parts = (Table(missing="median", scaling="quantile") for _ in range(2))
    whole.fit(frame)
    parts.fit(in_chunks(frame, BLOCK))
    assert all(torch.equal(whole.state()[k], parts.state()[k]) for k in whole.state())
    held, spilled = whole.encode(frame), parts.encode(in_chunks(frame, 3000))
    assert (len(spilled), spilled.n_bytes) == (n, 0)
    index = torch.from_numpy(rng.permutation(n)[:500])
    for key, tensor in held.take(index).items():
        assert torch.equal(spilled.take(index)[key], tensor)


def test_a_column_that_changes_its_kind_between_chunks_is_refused():
    frame = pd.DataFrame({"a": np.array([1, 2, "x", "y"], dtype=object)})
    with pytest.raises(DataError, match="holds a number in its first rows and a category further down"):
        Table().fit(in_chunks(frame, 2))


def test_a_refusal_in_a_later_block_names_the_row_of_the_table():
    x = np.random.default_rng(0).normal(size=(BLOCK + 10, 1))
    x[BLOCK + 3] = np.nan
    with pytest.raises(DataError, match=f"row {BLOCK + 3}, column 0"):
        Table().fit(x)


def test_2a_B24_columns_are_cut_into_quantile_bins():
    """Martinez-Ramon 3.5.3: [[5,8,14],[17,2,12],[21,6,4]] in 2, 3 and 2 quantile bins: [[0,2,1],[1,0,1],[1,1,0]]."""
    X = np.array([[5.0, 8, 14], [17, 2, 12], [21, 6, 4]])
    codec = Table(scaling={str(j): ("bins", n) for j, n in enumerate((2, 3, 2))}).fit(X)
    numbers = np.array([[0.0, 2, 1], [1, 0, 1], [1, 1, 0]])
    expected = (numbers - numbers.mean(0)) / numbers.std(0)
    assert codec.encode(X).tensors["x"].numpy() == pytest.approx(expected, abs=1e-6)


def test_bins_are_those_of_training_and_come_back_as_their_middles():
    X = np.arange(100.0)[:, None]
    codec = Table(scaling=("bins", 4)).fit(X)
    peer = KBinsDiscretizer(4, encode="ordinal", strategy="quantile", quantile_method="linear").fit(X)
    new = np.array([[-50.0], [10.0], [30.0], [60.0], [99.0], [500.0]])
    numbers = peer.transform(new)[:, 0]
    assert codec.encode(new).tensors["x"][:, 0].numpy() == pytest.approx((numbers - 1.5) / 1.25**0.5, abs=1e-6)
    assert codec.decode(codec.encode(new).tensors["x"])[:, 0] == pytest.approx(
        [24.75, 24.75, 37.125, 61.875, 74.25, 74.25]
    )
    again = Table.from_state(codec.state())
    assert torch.equal(again.encode(new).tensors["x"], codec.encode(new).tensors["x"])
    with pytest.raises(SettingError, match="takes 2 to 257 bins; got 1"):
        Table(scaling=("bins", 1))


def test_2a_B24_rows_are_divided_by_their_norm():
    """Martinez-Ramon 3.5.3, the Normalizer's listing."""
    X = np.array([[100.0, 20, 550], [43, 620, 111], [248, 15, 89]])
    found = Table(scaling="none", unit_rows=True).fit(X).encode(X).tensors["x"].numpy()
    expected = [
        [0.17877106, 0.03575421, 0.98324084],
        [0.06811083, 0.98206308, 0.17582097],
        [0.9397041, 0.05683694, 0.33723252],
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-7)
    zero = Table(scaling="none", unit_rows=True).fit(X).encode(np.zeros((1, 3))).tensors["x"]
    assert zero.tolist() == [[0.0, 0.0, 0.0]]


def test_whole_numbers_are_given_back_whole_where_they_are_drawn():
    frame = pd.DataFrame({
        "age": np.arange(20, 40), "n": pd.array([1, 2, None, 4] * 5, dtype="Int64"), "half": np.arange(20) / 2,
        "of": [3.0, np.nan, 7.0, 9.0] * 5, "kind": ["a", "b"] * 10,
    })  # fmt: skip
    codec = Table(missing="mean").fit(frame)
    x = codec.prepare(codec.encode(frame).take(torch.arange(20)), "vector")["x"] + 0.01
    drawn, plain = codec.decode(x, whole=True), codec.decode(x)
    assert [drawn[c].dtype.kind for c in ("age", "n", "half", "of")] == ["i", "i", "f", "i"]
    assert (drawn["age"] == frame["age"]).all()
    assert (plain["age"] != frame["age"]).all()
    assert not (drawn["half"] % 0.5 == 0).any()
    back = Table.from_state(codec.state())
    pd.testing.assert_frame_equal(back.decode(x, whole=True), drawn)
    numbers = Table().fit(np.arange(12).reshape(6, 2))
    assert numbers.decode(torch.full((1, 2), 0.3), whole=True).tolist() == [[6.0, 7.0]]


def test_columns_without_a_note_of_whole_numbers_are_read_as_before():
    codec = Table().fit(np.arange(12).reshape(6, 2))
    for spec in codec.schema.specs:
        assert spec.pop("whole")
    x = torch.full((1, 2), 0.3)
    np.testing.assert_array_equal(Table.from_state(codec.state()).decode(x, whole=True), codec.decode(x))
