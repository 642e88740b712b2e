"""Regressions by hand: gradients against central differences, and a descent against scikit-learn."""

from itertools import islice

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from parnassus.byhand import regression
from parnassus.byhand.gradients import gradient_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
BITS = (RNG.normal(size=(12, 2)) > 0).astype(float)
CLASSES = np.eye(4)[RNG.integers(0, 4, 12)]


@pytest.mark.parametrize(
    ("point", "t"),
    [
        (regression.linear_point, BITS),
        (regression.logistic_point, BITS),
        (regression.sigmoid_squared_point, BITS),
        (regression.softmax_point, CLASSES),
    ],
)
def test_a_regressions_gradient_is_its_losss(point: regression.Gradient, t: np.ndarray) -> None:
    w, b = RNG.normal(size=(3, t.shape[1])), RNG.normal(size=t.shape[1])
    at = point(X, t, w, b)
    assert gradient_error(lambda v: point(X, t, v, b).loss, at.by_w, w) < 1e-7
    assert gradient_error(lambda v: point(X, t, w, v).loss, at.by_b, b) < 1e-7


def test_logistic_descent_reaches_scikit_learns_weights() -> None:
    noisy = (X[:, 0] + np.array([1.5, -1.5] * 6) > 0).astype(int)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, noisy)
    points = regression.descend(regression.logistic_point, X, noisy[:, None], lr=1.0, w=np.zeros((3, 1)), b=np.zeros(1))
    (last,) = regression.after(points, 3000)
    assert np.allclose(last.w[:, 0], peer.coef_[0], atol=1e-4)
    assert np.allclose(last.b, peer.intercept_, atol=1e-4)


def test_a_descent_gives_its_start_first() -> None:
    points = regression.descend(regression.linear_point, X, BITS, lr=0.1, w=np.zeros((3, 2)), b=np.zeros(2))
    first, second = islice(points, 2)
    assert first.loss == pytest.approx((BITS**2).sum() / 12)
    assert np.allclose(second.w, -0.1 * first.by_w)
