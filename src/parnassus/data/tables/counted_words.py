"""Texts in a column of a table as weights of their words."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .lookalikes import holds_prose

WORD = re.compile(r"\w+")


def words_in(text: str) -> list[str]:
    """Runs of letters and digits, in lower case.

    >>> words_in("Don't go, 2 of us")
    ['don', 't', 'go', '2', 'of', 'us']
    """
    return WORD.findall(text.lower())


def are_texts(counter: Counter) -> bool:
    """Whether a column's values are prose, most of them unlike all others, rather than categories."""
    return len(counter) > counter.total() / 2 and holds_prose(list(counter))


def common_words(counter: Counter[str], most: int) -> dict[str, float]:
    """The words of the most texts, at most so many, with their rarity ln((1 + n) / (1 + n with it)) + 1.

    A word of one text alone tells of no other, and one of all texts tells nothing.
    """
    n, held = counter.total(), Counter[str]()
    for text, count in counter.items():
        for word in set(words_in(text)):
            held[word] += count
    often = sorted((w for w, k in held.items() if 1 < k < n), key=lambda w: (-held[w], w))[:most]
    return {word: float(np.log((1 + n) / (1 + held[word])) + 1) for word in sorted(often)}


def word_weights(texts: Sequence[str | None], rarity: dict[str, float]) -> np.ndarray:
    """(texts, words) float64: how often each word comes times its rarity, rows of norm 1; NaN where there is no text.

    Systems: tf-idf
    Source: Salton and Buckley 1988, as scikit-learn has it; Jaiswal J126.
    """
    place = {word: i for i, word in enumerate(rarity)}
    found = np.zeros((len(texts), len(rarity)))
    for row, text in zip(found, texts, strict=True):
        if text is None:
            row[:] = np.nan
            continue
        for word in words_in(text):
            if word in place:
                row[place[word]] += 1
    found *= np.array(list(rarity.values()))
    norms = np.sqrt(np.square(found).sum(1, keepdims=True))
    return np.divide(found, norms, out=found, where=norms != 0)
