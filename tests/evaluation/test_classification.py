"""Class probabilities against scikit-learn's metrics and its dummy classifier, on real tables."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from parnassus.errors import DataError, SettingError
from parnassus.evaluation import Evaluation, evaluate_classification


def fitted(load):
    x, y = load(return_X_y=True)
    x, train = scale(x), np.arange(len(y)) % 3 > 0
    model = LogisticRegression(C=0.01).fit(x[train], y[train])
    dummy = DummyClassifier(strategy="prior").fit(x[train], y[train])
    prior = np.bincount(y[train]) / train.sum()
    return y[~train], model.predict_proba(x[~train]), dummy.predict_proba(x[~train]), prior


@pytest.fixture(scope="module")
def cancer():
    return fitted(load_breast_cancer)


@pytest.fixture(scope="module")
def digits():
    return fitted(load_digits)


def expected_numbers(y, p, weight=None):
    """The same metrics by scikit-learn."""
    pred, w = p.argmax(1), {"sample_weight": weight}
    numbers = {
        "accuracy": sk.accuracy_score(y, pred, **w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, pred, **w),
        "log_loss": sk.log_loss(y, p, **w),
        "brier": sk.brier_score_loss(y, p if p.shape[1] > 2 else p[:, 1], **w),
    }
    average = "binary" if p.shape[1] == 2 else "macro"
    ending = "" if p.shape[1] == 2 else "_macro"
    for name in ("precision", "recall", "f1"):
        metric = getattr(sk, f"{name}_score")
        numbers[name + ending] = metric(y, pred, average=average, zero_division=0, **w)
    if p.shape[1] == 2:
        numbers |= {
            "roc_auc": sk.roc_auc_score(y, p[:, 1], **w),
            "average_precision": sk.average_precision_score(y, p[:, 1], **w),
        }
    else:
        numbers |= {
            "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr", **w),
            "top_2_accuracy": sk.top_k_accuracy_score(y, p, k=2, **w),
        }
    return numbers


@pytest.mark.parametrize("case", ["cancer", "digits"])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_equal_scikit_learn(case, weighted, request):
    y, p, _, prior = request.getfixturevalue(case)
    weight = np.random.default_rng(0).random(len(y)) if weighted else None
    result = evaluate_classification(y, p, classes=range(p.shape[1]), prior=prior, sample_weight=weight, n_bootstrap=0)
    expected = expected_numbers(y, p, weight)
    assert {name: result[name].value for name in expected} == pytest.approx(expected)
    assert {m.name for m in result.metrics} == expected.keys() | {"expected_calibration_error"}


@pytest.mark.parametrize("case", ["cancer", "digits"])
def test_the_baseline_is_scikit_learns_dummy_on_the_same_rows(case, request):
    y, p, dummy, prior = request.getfixturevalue(case)
    result = evaluate_classification(y, p, classes=range(p.shape[1]), prior=prior, n_bootstrap=0)
    expected = expected_numbers(y, dummy)
    expected.pop("top_2_accuracy", None)  # scikit-learn ranks tied classes otherwise
    assert {name: result[name].baseline for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("case", ["cancer", "digits"])
def test_intervals_hold_their_value_and_beat_the_baseline(case, request):
    y, p, _, prior = request.getfixturevalue(case)
    result = evaluate_classification(y, p, classes=range(p.shape[1]), prior=prior, n_bootstrap=400)
    for metric in result.metrics:
        assert metric.low <= metric.value <= metric.high, metric
    assert {m.verdict for m in result.metrics if "calibration" not in m.name and m.name != "recall"} == {"better"}


def test_the_interval_of_accuracy_is_about_the_binomial_one(digits):
    y, p, _, prior = digits
    accuracy = evaluate_classification(y, p, classes=range(10), prior=prior)["accuracy"]
    half = 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / len(y))
    assert (accuracy.high - accuracy.low) / 2 == pytest.approx(half, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "seed"), [(2, 2), (4, 11)])
def test_the_interval_of_a_small_calibration_error_holds_it(n_classes, seed):
    # Probabilities that are true by construction: here over 97.5 % of the resampled errors lie above the error itself.
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(n_classes), size=1000)
    y = (rng.random(1000)[:, None] > p.cumsum(1)).sum(1)
    result = evaluate_classification(y, p, classes=range(n_classes), prior=np.ones(n_classes))
    error = result["expected_calibration_error"]
    assert np.quantile(result.replicates[error.name], 0.025) > error.value
    assert 0 <= error.low < error.value < error.high < 0.06


def test_whole_weights_are_repeated_rows(cancer):
    y, p, _, prior = cancer
    times = np.arange(len(y)) % 3
    weighted = evaluate_classification(y, p, classes="ab", prior=prior, sample_weight=times, n_bootstrap=0)
    repeated = evaluate_classification(
        np.repeat(y, times), np.repeat(p, times, 0), classes="ab", prior=prior, n_bootstrap=0
    )
    assert [m.value for m in weighted.metrics] == pytest.approx([m.value for m in repeated.metrics])
    np.testing.assert_allclose(weighted.confusion, repeated.confusion)


def test_a_lower_threshold_answers_the_positive_class_more_often(cancer):
    y, p, _, prior = cancer
    low = evaluate_classification(y, p, classes=["m", "b"], prior=prior, threshold=0.1, n_bootstrap=0)
    assert low["recall"].value == pytest.approx(sk.recall_score(y, p[:, 1] >= 0.1))
    assert low["precision"].value == pytest.approx(sk.precision_score(y, p[:, 1] >= 0.1))
    assert low.confusion == sk.confusion_matrix(y, p[:, 1] >= 0.1).tolist()


def test_curves_end_where_they_should_and_are_short(cancer):
    y, p, _, prior = cancer
    many = np.resize(np.arange(len(y)), 5000)
    noise = np.random.default_rng(0).random(5000) * 1e-3
    q = np.clip(p[many, 1] * 0.99 + noise, 0, 1)
    curves = evaluate_classification(y[many], np.stack((1 - q, q), 1), classes="ab", prior=prior, n_bootstrap=0).curves
    assert (curves["roc"]["fpr"][0], curves["roc"]["tpr"][-1]) == (0, 1)
    assert sum(curves["score_histogram"]["weight"]) == 5000
    assert set(curves) == {"roc", "precision_recall", "threshold", "calibration", "score_histogram"}
    assert max(len(column) for curve in curves.values() for column in curve.values()) <= 200


@pytest.mark.slow
def test_scores_by_class(digits):
    y, p, _, prior = digits
    result = evaluate_classification(y, p, classes=[f"digit {i}" for i in range(10)], prior=prior, n_bootstrap=200)
    expected = sk.precision_recall_fscore_support(y, p.argmax(1))
    for i, row in enumerate(result.by_class):
        assert [row[k] for k in ("precision", "recall", "f1", "n_rows")] == pytest.approx([e[i] for e in expected])
        assert row["f1_low"] <= row["f1"] <= row["f1_high"]
    assert result.by_class[3]["name"] == "digit 3"


def test_rows_of_one_class_have_no_ranks_but_everything_else(cancer):
    _, p, _, prior = cancer
    result = evaluate_classification(np.ones(5, int), p[:5], classes=["m", "b"], prior=prior, n_bootstrap=50)
    assert "roc_auc" not in {m.name for m in result.metrics}
    assert "roc" not in result.curves
    assert any("class m" in note for note in result.notes)
    none = evaluate_classification(np.zeros(5, int), p[:5], classes=["m", "b"], prior=prior, n_bootstrap=50)
    assert "threshold" not in none.curves


@pytest.mark.slow
def test_a_class_without_rows_is_named_and_left_out_of_the_ranks(digits):
    y, p, _, prior = digits
    seen = y != 7
    result = evaluate_classification(y[seen], p[seen], classes=range(10), prior=prior, n_bootstrap=50)
    assert any("class 7" in note for note in result.notes)
    present = [c for c in range(10) if c != 7]
    expected = np.mean([sk.roc_auc_score(y[seen] == c, p[seen, c]) for c in present])
    assert result["roc_auc"].value == pytest.approx(expected)


def test_one_row_is_enough_and_few_rows_are_said_to_be_few():
    result = evaluate_classification([1], [[0.2, 0.8]], classes="ab", prior=[0.5, 0.5], n_bootstrap=20)
    assert (result["accuracy"].value, result["accuracy"].high) == (1, 1)
    assert result["accuracy"].low == pytest.approx(1 / (1 + 1.959964**2))  # Wilson's interval of 1 of 1
    assert "1 rows are few" in " ".join(result.notes)


def test_json_holds_everything_but_the_resamples(cancer):
    y, p, _, prior = cancer
    result = evaluate_classification(y, p, classes=["m", "b"], prior=prior, n_bootstrap=50)
    back = Evaluation.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
    assert back == result
    assert not back.replicates


@pytest.mark.parametrize(
    ("y", "p", "match"),
    [
        ([0, 1], [[0.5, 0.5]], "shape"),
        ([0, 2], [[0.5, 0.5]] * 2, "class numbers 0 to 1"),
        (["a", "b"], [[0.5, 0.5]] * 2, "class numbers"),
        ([0, 1], [[0.5, 0.5], [2.0, -1.0]], "row 1"),
        ([0, 1], [[np.nan, np.nan], [0.5, 0.5]], "row 0"),
        ([0, 1], [[-2.0, 1.0], [0.5, 0.1]], "softmax"),
    ],
)
def test_what_are_no_probabilities_is_refused(y, p, match):
    with pytest.raises(DataError, match=match):
        evaluate_classification(y, p, classes="ab", prior=[0.5, 0.5])


def test_an_unknown_metric_gets_a_hint(cancer):
    y, p, _, prior = cancer
    with pytest.raises(SettingError, match="did you mean 'accuracy'"):
        evaluate_classification(y, p, classes="ab", prior=prior, n_bootstrap=0)["acuracy"]
