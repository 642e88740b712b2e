"""Vectors of words: by counting what stands near what, and by foretelling it."""

from .counts import (
    Counts,
    Pairs,
    cooccurrence,
    keep_probability,
    noise_distribution,
    ppmi,
    rarity,
    term_document,
    window_pairs,
)
from .factors import LSA, Factors, lsa, tfidf, truncated_svd
from .similarity import analogy_scores, nearest, similarities, unit_rows

__all__ = [
    "LSA",
    "Counts",
    "Factors",
    "Pairs",
    "analogy_scores",
    "cooccurrence",
    "keep_probability",
    "lsa",
    "nearest",
    "noise_distribution",
    "ppmi",
    "rarity",
    "similarities",
    "term_document",
    "tfidf",
    "truncated_svd",
    "unit_rows",
    "window_pairs",
]
