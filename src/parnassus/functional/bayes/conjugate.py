"""Conjugate families: priors whose posterior is of the same kind, with predictive distributions and log evidence."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError
from ..probability import LOG_2PI


class NormalPosterior(NamedTuple):
    """Of a mean whose noise is known: N(mean, variance); a new number has variance `predictive_variance`."""

    mean: float
    variance: float
    predictive_variance: float
    log_evidence: float


class BetaPosterior(NamedTuple):
    """Of a share: Beta(a, b), its mean, and the log evidence of the answers in their order."""

    a: float
    b: float
    mean: float
    log_evidence: float


class GammaPosterior(NamedTuple):
    """Of a rate: Gamma(shape, rate), its mean, and the log evidence; a new count is negative binomial."""

    shape: float
    rate: float
    mean: float
    log_evidence: float


class NormalInverseGamma(NamedTuple):
    """Of a mean and a variance: N(mean, variance / kappa) given the variance, and InverseGamma(a, b) for it.

    A new number is Student's t with 2 a degrees of freedom around `mean`, of squared scale b (kappa + 1) / (a kappa).
    """

    mean: float
    kappa: float
    a: float
    b: float
    log_evidence: float


def normal_posterior(
    y: Tensor, *, noise: float, prior_mean: float = 0.0, prior_variance: float = 1.0
) -> NormalPosterior:
    """The posterior of the mean of numbers y (n,) with noise variance `noise`, prior N(prior_mean, prior_variance).

        1 / v' = 1 / v + n / noise,   m' = v' (m / v + sum y / noise)

    Systems: conjugate-gaussian
    Source: Martinez-Ramon 9.2 and problem 9.3 (fixture B9.12).

    >>> found = normal_posterior(torch.tensor([1.0, 2.0, 3.0]), noise=1.0)
    >>> found.mean, found.variance, found.predictive_variance, round(found.log_evidence, 6)
    (1.5, 0.25, 1.25, -5.949963)
    """
    values = _numbers(y)
    _positive(noise=noise, prior_variance=prior_variance)
    n = len(values)
    variance = 1 / (1 / prior_variance + n / noise)
    mean = variance * (prior_mean / prior_variance + float(values.sum()) / noise)
    # The evidence of correlated numbers: N(m, noise I + v 1 1'), by the matrix determinant and inversion lemmas.
    gap = values - prior_mean
    squares = float(gap.square().sum()) / noise - variance * (float(gap.sum()) / noise) ** 2
    log_det = n * math.log(noise) + math.log(prior_variance / variance)
    return NormalPosterior(mean, variance, variance + noise, -0.5 * (n * LOG_2PI + log_det + squares))


def bernoulli_posterior(y: Tensor, *, a: float = 1.0, b: float = 1.0) -> BetaPosterior:
    """The posterior of the share of ones among y (n,) of 0 and 1, prior Beta(a, b): Beta(a + ones, b + zeros).

    >>> found = bernoulli_posterior(torch.tensor([1, 1, 0, 1]))
    >>> found.a, found.b, round(found.mean, 4), round(math.exp(found.log_evidence), 4)
    (4.0, 2.0, 0.6667, 0.05)
    """
    values = _numbers(y)
    _positive(a=a, b=b)
    if not bool(((values == 0) | (values == 1)).all()):
        raise DataError("y holds numbers other than 0 and 1")
    ones = float(values.sum())
    a1, b1 = a + ones, b + len(values) - ones
    return BetaPosterior(a1, b1, a1 / (a1 + b1), _log_beta(a1, b1) - _log_beta(a, b))


def categorical_posterior(counts: Tensor, *, concentration: Tensor | float = 1.0) -> tuple[Tensor, Tensor, float]:
    """Of shares, prior Dirichlet(concentration): the posterior's concentration (k,), the means, and the log evidence.

    counts : how often each of k values was seen, (k,); the evidence is that of the values in their order.

    >>> a, mean, log_evidence = categorical_posterior(torch.tensor([2.0, 1.0, 0.0]))
    >>> a.tolist(), mean.tolist(), round(math.exp(log_evidence), 4)
    ([3.0, 2.0, 1.0], [0.5, 0.3333333333333333, 0.16666666666666666], 0.0333)
    """
    seen = _numbers(counts)
    if not bool((seen >= 0).all()):
        raise DataError("counts holds numbers below 0")
    a = torch.as_tensor(concentration, dtype=torch.float64).expand(seen.shape)
    if not bool((a > 0).all()):
        raise DataError("a concentration is above 0")
    b = a + seen
    log_evidence = torch.lgamma(a.sum()) - torch.lgamma(b.sum()) + (torch.lgamma(b) - torch.lgamma(a)).sum()
    return b, b / b.sum(), float(log_evidence)


def poisson_posterior(y: Tensor, *, shape: float = 1.0, rate: float = 1.0) -> GammaPosterior:
    """The posterior of the rate of counts y (n,), prior Gamma(shape, rate): Gamma(shape + sum y, rate + n).

    >>> found = poisson_posterior(torch.tensor([2, 0, 3]), shape=2.0, rate=1.0)
    >>> found.shape, found.rate, found.mean
    (7.0, 4.0, 1.75)
    """
    values = _numbers(y)
    _positive(shape=shape, rate=rate)
    if not bool(((values >= 0) & (values == values.round())).all()):
        raise DataError("y holds numbers that are no counts: whole and not negative")
    a, b = shape + float(values.sum()), rate + len(values)
    log_evidence = shape * math.log(rate) - a * math.log(b) + math.lgamma(a) - math.lgamma(shape)
    return GammaPosterior(a, b, a / b, log_evidence - float(torch.lgamma(values + 1).sum()))


def normal_inverse_gamma(
    y: Tensor, *, mean: float = 0.0, kappa: float = 1.0, a: float = 1.0, b: float = 1.0
) -> NormalInverseGamma:
    """The posterior of the mean and variance of numbers y (n,), prior NIG(mean, kappa, a, b).

        kappa' = kappa + n,  m' = (kappa m + n ybar) / kappa',  a' = a + n / 2,
        b' = b + sum (y - ybar)^2 / 2 + kappa n (ybar - m)^2 / (2 kappa')

    >>> found = normal_inverse_gamma(torch.tensor([1.0, 3.0]))
    >>> round(found.mean, 4), found.kappa, found.a, round(found.b, 4)
    (1.3333, 3.0, 2.0, 3.3333)
    """
    values = _numbers(y)
    _positive(kappa=kappa, a=a, b=b)
    n, middle = len(values), float(values.mean())
    kappa1, a1 = kappa + n, a + n / 2
    apart = float((values - middle).square().sum()) / 2
    b1 = b + apart + kappa * n * (middle - mean) ** 2 / (2 * kappa1)
    log_evidence = math.lgamma(a1) - math.lgamma(a) + a * math.log(b) - a1 * math.log(b1)
    log_evidence += 0.5 * (math.log(kappa) - math.log(kappa1)) - n / 2 * LOG_2PI
    return NormalInverseGamma((kappa * mean + n * middle) / kappa1, kappa1, a1, b1, log_evidence)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _numbers(y: Tensor) -> Tensor:
    values = torch.as_tensor(y).double()
    if values.ndim != 1 or not len(values) or not bool(values.isfinite().all()):
        raise DataError(f"expected finite numbers (n,), one at least; got shape {tuple(values.shape)}")
    return values


def _positive(**settings: float) -> None:
    for name, value in settings.items():
        if not (value > 0 and math.isfinite(value)):
            raise DataError(f"{name} is above 0 and finite; got {value}")
