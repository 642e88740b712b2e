"""`parnassus sample`: what a generator, an autoencoder or a density draws, as CSV and as pictures."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:the generator has collapsed")
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"a": RNG.normal(size=30), "kind": RNG.choice(["x", "y"], 30)})
PICTURES = RNG.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_s_rows_are_those_that_python_draws(tmp_path, capsys):
    model = pn.Autoencoder("vae", epochs=1, progress=False).fit(TABLE)
    model.save(tmp_path / "vae.parnassus")
    assert main(["sample", str(tmp_path / "vae.parnassus"), "-n", "3", "--seed", "4"]) == 0
    found, due = rows_of(capsys.readouterr().out), model.sample(3, seed=4)
    assert [row["kind"] for row in found] == due["kind"].tolist()
    np.testing.assert_allclose([float(row["a"]) for row in found], due["a"], rtol=1e-6)


@pytest.mark.slow
def test_numbers_of_an_array_have_names_of_their_own(tmp_path, capsys):
    model = pn.Density("gmm").fit(TABLE[["a"]].to_numpy())
    model.save(tmp_path / "gmm.parnassus")
    path = tmp_path / "drawn.csv"
    assert main(["sample", str(tmp_path / "gmm.parnassus"), "--n", "5", "--out", str(path)]) == 0
    assert "wrote 5 rows" in capsys.readouterr().err
    np.testing.assert_allclose(
        [float(row["x0"]) for row in rows_of(path.read_text())], model.sample(5)[:, 0], rtol=1e-6
    )


def test_pictures_of_a_class_become_files_and_a_grid(tmp_path, capsys):
    made = pn.Generator(pn.model("dcgan", width=2, n_noise=4), epochs=1, progress=False)
    made.fit(PICTURES, np.arange(12) % 2).save(tmp_path / "gan.parnassus")
    words = ["sample", str(tmp_path / "gan.parnassus"), "-n", "11", "--condition", "1", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    read = [np.asarray(Image.open(path)) for path in told["pictures"]]
    np.testing.assert_array_equal(read, made.sample(11, condition=1))
    assert (tmp_path / "sampled" / "grid.png").is_file()
    for given, words_said in ((["--condition", "7"], "no class that fit saw"), ([], "one of 0, 1")):
        assert main([*words[:4], *given]) != 0
        assert words_said in capsys.readouterr().err
    assert main(["predict", words[1], str(tmp_path)]) != 0
    assert f"parnassus sample {words[1]} draws rows" in capsys.readouterr().err


def test_numbers_are_a_condition_too(tmp_path, capsys):
    made = pn.Generator("gan", condition="numbers", epochs=1, progress=False).fit(
        TABLE[["a"]], RNG.normal(size=(30, 2))
    )
    made.save(tmp_path / "gan.parnassus")
    assert main(["sample", str(tmp_path / "gan.parnassus"), "-n", "2", "--condition", "0.5", "-2"]) == 0
    found = [float(row["a"]) for row in rows_of(capsys.readouterr().out)]
    np.testing.assert_allclose(found, np.asarray(made.sample(2, condition=[0.5, -2.0]))[:, 0], rtol=1e-6)
    assert main(["sample", str(tmp_path / "gan.parnassus"), "--condition", "much", "more"]) != 0
    assert "of numbers here" in capsys.readouterr().err


def test_what_draws_nothing_is_refused(tmp_path, capsys):
    pn.Classifier("logistic", epochs=1, progress=False).fit(TABLE[["a"]], TABLE["kind"]).save(tmp_path / "c.parnassus")
    pn.Autoencoder("linear_ae", epochs=1, progress=False).fit(TABLE).save(tmp_path / "a.parnassus")
    for name, given, words in (
        ("c", [], "which draws no rows"), ("a", [], "cannot sample"), ("a", ["--condition", "x"], "leave it out"),
    ):  # fmt: skip
        assert main(["sample", str(tmp_path / f"{name}.parnassus"), *given]) != 0
        assert words in capsys.readouterr().err


@pytest.mark.slow
def test_training_on_a_table_with_answers_ends_in_a_command_that_draws(tmp_path, capsys):
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    run = str(tmp_path / "run")
    words = ["train", "generator", str(tmp_path / "rows.csv"), "--model", "gan", "--target", "kind", "--epochs", "1"]
    assert main([*words, "--out", run]) == 0
    said = capsys.readouterr().out
    assert f'sample {run} --condition "..."' in said
    assert "Squared MMD" in said
    assert main(["sample", run, "--condition", "x", "-n", "2"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 2


def test_columns_of_whole_numbers_are_written_whole(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(20, 60, 40), "x": rng.normal(size=40)})
    pn.Generator("vae", epochs=1, progress=False).fit(frame).save(tmp_path / "g.parnassus")
    assert main(["sample", str(tmp_path / "g.parnassus"), "-n", "5"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    assert all(age.lstrip("-").isdigit() and "." in x for age, x in rows)
