"""Sigmoid belief nets, each layer drawn given the one above, and deep ones with a machine on top; their likelihoods."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import DataError
from .energy.boltzmann import MOST, all_states
from .energy.restricted import Machine, exact_log_partition, free_energy

Edges = tuple[Tensor, Tensor]  # weights (d_below, d_above) and biases of the layer that they say


def log_bernoulli(x: Tensor, pull: Tensor) -> Tensor:
    """sum_i ln p(x_i) of units (n, d) that are on with the probabilities sigmoid(pull), (n,).

    >>> log_bernoulli(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).div(torch.tensor(2.0).log()).tolist()
    [-2.0]
    """
    return (x * pull - F.softplus(pull)).sum(-1)


def delta_rule(
    x: Tensor, above: Tensor, weight: Tensor, bias: Tensor, *, counts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """By how much the weights (d, d_above) and biases (d,) of p(x | above) rise: the mean of (x - p) above', and x - p.

    `counts` (n,) is how much each row counts.

    It is the gradient of the mean log-likelihood of units that are seen: both phases of wake-sleep are this rule, awake
    for the weights that make rows, asleep for those that recognise them.

    Systems: wake-sleep
    Source: Hinton, Dayan, Frey and Neal 1995, eqs 5 and 6; named in Martinez-Ramon 7.3.1.

    >>> delta_rule(torch.ones(1, 1), torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1))
    (tensor([[0.5000]]), tensor([0.5000]))
    """
    error = x - torch.sigmoid(above @ weight.T + bias)
    error = error / len(x) if counts is None else error * (counts / counts.sum())[:, None]
    return error.T @ above, error.sum(0)


def up_down_slopes(
    layers: list[Tensor],
    dreams: list[Tensor],
    making: list[Edges],
    recognising: list[Edges],
    *,
    counts: Tensor | None = None,
) -> tuple[list[Edges], list[Edges]]:
    """By how much the directed edges of a deep belief net rise: those that make layers, and those that recognise them.

    Awake the making edges learn to say each layer given the one above; asleep the recognising edges learn to say each
    layer given the one below. What is left is the machine on top, which learns by contrastive divergence from
    layers[-1], with dreams[-1] the end of its chain.

    layers : rows (n, d_0) and hidden layers (n, d_l) as drawn by the recognising edges, the rows first.
    dreams : the same from the top machine's chain down by the making edges.
    making, recognising : weights (d_l, d_(l+1)) of both; biases (d_l,) of the one and (d_(l+1),) of the other.
    counts : (n,), how much each row counts, and the dream that began at it.

    Systems: deep-belief-network, wake-sleep
    Source: Hinton, Osindero and Teh 2006, section 5 and appendix B ("up-down").
    """
    awake = [
        delta_rule(x, above, *edges, counts=counts) for x, above, edges in zip(layers, layers[1:], making, strict=False)
    ]
    asleep = [
        delta_rule(above, x, w.T, c, counts=counts)
        for x, above, (w, c) in zip(dreams, dreams[1:], recognising, strict=False)
    ]
    return awake, [(by_w.T, by_c) for by_w, by_c in asleep]


def up_down_gap(
    layers: list[Tensor],
    dreams: list[Tensor],
    making: list[Edges],
    recognising: list[Edges],
    *,
    counts: Tensor | None = None,
) -> Tensor:
    """What `up_down_slopes` goes up, times -1: of which autograd finds the same slopes, slowly. A scalar."""
    each = torch.zeros_like(layers[0][:, 0])
    for x, above, (w, b) in zip(layers, layers[1:], making, strict=False):
        each = each - log_bernoulli(x, above @ w.T + b)
    for x, above, (w, c) in zip(dreams, dreams[1:], recognising, strict=False):
        each = each - log_bernoulli(above, x @ w + c)
    return each.mean() if counts is None else (each * counts).sum() / counts.sum()


def exact_belief_log_likelihood(v: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """ln p(v) of rows (n, d_0), (n,): every state of all hidden units is written out.

    weights[l] (d_l, d_(l+1)) and biases[l] (d_l,) make layer l of the one above; the topmost layer has biases alone.

    Systems: wake-sleep
    """
    sizes = [len(b) for b in biases[1:]]
    hidden = list(all_states(sum(sizes)).to(v).split(sizes, 1))
    return _summed_out(v, hidden, weights, biases, log_bernoulli(hidden[-1], biases[-1]))


def exact_deep_belief_log_likelihood(v: Tensor, making: list[Edges], top: Machine) -> Tensor:
    """ln p(v) of rows (n, d_0), (n,), of a deep belief net: a machine on top, and edges that point down below it.

    Every state of all hidden layers but the topmost, which is summed out, is written out: 20 units at most.

    Systems: deep-belief-network
    Source: Hinton, Osindero and Teh 2006; Martinez-Ramon 7.3.

    >>> none = Machine(torch.zeros(2, 3), torch.zeros(2), torch.zeros(3))
    >>> edges = [(torch.zeros(1, 2), torch.zeros(1))]
    >>> exact_deep_belief_log_likelihood(torch.ones(1, 1), edges, none).exp().tolist()
    [0.5]
    """
    log_z = exact_log_partition(top)
    if not making:
        return -free_energy(v, top) - log_z
    sizes = [w.shape[1] for w, _ in making]
    if sum(sizes) > MOST:
        raise DataError(
            f"hidden layers of {sizes} units below the topmost have 2^{sum(sizes)} states, and {MOST} units at most "
            "are written out: take narrower layers, or judge draws"
        )
    hidden = list(all_states(sum(sizes)).to(v).split(sizes, 1))
    log_top = -free_energy(hidden[-1], top) - log_z
    return _summed_out(v, hidden, [w for w, _ in making], [b for _, b in making], log_top)


def _summed_out(v: Tensor, hidden: list[Tensor], weights: list[Tensor], biases: list[Tensor], log_h: Tensor) -> Tensor:
    """ln p(v) (n,) over states of the hidden layers, of which the last are, by themselves, as likely as log_h says."""
    for at in range(len(hidden) - 1):
        log_h = log_h + log_bernoulli(hidden[at], hidden[at + 1] @ weights[at + 1].T + biases[at + 1])
    pulls = hidden[0] @ weights[0].T + biases[0]
    return (v @ pulls.T - F.softplus(pulls).sum(1) + log_h).logsumexp(1)
