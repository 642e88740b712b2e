"""Restricted Boltzmann machines: visible units and hidden ones, no edges within a layer.

E(v, h) = -v' W h - b' v - c' h where all units are of 0 and 1. W is (n_visible, n_hidden), rows of v are samples.
Of real visible units |v - b|^2 / 2 stands for -b' v, of real hidden ones |h - c|^2 / 2 for -c' h. Categories are groups
of visible units of which one is on. Counts of words share one group's weights, and c counts once for each word.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ..autoencoding import drawn_units, log_shares
from ..probability import LOG_2PI
from .boltzmann import MOST, all_states


class Machine(NamedTuple):
    """Weights (n_visible, n_hidden), visible biases (n_visible,), hidden biases (n_hidden,), and what the units are."""

    w: Tensor
    b: Tensor
    c: Tensor
    gaussian: bool = False  # visible units are real numbers of variance 1
    gaussian_output: bool = False  # hidden units are real numbers of variance 1
    groups: tuple[int, ...] = ()  # sizes of the groups that visible units end with, in each of which one is on
    counted: bool = False  # visible units are counts of words: a replicated softmax


def joint_energy(v: Tensor, h: Tensor, machine: Machine) -> Tensor:
    """E(v, h) of rows (n, n_visible) and (n, n_hidden). Source: Martinez-Ramon eq. 7.7."""
    hidden = (
        0.5 * (h - machine.c).square().sum(-1) if machine.gaussian_output else -_times(v, machine) * (h @ machine.c)
    )
    return _own(v, machine) - ((v @ machine.w) * h).sum(-1) + hidden


def _own(v: Tensor, machine: Machine) -> Tensor:
    """The part of the energy that is the visible units' alone."""
    return 0.5 * (v - machine.b).square().sum(-1) if machine.gaussian else -v @ machine.b


def _times(v: Tensor, machine: Machine) -> Tensor:
    """How often hidden biases count in each row (n,): once, or once for each word."""
    return v.sum(-1) if machine.counted else torch.ones_like(v[..., 0])


def hidden_probability(v: Tensor, machine: Machine) -> Tensor:
    """p(h_j = 1 | v) = sigmoid(v W + c), or the mean v W + c of real units. Source: Martinez-Ramon eq. 7.8."""
    pull = v @ machine.w + _times(v, machine)[..., None] * machine.c if machine.counted else v @ machine.w + machine.c
    return pull if machine.gaussian_output else torch.sigmoid(pull)


def visible_mean(h: Tensor, machine: Machine) -> Tensor:
    """p(v_i = 1 | h) = sigmoid(h W' + b), or the mean h W' + b of real units. Source: eq. 7.9, indices put right.

    Of groups the softmax of each; of counts each word's share of a row.

    Systems: gaussian-rbm
    """
    pull = h @ machine.w.T + machine.b
    if machine.gaussian:
        return pull
    if machine.counted:
        return pull.softmax(-1)
    alone = torch.sigmoid(pull[..., : pull.shape[-1] - sum(machine.groups)])
    return torch.cat([alone, log_shares(pull, machine.groups).exp()], -1) if machine.groups else alone


def draw_hidden(v: Tensor, machine: Machine, generator: torch.Generator | None = None) -> Tensor:
    """Hidden units given the visible ones, (n, n_hidden)."""
    mean = hidden_probability(v, machine)
    if machine.gaussian_output:
        return mean + _noise(torch.randn, mean, generator)
    return (_noise(torch.rand, mean, generator) < mean).to(mean.dtype)


def draw_visible(
    h: Tensor, machine: Machine, generator: torch.Generator | None = None, *, lengths: Tensor | None = None
) -> Tensor:
    """Visible units given the hidden ones, (n, n_visible); of counts so many words a row as `lengths` (n,) says."""
    mean = visible_mean(h, machine)
    if machine.gaussian:
        return mean + _noise(torch.randn, mean, generator)
    if machine.counted:
        assert lengths is not None
        return _drawn_words(mean, lengths, generator)
    n = mean.shape[-1] - sum(machine.groups)
    alone = (_noise(torch.rand, mean[..., :n], generator) < mean[..., :n]).to(mean.dtype)
    if not machine.groups:
        return alone
    noise = _noise(torch.randn, mean[..., n:], generator)
    return torch.cat([alone, drawn_units(mean[..., n:].log(), machine.groups, noise)], -1)


