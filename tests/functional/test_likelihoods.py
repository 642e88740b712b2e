"""Gaussian likelihoods against scipy's densities and torch's own."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from parnassus.functional import likelihoods


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_variance_and_one_a_column_are_scipys_densities() -> None:
    z, y = drawn(5, 3), drawn(5, 3, seed=1)
    for variance in (torch.tensor(0.3, dtype=torch.float64), torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)):
        expected = -stats.norm.logpdf(y, z, variance.sqrt()).sum(1)
        assert likelihoods.gaussian_nll(z, y, variance).numpy() == pytest.approx(expected)
    torchs = F.gaussian_nll_loss(z, y, variance.expand(5, 3), full=True, reduction="none").sum(1)
    assert torch.allclose(likelihoods.gaussian_nll(z, y, variance), torchs)


def test_the_slopes_are_autograds() -> None:
    z, y, v = drawn(4, 2).requires_grad_(), drawn(4, 2, seed=1), (drawn(4, 2, seed=2).exp()).requires_grad_()
    by_output, by_variance = torch.autograd.grad(likelihoods.gaussian_nll(z, y, v).sum(), (z, v))
    ours = likelihoods.gaussian_nll_derivative(z.detach(), y, v.detach())
    assert torch.allclose(ours[0], by_output)
    assert torch.allclose(ours[1], by_variance)


def test_a_covariance_is_scipys_density_and_a_diagonal_one_is_the_plain_likelihood() -> None:
    z, y, root = drawn(6, 3), drawn(6, 3, seed=1), drawn(3, 3, seed=2)
    covariance = root @ root.T + torch.eye(3)
    expected = [-stats.multivariate_normal.logpdf(b, a, covariance) for a, b in zip(z, y, strict=True)]
    assert likelihoods.correlated_gaussian_nll(z, y, covariance).numpy() == pytest.approx(np.array(expected))
    variance = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    plain = likelihoods.gaussian_nll(z, y, variance)
    assert torch.allclose(likelihoods.correlated_gaussian_nll(z, y, torch.diag(variance)), plain)


def test_learned_task_weights_settle_at_each_tasks_own_loss() -> None:
    each = torch.tensor([0.01, 100.0], dtype=torch.float64)
    at_best = each.log().requires_grad_()
    likelihoods.uncertainty_weighted(each, at_best).backward()
    assert torch.allclose(at_best.grad, torch.zeros(2).double(), atol=1e-12)
    worse = likelihoods.uncertainty_weighted(each, each.log() + 0.1)
    assert worse > likelihoods.uncertainty_weighted(each, each.log())
