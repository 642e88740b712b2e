"""Bayesian linear models against scikit-learn and against the posterior's integral."""

import math

import numpy as np
import torch

from ..functional.bayes import evidence_maximum, logistic_posterior, rbf_kernel
from ..functional.bayes.relevance import relevance_regression
from . import check, gap


@check("conjugate-gaussian", oracle="scikit-learn", tolerance=1e-4)
def the_penalty_of_the_largest_evidence() -> float:
    """Weights, noise and precision of a Bayesian ridge regression."""
    from sklearn.linear_model import BayesianRidge

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = x @ [1.0, 0.2, 0.0] + 0.5 * rng.normal(size=60)
    options = {"alpha_1": 0, "alpha_2": 0, "lambda_1": 0, "lambda_2": 0, "tol": 1e-10, "max_iter": 5000}
    theirs = BayesianRidge(fit_intercept=False, **options).fit(x, y)
    ours = evidence_maximum(torch.from_numpy(x), torch.from_numpy(y), max_iterations=5000, tol=1e-14)
    return max(gap(ours.mean, theirs.coef_), gap(1 / ours.noise, theirs.alpha_), gap(ours.precision, theirs.lambda_))


@check("map-estimation", oracle="scipy", tolerance=0.01)
def the_evidence_of_one_logistic_weight() -> float:
    """Laplace's approximation of the evidence against the integral, of 200 rows: off by about one part in n."""
    from scipy.integrate import quad

    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = (x + rng.logistic(size=200) > 0).astype(float)
    one = torch.ones(1, dtype=torch.float64)
    found = logistic_posterior(torch.from_numpy(x)[:, None], torch.from_numpy(y), precision=one)

    def density(w: float) -> float:
        log_p = float((y * x * w - np.logaddexp(0, x * w)).sum()) - w * w / 2 - 0.5 * math.log(2 * math.pi)
        return math.exp(log_p - found.log_evidence)

    return gap(quad(density, -8, 8, points=[float(found.mean)])[0], 1.0)


@check("conjugate-gaussian", oracle="scipy", tolerance=1e-6)
def the_evidence_of_relevance_vectors() -> float:
    """The evidence of the rows that a relevance vector machine keeps of Tipping's sinc, as one multivariate density."""
    from scipy.stats import multivariate_normal

    x = torch.linspace(-10, 10, 100, dtype=torch.float64)[:, None]
    y = np.sinc(x[:, 0].numpy() / np.pi) + 0.1 * np.random.default_rng(0).normal(size=100)
    basis = rbf_kernel(x, x, scale=2.0)
    found = relevance_regression(basis, torch.from_numpy(y))
    own = basis[:, found.kept].numpy()
    joint = multivariate_normal(np.zeros(100), found.noise * np.eye(100) + own / found.precision.numpy() @ own.T)
    return gap(found.log_evidence, joint.logpdf(y))
