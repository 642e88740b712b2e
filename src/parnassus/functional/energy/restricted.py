"""Restricted Boltzmann machines: visible units of 0 and 1, or real numbers, and hidden ones; no edges within a layer.

E(v, h) = -v' W h - b' v - c' h for visible units of 0 and 1; of real ones |v - b|^2 / 2 stands for -b' v.
W is (n_visible, n_hidden), rows of v are samples.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError
from ..probability import LOG_2PI
from .boltzmann import MOST, all_states


class Machine(NamedTuple):
    """Weights (n_visible, n_hidden), visible biases (n_visible,), hidden biases, and whether visible units are real."""

    w: Tensor
    b: Tensor
    c: Tensor
    gaussian: bool = False


def joint_energy(v: Tensor, h: Tensor, machine: Machine) -> Tensor:
    """E(v, h) of rows (n, n_visible) and (n, n_hidden). Source: Martinez-Ramon eq. 7.7."""
    own = 0.5 * (v - machine.b).square().sum(-1) if machine.gaussian else -v @ machine.b
    return own - ((v @ machine.w) * h).sum(-1) - h @ machine.c


def hidden_probability(v: Tensor, machine: Machine) -> Tensor:
    """p(h_j = 1 | v) = sigmoid(v W + c). Source: Martinez-Ramon eq. 7.8."""
    return torch.sigmoid(v @ machine.w + machine.c)


def visible_mean(h: Tensor, machine: Machine) -> Tensor:
    """p(v_i = 1 | h) = sigmoid(h W' + b), or the mean h W' + b of real units. Source: eq. 7.9, indices put right.

    Systems: gaussian-rbm
    """
    pull = h @ machine.w.T + machine.b
    return pull if machine.gaussian else torch.sigmoid(pull)


def free_energy(v: Tensor, machine: Machine) -> Tensor:
    """F(v) with p(v) = exp(-F(v)) / Z: the energy with the hidden units summed out, (n,).

    -b' v - sum_j softplus(v W + c), with |v - b|^2 / 2 in place of -b' v for real units.

    Systems: rbm

    >>> machine = Machine(torch.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]]), torch.tensor([0.1, -0.2, 0.3]),
    ...                   torch.tensor([0.0, -0.5]))
    >>> free_energy(torch.tensor([[1.0, 0.0, 1.0]]), machine)
    tensor([-1.5755])
    """
    own = 0.5 * (v - machine.b).square().sum(-1) if machine.gaussian else -v @ machine.b
    return own - F.softplus(v @ machine.w + machine.c).sum(-1)


def exact_log_partition(machine: Machine) -> float:
    """ln Z by writing out the states of the smaller layer, 20 units at most."""
    n_visible, n_hidden = machine.w.shape
    if machine.gaussian or n_hidden <= n_visible:
        if n_hidden > MOST:
            raise DataError(f"{n_hidden} hidden units have 2^{n_hidden} states; see estimated_log_partition")
        h = all_states(n_hidden).to(machine.w)
        pull = h @ machine.w.T
        if machine.gaussian:  # a Gaussian integral over v for every h
            summed = (pull * machine.b + 0.5 * pull.square()).sum(1) + n_visible / 2 * LOG_2PI
        else:
            summed = F.softplus(pull + machine.b).sum(1)
        return float((h @ machine.c + summed).logsumexp(0))
    if n_visible > MOST:
        raise DataError(f"layers of {n_visible} and {n_hidden} units are too many to write out; estimate it")
    return float((-free_energy(all_states(n_visible).to(machine.w), machine)).logsumexp(0))


def estimated_log_partition(
    machine: Machine, base: Tensor, *, generator: torch.Generator, n_chains: int = 200, n_steps: int = 2000
) -> tuple[float, float]:
    """ln Z by annealed importance sampling, and its standard error: chains drawn from a machine without weights, whose
    visible biases are `base` (n_visible,), towards this one.

    Source: Neal 2001; Salakhutdinov and Murray 2008.
    """
    n_visible, n_hidden = machine.w.shape
    shape = n_chains, n_visible
    if machine.gaussian:
        v = base + torch.randn(shape, generator=generator, dtype=base.dtype)
        log_base = n_hidden * math.log(2) + n_visible / 2 * LOG_2PI
    else:
        v = (torch.rand(shape, generator=generator, dtype=base.dtype) < torch.sigmoid(base)).to(base.dtype)
        log_base = n_hidden * math.log(2) + float(F.softplus(base).sum())
    log_weight = torch.zeros(n_chains, dtype=base.dtype)
    betas = torch.linspace(0, 1, n_steps + 1, dtype=base.dtype)
    for before, beta in itertools.pairwise(betas):
        now, was = _between(machine, base, float(beta)), _between(machine, base, float(before))
        log_weight += free_energy(v, was) - free_energy(v, now)
        h = hidden_probability(v, now)
        h = (torch.rand(h.shape, generator=generator, dtype=h.dtype) < h).to(h.dtype)
        mean = visible_mean(h, now)
        noise = torch.randn if machine.gaussian else torch.rand
        drawn = noise(shape, generator=generator, dtype=mean.dtype)
        v = mean + drawn if machine.gaussian else (drawn < mean).to(mean.dtype)
    found = log_weight.logsumexp(0) - math.log(n_chains)
    spread = (log_weight - log_weight.max()).exp()
    error = float(spread.std() / spread.mean()) / math.sqrt(n_chains)
    return float(found) + log_base, error


def _between(machine: Machine, base: Tensor, beta: float) -> Machine:
    """The machine on the way from the one without weights to this one."""
    b = (1 - beta) * base + beta * machine.b
    return Machine(beta * machine.w, b, beta * machine.c, machine.gaussian)


def pseudo_likelihood(v: Tensor, machine: Machine) -> Tensor:
    """The sum over units of ln p(v_i | all others) of rows of 0 and 1, (n,): what can be had without Z.

    >>> none = Machine(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2))
    >>> pseudo_likelihood(torch.tensor([[1.0, 0.0, 1.0]]), none) / math.log(2)
    tensor([-3.])
    """
    own = free_energy(v, machine)
    total = torch.zeros_like(own)
    for i in range(v.shape[1]):
        flipped = v.clone()
        flipped[:, i] = 1 - flipped[:, i]
        total += F.logsigmoid(free_energy(flipped, machine) - own)
    return total


def contrastive_slopes(
    v: Tensor, again: Tensor, machine: Machine, *, weight: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes of the mean of F(v) - F(again) by w, b and c: what contrastive divergence goes down.

    `again` are the rows of a chain's end, as many as v or not; with rows of the machine's own law it is the gradient of
    the mean negative log-likelihood. Hidden units count by their probabilities. `weight` (n,) counts rows of v.

    Systems: contrastive-divergence
    Source: Hinton 2002; Martinez-Ramon 7.2.3, eqs 7.10 to 7.13, which have no 1 / N: the step grows with the batch
    (F7-8).
    """
    share = torch.full((len(v),), 1 / len(v), dtype=v.dtype) if weight is None else weight / weight.sum()
    h, h_again = hidden_probability(v, machine) * share[:, None], hidden_probability(again, machine) / len(again)
    by_w = again.T @ h_again - v.T @ h
    seen = share @ (v - machine.b if machine.gaussian else v)
    dreamt = (again - machine.b if machine.gaussian else again).mean(0)
    return by_w, dreamt - seen, h_again.sum(0) - h.sum(0)
