"""Patterns in series against brute force, scikit-learn and STUMPY."""

import numpy as np
import torch

from ..functional.subsequences import distance_profile, matrix_profile
from ..patterns import cluster_series
from . import check, gap, relative_gap


def a_walk(n: int, seed: int = 0) -> torch.Tensor:
    """A random walk (n,)."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=n).cumsum())


@check("pattern-matching", oracle="(closed form)", tolerance=1e-9)
def distance_profile_against_its_definition() -> float:
    """Distances by the Fourier transform against the norms of z-normalised differences."""
    series, query = a_walk(300).numpy(), a_walk(25, 1).numpy()
    rows = np.lib.stride_tricks.sliding_window_view(series, 25)
    shapes = (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
    expected = np.linalg.norm(shapes - (query - query.mean()) / query.std(), axis=1)
    return gap(distance_profile(torch.from_numpy(query), torch.from_numpy(series)), expected)


@check("motif-detection", oracle="stumpy", tolerance=1e-6)
def matrix_profile_against_stumpy() -> float:
    """The profile of a random walk of 2,000 steps against stumpy.stump."""
    import stumpy

    series = a_walk(2000)
    expected = stumpy.stump(series.numpy(), 40)[:, 0].astype(float)
    return gap(matrix_profile(series, 40).distance, expected)


@check("sequence-clustering", oracle="scikit-learn", tolerance=1e-9)
def clusters_against_scikit_learn() -> float:
    """The inertia of groups of z-normalised waves against KMeans on the same."""
    from sklearn.cluster import KMeans

    t, rng = np.linspace(0, 1, 50), np.random.default_rng(0)
    rows = [k * np.sin(2 * np.pi * f * t + rng.uniform(0, 0.4)) for f in (1, 2, 3) for k in (1, 4, 7)]
    shapes = np.stack([(r - r.mean()) / r.std() for r in rows])
    theirs = KMeans(3, n_init=10, random_state=0).fit(shapes).inertia_
    return relative_gap(cluster_series(rows, 3).inertia, theirs)
