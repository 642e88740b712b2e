"""Vectors of words as what other models read."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

import parnassus as pn
from parnassus.data.rows import batches
from parnassus.data.text.word_rows import WordRows
from parnassus.errors import SettingError

TEXTS = ["good film and good play", "bad film and poor play", "a good story", "a bad story of poor taste"] * 12
Y = ["yes", "no", "yes", "no"] * 12


@pytest.fixture(scope="module")
def codec() -> WordRows:
    return pn.Embedder(pn.model("ppmi", window=2), progress=False).fit(TEXTS).codec_of_words()


def test_steps_are_the_rows_and_the_vector_is_their_mean(codec):
    embedder = pn.Embedder(pn.model("ppmi", window=2), progress=False).fit(TEXTS)
    rows = codec.encode(["good story", "zebra", "bad"])
    (batch,) = batches(rows, torch.arange(3), [3])
    steps = codec.prepare(batch, "steps")["x"]
    assert steps.shape == (3, 2, len(embedder.words_))
    np.testing.assert_array_equal(steps[0], [embedder.vector("good"), embedder.vector("story")])
    assert not steps[1].any()
    assert not steps[2, 1].any()
    np.testing.assert_allclose(codec.prepare(batch, "vector")["x"][0], steps[0].mean(0), rtol=1e-6)
    np.testing.assert_allclose(codec.prepare(batch, "vector")["x"][2], embedder.vector("bad"))


@pytest.mark.parametrize("name", ["lstm", "mlp"])
def test_classifiers_learn_from_held_vectors_and_keep_them(name, codec, tmp_path):
    classifier = pn.Classifier(pn.model(name, hidden=(8,) if name == "mlp" else 8), codec=codec, epochs=30, lr=0.02,
                               progress=False)  # fmt: skip
    fitted = clone(classifier).fit(TEXTS, Y)
    assert fitted.score(TEXTS, Y) == 1
    assert torch.equal(fitted.codec_.table, codec.table)
    fitted.save(tmp_path / "c.parnassus")
    again = pn.load(tmp_path / "c.parnassus")
    np.testing.assert_array_equal(again.predict_proba(TEXTS[:5]), fitted.predict_proba(TEXTS[:5]))
    with pytest.raises(SettingError, match="codec_of_words"):
        clone(again).fit(TEXTS, Y)


def test_a_codec_without_vectors_says_where_they_come_from():
    with pytest.raises(SettingError, match="codec_of_words"):
        pn.Classifier("lstm", codec=WordRows()).fit(TEXTS, Y)
