"""What a user did not mean is refused by its name, everywhere in the same words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError, check_count

WAVE = np.sin(np.arange(60.0))
COUNTED: dict[str, Callable[[Any], Any]] = {
    "find_motifs n": lambda n: pn.find_motifs(WAVE, window=5, n=n),
    "match_pattern n": lambda n: pn.match_pattern(WAVE[:5], WAVE, n=n),
    "segment_series": lambda n: pn.segment_series(WAVE, n_pieces=n),
    "cluster_series": lambda n: pn.cluster_series([WAVE, WAVE + 1], n),
    "choose_forecaster": lambda n: pn.choose_forecaster(length=n),
    "Video": lambda n: pn.Video(n_frames=n),
    "AnomalyDetector": lambda n: pn.AnomalyDetector(window=n).fit(WAVE),
}


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "3", float("nan")])
def test_a_count_is_a_whole_number_of_at_least_the_least(value: Any) -> None:
    with pytest.raises(SettingError, match=r"n is a whole number of at least 1; got"):
        check_count("n", value)


def test_numpy_and_python_counts_come_back_as_int() -> None:
    assert [check_count("n", v) for v in (3, np.int64(3), np.uint8(3))] == [3, 3, 3]
    assert type(check_count("n", np.int64(3))) is int


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("value", [0, True, 2.5, "3"])
def test_every_count_is_refused_in_the_same_words(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match="is a whole number of at least"):
        COUNTED[name](value)


@pytest.mark.parametrize(
    ("X", "told"),
    [
        ([[1.0, 2.0, 3.0], [1.0, 2.0], [2.0, 3.0, 4.0, 5.0]] * 4, r"of series, arrays \(time, columns\)"),
        (np.random.default_rng(0).normal(size=(12, 5)), r"X\[:, :, None\]"),
        ([np.arange(n, dtype=float) for n in (4, 5, 6)] * 4, r"\[x\[:, None\] for x in X\]"),
    ],
    ids=["ragged lists", "a table", "lone columns"],
)
def test_series_in_another_shape_are_told_the_shape(X: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        pn.Classifier("lstm", epochs=1).fit(X, [0, 1, 0] * 4)


def test_a_frame_given_for_texts_is_told_of_its_column() -> None:
    frame = pd.DataFrame({"size": np.arange(12.0), "text": ["one two"] * 6 + ["three four"] * 6})
    with pytest.raises(DataError, match=r"frame\['text'\]"):
        pn.Classifier("text_cnn", epochs=1).fit(frame, [0, 1] * 6)


def test_vectors_that_cannot_be_written_are_a_file_error(tmp_path: Any) -> None:
    from parnassus.data.text.word_vectors import write_vectors

    with pytest.raises(FileError, match="cannot be written"):
        write_vectors(tmp_path / "none" / "v.txt", ["a"], torch.zeros(1, 2).numpy())


@pytest.mark.parametrize("penalty", [float("nan"), "1", True])
def test_a_penalty_that_is_no_number_is_refused(penalty: Any) -> None:
    from parnassus.estimators.translator import check_search

    with pytest.raises(SettingError, match="length_penalty is a number"):
        check_search(length_penalty=penalty, beam=1)
