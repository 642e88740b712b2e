"""Vectors of tokens in context: the net's own, in windows, alike alone and in company, and what has none."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus import LanguageModel
from parnassus.errors import DataWarning, SettingError

TEXTS = ["the cat sat on the mat", "a dog ran", "the dog sat on a cat and ran"] * 3
TINY = {"width": 8, "n_layers": 1, "n_heads": 2}


@pytest.fixture(scope="module", params=["bert", "gpt", "t5"])
def read(request):
    own = {"size": 4} if request.param == "t5" else {}
    return LanguageModel(pn.model(request.param, **TINY, **own), context=12, epochs=1, batch_size=4).fit(TEXTS)


def test_a_text_has_the_same_vectors_alone_and_in_company(read):
    together = read.token_vectors(TEXTS[:3])
    for text, own in zip(TEXTS[:3], together, strict=True):
        (alone,) = read.token_vectors([text])
        assert own.shape[0] > 0
        assert own.shape[1] == 8
        np.testing.assert_allclose(own, alone, atol=1e-5)


def test_texts_are_means_and_an_empty_one_stands_at_zero(read):
    with pytest.warns(DataWarning, match="1 of 2 texts"):
        found = read.transform([TEXTS[0], ""])
    np.testing.assert_allclose(found[0], read.token_vectors(TEXTS[:1])[0].mean(0), atol=1e-6)
    assert found.dtype == np.float32
    assert not found[1].any()


def test_vectors_of_a_gpt_are_its_states_and_long_texts_are_read_in_windows():
    lm = LanguageModel(pn.model("gpt", **TINY), context=8, epochs=1, batch_size=4).fit(TEXTS)
    text = "the cat sat on a mat"
    row = torch.from_numpy(lm.codec_.rows([text])[0])
    net = lm.objective_.eval().model
    with torch.no_grad():
        first, second = net.states(row[None, :8])[0, 1:], net.states(row[None, 4:12])[0, 4:]
    (found,) = lm.token_vectors([text])
    assert len(found) == len(text)
    np.testing.assert_allclose(found[:7], first.numpy(), atol=1e-5)
    np.testing.assert_allclose(found[7:11], second.numpy(), atol=1e-5)


def test_vectors_of_a_bert_are_those_of_its_body():
    read = LanguageModel(pn.model("bert", **TINY), context=12, epochs=1, batch_size=4).fit(TEXTS)
    known = read.codec_.tokenizer
    row = known.rows(["a dog"])[0]
    with torch.no_grad():
        h = read.objective_.eval().model.body(torch.tensor([[known.cls, *row, known.sep]]))
    np.testing.assert_allclose(read.token_vectors(["a dog"])[0], h[0, 1:-1].numpy(), atol=1e-5)


def test_counts_have_no_vectors_in_context():
    with pytest.raises(SettingError, match="'bert', 'gpt' and 't5'"):
        LanguageModel("ngram").fit(TEXTS).transform(TEXTS)
