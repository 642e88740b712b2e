"""All states of an LSTM or a GRU, compiled: what `functional.recurrence` says step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from .. import kernels
from .recurrence import gru_gates, lstm_gates


def is_compiled(kernel: str, x: Tensor) -> bool:
    """Whether a kernel serves such inputs: floats on a processor, a compiler, and nobody who traces operators."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._functorch.maybe_current_level()
    plain = (
        x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0 and not torch.is_autocast_enabled("cpu")
    )
    return plain and not traced and kernels.load(kernel) is not None


def lstm_states(
    x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """All h (batch, time, n_units), and the last c (batch, n_units), by kernels/lstm.cpp.

    x (batch, time, n_inputs); h and c (batch, n_units) before the first step; weights as in `lstm_step`.
    """
    given = (x.transpose(0, 1).contiguous(), h.contiguous(), c.contiguous())
    states, last = CompiledLSTM.apply(*given, w_x, w_h, b_x, b_h)
    return states.transpose(0, 1), last


def gru_states(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor) -> Tensor:
    """All h (batch, time, n_units) of a GRU whose reset gate comes after the product, by kernels/gru.cpp.

    x (batch, time, n_inputs); h (batch, n_units) before the first step; weights as in `torch.nn.GRU`: the parts of the
    reset gate, the update gate and the candidate above each other.
    """
    (states,) = CompiledGRU.apply(x.transpose(0, 1).contiguous(), h.contiguous(), w_x, w_h, b_x, b_h)
    return states.transpose(0, 1)


def _lstm_stepwise(
    x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """The twin, time first: all h and the last c, one step after the other."""
    shown = []
    for z in linear(x, w_x, b_x + b_h):
        h, c = lstm_gates(z + linear(h, w_h), c)
        shown.append(h)
    return torch.stack(shown), c


def _gru_stepwise(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor) -> tuple[Tensor]:
    """The twin, time first: all h, one step after the other."""
    shown = []
    for z in linear(x, w_x, b_x):
        h = gru_gates(z, linear(h, w_h, b_h), h)
        shown.append(h)
    return (torch.stack(shown),)


def _by_twin(ctx: Any, twin: Callable, given: Sequence[Tensor], slopes: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Slopes that may be differentiated again: second-order optimizers and penalties on gradients ask for them."""
    asked = [t for t, needed in zip(given, ctx.needs_input_grad, strict=True) if needed]
    found = iter(torch.autograd.grad(twin(*given), asked, slopes, create_graph=True))
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)


def _entered(x: Tensor, begin: Tensor, states: Tensor) -> Tensor:
    """What entered each step, (time batch, n_inputs + n_units + 1): inputs, the state before, and 1."""
    before = torch.cat([begin[None], states[:-1]])
    return torch.cat([x, before, x.new_ones(*x.shape[:2], 1)], 2).flatten(0, 1)


class CompiledLSTM(torch.autograd.Function):
    """The steps by kernels/lstm.cpp, time first; the slopes of all weights as one product over all steps."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        operators = kernels.load("lstm")
        assert operators is not None
        x, begin, cell, w_x, w_h, b_x, b_h = (t.detach() for t in given)
        gates = linear(x, w_x, b_x + b_h)
        states = x.new_empty(*x.shape[:2], w_h.shape[1])
        cells = torch.empty_like(states)
        operators.forward(gates, w_h.T.contiguous(), begin, cell, states, cells)
        ctx.save_for_backward(*given, gates, states, cells)
        return states, cells[-1].clone()

    @staticmethod
    def backward(ctx: Any, of_h: Tensor, of_last: Tensor) -> tuple[Tensor | None, ...]:
        *given, gates, states, cells = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _by_twin(ctx, _lstm_stepwise, given, (of_h, of_last))
        x, begin, cell, w_x, w_h, *_ = given
        operators = kernels.load("lstm")
        assert operators is not None
        of_z, of_begin, of_cell = torch.empty_like(gates), torch.zeros_like(begin), of_last.clone()
        operators.backward(gates, w_h.contiguous(), cell, cells, of_h.contiguous(), of_z, of_begin, of_cell)
        n = x.shape[2]
        slopes = of_z.flatten(0, 1).T @ _entered(x, begin, states)
        of_x = of_z @ w_x if ctx.needs_input_grad[0] else None
        return of_x, of_begin, of_cell, slopes[:, :n], slopes[:, n:-1], slopes[:, -1], slopes[:, -1]


class CompiledGRU(torch.autograd.Function):
    """The steps by kernels/gru.cpp, time first; the slopes of all weights as one product over all steps.

    Gates are four: reset, update, candidate, and the part of the candidate that the reset gate scales.
    """

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor]:
        operators = kernels.load("gru")
        assert operators is not None
        x, begin, w_x, w_h, b_x, b_h = (t.detach() for t in given)
        n = w_h.shape[1]
        gates = x.new_empty(*x.shape[:2], 4 * n)
        gates[:, :, : 3 * n] = linear(x, w_x, torch.cat([b_x[: 2 * n] + b_h[: 2 * n], b_x[2 * n :]]))
        gates[:, :, 3 * n :] = b_h[2 * n :]
        states = x.new_empty(*x.shape[:2], n)
        operators.forward(gates, w_h[: 2 * n].T.contiguous(), w_h[2 * n :].T.contiguous(), begin, states)
        ctx.save_for_backward(*given, gates, states)
        return (states,)

    @staticmethod
    def backward(ctx: Any, of_h: Tensor) -> tuple[Tensor | None, ...]:
        *given, gates, states = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _by_twin(ctx, _gru_stepwise, given, (of_h,))
        x, begin, w_x, w_h, *_ = given
        operators = kernels.load("gru")
        assert operators is not None
        n, n_inputs = w_h.shape[1], x.shape[2]
        of_gates, of_begin = torch.empty_like(gates), torch.zeros_like(begin)
        parts = w_h[: 2 * n].contiguous(), w_h[2 * n :].contiguous()
        operators.backward(gates, *parts, begin, states, of_h.contiguous(), of_gates, of_begin)
        slopes = of_gates.flatten(0, 1).T @ _entered(x, begin, states)
        of_x = of_gates[:, :, : 3 * n] @ w_x if ctx.needs_input_grad[0] else None
        by_x, by_h = slopes[: 3 * n], torch.cat([slopes[: 2 * n], slopes[3 * n :]])
        return of_x, of_begin, by_x[:, :n_inputs], by_h[:, n_inputs:-1], by_x[:, -1], by_h[:, -1]
