"""A column of texts beside the answers alone is read as texts, from frames, files and the command line."""

import random

import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main
from parnassus.data.audit import audit
from parnassus.data.tables.lookalikes import holds_prose
from parnassus.data.text.text import Text
from parnassus.errors import DataError

GOOD, BAD, REST = (
    ["great", "lovely", "fast", "helpful"],
    ["slow", "buggy", "awful", "broken"],
    ["the", "app", "is", "very", "new", "team"],
)


def reviews(n=120):
    draw = random.Random(0)
    rows = []
    for i in range(n):
        kind = ("good", "bad")[i % 2]
        words = draw.sample(GOOD if kind == "good" else BAD, 2) + draw.sample(REST, 3)
        rows.append((" ".join(draw.sample(words, 5)), kind))
    return pd.DataFrame(rows, columns=["review", "verdict"])


@pytest.mark.parametrize("frame", ["pandas", "polars", "file"])
def test_a_lone_column_of_texts_is_read_as_texts(frame, tmp_path):
    given = reviews()
    if frame == "polars":
        given = pytest.importorskip("polars", reason="polars is not installed").from_pandas(given)
    if frame == "file":
        given.to_csv(tmp_path / "reviews.csv", index=False)
        given = tmp_path / "reviews.csv"
    clf = pn.Classifier("logistic", epochs=30, lr=0.05, progress=False).fit(given, target="verdict")
    assert isinstance(clf.codec_, Text)
    assert clf.score(given, target="verdict") == 1.0
    new = pd.DataFrame({"review": ["a great and helpful thing", "so slow"]})
    assert clf.predict(new).tolist() == ["good", "bad"] == clf.predict(new.review.tolist()).tolist()
    with pytest.raises(DataError, match=r"columns \['review', 'stars'\].*reads one of texts"):
        clf.predict(new.assign(stars=3))


def test_names_of_several_words_stay_a_category():
    towns = ["New York City", "Ho Chi Minh City", "Rio de Janeiro"] * 30
    frame = pd.DataFrame({"town": towns})
    clf = pn.Classifier("logistic", epochs=2, progress=False).fit(frame, [i % 2 for i in range(90)])
    assert clf.codec_.kind == "table"
    assert len(clf.predict(frame[:1])) == 1
    assert not holds_prose([None, float("nan")])
    assert not holds_prose(["one two three", 4])
    assert holds_prose(["one two three", None, "four five six"])


def test_texts_beside_other_columns_are_told():
    frame = reviews().assign(stars=range(120))
    told = " ".join(map(str, audit(frame[["review", "stars"]], frame.verdict)))
    assert "column 'review': texts, most of them unlike all others, of which the commonest words are counted" in told
    assert "like a name or an id" not in told.partition("column 'stars'")[0]


@pytest.mark.slow
def test_the_command_line_learns_a_file_of_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    reviews().to_csv("reviews.csv", index=False)
    words = ["--target", "verdict", "--model", "logistic", "--lr", "0.05", "--epochs", "30", "--out", "run"]
    assert main(["train", "classifier", "reviews.csv", *words]) == 0
    assert main(["evaluate", "run", "run/test.csv"]) == 0
    capsys.readouterr()
    pd.DataFrame({"review": ["lovely and fast", "awful, broken"]}).to_csv("new.csv", index=False)
    assert main(["predict", "run", "new.csv"]) == 0
    assert capsys.readouterr().out.split() == ["row,prediction", "0,good", "1,bad"]


def test_columns_of_one_name_are_still_refused_by_the_table():
    twice = pd.DataFrame([["a fine film", "a dull film"]] * 12, columns=["a", "a"])
    with pytest.raises(DataError, match="'a'"):
        pn.Classifier(epochs=1, progress=False).fit(twice, [0, 1] * 6)
