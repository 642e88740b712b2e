"""How good the probabilities of several labels a row are, beside the trivial baseline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.metrics.calibration import surprise
from ..functional.metrics.inputs import Floats, row_weights
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import LOWER_IS_BETTER, Evaluation, Metric
from .statistics import label_statistic, means, rank_statistic

NAMES = [
    "f1_micro",
    "f1_macro",
    "precision_micro",
    "recall_micro",
    "exact_match",
    "hamming_loss",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
]


def evaluate_multilabel(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    labels: Sequence,
    prior: ArrayLike,
    thresholds: ArrayLike = 0.5,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Metrics with bootstrap intervals and scores by label.

    Parameters
    ----------
    y_true
        (n, L) of 0 and 1.
    probability
        (n, L), each between 0 and 1.
    prior
        How often each label was true in training (L,). The baseline gives these frequencies for every row, and answers
        the labels that were true in half of the training rows or more.
    thresholds
        A label is answered where its probability is at least this: one number, or one a label.

    Systems: averaged-f1
    """
    true, p = _checked(y_true, probability, len(labels))
    weight = row_weights(sample_weight, len(true))
    cut = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(labels),))
    frequencies = np.broadcast_to(np.asarray(prior, dtype=np.float64), p.shape)
    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    pred = (p >= cut).astype(np.float64)
    point, replicates = bootstrap.run(_statistics(true, pred, p))
    trivial, _ = Bootstrap(weight, 0).run(_statistics(true, (frequencies >= 0.5).astype(np.float64), frequencies))
    metrics = []
    for name in NAMES:
        if np.isfinite(point[name]):
            low, high = interval(replicates.get(name), confidence)
            baseline = float(trivial[name])
            metrics.append(Metric(name, float(point[name]), low, high, baseline, name not in LOWER_IS_BETTER))
    return Evaluation(
        task="multilabel",
        metrics=metrics,
        n_rows=len(true),
        baseline="always answering the labels that most training rows have",
        classes=[str(label) for label in labels],
        by_class=_label_rows(labels, true, pred, cut, point),
        threshold=cut.tolist(),
        confidence=confidence,
        notes=_notes(labels, true),
        replicates={m.name: replicates[m.name] for m in metrics if m.name in replicates},
        rows=bootstrap.fingerprint(true),
    )


def _checked(y_true: ArrayLike, probability: ArrayLike, n_labels: int) -> tuple[Floats, Floats]:
    true, p = np.asarray(y_true), np.asarray(probability, dtype=np.float64)
    if true.shape != p.shape or p.shape[1:] != (n_labels,) or not len(p):
        raise DataError(
            f"y_true has shape {true.shape} and probability {p.shape}; expected both (n, {n_labels}), n above 0"
        )
    if not np.isin(true, (0, 1)).all():
        raise DataError(f"y_true must hold 0 and 1; it holds {np.unique(true)[:5].tolist()}")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("probability must lie between 0 and 1, without NaN; a logit goes through a sigmoid first")
    return true.astype(np.float64), p


def _statistics(true: Floats, pred: Floats, p: Floats) -> list[Statistic]:
    columns = {
        "log_loss": surprise(np.where(true == 1, p, 1 - p)).mean(1),
        "brier": ((p - true) ** 2).mean(1),
    }
    return [label_statistic(true, pred), means(columns), rank_statistic(true == 1, p)]


def _label_rows(labels: Sequence, true: Floats, pred: Floats, cut: Floats, point: Numbers) -> list[dict]:
    return [
        {
            "name": str(name),
            "n_rows": int(true[:, i].sum()),
            "n_predicted": int(pred[:, i].sum()),
            "threshold": float(cut[i]),
            "precision": float(point["precision_by_class"][i]),
            "recall": float(point["recall_by_class"][i]),
            "f1": float(point["f1_by_class"][i]),
            "roc_auc": float(point["roc_auc_by_class"][i]),
        }
        for i, name in enumerate(labels)
    ]


def _notes(labels: Sequence, true: Floats) -> list[str]:
    absent = [str(name) for name, n in zip(labels, true.sum(0), strict=True) if n == 0]
    return [f"No row here has the label {', '.join(absent[:10])}: its F1 counts as 0."] if absent else []
