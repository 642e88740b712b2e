"""Boltzmann machines: units of 0 and 1 whose states are as likely as exp(-E / T).

E(s) = -sum_{i<j} w_ij s_i s_j - sum_i b_i s_i, with symmetric weights (d, d), a diagonal of 0, and biases (d,).
"""

import torch
from torch import Tensor

from ...errors import DataError

MOST = 20  # units whose 2^d states are still written out


def boltzmann_energy(s: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """E(s) of states (..., d).

    Systems: boltzmann-machine
    Source: Martinez-Ramon 7.2.1, eq. 7.1.
    """
    return -0.5 * ((s @ weights) * s).sum(-1) - s @ bias


def energy_gap(s: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """E(s_j = 0) - E(s_j = 1) for every unit j, given the others, (..., d). Source: Martinez-Ramon eq. 7.2."""
    return s @ weights + bias


def unit_probability(gap: Tensor, *, temperature: float = 1.0) -> Tensor:
    """p(s_j = 1) = sigmoid(gap / T).

    Source: Martinez-Ramon eq. 7.3 (oracle B7.1); as T falls to 0 it becomes gap > 0, not the threshold printed (F7-2).

    >>> unit_probability(torch.tensor(1.0), temperature=2.0)
    tensor(0.6225)
    """
    return torch.sigmoid(gap / temperature)


def boltzmann_law(weights: Tensor, bias: Tensor, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """All states (2^d, d), counted up in binary with unit 0 the slowest, and the probability of each, (2^d,)."""
    d = len(bias)
    if d > MOST:
        raise DataError(f"{d} units have 2^{d} states; {MOST} units at most are written out: sample instead")
    states = all_states(d).to(weights)
    return states, (-boltzmann_energy(states, weights, bias) / temperature).softmax(0)


def all_states(d: int) -> Tensor:
    """Every row of d zeros and ones, (2^d, d), unit 0 the slowest."""
    return (torch.arange(2**d)[:, None] >> torch.arange(d - 1, -1, -1) & 1).float()


def gibbs_sweeps(
    s: Tensor,
    weights: Tensor,
    bias: Tensor,
    *,
    n_sweeps: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    clamped: Tensor | None = None,
) -> Tensor:
    """States (n, d) after so many sweeps, each visiting every unit that is not `clamped` (d,) and drawing it anew.

    Systems: gibbs-sampling
    Source: Martinez-Ramon 7.1 and 7.2, which says that sampling adjusts parameters; it changes states alone (F7-11).
    """
    if not temperature > 0:
        raise DataError(f"a temperature is above 0; got {temperature}")
    state = s.clone()
    free = range(state.shape[1]) if clamped is None else torch.nonzero(~clamped)[:, 0].tolist()
    for _ in range(n_sweeps):
        for i in free:
            p = unit_probability(state @ weights[i] + bias[i], temperature=temperature)
            state[:, i] = (torch.rand(len(state), generator=generator, dtype=p.dtype) < p).to(state.dtype)
    return state


def boltzmann_gradient(
    data: Tensor, weights: Tensor, bias: Tensor, *, n_visible: int, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Slopes of KL(data || machine) by the weights (d, d) and the biases (d,), over all states: small machines only.

        dG / dw_ij = -(p_ij - p'_ij) / T

    with p_ij how often i and j are on together when the first n_visible units are clamped to the rows data (n,
    n_visible), and p'_ij when the machine runs free.

    Systems: bm-learning
    Source: Martinez-Ramon 7.2.2, eq. 7.6, whose sign is wrong (F7-3; oracle B7.2); the update, w up by
    p - p', is right.
    """
    states, law = boltzmann_law(weights, bias, temperature=temperature)
    clamped = torch.zeros_like(weights)
    means = torch.zeros_like(bias)
    if data.ndim != 2 or data.shape[1] != n_visible or not len(data) or not bool(((data == 0) | (data == 1)).all()):
        raise DataError(
            f"data are (n, {n_visible}) of 0 and 1; got {tuple(data.shape)} with {data.flatten()[:4].tolist()}"
        )
    for row in data:
        alike = (states[:, :n_visible] == row).all(1)
        share = (law * alike) / (law * alike).sum() / len(data)
        clamped += (states * share[:, None]).T @ states
        means += share @ states
    free = (states * law[:, None]).T @ states
    slope = -(clamped - free) / temperature
    return slope - torch.diag(slope.diagonal()), -(means - law @ states) / temperature
