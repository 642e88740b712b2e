"""`compare`: one table from the command line, and the mistakes that are met there."""

import json

import pytest
from sklearn.datasets import load_breast_cancer

from parnassus.cli import main
from parnassus.cli.comparing import folds_in


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "cancer.csv"
    data = load_breast_cancer(as_frame=True).frame.iloc[:200, [0, 1, 2, 3, -1]]
    data.assign(clinic=[i % 9 for i in range(200)]).to_csv(path, index=False)
    return path


def run(*words):
    return main([str(w) for w in words])


def test_models_are_compared_in_one_table(table, capsys):
    assert run("compare", table, "--target", "target", "--drop", "clinic", "--models", "dummy", "ridge_", "mlp") == 2
    assert "no baseline or classifier model 'ridge_'" in capsys.readouterr().err
    words = (
        "--target",
        "target",
        "--drop",
        "clinic",
        "--models",
        "dummy",
        "logistic_regression",
        "linear",
        "--folds",
        "3",
    )
    assert run("compare", table, *words) == 0
    out = capsys.readouterr().out
    assert "3 stratified folds of 200 rows" in out
    assert out.rstrip().endswith(("is best", "no worse beyond chance"))


def test_json_holds_the_standings_and_groups_stay_apart(table, capsys):
    words = (
        "--target",
        "target",
        "--groups",
        "clinic",
        "--models",
        "dummy",
        "naive_bayes",
        "--metric",
        "roc_auc",
        "--json",
    )
    assert run("compare", table, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metric"] == "roc_auc"
    assert "grouped" in told["folds"]
    assert {s["name"] for s in told["standings"]} == {"dummy", "naive_bayes"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "targe"), "did you mean 'target'"),
        ((), "no answers to compare models by"),
        (("--target", "target", "--folds", "loo"), "'leave_one_out'"),
        (("--target", "target", "--task", "tagger"), "'tagger'"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_mistakes_end_in_one_line(table, words, says, capsys):
    assert run("compare", table, *words) == 2
    assert says in capsys.readouterr().err


def test_folds_are_a_count_a_share_or_a_name():
    assert [folds_in(w) for w in ("5", "0.2", "leave_one_out")] == [5, 0.2, "leave_one_out"]
