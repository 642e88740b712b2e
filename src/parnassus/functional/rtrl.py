"""Real-time recurrent learning: gradients of a recurrent net carried forward in time, beside the state."""

from typing import NamedTuple

import torch
from torch import Tensor


class Sensitivity(NamedTuple):
    """The state h (n,), and how it changes with W_x (n, n, n_inputs), W_h (n, n, n) and b (n, n), state first."""

    h: Tensor
    by_w_x: Tensor
    by_w_h: Tensor
    by_b: Tensor


class Gradients(NamedTuple):
    """The loss of a row, and its gradients in the shapes of the weights."""

    loss: Tensor
    w_x: Tensor
    w_h: Tensor
    b: Tensor
    w_o: Tensor
    b_o: Tensor


def begin(w_x: Tensor) -> Sensitivity:
    """A state of zeros, which no weight has touched, for W_x (n, n_inputs)."""
    n, d = w_x.shape
    return Sensitivity(w_x.new_zeros(n), w_x.new_zeros(n, n, d), w_x.new_zeros(n, n, n), w_x.new_zeros(n, n))


def forward_step(now: Sensitivity, x: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor) -> Sensitivity:
    """The next state of h' = tanh(W_x x + W_h h + b) and its sensitivities; x is (n_inputs,).

        dh'_k / dw_ij = (1 - h'_k^2) ([k = i] v_j + sum_m W_h,km dh_m / dw_ij),  v the x, the h or the 1 that w meets

    n^2 (n + n_inputs) numbers are held and n^3 (n + n_inputs) products made a step, however long the row is; nothing of
    the past is kept.
    """
    h = torch.tanh(w_x @ x + w_h @ now.h + b)
    slope, own = 1 - h**2, torch.eye(len(h), dtype=h.dtype, device=h.device)

    def carried(before: Tensor, met: Tensor) -> Tensor:
        return torch.einsum("k,ki...->ki...", slope, own.view(*own.shape, *(1,) * met.ndim) * met) + torch.einsum(
            "k,km,m...->k...", slope, w_h, before
        )

    return Sensitivity(h, carried(now.by_w_x, x), carried(now.by_w_h, now.h), carried(now.by_b, h.new_tensor(1.0)))


def rtrl(
    x: Tensor, y: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor, w_o: Tensor, b_o: Tensor, *, rate: float = 0.0
) -> Gradients:
    """The loss sum_t |W_o h_t + b_o - y_t|^2 / 2 of a row x (time, n_inputs), y (time, n_outputs), and its gradients.

    With `rate` 0 they are those of backpropagation through time. A rate above 0 moves copies of the weights after every
    step, which is what the name promises: gradients then mix weights of different steps, and are summed as they were
    used; the weights themselves are left as they are.

    Systems: rtrl
    Source: Williams and Zipser 1989; Martinez-Ramon 5.4, which names it.

    >>> x, y, one = torch.ones(2, 1), torch.zeros(2, 1), torch.ones(1, 1)
    >>> found = rtrl(x, y, one, one, torch.zeros(1), one, torch.zeros(1))
    >>> round(float(found.loss), 4), [round(float(g), 4) for g in (found.w_x, found.w_h)]
    (0.7343, [0.4689, 0.0799])
    """
    w_x, w_h, b, w_o, b_o = (w.clone() for w in (w_x, w_h, b, w_o, b_o))
    now, total = begin(w_x), [torch.zeros_like(w) for w in (w_x, w_h, b, w_o, b_o)]
    loss = x.new_zeros(())
    for x_t, y_t in zip(x, y, strict=True):
        now = forward_step(now, x_t, w_x, w_h, b)
        error = w_o @ now.h + b_o - y_t
        loss = loss + error.square().sum() / 2
        back = w_o.mT @ error
        slopes = [
            torch.einsum("k,k...->...", back, now.by_w_x),
            torch.einsum("k,k...->...", back, now.by_w_h),
            torch.einsum("k,k...->...", back, now.by_b),
            torch.outer(error, now.h),
            error,
        ]
        for w, slope, whole in zip((w_x, w_h, b, w_o, b_o), slopes, total, strict=True):
            whole += slope
            w -= rate * slope
    return Gradients(loss, *total)
