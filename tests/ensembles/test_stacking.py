"""Stacking against scikit-learn's on the same folds; answers that the final estimator learns from leak nothing."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import parnassus as pn
from parnassus.data.split import k_folds, stratified_folds
from parnassus.train.randomness import seed_of


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_it_is_scikit_learns_on_the_same_folds(load):
    X, y = load(return_X_y=True)
    members, final = (
        [("nb", GaussianNB()), ("near", KNeighborsClassifier())],
        LogisticRegression(tol=1e-10, max_iter=2000),
    )
    ours = pn.Stacking(members, final=final, n_folds=4).fit(X, y)
    folds = stratified_folds(y, 4, seed=seed_of(0, "folds"))
    theirs = StackingClassifier(members, final_estimator=final, cv=folds, stack_method="predict_proba").fit(X, y)
    n = len(theirs.classes_)
    if n == 2:  # both leave the first of two classes out; of three, scikit-learn keeps all columns
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    kept = np.array([c for c in range(2 * n) if c % n]) if n > 2 else np.arange(2)
    np.testing.assert_allclose(ours._answers_of_members(X), theirs.transform(X)[:, kept])


def test_numbers_are_stacked_as_scikit_learn_does():
    X, y = load_diabetes(return_X_y=True)
    members = [("line", LinearRegression()), ("near", KNeighborsRegressor())]
    ours = pn.Stacking(members, final=LinearRegression(), n_folds=3).fit(X, y)
    folds = k_folds(len(X), 3, seed=seed_of(0, "folds"))
    theirs = StackingRegressor(members, final_estimator=LinearRegression(), cv=folds).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))


def test_labels_drawn_at_random_do_not_leak_into_what_the_final_estimator_learns():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.normal(size=300)
    stack = pn.Stacking([DecisionTreeRegressor(random_state=0)], final=LinearRegression()).fit(X, y)
    # a full tree knows its own rows by heart: learned from those, the slope would be 1 and the score 1
    assert stack.members_[0].score(X, y) == 1
    assert abs(stack.final_.coef_[0]) < 0.3
    assert stack.score(X, y) < 0.5


def test_members_that_answer_new_rows_have_seen_all_rows():
    X, y = load_wine(return_X_y=True)
    stack = pn.Stacking([DecisionTreeClassifier(random_state=0)], n_folds=3).fit(X, y)
    whole = DecisionTreeClassifier(random_state=0).fit(X, y)
    np.testing.assert_array_equal(stack.members_[0].predict_proba(X), whole.predict_proba(X))


@pytest.mark.slow
def test_the_default_final_estimators_learn():
    X, y = load_wine(return_X_y=True)
    assert (
        pn.Stacking([GaussianNB(), KNeighborsClassifier()], n_folds=3).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9
    )
    A, b = load_diabetes(return_X_y=True)
    stack = pn.Stacking([LinearRegression(), KNeighborsRegressor()]).fit(A[::2], b[::2])
    assert stack.score(A[1::2], b[1::2]) > 0.4


def test_several_labels_a_row_are_stacked():
    X, y = load_wine(return_X_y=True)
    hot = np.stack([y == 0, y > 0, y == 2], 1).astype(int)
    stack = pn.Stacking([pn.Classifier("logistic", epochs=10), KNeighborsClassifier()], n_folds=3).fit(X, hot)
    assert stack.predict(X).shape == hot.shape
    assert stack.score(X, hot) > 0.5
