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
