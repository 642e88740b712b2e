"""Mixtures by EM and k-means by Lloyd's iterations against scikit-learn: same rows, same start, same iterations.

Rows are 100,000 x 16, float32 (what a `Table` holds); scikit-learn is given them as float64 for EM, because ours adds
up in float64, and as float32 and float64 for k-means. Every fit runs a fixed number of iterations (tol=0).

Run: python benchmarks/bench_mixtures.py [--threads 2] [--repeats 5]
"""

import functools
import warnings

import numpy as np
import torch

import parnassus as pn
from harness import arguments, compare, installed
from parnassus import kernels
from parnassus.functional.nearest import lloyd_round

N, D, K, ITERATIONS = 100_000, 16, 16, 20


def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = rng.normal(0, 3, (K, D))
    return (centers[rng.integers(K, size=N)] + rng.normal(size=(N, D))).astype(np.float32)


def ours_em(X: np.ndarray, start: tuple, shape: str) -> None:
    model = pn.model("gmm", n_components=K, covariance_type=shape, means=start, tol=0.0)
    pn.Density(model, epochs=ITERATIONS, progress=False).fit(X)


def theirs_em(X: np.ndarray, start: np.ndarray, shape: str) -> None:
    from sklearn.mixture import GaussianMixture

    variance = X.var(0)
    full = np.stack([np.diag(1 / variance)] * K)
    precisions = full if shape == "full" else np.stack([1 / variance] * K)
    warnings.simplefilter("ignore")
    GaussianMixture(
        K,
        covariance_type=shape,
        means_init=start,
        weights_init=np.full(K, 1 / K),
        precisions_init=precisions,
        tol=0.0,
        max_iter=ITERATIONS,
        init_params="random_from_data",
    ).fit(X)


def ours_kmeans(X: np.ndarray, start: tuple) -> None:
    pn.Clusterer(pn.model("kmeans", n_clusters=K, centers=start, tol=0.0), epochs=ITERATIONS, progress=False).fit(X)


def our_rounds(X: np.ndarray, start: np.ndarray) -> None:
    """Lloyd's rounds and the last labels, without an estimator's checks, fingerprint and evaluation."""
    x, centers = torch.from_numpy(X), torch.from_numpy(start)
    origin = torch.from_numpy(X.mean(0, dtype=np.float64))
    centers = centers - origin
    for _ in range(ITERATIONS):
        found = lloyd_round(x, origin, None, centers, told=False)
        assert found is not None
        centers = found.sums / found.counts[:, None]
    lloyd_round(x, origin, None, centers)


def theirs_kmeans(X: np.ndarray, start: np.ndarray) -> None:
    from sklearn.cluster import KMeans

    warnings.simplefilter("ignore")
    KMeans(K, init=start, n_init=1, tol=0.0, max_iter=ITERATIONS, algorithm="lloyd").fit(X)


if __name__ == "__main__":
    args = arguments()
    X = rows()
    wide, start = X.astype(np.float64), X[:K].astype(np.float64)
    given = tuple(map(tuple, start.tolist()))
    for shape in ("diag", "full"):
        works = {"parnassus": functools.partial(ours_em, X, given, shape)}
        if installed("sklearn"):
            works["scikit-learn"] = functools.partial(theirs_em, wide, start, shape)
        compare(f"EM {shape} {N} x {D}, {K} components, {ITERATIONS} steps", works, ours="parnassus", args=args)
    works = {"parnassus": functools.partial(ours_kmeans, X, given)}
    if kernels.load("nearest") is not None:
        works["parnassus, rounds alone"] = functools.partial(our_rounds, X, start)
    if installed("sklearn"):
        works["scikit-learn float64"] = functools.partial(theirs_kmeans, wide, start)
        works["scikit-learn float32"] = functools.partial(theirs_kmeans, X, start.astype(np.float32))
    compare(f"k-means {N} x {D}, {K} clusters, {ITERATIONS} rounds", works, ours="parnassus", args=args)
