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
from .huffman import Paths, hierarchical_log_softmax, huffman_paths
from .learning import GloveTables, Learner, Noise, glove_sweep, noise_table
from .lookup import lookup, lookup_backward
from .losses import (
    GloveStep,
    Step,
    context_mean,
    glove_step,
    glove_weight,
    negative_sampling_step,
    softmax_step,
)
from .ngrams import character_ngrams, fnv1a, subword_rows
from .similarity import analogy_scores, nearest, similarities, unit_rows

__all__ = [
    "LSA",
    "Counts",
    "Factors",
    "GloveStep",
    "GloveTables",
    "Learner",
    "Noise",
    "Pairs",
    "Paths",
    "Step",
    "analogy_scores",
    "character_ngrams",
    "context_mean",
    "cooccurrence",
    "fnv1a",
    "glove_step",
    "glove_sweep",
    "glove_weight",
    "hierarchical_log_softmax",
    "huffman_paths",
    "keep_probability",
    "lookup",
    "lookup_backward",
    "lsa",
    "nearest",
    "negative_sampling_step",
    "noise_distribution",
    "noise_table",
    "ppmi",
    "rarity",
    "similarities",
    "softmax_step",
    "subword_rows",
    "term_document",
    "tfidf",
    "truncated_svd",
    "unit_rows",
    "window_pairs",
]
