"""Paice and Husk's stemmer against nltk's, word by word."""

from pydoc_data.topics import topics

import pytest

from parnassus.data.text.cleaning import clean
from parnassus.functional.lancaster import lancaster, rules

stem = pytest.importorskip("nltk.stem", reason="nltk is not installed")


def test_every_word_of_pythons_help_is_stemmed_as_nltk_does():
    words = sorted({w for text in topics.values() for w in text.lower().split() if w.isascii() and w.isalpha()})
    assert len(words) > 2000
    theirs = stem.LancasterStemmer()
    assert [lancaster(w) for w in words] == [theirs.stem(w) for w in words]


def test_the_table_has_its_rules_and_texts_can_be_stemmed():
    assert sum(map(len, rules().values())) == 115
    assert clean(["Connected connections"], ["lancaster"]).texts == ["connect connect"]
    assert lancaster("") == ""
