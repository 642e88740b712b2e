"""Bayesian logistic regression: scikit-learn's mode, integrals of the posterior, and the peak of the evidence."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from sklearn.linear_model import BayesianRidge, LogisticRegression

from parnassus.errors import DataError
from parnassus.functional.bayes import evidence_maximum
from parnassus.functional.bayes.logistic import logistic_evidence_maximum, logistic_posterior

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y2 = (X @ [1.0, -0.7, 0.0] + RNG.logistic(size=80) > 0).astype(int)
Y3 = np.digitize(X[:, 0] + 0.5 * RNG.normal(size=80), [-0.6, 0.6])
TX, T2, T3 = torch.from_numpy(X), torch.from_numpy(Y2).double(), torch.eye(3).double()[Y3]
EVEN = torch.full((3,), 0.8).double()
WEIGHT = 0.3 + TX[:, 1].abs()


@pytest.mark.parametrize(("y", "answers"), [(T2, Y2), (T3, Y3)], ids=["two", "three"])
def test_the_mode_is_scikit_learns(y, answers):
    theirs = LogisticRegression(C=1 / 0.8, fit_intercept=False, tol=1e-10, max_iter=1000)
    theirs.fit(X, answers, sample_weight=WEIGHT.numpy())
    found = logistic_posterior(TX, y, precision=EVEN, weight=WEIGHT)
    assert found.mean.T.numpy() == pytest.approx(theirs.coef_, abs=1e-5)


@pytest.mark.parametrize("y", [T2, T3], ids=["two", "three"])
def test_covariance_and_evidence_are_those_of_autograds_hessian(y):
    found = logistic_posterior(TX, y, precision=EVEN, weight=WEIGHT)
    d, k = found.mean.shape

    def height(flat):
        z = TX @ flat.view(k, d).T
        own = y[:, None] if k == 1 else y
        two = torch.cat([torch.zeros_like(z), z], 1) if k == 1 else z
        whole = torch.cat([1 - own, own], 1) if k == 1 else own
        prior = torch.distributions.Normal(0.0, EVEN.rsqrt().repeat(k))
        return (WEIGHT * (whole * two.log_softmax(1)).sum(1)).sum() + prior.log_prob(flat).sum()

    mode = found.mean.T.flatten()
    assert torch.autograd.functional.jacobian(height, mode).abs().max() < 1e-6
    bends = -torch.autograd.functional.hessian(height, mode)
    torch.testing.assert_close(found.covariance, torch.linalg.inv(bends))
    expected = height(mode) + 0.5 * k * d * math.log(2 * math.pi) - 0.5 * torch.logdet(bends)
    assert found.log_evidence == pytest.approx(float(expected), rel=1e-9)


def test_one_weight_has_the_evidence_and_the_moments_of_an_integral():
    x, y = TX[:, :1], T2
    found = logistic_posterior(x, y, precision=torch.ones(1).double())

    def density(w):
        z = X[:, 0] * w
        return math.exp(float((Y2 * z - np.logaddexp(0, z)).sum()) - w * w / 2 - found.log_evidence) / 2.5066282746

    whole = quad(density, -8, 8, points=[float(found.mean)])[0]
    mean = quad(lambda w: w * density(w), -8, 8, points=[float(found.mean)])[0] / whole
    assert whole == pytest.approx(1, abs=0.01)  # Laplace's is an approximation: off by about 1 / n
    assert mean == pytest.approx(float(found.mean), abs=0.03)
    spread = quad(lambda w: (w - mean) ** 2 * density(w), -8, 8, points=[mean])[0] / whole
    assert spread == pytest.approx(float(found.covariance), rel=0.06)


@pytest.mark.parametrize("y", [T2, T3], ids=["two", "three"])
def test_the_precision_is_at_the_peak_of_the_evidence_and_near_mackays(y):
    x = torch.cat([TX, torch.ones(80, 1).double()], 1)
    free = torch.tensor([0.0, 0.0, 0.0, 0.01], dtype=torch.float64)
    best = logistic_evidence_maximum(x, y, free=free)
    assert float(best.precision[3]) == 0.01
    chosen = float(best.precision[0])
    grid = [chosen * math.exp(step) for step in np.linspace(-8, 8, 33)]
    values = [logistic_posterior(x, y, precision=torch.where(free > 0, free, at)).log_evidence for at in grid]
    assert max(values) <= best.log_evidence + 1e-7
    assert values.index(max(values)) == 16
    determined, mean = best.determined[:3], best.mean[:3]
    assert ((determined >= 0) & (determined <= 1)).all()
    assert float(determined.sum() / mean.square().sum()) == pytest.approx(chosen, rel=0.4)


def test_scores_have_the_covariance_of_drawn_weights():
    found = logistic_posterior(TX, T3, precision=EVEN)
    mean, covariance = found.scores(TX[:4])
    root = torch.linalg.cholesky(found.covariance)
    drawn = found.mean.T.flatten()[:, None] + root @ torch.randn(
        9, 50_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    scores = torch.einsum("md,cds->mcs", TX[:4], drawn.view(3, 3, -1))
    torch.testing.assert_close(scores.mean(-1), mean, atol=0.01, rtol=0)
    for i in range(4):
        torch.testing.assert_close(scores[i].cov(), covariance[i], atol=0.02, rtol=0)


def test_a_row_of_weight_two_is_that_row_twice():
    twice, weight = torch.cat([torch.arange(80), torch.arange(9)]), torch.ones(80).double()
    weight[:9] = 2
    once, doubled = (
        logistic_posterior(TX, T3, precision=EVEN, weight=weight),
        logistic_posterior(TX[twice], T3[twice], precision=EVEN),
    )
    assert once.log_evidence == pytest.approx(doubled.log_evidence)
    torch.testing.assert_close(once.covariance, doubled.covariance)
    y = TX @ torch.tensor([1.0, 2.0, 0.0]).double() + TX[:, 0].square()
    lighter, repeated = evidence_maximum(TX, y, weight=weight), evidence_maximum(TX[twice], y[twice])
    assert lighter.log_evidence == pytest.approx(repeated.log_evidence)
    assert lighter.noise == pytest.approx(repeated.noise)
    torch.testing.assert_close(lighter.covariance, repeated.covariance)


def test_linear_regression_has_the_ridge_of_scikit_learns_evidence():
    rng = np.random.default_rng(1)
    y = X @ [1.0, 0.1, 0.0] + 0.5 * rng.normal(size=80)
    theirs = BayesianRidge(
        fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-10, max_iter=5000
    ).fit(X, y)
    found = evidence_maximum(TX, torch.from_numpy(y), max_iterations=5000, tol=1e-14)
    assert found.mean.numpy() == pytest.approx(theirs.coef_, rel=1e-4)
    assert (1 / found.noise, found.precision) == pytest.approx((theirs.alpha_, theirs.lambda_), rel=1e-3)


def test_separable_classes_are_borne_and_shapes_are_checked():
    found = logistic_posterior(TX[:, :1], (TX[:, 0] > 0).double(), precision=torch.full((1,), 1e-6).double())
    assert found.mean.isfinite().all()
    assert float(found.mean) > 10
    with pytest.raises(DataError, match="above 0"):
        logistic_posterior(TX, T2, precision=torch.zeros(3).double())
    with pytest.raises(DataError, match="row 4 holds NaN"):
        logistic_posterior(TX.index_put((torch.tensor(4), torch.tensor(1)), torch.tensor(math.nan).double()), T2,
                           precision=EVEN)  # fmt: skip
