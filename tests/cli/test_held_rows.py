"""The rows that `parnassus train` keeps for the test: they are looked at before anything is learned."""

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main


@pytest.mark.slow
def test_a_gap_among_the_test_rows_is_refused_before_training_by_its_row_of_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    said = set()
    for row in (0, 1, 2, 3, 7, 11):  # some are kept for the test, others train
        frame = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40)})
        frame["y"] = frame.a * 2
        frame.loc[row, "a"] = np.nan
        frame.to_csv("t.csv", index=False)
        assert main(["train", "regressor", "t.csv", "--target", "y", "--epochs", "1", "--out", f"r{row}"]) == 2
        held = capsys.readouterr()
        assert f"row {row}, column 'a' of X holds NaN" in held.err
        assert not (tmp_path / f"r{row}" / "model.parnassus").exists()
        said.add("training mlp" in held.out)
    assert said == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("form", [lambda texts: pd.DataFrame({"said": texts}), list])
def test_the_worst_texts_stand_in_the_report(form, tmp_path):
    texts = [f"a {word} film, {n} of ten" for n in range(5) for word in ("good", "bad", "fine", "poor")]
    labels = ["up", "down"] * 10
    fitted = pn.Classifier("mlp", epochs=1, progress=False).fit(form(texts), labels)
    wrong = [{"up": "down", "down": "up"}[label] for label in fitted.predict(form(texts))]
    fitted.report(tmp_path / "r.html", form(texts), wrong)
    assert "a good film, 0 of ten" in (tmp_path / "r.html").read_text()


def test_a_table_larger_than_its_memory_trains_to_the_end(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    frame["y"] = np.where(frame.a > 0, "up", "down")
    frame.iloc[380] = frame.iloc[3]
    frame.to_csv("t.csv", index=False)
    words = ["train", "classifier", "t.csv", "--target", "y", "--epochs", "1", "--seed", "2"]
    assert main([*words, "--memory", "5000", "--out", "far"]) == 0
    assert main([*words, "--out", "near"]) == 0
    told = capsys.readouterr().out
    assert (tmp_path / "far" / "report.html").exists()
    far, near = (pn.load(tmp_path / name / "model.parnassus") for name in ("far", "near"))
    assert far.history_[-1]["loss"] == pytest.approx(near.history_[-1]["loss"], rel=1e-5)
    assert told.count("Accuracy") == 2
