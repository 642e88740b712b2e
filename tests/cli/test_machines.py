"""`train rbm` and `train dbn`: machines of units of 0 and 1 that scale the columns of a table themselves."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    side = rng.random(60) < 0.5
    frame = pd.DataFrame({"a": 3 + 9 * side, "b": rng.normal(size=60), "kind": np.where(side, "x", "y")})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def trained(table, *words):
    run = table.parent / "run"
    assert (
        main(
            [
                "train",
                words[0],
                str(table),
                *words[1:],
                "--target",
                "kind",
                "--epochs",
                "2",
                "--out",
                str(run),
                "--json",
            ]
        )
        == 0
    )
    return run


@pytest.mark.parametrize(("words", "name"), [
    (["rbm", "--n-components", "4"], "RBM"),
    (["density", "--model", "rbm", "--model.n-components", "4"], "RBM"),
    (["rbm", "--model", "gaussian_rbm", "--n-components", "4"], "RBM"),
    (["dbn", "--model.hidden", "4"], "DBN"),
])  # fmt: skip
@pytest.mark.slow
def test_a_run_holds_the_machine_of_that_name_and_draws_rows(table, capsys, words, name):
    run = trained(table, *words)
    capsys.readouterr()
    model = pn.load(run / "model.parnassus")
    assert type(model).__name__ == name
    assert main(["sample", str(run), "-n", "3", "--seed", "1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    due = model.sample(3, seed=1)
    np.testing.assert_allclose([[float(v) for v in row.values()] for row in rows], np.asarray(due, float), rtol=1e-5)
    assert main(["predict", str(run), str(run / "test.csv"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 12


@pytest.mark.slow
def test_the_short_name_and_the_task_write_one_configuration(table, capsys):
    trained(table, "rbm", "--n-components", "4").rename(table.parent / "short")
    trained(table, "density", "--model", "rbm", "--n-components", "4")
    short, whole = ((table.parent / n / "config.toml").read_text().split("\n", 4)[4] for n in ("short", "run"))
    assert short == whole
    again = ["train", "rbm", "--config", str(table.parent / "run" / "config.toml"), "--out", str(table.parent / "more")]
    assert main([*again, "--model", "gaussian_rbm"]) == 0
    assert pn.load(table.parent / "more" / "model.parnassus").model.name == "gaussian_rbm"


def test_counts_of_words_are_drawn_under_their_words(tmp_path, capsys):
    texts = ["cat dog dog", "sun moon"] * 10
    model = pn.RBM("replicated_softmax", n_components=2, epochs=1).fit(texts)
    model.save(tmp_path / "topics.parnassus")
    assert main(["sample", str(tmp_path / "topics.parnassus"), "-n", "2", "--seed", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert list(rows[0]) == ["(unknown)", *model.codec_.words]
    np.testing.assert_array_equal([list(row.values()) for row in rows], model.sample(2, seed=3))


def test_dates_are_named_where_they_leave_the_units(table, capsys):
    lines = (table.read_text()).splitlines()
    dated = [f"{line},{'day' if i == 0 else f'2024-01-{1 + i % 28:02d}'}" for i, line in enumerate(lines)]
    (table.parent / "dated.csv").write_text("\n".join(dated))
    assert main(["train", "rbm", str(table.parent / "dated.csv"), "--out", str(table.parent / "run")]) == 2
    assert "leave dates out" in capsys.readouterr().err


def test_a_mistake_names_the_command(capsys):
    assert main(["train", "dbn", "x.csv", "--hidden", "3"]) == 2
    assert "parnassus train dbn --help" in capsys.readouterr().err
