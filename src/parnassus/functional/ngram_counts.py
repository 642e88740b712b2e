"""Counts of n-grams over ids, as sorted codes: NumPy sorts and looks up, nothing is done id by id."""

from dataclasses import dataclass

import numpy as np

from ..errors import SettingError

Ids = np.ndarray


@dataclass
class Level:
    """The k-grams of one k, sorted by their first k - 1 ids, then by their last.

    codes : (n,) int64: the place of the first k - 1 ids among the (k-1)-grams, times n_ids, plus the last id.
    counts : (n,) how often each occurs.
    suffixes : (n,) the place of the last k - 1 ids among the (k-1)-grams.

    Of single ids every one has a place, its own number, whether it occurs or not.
    """

    codes: Ids
    counts: Ids
    suffixes: Ids

    def find(self, codes: Ids) -> Ids:
        """The place of each code; -1 for those that are not held."""
        if not len(self.codes):
            return np.full(len(codes), -1, dtype=np.int64)
        at = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        return np.where(self.codes[at] == codes, at, -1)


def count_ngrams(ids: Ids, lengths: Ids, order: int, *, n_ids: int) -> list[Level]:
    """The levels 1 to `order` of rows of ids that lie end to end; no n-gram reaches over the end of a row.

    A k-gram's code is made of the place of its first k - 1 ids, so that codes stay below (number of (k-1)-grams) times
    n_ids, however long the n-grams are.

    Parameters
    ----------
    ids : (sum of lengths,) from 0 to n_ids - 1.

    Systems: ngram-extraction
    Source: Baker A153, A204.

    >>> unigrams, bigrams = count_ngrams(np.array([0, 1, 0, 1, 0]), np.array([3, 2]), 2, n_ids=2)
    >>> unigrams.counts.tolist(), bigrams.codes.tolist(), bigrams.counts.tolist()
    ([3, 2], [1, 2], [1, 2])
    """
    if order < 1:
        raise SettingError(f"n-grams have an order of at least 1; got {order}")
    ids = ids.astype(np.int64)
    counts = np.bincount(ids, minlength=n_ids)
    levels = [Level(np.arange(n_ids), counts, np.zeros(n_ids, dtype=np.int64))]
    within = np.arange(len(ids)) - np.repeat(lengths.cumsum() - lengths, lengths)
    shorter, ends = ids, np.arange(len(ids))  # the place of the (k-1)-gram that ends at each of these positions
    for k in range(2, order + 1):
        kept = within[ends] >= k - 1
        before = _at(ends, shorter, len(ids))
        suffixes, ends = shorter[kept], ends[kept]
        codes, first, inverse, counts = np.unique(
            before[ends - 1] * n_ids + ids[ends], return_index=True, return_inverse=True, return_counts=True
        )
        levels.append(Level(codes, counts, suffixes[first]))
        shorter = inverse
    return levels


def merged_counts(first: list[Level], second: list[Level]) -> list[Level]:
    """The levels of two collections of rows as those of both, so that rows are counted part by part.

    Only the n-grams that differ are then in memory, beside one part. Both are of one vocabulary and one order.

    >>> parts = [count_ngrams(np.array(ids), np.array([2]), 2, n_ids=3) for ids in ([0, 1], [2, 1])]
    >>> merged_counts(*parts)[1].codes.tolist()
    [1, 7]
    """
    n_ids = len(first[0].codes)
    if len(second[0].codes) != n_ids or len(first) != len(second):
        kinds = [f"order {len(one)} over {len(one[0].codes)} ids" for one in (first, second)]
        raise SettingError(f"counts of one order and one vocabulary are merged; got {' and '.join(kinds)}")
    levels = [Level(first[0].codes, first[0].counts + second[0].counts, first[0].suffixes)]
    moved = [np.arange(n_ids), np.arange(n_ids)]  # where the (k-1)-grams of either stand among all
    for pair in zip(first[1:], second[1:], strict=True):
        own = [at[level.codes // n_ids] * n_ids + level.codes % n_ids for level, at in zip(pair, moved, strict=True)]
        codes = np.union1d(*own)
        counts, suffixes = np.zeros((2, len(codes)), dtype=np.int64)
        here = [np.searchsorted(codes, one) for one in own]
        for level, at, place in zip(pair, moved, here, strict=True):
            counts[place] += level.counts
            suffixes[place] = at[level.suffixes]
        levels.append(Level(codes, counts, suffixes))
        moved = here
    return levels


def _at(ends: Ids, values: Ids, n: int) -> Ids:
    """Values by position, -1 where there is none."""
    found = np.full(n, -1, dtype=np.int64)
    found[ends] = values
    return found


def places(levels: list[Level], ids: Ids, lengths: Ids) -> list[Ids]:
    """For each level k the place of the k-gram that ends at each position of new rows (positions,), or -1."""
    n_ids = len(levels[0].codes)
    within = np.arange(len(ids)) - np.repeat(lengths.cumsum() - lengths, lengths)
    found = [ids.astype(np.int64)]
    for k, level in enumerate(levels[1:], 2):
        before = np.concatenate([[-1], found[-1][:-1]])
        known = (before >= 0) & (within >= k - 1)
        found.append(np.where(known, level.find(np.where(known, before, 0) * n_ids + ids), -1))
    return found


def spelled(levels: list[Level], k: int) -> Ids:
    """The ids of every k-gram (n, k), in their order."""
    n_ids = len(levels[0].codes)
    if k == 1:
        return np.arange(n_ids)[:, None]
    before, last = np.divmod(levels[k - 1].codes, n_ids)
    return np.concatenate([spelled(levels, k - 1)[before], last[:, None]], 1)
