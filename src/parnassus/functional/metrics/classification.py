"""Metrics of predicted classes against true ones. Labels may be numbers, strings or booleans."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError, SettingError
from .counts import Average, Counts, Scores, averaged_scores, count_scores, fraction
from .inputs import Floats, class_scores, coded, paired, row_weights, weight_by

ClassAverage = Average | Literal["binary"]


def accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The share of rows whose predicted class is the true one.

    Misleading when one class is rare: look at `balanced_accuracy` beside it.

    Source: Baker, section 3.6.2 (1:A049), whose formula sum_k (TP_k + TN_k) / K is no share (F14); course book eq 1.15.

    Systems: accuracy

    >>> accuracy(["cat", "dog", "dog"], ["cat", "dog", "cat"])
    0.6666666666666666
    """
    true, pred = paired(y_true, y_pred)
    hit = (true == pred) if true.ndim == 1 else (true == pred).reshape(len(true), -1).all(1)
    return float(np.average(hit, weights=row_weights(sample_weight, len(true))))


def one_vs_rest_accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The mean over K classes of (TP_k + TN_k) / N: what Baker's accuracy becomes once divided by N as well.

    Every mistake costs two of the K decisions of its row, so this is 1 - 2 (1 - accuracy) / K: it flatters.

    Systems: accuracy
    """
    counts = class_counts(y_true, y_pred, sample_weight=sample_weight)
    return float(((counts.tp + counts.tn) / np.sum([c[..., :1] for c in counts])).mean())


def top_k_accuracy(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    k: int = 5,
    labels: Sequence | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """The share of rows whose true class is among the k best scored.

    Scores are (n, n_classes), columns in the order of `labels` (0..n_classes-1 when not given). Of equal scores the
    lower column comes first, as for argmax: k = 1 is the accuracy of argmax, k = n_classes is 1.

    Source: Martinez-Ramon et al., section 4.4.10 (2b:A4.25).

    Systems: top-k-accuracy

    >>> top_k_accuracy([2], [[0.5, 0.2, 0.3]], k=2)
    1.0
    """
    if k < 1:
        raise SettingError(f"k is {k}; top-k accuracy needs k of at least 1")
    true, matrix = class_scores(y_true, scores, labels)
    own = np.take_along_axis(matrix, true[:, None], axis=1)
    earlier = np.arange(matrix.shape[1]) < true[:, None]
    rank = (matrix > own).sum(1) + ((matrix == own) & earlier).sum(1)
    return float(np.average(rank < k, weights=row_weights(sample_weight, len(true))))


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: Sequence | None = None,
    normalize: Literal["true", "pred", "all"] | None = None,
    layout: Literal["negative-first", "positive-first"] = "negative-first",
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    """Rows of true classes, columns of predicted ones: counts (integers), or shares of a row, a column or all.

    `layout` is about two classes: "negative-first" is scikit-learn's [[TN, FP], [FN, TP]], "positive-first" the books'
    [[TP, FN], [FP, TN]]. A row without any true case stays zero when normalised.

    Source: Hifny, Table 5.1 (0:A5.7, positive first); Martinez-Ramon et al., section 4.4.10 (row-normalised).

    Systems: confusion-matrix

    >>> confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1], layout="positive-first").tolist()
    [[2, 1], [0, 1]]
    """
    classes, true, pred = coded(y_true, y_pred, labels)
    n_classes = len(classes)
    if layout == "positive-first" and n_classes != 2:
        raise SettingError(f"the layout 'positive-first' is for two classes; there are {n_classes}: {classes.tolist()}")
    weight = None if sample_weight is None else row_weights(sample_weight, len(true))
    matrix = np.bincount(true * n_classes + pred, weights=weight, minlength=n_classes**2)
    matrix = matrix.reshape(n_classes, n_classes)
    if layout == "positive-first":
        matrix = matrix[::-1, ::-1]
    if normalize is None:
        return matrix
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    return fraction(matrix, matrix.sum(axis=axis, keepdims=True))


def class_counts(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: Sequence | None = None, sample_weight: ArrayLike | None = None
) -> Counts:
    """TP, FP, FN and TN of every class against the rest, each (n_classes,); the classes are sorted, or `labels`.

    With `labels` other classes may occur; they are the rest.
    """
    classes, true, pred = coded(y_true, y_pred)
    weight = row_weights(sample_weight, len(true))
    n_classes = len(classes)
    tp = weight_by(true[true == pred], weight[true == pred], n_classes)
    n_true, n_pred = weight_by(true, weight, n_classes), weight_by(pred, weight, n_classes)
    if labels is not None:
        place = {label: i for i, label in enumerate(classes.tolist())}
        pick = [place.get(label, n_classes) for label in np.asarray(labels).tolist()]
        tp, n_true, n_pred = (np.append(a, 0.0)[pick] for a in (tp, n_true, n_pred))
    return Counts(tp, n_pred - tp, n_true - tp, weight.sum() - n_pred - n_true + tp)


def balanced_accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """The mean recall over the classes that occur in y_true: accuracy, had every class as many rows.

    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    counts = class_counts(y_true, y_pred, sample_weight=sample_weight)
    rows = counts.tp + counts.fn
    return float((counts.tp[rows > 0] / rows[rows > 0]).mean())


