"""Sigmoid belief nets: each layer of units of 0 and 1 is drawn given the one above; and how likely rows are."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .energy.boltzmann import all_states


def log_bernoulli(x: Tensor, pull: Tensor) -> Tensor:
    """sum_i ln p(x_i) of units (n, d) that are on with the probabilities sigmoid(pull), (n,).

    >>> log_bernoulli(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).div(torch.tensor(2.0).log()).tolist()
    [-2.0]
    """
    return (x * pull - F.softplus(pull)).sum(-1)


def delta_rule(x: Tensor, above: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """By how much the weights (d, d_above) and biases (d,) of p(x | above) rise: the mean of (x - p) above', and x - p.

    It is the gradient of the mean log-likelihood of units that are seen: both phases of wake-sleep are this rule, awake
    for the weights that make rows, asleep for those that recognise them.

    Systems: wake-sleep
    Source: Hinton, Dayan, Frey and Neal 1995, eqs 5 and 6; named in Martinez-Ramon 7.3.1.

    >>> delta_rule(torch.ones(1, 1), torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1))
    (tensor([[0.5000]]), tensor([0.5000]))
    """
    error = x - torch.sigmoid(above @ weight.T + bias)
    return error.T @ above / len(x), error.mean(0)


def exact_belief_log_likelihood(v: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """ln p(v) of rows (n, d_0), (n,): every state of all hidden units is written out.

    weights[l] (d_l, d_(l+1)) and biases[l] (d_l,) make layer l of the one above; the topmost layer has biases alone.

    Systems: wake-sleep
    """
    sizes = [len(b) for b in biases[1:]]
    hidden = list(all_states(sum(sizes)).to(v).split(sizes, 1))
    log_h = log_bernoulli(hidden[-1], biases[-1])
    for at in range(len(hidden) - 1):
        log_h = log_h + log_bernoulli(hidden[at], hidden[at + 1] @ weights[at + 1].T + biases[at + 1])
    pulls = hidden[0] @ weights[0].T + biases[0]
    return (v @ pulls.T - F.softplus(pulls).sum(1) + log_h).logsumexp(1)
