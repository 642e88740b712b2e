"""Deep Boltzmann machines: layers of units of 0 and 1, edges between neighbouring layers only, none directed.

E(x_0, ..., x_L) = -sum_l x_(l-1)' W_l x_l - sum_l b_l' x_l, where x_0 are the visible units. Layers of even number are
independent given those of odd number, and the other way round: sums over one kind are closed forms.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError
from .boltzmann import MOST, all_states


class DeepMachine(NamedTuple):
    """Weights W_l (n_(l-1), n_l) between each two layers, and the biases (n_l,) of all, the visible first."""

    weights: list[Tensor]
    biases: list[Tensor]


def deep_energy(layers: list[Tensor], machine: DeepMachine) -> Tensor:
    """E of states, one tensor (n, n_l) a layer, (n,); linear in each layer, so that means give the mean energy.

    Systems: deep-boltzmann-machine
    Source: Salakhutdinov and Hinton 2009, eq. 7; named in Martinez-Ramon 7.2.3.

    >>> machine = DeepMachine([torch.ones(1, 1), 2 * torch.ones(1, 1)], [torch.zeros(1)] * 3)
    >>> deep_energy([torch.ones(1, 1)] * 3, machine).tolist()
    [-3.0]
    """
    own = -sum((x @ b for x, b in zip(layers, machine.biases, strict=True)), start=torch.zeros(()).to(layers[0]))
    for (below, above), w in zip(itertools.pairwise(layers), machine.weights, strict=True):
        own = own - ((below @ w) * above).sum(-1)
    return own


def pull(at: int, layers: list[Tensor], machine: DeepMachine) -> Tensor:
    """What neighbours and biases say to the units of a layer: p(unit = 1 | neighbours) is its sigmoid."""
    found = machine.biases[at]
    if at:
        found = found + layers[at - 1] @ machine.weights[at - 1]
    if at < len(machine.weights):
        found = found + layers[at + 1] @ machine.weights[at].T
    return found


def mean_field(v: Tensor, machine: DeepMachine, *, n_steps: int) -> list[Tensor]:
    """The visible rows and the means of hidden layers, updated in turn until each is the sigmoid of its pull.

    They begin with a pass upwards in which the weights below the topmost count double, for what is not there yet.

    Source: Salakhutdinov and Hinton 2009, eqs 10 and 11.
    """
    layers = [v]
    for at, w in enumerate(machine.weights, 1):
        double = 1 if at == len(machine.weights) else 2
        layers.append(torch.sigmoid(double * layers[-1] @ w + machine.biases[at]))
    for _ in range(n_steps):
        for at in (*range(1, len(layers), 2), *range(2, len(layers), 2)):
            layers[at] = torch.sigmoid(pull(at, layers, machine))
    return layers


def mean_field_bound(layers: list[Tensor], machine: DeepMachine) -> Tensor:
    """-E + entropy of hidden layers of these means, (n,): at most ln p(v) + ln Z, the more the better the means."""
    means = torch.cat(layers[1:], -1)
    entropy = (torch.special.entr(means) + torch.special.entr(1 - means)).sum(-1)
    return entropy - deep_energy(layers, machine)


def deep_sweep(layers: list[Tensor], machine: DeepMachine, generator: torch.Generator | None = None) -> list[Tensor]:
    """The same chains a sweep later: odd layers drawn given the even ones, then the even ones."""
    layers = list(layers)
    for at in (*range(1, len(layers), 2), *range(0, len(layers), 2)):
        p = torch.sigmoid(pull(at, layers, machine))
        layers[at] = (torch.rand(p.shape, generator=generator, dtype=p.dtype, device=p.device) < p).to(p.dtype)
    return layers


def exact_deep_log_partition(machine: DeepMachine) -> float:
    """ln Z by writing out the layers of odd number, 20 units of theirs at most.

    Systems: deep-boltzmann-machine
    """
    return float(_evens_summed(_odd_states(machine), machine).logsumexp(0))


def exact_deep_log_weight(v: Tensor, machine: DeepMachine) -> Tensor:
    """ln p(v) + ln Z of rows (n, n_0), (n,): the hidden layers summed out, those of odd number by writing them out."""
    odds = _odd_states(machine)
    rest = _evens_summed(odds, machine, first=2)
    towards = odds[0] @ machine.weights[0].T + machine.biases[0]
    return (v @ towards.T + rest).logsumexp(1)


def estimated_deep_log_partition(
    machine: DeepMachine, *, generator: torch.Generator, n_chains: int = 200, n_steps: int = 2000
) -> tuple[float, float]:
    """ln Z by annealed importance sampling from the machine without weights, and its standard error.

    Source: Neal 2001; Salakhutdinov and Hinton 2009, section 3.1.
    """
    b0 = machine.biases[0]
    none = _scaled(machine, 0.0)
    even = [b0.new_zeros(n_chains, len(b)) for b in machine.biases]
    layers = deep_sweep(even, none, generator)
    log_weight = b0.new_zeros(n_chains)
    for before, beta in itertools.pairwise(torch.linspace(0, 1, n_steps + 1, dtype=torch.float64).tolist()):
        was, now = _scaled(machine, before), _scaled(machine, beta)
        odds = layers[1::2]
        log_weight += _evens_summed(odds, now) - _evens_summed(odds, was)
        for at in (*range(0, len(layers), 2), *range(1, len(layers), 2)):
            p = torch.sigmoid(pull(at, layers, now))
            layers[at] = (torch.rand(p.shape, generator=generator, dtype=p.dtype) < p).to(p.dtype)
    base = sum(float(F.softplus(b).sum()) for b in machine.biases)
    spread = (log_weight - log_weight.max()).exp()
    error = float(spread.std() / spread.mean()) / math.sqrt(n_chains)
    return float(log_weight.logsumexp(0)) - math.log(n_chains) + base, error


def _scaled(machine: DeepMachine, beta: float) -> DeepMachine:
    return DeepMachine([beta * w for w in machine.weights], machine.biases)


def _odd_states(machine: DeepMachine) -> list[Tensor]:
    """All states of the layers of odd number, one tensor a layer."""
    sizes = [len(b) for b in machine.biases[1::2]]
    if sum(sizes) > MOST:
        raise DataError(f"{sum(sizes)} units of odd layers have 2^{sum(sizes)} states; estimate instead")
    return list(all_states(sum(sizes)).to(machine.biases[0]).split(sizes, 1))


def _evens_summed(odds: list[Tensor], machine: DeepMachine, first: int = 0) -> Tensor:
    """ln of the sum of exp(-E) over the layers of even number from `first`, given those of odd number, (n,)."""
    layers = [odds[at // 2] if at % 2 else odds[0] for at in range(len(machine.biases))]
    total = sum((x @ b for x, b in zip(odds, machine.biases[1::2], strict=True)), start=torch.zeros(()).to(odds[0]))
    for at in range(first, len(machine.biases), 2):
        total = total + F.softplus(pull(at, layers, machine)).sum(-1)
    return total
