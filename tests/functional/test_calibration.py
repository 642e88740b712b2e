"""Calibration maps against scikit-learn's."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from parnassus.errors import DataError
from parnassus.functional.calibration import (
    check_both,
    isotonic,
    log_odds,
    one_against_rest,
    platt,
    temperature,
    with_isotonic,
    with_platt,
    with_temperature,
)

RNG = np.random.default_rng(0)
N = 300
TRUTH = RNG.integers(0, 2, N)
SCORES = 4 * (TRUTH - 0.5) + RNG.normal(0, 3, N)  # over-confident
LABELS = RNG.integers(0, 3, N)
LOGITS = 3 * np.eye(3)[LABELS] + RNG.normal(0, 3, (N, 3))


class Scorer:
    """Scores given as the rows themselves, as a fitted scikit-learn classifier."""

    _estimator_type = "classifier"

    def __init__(self, n_classes=2):
        self.classes_, self.n_features_in_ = np.arange(n_classes), 1

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return X[:, 0] if len(self.classes_) == 2 else X

    def predict(self, X):
        return self.decision_function(X)

    def get_params(self, deep=True):
        return {"n_classes": len(self.classes_)}

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags(), input_tags=InputTags())


def scikit_learns(method, X, y, n_classes, weight=None):
    made = CalibratedClassifierCV(FrozenEstimator(Scorer(n_classes)), method=method, ensemble=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Since FrozenEstimator does not appear to accept sample_weight")
        return made.fit(X, y, sample_weight=weight).predict_proba(X)


@pytest.mark.parametrize("weight", [None, RNG.uniform(0.5, 2, N)], ids=["even", "weighted"])
def test_platt_is_scikit_learns(weight):
    expected = scikit_learns("sigmoid", SCORES[:, None], TRUTH, 2, weight)[:, 1]
    np.testing.assert_allclose(with_platt(SCORES, *platt(SCORES, TRUTH, weight=weight)), expected, atol=1e-5)


def test_isotonic_is_scikit_learns():
    expected = scikit_learns("isotonic", SCORES[:, None], TRUTH, 2)[:, 1]
    np.testing.assert_allclose(with_isotonic(SCORES, *isotonic(SCORES, TRUTH)), expected, atol=1e-12)


def test_temperature_is_scikit_learns():
    expected = scikit_learns("temperature", LOGITS, LABELS, 3)
    np.testing.assert_allclose(with_temperature(LOGITS, temperature(LOGITS, LABELS)), expected, atol=1e-6)
    expected = scikit_learns("temperature", SCORES[:, None], TRUTH, 2)
    pair = np.stack([np.zeros(N), SCORES], 1)
    np.testing.assert_allclose(with_temperature(pair, temperature(pair, TRUTH)), expected, atol=1e-6)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_several_classes_are_scikit_learns_one_against_the_rest(method):
    scores = log_odds(LOGITS)
    fit, use = {"sigmoid": (platt, with_platt), "isotonic": (isotonic, with_isotonic)}[method]
    ours = one_against_rest(np.stack([use(scores[:, k], *fit(scores[:, k], k == LABELS)) for k in range(3)], 1))
    np.testing.assert_allclose(ours, scikit_learns(method, scores, LABELS, 3), atol=1e-5)


def test_a_weight_of_three_is_a_row_three_times():
    weight = RNG.integers(1, 4, N)
    again = np.repeat(np.arange(N), weight)
    assert temperature(LOGITS, LABELS, weight=weight) == pytest.approx(temperature(LOGITS[again], LABELS[again]))
    assert platt(SCORES, TRUTH, weight=weight) == pytest.approx(platt(SCORES[again], TRUTH[again]))


def test_a_temperature_that_was_put_in_is_found_again():
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, (20_000, 3))
    y = (np.exp(log_softmax(z, axis=1)).cumsum(1) > rng.uniform(size=(20_000, 1))).argmax(1)
    assert temperature(2.5 * z, y) == pytest.approx(2.5, rel=0.05)


def test_a_temperature_leaves_every_answer_as_it_was():
    t = temperature(LOGITS, LABELS)
    assert t > 1
    assert (with_temperature(LOGITS, t).argmax(1) == LOGITS.argmax(1)).all()


def test_logits_that_are_all_right_or_all_wrong_have_a_bounded_temperature():
    right = 5 * np.eye(3)[LABELS]
    assert temperature(right, LABELS) == pytest.approx(np.exp(-10))
    assert temperature(-right, LABELS) == pytest.approx(np.exp(10))


def test_log_odds_are_those_of_the_softmax():
    p = np.exp(log_softmax(LOGITS, axis=1))
    np.testing.assert_allclose(expit(log_odds(LOGITS)), p, atol=1e-12)
    np.testing.assert_allclose(log_odds(LOGITS + 100), log_odds(LOGITS), atol=1e-9)


def test_platts_targets_are_held_off_zero_and_one():
    a, b = platt(np.array([-1.0, -2.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))  # separable: without them a is infinite
    assert 0 < a < 3
    assert b == pytest.approx(0, abs=1e-9)


def test_rows_of_one_side_are_refused():
    with pytest.raises(DataError, match="no rows of class 'b'"):
        check_both(np.zeros(3, dtype=bool), "rows of class 'b'")
