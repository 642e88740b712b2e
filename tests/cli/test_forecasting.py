"""`parnassus train forecaster`: a CSV of series goes through training, test, report and forecast."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import rich.style  # noqa: F401  (it draws once from Python's generator when it is first imported)

from parnassus.cli import main

T = np.arange(60)


@pytest.fixture
def path(tmp_path):
    frame = pd.DataFrame({
        "day": pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d"),
        "sold": 20 + T + np.array([0, 3, 5, 1, 0, 9, 12])[T % 7],
    })  # fmt: skip
    frame.to_csv(tmp_path / "sales.csv", index=False)
    return str(tmp_path / "sales.csv")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_series_is_trained_tested_on_its_last_steps_and_goes_on(path, tmp_path, capsys):
    out = str(tmp_path / "run")
    train = ["train", "forecaster", path, "--target", "sold", "--model", "holt_winters", "--horizon", "7"]
    assert main([*train, "--out", out]) == 0
    said = capsys.readouterr()
    assert "seasonal naive" in said.out
    assert "not used" not in said.err  # dates written as text are the time
    assert (tmp_path / "run" / "report.html").exists()
    assert rows_of(tmp_path / "run" / "test.csv")[0]["day"] == "2024-02-23"
    judged = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    mae = {m["name"]: m for m in judged["metrics"]}["mae"]
    assert mae["value"] < 0.5
    assert mae["baseline"] == pytest.approx(7)  # a week of a trend of 1 a day
    assert main(["predict", out, "--out", str(tmp_path / "after.csv")]) == 0
    assert rows_of(tmp_path / "after.csv")[0]["day"] == "2024-02-23"
    assert (
        main(["predict", out, path, "--horizon", "3", "--quantiles", "0.1", "0.9", "--out", str(tmp_path / "x")]) == 0
    )
    found = rows_of(tmp_path / "x")
    assert [row["day"][:10] for row in found] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert float(found[0]["0.1"]) < 20 + 60 + 0.5 + [0, 3, 5, 1, 0, 9, 12][60 % 7]
    assert "0.9" in found[0]


@pytest.mark.slow
def test_a_run_is_evaluated_on_the_steps_that_follow_and_on_no_others(path, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert (
        main(["train", "forecaster", path, "--target", "sold", "--model", "theta", "--test", "0.1", "--out", out]) == 0
    )
    capsys.readouterr()
    assert main(["evaluate", out, f"{out}/test.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_rows"] == 6
    assert found["baseline"] == "seasonal naive"
    assert main(["evaluate", out, path]) == 2
    assert "give the steps that follow" in capsys.readouterr().err


@pytest.mark.slow
def test_several_series_with_a_covariate_that_is_known_ahead(tmp_path, capsys):
    days = pd.date_range("2024-01-01", periods=40)
    parts = [
        pd.DataFrame({"day": days, "shop": shop, "open": (T[:40] % 5 > 0) * 1.0, "sold": size * (1 + T[:40] % 5)})
        for shop, size in (("a", 1.0), ("b", 10.0))
    ]
    whole = pd.concat(parts)
    whole[whole["day"] < "2024-02-04"].to_csv(tmp_path / "past.csv", index=False)
    whole[whole["day"] >= "2024-02-04"].drop(columns="sold").to_csv(tmp_path / "ahead.csv", index=False)
    out = str(tmp_path / "run")
    asked = ["--target", "sold", "--time", "day", "--series", "shop", "--known", "open", "--horizon", "4"]
    assert main(["train", "forecaster", str(tmp_path / "past.csv"), *asked, "--model", "ridge", "--out", out]) == 0
    assert "n_test" not in capsys.readouterr().out
    past, ahead = str(tmp_path / "past.csv"), str(tmp_path / "ahead.csv")
    assert main(["predict", out, past, "--known", ahead, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["shop"], row["day"][:10]) for row in found[::4]] == [("a", "2024-02-04"), ("b", "2024-02-04")]
    assert main(["predict", out, past]) == 2
    assert "known ahead" in capsys.readouterr().err


@pytest.mark.slow
def test_a_configuration_trains_the_same_net_again(path, tmp_path, capsys):
    out = str(tmp_path / "run")
    small = ["--model", "gru", "--model.hidden", "4", "--epochs", "2", "--history", "7", "--horizon", "3"]
    assert main(["train", "forecaster", path, "--target", "sold", *small, "--out", out, "--no-progress"]) == 0
    again = str(tmp_path / "again")
    assert main(["train", "forecaster", "--config", f"{out}/config.toml", "--out", again, "--no-progress"]) == 0
    said = [json.loads((tmp_path / one / "evaluation.json").read_text())["metrics"] for one in ("run", "again")]
    assert said[0] == said[1]


@pytest.mark.slow
def test_without_a_model_the_default_net_is_compared_with_the_last_season(path, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["--target", "sold", "--epochs", "1", "--horizon", "3", "--no-progress", "--json"]
    assert main(["train", "forecaster", path, *asked]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "gru"
    assert found["out"] == "runs/sales-gru"
    assert set(found["checked"]) == {"model", "seasonal_naive"}


def test_without_a_test_the_whole_series_is_learned(path, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["train", "forecaster", path, "--target", "sold", "--model", "drift", "--test", "0", "--out", out]) == 0
    assert not (tmp_path / "run" / "report.html").exists()
    capsys.readouterr()
    assert main(["predict", out, "--horizon", "1"]) == 0
    assert "2024-03-01" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "says"), [
    (["--test", "0.99"], "kept for the test"), (["--validation", "held.csv"], "fraction of the steps"),
    (["--target", "sould"], "sold"), (["--horizon", "0"], "at least 1"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_words(path, tmp_path, capsys, words, says):
    asked = ["--target", "sold"] if "--target" not in words else []
    assert main(["train", "forecaster", path, *asked, "--model", "drift", *words, "--out", str(tmp_path / "r")]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_flags_of_forecasts_are_refused_for_other_models(tmp_path, capsys):
    from sklearn.datasets import load_iris

    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    out = str(tmp_path / "run")
    plan = ["--target", "target", "--model", "linear", "--epochs", "1", "--out", out, "--no-progress"]
    assert main(["train", "classifier", str(tmp_path / "iris.csv"), *plan]) == 0
    assert main(["predict", out, str(tmp_path / "iris.csv"), "--horizon", "3"]) == 2
    assert "for a forecaster" in capsys.readouterr().err
