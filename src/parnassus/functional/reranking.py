"""The choice among several texts by what each is expected to be worth, in place of the likeliest alone."""

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DataError
from .metrics.translation import chrf


def chrf_gain(said: str, due: str) -> float:
    """chrF of one text against another, from 0 to 1."""
    return chrf([said], [due]) / 100


def minimum_risk(
    texts: Sequence[str], log_p: Sequence[float], *, gain: Callable[[str, str], float] = chrf_gain
) -> list[tuple[str, float]]:
    """Each text with its expected gain, the best first: sum_j p_j gain(text, text_j), p the softmax of log_p.

    A text that is like many likely ones beats one that is likely and like none. Equal texts count together.

    Source: Kumar and Byrne 2004; Goel and Byrne 2000.

    >>> minimum_risk(["ab", "ba", "bb"], [-0.7, -1.2, -1.2], gain=lambda a, b: float(a[1] == b[1]))[0][0]
    'ab'
    """
    if len(texts) != len(log_p) or not len(texts):
        raise DataError(f"{len(texts)} texts and {len(log_p)} values of ln p; give one of each, and one at least")
    z = np.array(log_p, dtype=np.float64)
    share = np.exp(z - z.max())
    share /= share.sum()
    found: dict[str, float] = {}
    for text in texts:
        found.setdefault(text, float(sum(p * gain(text, other) for p, other in zip(share, texts, strict=True))))
    return sorted(found.items(), key=lambda pair: -pair[1])
