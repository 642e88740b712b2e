"""How alike two vectors point."""

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .counts import fraction
from .inputs import Floats


def cosine_similarity(a: ArrayLike, b: ArrayLike) -> float | Floats:
    """A.B / (norm A norm B), from -1 to 1: a number for two vectors, (n, m) for matrices (n, d) and (m, d).

    A vector of zeros has no direction; its similarity to anything is 0. As a loss it is 1 minus this.

    Source: Baker, eq at L782 (1:A024, where the similarity itself is listed among the losses, F31) and section 7.2
    (1:A179); Jaiswal, section 5.2.2 (3:J127).

    Systems: cosine-similarity

    >>> round(cosine_similarity([1, 2, 3], [4, 5, 6]), 7)
    0.9746318
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape[-1:] != right.shape[-1:] or not left.ndim == right.ndim <= 2:
        raise DataError(f"shapes {left.shape} and {right.shape}; expected (d,) and (d,), or (n, d) and (m, d)")
    similarity = _unit(left) @ _unit(right).T
    return float(similarity) if left.ndim == 1 else similarity


def _unit(vectors: Floats) -> Floats:
    # Dividing by the largest entry first keeps the squares of very large or very small numbers finite.
    scaled = fraction(vectors, np.abs(vectors).max(-1, keepdims=True))
    return fraction(scaled, np.linalg.norm(scaled, axis=-1, keepdims=True))
