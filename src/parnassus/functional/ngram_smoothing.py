"""From counts of n-grams to probabilities: estimates, discounts, interpolation and back-off, all by sorted codes.

A model holds ln p of every n-gram that it has, and for every context what the words that were not seen after it get:
a factor on the probability after the shorter context ("back_off"), or a probability of their own ("floor").
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..errors import SettingError, did_you_mean
from .ngram_counts import Ids, Level, count_ngrams, places
from .ngram_weights import left_out_weights

Floats = np.ndarray
FALLBACK = (0.5, 1.0, 1.5)  # discounts of counts 1, 2 and more, where counts of counts give none
LARGEST = 5  # counts above are trusted by Good-Turing


@dataclass
class NGramModel:
    """ln p(id | the last order - 1 ids) over rows of ids.

    levels : the n-grams held; log_p : of each, by level; log_back : of each as a context, by level but the last.
    beyond : "back_off" or "floor"; see the top of this file. n_kinds : how many ids there are to choose from.
    start : the id that every row begins with and that is never said; None where rows begin with what is said.
    fallbacks : levels whose counts were too few to estimate discounts from.
    """

    levels: list[Level]
    log_p: list[Floats]
    log_back: list[Floats]
    n_kinds: int
    start: int | None = None
    beyond: str = "back_off"
    fallbacks: list[int] = field(default_factory=list)

    @property
    def order(self) -> int:
        """Ids that are looked at together."""
        return len(self.levels)

    def log_probs(self, ids: Ids, lengths: Ids) -> Floats:
        """ln p of each id of rows that lie end to end; 0 for the start of a row where rows have one."""
        ids = ids.astype(np.int64)
        within = np.arange(len(ids)) - np.repeat(lengths.cumsum() - lengths, lengths)
        at = places(self.levels, ids, lengths)
        found = self.log_p[0][ids].copy()
        for k in range(2, self.order + 1):
            context = np.concatenate([[-1], at[k - 2][:-1]])
            context[within < k - 1] = -1
            known = context >= 0
            back = np.zeros(len(ids))
            back[known] = self.log_back[k - 2][context[known]]
            if self.beyond == "floor":
                back = np.where(known, back, -np.log(self.n_kinds))
                found = np.where(within >= k - 1, back, found)
            else:
                found = found + back
            held = at[k - 1] >= 0
            found[held] = self.log_p[k - 1][at[k - 1][held]]
        if self.start is not None:
            found[within == 0] = 0.0
        return found

    def following(self, context: Ids) -> Floats:
        """ln p of every id (n_ids,) after the ids of a context."""
        context = np.asarray(context, dtype=np.int64)[max(len(context) - self.order + 1, 0) :]
        n_ids = len(self.levels[0].codes)
        found = self.log_p[0].copy()
        for k in range(2, len(context) + 2):
            place = self._place(context[len(context) - k + 1 :])
            if self.beyond == "floor":
                found[np.isfinite(found)] = -np.log(self.n_kinds) if place < 0 else self.log_back[k - 2][place]
            elif place >= 0:
                found = found + self.log_back[k - 2][place]
            if place >= 0:
                first, end = np.searchsorted(self.levels[k - 1].codes, [place * n_ids, (place + 1) * n_ids])
                found[self.levels[k - 1].codes[first:end] % n_ids] = self.log_p[k - 1][first:end]
        return found

    def _place(self, ids: Ids) -> int:
        place, n_ids = int(ids[0]), len(self.levels[0].codes)
        for level, last in zip(self.levels[1:], ids[1:].tolist(), strict=False):
            place = int(level.find(np.array([place * n_ids + last]))[0]) if place >= 0 else -1
        return place


def contexts_of(level: Level, n_ids: int) -> Ids:
    """The place of each n-gram's first ids among the shorter n-grams."""
    return level.codes // n_ids


def totals(level: Level, values: Floats, n_ids: int, n_contexts: int) -> Floats:
    """Sums of values over the n-grams of each context."""
    return np.bincount(contexts_of(level, n_ids), values, minlength=n_contexts)


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(x)


def _spoken(levels: list[Level], start: int | None) -> Floats:
    """1 for ids that may be said, 0 for the start."""
    spoken = np.ones(len(levels[0].codes))
    if start is not None:
        spoken[start] = 0
    return spoken


def maximum_likelihood(levels: list[Level], *, start: int | None = None) -> NGramModel:
    """p(w | c) = C(c w) / C(c); C(c) counts the context wherever it stands. After a context never seen, a shorter one.

    Systems: ngram-lm
    Source: Hifny eqs. 11.9 to 11.11.
    """
    model = lidstone(levels, k=0.0, start=start)
    model.beyond = "back_off"  # to 0 after contexts that were seen
    return model


