"""Tokenizers: the books' words, ways back, what is unknown, what is refused."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer

import parnassus as pn
from parnassus.data.text.tokenizers import UNITS, Tokenizer, sentences_of, words_of
from parnassus.functional.subwords import learn_wordpiece

TEXTS = [
    "The cat sat on the mat.",
    "A dog, a cat and a hat!",
    "na\u00efve caf\u00e9 \U0001f600 \u0645\u0631\u062d\u0628\u0627",
]


def test_0_A3_5_words_and_punctuation():
    assert words_of("Machine learning is fun!") == ["Machine", "learning", "is", "fun", "!"]


def test_2a_B26_words_and_sentences():
    assert words_of("How are you doing?") == ["How", "are", "you", "doing", "?"]
    assert sentences_of("It rains. Is it cold? Stay in!") == ["It rains.", "Is it cold?", "Stay in!"]
    assert sentences_of("") == []
    assert sentences_of("Pi is 3.14 e.g. here") == ["Pi is 3.14 e.g. here"]


def test_2b_B24_review_counts_in_a_stable_order():
    # "this movie was thrilling", "it was good", "I hated this movie it was the ending of horrible"
    reviews = ["this movie was thrilling", "it was good I hated", "the movie it was ending of horrible"]
    tokenizer = Tokenizer().fit(reviews)
    assert tokenizer.n_ids == 2 + 12
    ids, lengths = tokenizer.ids(["was awful"])
    assert ids.tolist() == [tokenizer.names.index("was") + 2, 1]
    assert lengths.tolist() == [2]


@pytest.mark.parametrize("unit", ["characters", "bytes", "byte_bpe", "bpe", "unigram"])
def test_decoding_gives_the_text_back(unit):
    tokenizer = Tokenizer(unit, size=300 if unit == "byte_bpe" else 60 if unit in ("bpe", "unigram") else None).fit(
        TEXTS
    )
    ids, lengths = tokenizer.ids(TEXTS)
    rows, at = [], 0
    for n in lengths.tolist():
        rows.append(tokenizer.text(ids[at : at + n].tolist()))
        at += n
    assert rows == TEXTS


@pytest.mark.parametrize("text", ["\u6c34\u3068\u706b", "\U0001f9ea\u200d\U0001f52c", "\x00\r\n\t ", "z" * 50])
def test_bytes_and_byte_pairs_write_any_unicode(text):
    for unit in ("bytes", "byte_bpe"):
        tokenizer = Tokenizer(unit, size=300).fit(TEXTS)
        assert tokenizer.text(tokenizer.ids([text])[0].tolist()) == text


def test_byte_pairs_begin_with_all_256_bytes_and_join_what_is_frequent():
    tokenizer = Tokenizer("byte_bpe", size=2 + 256 + 5).fit(["low low low lower lower"] * 3)
    assert tokenizer.n_ids == 263
    assert "low" in tokenizer.names
    assert len(tokenizer.ids(["low"])[0]) == 1


@pytest.mark.parametrize("unit", ["words", "characters", "bpe", "wordpiece", "unigram"])
def test_what_training_has_not_is_unknown(unit):
    tokenizer = Tokenizer(unit, size=60).fit(["aaa bbb abab", "ba ab"])
    assert 1 in tokenizer.ids(["\u2603"])[0].tolist()


def test_the_vocabulary_is_limited_by_frequency_then_alphabet():
    assert Tokenizer(size=2).fit(["b b c a"]).names == ["a", "b"]
    assert Tokenizer(min_count=2).fit(["b b c a"]).names == ["b"]


def test_hashes_need_no_vocabulary_and_are_scikit_learns():
    ids, _ = Tokenizer("hashed", size=64).fit(["x"]).ids(["the quick brown fox"])
    theirs = HashingVectorizer(n_features=64, alternate_sign=False, norm=None).transform(["the quick brown fox"])
    assert sorted(set(ids - 1)) == sorted(theirs.indices.tolist())


@pytest.mark.parametrize("unit", UNITS)
def test_what_was_learned_travels(unit):
    tokenizer = Tokenizer(unit, size=300, lower=True).fit(TEXTS)
    again = Tokenizer(unit, size=300, lower=True).hold(tokenizer.held())
    assert again.names == tokenizer.names
    assert again.n_ids == tokenizer.n_ids
    assert again.ids(TEXTS)[0].tolist() == tokenizer.ids(TEXTS)[0].tolist()


def test_what_makes_no_vocabulary_is_refused():
    with pytest.raises(pn.SettingError, match="words"):
        Tokenizer("word")
    with pytest.raises(pn.DataError, match="no word seen 2 times"):
        Tokenizer(min_count=2).fit(["a b"])
    with pytest.raises(pn.DataError, match="no character"):
        Tokenizer("characters").fit([""])
    with pytest.raises(pn.SettingError, match="different characters"):
        learn_wordpiece({"abc": 1}, 2)


@pytest.mark.parametrize("unit", ["byte_bpe", "unigram"])
def test_half_a_letter_is_refused_where_subwords_are_of_letters(unit):
    tokenizer = Tokenizer(unit, size=300).fit(TEXTS)
    with pytest.raises(pn.DataError, match=r"row 1 of X holds .* at place 2"):
        tokenizer.ids(["a", "b \ud800"])
    assert Tokenizer("bytes").fit(TEXTS).ids(["\ud800"])[1].tolist() == [3]


def test_equal_texts_give_equal_unigrams():
    """The Rust trainer's own order of entries differs from call to call."""
    rng = np.random.default_rng(0)
    texts = [" ".join("".join(rng.choice(list("abcdef"), 3)) for _ in range(6)) for _ in range(200)]
    learned = [Tokenizer("unigram", size=90).fit(texts) for _ in range(4)]
    assert all(one.names == learned[0].names for one in learned)
    assert all((one.ids(texts)[0] == learned[0].ids(texts)[0]).all() for one in learned)
    assert learned[0].text(learned[0].ids(texts)[0][: learned[0].ids(texts)[1][0]].tolist()) == texts[0]


@pytest.mark.parametrize("size", [3, 6, 7, 8])
def test_unigrams_hold_each_sign_of_their_texts(size):
    """With fewer entries than signs the Rust package says so in its own words, or never comes back."""
    with pytest.raises(pn.SettingError, match="max_words"):
        Tokenizer("unigram", lower=False, size=size, min_count=1).fit(["abc abc xyz"])
    assert Tokenizer("unigram", lower=False, size=9, min_count=1).fit(["abc abc xyz"]).n_ids == 9
