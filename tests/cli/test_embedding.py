"""`parnassus train embedder`, the words near a word, and vectors of texts."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import parnassus as pn
from parnassus.cli import main

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog sat"] * 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    (folder / "corpus.txt").write_text("\n\n".join(TEXTS))
    words = ["train", "embedder", str(folder / "corpus.txt"), "--model", "ppmi", "--out", str(folder / "run"), "--json"]
    assert main(words) == 0
    return folder / "run"


def test_words_are_learned_written_and_drawn(run: Path) -> None:
    model = pn.load(run)
    assert {"the", "cat", "sat"} <= set(model.words_)
    head, *lines = (run / "vectors.txt").read_text().splitlines()
    assert head.split() == [str(len(model.words_)), str(model.vectors_.shape[1])]
    assert len(lines) == len(model.words_)
    assert (run / "words.png").stat().st_size > 1000


def test_the_words_near_a_word_are_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run), "--text", "cat", "--text", "mat"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    expected = pn.load(run).most_similar("cat", n=1)[0]
    assert (rows[0]["text"], rows[0]["nearest"]) == ("cat", expected[0])
    assert float(rows[0]["similarity"]) == pytest.approx(expected[1])
    assert {row["text"] for row in rows} == {"cat", "mat"}


def test_texts_of_a_file_become_vectors(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.txt").write_text("the cat\na dog sat\n")
    (tmp_path / "new.csv").write_text("said\nthe cat\na dog sat\n")
    expected = pn.load(run).transform(["the cat", "a dog sat"])
    for name in ("new.txt", "new.csv"):
        assert main(["predict", str(run), str(tmp_path / name), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        numbers = [[v for k, v in row.items() if k.startswith("number")] for row in found]
        np.testing.assert_allclose(numbers, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "RUN", "--text", "the cat"], "one word"),
        (["predict", "RUN", "--text", "zebra"], "zebra"),
        (["predict", "RUN"], "one file of texts"),
        (["predict", "RUN", "two.csv"], "2 columns (said, by); give a table of texts alone"),
        (["predict", "RUN", "--text", "cat", "--beam", "3"], "--beam"),
        (["evaluate", "RUN", "corpus.txt"], "no right answers"),
        (["train", "embedder", "corpus.txt", "--test", "0.2"], "leave --test out"),
        (["tune", "embedder", "corpus.txt"], "no right answers"),
    ],
)
def test_what_words_cannot_tell_is_refused(
    run: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    Path("two.csv").write_text("said,by\nthe cat,me\na dog,you\n")
    assert main([word.replace("RUN", str(run)) for word in words]) == 2
    assert said in capsys.readouterr().err
