"""Thresholds chosen on rows that were kept for it."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SettingError, did_you_mean
from ..functional.metrics import Counts, coordinate_thresholds, count_scores, threshold_counts
from ..functional.metrics.counts import fraction
from ..functional.metrics.inputs import Floats

ThresholdMetric = Literal["f1", "f0.5", "f2", "accuracy", "balanced_accuracy", "f1_micro"]

OBJECTIVES: dict[str, Callable[[Counts], Floats]] = {
    "f1": lambda c: count_scores(*c[:3]).f,
    "f0.5": lambda c: count_scores(*c[:3], beta=0.5).f,
    "f2": lambda c: count_scores(*c[:3], beta=2.0).f,
    "accuracy": lambda c: c.tp + c.tn,
    "balanced_accuracy": lambda c: fraction(c.tp, c.tp + c.fn) + fraction(c.tn, c.tn + c.fp),
}


def tune_threshold(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    metric: ThresholdMetric = "f1",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The threshold with the best metric under the rule score >= threshold: a number, or (L,) for labels (n, L).

    Every distinct decision on these rows is tried. Of equally good thresholds the lowest is taken, and it is put
    halfway to the score below it, since a new row's score falls between the seen ones. "f1_micro" (labels only)
    searches the vector of thresholds label by label for the pooled F1; all other metrics tune every label for itself.
    Tune on validation rows: on the training rows the threshold fits the noise, on the test rows the test is no test.

    Source: Hifny, sections 5.4.1 and 7.3.1 (0:A5.14, A7.6).

    Systems: threshold-tuning

    >>> round(tune_threshold([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.8]), 6)
    0.5
    """
    known = get_args(ThresholdMetric)
    if metric not in known:
        raise SettingError(f"a threshold cannot be tuned for {metric!r}; {did_you_mean(metric, known)}")
    truth, scores = np.asarray(y_true), np.asarray(score, dtype=np.float64)
    if metric == "f1_micro":
        if scores.ndim != 2:
            raise SettingError("'f1_micro' pools labels; for one score a row use 'f1'")
        chosen = coordinate_thresholds(truth, scores)
        return np.array([_halfway(np.unique(s), t) for s, t in zip(scores.T, chosen, strict=True)])
    if scores.ndim == 2:
        return np.array([_best(t, s, metric, sample_weight) for t, s in zip(truth.T, scores.T, strict=True)])
    return _best(truth, scores, metric, sample_weight)


def _best(truth: np.ndarray, score: Floats, metric: str, sample_weight: ArrayLike | None) -> float:
    found = np.unique(score)
    grid = np.append(found, np.nextafter(found[-1], np.inf))  # above them all: nothing is positive
    counts = threshold_counts(truth, score, grid, sample_weight=sample_weight)
    return _halfway(found, grid[np.argmax(OBJECTIVES[metric](counts))])


def _halfway(found: Floats, threshold: float) -> float:
    below = found[found < threshold]
    if not len(below) or threshold > found[-1]:
        return float(threshold)
    return float((below[-1] + threshold) / 2)


def tune_margin(
    margin: ArrayLike, above: ArrayLike, below: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """The threshold under which choosing by margin scores most: a row with margin > t scores `above`, else `below`.

    All three (n,). Every distinct decision on these rows is tried, halfway between two margins, and 0 too;
    of equally good thresholds the one nearest to 0 is taken.

    Source: Devlin et al. 2019, section 4.3 (the threshold of no answer, tuned on the development set).

    >>> tune_margin([-2.0, 1.0, 3.0], above=[0, 0, 1], below=[1, 1, 0])
    2.0
    """
    margins, gain = np.asarray(margin, np.float64), np.asarray(above, np.float64) - np.asarray(below, np.float64)
    gain = gain if sample_weight is None else gain * np.asarray(sample_weight, np.float64)
    found = np.unique(margins)
    cuts = np.concatenate([[0.0, found[0] - 1, found[-1] + 1], (found[1:] + found[:-1]) / 2])
    cuts = cuts[np.argsort(np.abs(cuts), kind="stable")]
    order = np.argsort(margins)
    rest = np.append(np.cumsum(gain[order][::-1])[::-1], 0.0)  # of all rows from the i-th margin on
    scores = rest[np.searchsorted(margins[order], cuts, side="right")]
    return float(cuts[np.argmax(np.round(scores, 9))])
