"""Transcripts as ids and back, and recordings with what is said in them from lists, tables and folders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from parnassus.data.audio.recordings import recordings
from parnassus.data.audio.speech import Speech
from parnassus.data.audio.transcripts import Transcripts
from parnassus.errors import DataError, FileError, SettingError


def test_characters_become_ids_from_one_in_order_and_zero_writes_nothing():
    target = Transcripts().fit(["b a", "ab"])
    assert target.known.names == ("", " ", "a", "b")
    batch = target.encode(["ab", "", "b a"]).take(torch.arange(3))
    assert batch["y"].tolist() == [[2, 3, 0], [0, 0, 0], [3, 1, 2]]
    assert batch["y_lengths"].tolist() == [2, 0, 3]
    assert target.decode([[2, 0, 3, 0]]) == ["ab"]


def test_words_are_units_too():
    target = Transcripts(units="words").fit(["one two", "two"])
    assert target.known.names == ("", "one", "two")
    assert target.decode([[2, 1]]) == ["two one"]


def test_what_is_normalised_is_what_the_options_say():
    target = Transcripts(lower=True, strip=".,!")
    assert target.normalized(["  Hello,\tWorld! ", "e\u0301"]) == ["hello world", "\u00e9"]
    assert Transcripts().normalized(["Ab. c"]) == ["Ab. c"]


def test_a_saved_target_is_equal():
    target = Transcripts(lower=True).fit(["A b", "a b", "c"])
    again = Transcripts.from_state(target.state())
    assert (again.known, again.options, again.commonest) == (target.known, target.options, "a b")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["ab", "xay"], ("row 1", "'x', 'y'", "'a', 'b'")),
        (["ab", None], ("row 1", "None")),
        ([3.5], ("row 0", "3.5")),
        ("ab", ("list",)),
        (None, ("target=",)),
    ],
)
def test_what_cannot_be_written_is_refused_by_row_and_unit(given, words):
    target = Transcripts().fit(["ab"])
    with pytest.raises(DataError) as error:
        target.encode(given)
    assert all(word in str(error.value) for word in words)


def test_transcripts_that_all_say_nothing_teach_nothing():
    with pytest.raises(DataError, match="all 2 transcripts are empty"):
        Transcripts().fit(["", " "])
    with pytest.raises(SettingError, match="characters"):
        Transcripts(units="character")


# --- recordings -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("a", "one two"), ("b", "three")):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(1600, dtype=np.float32), 8000)
        (tmp_path / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    return tmp_path


def test_a_folder_has_texts_beside_its_sounds(folder):
    X, y, name = recordings(folder, None)
    assert ([p.name for p in X], y, name) == (["a.wav", "b.wav"], ["one two", "three"], None)


def test_a_table_in_a_file_names_paths_from_its_own_folder(folder):
    pd.DataFrame({"path": ["b.wav", "a.wav"], "said": ["three", "one two"]}).to_csv(folder / "all.csv", index=False)
    X, y, name = recordings(folder / "all.csv", None, target="said")
    assert (X, list(y), name) == ([folder / "b.wav", folder / "a.wav"], ["three", "one two"], "said")


def test_a_frame_names_paths_and_transcripts():
    frame = pd.DataFrame({"id": [1, 2], "path": ["b.wav", "a.wav"], "said": ["x", "y"]})
    assert recordings(frame, None, target="said") == ([Path("b.wav"), Path("a.wav")], ["x", "y"], "said")


def test_arrays_take_the_rate_of_the_codec():
    X, _, _ = recordings([np.zeros(99), np.zeros(99)], None, codec=Speech(sample_rate=8000))
    assert (X.sample_rate, len(X)) == (8000, 2)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (lambda f: (f / "a.txt").unlink() or f, DataError, "a.wav"),
        (lambda f: pd.DataFrame({"n": [1], "said": ["x"]}), DataError, "none hold paths"),
        (lambda f: pd.DataFrame({"path": ["a.wav"], "text": ["x"]}), DataError, "'said'"),
        (lambda f: np.zeros(9), DataError, r"\[X\]"),
        (lambda f: f / "nothing", FileError, "nothing"),
    ],
)
def test_what_is_no_set_of_recordings_is_refused(folder, given, kind, words):
    with pytest.raises(kind, match=words):
        recordings(given(folder), None, target="said")
