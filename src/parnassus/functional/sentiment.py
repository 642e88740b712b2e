"""Sentiment by a list of words and a handful of rules: no training, and every score can be followed by hand."""

import math
import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import DataError
from .sentiment_words import BOOSTERS, NEGATIONS, VALENCES

CAPITALS, NEGATED, EXCLAIMED, ALPHA = 0.733, -0.74, 0.292, 15.0
FADING = (1.0, 0.95, 0.9)  # of a booster one, two and three words before
BEFORE_BUT, AFTER_BUT = 0.5, 1.5


class Polarity(NamedTuple):
    """Shares of a text that are negative, neutral and positive (they sum to 1), and one number in (-1, 1)."""

    negative: float
    neutral: float
    positive: float
    compound: float


def polarity(text: str, *, valences: Mapping[str, float] = VALENCES) -> Polarity:
    """How a text feels, by the valences of its words (-4 to 4) and what stands around them.

        compound = s / sqrt(s^2 + 15),   s = sum of valences v_i, and 0.292 for each "!" (four at most) away from 0

    Of each word with a valence: capitals among small letters add 0.733 to its size; each of the three words before it,
    where it has no valence itself, adds its booster (times 1, 0.95, 0.9 by distance) or multiplies by -0.74 where it
    denies; before the first "but" valences are halved, behind it taken 1.5 times. Two or three "?" add 0.18 each, more
    add 0.96. The shares are of sum (v + 1) over positive words, sum (1 - v) over negative ones, and the number of
    others, marks being added to the larger of the first two.

    Systems: vader-sentiment
    Source: Hutto and Gilbert 2014 (the rules and their numbers; the words and valences here are our own, and phrases
    such as "never so good" have no rule); Martinez-Ramon 3.8, which prints scores and no rule.

    >>> p = polarity("a good film", valences={"good": 1.5})
    >>> round(p.compound, 4) == round(1.5 / (1.5 ** 2 + 15) ** 0.5, 4)
    True
    """
    if not isinstance(text, str):
        raise DataError(f"polarity takes one text; got a {type(text).__name__}")
    words = words_and_signs(text)
    told = _after_but([w.lower() for w in words], word_valences(words, valences))
    marks = min(text.count("!"), 4) * EXCLAIMED + _asking(text.count("?"))
    total = sum(told)
    total += math.copysign(marks, total) if total else 0.0
    positive, negative = sum(v + 1 for v in told if v > 0), sum(1 - v for v in told if v < 0)
    positive, negative = positive + marks * (positive > negative), negative + marks * (negative > positive)
    neutral = sum(v == 0 for v in told)
    size = positive + negative + neutral
    if not size:
        return Polarity(0.0, 0.0, 0.0, 0.0)
    return Polarity(negative / size, neutral / size, positive / size, total / math.sqrt(total * total + ALPHA))


def words_and_signs(text: str) -> list[str]:
    """What stands between spaces, marks at the ends of words taken off; single signs and letters are left out."""
    found = []
    for part in text.split():
        bare = part.strip(string.punctuation)
        if len(part) > 1:
            found.append(bare if len(bare) > 1 else part)
    return found


def word_valences(words: Sequence[str], valences: Mapping[str, float]) -> list[float]:
    """The valence of each word, with what stands before it; 0 of words without one, and of boosters."""
    n_loud = sum(word.isupper() for word in words)
    mixed = 0 < n_loud < len(words)
    found = []
    for i, word in enumerate(words):
        v = 0.0 if word.lower() in BOOSTERS else valences.get(word.lower(), 0.0)
        if v and mixed and word.isupper():
            v += math.copysign(CAPITALS, v)
        for fade, before in zip(FADING, reversed(words[max(i - 3, 0) : i]), strict=False):
            if v and before.lower() not in valences:
                v += fade * _boost(before, v, mixed)
                v *= NEGATED if denies(before) else 1.0
        found.append(v)
    return found


def denies(word: str) -> bool:
    """Whether a word turns what follows into its opposite.

    >>> denies("isn't"), denies("never"), denies("knot")
    (True, True, False)
    """
    return word.lower() in NEGATIONS or "n't" in word.lower()


def _boost(word: str, v: float, mixed: bool) -> float:
    """What a word before adds to a valence, away from 0 or towards it."""
    step = BOOSTERS.get(word.lower(), 0.0)
    if not step:
        return 0.0
    step = math.copysign(1.0, v) * step
    return step + math.copysign(CAPITALS, v) if mixed and word.isupper() else step


def _after_but(words: Sequence[str], told: list[float]) -> list[float]:
    if "but" not in words:
        return told
    at = words.index("but")
    return [v * (BEFORE_BUT if i < at else AFTER_BUT if i > at else 1.0) for i, v in enumerate(told)]


def _asking(n: int) -> float:
    return 0.0 if n < 2 else n * 0.18 if n < 4 else 0.96
