"""How well neighbours in a space of features share a label: what a search by example gives."""

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .inputs import Floats


def recall_at(
    features: ArrayLike,
    labels: ArrayLike,
    ks: ArrayLike = (1, 5, 10),
    *,
    gallery: tuple[ArrayLike, ArrayLike] | None = None,
) -> dict[int, float]:
    """For each k the share of queries with one of their own label among their k nearest neighbours, by the cosine.

        R@k = 1/n sum over i of [ y_i in { y_j : j among the k rows of greatest cos(f_i, f_j) } ]

    features : (n, d), a row a query. labels : (n,).
    gallery : the (m, d) features and (m,) labels that are searched; None searches the queries' own, each without
        itself. Of equal neighbours the first comes first.

    Source: Jegou, Douze and Schmid 2011; the convention of metric learning (Oh Song et al. 2016).

    >>> recall_at([[1, 0], [0.9, 0.1], [0, 1], [0.8, 0.3]], ["a", "a", "a", "b"], (1, 2, 3))
    {1: 0.5, 2: 0.75, 3: 0.75}
    """
    queries, names = _rows(features, labels, "queries")
    rows, known = (queries, names) if gallery is None else _rows(*gallery, "the gallery")
    counts = [int(k) for k in np.atleast_1d(np.asarray(ks))]
    most = len(rows) - (gallery is None)
    if not counts or min(counts) < 1 or max(counts) > most:
        raise DataError(f"k is from 1 to {most}, the rows that are searched; got {counts}")
    if rows.shape[1] != queries.shape[1]:
        raise DataError(f"queries have {queries.shape[1]} features and the gallery {rows.shape[1]}")
    likeness = queries @ rows.T
    if gallery is None:
        np.fill_diagonal(likeness, -np.inf)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, : max(counts)]
    right = np.maximum.accumulate(known[order] == names[:, None], axis=1)
    return {k: float(right[:, k - 1].mean()) for k in counts}


def _rows(features: ArrayLike, labels: ArrayLike, what: str) -> tuple[Floats, np.ndarray]:
    """Features of length 1, and labels; rows without a direction are refused."""
    rows, names = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if rows.ndim != 2 or names.shape != (len(rows),) or not len(rows):
        raise DataError(f"{what}: features are (n, d) with n labels; got {rows.shape} and {names.shape}")
    length = np.linalg.norm(rows, axis=1)
    strange = np.flatnonzero(~np.isfinite(length) | (length == 0))
    if len(strange):
        raise DataError(f"{what}: row {strange[0]} is all 0, or holds NaN or infinity; it has no direction")
    return rows / length[:, None], names
