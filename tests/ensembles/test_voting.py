"""Voting against scikit-learn's, and counted by hand."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import parnassus as pn

X, Y = load_wine(return_X_y=True)
MEMBERS = [
    ("nb", GaussianNB()),
    ("near", KNeighborsClassifier()),
    ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
]


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
def test_soft_votes_are_scikit_learns(weights):
    ours = pn.Voting(MEMBERS, weights=weights).fit(X, Y)
    theirs = VotingClassifier(MEMBERS, voting="soft", weights=weights).fit(X, Y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
def test_the_majority_is_scikit_learns(weights):
    ours = pn.Voting(MEMBERS, how="hard", weights=weights).fit(X, Y)
    theirs = VotingClassifier(MEMBERS, voting="hard", weights=weights).fit(X, Y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    said = np.array([[m.predict(X[:1])[0] for m in ours.members_]])
    weight = np.ones(3) if weights is None else np.array(weights)
    assert ours.predict_proba(X[:1])[0, 1] == pytest.approx(weight[said[0] == 1].sum() / weight.sum())


def test_numbers_are_averaged_as_scikit_learn_does():
    A, b = load_diabetes(return_X_y=True)
    members = [("line", LinearRegression()), ("near", KNeighborsRegressor())]
    ours = pn.Voting(members, weights=[1, 3]).fit(A, b)
    theirs = VotingRegressor(members, weights=[1, 3]).fit(A, b)
    np.testing.assert_allclose(ours.predict(A), theirs.predict(A))


def test_a_member_without_probabilities_votes_with_all_it_has():
    ours = pn.Voting([LinearSVC(), GaussianNB()]).fit(X, Y)
    wanted = (np.eye(3)[ours.members_[0].predict(X)] + ours.members_[1].predict_proba(X)) / 2
    np.testing.assert_allclose(ours.predict_proba(X), wanted)


def test_a_tie_of_two_classes_goes_to_the_second():
    class_zero = DecisionTreeClassifier(class_weight={0: 1e9, 1: 1e-9}, max_depth=1, max_features=1, random_state=0)
    class_one = DecisionTreeClassifier(class_weight={0: 1e-9, 1: 1e9}, max_depth=1, max_features=1, random_state=0)
    x, y = np.zeros((4, 1)), np.array([0, 1, 0, 1])
    vote = pn.Voting([class_zero, class_one], how="hard").fit(x, y)
    assert vote.predict_proba(x)[0].tolist() == [0.5, 0.5]
    assert vote.predict(x).tolist() == [1] * 4


def test_members_keep_the_seeds_they_were_given():
    tree, other = DecisionTreeClassifier(random_state=7), DecisionTreeClassifier()
    vote = pn.Voting([tree, other, pn.Classifier("logistic", epochs=1, seed=3)], seed=1).fit(X, Y)
    seeds = [vote.members_[0].random_state, vote.members_[1].random_state, vote.members_[2].seed]
    assert seeds[0] == 7
    assert seeds[1] is not None  # one without would draw from NumPy's own state
    assert seeds[2] == 3
