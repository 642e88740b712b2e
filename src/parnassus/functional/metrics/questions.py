"""How well texts answer questions: exact match and F1 of words, as SQuAD's evaluation defines them."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
MARKS = str.maketrans("", "", string.punctuation)


def normal_answer(text: str) -> str:
    """The text in lower case, without punctuation (of ASCII), articles (a, an, the) and spaces that are too many.

    Source: Rajpurkar et al. 2016, section 4 (SQuAD 1.1), and 2018 (2.0).

    >>> normal_answer(" The  U.S. of A!")
    'us of'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(MARKS)).split())


def exact_answer(true: str, said: str) -> float:
    """1 where both are the same once normalised, else 0.

    >>> exact_answer("The Beatles", "beatles!"), exact_answer("The Beatles", "a beatle")
    (1.0, 0.0)
    """
    return float(normal_answer(true) == normal_answer(said))


def answer_f1(true: str, said: str) -> float:
    """2 n / (n_true + n_said), n the words in common, counted as often as in both; 1 if both are empty, 0 if one is.

    >>> round(answer_f1("in the year 1066", "1066, the year"), 3), answer_f1("", ""), answer_f1("", "one")
    (0.8, 1.0, 0.0)
    """
    a, b = normal_answer(true).split(), normal_answer(said).split()
    if not a or not b:
        return float(a == b)
    return 2 * sum((Counter(a) & Counter(b)).values()) / (len(a) + len(b))


def best_of(score: Callable[[str, str], float], true: Sequence[str], said: str) -> float:
    """The best score beside any of several right answers; none, or only empty ones, make nothing the right answer.

    >>> best_of(exact_answer, ["Paris", "the city of Paris"], "Paris"), best_of(exact_answer, [], "")
    (1.0, 1.0)
    """
    return max(score(one, said) for one in [text for text in true if normal_answer(text)] or [""])
