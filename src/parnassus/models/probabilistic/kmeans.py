"""k-means: all rows at a time, or small batches."""

from typing import get_args

from ...errors import SettingError, did_you_mean
from ...objectives.probabilistic.clusters import Init, Lloyd, MiniBatchKMeans
from ...registry import model


@model.register("clusterer")
def kmeans(
    *,
    in_features: int,
    n_clusters: int = 8,
    n_init: int = 1,
    tol: float = 1e-4,
    init: Init = "k-means++",
    centers: tuple[tuple[float, ...], ...] = (),
) -> Lloyd:
    """k-means by Lloyd's iterations from k-means++ seeds; an empty cluster takes the farthest row.

    Parameters
    ----------
    n_clusters : how many centers.
    n_init : how many starts are trained, side by side; the one of least inertia is kept.
    tol : training ends when the centers' squared moves sum to no more than this share of the columns' mean variance.
    init : how first centers are drawn: "k-means++" or "random" rows.
    centers : first centers, a tuple for each, in place of `init`.
    """
    _check("kmeans", n_clusters, n_init, init)
    if not tol >= 0:
        raise SettingError(f"model 'kmeans': tol is 0 or more; got {tol!r}")
    return Lloyd(in_features, n_clusters, n_runs=n_init, tol=tol, init=init, centers=centers)


@model.register("clusterer")
def minibatch_kmeans(
    *,
    in_features: int,
    n_clusters: int = 8,
    init: Init = "k-means++",
    centers: tuple[tuple[float, ...], ...] = (),
) -> MiniBatchKMeans:
    """k-means by small batches, for many rows: a few passes, each center the running mean of its rows."""
    _check("minibatch_kmeans", n_clusters, 1, init)
    return MiniBatchKMeans(in_features, n_clusters, init=init, centers=centers)


def _check(name: str, n_clusters: int, n_init: int, init: str) -> None:
    if n_clusters < 1 or n_init < 1:
        raise SettingError(f"model {name!r}: n_clusters and n_init are 1 or more; got {n_clusters} and {n_init}")
    if init not in get_args(Init):
        raise SettingError(f"model {name!r}: no init {init!r}; {did_you_mean(init, get_args(Init))}")
