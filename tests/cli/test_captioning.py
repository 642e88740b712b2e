"""Captions of pictures by `train image-captioner`, `predict` and `evaluate`."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main


@pytest.mark.slow
def test_a_table_of_pictures_and_captions_is_learned_judged_and_told_of(tmp_path, capsys):
    rng, rows = np.random.default_rng(0), [("picture", "caption")]
    for i in range(24):
        picture = np.full((12, 12, 3), 20, np.uint8)
        picture[:, :6, i % 3] = rng.integers(150, 250)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        rows.append((f"{i}.png", f"it is {('red', 'green', 'blue')[i % 3]}"))
    table, run = tmp_path / "captions.csv", tmp_path / "run"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    small = ["--model", "vit_gpt", "--model.width", "16", "--model.n-layers", "1", "--epochs", "1", "--lr", "0.01"]
    words = ["train", "image-captioner", str(table), "--target", "caption", "--out", str(run), *small, "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n_train"], told["n_test"]) == (19, 5)
    assert "Worst examples" in (run / "report.html").read_text()
    model, some = pn.load(run / "model.parnassus"), [str(tmp_path / f"{i}.png") for i in range(3)]
    assert main(["predict", str(run), *some]) == 0
    said = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["prediction"] for row in said] == model.caption(some)
    assert main(["evaluate", str(run), str(table)]) == 0
    assert "no text that was due has 4 words" in capsys.readouterr().out  # captions of three words


@pytest.mark.slow
def test_a_table_is_asked_for_its_captions_by_name(tmp_path, capsys):
    for i in range(6):
        Image.fromarray(np.full((8, 8, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    table, alone = tmp_path / "captions.csv", tmp_path / "alone.csv"
    table.write_text("picture,who,what it shows\n" + "".join(f"{i}.png,me,a thing\n" for i in range(6)))
    alone.write_text("picture\n" + "".join(f"{i}.png\n" for i in range(6)))
    train = ["train", "image-captioner", "--out", str(tmp_path / "run")]
    assert main([*train, str(table)]) == 2
    said = capsys.readouterr().err
    assert "name the captions by --target, such as --target 'what it shows'; " in said
    assert said.endswith("the columns beside the paths are who, what it shows\n")
    assert main([*train, str(alone)]) == 2
    assert "no captions beside them; give a table of their paths and their captions" in capsys.readouterr().err


@pytest.mark.slow
def test_a_translator_and_a_captioner_search_by_a_beam_from_the_shell(tmp_path, capsys):
    X, y = ["a b", "b a", "b", "a"] * 4, ["A B", "B A", "B", "A"] * 4
    small = {"epochs": 1, "seed": 0, "device": "cpu"}
    written = pn.Translator(pn.model("seq2seq", width=4, hidden=4), **small).fit(X, y)
    written.save(tmp_path / "written.parnassus")
    shell = ["predict", str(tmp_path / "written.parnassus"), "--text", "a b", "b", "--beam", "3"]
    assert main(shell) == 0
    assert [r["prediction"] for r in csv.DictReader(capsys.readouterr().out.splitlines())] == written.translate(
        ["a b", "b"], beam=3
    )
    assert main([*shell, "--n-best", "2"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    best = [pair for row in written.translate(["a b", "b"], beam=3, n_best=2) for pair in row]
    assert [(r["prediction"], float(r["score"])) for r in rows] == [(t, pytest.approx(s)) for t, s in best]
    assert [r["rank"] for r in rows] == ["1", "2", "1", "2"]
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    seen = pn.ImageCaptioner(pn.model("vit_gpt", width=8, n_layers=1, n_heads=2), **small).fit(pictures, X[:4])
    seen.save(tmp_path / "seen.parnassus")
    Image.fromarray(pictures[0]).save(tmp_path / "0.png")
    assert main(["predict", str(tmp_path / "seen.parnassus"), str(tmp_path / "0.png"), "--n-best", "2"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [r["prediction"] for r in rows] == [t for t, _ in seen.caption(pictures[:1], n_best=2)[0]]
