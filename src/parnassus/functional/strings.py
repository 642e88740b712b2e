"""Strings of symbols, such as DNA: how often each short one is there, and where one is, exactly or nearly."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError, SettingError


class Found(NamedTuple):
    """Where a pattern was found: symbols start to end (end not included), with so many errors."""

    start: int
    end: int
    n_errors: int


def kmer_counts(text: str, k: int) -> Counter[str]:
    """How often each string of k symbols is there, overlapping ones counted each.

    >>> kmer_counts("ACGACG", 3).most_common(1)
    [('ACG', 2)]

    Source: Baker 6.2.6.
    """
    if k < 1:
        raise SettingError(f"k is a number of symbols of at least 1; got {k}")
    return Counter(text[i : i + k] for i in range(len(text) - k + 1))


def occurrences(pattern: str, text: str) -> list[int]:
    """Starts of a pattern in a text, overlapping ones too.

    >>> occurrences("ANA", "BANANA")
    [1, 3]
    """
    if not pattern:
        raise DataError("the pattern is empty; it has at least one symbol")
    found, at = [], text.find(pattern)
    while at >= 0:
        found.append(at)
        at = text.find(pattern, at + 1)
    return found


def near_occurrences(pattern: Sequence[Hashable], text: Sequence[Hashable], n_errors: int) -> list[Found]:
    """Where a text comes within so many substitutions, deletions and insertions of a pattern: the best ends.

    D(i, j) is the least number of errors between the first i symbols of the pattern and some stretch of text that ends
    at j; D(0, j) = 0, since a match may begin anywhere. Of matches that overlap, the one with the fewest errors is
    kept, and of those the first.

    >>> near_occurrences("GATTACA", "CCGATACACC", 1)
    [Found(start=2, end=8, n_errors=1)]

    Source: Sellers 1980; Baker 6.2.4 (approximate matching).
    """
    if not len(pattern):
        raise DataError("the pattern is empty; it has at least one symbol")
    if not 0 <= n_errors < len(pattern):
        raise SettingError(f"n_errors is from 0 to one less than the pattern's {len(pattern)} symbols; got {n_errors}")
    total, start = _sellers(pattern, text)
    ends = [j for j in range(1, len(text) + 1) if total[j] <= n_errors]
    found: list[Found] = []
    for j in sorted(ends, key=lambda j: (total[j], j)):
        match = Found(int(start[j]), j, int(total[j]))
        if all(match.end <= other.start or match.start >= other.end for other in found):
            found.append(match)
    return sorted(found)


def _sellers(pattern: Sequence[Hashable], text: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """The last row of the table, and where the best match that ends at each place begins."""
    n = len(text)
    total, start = [0] * (n + 1), list(range(n + 1))
    for symbol in pattern:
        above, above_start = total, start
        total, start = [above[0] + 1], [0]
        for j in range(1, n + 1):
            ways = (
                (above[j - 1] + (symbol != text[j - 1]), above_start[j - 1]),
                (above[j] + 1, above_start[j]),
                (total[j - 1] + 1, start[j - 1]),
            )
            best, begun = min(ways, key=lambda way: way[0])
            total.append(best)
            start.append(begun)
    return np.array(total), np.array(start)
