"""Commands with nothing but what they need."""

import numpy as np
import pandas as pd
import pytest
import rich.style  # noqa: F401  (it draws once from Python's generator when it is first imported)

from parnassus import Classifier
from parnassus.cli import main
from parnassus.insight.zoo import net_costs, picture_nets


@pytest.mark.slow
def test_a_translator_is_trained_without_a_models_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    german, english = ["ein Haus", "zwei Hunde", "drei Katzen"] * 4, ["a house", "two dogs", "three cats"] * 4
    pairs = {"german": german, "english": english}
    pd.DataFrame(pairs).to_csv("pairs.csv", index=False)
    assert main(["train", "translator", "pairs.csv", "--target", "english", "--epochs", "1", "--out", "run"]) == 0


def test_nets_for_videos_are_no_nets_for_pictures():
    assert not {"c3d", "r3d18"} & set(picture_nets())
    assert net_costs(["lenet"], size=28, in_channels=1, n_outputs=10)


def test_columns_named_by_numbers_may_be_more_than_rows():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 20)))
    assert len(Classifier("mlp", epochs=1).fit(X, ["a", "b"] * 6).predict(X)) == 12
