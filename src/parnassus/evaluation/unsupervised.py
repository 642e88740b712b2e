"""How good densities and clusterings are on rows that training has not seen, where no answers say so."""

from typing import Any

import numpy as np

from ..imports import imported
from .bootstrap import Bootstrap, Statistic, interval
from .result import Evaluation, Metric

Z = 1.959963984540054  # of a normal interval of 95 per cent
SILHOUETTE_ROWS = 2_000


def mean_of(
    name: str, values: np.ndarray, baseline: float | None, *, higher_is_better: bool, weight: np.ndarray | None = None
) -> Metric:
    """The mean of values (n,), each as it counts, with its normal interval, beside a baseline's.

    deviation of the mean = sqrt(n / (n - 1) sum w^2 (v - mean)^2) / sum w,   n rows that count
    """
    counts = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    mean, n = float(np.average(values, weights=counts)), int((counts > 0).sum())
    spread = float(np.square(counts * (values - mean)).sum()) ** 0.5 / float(counts.sum())
    half = Z * spread * (n / (n - 1)) ** 0.5 if n > 1 else None
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Metric(name, mean, low, high, baseline, higher_is_better)


def evaluate_density(log_p: np.ndarray, x: np.ndarray, *, weight: np.ndarray | None = None) -> Evaluation:
    """The mean log-density of rows x (n, d), beside that of independent Gaussians fitted on these rows themselves.

    `weight` is how much each row counts (n,), for both.
    """
    alone = independent_gaussians(x, weight)
    return _density(log_p, alone, "one Gaussian a column", weight)


def evaluate_chances(
    log_p: np.ndarray, x: np.ndarray, *, counted: bool, n_in_groups: int = 0, weight: np.ndarray | None = None
) -> Evaluation:
    """The mean log-chance of rows x (n, d) of units of 0 and 1, or of counts of words, beside that of independent ones.

    Of the last `n_in_groups` units, which are categories, one of each group is on.
    """
    if counted:
        return _density(log_p, independent_words(x, weight), "words on their own", weight)
    return _density(log_p, independent_units(x, weight, n_in_groups), "columns on their own", weight)


def _density(log_p: np.ndarray, alone: float | None, said: str, weight: np.ndarray | None) -> Evaluation:
    task: Any = "density"
    metric = mean_of("log_density", log_p, alone, higher_is_better=True, weight=weight)
    return Evaluation(task, [metric], len(log_p), f"{said}, fitted on these very rows")


def independent_units(x: np.ndarray, weight: np.ndarray | None, n_in_groups: int = 0) -> float:
    """The mean log-chance of rows x (n, d) of 0 and 1, each unit, or category, on as often as it is in them.

    >>> round(independent_units(np.array([[1.0, 0.0], [0.0, 0.0]]), None), 6)
    -0.693147
    """
    from scipy.special import xlogy

    p = np.average(x, axis=0, weights=weight)
    off = 1 - p[: len(p) - n_in_groups]
    return float(xlogy(p, p).sum() + xlogy(off, off).sum())


def independent_words(x: np.ndarray, weight: np.ndarray | None) -> float:
    """The mean log-chance of counts x (n, words), whatever their order, of words drawn as often as they are in them.

    >>> round(independent_words(np.array([[1.0, 1.0]]), None), 6)
    -0.693147
    """
    from scipy.special import gammaln, xlogy

    n = np.average(x, axis=0, weights=weight)
    orders = np.average(gammaln(x.sum(1) + 1) - gammaln(x + 1).sum(1), weights=weight)
    return float(xlogy(n, n / max(n.sum(), 1e-300)).sum() + orders)


def independent_gaussians(x: np.ndarray, weight: np.ndarray | None) -> float | None:
    """The mean log-density of rows x (n, d) by the likeliest Gaussian of each column; None where one does not vary."""
    variance = np.average(np.square(x - np.average(x, axis=0, weights=weight)), axis=0, weights=weight)
    if not (variance > 0).all():  # of a single row, or of one value: it would be infinitely sure
        return None
    return -0.5 * float(np.log(2 * np.pi * variance).sum() + x.shape[1])


