"""Steps of Markov chains by equations: acceptance in logarithms, proposals and their densities, leapfrog."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import DataError

LogDensity = Callable[[Tensor], Tensor]


def log_acceptance(
    log_p: Tensor, log_p_new: Tensor, log_q_there: Tensor | float = 0.0, log_q_back: Tensor | float = 0.0
) -> Tensor:
    """ln min(1, [p(new) q(old | new)] / [p(old) q(new | old)]), elementwise; a density of 0 is never entered.

    log_q_there is ln q(new | old) and log_q_back ln q(old | new); both may be left out where q is symmetric. p is the
    posterior, prior included.

    Systems: metropolis-hastings
    Source: Hastings 1970; Martinez-Ramon 9.3.1, eqs 9.10 to 9.13, where the ratio of proposals is upside down and the
    prior is missing (F9-6, F9-7; oracle B9.7).

    >>> log_acceptance(torch.tensor(math.log(0.2)), torch.tensor(math.log(0.1))).exp()
    tensor(0.5000)
    """
    ratio = log_p_new - log_p + log_q_back - log_q_there
    return torch.where(torch.isnan(ratio), torch.full_like(ratio, -math.inf), ratio.clamp(max=0.0))


def transition_matrix(p: Tensor, q: Tensor) -> Tensor:
    """The chain that Metropolis and Hastings make on n states: (n, n), rows summing to one, with p as stationary law.

    p (n,) are weights above 0, q (n, n) the proposal's rows.

    >>> p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    >>> q = torch.tensor([[0.1, 0.7, 0.2], [0.3, 0.2, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)
    >>> (p @ transition_matrix(p, q)).round(decimals=6).tolist()
    [0.2, 0.3, 0.5]
    """
    logs, jumps = p.log(), q.log()
    accepted = log_acceptance(logs[:, None], logs[None], jumps, jumps.T).exp()
    moved = q * accepted
    moved = moved - torch.diag(moved.diagonal())
    return moved + torch.diag(1 - moved.sum(1))


class ProposalShape(NamedTuple):
    """A normal proposal around a point: a factor L of its covariance L L', (..., d, d)."""

    factor: Tensor


def hessian_shape(hessian: Tensor, *, scale: float = 1.0, floor: float = 1e-3) -> ProposalShape:
    """A proposal N(theta, scale^2 C) with C the inverse of the curvature: long steps where the density is flat.

    hessian (..., d, d) is that of -log p; eigenvalues are taken by size and not below `floor`, since a Hessian away
    from a mode is often indefinite. As C depends on the point, the acceptance needs both proposal densities.

    Systems: hessian-proposal
    Source: Martinez-Ramon 9.3.1 and eq. 9.17, which takes the Hessian itself for the covariance, indefinite at its own
    starting point (F9-12; oracles B9.3 and B9.6).

    >>> shape = hessian_shape(torch.tensor([[4.0, 0.0], [0.0, -0.25]]))
    >>> (shape.factor @ shape.factor.T).round(decimals=4).tolist()
    [[0.25, 0.0], [0.0, 4.0]]
    """
    values, vectors = torch.linalg.eigh(hessian)
    spread = scale / values.abs().clamp(min=floor).sqrt()
    return ProposalShape(vectors * spread[..., None, :])


def log_proposal(new: Tensor, old: Tensor, shape: ProposalShape) -> Tensor:
    """ln N(new; old, L L') up to the constant -d/2 ln 2 pi, for points (..., d)."""
    whitened = torch.linalg.solve(shape.factor, (new - old)[..., None])[..., 0]
    return -0.5 * whitened.square().sum(-1) - torch.linalg.slogdet(shape.factor).logabsdet


def hamiltonian(log_p: Tensor, momentum: Tensor, inverse_mass: Tensor | float = 1.0) -> Tensor:
    """H = -log p(theta) + p' M^-1 p / 2 with a diagonal mass, (...); momentum (..., d).

    Source: Martinez-Ramon 9.3.2, eqs 9.18 to 9.20.
    """
    return -log_p + 0.5 * (momentum.square() * inverse_mass).sum(-1)


def leapfrog(
    gradient: LogDensity,
    theta: Tensor,
    momentum: Tensor,
    *,
    step: float,
    n_steps: int,
    inverse_mass: Tensor | float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Position and momentum after n_steps of half a kick, a drift and half a kick; `gradient` is that of log p.

        p <- p + step/2 grad log p(theta);  theta <- theta + step M^-1 p;  p <- p + step/2 grad log p(theta)

    It runs back exactly when the momentum is turned round, and keeps volumes; H is kept to the square of the step.

    Systems: hamiltonian-monte-carlo
    Source: Martinez-Ramon 9.3.2, eqs 9.21 to 9.23, whose superscripts k/2 mean k - 1/2 (F9-14; oracle B9.8).

    >>> theta, p = leapfrog(lambda t: -t, torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64),
    ...                     step=0.1, n_steps=10)
    >>> round(float(theta), 7), round(float(p), 7)
    (0.5399513, -0.8406435)
    """
    if n_steps < 1:
        raise DataError(f"a path has one step at least; got {n_steps}")
    slope = gradient(theta)
    for _ in range(n_steps):
        momentum = momentum + 0.5 * step * slope
        theta = theta + step * inverse_mass * momentum
        slope = gradient(theta)
        momentum = momentum + 0.5 * step * slope
    return theta, momentum


def on_ellipse(point: Tensor, other: Tensor, angle: Tensor, mean: Tensor | float = 0.0) -> Tensor:
    """mean + (point - mean) cos a + (other - mean) sin a, (..., d): a normal draw again where both are of N(mean, C).

    Source: Murray, Adams and MacKay 2010.

    >>> on_ellipse(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor(math.pi / 2))
    tensor([2.])
    """
    return mean + (point - mean) * angle.cos()[..., None] + (other - mean) * angle.sin()[..., None]


def log_swap(log_p: Tensor, log_p_other: Tensor, power: Tensor, power_other: Tensor) -> Tensor:
    """ln min(1, exp((b - b') (ln p(x') - ln p(x)))): whether x at p^b and x' at p^b' change places.

    Source: Swendsen and Wang 1986; Geyer 1991.

    >>> round(float(log_swap(*torch.tensor([-1.0, -3.0, 1.0, 0.5]))), 4)
    -1.0
    """
    return ((power - power_other) * (log_p_other - log_p)).clamp(max=0.0)
