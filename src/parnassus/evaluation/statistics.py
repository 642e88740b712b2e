"""Metrics as functions of row weights: sums, counts by class and ranks, for many weightings in one pass."""

from collections.abc import Callable, Mapping

import numpy as np

from ..functional.metrics.counts import averaged_scores, count_scores, fraction
from ..functional.metrics.inputs import Floats, Integers
from .bootstrap import Numbers, Statistic


def group_sums(groups: Integers, n_groups: int, values: Floats | None = None) -> Callable[[Floats], Floats]:
    """A function from weights (n, b) to the sums of weight (times value) in every group, (n_groups, b)."""
    from scipy.sparse import csr_array

    entries = np.ones(len(groups)) if values is None else values
    matrix = csr_array((entries, (groups, np.arange(len(groups)))), shape=(n_groups, len(groups)))
    return lambda weights: matrix @ weights


def means(columns: Mapping[str, Floats]) -> Statistic:
    """The weighted mean of every column (n,), in one matrix product."""
    stacked = np.stack(list(columns.values()))

    def compute(weights: Floats) -> Numbers:
        values = stacked @ weights / weights.sum(0)
        return dict(zip(columns, values, strict=True))

    return Statistic(compute)


def class_statistic(true: Integers, pred: Integers, n_classes: int) -> Statistic:
    """Accuracy, balanced accuracy, and precision, recall and F1 by class and averaged.

    Averages are over the classes that occur, truly or as a prediction, in the resample; that is how scikit-learn
    averages on the rows themselves.
    """
    n_true, n_pred = group_sums(true, n_classes), group_sums(pred, n_classes)
    hits = group_sums(true, n_classes, (true == pred).astype(np.float64))

    def compute(weights: Floats) -> Numbers:
        tp, rows, predicted = hits(weights), n_true(weights), n_pred(weights)
        fp, fn = predicted - tp, rows - tp
        p, r, f = count_scores(tp, fp, fn)
        occurs = (rows + predicted) > 0
        return {
            "accuracy": tp.sum(0) / rows.sum(0),
            "balanced_accuracy": fraction(r.sum(0), (rows > 0).sum(0)),
            "precision_macro": fraction(p.sum(0), occurs.sum(0)),
            "recall_macro": fraction(r.sum(0), occurs.sum(0)),
            "f1_macro": fraction(f.sum(0), occurs.sum(0)),
            "precision_by_class": p,
            "recall_by_class": r,
            "f1_by_class": f,
        }

    return Statistic(compute)


def label_statistic(true: Floats, pred: Floats) -> Statistic:
    """Exact match, Hamming loss, and precision, recall and F1 by label, pooled and averaged; (n, L) of 0 and 1."""
    both, n_true, n_pred = (true * pred).T, true.T, pred.T
    rows = np.stack(((true == pred).all(1), (true != pred).mean(1))).astype(np.float64)

    def compute(weights: Floats) -> Numbers:
        exact, wrong = rows @ weights / weights.sum(0)
        tp = both @ weights
        fp, fn = n_pred @ weights - tp, n_true @ weights - tp
        p, r, f = count_scores(tp, fp, fn)
        micro = averaged_scores(tp.T, fp.T, fn.T, average="micro")
        return {
            "exact_match": exact,
            "hamming_loss": wrong,
            "precision_micro": micro.precision,
            "recall_micro": micro.recall,
            "f1_micro": micro.f,
            "f1_macro": f.mean(0),
            "precision_by_class": p,
            "recall_by_class": r,
            "f1_by_class": f,
        }

    return Statistic(compute)


def rank_statistic(truth: np.ndarray, scores: Floats) -> Statistic:
    """ROC AUC and average precision by column, and their means over the columns where they are defined.

    truth (n, k) holds True for rows of the column's class, scores (n, k).
    """
    columns = [ranks(t, s) for t, s in zip(truth.T, scores.T, strict=True)]

    def compute(weights: Floats) -> Numbers:
        each = [column(weights) for column in columns]
        auc, precision = (np.stack(values) for values in zip(*each, strict=True))
        return {
            "roc_auc": _mean_of_defined(auc),
            "average_precision": _mean_of_defined(precision),
            "roc_auc_by_class": auc,
        }

    return Statistic(compute, n_passes=3 * len(columns))


def ranks(truth: np.ndarray, score: Floats) -> Callable[[Floats], tuple[Floats, Floats]]:
    """A function from weights (n, b) to ROC AUC (ties count half) and average precision, each (b,).

    Both are NaN where a resample holds no positive row, ROC AUC also where it holds no negative one.
    """
    order = np.argsort(score, kind="stable")
    positive = truth[order].astype(np.float64)[:, None]
    starts = np.append(0, np.flatnonzero(np.diff(score[order])) + 1)
    tied = len(starts) < len(order)

    def compute(weights: Floats) -> tuple[Floats, Floats]:
        total = weights[order]
        hits = total * positive
        if tied:
            total, hits = (np.add.reduceat(a, starts, axis=0) for a in (total, hits))
        misses = total - hits
        below = np.cumsum(misses, axis=0)
        n_positive, n_negative = hits.sum(0), below[-1]
        auc = fraction((hits * (below - misses / 2)).sum(0), n_positive * n_negative, np.nan)
        above = (n_positive - np.cumsum(hits, axis=0)) + hits
        precision = fraction(above, above + (n_negative - below) + misses)
        return auc, fraction((hits * precision).sum(0), n_positive, np.nan)

    return compute


def gap_statistic(said: Floats, came: Floats, bins: Integers, n_bins: int) -> Statistic:
    """The expected calibration error: absolute sums, by bin, of what was said minus what came."""
    gaps = group_sums(bins, n_bins, said - came)

    def compute(weights: Floats) -> Numbers:
        return {"expected_calibration_error": np.abs(gaps(weights)).sum(0) / weights.sum(0)}

    return Statistic(compute)


def _mean_of_defined(values: Floats) -> Floats:
    defined = np.isfinite(values)
    return fraction(np.where(defined, values, 0).sum(0), defined.sum(0), np.nan)