def evaluate_sequences(
    log_p: np.ndarray, lengths: np.ndarray, frames: np.ndarray, *, weight: np.ndarray | None = None, seed: int = 0
) -> Evaluation:
    """The mean log-likelihood a frame of sequences, with a bootstrap interval over whole sequences.

    Beside it is that of a model without time, fitted on these very frames, which is generous to it: independent
    Gaussians for numbers, how often each symbol occurs for symbols. One sequence alone has no interval.

    Parameters
    ----------
    log_p, lengths : of each sequence (n,).
    frames : all of them end to end, (frames, features) numbers or (frames,) symbols.
    weight : how much each sequence counts (n,).
    """
    counts = np.ones(len(lengths)) if weight is None else np.asarray(weight, dtype=np.float64)
    each = np.repeat(counts, lengths)

    def a_frame(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"log_likelihood": (log_p @ weights) / (lengths @ weights)}

    point, replicates = Bootstrap(counts, seed=seed).run([Statistic(a_frame)])
    low, high = interval(replicates["log_likelihood"], 0.95) if len(lengths) > 1 else (None, None)
    if frames.ndim == 1:
        share = np.bincount(frames, each) / each.sum()
        alone: float | None = float((share[share > 0] * np.log(share[share > 0])).sum())
    else:
        alone = independent_gaussians(frames, each)
    task: Any = "hmm"
    said = "how often each symbol occurs" if frames.ndim == 1 else "one Gaussian a feature for all frames"
    metric = Metric("log_likelihood_a_frame", float(point["log_likelihood"]), low, high, alone, True)
    return Evaluation(task, [metric], len(lengths), f"{said}, fitted on these very sequences")


def evaluate_clusters(
    labels: np.ndarray, squares: np.ndarray | None, x: np.ndarray, *, seed: int, weight: np.ndarray | None = None
) -> Evaluation:
    """The mean silhouette of rows x (n, d), and their mean squared distance to the nearest center where there are some.

    The silhouette is (b - a) / max(a, b), a the mean distance to the own group and b to the nearest other: 1 is apart,
    0 is one group. Of more than 2,000 rows it is that of some of them. Every cloud can be cut into groups, so both
    numbers stand beside those of k-means with as many groups on one Gaussian cloud of the rows' mean and covariance.
    `weight` is how much each row counts (n,) in the means and in the cloud.

    Source: Rousseeuw 1987; the reference cloud after Tibshirani, Walther & Hastie 2001.
    """
    imported("sklearn.metrics")
    from sklearn.metrics import silhouette_samples

    task: Any = "clusters"
    n_groups = len(np.unique(labels))
    counts = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    silhouette, spread = cloud_cut(x, n_groups, counts, seed=seed)
    some = np.random.default_rng(seed).permutation(len(x))[:SILHOUETTE_ROWS]
    found: list[Metric] = []
    if 1 < len(np.unique(labels[some])) < len(some):
        each = silhouette_samples(x[some], labels[some])
        found.append(mean_of("silhouette", each, silhouette, higher_is_better=True, weight=counts[some]))
    if squares is not None:
        found.append(mean_of("mean_squared_distance", squares, spread, higher_is_better=False, weight=counts))
    sizes = np.bincount(labels)
    groups: list[dict[str, Any]] = [{"name": str(i), "rows": int(n)} for i, n in enumerate(sizes)]
    return Evaluation(task, found, len(x), f"k-means, {n_groups} groups, on one Gaussian cloud", by_class=groups)


def cloud_cut(x: np.ndarray, n_groups: int, counts: np.ndarray, *, seed: int) -> tuple[float, float]:
    """The silhouette and mean squared distance of k-means on a Gaussian cloud like x (n, d): on rows it did not see.

    `counts` is how much each row counts (n,).
    """
    imported("sklearn.cluster")
    from sklearn.cluster import KMeans

    imported("sklearn.metrics")
    from sklearn.metrics import silhouette_score

    generator, mean = np.random.default_rng(seed), np.average(x, axis=0, weights=counts)
    each = (x - mean) * np.sqrt(counts / counts.mean())[:, None]
    centred = each[generator.permutation(len(x))[:SILHOUETTE_ROWS]]
    draws = generator.normal(size=(2 * SILHOUETTE_ROWS, len(centred))) @ centred / len(centred) ** 0.5
    learned, unseen = np.split(draws, 2)
    n_groups = min(n_groups, len(np.unique(learned, axis=0)))
    fitted = KMeans(n_groups, n_init=3, random_state=seed).fit(learned)
    labels = fitted.predict(unseen)
    apart = float(silhouette_score(unseen, labels)) if 1 < len(np.unique(labels)) < len(unseen) else 0.0
    return apart, float(-fitted.score(unseen) / len(unseen))
