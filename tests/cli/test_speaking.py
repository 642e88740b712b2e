"""A recogniser from the command line: folders, tables and lists of recordings, from wherever it is called."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
import soundfile

import parnassus as pn
from parnassus.cli import main

PITCHES = {"low": 400, "high": 1500}
TEXTS = ["low", "high", "low high", "high low", "high high", "low low"] * 2
SMALL = ("--model", "word_hmm", "--model.n-states", "2", "--model.n-mixtures", "1", "--model.first-steps", "2")
TRAINING = (*SMALL, "--model.steps-between", "1", "--out", "run")


def said_aloud(text, rng):
    """A tone of 0.15 s for each word at 8 kHz, noise over all, and silence around."""
    t = np.arange(1200) / 8000
    parts = [np.zeros(400), *(np.sin(2 * np.pi * PITCHES[word] * t) for word in text.split()), np.zeros(400)]
    return 0.3 * np.concatenate(parts) + 0.003 * rng.normal(size=sum(map(len, parts)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Recordings in folders of speakers with a text beside each, and a table of them with another column."""
    rng = np.random.default_rng(0)
    rows = []
    for i, text in enumerate(TEXTS):
        path = tmp_path / "said" / ("ann" if i % 2 else "bob") / f"{i:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, said_aloud(text, rng), 8000)
        path.with_suffix(".txt").write_text(text + "\n")
        rows.append((path.relative_to(tmp_path).as_posix(), text, path.parent.name))
    pd.DataFrame(rows, columns=["file", "text", "voice"]).to_csv(tmp_path / "said.csv", index=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def said_of(capsys, *words):
    """The JSON that a command prints."""
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["said", "said.csv"])
def test_recordings_are_trained_on_judged_and_heard(folder, capsys, data):
    named = () if data == "said" else ("--target", "text")
    assert main(["train", "speech-recognizer", str(folder / data), *named, *TRAINING]) == 0
    captured = capsys.readouterr()
    assert "distinct answers" not in captured.err  # texts are no classes
    assert "are also in the training rows" not in captured.err
    lines = [line.strip() for line in captured.out.splitlines()]
    for line in (line for line in lines if line.startswith(("predict", "evaluate"))):
        assert main(shlex.split(line)[2:]) == 0
    held = json.loads((folder / "elsewhere/run/evaluation.json").read_text())
    assert said_of(capsys, "evaluate", "run", "run/test.txt")["metrics"] == held["metrics"]
    model, files = pn.load("run/model.parnassus"), sorted((folder / "said").rglob("*.wav"))
    for given in ("said", "said.csv"):
        found = said_of(capsys, "predict", "run", str(folder / given))
        assert {row["sound"]: row["prediction"] for row in found} == dict(
            zip(map(str, files), model.predict(files), strict=True)
        )
    assert said_of(capsys, "evaluate", "run", str(folder / "said"))["n_rows"] == len(TEXTS)


@pytest.mark.slow
def test_recordings_without_transcripts_are_refused_by_what_would_name_them(folder, capsys):
    assert main(["train", "speech-recognizer", str(folder / "said.csv"), *TRAINING]) == 2
    assert "--target" in capsys.readouterr().err
    assert main(["train", "speech-recognizer", str(folder / "said.csv"), "--drop", "voce", *TRAINING]) == 2
    assert "did you mean 'voice'" in capsys.readouterr().err


def test_a_list_of_paths_may_hold_transcripts(folder):
    lines = [f"said/{'ann' if i % 2 else 'bob'}/{i:02d}.wav\t{text}" for i, text in enumerate(TEXTS)]
    (folder / "said.txt").write_text("\n".join(lines))
    model = pn.model("word_hmm", n_states=2, n_mixtures=1, first_steps=2, steps_between=1)
    recognizer = pn.SpeechRecognizer(model).fit(folder / "said.txt")
    assert recognizer.score(folder / "said.txt") == recognizer.score(folder / "said")


def test_tasks_are_named_as_commands_are(capsys):
    assert main(["models", "--task", "speech-recognizer"]) == 0
    assert "word_hmm" in capsys.readouterr().out


@pytest.fixture
def run(folder):
    """A run's folder, beside the recordings that it learned from."""
    assert main(["train", "speech-recognizer", str(folder / "said"), "--test", "0", *TRAINING]) == 0
    return folder


