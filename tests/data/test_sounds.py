"""Sounds from files and arrays: what is read, what is refused by name, what is said."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import parnassus as pn
from parnassus.data.audio import sounds
from parnassus.data.codec import form_of
from parnassus.data.sources import open_source

RATE = 16_000
TONE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(4000) / RATE)


def written(path: Path, samples: np.ndarray = TONE, rate: int = RATE, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)
    return path


@pytest.mark.parametrize(("name", "off"), [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.ogg", 0.05), ("a.mp3", 0.05)])
def test_files_of_four_kinds_hold_the_tone_that_was_written(tmp_path, name, off):
    samples, rate = sounds.read_sound(written(tmp_path / name), "x")
    assert (rate, samples.dtype, samples.ndim) == (RATE, np.float32, 1)
    assert len(samples) == pytest.approx(4000, abs=1200)  # MP3 adds silence at its ends
    part = samples[: len(TONE)]
    power = np.abs(np.fft.rfft(part))
    assert power.argmax() * RATE / len(part) == pytest.approx(440, abs=8)
    if name != "a.mp3":
        np.testing.assert_allclose(part, TONE, atol=off)


def test_several_channels_are_averaged_or_refused(tmp_path):
    path = written(tmp_path / "s.wav", np.stack([TONE, 0 * TONE], 1), subtype="FLOAT")
    np.testing.assert_allclose(sounds.read_sound(path, "x")[0], TONE / 2, atol=1e-6)
    with pytest.raises(pn.DataError, match=r"row 3 has 2 channels"):
        sounds.read_sound(path, "row 3", channels="one")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(np.array([16384, -32768], np.int16), [0.5, -1]), (np.array([192, 0], np.uint8), [0.5, -1]),
     (np.array([2**30, -(2**31)], np.int32), [0.5, -1]), (np.array([0.5, -1.0]), [0.5, -1])],
)  # fmt: skip
def test_whole_numbers_are_divided_by_their_range(given, wanted):
    assert sounds.read_sound(given, "x")[0].tolist() == wanted


@pytest.mark.parametrize(
    ("given", "words"),
    [(np.array([0.1, np.nan]), "NaN or infinity at sample 1"), (np.array([]), "no samples"),
     (np.array([0.1, 20000.0]), "int16"), (np.zeros((2, 3, 4)), "shape"), (np.array(["a"]), "numbers")],
)  # fmt: skip
def test_arrays_that_are_no_sounds_are_refused(given, words):
    with pytest.raises(pn.DataError, match=words):
        sounds.read_sound(given, "sound 0")


def broken(folder: Path, how: str) -> Path:
    """A file that is no sound, or not a whole one."""
    path = folder / f"{how}.wav"
    if how == "text":
        path.write_text("these are words\n" * 20)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        whole = written(folder / "whole.wav").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "headless":
        path.write_bytes(written(folder / "whole.wav").read_bytes()[100:])
    elif how == "cut flac":
        path = path.with_suffix(".flac")
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
        whole = written(folder / "whole.flac", noise).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.parametrize("how", ["text", "empty", "cut", "headless", "cut flac", "missing"])
def test_broken_files_are_refused_by_name(tmp_path, how):
    path = broken(tmp_path, how)
    with pytest.raises(pn.FileError, match=path.name):
        sounds.read_sound(path, "x")
    with pytest.raises(pn.ParnassusError, match=path.name):
        pn.Speech(sample_rate=RATE).fit([written(tmp_path / "good.wav"), path])


def test_a_clipped_recording_is_told_from_a_loud_one():
    loud = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    clipped = (1.5 * loud).clip(-1, 1)
    assert sounds.clipped_share(loud.astype(np.float32)) < sounds.CLIPPED
    assert sounds.clipped_share(clipped.astype(np.float32)) == pytest.approx(
        1 - 2 / np.pi * np.arcsin(1 / 1.5), abs=0.03
    )
    assert sounds.clipped_share((0.5 * clipped).astype(np.float32)) == 0


# --- folders, lists, forms ------------------------------------------------------------------------


def folder_of(path: Path, n: int = 2) -> Path:
    for name, factor in (("high", 2), ("low", 1)):
        for i in range(n):
            tone = 0.4 * np.sin(2 * np.pi * (300 + 20 * i) * factor * np.arange(4000) / RATE)
            written(path / name / f"{i}.wav", tone)
    return path


def test_a_folder_of_class_folders_is_sounds_with_answers(tmp_path):
    source = open_source(folder_of(tmp_path))
    assert (source.kind, source.names, len(source)) == ("sounds", ["high", "low"], 4)
    assert source.y.tolist() == ["high", "high", "low", "low"]
    assert form_of(source.X) == "sounds"


def test_one_folder_one_file_and_a_list_are_sounds_too(tmp_path):
    folder = folder_of(tmp_path)
    assert open_source(folder / "low").y is None
    assert open_source(folder / "low" / "0.wav").kind == "sounds"
    (tmp_path / "list.txt").write_text("low/0.wav\tlow\nhigh/1.wav\thigh\n")
    source = open_source(tmp_path / "list.txt")
    assert (source.kind, source.y.tolist()) == ("sounds", ["low", "high"])


def test_folders_that_cannot_be_read_are_refused_with_the_file(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "low" / "bad.wav").write_text("no sound")
    with pytest.raises(pn.FileError, match=r"1 sounds cannot be read.*bad\.wav"):
        open_source(folder)
    (folder / "low" / "bad.wav").unlink()
    (folder / "none").mkdir()
    with pytest.raises(pn.FileError, match=r"'none'.* have no sounds"):
        open_source(folder)


def test_sounds_and_pictures_in_one_folder_are_refused(tmp_path):
    from PIL import Image

    Image.new("L", (4, 4)).save(folder_of(tmp_path) / "low" / "a.png")
    with pytest.raises(pn.FileError, match="pictures too"):
        open_source(tmp_path)


def test_sounds_beside_the_classes_are_named(tmp_path):
    written(folder_of(tmp_path) / "stray.wav")
    with pytest.warns(pn.DataWarning, match="1 sounds lie beside"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("raw", "form"),
    [(["a.wav", "b.FLAC"], "sounds"), ([Path("a.mp3")], "sounds"), (["a.wav", "words"], "strings"),
     ([Path("a.png")], "pictures"), ([np.zeros(3), np.zeros(4)], "sounds"), ([np.zeros(3), np.zeros(3)], "table"),
     (sounds.Sounds([np.zeros(3)], 8000), "sounds"), ([np.zeros(3, int), np.zeros(4, int)], "sequences"),
     ([np.zeros(3, int), np.zeros(3, int)], "table"), ([np.zeros(3, np.int16), -np.ones(4, np.int16)], "table")],
)  # fmt: skip
def test_what_looks_like_sounds(raw, form):
    assert form_of(raw) == form


def test_a_table_with_a_column_of_sounds_and_others_must_say_what_it_learns_from():
    import pandas as pd

    from parnassus.data.codec import codec_for, form_of

    assert form_of(pd.DataFrame({"file": ["a.wav", "b.wav"]})) == "sounds"
    with pytest.raises(pn.DataError, match=r"codec=pn.Speech\(column='file'\)"):
        codec_for(pd.DataFrame({"file": ["a.wav", "b.wav"], "age": [1, 2]}))
