"""Gaussian noise whose deviation a net says of each row: against scipy, quadrature, and its own inverse."""

import numpy as np
import pytest
import torch
from scipy import stats

import parnassus as pn
from parnassus.errors import DataError
from parnassus.functional.quantities import normal_information, normal_outputs, normal_parameters


def sample():
    g = torch.Generator().manual_seed(0)
    return torch.randn(7, 4, generator=g, dtype=torch.float64), torch.randn(7, 2, generator=g, dtype=torch.float64)


def test_the_loss_is_minus_the_mean_log_density_of_scipy():
    outputs, y = sample()
    mean, deviation = outputs[:, ::2].numpy(), 1e-3 + np.log1p(np.exp(outputs[:, 1::2].numpy()))
    each = -stats.norm.logpdf(y.numpy(), mean, deviation)
    loss = pn.loss("gaussian_nll").make()
    assert loss(outputs, y).item() == pytest.approx(each.mean(), rel=1e-12)
    weight = torch.arange(7.0, dtype=torch.float64)
    assert loss(outputs, y, weight).item() == pytest.approx(np.average(each.mean(1), weights=weight), rel=1e-12)
    with pytest.raises(DataError, match="a mean and a deviation for each number"):
        loss(outputs, y[:, :1])


def test_outputs_come_back_from_their_means_and_deviations():
    outputs, _ = sample()
    torch.testing.assert_close(normal_outputs(*normal_parameters(outputs)), outputs, rtol=1e-9, atol=1e-9)
    wide = torch.tensor([[2.0, 60.0, 0.0, -5.0]], dtype=torch.float64)
    torch.testing.assert_close(normal_outputs(*normal_parameters(wide)), wide, rtol=1e-9, atol=1e-9)


def test_the_information_is_what_is_expected_of_the_second_derivatives():
    """Over y from the normal itself, by Gauss-Hermite quadrature, which is exact for these."""
    outputs, _ = sample()
    points, weights = np.polynomial.hermite_e.hermegauss(8)
    loss = pn.loss("gaussian_nll").make()
    for row in outputs[:3]:
        mean, deviation = normal_parameters(row[None])
        found = torch.zeros(4, 4, dtype=torch.float64)
        for point, weight in zip(points, weights / weights.sum(), strict=True):
            y = (mean + deviation * point).detach()
            found += weight * torch.autograd.functional.hessian(lambda z, y=y: 2 * loss(z[None], y), row)
        torch.testing.assert_close(found, torch.diag(normal_information(row)), rtol=1e-8, atol=1e-8)
