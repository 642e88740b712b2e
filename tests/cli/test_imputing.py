"""`parnassus predict --impute`: the table that Python's `impute` gives."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main


@pytest.fixture
def saved(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"ä": rng.normal(size=30), "kind": rng.choice(["x", "y"], 30), "n": rng.integers(0, 9, 30)})
    model = pn.Autoencoder("vae", epochs=1, progress=False).fit(table)
    model.save(tmp_path / "vae.parnassus")
    holed = pd.DataFrame({"ä": [0.5, None], "kind": [None, "y"], "n": [3, None]})
    holed.to_csv(tmp_path / "holed.csv", index=False)
    return model, holed, [str(tmp_path / "vae.parnassus"), str(tmp_path / "holed.csv")]


def test_holes_are_filled_and_nothing_else_is_changed(saved, capsys):
    model, holed, given = saved
    assert main(["predict", *given, "--impute"]) == 0
    found, due = list(csv.DictReader(io.StringIO(capsys.readouterr().out))), model.impute(holed)
    assert [row["kind"] for row in found] == due["kind"].tolist()
    assert due["kind"].notna().all()
    np.testing.assert_allclose([[float(row[c]) for c in ("ä", "n")] for row in found], due[["ä", "n"]], rtol=1e-6)
    assert (found[0]["ä"], float(found[0]["n"])) == ("0.5", 3)


def test_what_does_not_go_with_filling_is_refused(saved, tmp_path, capsys):
    _, _, given = saved
    assert main(["predict", *given, "--impute", "--proba"]) == 2
    assert "no --proba" in capsys.readouterr().err
    pn.Density("gmm").fit(np.random.default_rng(0).normal(size=(20, 2))).save(tmp_path / "gmm.parnassus")
    assert main(["predict", str(tmp_path / "gmm.parnassus"), given[1], "--impute"]) == 2
    assert "--impute is for an autoencoder" in capsys.readouterr().err
