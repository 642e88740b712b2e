"""Bagging against scikit-learn's trees on the same rows; out-of-bag answers; draws that show one class."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import parnassus as pn
from parnassus.data.split import bootstrap_draw
from parnassus.train.randomness import seed_of

X, Y = load_breast_cancer(return_X_y=True)
DX, DY = load_diabetes(return_X_y=True)


def draw(i, n, seed=0):
    return bootstrap_draw(n, n, seed=seed_of(seed, "rows", i, 0))


def test_it_is_the_mean_of_scikit_learns_trees_on_the_same_rows():
    bag = pn.Bagging(DecisionTreeClassifier(max_depth=3), n=4).fit(X, Y)
    trees = []
    for i, member in enumerate(bag.members_):
        rows, _ = draw(i, len(X))
        trees.append(DecisionTreeClassifier(max_depth=3, random_state=member.random_state).fit(X[rows], Y[rows]))
    np.testing.assert_allclose(bag.predict_proba(X), np.mean([t.predict_proba(X) for t in trees], axis=0))
    assert len({m.random_state for m in bag.members_}) == 4


def test_without_draws_it_is_scikit_learns_bagging():
    # neighbours draw nothing, so that all rows in any order make one and the same member
    ours = pn.Bagging(KNeighborsClassifier(), n=3, replace=False).fit(X, Y)
    theirs = BaggingClassifier(KNeighborsClassifier(), n_estimators=3, bootstrap=False, random_state=0).fit(X, Y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))
    assert ours.oob_score_ is None


@pytest.mark.slow
@pytest.mark.parametrize("form", ["classes", "numbers"])
def test_out_of_bag_answers_come_from_the_members_that_did_not_draw_the_row(form):
    if form == "classes":
        A, b, base = X, Y, DecisionTreeClassifier(max_depth=3)
    else:
        A, b, base = DX, DY, DecisionTreeRegressor(max_depth=3)
    bag = pn.Bagging(base, n=3, seed=5).fit(A, b)
    wanted = np.full((len(A), 2 if form == "classes" else 1), np.nan)
    for row in range(len(A)):
        asked = [m for i, m in enumerate(bag.members_) if row not in draw(i, len(A), 5)[0]]
        if asked:
            one = A[row : row + 1]
            wanted[row] = np.mean(
                [m.predict_proba(one)[0] if form == "classes" else m.predict(one) for m in asked], axis=0
            )
    np.testing.assert_allclose(bag.oob_predictions_, wanted)
    known = ~np.isnan(wanted[:, 0])
    assert 0 < known.sum() < len(A)  # of 3 members some rows are drawn by all: (1 - 1/e)^3 is a quarter
    if form == "classes":
        score = accuracy_score(b[known], wanted[known, 1] >= 0.5)
    else:
        score = r2_score(b[known], wanted[known, 0])
    assert bag.oob_score_ == pytest.approx(score)


def test_a_subspace_is_all_that_a_member_sees():
    bag = pn.Bagging(DecisionTreeClassifier(), n=6, columns=0.2).fit(X, Y)
    assert {m.n_features_in_ for m in bag.members_} == {6}  # a fifth of 30
    assert len({tuple(c) for c in bag.columns_}) == 6
    other = X.copy()
    unseen = np.setdiff1d(np.arange(30), np.concatenate(bag.columns_[:1]))
    other[:, unseen] = 0
    bag.members_, bag.columns_ = bag.members_[:1], bag.columns_[:1]
    np.testing.assert_array_equal(bag.predict_proba(X), bag.predict_proba(other))
    with pytest.raises(ValueError, match="columns"):
        bag.predict(X[:, :2])


def test_members_are_the_nets_that_separate_fits_would_give():
    net = pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=3)
    bag = pn.Bagging(net, n=3).fit(X, Y)
    for i, member in enumerate(bag.members_):
        rows, _ = draw(i, len(X))
        alone = pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=3, seed=member.seed).fit(X[rows], Y[rows])
        np.testing.assert_allclose(member.predict_proba(X), alone.predict_proba(X), atol=1e-5)
    assert len({m.seed for m in bag.members_}) == 3


def test_members_that_stop_early_watch_the_rows_they_did_not_draw():
    net = pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=6, patience=2)
    bag = pn.Bagging(net, n=2).fit(X, Y)  # a fraction held out of rows drawn twice would warn of rows on both sides
    for i, member in enumerate(bag.members_):
        np.testing.assert_array_equal(member.held_.X, X[draw(i, len(X))[1]])


def test_a_draw_of_one_class_is_drawn_again():
    y = np.zeros(40, int)
    y[0] = 1
    bag = pn.Bagging(DecisionTreeClassifier(), n=8).fit(X[:40], y)
    assert all(m.n_classes_ == 2 for m in bag.members_)  # about 3 of 8 plain draws would miss the row
    with pytest.raises(pn.DataError, match="one class alone"):
        pn.Bagging(DecisionTreeClassifier(), rows=0.025).fit(X[:40], y)


def test_weights_go_with_their_rows():
    weight = np.random.default_rng(0).random(len(Y))
    bag = pn.Bagging(DecisionTreeClassifier(max_depth=2), n=2).fit(X, Y, sample_weight=weight)
    for i, member in enumerate(bag.members_):
        rows, _ = draw(i, len(X))
        tree = DecisionTreeClassifier(max_depth=2, random_state=member.random_state)
        tree.fit(X[rows], Y[rows], sample_weight=weight[rows])
        np.testing.assert_array_equal(member.predict_proba(X), tree.predict_proba(X))


def test_bagged_trees_vary_less_than_one():
    rng = np.random.default_rng(0)
    at = rng.uniform(-2, 2, (50, 1))
    single, bagged = [], []
    for run in range(12):
        x = rng.uniform(-2, 2, (40, 1))
        y = np.sin(2 * x[:, 0]) + 0.3 * rng.normal(size=40)
        single.append(DecisionTreeRegressor(random_state=0).fit(x, y).predict(at))
        bagged.append(pn.Bagging(DecisionTreeRegressor(), n=10, seed=run).fit(x, y).predict(at))
    assert np.var(bagged, axis=0).mean() < 0.7 * np.var(single, axis=0).mean()


def test_every_member_sees_every_class():
    y = np.arange(60) % 2
    y[[0, 1]], y[[2, 3]] = 2, 3  # a plain draw misses one of them in about a quarter of the members
    bag = pn.Bagging(DecisionTreeClassifier(), n=20).fit(X[:60], y)
    assert all(len(m.classes_) == 4 for m in bag.members_)


def test_a_class_that_cannot_be_drawn_is_named_once():
    y = np.array(["a", "b", "rare"])[np.r_[np.arange(58) % 2, 2, 2]]
    with pytest.warns(pn.DataWarning, match="rare|'a'|'b'") as caught:
        bag = pn.Bagging(DecisionTreeClassifier(), n=4, rows=2 / 60).fit(X[:60], y)  # two rows hold two classes
    assert len(caught) == 1
    assert all(len(m.classes_) == 2 for m in bag.members_)
