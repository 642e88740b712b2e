"""One step of every recurrent cell: inputs x (batch, n_inputs) and the last state to the next state (batch, n_units).

Weights are in torch's layout: w_x (gates x n_units, n_inputs), w_h (gates x n_units, n_units), biases (gates x
n_units,), the gates below each other. torch and Keras add two biases; where the books have one, let b_h be zero.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def elman_step(
    x: Tensor,
    h: Tensor,
    w_x: Tensor,
    w_h: Tensor,
    b: Tensor | None = None,
    *,
    activation: Callable[[Tensor], Tensor] = torch.tanh,
) -> Tensor:
    """h' = activation(W_x x + W_h h + b).

    Systems: elman-rnn
    Source: Elman 1990; Hifny eq. 10.1, Baker A138, Martinez-Ramon eq. 5.1, Jaiswal J97 to J99, Keras course K97.
    """
    return activation(F.linear(x, w_x, b) + F.linear(h, w_h))


def jordan_step(
    x: Tensor,
    y: Tensor,
    w_x: Tensor,
    w_y: Tensor,
    b: Tensor,
    w_out: Tensor,
    b_out: Tensor,
    *,
    activation: Callable[[Tensor], Tensor] = torch.tanh,
) -> tuple[Tensor, Tensor]:
    """h = activation(W_x x + W_y y + b) from the last OUTPUT y, and the next output y' = W_out h + b_out.

    All that is known of the past must pass through the output, so the net is weaker than Elman's; where outputs are
    known in training its steps fall apart into separate problems.

    Systems: jordan-rnn
    Source: Jordan 1986; Martinez-Ramon 5.2, Jaiswal J100.
    """
    h = activation(F.linear(x, w_x, b) + F.linear(y, w_y))
    return h, F.linear(h, w_out, b_out)


def lstm_step(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_x: Tensor,
    w_h: Tensor,
    b: Tensor | None = None,
    *,
    peepholes: Sequence[Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """(h', c'): i, f, o = sigmoid, g = tanh of W_x x + W_h h + b; c' = f c + i g; h' = o tanh(c').

    Gates lie in torch's order i, f, g, o. `peepholes` are three vectors (n_units,): i and f see p_i c and p_f c as
    well, o sees p_o c'.

    Systems: lstm
    Source: Hochreiter and Schmidhuber 1997, Gers et al. 2000 and 2002 (peepholes); Hifny eqs. 10.34 to 10.39 (no
    biases), Baker A143, Martinez-Ramon eqs. 5.32 to 5.35, Jaiswal J115, Keras course K100.
    """
    return lstm_gates(F.linear(x, w_x, b) + F.linear(h, w_h), c, peepholes)


def lstm_gates(z: Tensor, c: Tensor, peepholes: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """(h', c') of an LSTM from its pre-activations z (batch, 4 n_units)."""
    z_i, z_f, z_g, z_o = z.chunk(4, -1)
    if peepholes is not None:
        z_i, z_f = z_i + peepholes[0] * c, z_f + peepholes[1] * c
    c = torch.sigmoid(z_f) * c + torch.sigmoid(z_i) * torch.tanh(z_g)
    if peepholes is not None:
        z_o = z_o + peepholes[2] * c
    return torch.sigmoid(z_o) * torch.tanh(c), c


def gru_reset_before_step(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor | None = None) -> Tensor:
    """h' = z h + (1 - z) n with r, z = sigmoid(.) and n = tanh(W_n x + U_n (r h) + b_n): the books' GRU.

    Gates lie in torch's order r, z, n. z keeps the OLD state, as in torch and Keras; Cho et al. and Baker swap it with
    1 - z.

    Systems: gru-reset-before
    Source: Cho et al. 2014; Hifny eqs. 10.40 to 10.43 (which print h_t r_t for h_(t-1) r_t), Baker A144,
    Martinez-Ramon eqs. 5.48 to 5.50, Jaiswal J116.
    """
    x_r, x_z, x_n = F.linear(x, w_x, b).chunk(3, -1)
    u_r, u_z, u_n = w_h.chunk(3)
    r, z = torch.sigmoid(x_r + F.linear(h, u_r)), torch.sigmoid(x_z + F.linear(h, u_z))
    n = torch.tanh(x_n + F.linear(r * h, u_n))
    return z * h + (1 - z) * n


def gru_reset_after_step(
    x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor | None = None, b_h: Tensor | None = None
) -> Tensor:
    """h' = z h + (1 - z) n with n = tanh(W_n x + b_n + r (U_n h + b_hn)): torch's and Keras's GRU.

    Systems: gru-reset-after
    Source: Chung et al. 2014 as cuDNN computes it; it differs from the books' in value (by up to .19 in five steps of
    a small net) and in what its weights mean.
    """
    return gru_gates(F.linear(x, w_x, b), F.linear(h, w_h, b_h), h)


def gru_gates(of_x: Tensor, of_h: Tensor, h: Tensor) -> Tensor:
    """h' of a GRU, reset after, from what inputs and state add to its pre-activations, (batch, 3 n_units) each."""
    x_r, x_z, x_n = of_x.chunk(3, -1)
    h_r, h_z, h_n = of_h.chunk(3, -1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return z * h + (1 - z) * torch.tanh(x_n + r * h_n)


def indrnn_step(x: Tensor, h: Tensor, w_x: Tensor, u: Tensor, b: Tensor | None = None) -> Tensor:
    """h' = relu(W_x x + u h + b): every unit sees no other unit's past, u is (n_units,).

    dh_t/dh_(t-1) is u where the unit is awake, so that |u| <= 2^(1/T) keeps gradients over T steps below 2.

    Systems: indrnn
    Source: Li et al. 2018; Hifny eqs. 10.46 to 10.50.
    """
    return F.relu(F.linear(x, w_x, b) + u * h)
