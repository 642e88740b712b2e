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
