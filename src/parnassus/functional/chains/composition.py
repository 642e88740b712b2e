"""Chains made of chains: words of phones, sentences of words."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import SettingError


class Chain(NamedTuple):
    """Probabilities of a chain with K emitting states: start (K,), transitions (K, K), leave (K,).

    `start` are the transitions out of the entry state, `leave` those into the exit state; neither of the two emits.
    Rows of [transitions, leave] sum to one.

    Systems: hmm
    Source: Hifny A13.17, eqs 13.77 and 13.80 to 13.84.
    """

    start: Tensor
    transitions: Tensor
    leave: Tensor

    @property
    def n_states(self) -> int:
        return len(self.start)

    def logs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same as logarithms."""
        return self.start.log(), self.transitions.log(), self.leave.log()


def left_to_right(n_states: int, *, stay: float = 0.5, n_skips: int = 0) -> Chain:
    """A chain that begins in its first state and ends after its last: each state stays, or goes on by 1 to 1 + n_skips.

    >>> left_to_right(2, stay=0.75).transitions
    tensor([[0.7500, 0.2500],
            [0.0000, 0.7500]], dtype=torch.float64)
    """
    whole = torch.zeros(n_states, n_states + 1, dtype=torch.float64)
    for i in range(n_states):
        last = min(i + 1 + n_skips, n_states)
        whole[i, i] = stay
        whole[i, i + 1 : last + 1] = (1 - stay) / (last - i)
    start = torch.zeros(n_states, dtype=torch.float64)
    start[0] = 1
    return Chain(start, whole[:, :-1].clone(), whole[:, -1].clone())


def in_series(chains: Sequence[Chain]) -> Chain:
    """One chain after another, each one's exit joined to the next one's entry: a word from its phones."""
    if not chains:
        raise SettingError("a composite chain is made of at least one chain; got none")
    start, transitions, leave = _blocks(chains)
    at = _offsets(chains)
    for p in range(len(chains) - 1):
        one, two = chains[p], chains[p + 1]
        transitions[at[p] : at[p + 1], at[p + 1] : at[p + 2]] = one.leave[:, None] * two.start
    start[: at[1]] = chains[0].start
    leave[at[-2] :] = chains[-1].leave
    return Chain(start, transitions, leave)


def in_parallel(chains: Sequence[Chain], *, first: Tensor, follows: Tensor, last: Tensor) -> Chain:
    """Any chain after any other, as a grammar says: a sentence from its words.

    first: (n,) the probability that a chain comes first; follows: (n, n) that one is followed by another; last: (n,)
    that it is the last. Rows of [follows, last] sum to one.
    """
    start, transitions, leave = _blocks(chains)
    at = _offsets(chains)
    for p, one in enumerate(chains):
        own = slice(at[p], at[p + 1])
        start[own], leave[own] = first[p] * one.start, last[p] * one.leave
        for q, two in enumerate(chains):
            transitions[own, at[q] : at[q + 1]] += follows[p, q] * one.leave[:, None] * two.start
    return Chain(start, transitions, leave)


def _blocks(chains: Sequence[Chain]) -> tuple[Tensor, Tensor, Tensor]:
    n = sum(c.n_states for c in chains)
    start = chains[0].start.new_zeros(n)
    return start, torch.block_diag(*(c.transitions for c in chains)), torch.zeros_like(start)


def _offsets(chains: Sequence[Chain]) -> list[int]:
    at = [0]
    for chain in chains:
        at.append(at[-1] + chain.n_states)
    return at


def drawn_path(chain: Chain, length: int, generator: torch.Generator, *, may_end: bool) -> Tensor:
    """States drawn from a chain (time,): `length` of them, or until it leaves.

    >>> chain = Chain(torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([0.0, 1.0]))
    >>> drawn_path(chain, 9, torch.Generator(), may_end=True).tolist()
    [0, 1]
    """
    chain = Chain(*(p.cpu() for p in chain))
    rows = torch.cat([chain.transitions, chain.leave[:, None]], 1) if may_end else chain.transitions
    states = [int(torch.multinomial(chain.start, 1, generator=generator))]
    while len(states) < length:
        state = int(torch.multinomial(rows[states[-1]], 1, generator=generator))
        if state == chain.n_states:
            break
        states.append(state)
    return torch.tensor(states)
