"""How good predictions are: metrics with intervals beside a trivial baseline, thresholds, comparisons.

Takes arrays, not models.
"""

from .classification import evaluate_classification
from .compare import Comparison, Difference, compare, shift
from .multilabel import evaluate_multilabel
from .regression import evaluate_regression
from .result import Evaluation, Metric
from .thresholds import tune_threshold

__all__ = [
    "Comparison",
    "Difference",
    "Evaluation",
    "Metric",
    "compare",
    "evaluate_classification",
    "evaluate_multilabel",
    "evaluate_regression",
    "shift",
    "tune_threshold",
]
