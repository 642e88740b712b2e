"""Tagger and tables with a row a step or token: the same as lists of rows, answered in the order of the table."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import parnassus as pn
from parnassus.cli import main

FEW = {"epochs": 12, "lr": 0.02, "batch_size": 8, "progress": False}


def recorded(n=24, seed=0):
    """Sequences of two features whose tags are the sign of the first, as lists and as a table."""
    rng = np.random.default_rng(seed)
    xs = [rng.choice([-1.0, 1.0], (size, 2)) * rng.uniform(0.5, 1.5) for size in rng.integers(1, 9, n)]
    tags = [["up" if v > 0 else "down" for v in x[:, 0]] for x in xs]
    parts = [
        pd.DataFrame({"who": f"s{i}", "t": np.arange(len(x)), "a": x[:, 0], "b": x[:, 1], "tag": said})
        for i, (x, said) in enumerate(zip(xs, tags, strict=True))
    ]
    return xs, tags, pd.concat(parts, ignore_index=True)


def tagger(**settings):
    return pn.Tagger(pn.model("lstm", width=8, hidden=16, dropout=0.0), **{**FEW, **settings})


@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_a_table_is_tagged_as_its_sequences_are(tmp_path):
    xs, tags, table = recorded()
    listed = tagger().fit(xs, tags)
    told = tagger(sequence="who", time="t").fit(table, target="tag")
    due = [tag for row in listed.predict(xs) for tag in row]
    assert told.predict(table).tolist() == due
    assert told.score(table) == listed.score(xs, tags) > 0.9
    mixed = table.sample(frac=1, random_state=0)
    assert told.predict(mixed).tolist() == pd.Series(due).loc[mixed.index].tolist()
    told.save(tmp_path / "m.parnassus")
    table.to_csv(tmp_path / "steps.csv", index=False)
    again = pn.load(tmp_path / "m.parnassus")
    assert again.predict(tmp_path / "steps.csv").tolist() == due
    assert again.predict(xs) == listed.predict(xs)
    assert clone(told).sequence == "who"


@pytest.mark.slow
def test_tokens_of_a_table_are_words(tmp_path):
    words, tags = (
        [["Anna", "sings"], ["Bob"], ["Anna", "and", "Bob"]] * 4,
        [["B-P", "O"], ["B-P"], ["B-P", "O", "B-P"]] * 4,
    )
    table = pd.DataFrame(
        {
            "text": np.repeat(np.arange(12), [len(w) for w in words]),
            "token": list(itertools.chain(*words)),
            "tag": list(itertools.chain(*tags)),
        }
    )
    own = {"epochs": 30, "lr": 0.02, "progress": False}
    model = pn.Tagger(pn.model("bilstm_crf", width=8, hidden=8, dropout=0.0), sequence="text", **own).fit(
        table, target="tag"
    )
    assert model.predict(table).tolist() == table["tag"].tolist()
    assert model.entities(table)[2][1].start == 2
    assert model.report(tmp_path / "page.html", table).headline.value == 1.0
    assert (tmp_path / "page.html").exists()


def test_rows_of_different_lengths_in_one_array_are_a_list():
    xs, tags, _ = recorded(8)
    X, y = np.empty(8, dtype=object), np.empty(8, dtype=object)
    X[:], y[:] = xs, tags
    assert tagger(epochs=2).fit(X, y).predict(X) == tagger(epochs=2).fit(xs, tags).predict(xs)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda xs, tags, t: tagger().fit(xs, tags, target="tag"), "in place of y"),
        (lambda xs, tags, t: tagger().fit(xs, target="tag"), "X is no table with a row a step"),
        (lambda xs, tags, t: tagger(sequence="who").fit(xs, tags), "X is no table with a row a step"),
        (lambda xs, tags, t: tagger(sequence="who", time="t").fit(t.drop(columns="tag")), "there are no tags"),
        (
            lambda xs, tags, t: tagger(sequence="who", time="t").fit(t.assign(tag=None), target="tag"),
            "step 0 has no tag",
        ),
        (lambda xs, tags, t: tagger(sequence="who", time="t").fit(t.drop(columns="tag"), tags), "one value a row"),
        (lambda xs, tags, t: tagger().fit(xs, [np.ma.array(y, mask=True) for y in tags]), "step 0 has no tag"),
    ],
)
def test_what_names_no_column_is_refused(ask, words):
    with pytest.raises(pn.ParnassusError, match=words):
        ask(*recorded(4))


@pytest.mark.slow
def test_the_command_line_tags_a_table(tmp_path, capsys):
    table, out = recorded()[2], str(tmp_path / "run")
    table.to_csv(tmp_path / "steps.csv", index=False)
    own = ["--sequence", "who", "--time", "t", "--target", "tag", "--model", "lstm", "--epochs", "12", "--lr", "0.02"]
    assert main(["train", "tagger", str(tmp_path / "steps.csv"), *own, "--out", out]) == 0
    assert "on 5 test sequences" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").exists()
    assert main(["predict", out, str(tmp_path / "steps.csv"), "--out", str(tmp_path / "said.csv")]) == 0
    said = pd.read_csv(tmp_path / "said.csv")
    assert said[["who", "t"]].equals(table[["who", "t"]])
    assert (said["prediction"] == table["tag"]).mean() > 0.8
    assert main(["train", "tagger", str(tmp_path / "steps.csv"), "--out", str(tmp_path / "other")]) == 2
    assert "holds no answers" in capsys.readouterr().err