def precision_recall_f(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    beta: float = 1.0,
    average: ClassAverage | None = None,
    labels: Sequence | None = None,
    positive: object = 1,
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> Scores:
    """Precision, recall and F-beta of every class (average None), of the positive class ("binary"), or averaged.

    Parameters
    ----------
    beta
        Above 1 recall counts more, below 1 precision does.
    average
        "micro", "macro", "weighted" and "macro-of-means" as in `averaged_scores`; "binary" scores `positive` alone.
    labels
        The classes to score and their order; all that occur, sorted, when not given.
    zero_division
        What stands for 0/0: 0, 1 or NaN (NaN leaves such classes out of the means).

    Systems: precision-recall-f, averaged-f1

    >>> precision_recall_f([0, 1, 1], [0, 1, 0]).f.round(4).tolist()
    [0.6667, 0.6667]
    """
    if average == "binary":
        labels = _binary_label(y_true, y_pred, positive)
    tp, fp, fn, _ = class_counts(y_true, y_pred, labels=labels, sample_weight=sample_weight)
    if average == "binary":
        return Scores(*(s[0] for s in count_scores(tp, fp, fn, beta=beta, zero_division=zero_division)))
    if average is None:
        return count_scores(tp, fp, fn, beta=beta, zero_division=zero_division)
    return averaged_scores(tp, fp, fn, average=average, beta=beta, zero_division=zero_division)


def _binary_label(y_true: ArrayLike, y_pred: ArrayLike, positive: object) -> list:
    found = np.union1d(np.asarray(y_true), np.asarray(y_pred)).tolist()
    if len(found) > 2:
        raise SettingError(f"there are {len(found)} classes, and average='binary' is for two; use 'macro' or 'micro'")
    if positive not in found and len(found) == 2:
        raise DataError(f"the positive class {positive!r} is not among {found}; name it with positive=")
    return [positive]


def precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: ClassAverage | None = "binary",
    labels: Sequence | None = None,
    positive: object = 1,
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """Of the rows predicted positive, the share that is: TP / (TP + FP). Options as in `precision_recall_f`."""
    return _number(
        precision_recall_f(
            y_true,
            y_pred,
            average=average,
            labels=labels,
            positive=positive,
            zero_division=zero_division,
            sample_weight=sample_weight,
        ).precision
    )


def recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: ClassAverage | None = "binary",
    labels: Sequence | None = None,
    positive: object = 1,
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """Of the positive rows, the share that was found: TP / (TP + FN). Options as in `precision_recall_f`."""
    return _number(
        precision_recall_f(
            y_true,
            y_pred,
            average=average,
            labels=labels,
            positive=positive,
            zero_division=zero_division,
            sample_weight=sample_weight,
        ).recall
    )


def f_beta(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    beta: float = 1.0,
    average: ClassAverage | None = "binary",
    labels: Sequence | None = None,
    positive: object = 1,
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """The weighted harmonic mean of precision and recall; beta = 1 is F1. Options as in `precision_recall_f`."""
    return _number(
        precision_recall_f(
            y_true,
            y_pred,
            beta=beta,
            average=average,
            labels=labels,
            positive=positive,
            zero_division=zero_division,
            sample_weight=sample_weight,
        ).f
    )


def _number(value: Floats) -> float | Floats:
    return float(value) if np.ndim(value) == 0 else value
