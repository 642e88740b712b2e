"""Hidden Markov chains: the recursions as equations, their fast batched forms, and chains made of chains."""

from .composition import Chain, drawn_path, in_parallel, in_series, left_to_right
from .emitted import Emitted, gaussian_counts
from .recursions import Path, backward, filtered, forward, n_best, posteriors, viterbi
from .scans import Expectations, best_paths, expectations

__all__ = [
    "Chain",
    "Emitted",
    "Expectations",
    "Path",
    "backward",
    "best_paths",
    "drawn_path",
    "expectations",
    "filtered",
    "forward",
    "gaussian_counts",
    "in_parallel",
    "in_series",
    "left_to_right",
    "n_best",
    "posteriors",
    "viterbi",
]
