"""AdaBoost against scikit-learn's with the same trees, and a worked round."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import parnassus as pn
from parnassus.functional.boosting import error_bound

X, Y = load_breast_cancer(return_X_y=True)
IX, IY = load_iris(return_X_y=True)


@pytest.mark.parametrize(("A", "b", "rate"), [(X, Y, 1.0), (X, Y, 0.5), (IX, IY, 1.0)], ids=["two", "slow", "three"])
def test_it_is_scikit_learns_with_the_same_stumps(A, b, rate):
    ours = pn.AdaBoost(n=12, rate=rate).fit(A, b)
    theirs = AdaBoostClassifier(n_estimators=12, learning_rate=rate, random_state=0).fit(A, b)
    np.testing.assert_allclose(ours.errors_, theirs.estimator_errors_[: len(ours.errors_)], atol=1e-9)
    np.testing.assert_allclose(2 * np.array(ours.alphas_), theirs.estimator_weights_, atol=1e-7)
    np.testing.assert_allclose(ours.predict_proba(A), theirs.predict_proba(A), atol=1e-9)


def test_a_round_by_hand():
    x, y = (
        np.arange(5.0)[:, None],
        np.array([0, 0, 1, 1, 0]),
    )  # the best stump splits between 1 and 2, and errs on row 4
    boost = pn.AdaBoost(n=2).fit(x, y)
    assert boost.errors_[0] == pytest.approx(1 / 5)
    assert boost.alphas_[0] == pytest.approx(0.5 * math.log(4))
    # row 4 then weighs 1/2, the others 1/8: the next stump splits before it, and errs on rows 0 and 1
    assert boost.errors_[1] == pytest.approx(2 / 8)


def test_training_errors_stay_below_the_bound_and_fall():
    boost = pn.AdaBoost(n=20).fit(X, Y)
    bound = float(error_bound(torch.tensor(boost.errors_)))
    assert 1 - boost.score(X, Y) <= bound
    assert boost.score(X, Y) > pn.AdaBoost(n=1).fit(X, Y).score(X, Y) + 0.03


def test_it_ends_where_a_member_makes_no_error():
    boost = pn.AdaBoost(DecisionTreeClassifier(), n=10).fit(X, Y)
    assert len(boost.members_) == 1
    assert boost.score(X, Y) == 1


def test_a_member_no_better_than_a_guess_is_refused_first_and_left_out_later():
    rows = np.zeros((4, 1))
    with pytest.raises(pn.SettingError, match="no better than a guess among 2"):
        pn.AdaBoost().fit(rows, [0, 1, 0, 1])
    late = pn.AdaBoost(n=50).fit(np.zeros((3, 1)), [0, 0, 1])
    assert late.errors_ == [pytest.approx(1 / 3)]  # then each class weighs a half, and any constant is a guess


def test_nets_are_boosted_too():
    net = pn.Classifier(pn.model("mlp", hidden=(2,)), epochs=3)
    boost = pn.AdaBoost(net, n=4).fit(X, Y)
    assert boost.score(X, Y) >= boost.members_[0].score(X, Y) - 0.02


def test_weights_of_rows_start_the_weights_of_boosting():
    weight = np.where(np.arange(len(Y)) % 2, 1.0, 0.1)
    ours = pn.AdaBoost(n=5).fit(X, Y, sample_weight=weight)
    theirs = AdaBoostClassifier(n_estimators=5, random_state=0).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_numbers_take_the_weighted_median_and_beat_one_tree():
    A, b = load_diabetes(return_X_y=True)
    tree = DecisionTreeRegressor(max_depth=3)
    boost = pn.AdaBoost(tree, n=30).fit(A[::2], b[::2])
    values = np.stack([m.predict(A[:40]) for m in boost.members_], 1)
    for row, found in zip(values, boost.predict(A[:40]), strict=True):
        order = np.argsort(row)
        reached = np.cumsum(np.array(boost.alphas_)[order]) >= sum(boost.alphas_) / 2
        assert found == row[order][reached.argmax()]
    one = DecisionTreeRegressor(max_depth=3, random_state=0).fit(A[::2], b[::2])
    assert boost.score(A[1::2], b[1::2]) > one.score(A[1::2], b[1::2])


def test_the_errors_of_numbers_are_those_of_druckers_algorithm():
    A, b = load_diabetes(return_X_y=True)
    boost = pn.AdaBoost(DecisionTreeRegressor(max_depth=3), n=6, rate=0.7).fit(A, b)
    weight = np.full(len(b), 1 / len(b))
    for member, error, alpha in zip(boost.members_, boost.errors_, boost.alphas_, strict=True):
        loss = np.abs(member.predict(A) - b)
        loss = loss / loss.max()
        assert error == pytest.approx(np.sum(weight * loss))
        beta = error / (1 - error)
        assert alpha == pytest.approx(0.7 * np.log(1 / beta))
        weight = weight * np.array([beta ** (0.7 * (1 - one)) for one in loss])  # Drucker 1997, step 7, times the rate
        weight = weight / weight.sum()
