"""Expectation maximisation by hand against the book's numbers and scikit-learn."""

from itertools import islice

import numpy as np
from sklearn.mixture import GaussianMixture

from parnassus.byhand.mixture import Mixture, em, em_step


def test_0_B60_one_dimension_two_classes() -> None:
    x = np.array([-2, -1.5, 0, 1, 3])[:, None]
    start = Mixture(np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), np.ones((2, 1, 1)))
    step = em_step(start, x)
    gamma = [0.9820137900, 0.9525741268, 0.5, 0.1192029220, 0.0024726232]
    assert np.allclose(step.responsibilities[:, 0], gamma, atol=1e-9)
    assert np.allclose(step.after.weights, [0.5112526924, 0.4887473076], atol=1e-9)
    assert np.allclose(step.after.means[:, 0], [-1.2777509155, 1.5411923177], atol=1e-9)
    assert np.allclose(step.after.covariances[:, 0, 0], [0.7977763662, 1.7320415613], atol=1e-9)
    likelihoods = [s.log_likelihood for s in islice(em(start, x), 4)]
    assert np.allclose(likelihoods, [-10.2961404126, -9.5508322445, -9.5178433712, -9.4811385343], atol=1e-8)
    assert "E step" in str(step)
    assert len(step.diagram().boxes) == 3


def test_many_steps_are_scikit_learns_and_never_fall() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) @ [[1, 0.8], [0, 0.6]] + [3, 1]])
    means = np.array([[0.0, 1.0], [2.0, 0.0]])
    peer = GaussianMixture(
        2, means_init=means, weights_init=[0.5, 0.5], precisions_init=np.stack([np.eye(2)] * 2), reg_covar=0,
        tol=1e-12, max_iter=2000,
    ).fit(x)  # fmt: skip
    steps = list(islice(em(Mixture(np.full(2, 0.5), means, np.stack([np.eye(2)] * 2)), x), 800))
    likelihoods = np.array([s.log_likelihood for s in steps])
    assert (np.diff(likelihoods) > -1e-9).all()
    assert np.allclose(steps[-1].after.means, peer.means_, atol=1e-5)
    assert np.allclose(steps[-1].after.covariances, peer.covariances_, atol=1e-5)
