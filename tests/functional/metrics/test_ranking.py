"""ROC and precision-recall curves against scikit-learn, pair counting and the books."""

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.errors import DataError
from parnassus.functional.metrics import average_precision, pr_auc, pr_curve, roc_auc, roc_curve


def drawn(seed=0, n=300):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    return y.astype(int), np.round(rng.normal(size=n) + y, 1), rng.random(n)  # rounding makes ties


def test_0_B13_perfect_separation_has_area_one():
    # Hifny, B13: the book's listing integrates from right to left and prints -1.0.
    y, p = [0, 1, 1, 0, 1, 0, 1, 0], [0.1, 0.9, 0.8, 0.3, 0.6, 0.2, 0.95, 0.4]
    assert roc_auc(y, p) == 1.0
    assert roc_auc(y, p) != -1.0


def test_0_B13_second_case():
    # Hifny, B13: .8125 by ranks.
    assert roc_auc([0, 0, 1, 1, 1, 0, 1, 0], [0.1, 0.4, 0.35, 0.8, 0.65, 0.7, 0.9, 0.2]) == pytest.approx(0.8125)


def test_1_B31_points_and_area_of_four_scores():
    # Baker, B31: .75 and the points (0, .5) (.5, .5) (.5, 1) (1, 1) after (0, 0).
    curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    points = list(zip(curve.fpr.tolist(), curve.tpr.tolist(), strict=True))
    assert points == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert curve.thresholds.tolist() == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_the_chance_that_a_positive_outranks_a_negative_and_ties_count_half(seed):
    y, s, _ = drawn(seed)
    higher, lower = s[y == 1][:, None], s[y == 0][None]
    assert roc_auc(y, s) == pytest.approx(((higher > lower) + 0.5 * (higher == lower)).mean())


@pytest.mark.parametrize("weighted", [False, True])
def test_curves_equal_scikit_learn(weighted):
    y, s, w = drawn()
    w = w if weighted else None
    for ours, theirs in zip(
        roc_curve(y, s, sample_weight=w), sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    for ours, theirs in zip(
        pr_curve(y, s, sample_weight=w), sk.precision_recall_curve(y, s, sample_weight=w), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    assert roc_auc(y, s, sample_weight=w) == pytest.approx(sk.roc_auc_score(y, s, sample_weight=w))
    assert average_precision(y, s, sample_weight=w) == pytest.approx(sk.average_precision_score(y, s, sample_weight=w))
    p, r, _ = sk.precision_recall_curve(y, s, sample_weight=w)
    assert pr_auc(y, s, sample_weight=w) == pytest.approx(sk.auc(r, p))


def test_several_classes_are_averaged_one_against_the_rest():
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=200)
    p = rng.dirichlet(np.ones(3), size=200)
    assert roc_auc(y, p) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))
    assert average_precision(y, p) == pytest.approx(sk.average_precision_score(np.eye(3)[y], p))


def test_the_curve_that_says_nothing_lies_on_the_share_of_positives():
    y = np.arange(10) < 3
    assert roc_auc(y, np.zeros(10)) == 0.5
    assert average_precision(y, np.zeros(10)) == pytest.approx(0.3)


def test_one_class_has_no_roc_curve():
    with pytest.raises(DataError, match="all rows are negative"):
        roc_auc([0, 0], [0.1, 0.2])
    with pytest.raises(DataError, match="no row is positive"):
        average_precision([0, 0], [0.1, 0.2])
    with pytest.raises(DataError, match="one class only"):
        roc_auc([1, 1], np.ones((2, 3)))


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(DataError, match="NaN, first in row 1"):
        roc_auc([0, 1], [0.1, np.nan])
    with pytest.raises(DataError, match="expected 0 and 1"):
        roc_auc(["a", "b"], [0.1, 0.2])
