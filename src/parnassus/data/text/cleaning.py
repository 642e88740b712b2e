"""Texts made plainer before they are cut: markup, signs, stop words, stems, lemmas; each step is asked for by name."""

import html
import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from ...errors import DataError, SettingError, did_you_mean, missing_extra
from ...functional.lancaster import lancaster
from .tokenizers import words_of

TAG = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[A-Za-z][^<>]*>", re.DOTALL | re.IGNORECASE)
_SAY_LITTLE = """
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could did do does doing down during each few for from further had has have having he her here hers
    herself him himself his how i if in into is it its itself just me more most my myself of off on once only or
    other our ours ourselves out over own same she should so some such than that the their theirs them themselves
    then there these they this those through to too under until up very was we were what when where which while
    who whom why will with would you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_SAY_LITTLE.split())  # no, nor, not, never are none of them
LANGUAGES = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "nl": "dutch",
             "pt": "portuguese", "ru": "russian", "sv": "swedish", "ar": "arabic"}  # fmt: skip


@dataclass(frozen=True)
class Cleaned:
    """Texts after cleaning, and how many characters, words and distinct words there were before and after each step."""

    texts: list[str]
    report: list[tuple[str, int, int, int]]

    def __str__(self) -> str:
        rows = [f"{'step':<12} {'characters':>12} {'words':>10} {'distinct':>10}"]
        return "\n".join(rows + [f"{n:<12} {c:>12,} {w:>10,} {d:>10,}" for n, c, w, d in self.report])


def clean(texts: Sequence[str], steps: Sequence[str], *, language: str = "en") -> Cleaned:
    """Texts after some steps in the order given: the steps are the keys of `STEPS`.

    "lower"; "html" (tags, comments and scripts go, entities become their signs); "punctuation" (becomes a space);
    "numbers"; "accents"; "stop_words" (frequent words that say little; negations stay, for they turn a meaning round);
    "porter", "lancaster" and "stem" (Porter's, Paice and Husk's, Snowball's suffixes); "lemmatise" (the form that a
    dictionary has).

    Systems: text-cleaning, text-pipeline
    Source: Baker A171 to A173; Martinez-Ramon 3.8 and example 5.8.1, whose stop-word list also takes negations away.

    >>> clean(["<p>The dogs &amp; cats!</p>"], ["html", "lower", "punctuation", "stop_words"]).texts
    ['dogs cats']
    """
    check_steps(steps, language)
    if isinstance(texts, str) or any(not isinstance(text, str) for text in texts):
        raise DataError("clean takes a list of texts, all of them strings; of one text give [text]")
    now = list(texts)
    report = [_counted("given", now)]
    for step in steps:
        change = STEPS[step](language)
        now = [change(text) for text in now]
        report.append(_counted(step, now))
    return Cleaned(now, report)


def check_steps(steps: Sequence[str], language: str) -> None:
    """Refuses steps and languages that are not known."""
    for step in steps:
        if step not in STEPS:
            raise SettingError(f"cleaning has no step {step!r}; {did_you_mean(step, STEPS)}")
    if language not in LANGUAGES:
        raise SettingError(f"language={language!r}; {did_you_mean(language, LANGUAGES)}")
    if language != "en" and "stop_words" in steps:
        raise SettingError(f"the list of stop words is English; leave the step out for language={language!r}")


def _counted(name: str, texts: list[str]) -> tuple[str, int, int, int]:
    words = [word for text in texts for word in words_of(text)]
    return name, sum(map(len, texts)), len(words), len(set(words))


def without_markup(text: str) -> str:
    """A text without HTML's tags, comments and scripts, its entities as the signs they stand for.

    >>> without_markup("a<br/>b &lt; c <!-- d -->")
    'a b < c'
    """
    return " ".join(html.unescape(TAG.sub(" ", text)).split())


def without_punctuation(text: str) -> str:
    """A text with a space for every sign of punctuation, apostrophes within words aside."""
    return " ".join(word for word in words_of(text) if not unicodedata.category(word[0]).startswith(("P", "S")))


def without_stop_words(text: str) -> str:
    """A text without English words that say little.

    >>> without_stop_words("What is NLP ?"), without_stop_words("it was not good")
    ('NLP ?', 'not good')
    """
    return " ".join(word for word in text.split() if word.lower() not in STOP_WORDS)


def without_accents(text: str) -> str:
    """Letters without their accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@cache
def stemmer(algorithm: str) -> Callable[[str], str]:
    """A function from a word to its stem: "porter" (1980), or Snowball's of a language, such as "english".

    Systems: stemming
    """
    try:
        module = importlib.import_module("snowballstemmer")
    except ImportError as error:
        raise missing_extra("snowballstemmer", "text", "stemming") from error
    return module.stemmer(algorithm).stemWord


@cache
def lemmatiser(language: str) -> Callable[[str], str]:
    """A function from a word to its dictionary form.

    Systems: lemmatisation
    """
    try:
        module = importlib.import_module("simplemma")
    except ImportError as error:
        raise missing_extra("simplemma", "text", "lemmatising") from error
    return lambda word: module.lemmatize(word, lang=language)


def _each_word(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(map(change, words_of(text)))


STEPS: dict[str, Callable[[str], Callable[[str], str]]] = {
    "lower": lambda _: str.lower,
    "html": lambda _: without_markup,
    "punctuation": lambda _: without_punctuation,
    "numbers": lambda _: lambda text: re.sub(r"\d+", " ", text),
    "accents": lambda _: without_accents,
    "stop_words": lambda _: without_stop_words,
    "porter": lambda _: _each_word(stemmer("porter")),
    "lancaster": lambda _: _each_word(lancaster),
    "stem": lambda language: _each_word(stemmer(LANGUAGES[language])),
    "lemmatise": lambda language: _each_word(lemmatiser(language)),
}
