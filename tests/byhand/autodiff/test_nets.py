"""The books' nets on the engine: equal to the by-hand gradients, which the other tests hold equal to torch's."""

from typing import Any

import numpy as np
import pytest
import torch

from parnassus.byhand import attention
from parnassus.byhand.autodiff import Variable, average_pool2d, gradients, max_pool2d, nets
from parnassus.byhand.chain import Activation, AveragePool, Convolution, Dense, Flatten, Layer, MaxPool, chain_trace
from parnassus.byhand.mlp import MLP, softmax_cross_entropy
from parnassus.byhand.recurrence import LSTM, Elman, GRUResetAfter, GRUResetBefore

RNG = np.random.default_rng(0)
CELLS: dict[str, tuple[type, int]] = {
    "elman": (Elman, 1),
    "lstm": (LSTM, 4),
    "gru_reset_before": (GRUResetBefore, 3),
    "gru_reset_after": (GRUResetAfter, 3),
}


def variables(*arrays: Any) -> list[Variable]:
    return [Variable(a) for a in arrays]


@pytest.mark.parametrize("hidden", list(nets.ACTIVATIONS))
def test_an_mlps_gradients_are_the_by_hand_ones(hidden: str) -> None:
    x, t = RNG.normal(size=(6, 3)), np.eye(4)[RNG.integers(0, 4, 6)]
    layers = [(RNG.normal(size=s), RNG.normal(size=s[1])) for s in ((3, 5), (5, 6), (6, 4))]
    trace = MLP.of(*layers, hidden=hidden, output="softmax_cross_entropy").trace(x, t)
    ws, bs = variables(*(w for w, _ in layers)), variables(*(b for _, b in layers))
    loss = nets.cross_entropy(nets.mlp(x, ws, bs, hidden=hidden), t)
    found = gradients(loss, [*ws, *bs])
    assert float(loss.value) == pytest.approx(trace.loss, rel=1e-12)
    for g, wanted in zip(found, [*(i.by_w for i in trace.layers), *(i.by_b for i in trace.layers)], strict=True):
        assert np.allclose(g, wanted, rtol=0, atol=1e-10)


def test_a_cnns_gradients_are_the_by_hand_ones_and_torchs() -> None:
    x, t = RNG.normal(size=(2, 1, 8, 8)), np.eye(3)[[0, 2]]
    w1, b1, w2, b2, w3, b3 = (RNG.normal(size=s) for s in ((2, 1, 3, 3), 2, (3, 2, 2, 2), 3, (3, 3), 3))
    layers: list[Layer] = [
        Convolution("1", w1, b1, padding=1), Activation("tanh"), MaxPool(2, 2),
        Convolution("2", w2, b2, stride=2), Activation("relu"), AveragePool(2, 2), Flatten(), Dense("3", w3, b3),
    ]  # fmt: skip
    by_hand = chain_trace(layers, x, lambda z: (lambda out: (out[0], out[2]))(softmax_cross_entropy(z, t))).gradients
    names = ("1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias")
    own = variables(w1, b1, w2, b2, w3, b3)
    h = max_pool2d(nets.conv_layer(x, own[0], own[1], activation="tanh", padding=1), 2)
    h = average_pool2d(nets.conv_layer(h, own[2], own[3], stride=2), 2).reshape(2, -1)
    found = gradients(nets.cross_entropy(h @ own[4].T + own[5], t), own)
    tensors = [torch.tensor(a, requires_grad=True) for a in (w1, b1, w2, b2, w3, b3)]
    f = torch.nn.functional
    z = f.max_pool2d(torch.tanh(f.conv2d(torch.tensor(x), *tensors[:2], padding=1)), 2)
    z = f.avg_pool2d(torch.relu(f.conv2d(z, *tensors[2:4], stride=2)), 2).flatten(1)
    f.cross_entropy(f.linear(z, *tensors[4:]), torch.tensor(t), reduction="sum").backward()
    for name, g, tensor in zip(names, found, tensors, strict=True):
        assert np.allclose(g, tensor.grad, rtol=0, atol=1e-10)
        assert np.allclose(by_hand[name], tensor.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", list(CELLS))
def test_recurrent_gradients_are_the_by_hand_ones(name: str) -> None:
    kind, n_gates = CELLS[name]
    x, by_h = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5, 4))
    weights = [RNG.normal(size=s) for s in ((3, 4 * n_gates), (4, 4 * n_gates), (4 * n_gates,))]
    weights += [RNG.normal(size=4)] if kind is GRUResetAfter else []
    cell = kind(*weights)
    run = cell.forward(x)
    slopes = cell.backward(run, by_h)
    own = variables(x, *weights)
    h = getattr(nets, name)(*own)
    found = gradients((h * by_h).sum(), own)
    assert np.allclose(h.value, run.h[:, 1:], rtol=0, atol=1e-12)
    for g, wanted in zip(found, (slopes.by_x, *slopes.by_weight.values()), strict=True):
        assert np.allclose(g, wanted, rtol=0, atol=1e-10)


def test_attentions_and_layer_norms_gradients_are_the_by_hand_ones() -> None:
    x, by_z = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 4))
    ws = [RNG.normal(size=(4, 4)) for _ in range(3)]
    step = attention.self_attention(x, *ws, by_z=by_z)
    own = variables(x, *ws)
    found = gradients((nets.self_attention(*own) * by_z).sum(), own)
    for g, wanted in zip(found, (step.by_x, step.by_w_q, step.by_w_k, step.by_w_v), strict=True):
        assert np.allclose(g, wanted, rtol=0, atol=1e-10)
    gamma, beta = RNG.normal(size=(2, 4))
    normalized = attention.layer_norm(x, gamma, beta)
    own = variables(x, gamma, beta)
    found = gradients((nets.layer_norm(*own) * by_z).sum(), own)
    for g, wanted in zip(found, attention.layer_norm_backward(by_z, normalized, gamma), strict=True):
        assert np.allclose(g, wanted, rtol=0, atol=1e-10)
