"""Data without a network: toy problems drawn from a seed, truth tables, and the digits that scikit-learn ships.

Every generator takes `seed`, a whole number or a NumPy generator to draw on with, and returns (X, y): X (rows, 2)
float64, y (rows,) int64.

Source: Martinez-Ramon, Ajith and Kurup, examples 3.1.3 and 3.1.6; Hifny A8.6.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from ..errors import SettingError, did_you_mean
from ..imports import imported

Random = np.random.Generator | np.random.RandomState
Sample = tuple[np.ndarray, np.ndarray]

GATES = {
    "and": lambda bits: bits.all(1),
    "or": lambda bits: bits.any(1),
    "xor": lambda bits: bits.sum(1) % 2 == 1,
    "nand": lambda bits: ~bits.all(1),
    "nor": lambda bits: ~bits.any(1),
    "xnor": lambda bits: bits.sum(1) % 2 == 0,
}


def truth_table(gate: str, *, n_inputs: int = 2) -> Sample:
    """Every input of a logic gate, counted upwards, and its output. "xor" of more than two inputs is their parity.

    >>> truth_table("xor")[1].tolist()
    [0, 1, 1, 0]
    """
    if gate not in GATES:
        raise SettingError(f"unknown gate {gate!r}; {did_you_mean(gate, GATES)}")
    bits = np.array(list(product((False, True), repeat=n_inputs)))
    return bits.astype(np.float64), GATES[gate](bits).astype(np.int64)


def xor_clusters(n_rows: int = 100, *, spread: float = 0.6, seed: int | Random = 0) -> Sample:
    """Four normal clusters of n_rows each, around (-1, -1), (-1, 1), (1, -1), (1, 1); labels 0, 1, 1, 0.

    With q = Q(1 / spread), Q the tail of the standard normal, the least possible error is 2 q (1 - q).

    Systems: xor-circle-toy-data
    Source: Martinez-Ramon, Ajith and Kurup, example 3.1.3 (numbers drawn with NumPy's RandomState(30)).
    """
    centers = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], dtype=np.float64)
    noise = spread * drawn_by(seed).standard_normal((2, 4 * n_rows))
    return noise.T + centers.repeat(n_rows, axis=0), np.repeat([0, 1, 1, 0], n_rows)


def rings(
    n_rows: int = 250, *, radii: Sequence[float] = (1.0, 0.8), spread: float = 0.05, seed: int | Random = 0
) -> Sample:
    """Points on noisy circles around the origin, n_rows a circle; the label is the circle's place in `radii`.

    The default two circles have the least possible error Q(2) = 0.02275 for spread 0.05.
    """
    generator = drawn_by(seed)
    parts = []
    for radius in radii:
        angle = 2 * np.pi * generator.random(n_rows)
        length = radius + spread * generator.standard_normal(n_rows)
        parts.append(np.stack([length * np.cos(angle), length * np.sin(angle)], 1))
    return np.concatenate(parts), np.repeat(np.arange(len(radii)), n_rows)


def circle(n_rows: int = 500, *, radius: float = 1.0, size: float = 2.0, seed: int | Random = 0) -> Sample:
    """Points spread evenly over a square of half-width `size`; label 1 inside the circle."""
    x = drawn_by(seed).random((n_rows, 2)) * 2 * size - size
    return x, (np.hypot(x[:, 0], x[:, 1]) < radius).astype(np.int64)


def blobs(
    n_rows: int = 100,
    *,
    centers: Sequence[Sequence[float]] = ((-2, 0), (2, 0), (0, 3)),
    spread: float = 1.0,
    seed: int | Random = 0,
) -> Sample:
    """Normal clusters of n_rows each, of one spread; the label is the cluster. X is (rows, len(centers[0]))."""
    middle = np.asarray(centers, dtype=np.float64)
    x = middle.repeat(n_rows, axis=0) + spread * drawn_by(seed).standard_normal((len(middle) * n_rows, middle.shape[1]))
    return x, np.repeat(np.arange(len(middle)), n_rows)


def digits() -> Sample:
    """1,797 handwritten digits as pictures: X uint8 (1797, 8, 8), y (1797,).

    scikit-learn's file counts ink from 0 to 16; here it is round(255 / 16 * ink), 0 to 255, from which round(16 / 255 *
    pixel) is the ink again.

    Systems: dataset-loaders
    Source: Martinez-Ramon, Ajith and Kurup, section 3.5.2.
    """
    bunch = imported("sklearn.datasets").load_digits()
    return np.rint(bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.int64)


def drawn_by(seed: int | Random) -> Random:
    """A generator of its own for a number; a generator as it is."""
    return np.random.default_rng(seed) if isinstance(seed, int | np.integer) else seed
