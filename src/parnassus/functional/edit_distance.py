"""How far what was recognised is from what was said: Levenshtein distance, alignments, word error rates."""

from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..errors import DataError

Pair = tuple[Hashable | None, Hashable | None]


class Alignment(NamedTuple):
    """Pairs (reference, hypothesis), None where one has nothing, and what it took to turn one into the other."""

    pairs: list[Pair]
    n_substitutions: int
    n_deletions: int
    n_insertions: int

    @property
    def n_errors(self) -> int:
        return self.n_substitutions + self.n_deletions + self.n_insertions


class ErrorRate(NamedTuple):
    """Errors over the length of all references, and the counts behind it; above 1 where much was inserted."""

    rate: float
    n_substitutions: int
    n_deletions: int
    n_insertions: int
    n_reference: int


def edit_distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> int:
    """The fewest substitutions, deletions and insertions that turn one sequence into another.

    >>> edit_distance("kitten", "sitting")
    3
    """
    return int(_table(reference, hypothesis)[-1, -1])


def align(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> Alignment:
    """Which item was taken for which, by the fewest edits; matches and substitutions first where edits tie.

    >>> align(["a", "b", "c"], ["a", "c"]).pairs
    [('a', 'a'), ('b', None), ('c', 'c')]
    """
    table = _table(reference, hypothesis)
    i, j = len(reference), len(hypothesis)
    pairs: list[Pair] = []
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif i and table[i, j] == table[i - 1, j] + 1:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, hypothesis[j]))
    pairs.reverse()
    n_deletions, n_insertions = len(pairs) - len(hypothesis), len(pairs) - len(reference)
    return Alignment(pairs, int(table[-1, -1]) - n_deletions - n_insertions, n_deletions, n_insertions)


def error_rate(
    references: Sequence[str | Sequence[Hashable]],
    hypotheses: Sequence[str | Sequence[Hashable]],
    *,
    unit: Literal["words", "characters"] = "words",
) -> ErrorRate:
    """Word (or character) error rate over all utterances together: (S + D + I) / N.

    Strings are split at white space, or into characters; sequences of anything else, such as phones, are taken as
    they are. Case and punctuation count.

    Raises
    ------
    DataError : other numbers of references and hypotheses, or references without a single item.

    Systems: word-error-rate
    Source: Hifny A13.31 (named there); Levenshtein 1966.

    >>> error_rate(["the cat sat"], ["the hat sat down"]).rate
    0.6666666666666666
    """
    if len(references) != len(hypotheses):
        raise DataError(f"{len(references)} references and {len(hypotheses)} hypotheses; give one for each")
    counts = np.zeros(4, dtype=np.int64)
    for said, heard in zip(references, hypotheses, strict=True):
        one, other = (_items(text, unit) for text in (said, heard))
        found = align(one, other)
        counts += (found.n_substitutions, found.n_deletions, found.n_insertions, len(one))
    if not counts[3]:
        raise DataError("the references hold nothing to be recognised, so a rate means nothing; give some that do")
    s, d, i, n = counts.tolist()
    return ErrorRate((s + d + i) / n, s, d, i, n)


def _items(text: str | Sequence[Hashable], unit: str) -> Sequence[Hashable]:
    if not isinstance(text, str):
        return text
    return text.split() if unit == "words" else list(text)


def _table(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> np.ndarray:
    """Distances between beginnings (n + 1, m + 1); a row at a time, insertions by a running minimum."""
    names: dict[Hashable, int] = {}
    one, other = (
        np.array([names.setdefault(item, len(names)) for item in items], dtype=np.int64)
        for items in (reference, hypothesis)
    )
    along = np.arange(len(other) + 1)
    table = np.empty((len(one) + 1, len(other) + 1), dtype=np.int64)
    table[0] = along
    for i, item in enumerate(one, 1):
        row = table[i - 1] + 1
        row[1:] = np.minimum(row[1:], table[i - 1, :-1] + (other != item))
        table[i] = np.minimum.accumulate(row - along) + along
    return table
