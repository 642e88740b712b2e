"""Multilabel evaluation against scikit-learn."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.errors import DataError
from parnassus.evaluation import evaluate_multilabel, tune_threshold

LABELS = ["red", "round", "rare"]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    true = (rng.random((400, 3)) < (0.6, 0.3, 0.1)).astype(int)
    return true, np.clip(0.4 * true + 0.6 * rng.random((400, 3)), 0, 1)


def test_values_equal_scikit_learn(rows):
    true, p = rows
    result = evaluate_multilabel(true, p, labels=LABELS, prior=[0.6, 0.3, 0.1], n_bootstrap=200)
    pred = (p >= 0.5).astype(int)
    expected = {
        "f1_micro": sk.f1_score(true, pred, average="micro"),
        "f1_macro": sk.f1_score(true, pred, average="macro"),
        "precision_micro": sk.precision_score(true, pred, average="micro"),
        "recall_micro": sk.recall_score(true, pred, average="micro"),
        "exact_match": sk.accuracy_score(true, pred),
        "hamming_loss": sk.hamming_loss(true, pred),
        "roc_auc": sk.roc_auc_score(true, p),
        "average_precision": sk.average_precision_score(true, p),
        "log_loss": np.mean([sk.log_loss(true[:, i], p[:, i]) for i in range(3)]),
        "brier": np.mean((true - p) ** 2),
    }
    assert {m.name: m.value for m in result.metrics} == pytest.approx(expected)
    assert all(m.low <= m.value <= m.high for m in result.metrics)


def test_the_baseline_gives_every_row_the_training_frequencies(rows):
    true, p = rows
    result = evaluate_multilabel(true, p, labels=LABELS, prior=[0.6, 0.3, 0.1], n_bootstrap=0)
    always = np.tile([1, 0, 0], (400, 1))
    assert result["f1_micro"].baseline == pytest.approx(sk.f1_score(true, always, average="micro"))
    assert result["exact_match"].baseline == pytest.approx(sk.accuracy_score(true, always))
    assert result["roc_auc"].baseline == pytest.approx(0.5)
    assert result["average_precision"].baseline == pytest.approx(true.mean())
    assert result["brier"].baseline == pytest.approx(np.mean((true - np.array([0.6, 0.3, 0.1])) ** 2))


def test_a_threshold_a_label(rows):
    true, p = rows
    tau = tune_threshold(true, p)
    result = evaluate_multilabel(true, p, labels=LABELS, prior=[0.6, 0.3, 0.1], thresholds=tau, n_bootstrap=0)
    assert result["f1_macro"].value == pytest.approx(sk.f1_score(true, p >= tau, average="macro"))
    assert [row["threshold"] for row in result.by_class] == pytest.approx(tau)
    assert result.by_class[2]["recall"] == pytest.approx(sk.recall_score(true[:, 2], p[:, 2] >= tau[2]))
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_label_without_rows_is_named(rows):
    true, p = rows
    true[:, 2] = 0
    result = evaluate_multilabel(true, p, labels=LABELS, prior=[0.6, 0.3, 0.1], n_bootstrap=20)
    assert "rare" in result.notes[0]
    assert result["roc_auc"].value == pytest.approx(sk.roc_auc_score(true[:, :2], p[:, :2]))
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("true", "p", "match"),
    [
        ([[0, 1]], [[0.5, 0.5, 0.5]], "shape"),
        ([[0, 1, 2]], [[0.5, 0.5, 0.5]], "0 and 1"),
        ([[0, 1, 1]], [[0.5, 3.0, 0.5]], "sigmoid"),
        ([[0, 1, 1]], [[0.5, np.nan, 0.5]], "NaN"),
    ],
)
def test_what_are_no_labels_or_probabilities_is_refused(true, p, match):
    with pytest.raises(DataError, match=match):
        evaluate_multilabel(true, p, labels=LABELS, prior=[0.6, 0.3, 0.1])
