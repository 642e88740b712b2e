"""The selective scan: a state-space system whose step, input and output depend on what comes in (S6).

Shapes: inputs u and steps delta (batch, time, channels), each channel with n states; a (channels, n); b and c
(batch, time, n), shared by all channels; states h (batch, channels, n).
"""

import functools
from typing import Any

import torch
from torch import Tensor

from ... import kernels
from ...errors import DataError, SettingError
from ..once import once
from ..threads import n_threads
from .scan import refuse_no_steps, stepwise

WRITTEN = 128  # steps that a scan in an exported file may have, each with operators of its own
HELD = 1 << 19  # numbers of a chunk's states in the twin: what a processor keeps near it


def summed_form(a: Tensor, b: Tensor, c: Tensor, x: Tensor) -> Tensor:
    """y_k = sum_(i <= k) C_k Abar_k ... Abar_(i + 1) Bbar_i x_i (time,): a convolution whose kernel changes with time.

    a, b and c are (time, n) of the discrete system, x is (time,).

    Source: Hifny eq. 12.17, where Abar is the same at every step: Abar^(k - i).
    """
    shown = []
    for k in range(len(x)):
        through = torch.ones_like(a[0])
        total = torch.zeros_like(x[0])
        for i in range(k, -1, -1):
            total = total + (c[k] * through * b[i]).sum() * x[i]
            through = through * a[i]
        shown.append(total)
    return torch.stack(shown)


def discrete_scan(a: Tensor, b: Tensor, c: Tensor, x: Tensor) -> Tensor:
    """h_k = Abar_k h_(k-1) + Bbar_k x_k, y_k = C_k h_k (time,) of a, b, c (time, n) and x (time,).

    >>> x, b, c = torch.tensor([1.0, 2, 3]), torch.tensor([[1.0], [0.5], [2]]), torch.tensor([[1.0], [2], [0.5]])
    >>> discrete_scan(torch.full((3, 1), 0.5), b, c, x).tolist()
    [1.0, 3.0, 3.375]

    Source: Hifny eqs. 12.15 and 12.16; its Abar does not depend on the input, and without a k it cannot.
    """
    return (c * stepwise(a[None], (b * x[:, None])[None])[0]).sum(-1)


