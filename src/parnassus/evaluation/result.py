"""What an evaluation returns: numbers with their intervals beside the trivial baseline, tables and curves."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np

from ..errors import SettingError, did_you_mean

Task = Literal["binary", "multiclass", "multilabel", "regression"]
Verdict = Literal["better", "worse", "undecided"]

TITLES = {
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "bleu": "BLEU",
    "brier": "Brier score",
    "chrf": "chrF",
    "exact_match": "Exact match",
    "expected_calibration_error": "Calibration error",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "f1_micro": "F1 (micro)",
    "f1_weighted": "F1 (weighted)",
    "hamming_loss": "Hamming loss",
    "log_loss": "Log loss",
    "mae": "Mean absolute error",
    "mask_map": "mAP of masks over IoU 0.5 to 0.95",
    "mask_map_50": "mAP of masks at IoU 0.5",
    "mask_map_75": "mAP of masks at IoU 0.75",
    "mask_mar_100": "Mean recall of 100 masks",
    "pose_map": "mAP of poses over OKS 0.5 to 0.95",
    "pose_map_50": "mAP of poses at OKS 0.5",
    "pose_map_75": "mAP of poses at OKS 0.75",
    "pose_mar_20": "Mean recall of 20 poses",
    "mean_accuracy": "Mean class accuracy",
    "mean_boundary_f": "Mean boundary F",
    "mean_distance": "Mean distance in pixels",
    "mean_dice": "Mean Dice",
    "mean_iou": "Mean IoU",
    "pixel_accuracy": "Pixel accuracy",
    "map": "mAP over IoU 0.5 to 0.95",
    "map_50": "mAP at IoU 0.5",
    "map_75": "mAP at IoU 0.75",
    "map_large": "mAP of large boxes",
    "map_medium": "mAP of medium boxes",
    "map_small": "mAP of small boxes",
    "mar_1": "Mean recall of 1 box a picture",
    "mar_10": "Mean recall of 10 boxes",
    "mar_100": "Mean recall of 100 boxes",
    "mar_large": "Mean recall of large boxes",
    "mar_medium": "Mean recall of medium boxes",
    "mar_small": "Mean recall of small boxes",
    "crps": "CRPS",
    "mape": "Mean absolute percentage error",
    "mase": "Mean absolute scaled error",
    "mse": "Mean squared error",
    "msle": "Mean squared log error",
    "precision": "Precision",
    "precision_l": "Precision at L",
    "precision_l2": "Precision at L/2",
    "precision_l5": "Precision at L/5",
    "precision_macro": "Precision (macro)",
    "precision_micro": "Precision (micro)",
    "r2": "R squared",
    "rank_error": "Mean rank error",
    "recall": "Recall",
    "recall_macro": "Recall (macro)",
    "recall_micro": "Recall (micro)",
    "rmse": "Root mean squared error",
    "squared_mmd": "Squared MMD",
    "pck_10": "Keypoints within 10 % (PCK)",
    "pck_20": "Keypoints within 20 % (PCK)",
    "pck_5": "Keypoints within 5 % (PCK)",
    "pinball": "Pinball loss",
    "roc_auc": "ROC AUC",
    "smape": "Symmetric percentage error",
}
NUMBERED = {
    "coverage": "Coverage at {} %",
    "top": "Top-{} accuracy",
    "width": "Interval width at {} %",
}
DOUBT = {
    "epistemic_share": "Epistemic variance share",
    "mutual_information": "Mutual information, nats",
    "rhat_answers": "R-hat, answers",
    "rhat_weights": "R-hat, weights",
}
OF_PROBABILITIES = {"log_loss", "brier", "expected_calibration_error"}
UNBOUNDED = {"crps", "log_loss", "mae", "mean_distance", "mse", "msle", "pinball", "rank_error", "rmse"}
LOWER_IS_BETTER = {
    "brier",
    "crps",
    "expected_calibration_error",
    "hamming_loss",
    "log_loss",
    "mae",
    "mape",
    "mase",
    "mean_distance",
    "mse",
    "msle",
    "pinball",
    "rank_error",
    "rmse",
    "smape",
}


@dataclass(frozen=True)
class Metric:
    """One number of the model with its interval, and the same number of the trivial baseline on the same rows.

    `low` and `high` are None where no interval could be formed, `baseline` where the metric is undefined for it.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    higher_is_better: bool

    @property
    def title(self) -> str:
        """The name as a reader sees it."""
        kind, number = (*self.name.split("_"), "")[:2]
        if kind in NUMBERED:
            return NUMBERED[kind].format(number)
        return (TITLES | DOUBT).get(self.name, self.name.replace("_", " ").capitalize())

    def text(self, value: float | None) -> str:
        """A value of this metric as a table shows it: percent errors in percent, shares with four decimals."""
        if value is None or math.isnan(value):
            return ""
        if self.name == "mape":
            return f"{100 * value:.2f} %"
        if self.name.startswith("rhat_"):
            from ..sampling.problems import rhat_text

            return rhat_text(value)
        unbounded = self.name in UNBOUNDED or self.name.startswith("width_")
        return shown(value) if unbounded else f"{value:.4f}".replace("-0.0000", "0.0000")

    @property
    def of_doubt(self) -> bool:
        """Whether it tells how sure the model is, and not how good its answers are."""
        return self.name in DOUBT or self.name.startswith(("coverage_", "width_"))

    @property
    def verdict(self) -> Verdict:
        """Whether the whole interval is better or worse than the baseline; else "undecided"."""
        if self.baseline is None or self.low is None or self.high is None:
            return "undecided"
        above, below = self.low > self.baseline, self.high < self.baseline
        if not (above or below):
            return "undecided"
        return "better" if above == self.higher_is_better else "worse"


