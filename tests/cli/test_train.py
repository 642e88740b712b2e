"""`parnassus train` from words to a run folder, on tiny data."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest
import torch

from parnassus import store
from parnassus.cli import main
from parnassus.train.locking import locked

pytestmark = pytest.mark.slow

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with a table of 120 rows whose answer is told by age and city."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    with open("shop.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "age", "city", "since", "bought", "spent"])
        for i in range(120):
            age, city = int(random.integers(18, 80)), str(random.choice(["Rome", "Oslo"]))
            bought = "yes" if (age > 45) ^ (city == "Rome") else "no"
            writer.writerow([f"c{i}", age, city, f"2024-01-{1 + i % 28:02}", bought, age * 2 + i % 3])
    return tmp_path


def run(*words):
    return main([str(w) for w in words])


def weights(folder):
    return store.load(folder / "model.parnassus")["weights"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


TRAIN = ("train", "classifier", "shop.csv", "--target", "bought", "--drop", "id", "spent", "--epochs", "3")


def test_a_run_folder_holds_everything_and_its_commands_work(shop, capsys):
    assert run(*TRAIN, "--model", "mlp", "--model.hidden", "8", "4", "--out", "runs/a") == 0
    said = capsys.readouterr().out
    held = {p.name for p in (shop / "runs/a").iterdir()}
    assert held == {
        "model.parnassus",
        "checkpoint",
        "log.csv",
        "events",
        "report.html",
        "config.toml",
        "evaluation.json",
        "test.csv",
    }
    assert "Accuracy" in said
    assert "baseline" in said
    last = [line.strip() for line in said.splitlines()]
    commands = [line.split(None, 1)[1] for line in last if line.startswith(("predict", "evaluate"))]
    assert len(commands) == 2
    for command in commands:
        words = command.split()
        assert words[0] == "parnassus"
        assert run(*words[1:]) == 0
    held_out = json.loads((shop / "runs/a/evaluation.json").read_text())
    assert held_out["n_rows"] == 24  # a fifth of 120 rows


def test_evaluate_on_the_kept_test_rows_gives_the_training_s_own_numbers(shop, capsys):
    assert run(*TRAIN, "--out", "runs/a") == 0
    capsys.readouterr()
    assert run("evaluate", "runs/a", "runs/a/test.csv", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["metrics"] == json.loads((shop / "runs/a/evaluation.json").read_text())["metrics"]


def test_the_configuration_of_a_run_gives_the_same_weights(shop):
    assert (
        run(
            *TRAIN,
            "--model.hidden",
            "5",
            "--optimizer",
            "sgd",
            "--optimizer.momentum",
            ".9",
            "--schedule",
            "cosine",
            "--schedule.warmup",
            "0.1",
            "--average",
            ".9",
            "--codec.scaling",
            "minmax",
            "--seed",
            "3",
            "--out",
            "runs/a",
        )
        == 0
    )
    made = tomllib.loads((shop / "runs/a/config.toml").read_text())
    assert made["model"] == {"name": "mlp", "hidden": [5]}
    assert made["optimizer"] == {"name": "sgd", "momentum": 0.9}
    assert made["codec"]["scaling"] == "minmax"
    assert run("train", "classifier", "--config", "runs/a/config.toml", "--out", "runs/b") == 0
    assert same(weights(shop / "runs/a"), weights(shop / "runs/b"))
    assert run("train", "classifier", "--config", "runs/a/config.toml", "--out", "runs/c", "--seed", "4") == 0
    assert not same(weights(shop / "runs/a"), weights(shop / "runs/c"))  # what is given here wins


def test_another_model_than_the_configuration_s_leaves_its_options_behind(shop):
    (shop / "c.toml").write_text('epochs = 1\n[model]\nname = "mlp"\nhidden = [4]\n')
    assert run(*TRAIN, "--config", "c.toml", "--model", "logistic", "--out", "runs/a") == 0
    assert tomllib.loads((shop / "runs/a/config.toml").read_text())["model"] == {"name": "logistic"}
    assert run(*TRAIN, "--config", "c.toml", "--out", "runs/b") == 0
    assert tomllib.loads((shop / "runs/b/config.toml").read_text())["model"] == {"name": "mlp", "hidden": [4]}


def test_yaml_serves_as_well_and_its_keys_may_have_hyphens(shop):
    (shop / "run.yaml").write_text(
        "data: shop.csv\ntarget: bought\ndrop: [id, spent]\nepochs: 2\nbatch-size: 16\n"
        "model: {name: mlp, hidden: [4]}\nclip-norm: none\nschedule: cosine\n"
    )
    assert run("train", "classifier", "--config", "run.yaml", "--out", "runs/y") == 0
    made = tomllib.loads((shop / "runs/y/config.toml").read_text())
    assert (made["batch_size"], made["clip_norm"], made["model"]["hidden"]) == (16, "none", [4])
    assert made["schedule"]["name"] == "cosine"


def test_the_test_part_is_never_trained_on(shop, capsys):
    assert run(*TRAIN, "--test", "0.25", "--out", "runs/a", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["n_train"], result["n_test"]) == (90, 30)  # of 120 rows
    assert len((shop / "runs/a/test.csv").read_text().splitlines()) == 1 + 30
    assert store.load("runs/a/model.parnassus")["learned"]["data_"]["dict"][1][1] == 90


def test_without_a_test_the_validation_rows_are_measured_and_without_both_nothing(shop, capsys):
    assert run(*TRAIN, "--test", "0", "--validation", ".2", "--out", "runs/v", "--json") == 0
    assert "validation" in json.loads(capsys.readouterr().out)["evaluated_on"]
    assert run(*TRAIN, "--test", "0", "--out", "runs/n", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluation"] is None
    assert not (shop / "runs/n/report.html").exists()


def test_a_test_part_in_a_file_of_its_own_is_what_is_measured(shop, capsys):
    rows = (shop / "shop.csv").read_text().splitlines(keepends=True)
    (shop / "train.csv").write_text("".join(rows[:101]))
    (shop / "held.csv").write_text(rows[0] + "".join(rows[101:]))
    assert (
        run(
            "train",
            "classifier",
            "train.csv",
            "--target",
            "bought",
            "--drop",
            "id",
            "spent",
            "--epochs",
            "2",
            "--test",
            "held.csv",
            "--out",
            "runs/a",
            "--json",
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert (result["n_train"], result["n_test"]) == (100, 20)
    assert result["commands"]["evaluate"] == "parnassus evaluate runs/a held.csv"


def test_rows_on_both_sides_are_told_with_their_number(shop, capsys):
    rows = (shop / "shop.csv").read_text().splitlines(keepends=True)
    (shop / "twice.csv").write_text("".join(rows + rows[1:]))
    assert (
        run(
            "train",
            "classifier",
            "twice.csv",
            "--target",
            "bought",
            "--drop",
            "spent",
            "--epochs",
            "1",
            "--test",
            ".5",
            "--out",
            "runs/a",
        )
        == 0
    )
    told = [line for line in capsys.readouterr().err.splitlines() if "also in the training rows" in line]
    assert len(told) == 1
    assert told[0].startswith("warning: ")


def test_a_refusal_names_the_row_of_the_file(shop, capsys):
    rows = (shop / "shop.csv").read_text().splitlines(keepends=True)
    rows[3] = rows[3].replace(rows[3].split(",")[1], "", 1)  # row 2, counted from 0 below the heading
    (shop / "shop.csv").write_text("".join(rows))
    assert run(*TRAIN, "--out", "runs/a") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "row 2, column 'age'" in error
    assert "--codec.missing median" in error
    assert run(*TRAIN, "--out", "runs/a", "--codec.missing", "median") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--epochs", "ten"), "--epochs is a whole number"),
        (("--model", "mpl"), "did you mean 'mlp'"),
        (("--modle", "mlp"), "Did you mean --model"),
        (("--model", "mlp", "--model.hiden", "4"), "Did you mean --model.hidden"),
        (("--model", "lms"), "serves regressor, not classifier"),
        (("--test", "1.5"), "--test is a fraction"),
        (("--validation", "0"), "--validation is a fraction"),
        (("--target", "bougt"), "did you mean 'bought'"),
        (("--drop", "idd"), "did you mean 'id'"),
        (("--overwrite", "--resume"), "give one of them"),
        (("--class-weight", "{a"), "no JSON"),
        (("--loss.delta", "3"), "Unknown option"),
        (("--config", "nothing.toml"), "cannot be read"),
        (("--model", "mlp", "--model.hidden", "4", "x"), "--model.hidden is a whole number"),
        (("--device", "abacus"), "cannot be used here"),
        (("--codec", "sound"), "unknown codec"),
        (("--optimizer", "sgd", "--optimizer.nesterov", "true"), "needs momentum"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(shop, capsys, words, told):
    given = [w for w in TRAIN if not (w in ("--epochs", "3") and "--epochs" in words)]
    given = given[:3] + given[5:] if "--target" in words else given
    assert run(*given, "--out", "runs/a", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert told in lines[-1]
    assert lines[-1].startswith("parnassus: ")
    assert not any("Traceback" in line for line in lines)


def test_unknown_keys_of_a_configuration_are_refused_with_the_nearest(shop, capsys):
    (shop / "c.toml").write_text("epoch = 3\n")
    assert run(*TRAIN[:5], "--config", "c.toml") == 2
    assert "did you mean 'epochs'" in capsys.readouterr().err
    (shop / "c.toml").write_text("epochs = \n")
    assert run(*TRAIN[:5], "--config", "c.toml") == 2
    (shop / "c.toml").write_text('task = "regressor"\n')
    assert run(*TRAIN[:5], "--config", "c.toml") == 2
    assert "not classifier" in capsys.readouterr().err


def test_a_run_is_not_overwritten_unless_asked(shop, capsys):
    assert run(*TRAIN, "--out", "runs/a") == 0
    before = (shop / "runs/a/model.parnassus").read_bytes()
    assert run(*TRAIN, "--out", "runs/a") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(*TRAIN[:3], "--target", "nothing", "--out", "runs/a", "--overwrite") == 2
    assert (shop / "runs/a/model.parnassus").read_bytes() == before
    assert run(*TRAIN, "--out", "runs/a", "--overwrite", "--seed", "5") == 0
    assert (shop / "runs/a/model.parnassus").read_bytes() != before


@pytest.mark.parametrize("flag", [(), ("--overwrite",), ("--resume",)])
def test_a_folder_that_a_training_writes_into_is_left_alone(shop, capsys, flag):
    assert run(*TRAIN, "--out", "runs/a") == 0
    folder = shop / "runs/a"
    held = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    with locked(folder):
        assert run(*TRAIN, "--out", "runs/a", *flag) == 2
        assert "another training writes into this folder" in capsys.readouterr().err
        assert {path: path.read_bytes() for path in held} == held


def test_a_resume_that_is_refused_leaves_the_configuration(shop, capsys):
    assert run(*TRAIN, "--out", "runs/a") == 0
    held = (shop / "runs/a/config.toml").read_text()
    assert run(*TRAIN, "--out", "runs/a", "--resume", "--lr", "0.5") == 2
    assert (shop / "runs/a/config.toml").read_text() == held


def test_the_folder_is_named_after_data_and_model(shop):
    assert run(*TRAIN) == 0
    assert (shop / "runs/shop-mlp/model.parnassus").exists()


def test_weights_of_classes_are_found_by_their_names(shop):
    assert run(*TRAIN, "--class-weight", '{"yes": 2, "no": 1}', "--out", "runs/a") == 0
    made = tomllib.loads((shop / "runs/a/config.toml").read_text())
    assert made["class_weight"] == {"yes": 2, "no": 1}
    assert run("train", "classifier", "--config", "runs/a/config.toml", "--out", "runs/b") == 0
    assert same(weights(shop / "runs/a"), weights(shop / "runs/b"))


def test_weights_of_classes_that_are_numbers_are_found_too(shop):
    rows = (shop / "shop.csv").read_text().replace(",yes,", ",1,").replace(",no,", ",0,")
    (shop / "shop.csv").write_text(rows)
    assert run(*TRAIN, "--class-weight", '{"1": 2}', "--out", "runs/a") == 0
    assert run("train", "classifier", "--config", "runs/a/config.toml", "--out", "runs/b") == 0
    assert same(weights(shop / "runs/a"), weights(shop / "runs/b"))


def test_json_is_all_that_standard_output_holds(shop, capsys):
    assert run(*TRAIN, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["evaluation"]["n_rows"] == 24
    assert "epoch 3/3" in said.err


def test_texts_are_learned_from_the_one_column_left(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [f"a good film {i},pos\na bad film {i},neg" for i in range(20)]
    (tmp_path / "films.csv").write_text("review,label\n" + "\n".join(lines) + "\n")
    assert run("train", "classifier", "films.csv", "--target", "label", "--codec", "text", "--epochs", "30") == 0
    capsys.readouterr()
    assert run("predict", "runs/films-mlp", "--text", "good good", "bad", "--json") == 0
    assert [r["prediction"] for r in json.loads(capsys.readouterr().out)] == ["pos", "neg"]
    assert run("evaluate", "runs/films-mlp", "runs/films-mlp/test.csv") == 0


# --- killed, interrupted --------------------------------------------------------------------------


def begun(*words, folder):
    command = [sys.executable, "-m", "parnassus", *words]
    return subprocess.Popen(command, cwd=folder, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path, process):
    for _ in range(600):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert path.exists(), process.communicate()[1]


LONG = (
    "train",
    "classifier",
    "shop.csv",
    "--target",
    "bought",
    "--drop",
    "id",
    "spent",
    "--optimizer",
    "sgd",
    "--optimizer.momentum",
    "0.9",
    "--checkpoint-every",
    "3",
    "--batch-size",
    "8",
    "--validation",
    "0.1",
)


def test_a_killed_run_resumed_has_the_weights_of_one_that_was_not(shop):
    epochs = ("--epochs", "150")
    assert run(*LONG, *epochs, "--out", "runs/whole") == 0
    process = begun(*LONG, *epochs, "--out", "runs/cut", folder=shop)
    wait_for(shop / "runs/cut/checkpoint/last.safetensors", process)
    time.sleep(float(np.random.default_rng().uniform(0, 0.3)))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (shop / "runs/cut/model.parnassus").exists()
    assert run(*LONG, *epochs, "--out", "runs/cut") == 2  # not silently anew
    assert run("train", "classifier", "--out", "runs/cut", "--resume") == 0  # settings and data from its config.toml
    assert same(weights(shop / "runs/whole"), weights(shop / "runs/cut"))


def test_an_interrupted_run_is_saved_and_measured(shop, heard):
    process = begun(*LONG, "--epochs", "100000", "--out", "runs/cut", folder=shop)
    wait_for(shop / "runs/cut/checkpoint/last.safetensors", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "warning: interrupted after" in err
    assert "Traceback" not in err
    assert "Accuracy" in out
    assert (shop / "runs/cut/report.html").exists()
    assert run("evaluate", "runs/cut", "runs/cut/test.csv") == 0
