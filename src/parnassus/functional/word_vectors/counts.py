"""Which words stand near which: pairs within a window, their counts, and what the counts say beyond chance."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, SettingError


class Pairs(NamedTuple):
    """Positions' pairs: the centre's id, the context's id, and how many words apart they stand (pairs,) each."""

    centers: Tensor
    contexts: Tensor
    distances: Tensor


class Counts(NamedTuple):
    """A sparse matrix (n_words, n_contexts): entries' rows and columns, int64, row by row, and values, float64."""

    rows: Tensor
    columns: Tensor
    values: Tensor
    shape: tuple[int, int]

    def dense(self) -> Tensor:
        """The whole matrix."""
        whole = torch.zeros(self.shape, dtype=self.values.dtype)
        whole[self.rows, self.columns] = self.values
        return whole


SIDES = ("both", "left", "right")


def window_pairs(ids: Tensor, lengths: Tensor, *, window: int, side: str = "both") -> Pairs:
    """Every pair of a centre and a context at most `window` words away, within a text.

    ids (words,) are texts end to end and lengths (texts,) how many words each has. A text of T words has
    2 m T - m (m + 1) pairs for a window m < T on both sides. `side` keeps contexts before the centre ("left") or after
    it ("right") alone. Pairs are in the order of centres, then of contexts.

    Source: Mikolov et al. 2013; Baker A180 (m = 2), Jaiswal J124 and J128.

    >>> pairs = window_pairs(torch.tensor([7, 8, 9]), torch.tensor([3]), window=1)
    >>> pairs.centers.tolist(), pairs.contexts.tolist()
    ([7, 8, 8, 9], [8, 7, 9, 8])
    """
    check_window(window, side)
    text = torch.arange(len(lengths)).repeat_interleave(lengths)
    place = torch.arange(len(ids))
    found = []
    for k in range(1, min(window, int(lengths.max()) - 1 if len(lengths) else 0) + 1):
        near = text[:-k] == text[k:]
        before, after = place[:-k][near], place[k:][near]
        if side != "right":
            found.append((after, before))
        if side != "left":
            found.append((before, after))
    if not found:
        empty = torch.zeros(0, dtype=torch.int64)
        return Pairs(empty, empty, empty)
    centers, contexts = (torch.cat(part) for part in zip(*found, strict=True))
    order = (centers * len(ids) + contexts).argsort()
    centers, contexts = centers[order], contexts[order]
    return Pairs(ids[centers].long(), ids[contexts].long(), (centers - contexts).abs())


def check_window(window: int, side: str = "both") -> None:
    """Refuses a window that holds no word beside its centre, and a side that is none."""
    if side not in SIDES:
        raise SettingError(f"side is one of {', '.join(SIDES)}; got {side!r}")
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise SettingError(f"window is a whole number of at least 1: words on each side that are looked at; {window!r}")


def cooccurrence(
    ids: Tensor, lengths: Tensor, *, n_words: int, window: int, side: str = "both", by_distance: str = "one"
) -> Counts:
    """N(w, c): how often c stands within the window around w.

    A pair counts 1 (`by_distance="one"`), or one over the words it is apart ("inverse", as GloVe weighs). On both sides
    the matrix is symmetric.

    Systems: cooccurrence-matrix
    Source: Jaiswal J124 (5.2.1 and 5.2.2); Pennington, Socher and Manning 2014 for the inverse distance.

    >>> counts = cooccurrence(torch.tensor([0, 1, 2]), torch.tensor([3]), n_words=3, window=2, by_distance="inverse")
    >>> counts.dense().tolist()
    [[0.0, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.0]]
    """
    if by_distance not in ("one", "inverse"):
        raise SettingError(f"by_distance is 'one' or 'inverse'; got {by_distance!r}")
    check_window(window, side)
    text = torch.arange(len(lengths)).repeat_interleave(lengths)
    parts = []
    for k in range(1, min(window, int(lengths.max()) - 1 if len(lengths) else 0) + 1):  # bounds what is held at once
        near = text[:-k] == text[k:]
        before, after = ids[:-k][near].long(), ids[k:][near].long()
        codes = [after * n_words + before] if side != "right" else []
        codes += [before * n_words + after] if side != "left" else []
        found, n = torch.cat(codes).unique(return_counts=True)
        parts.append((found, n.double() / (k if by_distance == "inverse" else 1)))
    return added(parts, (n_words, n_words))


