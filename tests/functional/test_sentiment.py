"""Sentiment by words and rules: each rule by hand, the book's scores, and nltk with our own list of words."""

import math
import random

import pytest

from parnassus.errors import DataError
from parnassus.functional.sentiment import denies, polarity, word_valences
from parnassus.functional.sentiment_words import BOOSTERS, VALENCES


def compound(s):
    return s / math.sqrt(s * s + 15)


@pytest.mark.parametrize(("text", "s"), [
    ("the film was good today", 2.0),
    ("the film was very good today", 2.0 + 0.293),
    ("the film was very much good", 2.0 + 0.95 * 0.293),
    ("the film was slightly bad", -1.6 + 0.293),
    ("the film was not good", 2.0 * -0.74),
    ("the film isn't so good", (2.0 + 0.293) * -0.74),
    ("the film was GOOD today", 2.0 + 0.733),
    ("THE FILM WAS GOOD", 2.0),
    ("the film was good!!", 2.0 + 2 * 0.292),
    ("the film was good!!!!!!", 2.0 + 4 * 0.292),
    ("the film was bad???", -1.6 - 3 * 0.18),
    ("the start was dull but the end was superb", -1.6 * 0.5 + 3.2 * 1.5),
    ("nothing of note", 0.0),
])  # fmt: skip
def test_each_rule_by_hand(text, s):
    assert polarity(text).compound == pytest.approx(compound(s))


def test_shares_are_counted_by_hand():
    """Two neutral words, a positive one of 2 and "!": 3.292 of 5.292."""
    p = polarity("a film was good!")
    assert p.positive == pytest.approx((3 + 0.292) / (3 + 0.292 + 2))
    assert p.neutral == pytest.approx(2 / 5.292)
    assert p.negative + p.neutral + p.positive == pytest.approx(1)


def test_the_book_s_scores_follow_from_its_rules():
    """2a B26, with the valences that its numbers tell: neg .55 neu .45 compound -.7269, and pos .709 compound .8087."""
    hotel = polarity(
        "The hotel stay was horrible and uncomfortable.", valences={"horrible": -2.5, "uncomfortable": -1.6}
    )
    assert [round(v, 3) for v in hotel[:3]] == [0.55, 0.45, 0.0]
    assert round(hotel.compound, 4) == -0.7269
    smile = polarity("Always :) and be :D !", valences={":)": 2.0, ":d": 2.3})
    assert [round(v, 3) for v in smile[:3]] == [0.0, 0.291, 0.709]
    assert round(smile.compound, 4) == 0.8087
    glued = polarity("Always:) and be:D!", valences={":)": 2.0, ":d": 2.3})
    assert glued.compound == 0.0  # right only with the spaces as written


TEXTS = [
    "The film was superb, really brilliant!", "It was not good, and the end was AWFUL.", "so very dull and slow",
    "I really loved it but the sound was terrible!!", "nothing was happy there", "A nice, warm and funny story :)",
    "he hated it", "It isn't bad", "what a waste??", "nothing here", "extremely clever and NOT boring",
]  # fmt: skip


def test_against_nltk_with_our_words():
    """No word stands twice: nltk takes what stands before a word's first place for what stands before each."""
    state = random.getstate()  # importing nltk draws
    vader = pytest.importorskip("nltk.sentiment.vader", reason="nltk is not installed: no peer for the rules")
    random.setstate(state)
    peer = vader.SentimentIntensityAnalyzer.__new__(vader.SentimentIntensityAnalyzer)
    peer.lexicon, peer.constants = dict(VALENCES), vader.VaderConstants()
    for text in TEXTS:
        theirs, ours = peer.polarity_scores(text), polarity(text)
        due = (theirs["neg"], theirs["neu"], theirs["pos"])
        assert tuple(round(v, 3) for v in ours[:3]) == pytest.approx(due, abs=1.1e-3), text
        assert ours.compound == pytest.approx(theirs["compound"], abs=6e-5), text


def test_texts_without_words_feel_nothing():
    assert polarity("") == polarity("! ?") == (0.0, 0.0, 0.0, 0.0)
    assert not any(word_valences(["plain", "words"], VALENCES))


def test_no_word_is_two_things():
    assert not BOOSTERS.keys() & VALENCES.keys()
    assert not any(denies(word) for word in VALENCES)
    assert all(-4 <= v <= 4 and v for v in VALENCES.values())


def test_what_is_no_text_is_refused():
    with pytest.raises(DataError, match="one text"):
        polarity(None)
