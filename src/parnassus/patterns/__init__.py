"""What series hold: stretches like a given one, stretches that repeat or stand out, changes, and groups of series."""

from .changes import Segments, segment_series
from .clusters import SeriesClusters, cluster_series
from .matching import Matches, match_pattern
from .repeats import Motifs, find_motifs

__all__ = [
    "Matches",
    "Motifs",
    "Segments",
    "SeriesClusters",
    "cluster_series",
    "find_motifs",
    "match_pattern",
    "segment_series",
]
