"""Variational inference by equations: the evidence lower bound of a normal, and Bayes by backpropagation by hand."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError


class BackpropStep(NamedTuple):
    """Slopes of f = log q - log p - log likelihood with respect to mu and rho, each (..., d)."""

    mu: Tensor
    rho: Tensor


def kl_of_normals(
    mean: Tensor, std: Tensor, prior_mean: Tensor | float = 0.0, prior_std: Tensor | float = 1.0
) -> Tensor:
    """KL(N(mean, std^2) || N(prior_mean, prior_std^2)) summed over the last axis, every entry on its own.

        sum ln(s_p / s) + (s^2 + (m - m_p)^2) / (2 s_p^2) - 1/2

    >>> float(kl_of_normals(torch.zeros(3), torch.ones(3)))
    0.0
    """
    spread = torch.as_tensor(prior_std, dtype=mean.dtype, device=mean.device)
    squares = (std.square() + (mean - prior_mean).square()) / (2 * spread.square())
    return (spread.log() - std.log() + squares - 0.5).sum(-1)


def normal_elbo(y: Tensor, mean: float, variance: float, *, noise: float = 1.0, prior_variance: float = 1.0) -> float:
    """The evidence lower bound of q = N(mean, variance) for the mean of numbers y (n,), prior N(0, prior_variance).

        E_q ln p(y | theta) - KL(q || prior) = ln p(y) - KL(q || posterior)

    It is to be made large: Martinez-Ramon's text says the reverse (F9-17).

    Systems: variational-inference
    Source: Martinez-Ramon 9.3.3, eqs 9.26 to 9.28 (fixture B9.12).

    >>> y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    >>> round(normal_elbo(y, 1.5, 0.25), 6), round(normal_elbo(y, 0.0, 1.0), 6)
    (-5.949963, -11.256816)
    """
    values = y.double()
    log_noise = torch.log(torch.tensor(2 * torch.pi * noise, dtype=torch.float64))
    expected = -0.5 * (len(values) * log_noise + ((values - mean).square() + variance).sum() / noise)
    q = torch.tensor([mean], dtype=torch.float64), torch.tensor([variance], dtype=torch.float64).sqrt()
    return float(expected - kl_of_normals(*q, 0.0, prior_variance**0.5))


def mean_field_of_gaussian(covariance: Tensor) -> tuple[Tensor, float]:
    """The variances of the best normal of independent entries for N(m, covariance), (d,), and its KL divergence.

    They are 1 / (covariance^-1)_ii, never above the true ones: such intervals are too narrow where entries go together.

    Source: Martinez-Ramon 9.3.3 (fixture B9.14); Bishop 2006, section 10.1.2.

    >>> variances, kl = mean_field_of_gaussian(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))
    >>> variances.round(decimals=4).tolist(), round(kl, 6)
    ([0.19, 0.19], 0.830366)
    """
    if int(torch.linalg.cholesky_ex(covariance).info):
        raise DataError("the covariance is not positive definite: no normal has it; look at its eigenvalues")
    precision = torch.linalg.inv(covariance)
    variances = 1 / precision.diagonal()
    return variances, float(0.5 * (torch.logdet(covariance) - variances.log().sum()))


def bayes_by_backprop_gradients(
    mu: Tensor, rho: Tensor, noise: Tensor, *, log_likelihood_slope: Tensor, prior_std: float = 1.0
) -> BackpropStep:
    """One step's slopes with sigma = softplus(rho) and theta = mu + sigma noise, all (..., d); the losses go down.

        D_mu  = theta / s_p^2 - d ln likelihood / d theta
        D_rho = (D_mu noise - 1 / sigma) sigmoid(rho)

    log_likelihood_slope : d ln p(Y | X, theta) / d theta at theta, what backpropagation gives.

    The terms of log q cancel in D_mu. Martinez-Ramon's eq. 9.33 keeps the likelihood alone, so that the prior is
    ignored and sigma falls to 0 (F9-21), and eq. 9.32 moves rho from mu (F9-20).

    Systems: bayes-by-backprop
    Source: Blundell et al. 2015; Martinez-Ramon 9.3.4, eqs 9.29 to 9.33.
    """
    if not mu.shape == rho.shape == noise.shape == log_likelihood_slope.shape:
        shapes = [tuple(t.shape) for t in (mu, rho, noise, log_likelihood_slope)]
        raise DataError(f"mu, rho, noise and the slope have one shape; got {shapes}")
    sigma = torch.nn.functional.softplus(rho)
    theta = mu + sigma * noise
    slope = theta / prior_std**2 - log_likelihood_slope
    return BackpropStep(slope, (slope * noise - 1 / sigma) * torch.sigmoid(rho))
