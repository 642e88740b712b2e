"""Inducing points: the exact process where they are the data, and a bound below the evidence elsewhere."""

import numpy as np
import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.bayes import gaussian_process, rbf_kernel
from parnassus.functional.bayes.sparse import (
    collapsed_bound,
    expected_sigmoid,
    sparse_process,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(25, 2, generator=GENERATOR, dtype=torch.float64) * 3
Y = X[:, 0].sin() + 0.1 * torch.randn(25, generator=GENERATOR, dtype=torch.float64)
NEW = torch.rand(7, 2, generator=GENERATOR, dtype=torch.float64) * 3


def test_inducing_points_that_are_the_data_give_the_exact_process():
    exact = gaussian_process(X, Y, NEW, kernel=rbf_kernel, noise=0.05)
    sparse = sparse_process(X, Y, NEW, inducing=X, kernel=rbf_kernel, noise=0.05)
    torch.testing.assert_close(sparse.mean, exact.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(sparse.covariance, exact.covariance, atol=1e-4, rtol=0)
    assert sparse.log_evidence == pytest.approx(exact.log_evidence, abs=1e-3)


def test_the_bound_is_below_the_evidence_and_rises_with_the_points():
    exact = gaussian_process(X, Y, NEW, kernel=rbf_kernel, noise=0.05).log_evidence
    bounds = [sparse_process(X, Y, NEW, inducing=X[:m], kernel=rbf_kernel, noise=0.05).log_evidence for m in (2, 5, 15)]
    assert bounds == sorted(bounds)
    assert bounds[-1] < exact + 1e-6
    assert bounds[0] < exact - 1


def test_the_bound_is_its_definition():
    z, noise = X[:6], 0.05
    k_fu, k_uu = rbf_kernel(X, z), rbf_kernel(z, z)
    q = k_fu @ torch.linalg.solve(k_uu, k_fu.T)
    law = torch.distributions.MultivariateNormal(torch.zeros(25).double(), q + noise * torch.eye(25).double())
    expected = law.log_prob(Y) - (rbf_kernel(X, X) - q).trace() / (2 * noise)
    assert float(collapsed_bound(X, Y, z, kernel=rbf_kernel, noise=noise)) == pytest.approx(float(expected), abs=1e-4)


def test_the_expected_sigmoid_is_an_integral():
    from scipy.integrate import quad
    from scipy.stats import norm

    mean, variance = torch.tensor([0.5, -2.0]).double(), torch.tensor([0.3, 2.0]).double()
    for i in range(2):
        m, s = float(mean[i]), float(variance[i]) ** 0.5
        p = quad(lambda f, m=m, s=s: norm.pdf(f, m, s) / (1 + np.exp(-f)), m - 10 * s, m + 10 * s)[0]
        assert float(expected_sigmoid(mean, variance)[i]) == pytest.approx(p, abs=1e-6)


def test_shapes_and_noise_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="expected"):
        sparse_process(X, Y[:3], NEW, inducing=X, kernel=rbf_kernel, noise=0.1)
    with pytest.raises(DataError, match="above 0"):
        sparse_process(X, Y, NEW, inducing=X, kernel=rbf_kernel, noise=0.0)
