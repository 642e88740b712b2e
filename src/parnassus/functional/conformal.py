"""Split conformal prediction: scores of how strange an answer is, and the quantile of them that holds new ones.

Rows are exchangeable: those to calibrate on come from where the new ones come from, and no model has learned from
them. Then an answer lies in its interval or set with probability at least `level`, whatever the model.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, check_level


def conformal_rank(n_rows: int, level: float) -> int:
    """The place k = ceil((n + 1) level) of the wanted score among n in ascending order, counted from 1.

    Refused where k > n: then only the whole line would do.

    Source: Vovk, Gammerman and Shafer 2005; Lei et al. 2018, algorithm 2.

    >>> conformal_rank(99, 0.9), conformal_rank(9, 0.9)
    (90, 9)
    """
    check_level(level)
    rank = math.ceil((n_rows + 1) * level - 1e-9)  # 1e-9: 0.55 * 100 is 55.00000000000001
    if rank > n_rows:
        raise DataError(
            f"level {level} needs at least {least_rows(level)} rows to calibrate on, and there are {n_rows}; give more "
            "rows, or a lower level"
        )
    return rank


def least_rows(level: float) -> int:
    """The fewest rows with which a level can be held: ceil(level / (1 - level)).

    >>> least_rows(0.9), least_rows(0.95)
    (9, 19)
    """
    return math.ceil(level / (1 - level) - 1e-9)


def conformal_quantile(scores: ArrayLike, level: float) -> np.ndarray:
    """The score that a new one stays below with probability at least `level`: the k-th least, by column.

    scores (n,) or (n, columns) -> () or (columns,). Over draws of the n rows, the share of new scores at or below it is
    Beta(k, n + 1 - k) distributed where scores are continuous, so that its mean is k / (n + 1).

    Source: Lei et al. 2018, algorithm 2; the distribution: Vovk 2012, proposition 2a.
    """
    s = np.asarray(scores, dtype=np.float64)
    rank = conformal_rank(len(s), level)
    return np.partition(s, rank - 1, axis=0)[rank - 1]


def residual_scores(y: ArrayLike, predicted: ArrayLike, scale: ArrayLike = 1.0) -> np.ndarray:
    """|y - predicted| / scale: with a scale of 1 all intervals are equally wide, else as wide as the scale says.

    Source: Lei et al. 2018, section 2.2 and 5.2 (locally weighted).
    """
    return np.abs(np.asarray(y, dtype=np.float64) - np.asarray(predicted)) / np.asarray(scale)


def quantile_scores(y: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """max(low - y, y - high): how far y lies outside a given interval, negative inside.

    Source: Romano, Patterson and Candes 2019, eq. 6 (conformalised quantile regression).
    """
    y = np.asarray(y, dtype=np.float64)
    return np.maximum(np.asarray(low) - y, y - np.asarray(high))


def lac_scores(probability: ArrayLike) -> np.ndarray:
    """1 - p of every class (n, K): sets of it are the smallest on average, and may be empty.

    Source: Sadinle, Lei and Wasserman 2019 (least ambiguous classifiers).
    """
    return 1 - np.asarray(probability, dtype=np.float64)


def aps_scores(probability: ArrayLike) -> np.ndarray:
    """The probability of every class and of all likelier ones together (n, K): sets that grow where rows are hard.

    Without the random share of the last class, so that equal rows have equal sets.

    Source: Romano, Sesia and Candes 2020, eq. 5 to 7 with u = 1.

    >>> aps_scores([[0.2, 0.5, 0.3]]).round(2).tolist()
    [[1.0, 0.5, 0.8]]
    """
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(p, order, 1), 1)
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, total, 1)
    return scores
