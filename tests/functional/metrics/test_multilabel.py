"""Multilabel metrics against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.errors import DataError
from parnassus.functional.metrics import exact_match, hamming_loss, label_counts, label_scores


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    true = rng.random((90, 5)) < (0.6, 0.4, 0.2, 0.05, 0.0)
    pred = true ^ (rng.random((90, 5)) < 0.2)
    return true.astype(int), pred.astype(int), rng.random(90)


@pytest.mark.parametrize("weighted", [False, True])
def test_exact_match_and_hamming_loss_equal_scikit_learn(rows, weighted):
    true, pred, w = rows
    w = w if weighted else None
    assert exact_match(true, pred, sample_weight=w) == pytest.approx(sk.accuracy_score(true, pred, sample_weight=w))
    assert hamming_loss(true, pred, sample_weight=w) == pytest.approx(sk.hamming_loss(true, pred, sample_weight=w))


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_label_scores_equal_scikit_learn(rows, average):
    true, pred, w = rows
    theirs = sk.precision_recall_fscore_support(true, pred, average=average, sample_weight=w, zero_division=0)
    for a, b in zip(label_scores(true, pred, average=average, sample_weight=w), theirs, strict=False):
        np.testing.assert_allclose(a, b)


def test_0_B17_from_rows_that_have_its_counts():
    # Hifny, B17: TP 10 20 15, FP 5 4 3, FN 3 6 7 laid out as rows; micro .7627119, macro .7547619.
    counts = list(zip([10, 20, 15], [5, 4, 3], [3, 6, 7], strict=True))
    n = max(map(sum, counts))
    true, pred = np.zeros((n, 3), int), np.zeros((n, 3), int)
    for label, (tp, fp, fn) in enumerate(counts):
        true[:tp, label], pred[: tp + fp, label], true[tp + fp : tp + fp + fn, label] = 1, 1, 1
    assert label_counts(true, pred).fn.tolist() == [3, 6, 7]
    assert label_scores(true, pred, average="micro").f == pytest.approx(0.7627119, abs=5e-8)
    assert label_scores(true, pred, average="macro").f == pytest.approx(0.7547619, abs=5e-8)


def test_scores_are_no_decisions():
    with pytest.raises(DataError, match="threshold scores first"):
        exact_match([[0, 1]], [[0.2, 0.9]])
