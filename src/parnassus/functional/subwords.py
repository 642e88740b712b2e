"""Subwords by their equations: merges by frequency (BPE) or by score (WordPiece), and how a word is cut by them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from ..errors import SettingError

Pair = tuple[str, str]
CONTINUED = "##"


class _Words:
    """Distinct words as pieces; how often each piece and each pair of neighbours occurs, kept up to date by merges."""

    def __init__(self, counts: Mapping[str, int], split: Callable[[str], list[str]]) -> None:
        self.words = [split(word) for word in counts]
        self.counts = list(counts.values())
        self.pieces: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)
        for i in range(len(self.words)):
            self._add(i, 1)

    def _add(self, i: int, sign: int) -> None:
        word, n = self.words[i], sign * self.counts[i]
        for piece in word:
            self.pieces[piece] += n
        for pair in pairwise(word):
            self.pairs[pair] += n
            self.where[pair].add(i)

    def merge(self, pair: Pair, joined: str) -> None:
        """Write the pair as one piece wherever it stands."""
        for i in sorted(self.where.pop(pair)):
            self._add(i, -1)
            self.words[i] = merged(self.words[i], pair, joined)
            self._add(i, 1)
        self.pairs = +self.pairs  # pairs that are no more must not be chosen


def merged(pieces: Sequence[str], pair: Pair, joined: str) -> list[str]:
    """The pieces with every occurrence of the pair, from the left, as one piece.

    >>> merged(["a", "b", "a", "b", "b"], ("a", "b"), "ab")
    ['ab', 'ab', 'b']
    """
    found: list[str] = []
    i = 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == pair:
            found.append(joined)
            i += 2
        else:
            found.append(pieces[i])
            i += 1
    return found


def learn_bpe(counts: Mapping[str, int], n_merges: int) -> list[Pair]:
    """Merges of byte-pair encoding, in order: each joins the pair of neighbours that occurs most often.

    Of pairs that occur equally often the first in the alphabet is taken.

    Source: Sennrich, Haddow and Birch 2016.

    >>> learn_bpe({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 4)
    [('e', 's'), ('es', 't'), ('l', 'o'), ('lo', 'w')]
    """
    words, merges = _Words(counts, list), list[Pair]()
    while len(merges) < n_merges and words.pairs:
        pair = min(words.pairs, key=lambda p: (-words.pairs[p], p))
        merges.append(pair)
        words.merge(pair, "".join(pair))
    return merges


def bpe(word: str, merges: Sequence[Pair]) -> list[str]:
    """A word's pieces: merges applied in the order in which they were learned.

    >>> bpe("lowest", learn_bpe({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 4))
    ['low', 'est']
    """
    pieces = list(word)
    for pair in merges:
        pieces = merged(pieces, pair, "".join(pair))
    return pieces


def learn_wordpiece(counts: Mapping[str, int], size: int, *, min_count: int = 1) -> list[str]:
    """Pieces of a WordPiece vocabulary: characters first, then pairs joined by score until there are `size`.

    score(a, b) = count(ab) / (count(a) count(b)): a pair that occurs together more than its parts promise. Pieces
    within a word begin with "##". Of equal scores the more frequent pair is taken, then the first in the alphabet.

    Parameters
    ----------
    min_count : pairs that occur less often are never joined.

    Source: Schuster and Nakajima 2012; Hifny A3.8, which gives neither how a vocabulary is learned nor the cutting.

    >>> learn_wordpiece({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}, 9)
    ['##g', '##n', '##s', '##u', 'b', 'h', 'p', '##gs', 'pu']
    """
    words = _Words(counts, lambda word: [word[0], *(CONTINUED + c for c in word[1:])])
    found = sorted(words.pieces)
    if size < len(found):
        raise SettingError(f"the words have {len(found)} different characters, more than the {size} pieces asked for")
    while len(found) < size:
        known, pieces = {p: n for p, n in words.pairs.items() if n >= min_count}, words.pieces
        if not known:
            break
        pair = min(known, key=lambda p: (-known[p] / (pieces[p[0]] * pieces[p[1]]), -known[p], p))
        joined = pair[0] + pair[1].removeprefix(CONTINUED)
        words.merge(pair, joined)
        if joined not in found:
            found.append(joined)
    return found


def wordpiece(word: str, vocabulary: set[str], *, unknown: str = "[UNK]") -> list[str]:
    """A word's pieces: from the left, the longest piece that the vocabulary has; a word that cannot be cut is unknown.

    Source: Hifny A3.8, Table 3.5.

    >>> wordpiece("Unbelievable", {"Un", "##bel", "##iev", "##able", "!"}), wordpiece("Ubi", {"Un"})
    (['Un', '##bel', '##iev', '##able'], ['[UNK]'])
    """
    pieces: list[str] = []
    start = 0
    while start < len(word):
        prefix = CONTINUED if start else ""
        end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in vocabulary), start)
        if end == start:
            return [unknown]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces
