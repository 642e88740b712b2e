"""Replicated softmaxes: machines whose visible units are the counts of words of rows, which differ in length."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import DataError
from .boltzmann import MOST, all_states
from .restricted import Machine, draw_visible, tempered

BLOCK = 4_096  # states of the hidden layer that are written out at a time


def _each_word(h: Tensor, machine: Machine) -> Tensor:
    """ln of the sum over one word of exp(-E), c counted once, for hidden units (n, n_hidden): (n,)."""
    return h @ machine.c + (h @ machine.w.T + machine.b).logsumexp(-1)


def length_log_partitions(machine: Machine, lengths: Sequence[int]) -> Tensor:
    """ln Z for rows of each of so many words in their order, by writing out the hidden layer, (len(lengths),).

        Z_n = sum over h of (exp(c' h) sum_k exp(b_k + W_k h))^n

    Source: Salakhutdinov and Hinton 2009 (Replicated softmax: an undirected topic model), eqs 2 to 4.
    """
    if len(machine.c) > MOST:
        raise DataError(f"{len(machine.c)} hidden units have 2^{len(machine.c)} states; estimate instead")
    n = torch.tensor(lengths, dtype=machine.w.dtype)[:, None]
    parts = [(n * _each_word(h, machine)).logsumexp(1) for h in all_states(len(machine.c)).to(machine.w).split(BLOCK)]
    return torch.stack(parts).logsumexp(0)


def estimated_length_log_partitions(
    machine: Machine, longest: int, *, generator: torch.Generator, n_chains: int = 200, n_steps: int = 10
) -> Tensor:
    """ln Z for rows of 0, 1, ..., `longest` words by annealed importance sampling, word by word, (longest + 1,).

    One word more begins with weights of 0, which grow to the machine's in n_steps; what is found at each length is on
    the way to the next.

    Source: Neal 2001; Salakhutdinov and Hinton 2009.
    """
    n_hidden = len(machine.c)
    h = torch.bernoulli(machine.w.new_full((n_chains, n_hidden), 0.5), generator=generator)
    log_weight = machine.w.new_full((n_chains,), n_hidden * math.log(2))
    found = [log_weight.logsumexp(0)]
    on_the_way = [tempered(machine, power) for power in torch.linspace(0, 1, n_steps + 1).tolist()]
    one = torch.ones(n_chains, dtype=torch.int64)
    for n in range(longest):
        log_weight = log_weight + machine.b.logsumexp(0)
        for before, now in itertools.pairwise(on_the_way):
            log_weight = log_weight + _each_word(h, now) - _each_word(h, before)
            v = draw_visible(h, machine, generator, lengths=n * one)
            last = draw_visible(h, now, generator, lengths=one)
            pull = v @ machine.w + n * machine.c + last @ now.w + now.c
            h = torch.bernoulli(pull.sigmoid(), generator=generator)
        found.append(log_weight.logsumexp(0))
    return torch.stack(found) - math.log(n_chains)


def log_orders(v: Tensor) -> Tensor:
    """ln of how many orders of the words have the counts v (n, words), (n,).

    >>> log_orders(torch.tensor([[2.0, 1.0]])).exp().round().tolist()
    [3.0]
    """
    return torch.lgamma(v.sum(-1) + 1) - torch.lgamma(v + 1).sum(-1)
