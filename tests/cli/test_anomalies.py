"""`parnassus train anomaly-detector`: a CSV of a series goes in, a score and a verdict for every step come out."""

import json

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main


@pytest.fixture
def hours(tmp_path):
    """Hours of a load, five of which are far too high."""
    rng = np.random.default_rng(0)
    odd = np.zeros(300, dtype=int)
    odd[[90, 150, 151, 220, 260]] = 1
    load = 10 + 5 * np.sin(np.arange(300) / 8) + rng.normal(scale=0.2, size=300) + 12 * odd
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=300, freq="h"), "load": load, "odd": odd})
    frame.to_csv(tmp_path / "hours.csv", index=False)
    return str(tmp_path / "hours.csv"), frame


@pytest.mark.slow
def test_odd_steps_of_a_series_are_found_scored_and_judged(hours, tmp_path, capsys):
    path, frame = hours
    out = str(tmp_path / "run")
    own = ["--target", "load", "--method", "forecast", "--quantile", "0.98"]
    assert main(["train", "anomaly-detector", path, *own, "--out", out]) == 0
    assert "2024-01-07 06:00:00 to 2024-01-07 0" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"model.parnassus", "config.toml", "anomalies.png"}
    assert main(["predict", out, path, "--out", str(tmp_path / "said.csv")]) == 0
    said = pd.read_csv(tmp_path / "said.csv", parse_dates=["time"])
    assert said["time"].tolist() == frame["when"].tolist()
    same = pn.AnomalyDetector("forecast", quantile=0.98).fit(frame, target="load", time="when")
    np.testing.assert_allclose(said["score"], same.anomaly_score(frame), rtol=1e-6)
    assert (said["odd"] == same.predict(frame)).all()
    capsys.readouterr()
    assert main(["evaluate", out, path, "--target", "odd", "--json"]) == 0
    area = next(m for m in json.loads(capsys.readouterr().out)["metrics"] if m["name"] == "roc_auc")
    assert area["value"] > 0.9


@pytest.mark.slow
def test_the_run_is_kept_and_mistakes_are_named(hours, tmp_path, capsys):
    path, _ = hours
    out = str(tmp_path / "run")
    again = ["train", "anomaly-detector", path, "--target", "load", "--out", out]
    assert main([*again, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["window"] == 30
    for words, said in (
        (again, "holds a finished run"),
        (["train", "anomaly-detector", path, "--out", str(tmp_path / "other")], "which column"),
        (["evaluate", out, path], "--target odd"),
        (["predict", out, path, "--proba"], "no --text, and no --proba"),
        (["report", out, path], "writes no page"),
    ):
        assert main(words) == 2
        assert said in capsys.readouterr().err
