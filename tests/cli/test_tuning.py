"""`tune` and `runs`: from words to a searched run, and runs side by side."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import parnassus as pn
from parnassus.cli import main
from parnassus.cli.listing import Listed, listed, run_folders, table_of
from parnassus.train.record import Record, listening

pytestmark = pytest.mark.slow

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "cancer.csv"
    load_breast_cancer(as_frame=True).frame.iloc[:200, [0, 1, 2, 3, -1]].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """Three runs: one searched for, one linear, one that is broken."""
    folder = tmp_path_factory.mktemp("runs")
    shared = [table, "--target", "target", "--epochs", "4"]
    words = ["--space", "lr=1e-4..1e-1:log", "--space", "model.hidden=8/16,16", "--trials", "3"]
    assert run("tune", "classifier", *shared, *words, "--out", folder / "tuned") == 0
    assert run("train", "classifier", *shared, "--model", "mlp", "--validation", "0.2", "--out", folder / "plain") == 0
    (folder / "hurt").mkdir()
    (folder / "hurt" / "model.parnassus").write_text("no model")
    return folder


def run(*words):
    return main([str(w) for w in words])


def test_a_searched_run_is_like_any_other_and_holds_its_trials(folder, table, capsys):
    held = {p.name for p in (folder / "tuned").iterdir()}
    assert {"model.parnassus", "config.toml", "report.html", "trials.log", "tuning.html", "tuning.png"} <= held
    made = pn.load(folder / "tuned" / "model.parnassus")
    assert made.model.options["hidden"] in [(8,), (16, 16)]
    assert 1e-4 <= made.lr <= 1e-1
    assert run("predict", folder / "tuned", table) == 0
    config = folder / "tuned" / "config.toml"
    assert run("train", "classifier", "--config", config, "--out", folder.parent / "again") == 0
    capsys.readouterr()


def test_more_trials_go_on_where_the_search_ended(folder, table, capsys):
    words = ["tune", "classifier", table, "--target", "target", "--epochs", "4", "--out", folder / "tuned", "--space",
             "lr=1e-4..1e-1:log", "--space", "model.hidden=8/16,16", "--trials", "4"]  # fmt: skip
    assert run(*words) == 2
    assert "holds a finished run" in capsys.readouterr().err
    assert run(*words, "--resume") == 0
    assert "4 trials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--space", "lr"], "--space is NAME=VALUES"),
        (["--space", "model.hiden=3"], "did you mean 'hidden'"),
        (["--space", "epoch=3/4"], "did you mean 'epochs'"),
        (["--space", "lr=a..b"], "runs from a number to a number"),
        (["--space", "model.hidden=x"], "is a whole number"),
        (["--folds", "many"], "--folds is a share"),
        (["--metric", "f2"], "'f2' is not measured here"),
    ],
)
def test_mistakes_are_told_in_a_line(words, said, table, tmp_path, capsys):
    assert run("tune", "classifier", table, "--target", "target", "--out", tmp_path / "run", "--trials", 1, *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_runs_are_listed_side_by_side_with_what_they_differ_in(folder, capsys):
    assert run("runs", folder, "--sort", "score", "--plot", folder / "curves.html") == 0
    out = capsys.readouterr().out
    assert "model.hidden" in out.splitlines()[0]
    rows = {line.split()[0].rsplit("/", 1)[1]: line for line in out.splitlines()[1:4]}
    assert "finished" in rows["plain"]
    assert "damaged" in rows["hurt"]
    assert "hurt: " in out
    assert "<svg" in (folder / "curves.html").read_text()


def test_what_is_listed_is_what_the_model_says(folder, capsys):
    made = pn.load(folder / "plain" / "model.parnassus")
    assert run("runs", folder / "plain", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["n_parameters"] == sum(p.numel() for p in made.objective_.parameters())
    assert told["epochs"] == len(made.history_) == 4
    assert told["seconds"] == pytest.approx(made.seconds_)
    assert told["curves"]["validation_loss"] == pytest.approx([h["validation_loss"] for h in made.history_])
    assert told["task"] == "classifier"


class Ended(Exception):
    """What ends a training from outside."""


class EndsIt(Record):
    def epoch(self, trainer, summary):
        if len(trainer.history) == 2:
            raise Ended


def test_runs_of_python_that_ended_or_did_not_are_listed_too(tmp_path):
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    pn.Classifier("mlp", epochs=2, out=str(tmp_path / "all")).fit(X, y)
    with listening(EndsIt()), pytest.raises(Ended):
        pn.Classifier("linear", epochs=3, out=str(tmp_path / "part")).fit(X, y)
    found = {run.folder.name: run for run in (listed(f) for f in run_folders([tmp_path]))}
    told = {name: (run.state, run.model, run.epochs, run.score[0]) for name, run in found.items()}
    assert told == {"all": ("not saved", "mlp", 2, "loss"), "part": ("not ended", "linear", 2, "loss")}


def test_runs_of_unlike_tasks_add_no_columns_and_many_settings_share_one():
    def made(name, task, model="mlp", **settings):
        return Listed(Path(name), "finished", model, task, settings=settings)

    unlike = [
        made("a", "classifier", threshold=0.5, lr=0.1, **{"model.hidden": [8, 4]}),
        made("b", "classifier", "cnn", threshold=0.5, lr=0.2),
        made("c", "clusterer", n_clusters=3, lr=0.3),
    ]
    heading, *rows = table_of(unlike)
    assert heading[8:] == ("lr",)
    assert [row[8] for row in rows] == ["0.1", "0.2", ""]
    many = [made(str(i), "classifier", **{f"s{j}": i * j for j in range(9)}) for i in range(2)]
    heading, *rows = table_of(many)
    assert heading[8:] == ("settings",)
    assert rows[1][8] == "s1=1 s2=2 s3=3 s4=4 s5=5 s6=6 s7=7 s8=8"


def test_a_task_s_own_model_is_named(tmp_path):
    days = pd.DataFrame({"t": range(60), "sold": np.sin(np.arange(60.0))})
    run = tmp_path / "one"
    made = pn.Forecaster(horizon=2, epochs=1, out=str(run), time="t").fit(days, target="sold")
    made.save(run / "model.parnassus")
    (run / "config.toml").write_text('task = "forecaster"\nmodel = "none"\n')
    assert listed(run).model == pn.Forecaster.default_models["series"]


def test_folders_without_runs_are_refused(tmp_path, capsys):
    assert run("runs", tmp_path) == 2
    assert "no run lies in it" in capsys.readouterr().err
    assert run("runs", tmp_path / "gone") == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_bad_cell_is_named_by_its_row_in_the_file(table, tmp_path, capsys):
    lines = table.read_text().splitlines()
    lines[4] = "," + lines[4].partition(",")[2]
    (tmp_path / "holed.csv").write_text("\n".join(lines))
    assert run("tune", "classifier", tmp_path / "holed.csv", "--target", "target", "--out", tmp_path / "run") == 2
    assert "row 3, column 'mean radius'" in capsys.readouterr().err


def test_a_forecaster_is_tuned_by_backtests_and_tested_on_steps_that_no_trial_saw(tmp_path, capsys):
    step = np.arange(70)
    sold = 20 + 0.3 * step + np.array([0, 3, 5, 1, 0, 9, 12])[step % 7]
    day = pd.date_range("2024-01-01", periods=70).strftime("%Y-%m-%d")
    pd.DataFrame({"day": day, "sold": sold}).to_csv(tmp_path / "sales.csv", index=False)
    words = ["--target", "sold", "--model", "ridge", "--horizon", 7, "--space", "model.l2=0.01..1e4:log", "--trials", 3]
    assert run("tune", "forecaster", tmp_path / "sales.csv", *words, "--folds", 2, "--out", tmp_path / "tuned") == 0
    said = capsys.readouterr().out
    assert "3 trials (3 complete) on 2 origins of a backtest" in said
    assert "63 rows, 7 kept for the test" in said
    made = pn.load(tmp_path / "tuned" / "model.parnassus")
    best = min(float(line.split()[1]) for line in said.splitlines() if re.match(r"[012] ", line))
    first = next(line.split() for line in said.splitlines() if re.match(r"[012] ", line))
    assert float(first[1]) == best
    assert made.model.options["l2"] == pytest.approx(float(first[-1]), rel=1e-3)
    assert made.predict()["day"].iloc[0] == pd.Timestamp("2024-03-04")  # behind the rows that trials saw
    assert len(pd.read_csv(tmp_path / "tuned" / "test.csv")) == 7
    assert run("tune", "forecaster", tmp_path / "sales.csv", *words, "--folds", "0.25", "--out", tmp_path / "no") == 2
    assert "number of origins" in capsys.readouterr().err


def test_a_forecaster_without_a_model_is_trained_with_what_was_found(tmp_path, capsys):
    pd.DataFrame({"sold": np.sin(np.arange(50) / 3)}).to_csv(tmp_path / "sales.csv", index=False)
    words = ["--target", "sold", "--horizon", 2, "--history", 4, "--epochs", 1, "--trials", 1, "--folds", 1]
    words += ["--space", "model.hidden=4"]
    assert run("tune", "forecaster", tmp_path / "sales.csv", *words, "--out", tmp_path / "tuned") == 0, capsys
    assert pn.load(tmp_path / "tuned" / "model.parnassus").model.options["hidden"] == 4
    words = ["--target", "sold", "--horizon", 2, "--model", "arima", "--out", tmp_path / "no"]
    assert run("tune", "forecaster", tmp_path / "sales.csv", *words) == 2
    assert "give --space of model.order, model.seasonal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("hmm", ["--drop", "tag", "--space", "n_states=1/2", "--epochs", "5"]),
        ("tagger", ["--target", "tag", "--space", "model.hidden=4/8", "--epochs", "2", "--model", "bilstm"]),
    ],
)
def test_sequences_stay_whole_in_trials_and_in_the_test(task, words, tmp_path, capsys):
    rng = np.random.default_rng(0)
    tags = rng.random((10, 8)) < 0.5
    table = pd.DataFrame(
        {"run": np.repeat(np.arange(10), 8), "seen": rng.normal(5.0 * tags).ravel(), "tag": tags.ravel()}
    )
    table.to_csv(tmp_path / "steps.csv", index=False)
    shared = [tmp_path / "steps.csv", "--sequence", "run", "--trials", 2, "--out", tmp_path / "run"]
    assert run("tune", task, *shared, *words) == 0
    said = capsys.readouterr().out
    assert "64 rows, 16 kept for the test" in said
    assert "2 trials (2 complete) on a grouped 25% of the rows held out" in said
    assert "on 2 test sequences that training has not seen" in said
    assert run("predict", tmp_path / "run", tmp_path / "steps.csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 81
