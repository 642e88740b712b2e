"""Mamba-2's selective scan: one decay a head, so that a chunk of time is a product of matrices (state-space duality).

Shapes: x (batch, time, heads, p), delta (batch, time, heads), a (heads,), b and c (batch, time, groups, n), where the
heads of a group share b and c; states (batch, heads, p, n).
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from .scan import linear_scan


def ssd_step(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """(y, h') of one step: h' = exp(delta a) h + delta x B^T, y = h' C, without the axis of time."""
    per_group = x.shape[1] // b.shape[1]
    b, c = (v.repeat_interleave(per_group, 1) for v in (b, c))
    h = torch.exp(delta * a)[..., None, None] * h + (delta[..., None] * x)[..., None] * b[:, :, None]
    return (h * c[:, :, None]).sum(-1), h


def ssd_loop(
    x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs (batch, time, heads, p) and the last state, one `ssd_step` after the other: the slow twin."""
    h = x.new_zeros(*x.shape[:1], *x.shape[2:], b.shape[-1]) if h is None else h
    shown = []
    for t in range(x.shape[1]):
        y, h = ssd_step(x[:, t], delta[:, t], a, b[:, t], c[:, t], h)
        shown.append(y)
    return torch.stack(shown, 1), h


def ssd_chunked(
    x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor | None = None, *, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """`ssd_loop` in matrix products: within a chunk as masked attention, from chunk to chunk by a scan of states.

        y_i = sum_(j <= i) (C_i . B_j) e^(s_i - s_j) delta_j x_j + e^(s_i) C_i h_before,   s_i = sum_(j <= i) delta_j a

    Source: Dao and Gu 2024, listing 1.
    """
    time, groups = x.shape[1], b.shape[2]
    spare = -time % chunk  # steps without input and without decay
    x, b, c = (pad(v, (0, 0, 0, 0, 0, spare)) for v in (x, b, c))
    delta = pad(delta, (0, 0, 0, spare))
    # (batch, chunks, chunk, groups, heads of a group, ...)
    shape = x.shape[0], x.shape[1] // chunk, chunk, groups, x.shape[2] // groups
    taken = (delta[..., None] * x).view(*shape, x.shape[3])
    b, c = (v.view(*shape[:4], b.shape[3]) for v in (b, c))
    s = (delta * a).view(shape).cumsum(2)
    gap = s[:, :, :, None] - s[:, :, None]  # from j to i
    later = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()[..., None, None]
    weight = torch.exp(gap.masked_fill(~later, -torch.inf)) * torch.einsum("zkign,zkjgn->zkijg", c, b)[..., None]
    y = torch.einsum("zkijgh,zkjghp->zkighp", weight, taken)
    arrived = torch.einsum("zkjghp,zkjgn->zkghpn", torch.exp(s[:, :, -1:] - s)[..., None] * taken, b)
    start = torch.zeros_like(arrived[:, 0]) if h is None else h.view_as(arrived[:, 0])
    after = linear_scan(torch.exp(s[:, :, -1])[..., None, None], arrived, start)
    before = torch.cat([start[:, None], after[:, :-1]], 1)
    y = y + torch.einsum("zkign,zkghpn->zkighp", c, before) * torch.exp(s)[..., None]
    last = after[:, -1].reshape(x.shape[0], *x.shape[2:], b.shape[-1])
    return y.reshape(*x.shape)[:, :time], last
