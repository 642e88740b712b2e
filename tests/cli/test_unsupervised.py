"""`parnassus train clusterer` and `train density`: a CSV without answers goes through training, test and prediction."""

import csv
import json

import numpy as np
import pytest
from sklearn.datasets import load_iris

from parnassus.cli import main


@pytest.fixture
def rows(tmp_path):
    load_iris(as_frame=True).data.to_csv(tmp_path / "iris.csv", index=False)
    return str(tmp_path / "iris.csv")


@pytest.mark.slow
def test_groups_are_trained_tested_and_predicted(rows, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["train", "clusterer", rows, "--n-clusters", "3", "--out", out]) == 0
    assert "Silhouette" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").exists()
    assert main(["predict", out, rows, "--out", str(tmp_path / "said.csv")]) == 0
    with (tmp_path / "said.csv").open() as file:
        assert {row["prediction"] for row in csv.DictReader(file)} == {"0", "1", "2"}


def test_a_density_is_trained_and_evaluated(rows, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["train", "density", rows, "--n-components", "2", "--covariance-type", "diag", "--out", out]) == 0
    capsys.readouterr()
    assert main(["evaluate", out, rows, "--json"]) == 0
    metric = json.loads(capsys.readouterr().out)["metrics"][0]
    assert metric["name"] == "log_density"
    x = load_iris().data  # the baseline by its closed form: independent Gaussians
    assert metric["baseline"] == pytest.approx(-0.5 * np.log(2 * np.pi * np.e * x.var(0)).sum(), rel=1e-6)
    assert metric["value"] > metric["baseline"]


def test_a_classifier_still_asks_for_its_answers(rows, tmp_path, capsys):
    assert main(["train", "classifier", rows, "--out", str(tmp_path / "run")]) != 0
    assert "holds no answers" in capsys.readouterr().err


def _steps(path, n=12):
    """Sequences of two levels as a table with a row a step, every second step's state told."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "t", "level", "state"])
        for i in range(n):
            for t in range(int(rng.integers(6, 15))):
                state = (t // 4) % 2
                writer.writerow([f"s{i}", t, 3 * state + rng.normal(), state if t % 2 else ""])
    return str(path)


@pytest.mark.slow
def test_states_are_found_in_a_table_with_a_row_a_step(tmp_path, capsys):
    rows, out = _steps(tmp_path / "steps.csv"), str(tmp_path / "run")
    columns = ["--sequence", "who", "--time", "t", "--target", "state"]
    assert main(["train", "hmm", rows, *columns, "--n-states", "2", "--epochs", "5", "--out", out]) == 0
    said = capsys.readouterr()
    assert "on 2 test sequences" in said.out
    assert "rate" not in said.err
    assert (tmp_path / "run" / "report.html").exists()
    assert main(["predict", out, rows, "--proba", "--out", str(tmp_path / "said.csv")]) == 0
    with (tmp_path / "said.csv").open() as file, open(rows) as given:
        found, told = list(csv.DictReader(file)), list(csv.DictReader(given))
    assert list(found[0]) == ["row", "who", "t", "prediction", "probability 0", "probability 1"]
    assert [(f["who"], f["t"]) for f in found] == [(t["who"], t["t"]) for t in told]
    known = [(f["prediction"], t["state"]) for f, t in zip(found, told, strict=True) if t["state"]]
    assert np.mean([a == b for a, b in known]) > 0.85
    capsys.readouterr()
    assert main(["evaluate", out, str(tmp_path / "run" / "test.csv"), "--json"]) == 0
    metric = json.loads(capsys.readouterr().out)["metrics"][0]
    assert metric["value"] > metric["baseline"]
    held = {row["who"] for row in csv.DictReader((tmp_path / "run" / "test.csv").open())}
    assert len(held) == 2, "sequences are held out whole"
    assert main(["report", out, rows, "-o", str(tmp_path / "page.html")]) == 0


@pytest.mark.slow
def test_the_end_of_a_single_sequence_is_its_test(tmp_path, capsys):
    rng = np.random.default_rng(1)
    path = tmp_path / "one.csv"
    path.write_text("day,weather\n" + "".join(f"{i},{'wet' if rng.random() < 0.5 else 'dry'}\n" for i in range(40)))
    out = str(tmp_path / "run")
    assert main(["train", "hmm", str(path), "--time", "day", "--n-states", "2", "--epochs", "3", "--out", out]) == 0
    assert [row["day"] for row in csv.DictReader((tmp_path / "run" / "test.csv").open())] == list(
        map(str, range(32, 40))
    )
    capsys.readouterr()
    assert main(["train", "hmm", str(path), "--sequence", "who", "--out", str(tmp_path / "other")]) == 2
    assert "no column 'who'" in capsys.readouterr().err
