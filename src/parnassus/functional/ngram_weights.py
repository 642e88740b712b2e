"""How much each order of an interpolated n-gram model counts, found without rows of their own."""

import numpy as np

from .ngram_counts import Level

Floats = np.ndarray
HALVINGS = 50  # of the interval in which a weight lies


def left_out_weights(levels: list[Level], *, n_kinds: int, start: int | None = None) -> list[float]:
    """The weight of each level beside the shorter ones: the likeliest where each occurrence is foretold by the others.

    An occurrence is taken out of the counts before it is foretold, so that what was seen once has to be foretold by
    shorter contexts; a level's weight is found after those of the levels below it.

    Parameters
    ----------
    levels : of `count_ngrams`; n_kinds : how many ids there are to choose from; start : the id that is never said.

    Source: Jelinek and Mercer 1980 (deleted interpolation), the held-out part being one occurrence.
    """
    weights, lower = list[float](), np.full(len(levels[0].codes), 1 / n_kinds)
    for k, level in enumerate(levels, 1):
        counts = level.counts.astype(np.float64)
        if k == 1:
            if start is not None:
                counts[start] = 0
            others = np.full(len(counts), counts.sum() - 1)
        else:
            context = level.codes // len(levels[0].codes)
            others = np.bincount(context, weights=counts)[context] - 1
            lower = lower[level.suffixes]
        known = others > 0
        share = (counts - 1).clip(min=0) / np.where(known, others, 1.0)
        judged = known & (counts > 0)
        weights.append(likeliest_weight(share[judged], lower[judged], counts[judged]))
        lower = np.where(known, weights[-1] * share + (1 - weights[-1]) * lower, lower)
    return weights


def likeliest_weight(p: Floats, q: Floats, counts: Floats) -> float:
    """The w under which sum counts ln(w p + (1 - w) q) is most: the slope falls in w, so its root is halved out.

    At most n / (n + 1) of n occurrences, so that something is always left to q, which is above 0.

    >>> round(likeliest_weight(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([3.0, 1.0])), 6)
    0.5
    """
    low, high = 0.0, float(counts.sum() / (counts.sum() + 1))
    for _ in range(HALVINGS):
        w = (low + high) / 2
        rises = float((counts * (p - q) / (w * p + (1 - w) * q)).sum()) > 0
        low, high = (w, high) if rises else (low, w)
    return (low + high) / 2
