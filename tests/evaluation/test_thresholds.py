"""Tuned thresholds are the best that scikit-learn's metrics find by trying all."""

import numpy as np
import pytest
from sklearn import metrics as sk

from parnassus.errors import SettingError
from parnassus.evaluation import tune_threshold
from parnassus.evaluation.thresholds import tune_margin

RNG = np.random.default_rng(0)
Y = (RNG.random(150) < 0.25).astype(int)
SCORE = np.round(RNG.random(150) * 0.7 + 0.3 * Y, 2)

BY_TRIAL = {
    "f1": sk.f1_score,
    "f0.5": lambda y, p: sk.fbeta_score(y, p, beta=0.5),
    "f2": lambda y, p: sk.fbeta_score(y, p, beta=2),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
}


@pytest.mark.parametrize("metric", BY_TRIAL)
def test_no_other_threshold_is_better(metric):
    score = BY_TRIAL[metric]
    tuned = score(Y, tune_threshold(Y, SCORE, metric=metric) <= SCORE)
    assert tuned == pytest.approx(max(score(Y, t <= SCORE) for t in np.append(np.unique(SCORE)[1:], SCORE.max())))


def test_the_threshold_lies_between_the_scores_that_it_parts():
    assert tune_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)


def test_where_nothing_should_be_positive_the_threshold_is_above_all_scores():
    assert tune_threshold([0, 0, 0], [0.1, 0.2, 0.9], metric="accuracy") > 0.9


def test_where_everything_should_be_positive_it_is_the_lowest_score():
    assert tune_threshold([1, 1, 1], [0.1, 0.2, 0.9]) == 0.1


def test_one_threshold_a_label_each_tuned_for_itself():
    truth, scores = np.stack((Y, 1 - Y), 1), np.stack((SCORE, 1 - SCORE), 1)
    tau = tune_threshold(truth, scores)
    assert tau.tolist() == [tune_threshold(truth[:, i], scores[:, i]) for i in range(2)]


def test_pooled_f1_is_no_lower_than_with_each_labels_own_threshold():
    truth = np.stack((Y, RNG.random(150) < 0.05, RNG.random(150) < 0.6), 1).astype(int)
    scores = RNG.random((150, 3)) * 0.7 + 0.3 * truth
    pooled, own = (
        sk.f1_score(truth, scores >= tune_threshold(truth, scores, metric=metric), average="micro")
        for metric in ("f1_micro", "f1")
    )
    assert pooled >= own


def test_an_unknown_metric_gets_a_hint_and_pooling_needs_labels():
    with pytest.raises(SettingError, match="did you mean 'accuracy'"):
        tune_threshold(Y, SCORE, metric="acuracy")
    with pytest.raises(SettingError, match="pools labels"):
        tune_threshold(Y, SCORE, metric="f1_micro")


def test_no_other_margin_chooses_better():
    draw = np.random.default_rng(1)
    margin, weight = np.round(draw.normal(size=80), 1), draw.random(80)
    above, below = draw.random(80) < 0.5 + 0.2 * margin, draw.random(80) < 0.5

    def score(t, weight):
        return (np.where(margin > t, above, below) * weight).sum()

    for given in (None, weight):
        own = np.ones(80) if given is None else weight
        tuned = tune_margin(margin, above, below, sample_weight=given)
        assert score(tuned, own) == pytest.approx(max(score(t, own) for t in np.linspace(-5, 5, 2001)))
        assert score(tuned, own) > score(0, own)


def test_of_equally_good_margins_the_nearest_to_zero_is_taken():
    assert tune_margin([-2, 3], [1, 1], [1, 1]) == 0
    assert tune_margin([-4, -2, 3], [0, 1, 1], [1, 0, 0]) == -3
    assert tune_margin([2, 3], [0, 0], [1, 1]) == 4
    assert tune_margin([-2, -3], [1, 1], [0, 0]) == -4
