"""The threshold that turns a score into a decision: curves over it, the best one, and a vector of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .counts import Counts, count_scores
from .inputs import Floats, indicator, row_weights


class ThresholdCurve(NamedTuple):
    """Precision, recall and F-beta of the rule score >= threshold, at rising thresholds."""

    thresholds: Floats
    precision: Floats
    recall: Floats
    f: Floats


def threshold_counts(
    y_true: ArrayLike, score: ArrayLike, thresholds: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Counts:
    """TP, FP, FN and TN of the rule score >= threshold, for every threshold at once (one sort, one search)."""
    true, scores = indicator(y_true, score)
    weight = row_weights(sample_weight, len(true))
    order = np.argsort(scores, kind="stable")
    below = np.searchsorted(scores[order], np.asarray(thresholds, dtype=np.float64), side="left")
    fn = np.append(0.0, np.cumsum((weight * true)[order]))
    tn = np.append(0.0, np.cumsum((weight * ~true)[order]))
    return Counts(fn[-1] - fn[below], tn[-1] - tn[below], fn[below], tn[below])


def threshold_curve(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    thresholds: ArrayLike | None = None,
    beta: float = 1.0,
    sample_weight: ArrayLike | None = None,
) -> ThresholdCurve:
    """Precision, recall and F-beta against the threshold; 0/0 is 0.

    Without `thresholds` every distinct score is one: no decision rule on these rows is left out. With none of the rows
    below the threshold, F1 is 2 r / (1 + r), r being the share of positives.

    Source: Hifny, section 5.4.1 and Listing 5.2 (0:A5.14; in its Table 5.2 the F1 of
    precision .90 and recall .65 is .75, not .76, F17).

    Systems: threshold-tuning
    """
    grid = np.unique(np.asarray(score if thresholds is None else thresholds, dtype=np.float64))
    tp, fp, fn, _ = threshold_counts(y_true, score, grid, sample_weight=sample_weight)
    return ThresholdCurve(grid, *count_scores(tp, fp, fn, beta=beta))


def best_threshold(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    thresholds: ArrayLike | None = None,
    beta: float = 1.0,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The lowest threshold with the greatest F-beta. Choose it on validation rows, and report on others.

    Systems: threshold-tuning

    >>> best_threshold([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], thresholds=[0.2, 0.5, 0.9])
    0.2
    """
    curve = threshold_curve(y_true, score, thresholds=thresholds, beta=beta, sample_weight=sample_weight)
    return float(curve.thresholds[np.argmax(curve.f)])


def coordinate_thresholds(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    thresholds: ArrayLike | None = None,
    beta: float = 1.0,
    n_rounds: int = 100,
) -> Floats:
    """One threshold a label (L,), which no change of a single one improves for the pooled (micro) F-beta.

    y_true and score are (n, L). A joint search is exponential in L, so one threshold moves at a time, with the counts
    of the others fixed, from the labels' own best thresholds, until a round moves none. Candidates are `thresholds`, or
    each label's distinct scores and one above them all. Pooled F-beta never falls on the way.

    Source: Hifny, section 7.3.1, eq 7.7 (0:A7.6).

    Systems: threshold-tuning
    """
    truth, scores = np.asarray(y_true), np.asarray(score, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise DataError(f"y_true is {truth.shape} and score {scores.shape}; expected one shape (n, n_labels)")
    grids = [_candidates(column, thresholds) for column in scores.T]
    counts = [threshold_counts(t, s, g) for t, s, g in zip(truth.T, scores.T, grids, strict=True)]
    place = [int(np.argmax(count_scores(c.tp, c.fp, c.fn, beta=beta).f)) for c in counts]
    total = np.array([[c.tp[i], c.fp[i], c.fn[i]] for c, i in zip(counts, place, strict=True)]).sum(0)
    for _ in range(n_rounds):
        moved = False
        for label, (c, i) in enumerate(zip(counts, place, strict=True)):
            others = total - np.array([c.tp[i], c.fp[i], c.fn[i]])
            f = count_scores(*(o + a for o, a in zip(others, c[:3], strict=True)), beta=beta).f
            best = int(np.argmax(f))
            if f[best] > f[i]:
                place[label], moved = best, True
                total = others + np.array([c.tp[best], c.fp[best], c.fn[best]])
        if not moved:
            break
    return np.array([grid[i] for grid, i in zip(grids, place, strict=True)])


def _candidates(scores: Floats, thresholds: ArrayLike | None) -> Floats:
    if thresholds is not None:
        return np.unique(np.asarray(thresholds, dtype=np.float64))
    found = np.unique(scores)
    return np.append(found, np.nextafter(found[-1], np.inf))
