"""What an evaluation of ordered classes tells beside that of classes: how many classes off the answers are."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.inputs import Floats, Integers, row_weights
from .bootstrap import Bootstrap, interval
from .result import Evaluation, Metric
from .statistics import means


def with_rank_error(
    found: Evaluation,
    true: Integers,
    probability: Floats,
    *,
    prior: ArrayLike,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
) -> Evaluation:
    """An evaluation of classes with the mean absolute error of their ranks beside the accuracy, with its interval.

    true (n,) ranks, probability (n, K), lowest class first; the baseline answers the most frequent class.
    """
    weight = row_weights(sample_weight, len(true))
    away = {"rank_error": np.abs(probability.argmax(1) - true).astype(np.float64)}
    point, replicates = Bootstrap(weight, n_bootstrap, seed).run([means(away)])
    baseline = float(np.average(np.abs(int(np.argmax(prior)) - true), weights=weight))
    low, high = interval(replicates.get("rank_error"), found.confidence)
    metric = Metric("rank_error", float(point["rank_error"]), low, high, baseline, higher_is_better=False)
    metrics = [found.metrics[0], metric, *found.metrics[1:]]
    return replace(found, metrics=metrics, replicates={**found.replicates, **replicates})
