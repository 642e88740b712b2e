"""The books' nets on the engine: the same weights as the by-hand ones, and gradients for nothing.

Rows are samples; sequences are (n, time, d) and gates lie side by side as in `parnassus.byhand.recurrence`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..convolution import Pair
from .operations import conv2d, log_softmax, matmul, relu, sigmoid, softmax, sqrt, stack, tanh
from .variable import Operand, Variable, variable

ACTIVATIONS: dict[str, Callable[[Operand], Variable]] = {
    "identity": variable,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
}


def mlp(x: Operand, ws: Sequence[Operand], bs: Sequence[Operand], *, hidden: str = "sigmoid") -> Variable:
    """The scores of a multilayer perceptron, before any output function."""
    h = variable(x)
    for i, (w, b) in enumerate(zip(ws, bs, strict=True)):
        h = matmul(h, w) + b
        if i < len(ws) - 1:
            h = ACTIVATIONS[hidden](h)
    return h


def conv_layer(
    x: Operand, w: Operand, b: Operand, *, activation: str = "relu", stride: Pair = 1, padding: Pair = 0
) -> Variable:
    """phi(x correlated with w, plus b) of pictures (n, c, h, w)."""
    return ACTIVATIONS[activation](conv2d(x, w, stride=stride, padding=padding) + variable(b).reshape(-1, 1, 1))


def elman(x: Operand, w_x: Operand, w_h: Operand, b: Operand) -> Variable:
    """The states (n, time, n_units) of tanh(x_t w_x + h w_h + b)."""
    x, w_h = variable(x), variable(w_h)
    h, states = Variable(np.zeros((x.shape[0], w_h.shape[0]))), []
    for t in range(x.shape[1]):
        h = tanh(x[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return stack(states, 1)


def lstm(x: Operand, w_x: Operand, w_h: Operand, b: Operand) -> Variable:
    """The states of an LSTM with gates i, f, g, o."""
    x, w_h = variable(x), variable(w_h)
    n = w_h.shape[0]
    h, c, states = Variable(np.zeros((x.shape[0], n))), Variable(np.zeros((x.shape[0], n))), []
    for t in range(x.shape[1]):
        z = x[:, t] @ w_x + h @ w_h + b
        i, f, g, o = (z[:, k * n : (k + 1) * n] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        states.append(h)
    return stack(states, 1)


def gru_reset_before(x: Operand, w_x: Operand, w_h: Operand, b: Operand) -> Variable:
    """The states of a GRU whose reset gate works before the product, gates r, z, n."""
    x, w_h = variable(x), variable(w_h)
    n = w_h.shape[0]
    h, states = Variable(np.zeros((x.shape[0], n))), []
    for t in range(x.shape[1]):
        a = x[:, t] @ w_x + b
        gates = sigmoid(a[:, : 2 * n] + h @ w_h[:, : 2 * n])
        r, z = gates[:, :n], gates[:, n:]
        candidate = tanh(a[:, 2 * n :] + (r * h) @ w_h[:, 2 * n :])
        h = z * h + (1 - z) * candidate
        states.append(h)
    return stack(states, 1)


def gru_reset_after(x: Operand, w_x: Operand, w_h: Operand, b: Operand, b_h: Operand) -> Variable:
    """The states of a GRU whose reset gate works after the product, as torch's."""
    x, w_h = variable(x), variable(w_h)
    n = w_h.shape[0]
    h, states = Variable(np.zeros((x.shape[0], n))), []
    for t in range(x.shape[1]):
        a, u = x[:, t] @ w_x + b, h @ w_h
        gates = sigmoid(a[:, : 2 * n] + u[:, : 2 * n])
        r, z = gates[:, :n], gates[:, n:]
        candidate = tanh(a[:, 2 * n :] + r * (u[:, 2 * n :] + b_h))
        h = z * h + (1 - z) * candidate
        states.append(h)
    return stack(states, 1)


def self_attention(x: Operand, w_q: Operand, w_k: Operand, w_v: Operand) -> Variable:
    """softmax(q k' / sqrt(width)) v of x (n, length, width) on itself."""
    q, k, v = (matmul(x, w) for w in (w_q, w_k, w_v))
    return softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])) @ v


def layer_norm(x: Operand, gamma: Operand, beta: Operand, *, eps: float = 1e-5) -> Variable:
    """Rows standardised over the last axis, times gamma, plus beta."""
    gaps = variable(x) - variable(x).mean(-1, keepdims=True)
    return gaps / sqrt((gaps * gaps).mean(-1, keepdims=True) + eps) * gamma + beta


def cross_entropy(scores: Operand, t: Operand) -> Variable:
    """-sum t ln softmax(scores), summed over everything."""
    return -(log_softmax(scores) * t).sum()
