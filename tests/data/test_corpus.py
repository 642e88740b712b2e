"""Texts as the ids of a vocabulary's words, end to end."""

import json

import pytest
import torch

from parnassus.data.text.corpus import Corpus
from parnassus.errors import DataError, SettingError

TEXTS = ["The cat, the dog!", "", "A cat (a dog) ran...", "the the"]


def test_ids_are_words_by_frequency_and_signs_are_none():
    codec = Corpus(min_count=1).fit(TEXTS)
    assert codec.words == ["the", "a", "cat", "dog", "ran"]
    assert codec.counts.tolist() == [4, 2, 2, 2, 1]
    assert codec.document_counts.tolist() == [2, 1, 2, 2, 1]
    rows = codec.encode(TEXTS)
    batch = rows.take(torch.arange(4))
    assert batch["x"].tolist() == [0, 2, 0, 3, 1, 2, 1, 3, 4, 0, 0]
    assert batch["lengths"].tolist() == [4, 0, 5, 2]


def test_rows_come_in_any_order():
    rows = Corpus(min_count=1).fit(TEXTS).encode(TEXTS)
    batch = rows.take(torch.tensor([3, 1, 0]))
    assert batch["x"].tolist() == [0, 0, 0, 2, 0, 3]
    assert batch["lengths"].tolist() == [2, 0, 4]
    assert batch["rows"].tolist() == [3, 1, 0]
    assert rows.take(torch.tensor([1]))["x"].tolist() == []


def test_rare_words_and_words_beyond_the_most_are_left_out():
    assert Corpus(min_count=2).fit(TEXTS).words == ["the", "a", "cat", "dog"]
    codec = Corpus(min_count=1, max_words=2).fit(TEXTS)
    assert codec.words == ["the", "a"]
    assert codec.encode(["a cat the"]).values.tolist() == [1, 0]
    assert codec.tokens(["A cat!"]) == [["a", "cat"]]


def test_cleaning_comes_first():
    codec = Corpus(min_count=1, clean=("html", "stop_words")).fit(["<b>the cat</b> is here", "the dog"])
    assert "the" not in codec.words
    assert "cat" in codec.words


def test_a_state_makes_an_equal_codec():
    codec = Corpus(min_count=1, clean=("html",)).fit(TEXTS)
    state = codec.state()
    json.dumps({k: v for k, v in state.items() if not isinstance(v, torch.Tensor)})
    again = Corpus.from_state(state)
    assert again.words == codec.words
    assert again.options == codec.options
    assert torch.equal(again.idf, codec.idf)
    assert torch.equal(again.encode(TEXTS).values, codec.encode(TEXTS).values)


def test_cases_may_stay():
    assert {"The", "the"} <= set(Corpus(min_count=1, lower=False).fit(TEXTS).words)


@pytest.mark.parametrize(("raw", "words"), [
    (["a b", 3], "row 1"), ("a b", "single string"), (["a a a"], "one word only"), (["a b"], "min_count=2"),
])  # fmt: skip
def test_texts_that_give_nothing_are_refused(raw, words):
    with pytest.raises(DataError, match=words):
        Corpus().fit(raw)


@pytest.mark.parametrize("options", [{"min_count": 0}, {"max_words": True}, {"clean": ("soap",)}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(SettingError):
        Corpus(**options)
