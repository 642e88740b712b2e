"""Every batched metric equals scikit-learn's with sample_weight, weighting by weighting."""

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.evaluation import statistics
from parnassus.evaluation.regression import error_statistic
from parnassus.functional.metrics import expected_calibration_error

N = 120
RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(0, 4, size=(N, 5)).astype(float) + 0.25 * (RNG.random((N, 5)) < 0.5)


def each_weighting(numbers, name, metric):
    for column, weight in enumerate(WEIGHTS.T):
        np.testing.assert_allclose(numbers[name][..., column], metric(weight), err_msg=f"{name}, weighting {column}")


@pytest.fixture
def classes():
    true = RNG.integers(4, size=N)
    return true, np.where(RNG.random(N) < 0.6, true, RNG.integers(4, size=N))


@pytest.mark.parametrize("average", ["macro", None])
@pytest.mark.parametrize(
    ("name", "metric"), [("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)]
)
def test_class_scores(classes, average, name, metric):
    numbers = statistics.class_statistic(*classes, 4).compute(WEIGHTS)
    key = f"{name}_macro" if average else f"{name}_by_class"
    each_weighting(numbers, key, lambda w: metric(*classes, average=average, sample_weight=w, zero_division=0))


@pytest.mark.parametrize(
    ("name", "metric"), [("accuracy", sk.accuracy_score), ("balanced_accuracy", sk.balanced_accuracy_score)]
)
def test_accuracies(classes, name, metric):
    numbers = statistics.class_statistic(*classes, 4).compute(WEIGHTS)
    each_weighting(numbers, name, lambda w: metric(*classes, sample_weight=w))


def test_a_class_that_a_resample_misses_stays_out_of_its_macro_average():
    true, pred = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    weights = np.array([[1.0], [1], [1], [0]])
    numbers = statistics.class_statistic(true, pred, 3).compute(weights)
    expected = sk.f1_score(true[:3], pred[:3], average="macro")
    assert numbers["f1_macro"] == pytest.approx([expected])
    assert numbers["balanced_accuracy"] == pytest.approx([sk.balanced_accuracy_score(true[:3], pred[:3])])


@pytest.mark.parametrize("decimals", [1, 12])
def test_ranks_with_and_without_ties(decimals):
    truth = RNG.random((N, 2)) < 0.4
    scores = np.round(RNG.normal(size=(N, 2)) + truth, decimals)
    numbers = statistics.rank_statistic(truth, scores).compute(WEIGHTS)
    each_weighting(numbers, "roc_auc", lambda w: sk.roc_auc_score(truth, scores, sample_weight=w))
    each_weighting(numbers, "average_precision", lambda w: sk.average_precision_score(truth, scores, sample_weight=w))


def test_a_resample_of_one_class_has_no_auc():
    truth, score = np.array([True, False, True]), np.array([0.1, 0.2, 0.3])
    auc, precision = statistics.ranks(truth, score)(np.array([[1.0, 0, 1], [0, 1, 1], [1, 0, 1]]))
    np.testing.assert_array_equal(np.isnan(auc), [True, True, False])
    np.testing.assert_array_equal(np.isnan(precision), [False, True, False])


def test_label_scores():
    true = (RNG.random((N, 3)) < (0.5, 0.2, 0.1)).astype(float)
    pred = np.abs(true - (RNG.random((N, 3)) < 0.2))
    numbers = statistics.label_statistic(true, pred).compute(WEIGHTS)
    each_weighting(numbers, "exact_match", lambda w: sk.accuracy_score(true, pred, sample_weight=w))
    each_weighting(numbers, "hamming_loss", lambda w: sk.hamming_loss(true, pred, sample_weight=w))
    for average in ("micro", "macro"):
        each_weighting(
            numbers, f"f1_{average}", lambda w, a=average: sk.f1_score(true, pred, average=a, sample_weight=w)
        )
    each_weighting(numbers, "recall_by_class", lambda w: sk.recall_score(true, pred, average=None, sample_weight=w))


def test_calibration_gaps():
    p = RNG.random(N)
    came = RNG.random(N) < p
    bins = np.minimum((p * 10).astype(int), 9)
    numbers = statistics.gap_statistic(p, came.astype(float), bins, 10).compute(WEIGHTS)
    name = "expected_calibration_error"
    each_weighting(numbers, name, lambda w: expected_calibration_error(came, p, sample_weight=w))


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("mse", sk.mean_squared_error),
        ("rmse", sk.root_mean_squared_error),
        ("mae", sk.mean_absolute_error),
        ("mape", sk.mean_absolute_percentage_error),
        ("msle", sk.mean_squared_log_error),
        ("r2", sk.r2_score),
    ],
)
def test_errors_of_one_and_many_outputs(name, metric):
    true, pred = RNG.gamma(2, size=(N, 3)) + 1000.0, RNG.gamma(2, size=(N, 3)) + 1000.0
    numbers = error_statistic(true, pred).compute(WEIGHTS)
    each_weighting(numbers, name, lambda w: metric(true, pred, sample_weight=w))
    each_weighting(
        numbers, f"{name}_by_output", lambda w: metric(true, pred, sample_weight=w, multioutput="raw_values")
    )