def added(parts: list[tuple[Tensor, Tensor]], shape: tuple[int, int]) -> Counts:
    """The sum of sparse matrices, each as codes row * columns + column and values."""
    if not parts:
        nothing = torch.zeros(0, dtype=torch.int64)
        return Counts(nothing, nothing, torch.zeros(0, dtype=torch.float64), shape)
    codes, at = torch.cat([codes for codes, _ in parts]).unique(return_inverse=True)
    values = torch.zeros(len(codes), dtype=torch.float64).index_add_(0, at, torch.cat([v for _, v in parts]))
    return Counts(codes // shape[1], codes % shape[1], values, shape)


def ppmi(counts: Counts, *, shift: float = 1.0, smoothing: float = 1.0) -> Counts:
    """How much more often than by chance two words stand together, never below 0; entries of 0 are left out.

        PPMI(w, c) = max(0, ln [N(w, c) N / (N(w) N(c))] - ln shift),   N = sum of all N(w, c)

    `shift` k > 1 takes ln k off, as skip-gram with k negatives does in its optimum. `smoothing` a < 1 takes
    N(c)^a / sum N(c)^a for a context's share: rare contexts lose. Logarithms are natural: Jaiswal leaves the base open.

    Systems: ppmi
    Source: Jaiswal J125; Levy and Goldberg 2014 (shift); Levy, Goldberg and Dagan 2015 (a = 0.75).

    >>> at, n = torch.tensor([[0, 1, 1], [0, 0, 1]]), torch.tensor([1.0, 1.0, 2.0]).double()
    >>> counts = Counts(*at, n, (2, 2))
    >>> [round(v, 6) for v in ppmi(counts).dense().flatten().tolist()]
    [0.693147, 0.0, 0.0, 0.287682]
    """
    if not shift > 0 or not smoothing > 0:
        raise SettingError(f"shift and smoothing are above 0; got {shift} and {smoothing}")
    of_row = torch.zeros(counts.shape[0], dtype=torch.float64).index_add_(0, counts.rows, counts.values)
    of_column = torch.zeros(counts.shape[1], dtype=torch.float64).index_add_(0, counts.columns, counts.values)
    share = of_column.pow(smoothing)
    share = share / share.sum()
    pmi = (counts.values / (of_row[counts.rows] * share[counts.columns])).log() - math.log(shift)
    kept = pmi > 0
    return Counts(counts.rows[kept], counts.columns[kept], pmi[kept], counts.shape)


def term_document(ids: Tensor, lengths: Tensor, *, n_words: int) -> Counts:
    """N(w, d): how often word w stands in text d, a matrix (n_words, texts).

    >>> term_document(torch.tensor([0, 1, 0, 1]), torch.tensor([3, 1]), n_words=2).dense().tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    text = torch.arange(len(lengths)).repeat_interleave(lengths)
    codes, n = (ids.long() * max(len(lengths), 1) + text).unique(return_counts=True)
    return added([(codes, n.double())], (n_words, max(len(lengths), 1)))


def rarity(counts: Counts) -> Tensor:
    """ln(|D| / |{d : w in d}|) of each row of a term-document matrix (n_words,); 0 for words in no document.

    Source: Jaiswal J126 (unsmoothed; libraries add 1 here and there).

    >>> rarity(term_document(torch.tensor([0, 1, 0]), torch.tensor([2, 1]), n_words=2)).exp().tolist()
    [1.0, 2.0]
    """
    n = torch.bincount(counts.rows, minlength=counts.shape[0]).double()
    return torch.where(n > 0, (counts.shape[1] / n.clamp(min=1)).log(), 0.0)


def keep_probability(counts: Tensor, *, threshold: float) -> Tensor:
    """How likely an occurrence of each word is kept, so that frequent words are seen less (n_words,).

        min(1, sqrt(t / f) + t / f),   f = N(w) / N

    The paper has sqrt(t / f) alone; the authors' program, and everybody after it, adds t / f. A threshold of 0 keeps
    everything.

    Source: Mikolov et al. 2013, section 2.3, and its program.

    >>> [round(p, 6) for p in keep_probability(torch.tensor([75.0, 25.0]), threshold=0.25).tolist()]
    [0.910684, 1.0]
    """
    if threshold < 0:
        raise SettingError(f"a threshold of frequency is at least 0; got {threshold}")
    if not threshold:
        return torch.ones(len(counts), dtype=torch.float64)
    odds = threshold * counts.double().sum() / counts.double().clamp(min=1e-300)
    return (odds.sqrt() + odds).clamp(max=1.0)


def noise_distribution(counts: Tensor, *, power: float = 0.75) -> Tensor:
    """p(w) = N(w)^power / sum N^power: what negatives are drawn from (n_words,).

    Source: Mikolov et al. 2013 (power 3/4); Baker A183.

    >>> noise_distribution(torch.tensor([16.0, 1.0])).tolist()
    [0.8888888888888888, 0.1111111111111111]
    """
    if not len(counts) or not bool((counts > 0).all()):
        raise DataError("noise is drawn from words that were seen at least once; got a count of 0, or no words")
    raised = counts.double().pow(power)
    return raised / raised.sum()
