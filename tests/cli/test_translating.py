"""Pictures of two kinds by `train image-translator`, `predict` and `evaluate`."""

import json

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main

SMALL = ["--model.width", "4", "--epochs", "1"]


@pytest.fixture
def kinds(tmp_path):
    """A folder with folders A and B of twelve pictures each, those of B the negatives of A."""
    rng = np.random.default_rng(0)
    for kind in "AB":
        (tmp_path / "both" / kind).mkdir(parents=True)
    for i in range(12):
        picture = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "both" / "A" / f"é {i}.png")
        Image.fromarray(255 - picture).save(tmp_path / "both" / "B" / f"é {i}.png")
    return tmp_path / "both"


def trained(kinds, *words):
    run = kinds.parent / "run"
    assert main(["train", "image-translator", str(kinds), "--out", str(run), *words, *SMALL]) == 0
    return run


@pytest.mark.slow
def test_a_run_translates_as_python_does_and_is_evaluated(kinds, capsys):
    run = trained(kinds, "--model", "pix2pix", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["n_train"], told["n_test"], told["evaluation"]["metrics"][0]["name"]) == (10, 2, "absolute_error")
    assert (run / "translated.png").exists()
    model = pn.load(run / "model.parnassus")
    files = sorted(str(p) for p in (kinds / "A").iterdir())
    assert main(["predict", str(run), str(kinds / "A"), "--out", str(kinds / "made")]) == 0
    due = model.translate(files)
    for file, picture in zip(files, due, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file.replace("/A/", "/made/"))), picture)
    capsys.readouterr()
    assert main(["evaluate", str(run), str(kinds), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["metrics"][0]["value"]
    assert found == pytest.approx(model.evaluate(kinds / "A", kinds / "B").metrics[0].value)
    assert "made worst" in (run / "report.html").read_text()
    page = kinds.parent / "page.html"
    assert main(["evaluate", str(run), str(kinds), "--report", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(page)
    assert "12 rows given" in page.read_text()
    for words, said in [(["--to", "A"], "learned one way"), (["--proba"], "no --proba")]:
        assert main(["predict", str(run), files[0], "--out", str(kinds / "other"), *words]) != 0
        assert said in capsys.readouterr().err
    assert main(["predict", str(run), str(kinds / "A"), "--out", str(kinds / "made")]) != 0
    assert "is not overwritten" in capsys.readouterr().err


@pytest.mark.slow
def test_pictures_set_apart_are_the_test_and_cyclegan_goes_both_ways(kinds, capsys):
    for kind in "AB":
        (kinds / kind).rename(kinds / f"train{kind}")
        (kinds / f"test{kind}").mkdir()
        for i in range(2 if kind == "A" else 3):
            Image.new("RGB", (16, 16), (40 * i, 9, 9)).save(kinds / f"test{kind}" / f"{i}{kind}.png")
    run = trained(kinds, "--json", "--model.n-blocks", "1")
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["n_train"], told["n_test"]) == ("cyclegan", 12, 2)
    assert main(["predict", str(run), str(kinds / "testB" / "0B.png"), "--to", "A", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert Image.open(row["picture"]).size == (16, 16)


@pytest.mark.parametrize(("change", "words", "said"), [
    (lambda kinds: (kinds / "B" / "é 3.png").rename(kinds / "B" / "x.png"), ["--model", "pix2pix"], "same names"),
    (lambda kinds: (kinds / "B").rename(kinds / "C"), [], "the folders A and B"),
    (lambda kinds: None, ["--target", "B"], "pictures have none"),
    (lambda kinds: None, ["--test", "0.1"], "1 of a kind's pictures for the test, and 2 or more"),
    (lambda kinds: None, ["--test", "0.95"], "1 of a kind's pictures to learn from, and 2 or more"),
])  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(kinds, capsys, change, words, said):
    change(kinds)
    assert main(["train", "image-translator", str(kinds), "--out", str(kinds.parent / "run"), *words, *SMALL]) != 0
    assert said in capsys.readouterr().err
    assert not (kinds.parent / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "measure"), [("pix2pix", "absolute_error"), ("cyclegan", "squared_mmd")])
def test_a_search_is_judged_on_pictures_that_its_trials_have_not_seen(kinds, capsys, model, measure):
    if model == "cyclegan":
        (kinds / "B" / "é 0.png").unlink()
    run, space = kinds.parent / "tuned", ["--space", "lr=0.001/0.0001", "--trials", "2"]
    words = ["tune", "image-translator", str(kinds), "--model", model, "--out", str(run), *space, *SMALL, "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["evaluation"]["metrics"][0]["name"] == measure
    assert {path.name for path in run.iterdir()} >= {"model.parnassus", "tuning.html", "report.html", "translated.png"}
    assert pn.load(run / "model.parnassus").lr in (0.001, 0.0001)