def lidstone(levels: list[Level], *, k: float = 1.0, start: int | None = None) -> NGramModel:
    """p(w | c) = (C(c w) + k) / (C(c) + k V); after a context never seen 1 / V. k = 1 is Laplace's.

    Systems: laplace-smoothing-lm
    Source: Hifny eq. 11.12; Lidstone 1920.
    """
    spoken, n_ids = _spoken(levels, start), len(levels[0].codes)
    n_kinds = int(spoken.sum())
    first = levels[0].counts * spoken
    log_p = [_log((first + k) * spoken / max(first.sum() + k * n_kinds, 1e-300))]
    log_back = []
    for shorter, level in pairwise(levels):
        whole = shorter.counts + k * n_kinds
        log_p.append(_log((level.counts + k) / whole[contexts_of(level, n_ids)]))
        seen = np.where(shorter.counts > 0, k / np.maximum(whole, 1e-300), 1 / n_kinds)
        log_back.append(np.where(shorter.counts > 0, _log(seen), 0.0 if k == 0 else _log(seen)))
    return NGramModel(levels, log_p, log_back, n_kinds, start, "floor")


Discount = Callable[[Floats, int], tuple[Floats, bool]]


def _interpolated(levels: list[Level], adjusted: list[Floats], discount: Discount, start: int | None) -> NGramModel:
    """p(w | c) = max(a(c w) - d, 0) / sum a(c .) + (what the discounts left) p(w | shorter c); 1 / V below all."""
    spoken, n_ids = _spoken(levels, start), len(levels[0].codes)
    n_kinds, fallbacks = int(spoken.sum()), list[int]()
    log_p, log_back = list[Floats](), list[Floats]()
    lower = spoken / n_kinds
    for k, (level, a) in enumerate(zip(levels, adjusted, strict=True), 1):
        taken, fell_back = discount(a, k)
        taken = np.minimum(taken, a)
        if fell_back:
            fallbacks.append(k)
        if k == 1:
            everything = max(float(a.sum()), 1e-300)
            lower = (a - taken) / everything + taken.sum() / everything * lower
        else:
            context, n = contexts_of(level, n_ids), len(levels[k - 2].codes)
            whole = totals(level, a, n_ids, n)
            left = np.where(whole > 0, totals(level, taken, n_ids, n) / np.maximum(whole, 1e-300), 1.0)
            lower = (a - taken) / np.maximum(whole, 1e-300)[context] + left[context] * lower[level.suffixes]
            log_back.append(_log(left))
        log_p.append(_log(lower))
    return NGramModel(levels, log_p, log_back, n_kinds, start, fallbacks=fallbacks)


def interpolation(levels: list[Level], *, weight: float | None = None, start: int | None = None) -> NGramModel:
    """p(w | c) = weight c(c w) / c(c .) + (1 - weight) p(w | shorter c), 1 / V below all; `left_out_weights` if None.

    Source: Jelinek and Mercer 1980.
    """
    if weight is not None and not 0 < weight < 1:
        raise SettingError(f"a weight is between 0 and 1; got {weight}")
    n_kinds = int(_spoken(levels, start).sum())
    weights = [weight] * len(levels) if weight else left_out_weights(levels, n_kinds=n_kinds, start=start)
    return _interpolated(levels, _raw(levels, start), lambda a, k: ((1 - weights[k - 1]) * a, False), start)


def _raw(levels: list[Level], start: int | None) -> list[Floats]:
    return [levels[0].counts * _spoken(levels, start), *(level.counts.astype(np.float64) for level in levels[1:])]


def counts_of_counts(a: Floats, n: int) -> Floats:
    """How many n-grams occur once, twice, ... n times.

    >>> counts_of_counts(np.array([1, 1, 2, 5.0, 0]), 3).tolist()
    [2, 1, 0]
    """
    return np.array([int((a == r).sum()) for r in range(1, n + 1)])


def absolute_discount(levels: list[Level], *, discount: float | None = None, start: int | None = None) -> NGramModel:
    """One discount for all counts of a level, D = n1 / (n1 + 2 n2), what is left shared by the shorter context.

    Source: Ney, Essen and Kneser 1994.
    """
    return _interpolated(levels, _raw(levels, start), _single(discount), start)


