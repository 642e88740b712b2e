"""Gradient boosting against scikit-learn's with the same trees, against a plain loop, and its losses."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeRegressor

import parnassus as pn

DX, DY = load_diabetes(return_X_y=True)
X, Y = load_breast_cancer(return_X_y=True)
IX, IY = load_iris(return_X_y=True)


def test_it_is_scikit_learns_for_squared_errors():
    ours = pn.GradientBoosting(DecisionTreeRegressor(max_depth=2), n=25, rate=0.2).fit(DX, DY)
    theirs = GradientBoostingRegressor(n_estimators=25, learning_rate=0.2, max_depth=2, random_state=0).fit(DX, DY)
    np.testing.assert_allclose(ours.predict(DX), theirs.predict(DX), rtol=1e-9)
    np.testing.assert_allclose(ours.alphas_, 0.2)  # a least-squares member is followed all the way
    np.testing.assert_allclose(ours.losses_[-1], np.mean((DY - theirs.predict(DX)) ** 2))


def test_classes_are_boosted_as_a_plain_loop_does():
    ours = pn.GradientBoosting(DecisionTreeRegressor(max_depth=2), n=6, rate=0.5, loss="log_loss").fit(X, Y)
    score = np.full(len(Y), np.log(Y.mean() / (1 - Y.mean())))
    for member in ours.members_:
        p = expit(score)
        f = DecisionTreeRegressor(max_depth=2, random_state=member.random_state).fit(X, Y - p).predict(X)
        score = score + 0.5 * (f @ (Y - p)) / (f**2 @ (p * (1 - p))) * f
    np.testing.assert_allclose(ours.predict_proba(X)[:, 1], expit(score), atol=1e-9)
    assert ours.losses_[-1] == pytest.approx(log_loss(Y, expit(score)))


def test_three_classes_share_a_softmax():
    ours = pn.GradientBoosting(n=10, rate=0.3, loss="log_loss").fit(IX, IY)
    score = np.log(np.full((150, 3), 1 / 3)) + sum(
        a * m.predict(IX) for a, m in zip(ours.alphas_, ours.members_, strict=True)
    )
    np.testing.assert_allclose(ours.predict_proba(IX), softmax(score, 1))
    assert ours.losses_[-1] == pytest.approx(log_loss(IY, softmax(score, 1)))
    assert ours.score(IX, IY) > 0.95


@pytest.mark.parametrize(("loss", "A", "b"), [("squared_error", DX, DY), ("log_loss", X, Y), ("log_loss", IX, IY)])
def test_the_training_loss_falls_at_every_round(loss, A, b):
    losses = pn.GradientBoosting(n=12, loss=loss).fit(A, b).losses_
    assert (np.diff(losses) < 0).all()


def test_nets_are_boosted_too():
    net = pn.Regressor(pn.model("mlp", hidden=(4,)), epochs=10)
    boost = pn.GradientBoosting(net, n=6, rate=0.5).fit(DX, DY)
    assert boost.score(DX, DY) > boost.members_[0].fit(DX, DY).score(DX, DY) - 0.05
    assert (np.diff(boost.losses_) < 0).all()


def test_rows_of_weight_zero_have_no_say():
    weight = (np.arange(len(DY)) % 2).astype(float)
    other = np.where(weight == 0, 1e3, DY)
    stump = DecisionTreeRegressor(max_depth=1)
    first, second = (pn.GradientBoosting(stump, n=5).fit(DX, y, sample_weight=weight).predict(DX) for y in (DY, other))
    np.testing.assert_allclose(first, second)


def test_boosting_takes_bias_away_that_bagging_leaves():
    stump = DecisionTreeRegressor(max_depth=1)
    x = np.linspace(-2, 2, 80)[:, None]
    y = np.sin(2 * x[:, 0])
    assert pn.GradientBoosting(stump, n=60, rate=0.5).fit(x, y).score(x, y) > 0.98
    assert pn.Bagging(stump, n=60).fit(x, y).score(x, y) < 0.7
