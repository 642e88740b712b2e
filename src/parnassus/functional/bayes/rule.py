"""Bayes' rule on tables and grids, and a log posterior whose least cost is the MAP estimate."""

import math
from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...errors import DataError

Numbers = Tensor | ArrayLike


def posterior_table(prior: Numbers, likelihood: Numbers) -> tuple[Tensor, Tensor]:
    """p(v | u) = p(u | v) p(v) / p(u), and the evidence p(u) = sum_v p(u | v) p(v).

    prior (v,) sums to one; likelihood (v, ...) holds p(u | v), u along the other axes. The posterior has the shape of
    the likelihood, the evidence its shape without the first axis.

    Systems: bayes-rule
    Source: Martinez-Ramon 9.2.1, eqs 9.2 to 9.5; eq. 9.3 prints p(u | u) and no dv (F9-1).

    >>> posterior, evidence = posterior_table(torch.tensor([0.01, 0.99]), torch.tensor([0.9, 0.05]))
    >>> posterior, round(float(evidence), 4)
    (tensor([0.1538, 0.8462]), 0.0585)
    """
    prior, likelihood = _tensor("prior", prior), _tensor("likelihood", likelihood)
    if prior.ndim != 1 or likelihood.shape[:1] != prior.shape:
        raise DataError(
            f"prior has shape {tuple(prior.shape)} and likelihood {tuple(likelihood.shape)}; (v,), (v, ...)"
        )
    bad = ~(prior >= 0)
    if bool(bad.any()):
        at = int(bad.nonzero()[0])
        raise DataError(f"the prior of value {at} is {float(prior[at]):.6g}; a probability is a number from 0 up")
    if abs(float(prior.sum()) - 1) > 1e-4:
        raise DataError(f"the prior sums to {float(prior.sum()):.6g}; probabilities that sum to 1 are needed")
    if not bool((likelihood >= 0).all()):
        raise DataError("the likelihood holds numbers below 0 or NaN")
    joint = prior.reshape(-1, *[1] * (likelihood.ndim - 1)) * likelihood
    evidence = joint.sum(0)
    if not bool((evidence > 0).all()):
        raise DataError("what was observed has probability 0 under every value of positive prior mass")
    return joint / evidence, evidence


def _tensor(name: str, value: Numbers) -> Tensor:
    """A tensor as it is, and lists and arrays as one of float64."""
    if isinstance(value, Tensor):
        return value
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise DataError(f"{name} is {value!r}; give numbers, as a tensor, an array or a list") from None


def grid_posterior(grid: Numbers, log_prior: Numbers, log_likelihood: Numbers) -> tuple[Tensor, float]:
    """The posterior density on an ascending grid (n,), by the trapezoid rule, and the log evidence.

    log_prior and log_likelihood (n,) are logarithms at the grid's points; the prior need not be normalised on it.

    >>> grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    >>> prior = -grid.square() / 2 - math.log(2 * math.pi) / 2
    >>> y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    >>> likelihood = (-(y[:, None] - grid).square() / 2 - math.log(2 * math.pi) / 2).sum(0)
    >>> density, log_evidence = grid_posterior(grid, prior, likelihood)
    >>> round(log_evidence, 6), round(float(torch.trapezoid(density * grid, grid)), 6)
    (-5.949963, 1.5)
    """
    grid, log_prior = _tensor("grid", grid), _tensor("log_prior", log_prior)
    log_likelihood = _tensor("log_likelihood", log_likelihood)
    if grid.ndim != 1 or len(grid) < 2 or not bool((grid.diff() > 0).all()):
        raise DataError("the grid is one axis of two ascending points or more")
    joint = log_prior + log_likelihood
    top = joint.max()
    if not math.isfinite(float(top)):
        raise DataError("prior times likelihood is 0, NaN or infinite everywhere on the grid")
    weight = (joint - top).exp()
    total = torch.trapezoid(weight, grid)
    return weight / total, float(top + total.log())


def log_posterior_density(log_likelihood: Callable[[Tensor], Tensor], precision: float) -> Callable[[Tensor], Tensor]:
    """theta (..., d) -> log p(Y | theta) - (precision / 2) |theta|^2: up to a constant, the log posterior.

    The prior is N(0, I / precision), so that the MAP estimate is what weight decay of that precision finds:
    argmin of the negative log likelihood + (lambda / 2) |theta|^2.

    Systems: map-estimation
    Source: Martinez-Ramon 9.2.2, eqs 9.6 to 9.8, and problem 1.7.

    >>> density = log_posterior_density(lambda t: -(t - 2).square().sum(-1) / 2, precision=3.0)
    >>> float(density(torch.tensor([0.5])))  # at the MAP estimate, 2 / (1 + 3)
    -1.5
    """
    if not precision >= 0:
        raise DataError(f"the precision of a prior is not negative; got {precision}")
    return lambda theta: log_likelihood(theta) - 0.5 * precision * theta.square().sum(-1)