def _noise(kind: Any, like: Tensor, generator: torch.Generator | None) -> Tensor:
    return kind(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def _drawn_words(shares: Tensor, lengths: Tensor, generator: torch.Generator | None) -> Tensor:
    """Counts (n, words) of so many words a row, drawn by their shares (n, words)."""
    longest = int(lengths.max()) if len(lengths) else 0
    counts = torch.zeros_like(shares)
    if longest:
        words = torch.multinomial(shares, longest, replacement=True, generator=generator)
        there = torch.arange(longest, device=shares.device) < lengths[:, None]
        counts.scatter_add_(1, words, there.to(shares.dtype))
    return counts


def free_energy(v: Tensor, machine: Machine) -> Tensor:
    """F(v) with p(v) = exp(-F(v)) / Z: the energy with the hidden units summed out, (n,).

    -b' v - sum_j softplus(v W + c), with |v - b|^2 / 2 in place of -b' v for real visible units. Of real hidden ones
    the second part is -v W c - |v W|^2 / 2 - n_hidden ln(2 pi) / 2. Z of counts is that of rows of as many words in
    their order.

    Systems: rbm

    >>> machine = Machine(torch.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]]), torch.tensor([0.1, -0.2, 0.3]),
    ...                   torch.tensor([0.0, -0.5]))
    >>> free_energy(torch.tensor([[1.0, 0.0, 1.0]]), machine)
    tensor([-1.5755])
    """
    pull = v @ machine.w
    if machine.gaussian_output:
        summed = pull @ machine.c + 0.5 * pull.square().sum(-1) + len(machine.c) / 2 * LOG_2PI
    else:
        biases = _times(v, machine)[..., None] * machine.c if machine.counted else machine.c
        summed = F.softplus(pull + biases).sum(-1)
    return _own(v, machine) - summed


def exact_log_partition(machine: Machine) -> float:
    """ln Z by writing out the states of the smaller layer, 20 units at most; see `replicated` for counts."""
    _refuse_counts(machine, "length_log_partitions")
    n_visible, n_hidden = machine.w.shape
    plain = not (machine.gaussian or machine.groups)
    if not machine.gaussian_output and (n_hidden <= n_visible or not plain):
        if n_hidden > MOST:
            raise DataError(f"{n_hidden} hidden units have 2^{n_hidden} states; see estimated_log_partition")
        h = all_states(n_hidden).to(machine.w)
        pull = h @ machine.w.T
        if machine.gaussian:  # a Gaussian integral over v for every h
            summed = (pull * machine.b + 0.5 * pull.square()).sum(1) + n_visible / 2 * LOG_2PI
        else:
            summed = _summed(pull + machine.b, machine)
        return float((h @ machine.c + summed).logsumexp(0))
    if not plain or n_visible > MOST:
        raise DataError(f"layers of {n_visible} and {n_hidden} units are too many to write out; estimate it")
    return float((-free_energy(all_states(n_visible).to(machine.w), machine)).logsumexp(0))


def _summed(pull: Tensor, machine: Machine) -> Tensor:
    """ln of the sum over visible units of 0 and 1 of exp(pull' v), (..., n_visible) to (...)."""
    n = pull.shape[-1] - sum(machine.groups)
    each = [part.logsumexp(-1) for part in pull[..., n:].split(list(machine.groups), -1)] if machine.groups else []
    return F.softplus(pull[..., :n]).sum(-1) + sum(each, start=torch.zeros_like(pull[..., 0]))


def estimated_log_partition(
    machine: Machine,
    base: Tensor,
    *,
    generator: torch.Generator,
    n_chains: int = 200,
    n_steps: int = 2000,
) -> tuple[float, float]:
    """ln Z by annealed importance sampling, and its standard error: chains drawn from a machine without weights, whose
    visible biases are `base` (n_visible,), towards this one.

    Source: Neal 2001; Salakhutdinov and Murray 2008.
    """
    _refuse_counts(machine, "estimated_length_log_partitions")
    _check_way(machine, base, n_chains, n_steps)
    n_hidden = machine.w.shape[1]
    v = draw_visible(base.new_zeros(n_chains, n_hidden), tempered(machine, 0.0, base), generator)
    log_base = n_hidden * (LOG_2PI / 2 if machine.gaussian_output else math.log(2))
    log_base += len(base) / 2 * LOG_2PI if machine.gaussian else float(_summed(base, machine))
    log_weight = torch.zeros(n_chains, dtype=base.dtype)
    betas = torch.linspace(0, 1, n_steps + 1, dtype=base.dtype)
    for before, beta in itertools.pairwise(betas.tolist()):
        now = tempered(machine, beta, base)
        log_weight += free_energy(v, tempered(machine, before, base)) - free_energy(v, now)
        v = draw_visible(draw_hidden(v, now, generator), now, generator)
    found = log_weight.logsumexp(0) - math.log(n_chains)
    spread = (log_weight - log_weight.max()).exp()
    error = float(spread.std() / spread.mean()) / math.sqrt(n_chains)
    return float(found) + log_base, error


def _refuse_counts(machine: Machine, instead: str) -> None:
    if machine.counted:
        raise DataError(
            f"a machine of counts has no one Z, but one for each number of words in a row; take {instead}(machine, ...)"
        )


def _check_way(machine: Machine, base: Tensor, n_chains: int, n_steps: int) -> None:
    """Refuses biases to begin at that are not one for each visible unit, and too few chains or steps."""
    told = f"{tuple(base.shape)} {base.dtype}" if isinstance(base, Tensor) else repr(base)
    if told != (wanted := f"{tuple(machine.b.shape)} {machine.b.dtype}"):
        raise DataError(
            f"base is a tensor of visible biases to begin at, {wanted} as the machine's are; got {told}: take "
            "machine.b.clone(), or of units of 0 and 1 the logits of how often each is on"
        )
    if n_chains < 2 or n_steps < 1:
        raise SettingError(
            f"ln Z is estimated with 2 chains or more, for its error, and a step or more; got n_chains={n_chains} and "
            f"n_steps={n_steps}"
        )


def tempered(machine: Machine, power: float, base: Tensor | None = None) -> Machine:
    """The machine on the way, at a power of 0 to 1, from one without weights and of biases `base`, to this one."""
    b = machine.b if base is None else (1 - power) * base + power * machine.b
    return machine._replace(w=power * machine.w, b=b, c=power * machine.c)


def swap_powers(states: Tensor, machines: Sequence[Machine], generator: torch.Generator | None = None) -> Tensor:
    """States (powers, n, n_visible) of chains of each of these machines, after neighbours' offers to change places.

    An offer of machines i and i + 1 is taken with probability min(1, exp(F_i(v_i) + F_j(v_j) - F_i(v_j) - F_j(v_i))),
    which leaves the law of every machine as it is: parallel tempering.

    Systems: contrastive-divergence
    Source: Desjardins et al. 2010, eq. 4; Swendsen and Wang 1986.
    """
    states = states.clone()
    for i in (*range(0, len(machines) - 1, 2), *range(1, len(machines) - 1, 2)):
        own, other = states[i].clone(), states[i + 1].clone()
        kept = free_energy(own, machines[i]) + free_energy(other, machines[i + 1])
        gain = kept - free_energy(other, machines[i]) - free_energy(own, machines[i + 1])
        taken = (_noise(torch.rand, gain, generator).log() < gain)[:, None]
        states[i], states[i + 1] = torch.where(taken, other, own), torch.where(taken, own, other)
    return states


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
    by_c = _times(again, machine) @ h_again - _times(v, machine) @ h
    return by_w, dreamt - seen, by_c
