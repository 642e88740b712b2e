"""How good class probabilities are, beside the trivial baseline, on the same rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.metrics import confusion_matrix
from ..functional.metrics.calibration import bin_places, surprise
from ..functional.metrics.inputs import Floats, Integers, row_weights
from .bootstrap import Bootstrap, Numbers, Statistic, centred, interval, wilson
from .curves import binary_curves
from .result import LOWER_IS_BETTER, Evaluation, Metric
from .statistics import class_statistic, gap_statistic, means, rank_statistic

BINARY = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "average_precision"]
MULTICLASS = ["accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc"]
PROBABILITY = ["log_loss", "brier", "expected_calibration_error"]
N_BINS = 10


def evaluate_classification(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    classes: Sequence,
    prior: ArrayLike,
    threshold: float = 0.5,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Metrics with bootstrap intervals, per-class scores, confusion matrix and curves.

    Parameters
    ----------
    y_true
        Class numbers (n,), 0 to K - 1.
    probability
        (n, K), rows that sum to 1.
    classes
        The K names, in the order of the columns. Of two, the second is the positive one.
    prior
        The classes' frequencies among the training rows (K,). The baseline answers the most frequent class and gives
        these frequencies as its probabilities.
    threshold
        For two classes: the positive class is answered where its probability is at least this.
    n_bootstrap
        Resamples behind the intervals; none are formed for 0. Large data get fewer, but 100 at least.

    Notes
    -----
    Macro averages are over the classes that occur. ROC AUC and average precision of several classes are means of one
    class against the rest. The calibration error of several classes is that of the answer given (confidence).

    Systems: accuracy, confusion-matrix, precision-recall-f, roc-curve, pr-auc, averaged-f1, top-k-accuracy
    """
    true, p = _checked(y_true, probability, len(classes))
    weight = row_weights(sample_weight, len(true))
    frequencies = np.asarray(prior, dtype=np.float64) / np.sum(prior)
    if frequencies.shape != (len(classes),):
        raise DataError(f"prior has shape {frequencies.shape}; expected one frequency for each of {len(classes)}")
    binary = len(classes) == 2
    pred = (p[:, 1] >= threshold).astype(np.intp) if binary else p.argmax(1)
    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run(_statistics(true, pred, p))
    trivial, _ = Bootstrap(weight, 0).run(
        _statistics(true, np.full_like(pred, frequencies.argmax()), np.tile(frequencies, (len(p), 1)))
    )
    if binary:
        for numbers in (point, replicates, trivial):
            _add_positive_class(numbers)
    names = [name for name in _names(len(classes)) if np.isfinite(point[name])]
    return Evaluation(
        task="binary" if binary else "multiclass",
        metrics=[_metric(name, point, replicates, trivial, len(true), confidence) for name in names],
        n_rows=len(true),
        baseline=f"always answering {str(classes[int(frequencies.argmax())])!r}, the most frequent class in training",
        classes=[str(c) for c in classes],
        by_class=_class_rows(classes, true, pred, weight, point, replicates, confidence),
        confusion=confusion_matrix(true, pred, labels=range(len(classes)), sample_weight=sample_weight).tolist(),
        curves=binary_curves(true == 1, p[:, 1], weight, n_bins=N_BINS) if binary else {},
        threshold=threshold if binary else None,
        confidence=confidence,
        notes=_notes(classes, true, n_bootstrap, min((r.shape[-1] for r in replicates.values()), default=0)),
        replicates={name: replicates[name] for name in names if name in replicates},
        rows=bootstrap.fingerprint(true),
    )


def _checked(y_true: ArrayLike, probability: ArrayLike, n_classes: int) -> tuple[Integers, Floats]:
    true, p = np.asarray(y_true), np.asarray(probability, dtype=np.float64)
    if p.shape != (len(true), n_classes) or true.ndim != 1 or not len(true):
        raise DataError(
            f"y_true has shape {true.shape} and probability {p.shape}; expected (n,) and (n, {n_classes}), n above 0"
        )
    if true.dtype.kind not in "iub" or true.min() < 0 or true.max() >= n_classes:
        raise DataError(f"y_true must hold class numbers 0 to {n_classes - 1}; it holds {np.unique(true)[:5].tolist()}")
    wrong = ~(np.abs(p.sum(1) - 1) < 1e-3) | (p.min(1) < 0)
    if wrong.any():
        row = int(wrong.argmax())
        shown = p[row, :5].tolist()
        raise DataError(f"row {row} of probability is {shown}, which does not sum to 1; softmax logits first")
    return true.astype(np.intp), p


