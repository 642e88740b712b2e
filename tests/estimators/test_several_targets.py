"""Answers in several columns: named by a list, from frames and files, in any order."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import parnassus as pn
from parnassus.errors import DataError, SettingError

TARGETS = ["sum", "double"]


@pytest.fixture
def frame() -> pd.DataFrame:
    X = np.random.default_rng(0).normal(size=(120, 3))
    return pd.DataFrame(X, columns=list("abc")).assign(sum=X[:, 0] + X[:, 1], double=2 * X[:, 2])


def by_least_squares(frame: pd.DataFrame) -> np.ndarray:
    X = np.column_stack([frame[list("abc")], np.ones(len(frame))])
    return X @ np.linalg.lstsq(X, frame[TARGETS].to_numpy(), rcond=None)[0]


@pytest.mark.parametrize("form", ["pandas", "polars", "csv", "chunks"])
def test_several_columns_are_answers_and_no_inputs(form: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "t.csv", index=False)
    given = {"pandas": frame, "polars": pl.from_pandas(frame)}.get(form, tmp_path / "t.csv")
    model = pn.Regressor("linear", epochs=1, memory=1_000 if form == "chunks" else None).fit(given, target=TARGETS)
    assert model.n_features_in_ == 3
    np.testing.assert_allclose(model.predict(given), by_least_squares(frame), atol=1e-5)
    assert model.score(given, target=TARGETS[::-1]) > 0.999  # each column against its own answers


def test_the_columns_are_saved_with_the_model(frame: pd.DataFrame, tmp_path: Path) -> None:
    pn.Regressor("linear", epochs=1).fit(frame, target=TARGETS).save(tmp_path / "m.parnassus")
    model = pn.load(tmp_path / "m.parnassus")
    np.testing.assert_allclose(model.predict(frame), by_least_squares(frame), atol=1e-5)
    assert model.score(frame) > 0.999


def test_columns_of_zeros_and_ones_are_labels_side_by_side(frame: pd.DataFrame) -> None:
    marked = frame[list("abc")].assign(up=(frame["a"] > 0).astype(int), right=(frame["b"] > 0).astype(int))
    model = pn.Classifier("logistic", epochs=30, lr=0.1).fit(marked, target=["up", "right"])
    assert model.predict(marked).shape == (120, 2)


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        (["sum", "sum"], SettingError, "each once"),
        ([], SettingError, "names columns"),
        (["sum", "dubble"], DataError, "did you mean 'double'"),
        (3.5, SettingError, "got a float"),
    ],
)
def test_a_target_that_names_no_columns_is_refused(target, error, words, frame: pd.DataFrame) -> None:
    with pytest.raises(error, match=words):
        pn.Regressor("linear").fit(frame, target=target)
