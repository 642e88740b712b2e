"""Numbers that say how good predictions are: NumPy arrays in, a number (or a curve) out.

`y_true` comes first, then predicted classes (`y_pred`), scores of any scale (`score`, `scores`) or probabilities.
"""

from .agreement import cohens_kappa, coincidences, fleiss_kappa, krippendorff_alpha
from .calibration import (
    Reliability,
    brier,
    expected_calibration_error,
    log_loss,
    reliability_curve,
)
from .classification import (
    accuracy,
    balanced_accuracy,
    class_counts,
    confusion_matrix,
    f_beta,
    one_vs_rest_accuracy,
    precision,
    precision_recall_f,
    recall,
    top_k_accuracy,
)
from .counts import Counts, Scores, averaged_scores, count_scores, harmonic_f
from .multilabel import exact_match, hamming_loss, label_counts, label_scores
from .ordinal import rank_error
from .pictures import psnr, structural_similarity
from .ranking import PrCurve, RocCurve, average_precision, pr_auc, pr_curve, roc_auc, roc_curve
from .regression import mae, mape, mse, msle, r2, rmse
from .similarity import cosine_similarity
from .thresholds import (
    ThresholdCurve,
    best_threshold,
    coordinate_thresholds,
    threshold_counts,
    threshold_curve,
)
from .translation import Bleu, bleu, chrf, sentence_bleu

__all__ = [
    "Bleu",
    "Counts",
    "PrCurve",
    "Reliability",
    "RocCurve",
    "Scores",
    "ThresholdCurve",
    "accuracy",
    "average_precision",
    "averaged_scores",
    "balanced_accuracy",
    "best_threshold",
    "bleu",
    "brier",
    "chrf",
    "class_counts",
    "cohens_kappa",
    "coincidences",
    "confusion_matrix",
    "coordinate_thresholds",
    "cosine_similarity",
    "count_scores",
    "exact_match",
    "expected_calibration_error",
    "f_beta",
    "fleiss_kappa",
    "hamming_loss",
    "harmonic_f",
    "krippendorff_alpha",
    "label_counts",
    "label_scores",
    "log_loss",
    "mae",
    "mape",
    "mse",
    "msle",
    "one_vs_rest_accuracy",
    "pr_auc",
    "pr_curve",
    "precision",
    "precision_recall_f",
    "psnr",
    "r2",
    "rank_error",
    "recall",
    "reliability_curve",
    "rmse",
    "roc_auc",
    "roc_curve",
    "sentence_bleu",
    "structural_similarity",
    "threshold_counts",
    "threshold_curve",
    "top_k_accuracy",
]
