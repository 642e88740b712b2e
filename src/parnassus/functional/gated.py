"""All states of an LSTM, compiled: what `functional.recurrence.lstm_step` says step by step."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from .. import kernels
from .recurrence import lstm_gates


def lstm_is_compiled(x: Tensor) -> bool:
    """Whether the kernel serves such inputs: floats on a processor, a compiler, and nobody who traces operators."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._functorch.maybe_current_level()
    plain = (
        x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0 and not torch.is_autocast_enabled("cpu")
    )
    return plain and not traced and kernels.load("lstm") is not None


def lstm_states(
    x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """All h (batch, time, n_units), and the last c (batch, n_units), by kernels/lstm.cpp.

    x (batch, time, n_inputs); h and c (batch, n_units) before the first step; weights as in `lstm_step`.
    """
    given = (x.transpose(0, 1).contiguous(), h.contiguous(), c.contiguous())
    states, last = CompiledLSTM.apply(*given, w_x, w_h, b_x, b_h)
    return states.transpose(0, 1), last


def _stepwise(
    x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """The twin, time first: all h and the last c, one step after the other."""
    shown = []
    for z in linear(x, w_x, b_x + b_h):
        h, c = lstm_gates(z + linear(h, w_h), c)
        shown.append(h)
    return torch.stack(shown), c


class CompiledLSTM(torch.autograd.Function):
    """The steps by kernels/lstm.cpp, time first; the slopes of all weights as one product over all steps.

    Slopes of slopes (second-order optimizers, penalties on gradients) go through the twin.
    """

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
            asked = [t for t, needed in zip(given, ctx.needs_input_grad, strict=True) if needed]
            found = iter(torch.autograd.grad(_stepwise(*given), asked, (of_h, of_last), create_graph=True))
            return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)
        x, begin, cell, w_x, w_h, *_ = given
        operators = kernels.load("lstm")
        assert operators is not None
        of_z, of_begin, of_cell = torch.empty_like(gates), torch.zeros_like(begin), of_last.clone()
        operators.backward(gates, w_h.contiguous(), cell, cells, of_h.contiguous(), of_z, of_begin, of_cell)
        before = torch.cat([begin[None], states[:-1]])
        entered = torch.cat([x, before, x.new_ones(*x.shape[:2], 1)], 2)
        n = x.shape[2]
        slopes = of_z.flatten(0, 1).T @ entered.flatten(0, 1)
        of_x = of_z @ w_x if ctx.needs_input_grad[0] else None
        return of_x, of_begin, of_cell, slopes[:, :n], slopes[:, n:-1], slopes[:, -1], slopes[:, -1]
