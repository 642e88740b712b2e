"""A language model from the command line: texts in, a run, numbers, and what it writes on from prompts."""

import json
import shlex

import pandas as pd
import pytest

import parnassus as pn
from parnassus.cli import main

PARAGRAPHS = [f"the {a} {b} on\nthe {c}" for a in ("cat", "dog") for b in ("sat", "ran") for c in ("mat", "log", "bed")]
NGRAM = ("--model", "ngram", "--out", "run")
SMALL = {"model.width": 16, "model.n-layers": 1, "model.n-heads": 2, "context": 24, "epochs": 2}
GPT = ("--model", "gpt", *(word for name, value in SMALL.items() for word in (f"--{name}", str(value))))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("\n\n".join(PARAGRAPHS))
    return tmp_path


def said_of(capsys, *words):
    """The JSON that a command prints."""
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_file_is_trained_on_judged_reported_and_written_on(folder, capsys):
    assert main(["train", "language-model", "notes.txt", *GPT, "--validation", "0.2", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "Perplexity" in said
    assert "Bits per character" in said
    lines = [line.strip() for line in said.splitlines()]
    commands = [line.split(None, 1)[1] for line in lines if line.startswith(("predict", "evaluate"))]
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    held = json.loads((folder / "run" / "evaluation.json").read_text())
    assert said_of(capsys, "evaluate", "run", "run/test.csv")["metrics"] == held["metrics"]
    texts = pd.read_csv(folder / "run" / "test.csv")["text"].tolist()
    assert set(texts) <= set(PARAGRAPHS)
    assert len(texts) == 2
    model = pn.load(folder / "run" / "model.parnassus")
    assert held["metrics"][0]["value"] == pytest.approx(model.perplexity(texts), rel=1e-9)
    assert main(["report", "run", "notes.txt", "-o", "page.html"]) == 0
    assert "did not expect" in (folder / "page.html").read_text()


def test_what_is_written_is_what_the_model_writes(folder, capsys):
    assert main(["train", "language-model", "notes.txt", *NGRAM, "--unit", "characters", "--test", "0"]) == 0
    model = pn.load(folder / "run" / "model.parnassus")
    settings = {"n_tokens": 7, "temperature": 0.8, "top_k": 5, "top_p": 0.9, "seed": 3}
    flags = [w for k, v in settings.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    found = said_of(capsys, "predict", "run", "--text", "the c", "a", *flags)
    assert [row["text"] for row in found] == ["the c", "a"]
    assert [row["prediction"] for row in found] == model.generate(["the c", "a"], **settings)
    (folder / "prompts.txt").write_text("the c\na\n")
    assert said_of(capsys, "predict", "run", "prompts.txt", *flags) == found
    assert main(["predict", "run", "prompts.txt", *flags, "-o", "written.csv"]) == 0
    assert pd.read_csv("written.csv").to_dict("records") == found


@pytest.mark.slow
def test_a_folder_and_a_column_hold_the_same_texts(folder, capsys):
    (folder / "texts").mkdir()
    for i, text in enumerate(PARAGRAPHS):
        (folder / "texts" / f"{i:02}.txt").write_text(text)
    pd.DataFrame({"id": range(12), "note": PARAGRAPHS}).to_csv("notes.csv", index=False)
    ways = {"texts": (), "notes.csv --target": ("note",), "notes.csv --drop": ("id",), "notes.txt": ()}
    values = []
    for way, words in ways.items():
        assert main(["train", "language-model", *way.split(), *words, *NGRAM, "--overwrite"]) == 0
        again = said_of(capsys, "evaluate", "run", "run/test.csv")
        assert again["n_rows"] == 2
        values.append(again["metrics"])
    assert all(v == values[0] for v in values)
    assert said_of(capsys, "evaluate", "run", "notes.csv", "--target", "note")["n_rows"] == 12
    assert pn.LanguageModel("ngram").fit("notes.csv", target="note").codec_.tokenizer.names == (
        pn.LanguageModel("ngram").fit(PARAGRAPHS).codec_.tokenizer.names
    )


def test_a_table_that_was_learned_from_is_written_on_by_the_same_column(folder, capsys):
    pd.DataFrame({"id": range(12), "note": PARAGRAPHS}).to_csv("notes.csv", index=False)
    assert main(["train", "language-model", "notes.csv", "--target", "note", *NGRAM]) == 0
    found = said_of(capsys, "predict", "run", "notes.csv", "--n-tokens", "2")
    assert [row["text"] for row in found] == PARAGRAPHS
    assert said_of(capsys, "evaluate", "run", "notes.csv")["n_rows"] == 12


@pytest.mark.slow
def test_a_prompt_that_is_too_long_is_refused_or_skipped(capsys):
    assert main(["train", "language-model", "notes.txt", *GPT, "--out", "run"]) == 0
    long = "the cat sat on the mat and the dog"
    assert main(["predict", "run", "--text", "the", long]) == 2
    assert "prompt 1 has 34 tokens" in capsys.readouterr().err
    one, other = said_of(capsys, "predict", "run", "--text", "the", long, "--on-error", "skip", "--n-tokens", "3")
    assert one["prediction"].startswith("the")
    assert one["error"] == ""
    assert other["prediction"] is None
    assert "34 tokens" in other["error"]


@pytest.mark.slow
def test_settings_are_searched(folder, capsys):
    words = ["tune", "language-model", "notes.txt", "--model", "ngram", "--space", "model.order=1/3", "--trials", "2"]
    assert main([*words, "--out", "tuned"]) == 0
    assert "model__order" in capsys.readouterr().out
    assert pn.load(folder / "tuned" / "model.parnassus").model.options["order"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "language-model", "one.txt"], "one.txt holds one text"),
        (["train", "language-model", "bad.txt"], "byte 6 (0xff) is no UTF-8"),
        (["train", "language-model", "two.csv"], "two.csv has 2 columns (id, note); name the one that holds the texts"),
        (["train", "language-model", "two.csv", "--target", "nota"], "did you mean 'note'"),
        (["train", "language-model", "two.csv", "--target", "note"], "row 1 of X is missing"),
        (["train", "language-model", "one.txt", "--target", "note"], "one.txt is no table, and has no column 'note'"),
        (["train", "language-model", "gone.txt"], "gone.txt"),
        (["train", "language-model", "notes.txt", "--test", "gone.txt"], "gone.txt"),
    ],
)
def test_texts_that_cannot_be_read_are_refused_in_one_line(folder, capsys, words, says):
    (folder / "one.txt").write_text("a single text\nof two lines")
    (folder / "bad.txt").write_bytes(b"a cat\n\xff")
    (folder / "two.csv").write_text("id,note\n1,a cat\n2,\n3,a dog\n")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--text", "a", "--horizon", "3"], "--horizon is for a forecaster, and run holds a language model"),
        (["--text", "a", "--proba"], "leave --proba out"),
        (["--text", "a", "--top-p", "2"], "top_p is in (0, 1]"),
        ([], "predict takes data or --text"),
    ],
)
def test_what_cannot_be_asked_is_refused(capsys, words, says):
    assert main(["train", "language-model", "notes.txt", *NGRAM, "--test", "0"]) == 0
    assert main(["predict", "run", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_other_models_refuse_settings_of_writing(folder, capsys):
    rows = "a,b\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(12))
    (folder / "rows.csv").write_text(rows)
    assert main(["train", "classifier", "rows.csv", "--target", "b", "--epochs", "1", "--out", "rows"]) == 0
    assert main(["predict", "rows", "rows.csv", "--n-tokens", "3"]) == 2
    assert "--n-tokens is for a language model, and rows holds a classifier" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_is_gone_on_from_with_its_own_sizes_and_units(tmp_path, capsys):
    texts = ["the cat sat on the mat", "the dog sat on the log"] * 8
    (tmp_path / "notes.txt").write_text("\n\n".join(texts))
    net = pn.model("gpt", width=8, n_layers=1, n_heads=2)
    lm = pn.LanguageModel(net, unit="byte_bpe", max_words=270, context=16, epochs=1, progress=False).fit(texts)
    pn.hub.save_pretrained(lm, tmp_path / "folder")
    given = ["--start", str(tmp_path / "folder"), "--epochs", "1", "--lr", "1e-12", "--out", str(tmp_path / "run")]
    assert main(["train", "language-model", str(tmp_path / "notes.txt"), *given]) == 0
    again = pn.load(tmp_path / "run" / "model.parnassus")
    assert again.perplexity(texts) == pytest.approx(lm.perplexity(texts), rel=1e-4)
