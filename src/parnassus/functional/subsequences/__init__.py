"""Windows of series: how far they are from a query, from each other, and what repeats."""

from .profiles import MatrixProfile, by_blocks, distance_profile, matrix_profile

__all__ = ["MatrixProfile", "by_blocks", "distance_profile", "matrix_profile"]
