"""Curves as columns of plain numbers, thinned to what a page can show."""

import numpy as np

from ..functional.metrics import pr_curve, reliability_curve, roc_curve, threshold_curve
from ..functional.metrics.inputs import Floats

N_POINTS = 200

Curve = dict[str, list[float]]


def thinned(**columns: Floats) -> Curve:
    """At most N_POINTS points, the first and the last among them, evenly spread along the curve."""
    length = len(next(iter(columns.values())))
    keep = np.unique(np.linspace(0, length - 1, min(length, N_POINTS)).round().astype(int))
    return {name: np.asarray(values, dtype=np.float64)[keep].tolist() for name, values in columns.items()}


def binary_curves(truth: np.ndarray, probability: Floats, weight: Floats, *, n_bins: int) -> dict[str, Curve]:
    """ROC, precision-recall, threshold and calibration curves; those that one class alone cannot give are left out."""
    reliability = reliability_curve(truth, probability, n_bins=n_bins, sample_weight=weight)
    found = {
        "calibration": thinned(
            probability=reliability.probability, frequency=reliability.frequency, weight=reliability.weight
        )
    }
    counts, edges = np.histogram(probability, bins=np.linspace(0, 1, 21), weights=weight)
    found["score_histogram"] = {"edges": edges.tolist(), "weight": counts.tolist()}
    if not truth.any():
        return found
    by_threshold = threshold_curve(truth, probability, sample_weight=weight)
    found["threshold"] = thinned(
        threshold=by_threshold.thresholds,
        precision=by_threshold.precision,
        recall=by_threshold.recall,
        f1=by_threshold.f,
    )
    pr = pr_curve(truth, probability, sample_weight=weight)
    found["precision_recall"] = thinned(precision=pr.precision, recall=pr.recall)
    if not truth.all():
        roc = roc_curve(truth, probability, sample_weight=weight)
        found["roc"] = thinned(fpr=roc.fpr, tpr=roc.tpr)
    return found
