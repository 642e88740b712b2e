"""Metrics against scikit-learn's, and similarity of pictures against scikit-image's definition."""

import numpy as np

from ..functional import metrics
from . import check, gap

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 4, 200)
SAID = np.where(RNG.random(200) < 0.6, TRUTH, RNG.integers(0, 4, 200))
SCORES = RNG.dirichlet(np.ones(4), 200) + 0.3 * np.eye(4)[SAID]
FLAGS = RNG.integers(0, 2, 200)
SURE = np.round(RNG.random(200) + 0.4 * FLAGS, 2)  # with ties
WEIGHT = RNG.random(200)


@check("accuracy", "top-k-accuracy", "confusion-matrix", oracle="scikit-learn", tolerance=1e-12)
def counts_against_scikit_learn() -> float:
    """Accuracy, accuracy among the two likeliest, and the table of four classes, with and without weights."""
    from sklearn import metrics as theirs

    weighted = theirs.accuracy_score(TRUTH, SAID, sample_weight=WEIGHT)
    return max(
        gap(metrics.accuracy(TRUTH, SAID, sample_weight=WEIGHT), weighted),
        gap(metrics.top_k_accuracy(TRUTH, SCORES, k=2), theirs.top_k_accuracy_score(TRUTH, SCORES, k=2)),
        gap(metrics.confusion_matrix(TRUTH, SAID), theirs.confusion_matrix(TRUTH, SAID)),
    )


@check("precision-recall-f", "averaged-f1", oracle="scikit-learn", tolerance=1e-12)
def precision_recall_and_f_against_scikit_learn() -> float:
    """Precision, recall and F of beta 2 by class, and their macro, micro and weighted means."""
    from sklearn.metrics import fbeta_score, precision_score, recall_score

    gaps = []
    for average in ("macro", "micro", "weighted"):
        beta2 = fbeta_score(TRUTH, SAID, beta=2, average=average)
        gaps += [
            gap(metrics.precision(TRUTH, SAID, average=average), precision_score(TRUTH, SAID, average=average)),
            gap(metrics.recall(TRUTH, SAID, average=average), recall_score(TRUTH, SAID, average=average)),
            gap(metrics.f_beta(TRUTH, SAID, beta=2, average=average), beta2),
        ]
    return max(gaps)


@check("roc-curve", "pr-auc", oracle="scikit-learn", tolerance=1e-12)
def areas_against_scikit_learn() -> float:
    """Areas under both curves of scores with ties and weights, and the average precision."""
    from sklearn import metrics as theirs

    precision, recall, _ = theirs.precision_recall_curve(FLAGS, SURE)
    weighted = theirs.roc_auc_score(FLAGS, SURE, sample_weight=WEIGHT)
    return max(
        gap(metrics.roc_auc(FLAGS, SURE, sample_weight=WEIGHT), weighted),
        gap(metrics.average_precision(FLAGS, SURE), theirs.average_precision_score(FLAGS, SURE)),
        gap(metrics.pr_auc(FLAGS, SURE), theirs.auc(recall, precision)),
    )


@check("regression-metrics", oracle="scikit-learn", tolerance=1e-12)
def errors_of_numbers_against_scikit_learn() -> float:
    """Five errors and R squared of two columns of numbers."""
    from sklearn import metrics as theirs

    y = RNG.gamma(2.0, size=(50, 2))
    said = y * RNG.uniform(0.5, 1.5, y.shape)
    pairs = (
        (metrics.mse, theirs.mean_squared_error),
        (metrics.rmse, theirs.root_mean_squared_error),
        (metrics.mae, theirs.mean_absolute_error),
        (metrics.mape, theirs.mean_absolute_percentage_error),
        (metrics.msle, theirs.mean_squared_log_error),
        (metrics.r2, theirs.r2_score),
    )
    return max(gap(ours(y, said), their(y, said)) for ours, their in pairs)


@check("cosine-similarity", oracle="scikit-learn", tolerance=1e-12)
def angles_against_scikit_learn() -> float:
    """The cosine between each of 20 vectors and each of 20 others."""
    from sklearn.metrics.pairwise import cosine_similarity

    a, b = RNG.normal(size=(2, 20, 5))
    return gap(metrics.cosine_similarity(a, b), cosine_similarity(a, b))


@check("ssim", oracle="scipy", tolerance=1e-12)
def structural_similarity_against_its_equation() -> float:
    """Wang's index with scipy's Gaussian filter (sigma 1.5, eleven taps), away from the borders."""
    from scipy.ndimage import gaussian_filter

    a = RNG.random((40, 32))
    b = np.clip(a + 0.1 * RNG.normal(size=a.shape), 0, 1)

    def blurred(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    together = blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * mean_a * mean_b + c1) * (2 * together + c2)
    index /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return gap(metrics.structural_similarity(a, b, data_range=1.0), index.mean())