@dataclass
class Evaluation:
    """How good predictions are on some rows.

    Attributes
    ----------
    metrics
        The most telling number first.
    baseline
        What the trivial baseline does, in words.
    by_class
        One row a class, label or output: a dict with a `name` and numbers.
    confusion
        Rows of true classes, columns of predicted ones (weighted counts); None where there are no classes.
    curves
        Name -> columns: `roc`, `precision_recall`, `threshold`, `calibration`, `scatter`.
    replicates
        Name -> the metric on each bootstrap resample, for `compare`; not part of `to_dict`.
    rows
        A fingerprint of the true values, weights and resamples: equal for evaluations on the same rows.
    """

    task: Task
    metrics: list[Metric]
    n_rows: int
    baseline: str
    classes: list[str] = field(default_factory=list)
    by_class: list[dict[str, Any]] = field(default_factory=list)
    confusion: list[list[float]] | None = None
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    threshold: float | list[float] | None = None
    confidence: float = 0.95
    notes: list[str] = field(default_factory=list)
    replicates: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    rows: str = field(default="", repr=False)

    def __str__(self) -> str:
        return "\n".join([self.table(), *self.notes])

    def __getitem__(self, name: str) -> Metric:
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = [m.name for m in self.metrics]
        raise SettingError(f"this {self.task} evaluation has no metric {name!r}; {did_you_mean(name, known)}")

    @property
    def headline(self) -> Metric:
        """The most telling number."""
        return self.metrics[0]

    def summary(self) -> str:
        """The headline in one sentence, with its interval and its baseline."""
        best = self.headline
        text = f"{best.title} {best.text(best.value)}"
        if best.low is not None:
            text += f" ({self.confidence:.0%} interval {best.text(best.low)} to {best.text(best.high)})"
        if best.baseline is None:
            return f"{text} on {self.n_rows:,} rows."
        return f"{text} on {self.n_rows:,} rows, against {best.text(best.baseline)} for {self.baseline}."

    def table(self) -> str:
        """The metrics as aligned text: value, interval, baseline."""
        rows = [("metric", "value", f"{self.confidence:.0%} interval", "baseline")]
        for m in self.metrics:
            interval = "" if m.low is None else f"{m.text(m.low)} to {m.text(m.high)}"
            rows.append((m.title, m.text(m.value), interval, m.text(m.baseline)))
        widths = [max(len(r[i]) for r in rows) for i in range(4)]
        return "\n".join(
            f"{r[0]:<{widths[0]}}  {r[1]:>{widths[1]}}  {r[2]:>{widths[2]}}  {r[3]:>{widths[3]}}".rstrip() for r in rows
        )

    def of_scores(self) -> Self:
        """The same for a model that gives scores: what judges them as probabilities is left out."""
        metrics = [m for m in self.metrics if m.name not in OF_PROBABILITIES]
        curves = {k: c for k, c in self.curves.items() if k != "calibration"}
        note = "The model gives scores and no probabilities; they are judged by the answers and their order."
        return replace(self, metrics=metrics, curves=curves, notes=[*self.notes, note])

    def to_dict(self) -> dict[str, Any]:
        """JSON values; undefined numbers are None, and the resamples stay behind."""
        kept = {k: v for k, v in vars(self).items() if k not in ("replicates", "metrics")}
        return json_values({**kept, "metrics": [asdict(m) for m in self.metrics]})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The evaluation that `to_dict` wrote, without its resamples."""
        metrics = [Metric(**{**m, "value": math.nan if m["value"] is None else m["value"]}) for m in values["metrics"]]
        return cls(**{**values, "metrics": metrics})


def shown(value: float | None) -> str:
    """A number as a table shows it: four significant digits, thousands as they are, nothing for None and NaN.

    >>> shown(0.97312), shown(12345.6), shown(None)
    ('0.9731', '12,346', '')
    """
    if value is None or math.isnan(value):
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1:
        return f"{value:.4f}"
    if 1 <= abs(value) < 1e6:
        digits = max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}"
    return f"{value:.3e}"


def json_values(value: Any) -> Any:
    """The same with Python's own types: arrays as lists, numbers that are not finite as None."""
    if isinstance(value, dict):
        return {str(k): json_values(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_values(value.tolist())
    if isinstance(value, list | tuple):
        return [json_values(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
