"""HMM and tables with a row a step: the same as lists of arrays, in whatever order the rows stand."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import parnassus as pn


def drawn(seed=0, n=9):
    """Ragged sequences of two features and their states, as arrays and as one table."""
    rng = np.random.default_rng(seed)
    xs, paths, parts = [], [], []
    for i in range(n):
        path = (np.arange(int(rng.integers(3, 20))) // 4) % 2
        x = 3.0 * path[:, None] + rng.normal(size=(len(path), 2))
        xs.append(x)
        paths.append(path)
        parts.append(
            pd.DataFrame({"who": f"\u00fc{i}", "t": np.arange(len(x)), "a": x[:, 0], "b": x[:, 1], "state": path})
        )
    return xs, paths, pd.concat(parts, ignore_index=True)


def shuffled(table, seed=3):
    return table.sample(frac=1, random_state=seed)


def test_a_table_says_what_a_list_of_arrays_says():
    xs, _, table = drawn()
    listed = pn.HMM(n_states=2, epochs=5).fit(xs)
    told = pn.HMM(n_states=2, epochs=5, sequence="who").fit(table[["who", "a", "b"]])
    assert (told.chain_.transitions == listed.chain_.transitions).all()
    np.testing.assert_array_equal(told.predict(table), np.concatenate(listed.predict(xs)))
    np.testing.assert_array_equal(told.posterior(table), np.concatenate(listed.posterior(xs)))
    np.testing.assert_array_equal(told.decode(table).score, listed.decode(xs).score)
    np.testing.assert_array_equal(told.log_prob(table), listed.log_prob(xs))
    assert told.score(table) == listed.score(xs)


def test_rows_in_any_order_are_answered_in_theirs():
    _, _, table = drawn()
    model = pn.HMM(n_states=2, epochs=5, sequence="who", time="t").fit(table.drop(columns="state"))
    mixed = shuffled(table)
    with pytest.warns(pn.DataWarning, match="not in the order of 't'"):
        said = model.predict(mixed)
    np.testing.assert_array_equal(said, pd.Series(model.predict(table)).loc[mixed.index])


@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_known_states_of_a_column_are_those_of_lists(tmp_path):
    xs, paths, table = drawn()
    hidden = [np.where(np.arange(len(p)) % 3 == 0, p, -1) for p in paths]
    told = table.assign(state=np.where(table["t"] % 3 == 0, table["state"], np.nan))
    listed = pn.HMM(n_states=2, epochs=5).fit(xs, hidden)
    found = pn.HMM(n_states=2, epochs=5, sequence="who", time="t").fit(told, target="state")
    assert (found.chain_.transitions == listed.chain_.transitions).all()
    path = tmp_path / "steps.csv"
    told.to_csv(path, index=False)
    read = pn.HMM(n_states=2, epochs=5, sequence="who", time="t").fit(path, target="state")
    np.testing.assert_allclose(read.chain_.transitions, listed.chain_.transitions, atol=1e-9)
    found.save(tmp_path / "found.parnassus")
    again = pn.load(tmp_path / "found.parnassus")
    np.testing.assert_array_equal(again.predict(table[["b", "t", "who", "a"]]), found.predict(table))


def test_polars_panels_and_symbols_that_are_strings():
    xs, _, table = drawn()
    listed = pn.HMM(n_states=2, epochs=5).fit(xs)
    frame = pl.from_pandas(table[["who", "a", "b"]])
    found = pn.HMM(n_states=2, epochs=5, sequence="who").fit(frame)
    np.testing.assert_array_equal(found.predict(frame), np.concatenate(listed.predict(xs)))
    panel = table.set_index(["who", "t"])[["a", "b"]]
    assert (pn.HMM(n_states=2, epochs=5).fit(panel).chain_.transitions == listed.chain_.transitions).all()

    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 3, n) for n in (4, 9, 1, 6)]
    names = np.array(["cloud", "rain", "sun"])
    by_code = pn.HMM(n_states=2, epochs=5).fit(codes)
    by_name = pn.HMM(n_states=2, epochs=5).fit([names[c].tolist() for c in codes])
    np.testing.assert_array_equal(by_name.log_prob([names[c] for c in codes]), by_code.log_prob(codes))
    assert set(by_name.sample(1, length=30)[0][0]) <= set(names)
    with pytest.raises(pn.DataError, match=r"sequence 0, step 1: 'snow' is none of the 3 symbols"):
        by_name.predict(["sun", "snow"])
    with pytest.raises(pn.DataError, match="give sequences of strings"):
        by_name.predict(codes)


def test_whole_numbers_of_a_column_are_symbols_where_the_model_is_of_symbols():
    rng = np.random.default_rng(1)
    codes = [rng.integers(0, 4, n) for n in (5, 8, 3)]
    table = pd.DataFrame({"id": np.repeat([7, 2, 5], [5, 8, 3]), "x": np.concatenate(codes)})
    found = pn.HMM("categorical", n_states=2, epochs=4, sequence="id").fit(table)
    np.testing.assert_array_equal(
        found.log_prob(table), pn.HMM("categorical", n_states=2, epochs=4).fit(codes).log_prob(codes)
    )


BAD = {
    "a hole": (lambda t: t.assign(a=t["a"].where(t.index != 4)), "row 4 of the table has no 'a'"),
    "a text": (lambda t: t.assign(c="x"), "the column 'c' holds 'x', beside columns of numbers"),
    "no name": (lambda t: t.assign(who=t["who"].where(t.index != 2)), "names no sequence in row 2"),
    "a double": (lambda t: t.assign(t=t["t"].replace(1, 0)), "has two rows of t 0, the second in row 1"),
    "no column": (lambda t: t.drop(columns="who"), "no column 'who'"),
    "no rows": (lambda t: t.iloc[:0], "has no rows"),
    "two of a name": (lambda t: pd.concat([t, t[["a"]]], axis=1), "two columns or more named 'a'"),
    "half a state": (lambda t: t.assign(state=0.5), "whole numbers from 0 up"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_table_that_means_nothing_is_refused_by_its_row(what):
    change, words = BAD[what]
    table = drawn()[2]
    with pytest.raises(pn.DataError, match=re.escape(words)):
        pn.HMM(n_states=2, epochs=2, sequence="who", time="t").fit(change(table), target="state")


def test_a_clock_among_what_is_seen_is_warned_of():
    table = drawn()[2].drop(columns="state")
    with pytest.warns(pn.DataWarning, match=r"'t' rises by 1 at every step.*time='t'"):
        pn.HMM(n_states=2, epochs=2, sequence="who").fit(table)


def test_columns_are_of_tables_alone():
    xs, _, _ = drawn()
    with pytest.raises(pn.SettingError, match="sequence='who' names a column"):
        pn.HMM(n_states=2, sequence="who").fit(xs)
    with pytest.raises(pn.FileError, match="does not exist"):
        pn.HMM(n_states=2).fit("nowhere.csv")