def _statistics(true: Integers, pred: Integers, p: Floats) -> list[Statistic]:
    n_classes = p.shape[1]
    own = p[np.arange(len(true)), true]
    squares = (p**2).sum(1) - 2 * own + 1
    columns = {"log_loss": surprise(own), "brier": squares / 2 if n_classes == 2 else squares}
    if n_classes > 2:
        k = top_k(n_classes)
        earlier = (p == own[:, None]) & (np.arange(n_classes) < true[:, None])
        columns[f"top_{k}_accuracy"] = ((p > own[:, None]).sum(1) + earlier.sum(1) < k).astype(np.float64)
        said, came, present = p.max(1), (p.argmax(1) == true).astype(np.float64), np.unique(true)
        ranked = rank_statistic(true[:, None] == present, p[:, present])
    else:
        said, came = p[:, 1], (true == 1).astype(np.float64)
        ranked = rank_statistic((true == 1)[:, None], p[:, 1:])
    bins = bin_places(said, np.linspace(0, 1, N_BINS + 1))
    return [class_statistic(true, pred, n_classes), means(columns), gap_statistic(said, came, bins, N_BINS), ranked]


def top_k(n_classes: int) -> int:
    """How many answers count for the top-k accuracy of so many classes: 2, and 5 above 10 classes."""
    return 5 if n_classes > 10 else 2


def _names(n_classes: int) -> list[str]:
    if n_classes == 2:
        return BINARY + PROBABILITY
    return [MULTICLASS[0], f"top_{top_k(n_classes)}_accuracy", *MULTICLASS[1:], *PROBABILITY]


def _add_positive_class(numbers: Numbers) -> None:
    for name in ("precision", "recall", "f1"):
        if f"{name}_by_class" in numbers:
            numbers[name] = numbers[f"{name}_by_class"][1]


def _metric(
    name: str, point: Numbers, replicates: Numbers, trivial: Numbers, n_rows: float, confidence: float
) -> Metric:
    value, resampled, baseline = float(point[name]), replicates.get(name), float(trivial[name])
    if name == "expected_calibration_error" and resampled is not None:
        resampled = centred(resampled, value)
    low, high = interval(resampled, confidence)
    if name == "accuracy" and resampled is not None and low == high:
        low, high = wilson(value, n_rows, confidence)  # no resample of rows without an error holds one
    return Metric(name, value, low, high, baseline if np.isfinite(baseline) else None, name not in LOWER_IS_BETTER)


def _class_rows(
    classes: Sequence,
    true: Integers,
    pred: Integers,
    weight: Floats,
    point: Numbers,
    replicates: Numbers,
    confidence: float,
) -> list[dict]:
    n_true = np.bincount(true, minlength=len(classes))
    n_pred = np.bincount(pred, minlength=len(classes))
    rows = []
    for i, name in enumerate(classes):
        resampled = replicates["f1_by_class"][i] if replicates and n_true[i] else None  # of no rows nothing is known
        low, high = interval(resampled, confidence)
        rows.append(
            {
                "name": str(name),
                "n_rows": int(n_true[i]),
                "n_predicted": int(n_pred[i]),
                "precision": float(point["precision_by_class"][i]),
                "recall": float(point["recall_by_class"][i]),
                "f1": float(point["f1_by_class"][i]),
                "f1_low": low,
                "f1_high": high,
            }
        )
    return rows


def _notes(classes: Sequence, true: Integers, asked: int, drawn: int) -> list[str]:
    notes = []
    absent = [str(c) for i, c in enumerate(classes) if i not in set(np.unique(true).tolist())]
    if absent:
        shown = ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else "")
        notes.append(f"No row here is of class {shown}: rank metrics leave such classes out.")
    if len(true) < 50:
        notes.append(f"{len(true)} rows are few: intervals from so few rows are rough, and tend to be too narrow.")
    if drawn < asked:
        notes.append(f"To save time, some intervals come from {drawn} resamples.")
    return notes
