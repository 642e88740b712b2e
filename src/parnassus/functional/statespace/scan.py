"""All states of h_t = a_t h_(t-1) + b_t at once: step by step, and by composing steps pairwise."""

from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from ..once import once


def refuse_no_steps(n_steps: int) -> None:
    """Refuses what has no steps at all, of which no state can be said."""
    if n_steps < 1:
        raise DataError("a scan takes at least one step; got none")


def stepwise(a: Tensor, b: Tensor, h: Tensor | None = None) -> Tensor:
    """h_t = a_t h_(t-1) + b_t for a and b (batch, time, ...), one step after the other: the slow twin."""
    h = torch.zeros_like(b[:, 0]) if h is None else h
    shown = []
    for decay, arrival in zip(a.unbind(1), b.unbind(1), strict=True):
        h = decay * h + arrival
        shown.append(h)
    return torch.stack(shown, 1)


def composed(first: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The one step (a, b) that does what two do: (a_j a_i, a_j b_i + b_j), `first` being i and `then` j.

    It is associative, so that any bracketing of many steps gives the same.

    >>> composed((torch.tensor(2.0), torch.tensor(1.0)), (torch.tensor(3.0), torch.tensor(5.0)))
    (tensor(6.), tensor(8.))

    Source: Hifny section 12.3, whose footnote prints the product of the two matrices in the other order.
    """
    return then[0] * first[0], then[0] * first[1] + then[1]


def doubling_scan(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Every prefix (a_t ... a_1, h_t) in ceil(log2 time) levels: at level i each step takes in the one 2^i before it.

    Systems: parallel-scan
    Source: Hillis and Steele 1986; Hifny section 12.3 (its count of compositions for 8 steps, 7, is one short of what
    all prefixes need even in the frugal form: `frugal_scan` makes 11, this one 17).
    """
    reach = 1
    while reach < a.shape[1]:
        joined = composed((a[:, :-reach], b[:, :-reach]), (a[:, reach:], b[:, reach:]))
        a, b = (torch.cat([old[:, :reach], new], 1) for old, new in zip((a, b), joined, strict=True))
        reach *= 2
    return a, b


def frugal_scan(a: Tensor, b: Tensor) -> Tensor:
    """The states of `stepwise` from state 0, with work in proportion to time: pairs are joined, scanned, parted again.

    Source: Blelloch 1990, in the odd and even form.
    """
    time = a.shape[1]
    refuse_no_steps(time)
    if time == 1:
        return b
    even = time - time % 2
    pairs = composed((a[:, 0:even:2], b[:, 0:even:2]), (a[:, 1:even:2], b[:, 1:even:2]))
    odd = frugal_scan(*pairs)  # the states after steps 1, 3, 5, ...
    found = torch.empty(torch.broadcast_shapes(a.shape, b.shape), dtype=b.dtype, device=b.device)
    found[:, 1::2] = odd
    found[:, 0] = b[:, 0]
    inner = odd[:, : (time - 1) // 2]
    found[:, 2::2] = a[:, 2::2] * inner + b[:, 2::2]
    return found


class LinearScan(torch.autograd.Function):
    """`frugal_scan`, and its slopes by the same scan run backwards: no graph of the levels is kept."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        h = frugal_scan(a, b)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @once
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor, Tensor]:
        a, h = ctx.saved_tensors
        ahead = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], 1).conj()
        of_b = frugal_scan(ahead.flip(1), of_h.flip(1)).flip(1)
        before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)
        return of_b * before.conj(), of_b


def linear_scan(a: Tensor, b: Tensor, h: Tensor | None = None) -> Tensor:
    """All states (batch, time, ...) of h_t = a_t h_(t-1) + b_t, real or complex, from `h` or from 0.

    >>> linear_scan(torch.full((1, 4), 0.5), torch.ones(1, 4)).tolist()
    [[1.0, 1.5, 1.75, 1.875]]
    """
    a = a.expand_as(b)
    if h is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * h[:, None], b[:, 1:]], 1)
    return LinearScan.apply(a, b)
