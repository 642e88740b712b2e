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


def test_it_says_what_it_filled_and_draws_where_asked(saved, tmp_path, capsys):
    model, holed, given = saved
    assert main(["predict", *given, "--impute", "-o", str(tmp_path / "one.csv")]) == 0
    assert "wrote 2 rows, 3 holes filled with 1 value each, to" in capsys.readouterr().err
    told = ["--draws", "3", "--seed", "5", "-o", str(tmp_path / "three.csv")]
    assert main(["predict", *given, "--impute", *told]) == 0
    assert "wrote 6 rows, 3 holes filled with 3 draws each, to" in capsys.readouterr().err
    found, due = pd.read_csv(tmp_path / "three.csv"), model.impute(holed, n_draws=3, seed=5)
    assert found["draw"].tolist() == [1, 1, 2, 2, 3, 3]
    for i, table in enumerate(due, 1):
        part = found[found["draw"] == i]
        assert part["kind"].tolist() == table["kind"].tolist()
        np.testing.assert_allclose(part[["ä", "n"]], table[["ä", "n"]], rtol=1e-6)
    assert due[0]["ä"][1] != due[1]["ä"][1]


def test_a_diffusion_fills_a_table_too(tmp_path, capsys):
    rng = np.random.default_rng(0)
    net = pn.model("ddpm", hidden=(4,), n_steps=10, n_sampled=3)
    made = pn.Generator(net, epochs=1, progress=False).fit(pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"]))
    made.save(tmp_path / "d.parnassus")
    holed = pd.DataFrame({"a": [0.5, None, 1.0], "b": [None, 1.0, 2.0]})
    holed.to_csv(tmp_path / "holed.csv", index=False)
    given = [str(tmp_path / "d.parnassus"), str(tmp_path / "holed.csv")]
    assert main(["predict", *given, "--impute", "--seed", "2"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    pd.testing.assert_frame_equal(found, made.impute(holed, seed=2), rtol=1e-6)
    assert main(["predict", *given]) == 2
    assert "sample" in capsys.readouterr().err


def test_a_told_diffusion_reads_what_rows_are_of_from_the_file(tmp_path, capsys):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40), "k": ["x", "y"] * 20})
    net = pn.model("ddpm", hidden=(4,), n_steps=10, n_sampled=3)
    made = pn.Generator(net, epochs=1, progress=False).fit(table, target="k")
    made.save(tmp_path / "d.parnassus")
    holed = pd.DataFrame({"a": [0.5, None], "b": [None, 1.0], "k": ["y", "x"]})
    holed.to_csv(tmp_path / "holed.csv", index=False)
    given = [str(tmp_path / "d.parnassus"), str(tmp_path / "holed.csv"), "--impute", "--seed", "2"]
    assert main(["predict", *given]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    due = made.impute(holed[["a", "b"]], condition=["y", "x"], seed=2)
    pd.testing.assert_frame_equal(found, due, rtol=1e-6)
    holed[["a", "b"]].to_csv(tmp_path / "holed.csv", index=False)
    assert main(["predict", *given]) == 2
    assert "column 'k'" in capsys.readouterr().err


def test_transparent_pixels_are_holes(tmp_path, capsys):
    from PIL import Image

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (12, 6, 4), dtype=np.uint8)
    made = pn.Autoencoder("vae", epochs=1, progress=False).fit(pictures)
    made.save(tmp_path / "v.parnassus")
    holed = np.zeros((6, 4, 4), dtype=np.uint8)
    holed[..., :3], holed[..., 3] = pictures[0][..., None], 255
    holed[1:3, 1:3, 3] = 0
    Image.fromarray(holed).save(tmp_path / "one.png")
    given = [str(tmp_path / "v.parnassus"), str(tmp_path / "one.png"), "--impute"]
    assert main(["predict", *given, "--out", str(tmp_path / "whole")]) == 0
    assert "wrote 1 pictures, 4 holes filled with 1 value each" in capsys.readouterr().err
    there = holed[..., 3] > 0
    found = np.asarray(Image.open(tmp_path / "whole" / "one.png"))
    assert np.array_equal(found[there], pictures[0][there])
    assert np.array_equal(found, made.impute(pictures[:1], missing=~there[None])[0])
    assert main(["predict", *given, "--out", str(tmp_path / "whole")]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert main(["predict", *given, "--draws", "2", "--out", str(tmp_path / "whole")]) == 0
    assert sorted(p.name for p in (tmp_path / "whole").iterdir()) == ["one-1.png", "one-2.png", "one.png"]
    Image.fromarray(holed[:5]).save(tmp_path / "small.png")
    assert main(["predict", given[0], str(tmp_path / "small.png"), "--impute"]) == 2
    assert "5 x 4 pixels, and the model knows 6 x 4" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "said"), [
    (["--draws", "2"], "--draws say how holes are filled"), (["--impute", "--draws", "0"], "at least 1"),
    (["--impute", "--seed", "1"], "--draws N"),
])  # fmt: skip
def test_ways_of_filling_without_sense_are_refused(saved, capsys, flags, said):
    assert main(["predict", *saved[2], *flags]) == 2
    assert said in capsys.readouterr().err
