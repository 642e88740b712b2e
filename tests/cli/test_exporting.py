"""`parnassus export`: files beside the run, tried on its data, and refusals in a line."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rich.style  # noqa: F401  # its first import draws from Python's random state
import torch

import parnassus as pn
from parnassus.cli import main

pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=60), "b": draw.choice(["u", "v"], 60)})
    frame["y"] = np.where(frame["a"] > 0, "up", "down")
    for name in ("rows.csv", "learned.csv"):
        frame.to_csv(folder / name, index=False)
    words = ["train", "classifier", str(folder / "learned.csv"), "--target", "y", "--epochs", "2", "--out"]
    assert main([*words, str(folder / "run")]) == 0
    return folder


@pytest.mark.slow
def test_a_run_becomes_a_file_and_says_how_far_it_is_off(run, capsys):
    assert main(["export", str(run / "run"), str(run / "rows.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["difference"] < 1e-5
    assert Path(told["path"]) == run / "run" / "model.onnx"
    assert main(["export", str(run / "run"), "--to", "program", "-o", str(run / "m.pt2")]) == 0
    assert (run / "m.pt2").stat().st_size > 0


def test_a_card_is_judged_on_the_rows_that_are_given(run, capsys):
    assert main(["export", str(run / "run"), str(run / "rows.csv"), "--to", "card"]) == 0
    card = (run / "run" / "card.md").read_text()
    assert "On 60 rows (rows.csv)" in card
    assert "rows of learned.csv; fingerprint" in card  # what it learned from, and not what it is judged on
    assert f"parnassus train classifier --config {run}/run/config.toml" in card
    assert "too kind" not in card
    assert main(["export", str(run / "run"), str(run / "learned.csv"), "--to", "card"]) == 0
    assert "rows of training among them: the numbers are too kind" in (run / "run" / "card.md").read_text()
    capsys.readouterr()
    assert main(["evaluate", str(run / "run"), str(run / "learned.csv")]) == 0
    assert "too kind" in capsys.readouterr().err


def test_a_card_without_rows_tells_what_was_measured_when_the_run_ended(run, tmp_path, capsys):
    found = json.loads((run / "run" / "evaluation.json").read_text())
    assert main(["export", str(run / "run"), "--to", "card", "-o", str(tmp_path / "run.md"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == found["metrics"]
    card = (tmp_path / "run.md").read_text()
    assert f"On {found['n_rows']} rows ({found['evaluated_on']})" in card
    alone = tmp_path / "model.parnassus"
    alone.write_bytes((run / "run" / "model.parnassus").read_bytes())
    assert main(["export", str(alone), "--to", "card", "-o", str(tmp_path / "bare.md")]) == 0
    assert "Not measured" in (tmp_path / "bare.md").read_text()


def test_numbers_of_another_model_are_left_out(run, tmp_path, capsys):
    folder = tmp_path / "other"
    shutil.copytree(run / "run", folder)
    assert main(["runs", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["score"]["name"] == "accuracy"
    model = pn.load(folder)
    with torch.no_grad():
        next(model.objective_.parameters()).add_(1)
    model.save(folder / "model.parnassus")
    assert main(["export", str(folder), "--to", "card"]) == 0
    assert "is of another model" in capsys.readouterr().err
    assert "Not measured" in (folder / "card.md").read_text()
    assert main(["runs", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["score"]["name"] == "loss"  # of the log, which is this run's


@pytest.mark.slow
def test_a_full_disk_leaves_what_was_written_before(run, tmp_path, capsys):
    """By a limit on the size of files, which the system tells as it tells a full disk: in the middle of writing."""
    resource = pytest.importorskip("resource", reason="no limits on files here")
    for words, path in (
        (["export", str(run / "run"), "--to", "card", "-o"], tmp_path / "card.md"),
        (["export", str(run / "run"), "--to", "onnx", "-o"], tmp_path / "net.onnx"),
        (["export", str(run / "run"), "--to", "program", "-o"], tmp_path / "net.pt2"),
        (["predict", str(run / "run"), str(run / "rows.csv"), "--proba", "-o"], tmp_path / "said.csv"),
        (["report", str(run / "run"), str(run / "rows.csv"), "-o"], tmp_path / "report.html"),
    ):
        assert main([*words, str(path)]) == 0
        before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
        held = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
        try:
            assert main([*words, str(path)]) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, held)
        assert path.read_bytes() == before
        assert "cannot be written" in capsys.readouterr().err  # whose output a file of pytest's would be too small for
    assert not list(tmp_path.glob("*.part"))


def test_a_run_whose_numbers_are_spoilt_says_which_file_it_is(run, tmp_path, capsys):
    for name in ("model.parnassus", "config.toml"):
        (tmp_path / name).write_bytes((run / "run" / name).read_bytes())
    (tmp_path / "evaluation.json").write_text("{")
    assert main(["export", str(tmp_path), "--to", "card"]) == 2
    assert "evaluation.json is not what a run writes" in capsys.readouterr().err


def test_what_makes_no_sense_is_refused_in_a_line(run, capsys):
    assert main(["export", str(run / "run"), "--to", "program", "--int8", "static"]) == 2
    assert "--int8 is for --to onnx" in capsys.readouterr().err
    assert main(["export", str(run / "run"), "--int8", "static"]) == 2
    assert "give X, some hundred" in capsys.readouterr().err
