"""Threshold curves against scikit-learn at every threshold, and the search for the best ones."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.functional.metrics import best_threshold, coordinate_thresholds, threshold_counts, threshold_curve


def test_0_B13_f1_on_the_grid_of_tenths_and_its_argmax():
    # Hifny, B13, second case; the grid is exact tenths, since linspace(0, 1, 11)[3] > .3.
    y, p = [0, 0, 1, 1, 1, 0, 1, 0], [0.1, 0.4, 0.35, 0.8, 0.65, 0.7, 0.9, 0.2]
    grid = [i / 10 for i in range(11)]
    right = [0.6667, 0.6667, 0.7273, 0.8, 0.6667, 0.75, 0.75, 0.5714, 0.6667, 0.4, 0]
    np.testing.assert_allclose(threshold_curve(y, p, thresholds=grid).f, right, atol=5e-5)
    assert best_threshold(y, p, thresholds=grid) == 0.3


def test_0_B13_a_score_equal_to_the_threshold_is_positive():
    # Hifny, B13, first case: tpr at exact tenths; on linspace the scores .3 and .6 miss their own threshold.
    y, p = [0, 1, 1, 0, 1, 0, 1, 0], [0.1, 0.9, 0.8, 0.3, 0.6, 0.2, 0.95, 0.4]
    tp = threshold_counts(y, p, [i / 10 for i in range(11)]).tp / 4
    assert tp.tolist() == [1, 1, 1, 1, 1, 1, 1, 0.75, 0.75, 0.5, 0]
    tp = threshold_counts(y, p, np.linspace(0, 1, 11)).tp / 4
    assert tp.tolist() == [1, 1, 1, 1, 1, 1, 0.75, 0.75, 0.75, 0.5, 0]


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_curves_equal_scikit_learn_at_every_threshold(beta):
    rng = np.random.default_rng(0)
    y, s, w = rng.integers(2, size=60), np.round(rng.random(60), 1), rng.random(60)
    curve = threshold_curve(y, s, beta=beta, sample_weight=w)
    assert curve.thresholds.tolist() == np.unique(s).tolist()
    for t, *ours in zip(*curve, strict=True):
        theirs = sk.precision_recall_fscore_support(
            y, s >= t, beta=beta, average="binary", sample_weight=w, zero_division=0
        )
        assert ours == pytest.approx(theirs[:3])


def test_calling_everything_positive_scores_two_r_over_one_plus_r():
    # Hifny, B14 (property of Listing 5.2): r is the share of positives; above the top score F1 is 0.
    y = np.arange(10) < 3
    f = threshold_curve(y, np.linspace(0.1, 0.9, 10), thresholds=[0.0, 1.0]).f
    assert f.tolist() == pytest.approx([2 * 0.3 / 1.3, 0])


def pooled_f1(truth, scores, tau):
    return sk.f1_score(truth, scores >= np.asarray(tau), average="micro", zero_division=0)


def test_coordinate_search_reaches_a_vector_that_no_single_change_improves():
    rng = np.random.default_rng(3)
    truth = rng.random((80, 4)) < (0.5, 0.2, 0.1, 0.05)
    scores = np.round(rng.random((80, 4)) * 0.7 + truth * 0.3, 1)
    grid = np.arange(12) / 10
    tau = coordinate_thresholds(truth, scores, thresholds=grid)
    reached = pooled_f1(truth, scores, tau)
    for label, t in itertools.product(range(4), grid):
        assert pooled_f1(truth, scores, np.where(np.arange(4) == label, t, tau)) <= reached + 1e-12


@pytest.mark.slow
def test_coordinate_search_beats_each_labels_own_threshold_and_is_near_the_joint_best():
    # The joint best is found by trying all 6^3 vectors with scikit-learn's F1.
    rng = np.random.default_rng(0)
    truth = rng.random((60, 3)) < (0.5, 0.2, 0.05)
    scores = np.round(rng.random((60, 3)) * 0.8 + truth * 0.2, 1)
    grid = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.1])
    own = [best_threshold(truth[:, i], scores[:, i], thresholds=grid) for i in range(3)]
    joint = max(pooled_f1(truth, scores, tau) for tau in itertools.product(grid, repeat=3))
    reached = pooled_f1(truth, scores, coordinate_thresholds(truth, scores, thresholds=grid))
    assert pooled_f1(truth, scores, own) < reached <= joint + 1e-12
    assert reached == pytest.approx(joint, abs=0.02)


def test_a_label_that_never_helps_is_switched_off():
    # Label 1 is never true; any threshold at or below its top score costs precision.
    truth = np.array([[1, 0], [0, 0], [1, 0], [0, 0]])
    scores = np.array([[0.9, 0.5], [0.1, 0.6], [0.8, 0.4], [0.2, 0.3]])
    tau = coordinate_thresholds(truth, scores)
    assert tau[1] > 0.6
    assert pooled_f1(truth, scores, tau) == 1.0
