"""How words are pronounced: a lexicon from words to strings of units."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError, did_you_mean

Pronunciation = tuple[str, ...]


class Lexicon:
    """Words and the ways to say each, as strings of units.

    Parameters
    ----------
    words : word -> its pronunciation, units with spaces between them, or a list of pronunciations, each such a text or
        a sequence of units.

    Raises
    ------
    DataError : a word without units, or a list of single units, which may be one pronunciation or several.

    >>> Lexicon({"two": "t uw", "to": ["t uw", "t ax"]})["to"]
    [('t', 'uw'), ('t', 'ax')]
    """

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.words = {str(word): _pronunciations(str(word), given) for word, given in words.items()}
        if not self.words:
            raise DataError("the lexicon holds no words; give at least one")

    def __getitem__(self, word: str) -> list[Pronunciation]:
        return self.words[word]

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __iter__(self) -> Any:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def units(self) -> list[str]:
        """Every unit, in order."""
        return sorted({unit for ways in self.words.values() for way in ways for unit in way})

    def plain(self) -> dict[str, list[list[str]]]:
        """The same as JSON values."""
        return {word: [list(way) for way in ways] for word, ways in self.words.items()}

    def check(self, words: Iterable[str], *, where: str) -> None:
        """Refuse a word that is not here, by name."""
        for word in words:
            if word not in self.words:
                raise DataError(
                    f"{where}: the word {word!r} is outside the lexicon of {len(self)} words; "
                    f"{did_you_mean(word, list(self.words))}, or give a lexicon that has it"
                )


def letters(words: Iterable[str]) -> Lexicon:
    """Every word spelled: its units are its characters.

    >>> letters(["one"])["one"]
    [('o', 'n', 'e')]
    """
    return Lexicon({word: [tuple(word)] for word in sorted(set(words))})


def whole(words: Iterable[str]) -> Lexicon:
    """Every word a unit of its own."""
    return Lexicon({word: [(word,)] for word in sorted(set(words))})


def read_lexicon(given: Any) -> Lexicon:
    """A lexicon from a mapping, or from a file with lines "word unit unit ..."; a word may have several lines.

    Raises
    ------
    DataError : a line without units, or a file that cannot be read as text; file and line are named.
    """
    if isinstance(given, Lexicon):
        return given
    if isinstance(given, Mapping):
        return Lexicon(given)
    if not isinstance(given, str | os.PathLike):
        raise DataError(f"a lexicon is a mapping from words to units, or a file; got {type(given).__name__}")
    path = Path(given)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the lexicon {path} cannot be read ({error}); give a text file in UTF-8") from error
    found: dict[str, list[Pronunciation]] = {}
    for number, line in enumerate(lines, 1):
        parts = line.partition("#")[0].split()
        if not parts:
            continue
        if len(parts) < 2:
            raise DataError(f"{path}, line {number}: {parts[0]!r} has no units; write 'word unit unit ...'")
        found.setdefault(parts[0], []).append(tuple(parts[1:]))
    return Lexicon(found)


def _pronunciations(word: str, given: str | Sequence[Any]) -> list[Pronunciation]:
    ways = [given] if isinstance(given, str) else list(given)
    if len(ways) > 1 and all(isinstance(way, str) and len(way.split()) == 1 for way in ways):
        one, several = " ".join(ways), ", ".join(f"[{way!r}]" for way in ways)
        raise DataError(
            f"lexicon: the word {word!r} has {given!r}, which may be one pronunciation of {len(ways)} units or "
            f"{len(ways)} of one; write {one!r}, or [{several}]"
        )
    found = [tuple(way.split()) if isinstance(way, str) else tuple(str(u) for u in way) for way in ways]
    if not word or not found or not all(way and all(way) for way in found):
        raise DataError(f"lexicon: the word {word!r} has the pronunciations {given!r}; give at least one unit each")
    return list(dict.fromkeys(found))