def _single(given: float | None) -> Discount:
    if given is not None and not 0 < given < 1:
        raise SettingError(f"a discount is between 0 and 1; got {given}")

    def discount(a: Floats, _: int) -> tuple[Floats, bool]:
        n1, n2 = counts_of_counts(a, 2)
        few = given is None and not (n1 and n2)
        d = given if given is not None else FALLBACK[0] if few else n1 / (n1 + 2 * n2)
        return np.where(a > 0, d, 0.0), few

    return discount


def modified_discounts(a: Floats) -> tuple[tuple[float, float, float], bool]:
    """Discounts of counts 1, 2, and 3 or more, and whether counts of counts were too few to say.

    Y = n1 / (n1 + 2 n2); D_r = r - (r + 1) Y n_{r+1} / n_r.

    Source: Chen and Goodman 1999.
    """
    n = counts_of_counts(a, 4)
    if not n.all():
        return FALLBACK, True
    y = n[0] / (n[0] + 2 * n[1])
    d = [r - (r + 1) * y * n[r] / n[r - 1] for r in (1, 2, 3)]
    if not all(0 <= x <= r for x, r in zip(d, (1, 2, 3), strict=True)):
        return FALLBACK, True
    return (d[0], d[1], d[2]), False


def continuation_counts(levels: list[Level], start: int | None) -> list[Floats]:
    """What Kneser-Ney counts: below the highest order, how many different ids an n-gram follows.

    An n-gram that begins with the start of a row follows nothing and keeps its count.
    """
    spoken, n_ids = _spoken(levels, start), len(levels[0].codes)
    found, first = list[Floats](), np.arange(n_ids)
    for k, level in enumerate(levels, 1):
        first = first if k == 1 else first[contexts_of(level, n_ids)]
        if k == len(levels):
            found.append(level.counts.astype(np.float64))
            continue
        kinds = np.bincount(levels[k].suffixes, minlength=len(level.codes)).astype(np.float64)
        found.append(np.where(first == start, level.counts, kinds) if start is not None else kinds)
    found[0] = found[0] * spoken
    return found


def kneser_ney(levels: list[Level], *, discount: float | None = None, start: int | None = None) -> NGramModel:
    """Interpolated Kneser-Ney: one discount a level, and shorter contexts count kinds instead of times.

    Systems: kneser-ney
    Source: Kneser and Ney 1995, interpolated as in Chen and Goodman 1999; Hifny A11.11 names it.
    """
    return _interpolated(levels, continuation_counts(levels, start), _single(discount), start)


def modified_kneser_ney(levels: list[Level], *, start: int | None = None) -> NGramModel:
    """Interpolated Kneser-Ney with three discounts a level, for counts of 1, 2 and more.

    Source: Chen and Goodman 1999; Heafield et al. 2013, whose conventions at the start of a row and below single ids
    (a share of 1 / V for each, the unknown one among them) are taken.
    """

    def discount(a: Floats, _: int) -> tuple[Floats, bool]:
        by_count, few = modified_discounts(a)
        return np.array([0.0, *by_count])[np.minimum(a, 3).astype(np.int64)], few

    return _interpolated(levels, continuation_counts(levels, start), discount, start)


def witten_bell(levels: list[Level], *, start: int | None = None) -> NGramModel:
    """p(w | c) = (C(c w) + N(c) p(w | shorter c)) / (C(c) + N(c)), N(c) being how many kinds of ids follow c.

    Source: Witten and Bell 1991, method C.
    """
    spoken, n_ids = _spoken(levels, start), len(levels[0].codes)
    n_kinds, a = int(spoken.sum()), _raw(levels, start)
    total, kinds = a[0].sum(), (a[0] > 0).sum()
    lower = (a[0] + kinds * spoken / n_kinds) / max(total + kinds, 1)
    log_p, log_back = [_log(lower)], list[Floats]()
    for k in range(1, len(levels)):
        context, n = contexts_of(levels[k], n_ids), len(levels[k - 1].codes)
        whole, kinds = totals(levels[k], a[k], n_ids, n), np.bincount(context, minlength=n)
        left = np.where(whole > 0, kinds / np.maximum(whole + kinds, 1), 1.0)
        lower = a[k] / (whole + kinds)[context] + left[context] * lower[levels[k].suffixes]
        log_p.append(_log(lower))
        log_back.append(_log(left))
    return NGramModel(levels, log_p, log_back, n_kinds, start)


