"""Backpropagation by hand against central differences and torch."""

import numpy as np
import pytest
import torch

from parnassus.byhand import mlp
from parnassus.byhand.gradients import gradient_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
CLASSES = np.eye(4)[RNG.integers(0, 4, 12)]


@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "relu", "identity"])
@pytest.mark.parametrize("output", list(mlp.OUTPUTS))
def test_backpropagation_through_three_layers_is_the_losss_gradient(hidden: str, output: str) -> None:
    rng = np.random.default_rng(1)
    shapes = [(3, 5), (5, 4), (4, 4)]
    ws, bs = [rng.normal(size=s) for s in shapes], [rng.normal(size=s[1]) for s in shapes]
    t = rng.normal(size=(12, 4)) if output == "squared_error" else CLASSES
    trace = mlp.MLP(ws, bs, hidden, output).trace(X, t)
    for i, layer in enumerate(trace.layers):

        def loss_of_w(v: np.ndarray, i: int = i) -> float:
            return mlp.MLP([*ws[:i], v, *ws[i + 1 :]], bs, hidden, output).trace(X, t).loss

        def loss_of_b(v: np.ndarray, i: int = i) -> float:
            return mlp.MLP(ws, [*bs[:i], v, *bs[i + 1 :]], hidden, output).trace(X, t).loss

        assert gradient_error(loss_of_w, layer.by_w, ws[i], step=1e-5) < 1e-6
        assert gradient_error(loss_of_b, layer.by_b, bs[i], step=1e-5) < 1e-6


def test_the_net_is_torchs() -> None:
    with torch.random.fork_rng():
        net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4)).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(torch.from_numpy(np.random.default_rng(i).normal(size=tuple(p.shape))))
    layers = [(m.weight.detach().numpy().T, m.bias.detach().numpy()) for m in (net[0], net[2])]
    ours = mlp.MLP.of(*layers, hidden="tanh", output="softmax_cross_entropy")
    trace = ours.trace(X, CLASSES)
    loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(X)), torch.from_numpy(CLASSES), reduction="sum")
    loss.backward()
    assert trace.loss == pytest.approx(loss.item(), rel=1e-12)
    assert np.allclose(trace.layers[0].by_w, net[0].weight.grad.numpy().T)
    assert np.allclose(ours.stepped(trace, lr=0.1).bs[1], (net[2].bias - 0.1 * net[2].bias.grad).detach().numpy())