def selective_step(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """(y, h') of one step: h' = exp(delta A) h + delta u B, y = C h', with u and delta (batch, channels), b (batch, n).

    A is discretised by zero-order hold, B by Euler's rule, which is what the published code computes.

    Source: Gu and Dao 2023, algorithm 2; Hifny eqs. 12.15 and 12.16 leave the step's dependence on the input out.
    """
    h = torch.exp(delta[..., None] * a) * h + (delta * u)[..., None] * b[:, None]
    return (h * c[:, None]).sum(-1), h


def selective_loop(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs (batch, time, channels) and the last state, one `selective_step` after the other: the slow twin."""
    h = u.new_zeros(len(u), *a.shape) if h is None else h
    shown = []
    for t in range(u.shape[1]):
        y, h = selective_step(u[:, t], delta[:, t], a, b[:, t], c[:, t], h)
        shown.append(y)
    return torch.stack(shown, 1), h


def selective_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`selective_loop`, with slopes written by hand and memory for one state a chunk of time, not one a step.

        h_t = exp(delta_t A) h_(t-1) + delta_t u_t B_t,   y_t = C_t h_t

    float32 on a processor goes through the compiled loop where there is one; states of half precision are kept in
    float32.

    Systems: s6-selective-ssm
    Source: Gu and Dao 2023; Hifny section 12.3.
    """
    _check(u, delta, a, b, c)
    kind = functools.reduce(torch.promote_types, (x.dtype for x in (u, delta, a, b, c)), torch.float32)
    h = u.new_zeros(u.shape[0], *a.shape) if h is None else h
    given = [x.to(kind) for x in (u, delta, a, b, c, h)]
    if torch.compiler.is_exporting():  # a file has neither kernels nor slopes: its steps, one after the other
        if u.shape[1] > WRITTEN:
            raise SettingError(f"a scan is written step by step, up to {WRITTEN} steps; these are {u.shape[1]}")
        y, last = selective_loop(*given)
        return y.to(u.dtype), last
    compiled = kernels.load("scan") if kind == torch.float32 and u.device.type == "cpu" else None
    if compiled is None or a.shape[1] > _sizes(compiled)[2]:
        y, last = ChunkedScan.apply(*given)
    else:
        y, last = CompiledScan.apply(*given)
    return y.to(u.dtype), last


def _check(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> None:
    batch, time, channels = u.shape
    wanted = {"delta": (delta, u.shape), "a": (a, (channels, a.shape[-1]))}
    wanted |= {"b": (b, (batch, time, a.shape[-1])), "c": (c, (batch, time, a.shape[-1]))}
    for name, (given, shape) in wanted.items():
        if given.shape != torch.Size(shape):
            raise DataError(f"with u {tuple(u.shape)} {name} is {tuple(shape)}; got {tuple(given.shape)}")
    refuse_no_steps(time)


class CompiledScan(torch.autograd.Function):
    """The scan by kernels/scan.cpp, which keeps one state a chunk and makes the others again for the slopes."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        u, delta, a, b, c = (x.detach().contiguous() for x in (*given[:2], given[2].T, *given[3:5]))
        operators = kernels.load("scan")
        assert operators is not None
        steps = _sizes(operators)[0]
        chunks = -(-u.shape[1] // steps)
        y, kept = torch.empty_like(u), u.new_empty(len(u), chunks + 1, *a.shape)
        kept[:, 0] = given[5].mT
        operators.forward(u, delta, a, b, c, n_threads(), y, kept)
        ctx.save_for_backward(u, delta, a, b, c, kept)
        return y, kept[:, -1].mT.clone()

    @staticmethod
    @once
    def backward(ctx: Any, of_y: Tensor, of_last: Tensor) -> tuple[Tensor, ...]:
        u, delta, a, b, c, kept = ctx.saved_tensors
        operators = kernels.load("scan")
        assert operators is not None
        groups = -(-u.shape[2] // _sizes(operators)[1])
        of_u, of_delta = torch.empty_like(u), torch.empty_like(u)
        of_a, of_h = u.new_zeros(len(u), *a.shape), of_last.mT.clone(memory_format=torch.contiguous_format)
        of_b, of_c = u.new_empty(groups, *b.shape), u.new_empty(groups, *c.shape)
        operators.backward(
            u, delta, a, b, c, kept, of_y.contiguous(), n_threads(), of_u, of_delta, of_a, of_b, of_c, of_h
        )
        return of_u, of_delta, of_a.sum(0).T, of_b.sum(0), of_c.sum(0), of_h.mT


def _sizes(operators: Any) -> list[int]:
    """Steps of a chunk, channels of a group, and the most states that the compiled loop takes."""
    if not _KNOWN:
        found = torch.empty(3, dtype=torch.int64)
        operators.sizes(found)
        _KNOWN.extend(found.tolist())
    return _KNOWN


_KNOWN: list[int] = []


class ChunkedScan(torch.autograd.Function):
    """The scan in torch: a chunk's products at once, a loop of multiply-adds in place over its steps."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        u, delta, a, b, c, h = (x.detach() for x in given)
        kept, y, steps = [], torch.empty_like(u), _steps(h)
        for at in range(0, u.shape[1], steps):
            kept.append(h)
            part = slice(at, at + steps)
            _, states = _states(u[:, part], delta[:, part], a, b[:, part], h)
            y[:, part] = (states @ c[:, part].transpose(0, 1)[..., None])[..., 0].transpose(0, 1)
            h = states[-1].clone()
        ctx.save_for_backward(u, delta, a, b, c, *kept)
        return y, h

    @staticmethod
    @once
    def backward(ctx: Any, of_y: Tensor, of_last: Tensor) -> tuple[Tensor, ...]:
        u, delta, a, b, c, *kept = ctx.saved_tensors
        of_u, of_delta, of_b, of_c = (torch.empty_like(x) for x in (u, delta, b, c))
        of_a, of_h, steps = torch.zeros_like(a), of_last, _steps(of_last)
        for i in range(len(kept) - 1, -1, -1):
            part = slice(i * steps, (i + 1) * steps)
            u_i, delta_i, b_i, c_i, of_y_i = (x[:, part].transpose(0, 1) for x in (u, delta, b, c, of_y))
            decay, states = _states(u[:, part], delta[:, part], a, b[:, part], kept[i])
            whole = of_y_i[..., None] * c_i[:, :, None]  # (time, batch, channels, n), to which the later steps add
            whole[-1] += of_h
            for t in range(len(whole) - 2, -1, -1):
                whole[t].addcmul_(decay[t + 1], whole[t + 1])
            of_h = decay[0] * whole[0]
            of_c[:, part] = (of_y_i[:, :, None] @ states)[:, :, 0].transpose(0, 1)
            of_b[:, part] = ((delta_i * u_i)[:, :, None] @ whole)[:, :, 0].transpose(0, 1)
            through = (whole @ b_i[..., None])[..., 0]
            of_u[:, part] = (delta_i * through).transpose(0, 1)
            # of the exponents delta A: the slope of each state by its decay, times the decay
            decay.mul_(whole)
            decay[1:].mul_(states[:-1])
            decay[0].mul_(kept[i])
            of_delta[:, part] = (u_i * through + (decay * a).sum(-1)).transpose(0, 1)
            of_a += decay.mul_(delta_i[..., None]).sum((0, 1))
        return of_u, of_delta, of_a, of_b, of_c, of_h


def _steps(h: Tensor) -> int:
    """How many steps of states like h a chunk holds."""
    return min(max(HELD // max(h.numel(), 1), 8), 256)


def _states(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """exp(delta A) and the states after each step of a chunk, both (time, batch, channels, n)."""
    delta, arrivals = delta.transpose(0, 1), (delta * u).transpose(0, 1)
    decay = torch.exp_(delta[..., None] * a)
    states = arrivals[..., None] * b.transpose(0, 1)[:, :, None]
    for t in range(len(states)):
        h = states[t].addcmul_(decay[t], h)
    return decay, states