def test_words_are_placed_in_seconds_as_ctm_and_textgrid(run, capsys):
    said = str(run / "said")
    found = {one["sound"]: one for one in said_of(capsys, "align", "run", said)}
    start, middle, end = 0.05, 0.2, 0.35  # of "low high": 400 samples, then a tone of 1,200 for each word
    (low, high) = found["02"]["words"]
    assert [low[0], high[0]] == ["low", "high"]
    assert np.abs(np.array([low[1], low[2], high[1], high[2]]) - [start, middle, middle, end]).max() < 0.04
    assert found["02"]["seconds"] == pytest.approx(0.4)
    assert main(["align", "run", said, "-o", "all.ctm"]) == 0
    lines = (run / "elsewhere/all.ctm").read_text().splitlines()
    assert len(lines) == sum(len(text.split()) for text in TEXTS)
    assert next(line for line in lines if line.startswith("02 ")) == f"02 1 {low[1]:.3f} {low[2] - low[1]:.3f} low"
    assert main(["align", "run", said, "--to", "textgrid", "-o", "grids"]) == 0
    assert len(list((run / "elsewhere/grids").glob("*.TextGrid"))) == len(TEXTS)
    assert 'text = "low"' in (run / "elsewhere/grids/02.TextGrid").read_text()


def test_what_is_heard_is_aligned_where_nobody_wrote_it(run, capsys):
    one = str(run / "said/bob/02.wav")
    (found,) = said_of(capsys, "align", "run", one, "--heard")
    assert [word for word, _, _ in found["words"]] == ["low", "high"]
    assert main(["align", "run", one]) == 2
    assert "--heard" in capsys.readouterr().err
    assert main(["align", "run", str(run / "said"), "--to", "textgrid"]) == 2
    assert "--out" in capsys.readouterr().err


def test_several_texts_are_heard_with_their_scores(run, capsys):
    found = said_of(capsys, "predict", "run", str(run / "said/bob/02.wav"), "--n-best", "2")
    assert [row["rank"] for row in found] == [1, 2]
    model = pn.load("run/model.parnassus")
    best = model.transcribe([run / "said/bob/02.wav"], n_best=2)[0]
    assert [(row["prediction"], row["score"]) for row in found] == best
    assert main(["predict", "run", str(run / "said/bob/02.wav"), "--hot-words", "loud"]) == 2
    assert "the hot word 'loud'" in capsys.readouterr().err
    hot = said_of(capsys, "predict", "run", str(run / "said/bob/02.wav"), "--n-best", "2", "--hot-words", "low")
    gains = {text: 5.0 * text.split().count("low") for text, _ in best}
    assert any(
        row["score"] == pytest.approx(dict(best).get(row["prediction"], 0) + gains.get(row["prediction"], 0))
        for row in hot
    )


def test_sentences_of_a_file_weigh_what_is_heard(run, capsys):
    from parnassus.functional.ngrams import NGrams

    (run / "likely.txt").write_text("high low\n\nhigh low low\n", encoding="utf-8")
    sound = str(run / "said/bob/02.wav")
    found = said_of(capsys, "predict", "run", sound, "--n-best", "2", "--language-model", str(run / "likely.txt"))
    language = NGrams(3).fit(["high low", "high low low"])
    best = pn.load("run/model.parnassus").transcribe([sound], n_best=2, language_model=language)[0]
    assert [(row["prediction"], row["score"]) for row in found] == best
    for name, words in (("none.txt", "cannot be read"), ("empty.txt", "holds no sentences")):
        (run / "empty.txt").write_text("\n", encoding="utf-8")
        assert main(["predict", "run", sound, "--language-model", str(run / name)]) == 2
        assert words in capsys.readouterr().err


def test_words_are_looked_for(run, capsys):
    sounds = [str(run / "said/bob/02.wav"), str(run / "said/bob/00.wav")]  # "low high" and "low"
    words = ("predict", "run", *sounds, "--spot", "high")
    found = said_of(capsys, *words)
    assert [(row["sound"], row["word"]) for row in found] == [(sounds[0], "high"), (sounds[1], None)]
    assert found[0]["start"] == pytest.approx(0.2, abs=0.05)
    assert [row["word"] for row in said_of(capsys, *words, "--threshold", "-0.0001")] == [None, None]
    assert main([*words, "--beam", "9"]) == 2
    assert "leave --beam out" in capsys.readouterr().err
    assert main(["predict", "run", *sounds, "--threshold", "-1"]) == 2
    assert "name these by --spot" in capsys.readouterr().err


@pytest.mark.slow
def test_a_table_says_who_speaks_and_so_does_the_test_part(folder, capsys):
    by_voice = ("--codec.features", "mfcc", "--codec.normalize", "speaker", "--codec.speaker", "voice")
    words = ["train", "speech-recognizer", str(folder / "said.csv"), "--target", "text", *TRAINING, *by_voice]
    assert main(words) == 0
    kept = pd.read_csv("run/test.csv")
    assert {p.split("/")[-2] for p in kept["path"]} == set(kept["voice"])
    assert [p.split("/")[-2] for p in kept["path"]] == kept["voice"].tolist()
    capsys.readouterr()
    assert main(["evaluate", "run", "run/test.csv"]) == 0
    assert "who speaks" not in capsys.readouterr().err
    assert main([*words[:-2], "--overwrite"]) != 0  # the usual column is not there
    told = capsys.readouterr().err
    assert "do not say who speaks" in told
    assert "a column 'speaker'" in told
