"""Cleaning: the books' stems and lemmas, markup, the report."""

import pytest

import parnassus as pn
from parnassus.data.text.cleaning import clean, lemmatiser, stemmer

SUFFIXED = """
relational conditional rational valenci hesitanci digitizer conformabli radicalli differentli vileli
analogousli vietnamization predication operator feudalism decisiveness hopefulness callousness formaliti
sensitiviti sensibiliti triplicate formative electriciti electrical hopeful goodness adjustment adoption
"""


def test_1_A171_to_A173_stems_and_lemmas():
    pytest.importorskip("snowballstemmer", reason="snowballstemmer is not installed")
    assert {stemmer("porter")(w) for w in ("develop", "developing", "development")} == {"develop"}
    assert stemmer("porter")("easily") == "easili"  # the book prints this stem beside lemmas
    connected = ("connecting", "connection", "connected", "connections", "connects")
    assert {stemmer("porter")(w) for w in connected} == {"connect"}
    assert stemmer("porter")("caring") == "care"


def test_the_book_lemmas():
    pytest.importorskip("simplemma", reason="simplemma is not installed")
    assert {lemmatiser("en")(w) for w in ("drive", "drove", "driven")} == {"drive"}
    assert lemmatiser("en")("caring") == "care"


def test_porter_is_nltks():
    pytest.importorskip("snowballstemmer", reason="snowballstemmer is not installed")
    nltk = pytest.importorskip("nltk.stem", reason="nltk is not installed")
    theirs = nltk.PorterStemmer(mode="ORIGINAL_ALGORITHM")
    words = SUFFIXED.split()
    assert [stemmer("porter")(w) for w in words] == [theirs.stem(w) for w in words]


def test_2a_B26_stop_words_are_left_out_and_negations_stay():
    assert clean(["What is NLP ?"], ["stop_words"]).texts == ["NLP ?"]  # the book calls the rest the stop words
    assert clean(["it was not good"], ["stop_words"]).texts == ["not good"]


def test_markup_goes_and_entities_become_signs():
    dirty = "<div class='x'>a &amp; b<script>var x = '<p>';</script> &lt;3 <!-- gone --> 2 < 3</div>"
    assert clean([dirty], ["html"]).texts == ["a & b <3 2 < 3"]


def test_the_report_counts_before_and_after_each_step():
    found = clean(["The Cat, the cat!"], ["lower", "punctuation"])
    assert found.texts == ["the cat the cat"]
    assert found.report == [("given", 17, 6, 6), ("lower", 17, 6, 4), ("punctuation", 15, 4, 2)]
    assert "punctuation" in str(found)


def test_accents_numbers_and_other_languages():
    assert clean(["caf\u00e9 12"], ["accents", "numbers"]).texts[0].split() == ["cafe"]
    pytest.importorskip("snowballstemmer", reason="snowballstemmer is not installed")
    assert clean(["H\u00e4user"], ["stem", "lower"], language="de").texts == ["haus"]


def test_unknown_steps_are_refused():
    with pytest.raises(pn.SettingError, match="did you mean 'porter'"):
        clean(["a"], ["portr"])
    with pytest.raises(pn.SettingError, match="English"):
        clean(["a"], ["stop_words"], language="de")
    with pytest.raises(pn.SettingError, match="language"):
        clean(["a"], ["stem"], language="xx")


@pytest.mark.parametrize("texts", ["abc", ["a", None]])
def test_what_is_no_list_of_texts_is_not_cleaned(texts):
    with pytest.raises(pn.DataError, match="list of texts"):
        clean(texts, ["lower"])
