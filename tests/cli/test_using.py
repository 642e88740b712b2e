"""`predict`, `evaluate`, `report` and `demo` on pictures, and the mistakes that are met there."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main


def run(*words):
    return main([str(w) for w in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with dark cats and bright dogs, and a run that tells them apart."""
    root = tmp_path_factory.mktemp("pets")
    random = np.random.default_rng(0)
    for label, level in (("cats", 60), ("dogs", 180)):
        for i in range(20):
            path = root / "pets" / label / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(random.normal(level, 20, (8, 8)), 0, 255).astype("uint8")).save(path)
    assert run("train", "classifier", root / "pets", "--model", "mlp", "--epochs", "20", "--out", root / "run") == 0
    return root


def test_pictures_are_answered_by_their_paths(trained, capsys):
    assert run("predict", trained / "run", trained / "pets/cats/1.png", trained / "pets/dogs/2.png", "--proba") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [r["prediction"] for r in rows] == ["cats", "dogs"]
    assert rows[0]["picture"].endswith("1.png")
    assert sum(float(rows[0][f"probability {c}"]) for c in ("cats", "dogs")) == pytest.approx(1)


def test_predictions_of_a_folder_go_to_a_file(trained, capsys):
    assert run("predict", trained / "run", trained / "pets", "--out", trained / "out/p.csv") == 0
    assert capsys.readouterr().out == ""
    rows = list(csv.DictReader((trained / "out/p.csv").open(encoding="utf-8")))
    assert len(rows) == 40


def test_a_bad_picture_can_be_skipped_and_is_named(trained, capsys, tmp_path):
    good = (trained / "pets/cats/1.png").read_bytes()
    (tmp_path / "a.png").write_bytes(good)
    (tmp_path / "b.png").write_bytes(good[:40])
    assert run("predict", trained / "run", tmp_path) == 2
    assert "b.png" in capsys.readouterr().err
    assert run("predict", trained / "run", tmp_path, "--on-error", "skip", "--proba", "--json") == 0
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert [r["prediction"] for r in rows] == ["cats", None]
    assert "b.png" in rows[1]["error"]
    assert rows[0]["error"] == ""
    assert rows[1]["probability cats"] is None
    assert "1 of 2 rows were skipped" in said.err


@pytest.mark.slow
def test_a_report_is_written_and_needs_no_network(trained, capsys):
    assert run("report", trained / "run", trained / "pets", "-o", trained / "r.html") == 0
    page = (trained / "r.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert "https://" not in page
    assert "Accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("predict", "run", "shop.csv"), "this model takes pictures, and"),
        (("evaluate", "run", "shop.csv"), "holds"),
        (("evaluate", "run", "pets/cats"), "holds no answers to compare with"),
        (("predict", "run", "--text", "hello"), "this model takes pictures, not --text"),
        (("predict", "run"), "takes data or --text"),
        (("predict", "run", "nowhere.png"), "does not exist"),
        (("predict", "pets", "pets/cats/1.png"), "holds no model.parnassus"),
        (("predict", "shop.csv", "pets/cats/1.png"), "not a whole safetensors file"),
    ],
)
def test_what_does_not_go_together_is_refused(trained, capsys, monkeypatch, words, told):
    monkeypatch.chdir(trained)
    (trained / "shop.csv").write_text("age,bought\n3,yes\n4,no\n")
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_the_demo_s_commands_work_as_they_are_printed(tmp_path, monkeypatch, capsys):
    """The settings are those of the demo; two epochs instead of 40, and so no word on how good it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("parnassus.cli.demo.EPOCHS", 2)
    monkeypatch.setattr("parnassus.cli.demo.CHANNELS", (4, 8))
    assert run("demo", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert run(*result["commands"]["predict"].split()[1:]) == 0
    capsys.readouterr()
    assert run(*result["commands"]["evaluate"].split()[1:], "--json") == 0
    measured = json.loads(capsys.readouterr().out)  # the pictures are the whole test part
    assert measured["n_rows"] == result["n_test"]
    for again, first in zip(measured["metrics"], result["evaluation"]["metrics"], strict=True):
        assert again["value"] == pytest.approx(first["value"])
    assert run("demo") == 0  # a demo may replace a demo
    assert run("train", "classifier", "runs/digits/pictures", "--out", "runs/digits") == 2


@pytest.mark.slow
def test_the_demo_reaches_98_5_percent(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("demo", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    accuracy = result["evaluation"]["metrics"][0]
    assert accuracy["name"] == "accuracy"
    assert accuracy["value"] >= 0.985
    assert accuracy["baseline"] < 0.11


@pytest.mark.slow
def test_doubt_is_added_where_it_is_asked_for(tmp_path, capsys):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(60, 2)), columns=["a", "b"])
    frame["y"] = 2 * frame["a"] + draw.normal(size=60)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    rows, out = str(tmp_path / "rows.csv"), str(tmp_path / "run")
    words = ["--target", "y", "--inference", "laplace", "--inference.n-draws", "30", "--epochs", "2", "--out", out]
    assert main(["train", "regressor", rows, *words]) == 0
    capsys.readouterr()
    assert main(["predict", out, rows, "--std", "--interval", "0.8", "--json"]) == 0
    told = pd.DataFrame(json.loads(capsys.readouterr().out))
    model = pn.load(out)
    assert model.objective_.n_draws == 30
    mean, std = model.predict(frame[["a", "b"]], return_std=True)
    ends = model.predict_interval(frame[["a", "b"]], level=0.8)
    np.testing.assert_allclose(told[["prediction", "std"]], np.stack([mean, std], 1))
    np.testing.assert_allclose(told[["lower", "upper"]], ends)
    assert main(["predict", out, rows, "--interval", "80"]) == 2
    assert "a share between 0 and 1, such as 0.9; got 80" in capsys.readouterr().err
    again = ["train", "regressor", "--config", f"{out}/config.toml", "--out", str(tmp_path / "again")]
    assert main(again) == 0
    assert pn.load(tmp_path / "again").objective_.n_draws == 30
    assert main(["train", "regressor", rows, "--target", "y", "--inference.n-draws", "30"]) == 2
    assert "Did you mean --inference?" in capsys.readouterr().err


def test_several_answers_are_called_as_their_columns(tmp_path, capsys):
    frame = pd.DataFrame({"a": np.arange(12.0), "u": np.arange(12.0) * 2, "v": np.arange(12.0) - 1})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = pn.Regressor("mlp", epochs=1, progress=False).fit(frame, target=["u", "v"])
    model.save(tmp_path / "m.parnassus")
    assert run("predict", tmp_path / "m.parnassus", tmp_path / "rows.csv", "--json") == 0
    told = pd.DataFrame(json.loads(capsys.readouterr().out))
    assert list(told) == ["row", "prediction u", "prediction v"]
    np.testing.assert_allclose(told[["prediction u", "prediction v"]], model.predict(frame[["a"]]))
