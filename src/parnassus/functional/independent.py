"""All states of h_t = relu(a_t + u h_(t-1)) at once, unit by unit: step by step, by composing steps, and compiled."""

from typing import Any

import torch
from torch import Tensor

from .. import kernels
from .once import once
from .statespace.scan import linear_scan, refuse_no_steps
from .threads import n_threads

Clipped = tuple[Tensor, Tensor, Tensor, Tensor]


def independent_stepwise(a: Tensor, u: Tensor, h: Tensor | None = None) -> Tensor:
    """h_t = relu(a_t + u h_(t-1)) for a (batch, time, n_units) and u (n_units,), one step after the other: the twin."""
    h = torch.zeros_like(a[:, 0]) if h is None else h
    shown = []
    for arrival in a.unbind(1):
        h = torch.relu(arrival + u * h)
        shown.append(h)
    return torch.stack(shown, 1)


def clipped(first: Clipped, then: Clipped) -> Clipped:
    """The one map x -> min(high, max(low, p x + q)) that does what two such maps do, one after the other.

    A clipped line through a clipped line is a clipped line: with p_j, q_j, low_j, high_j of `then`, its slope is
    p_j p_i, its offset p_j q_i + q_j, and its bounds are those of `first` through the line of `then`, in order (they
    change places where p_j < 0) and clipped by the bounds of `then`. So relu(a_t + u x), low = 0, composes in any
    bracketing, and many steps can be made at once, although they are not linear.
    """
    p, q, low, high = then
    most = torch.finfo(q.dtype).max  # instead of infinity, whose product with 0 is no number
    ends = [(p * bound + q).clamp(-most, most) for bound in first[2:]]
    smaller, larger = torch.minimum(*ends), torch.maximum(*ends)
    bounds = [torch.minimum(torch.maximum(end, low), high) for end in (smaller, larger)]
    return p * first[0], p * first[1] + q, bounds[0], bounds[1]


def clipped_scan(maps: Clipped) -> Clipped:
    """All prefixes of clipped maps (batch, time, ...), with work in proportion to time: paired, scanned, parted again.

    Source: Blelloch 1990, in the odd and even form of `functional.statespace.scan.frugal_scan`.
    """
    time = maps[1].shape[1]
    if time == 1:
        return maps
    even = time - time % 2
    odd = clipped_scan(clipped(_part(maps, slice(0, even, 2)), _part(maps, slice(1, even, 2))))
    inner = clipped(_part(odd, slice(0, (time - 1) // 2)), _part(maps, slice(2, None, 2)))
    found = []
    for given, after_odd, after_even in zip(maps, odd, inner, strict=True):
        whole = torch.empty_like(given)
        whole[:, :1], whole[:, 1::2], whole[:, 2::2] = given[:, :1], after_odd, after_even
        found.append(whole)
    return found[0], found[1], found[2], found[3]


def _part(maps: Clipped, steps: slice) -> Clipped:
    p, q, low, high = (x[:, steps] for x in maps)
    return p, q, low, high


def independent_scan(a: Tensor, u: Tensor, h: Tensor | None = None) -> Tensor:
    """All states (batch, time, n_units) of h_t = relu(a_t + u h_(t-1)), from h (batch, n_units) or from 0.

    Compiled on a processor (kernels/indrnn.cpp), else by scans without a loop over time; slopes likewise: where a unit
    is awake its slope is a linear recurrence backwards. Equal to `independent_stepwise` to rounding.

    >>> independent_scan(torch.tensor([[[1.0], [1.0], [-3.0], [2.0]]]), torch.tensor([0.5])).flatten().tolist()
    [1.0, 1.5, 0.0, 2.0]

    Source: Li et al. 2018; Hifny eqs. 10.46 to 10.50.
    """
    refuse_no_steps(a.shape[1])
    begin = a.new_zeros(a.shape[0], a.shape[2]) if h is None else h
    if torch.compiler.is_exporting():  # a file has no kernels: its steps, one after the other
        return independent_stepwise(a, u, begin)
    served = a.device.type == "cpu" and a.dtype in (torch.float32, torch.float64) and u.dtype == begin.dtype == a.dtype
    compiled = kernels.load("indrnn") if served and a.numel() else None
    return (IndependentScan if compiled is None else CompiledScan).apply(a, u, begin)


class CompiledScan(torch.autograd.Function):
    """The scan by kernels/indrnn.cpp."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, u: Tensor, begin: Tensor) -> Tensor:
        operators = kernels.load("indrnn")
        assert operators is not None
        a, u, begin = a.detach().contiguous(), u.detach().contiguous(), begin.detach().contiguous()
        h = torch.empty_like(a)
        operators.forward(a, u, begin, n_threads(), h)
        ctx.save_for_backward(u, begin, h)
        return h

    @staticmethod
    @once
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, begin, h = ctx.saved_tensors
        operators = kernels.load("indrnn")
        assert operators is not None
        of_a, of_u, of_begin = torch.empty_like(h), torch.empty_like(begin), torch.empty_like(begin)
        operators.backward(u, begin, h, of_h.contiguous(), n_threads(), of_a, of_u, of_begin)
        return of_a, of_u.sum(0), of_begin


class IndependentScan(torch.autograd.Function):
    """The scan in torch, without a loop over time."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, u: Tensor, begin: Tensor) -> Tensor:
        a, u, begin = a.detach(), u.detach(), begin.detach()
        q = torch.cat([a[:, :1] + (u * begin)[:, None], a[:, 1:]], 1)
        most = torch.finfo(a.dtype).max
        _, q, low, high = clipped_scan((u.expand_as(a), q, torch.zeros_like(a), torch.full_like(a, most)))
        h = torch.minimum(torch.maximum(q, low), high)
        ctx.save_for_backward(u, begin, h)
        return h

    @staticmethod
    @once
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, begin, h = ctx.saved_tensors
        awake = (~(h <= 0)).to(h.dtype)
        of_a = linear_scan((u * awake).flip(1), (of_h * awake).flip(1)).flip(1)
        before = torch.cat([begin[:, None], h[:, :-1]], 1)
        return of_a, (of_a * before).sum((0, 1)), u * of_a[:, 0]
