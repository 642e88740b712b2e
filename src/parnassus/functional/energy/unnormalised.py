"""Learning the weights of a Boltzmann machine of which all units are seen, without Z."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .boltzmann import energy_gap


def unit_log_likelihood(s: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """sum_j ln p(s_j | all others) of states (n, d), (n,): the pseudo-log-likelihood.

    Systems: score-based-kin
    Source: Besag 1975; named in Martinez-Ramon 8.10.

    >>> unit_log_likelihood(torch.tensor([[1.0, 0.0]]), torch.zeros(2, 2), torch.zeros(2)).div(torch.tensor(2.0).log())
    tensor([-2.])
    """
    return F.logsigmoid((2 * s - 1) * energy_gap(s, weights, bias)).sum(-1)


def probability_flow(s: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """How fast probability leaves states (n, d) for those one unit away, (n,): minimum probability flow lowers it.

        sum_j exp((E(s) - E(s with unit j flipped)) / 2) = sum_j exp((1 - 2 s_j) gap_j / 2)

    Systems: score-based-kin
    Source: Sohl-Dickstein, Battaglino and DeWeese 2011, eq. 16; named in Martinez-Ramon 8.10.

    >>> probability_flow(torch.tensor([[1.0, 0.0]]), torch.zeros(2, 2), torch.zeros(2)).tolist()
    [2.0]
    """
    return torch.exp(0.5 * (1 - 2 * s) * energy_gap(s, weights, bias)).sum(-1)