def good_turing_slope(counts: Floats) -> tuple[float, float]:
    """Intercept and slope of ln Z_r over ln r, Z_r = 2 N_r / (t - q): counts of counts over the gap they stand in.

    q and t are the counts before and after r that occur; at the ends q = 0 and t = 2 r - q.

    Source: Gale and Sampson 1995; Church and Gale 1991 for the averaging.
    """
    r, n = np.unique(counts[counts > 0], return_counts=True)
    before = np.concatenate([[0], r[:-1]])
    after = np.concatenate([r[1:], [2 * r[-1] - before[-1]]])
    x, y = np.log(r), np.log(2 * n / (after - before))
    if len(r) < 2:
        return float(y[0]), -2.0
    slope = ((x - x.mean()) * (y - y.mean())).sum() / np.square(x - x.mean()).sum()
    return float(y.mean() - slope * x.mean()), float(slope)


def good_turing_counts(counts: Floats) -> Floats:
    """Re-estimated counts r* = (r + 1) E[N_{r+1}] / E[N_r] = r (1 + 1 / r)^(b + 1), with E[N_r] = e^a r^b.

    The straight line stands for counts of counts, which are 0 or noise for large r. Counts above 5 stay as they are,
    and so do all where the slope b is not below -1, as the line then says nothing of what was not seen.

    Source: Good 1953; Gale and Sampson 1995 ("linear Good-Turing"); Katz 1987 for the 5.
    """
    _, slope = good_turing_slope(counts)
    if slope >= -1:
        return counts
    r = np.maximum(counts, 1)
    return np.where((counts > 0) & (counts <= LARGEST), r * (1 + 1 / r) ** (slope + 1), counts)


def good_turing(levels: list[Level], *, start: int | None = None) -> NGramModel:
    """Katz's back-off: seen n-grams have the share of their re-estimated counts, the rest goes to the shorter context.

    p(w | c) = r* / C(c) where c w was seen; else what is left, shared as p(w | shorter c) over the ids not seen.

    Systems: good-turing
    Source: Katz 1987; Hifny A11.11 names it.
    """
    spoken, n_ids = _spoken(levels, start), len(levels[0].codes)
    n_kinds, raw = int(spoken.sum()), _raw(levels, start)
    log_p, log_back, fallbacks = list[Floats](), list[Floats](), list[int]()
    for k, (level, a) in enumerate(zip(levels, raw, strict=True), 1):
        lower = spoken / n_kinds if k == 1 else np.exp(log_p[-1])[level.suffixes]
        context, n = (
            (np.zeros(n_ids, dtype=np.int64), 1) if k == 1 else (level.codes // n_ids, len(levels[k - 2].codes))
        )
        whole = np.bincount(context, a, minlength=n)
        kept = good_turing_counts(a)
        if (kept == a).all() and (a > 0).any():
            fallbacks.append(k)
            kept = np.where(a > 0, a - FALLBACK[0], 0)
        p = kept / np.maximum(whole, 1e-300)[context]
        reached = np.bincount(context, np.where(a > 0, lower, 0), minlength=n)
        full = reached > 1 - 1e-9  # every id was seen after it: nothing is left to share
        p = np.where(full[context], p / np.maximum(np.bincount(context, p, minlength=n), 1e-300)[context], p)
        left = np.where(full, 0, 1 - np.bincount(context, p, minlength=n)) / np.where(full, 1, 1 - reached)
        left = np.where(whole > 0, left, 1.0)
        if k == 1:
            p = np.where(a > 0, p, left[0] * lower)
        else:
            log_back.append(_log(left))
        log_p.append(_log(p))
    return NGramModel(levels, log_p, log_back, n_kinds, start, fallbacks=fallbacks)


SMOOTHINGS: dict[str, Callable[..., NGramModel]] = {
    "mle": maximum_likelihood,
    "laplace": lidstone,
    "lidstone": lidstone,
    "good_turing": good_turing,
    "witten_bell": witten_bell,
    "interpolation": interpolation,
    "absolute": absolute_discount,
    "kneser_ney": kneser_ney,
    "modified_kneser_ney": modified_kneser_ney,
}


def ngram_model(
    ids: Ids, lengths: Ids, order: int, *, n_ids: int, smoothing: str = "modified_kneser_ney", start: int | None = None,
    **options: float,
) -> NGramModel:  # fmt: skip
    """The model of rows of ids that lie end to end; `smoothing` is a key of `SMOOTHINGS`, options are its own.

    >>> model = ngram_model(np.array([1, 2, 1, 3]), np.array([2, 2]), 2, n_ids=4, smoothing="mle")
    >>> np.exp(model.following([1])).round(3).tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    if smoothing not in SMOOTHINGS:
        raise SettingError(f"smoothing={smoothing!r}; {did_you_mean(smoothing, SMOOTHINGS)}")
    return SMOOTHINGS[smoothing](count_ngrams(ids, lengths, order, n_ids=n_ids), start=start, **options)
