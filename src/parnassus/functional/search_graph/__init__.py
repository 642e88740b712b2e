"""Graphs of words made of units made of states, and what is searched and counted on them."""

from .composition import GraphBuilder, SearchGraph
from .recursions import Counts, Found, best_path, expected_counts, n_best_words
from .spotting import Spot, spelled_words, spotted

__all__ = [
    "Counts",
    "Found",
    "GraphBuilder",
    "SearchGraph",
    "Spot",
    "best_path",
    "expected_counts",
    "n_best_words",
    "spelled_words",
    "spotted",
]
