"""Backpropagation by hand against central differences and torch."""

from itertools import islice

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


@pytest.mark.parametrize("hidden", list(mlp.ACTIVATIONS))
@pytest.mark.parametrize("output", ["squared_error", "softmax_cross_entropy"])
def test_absorbed_biases_give_the_same_gradients_in_one_matrix(hidden: str, output: str) -> None:
    rng = np.random.default_rng(2)
    layers = [(rng.normal(size=s), rng.normal(size=s[1])) for s in ((3, 5), (5, 6), (6, 4))]
    net = mlp.MLP.of(*layers, hidden=hidden, output=output)
    trace = net.trace(X, CLASSES)
    loss, gradients = mlp.absorbed_gradients(mlp.absorbed(net), X, CLASSES, hidden=hidden, output=output)
    assert loss == pytest.approx(trace.loss, rel=1e-12)
    for g, layer in zip(gradients, trace.layers, strict=True):
        assert np.allclose(g, np.vstack([layer.by_b, layer.by_w]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(mlp.ACTIVATIONS))
def test_every_activation_and_slope_is_torchs(name: str) -> None:
    kinds = {"identity": torch.nn.Identity(), "relu": torch.nn.ReLU(), "gelu": torch.nn.GELU(), "silu": torch.nn.SiLU()}
    kinds |= {"sigmoid": torch.nn.Sigmoid(), "tanh": torch.nn.Tanh(), "leaky_relu": torch.nn.LeakyReLU()}
    kinds |= {"elu": torch.nn.ELU(), "softplus": torch.nn.Softplus(), "hard_tanh": torch.nn.Hardtanh()}
    z = np.random.default_rng(3).normal(size=50) * 3
    t = torch.tensor(z, requires_grad=True)
    h = kinds[name](t)
    h.sum().backward()
    value, slope = mlp.ACTIVATIONS[name]
    assert np.allclose(value(z), h.detach(), rtol=0, atol=1e-12)
    assert np.allclose(slope(z, value(z)), t.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_in", "n_hidden", "n_out", "n"), [(1, 1, 1, 1), (4, 7, 2, 5), (9, 3, 6, 2)])
def test_nets_of_any_width_have_autograds_gradients(n_in: int, n_hidden: int, n_out: int, n: int) -> None:
    rng = np.random.default_rng(n_in)
    x, t = rng.normal(size=(n, n_in)), rng.normal(size=(n, n_out))
    parts = [rng.normal(size=s) for s in ((n_in, n_hidden), (n_hidden,), (n_hidden, n_out), (n_out,))]
    trace = mlp.MLP.of(parts[:2], parts[2:], hidden="tanh", output="squared_error").trace(x, t)
    w1, b1, w2, b2 = (torch.tensor(p, requires_grad=True) for p in parts)
    ((torch.tanh(torch.tensor(x) @ w1 + b1) @ w2 + b2 - torch.tensor(t)) ** 2).sum().backward()
    for layer, w, b in zip(trace.layers, (w1, w2), (b1, b2), strict=True):
        assert np.allclose(layer.by_w, w.grad, rtol=0, atol=1e-10)
        assert np.allclose(layer.by_b, b.grad, rtol=0, atol=1e-10)


def test_a_trace_prints_every_number_and_draws_the_net() -> None:
    net = mlp.MLP.of(([[1, 1, -1], [1, 1, -1]], [0, 0, 0]), ([[1], [-1], [-2]], [0]), hidden="relu",
                     output="binary_cross_entropy")  # fmt: skip
    trace = net.trace([[1, 1]], [[1]], lr=1.0)
    text = str(trace)
    # Martinez-Ramon example 1.5.3: the hidden deltas, and W1, b1 and w2 after the step
    for line in (
        "new w  [[ 1.500000  0.500000 -1.000000]",
        "delta  [[-0.500000  0.500000  0.000000]]",
        "loss    0.693147",
        "new b  [ 0.500000 -0.500000  0.000000]",
    ):
        assert line in text
    assert text.index("layer 2, backward") < text.index("layer 1, backward")
    assert trace.after is not None
    assert trace.after.ws[1][:, 0].tolist() == [2, 0, -2]
    assert len(trace.diagram().boxes) == 6
    assert len(trace.draw().axes[0].lines) == 9


def test_2a_B13c_zero_weights_never_part() -> None:
    # a 2-2-1 net of sigmoids from zeros, x = (1, 1), y = 1, rate 1: units stay equal for ever
    net = mlp.MLP.of((np.zeros((2, 2)), np.zeros(2)), (np.zeros((2, 1)), [0.0]), output="binary_cross_entropy")
    traces = list(islice(mlp.batch_descent(net, [[1, 1]], [[1]], lr=1.0), 3))
    assert [t.outputs.item() for t in traces] == pytest.approx([0.5, 0.6791786992, 0.7761851866], abs=1e-9)
    after = [t.after for t in traces]
    assert all(net is not None for net in after)
    assert after[0].ws[1].ravel().tolist() == [0.25, 0.25]
    assert np.allclose(after[1].ws[0], 0.0200513313, atol=1e-9)
    assert np.allclose(after[2].ws[0], 0.0429945658, atol=1e-9)


def test_online_steps_go_row_by_row_in_the_order_given_as_torchs_sgd_does() -> None:
    rng, order = np.random.default_rng(5), [2, 0, 1]
    parts = [rng.normal(size=s) for s in ((3, 4), (4,), (4, 4), (4,))]
    net = mlp.MLP.of(parts[:2], parts[2:], hidden="tanh", output="softmax_cross_entropy")
    traces = list(mlp.online_descent(net, X[:3], CLASSES[:3], lr=0.3, order=order))
    tensors = [torch.tensor(p, requires_grad=True) for p in parts]
    sgd = torch.optim.SGD(tensors, lr=0.3)
    for k in order:
        sgd.zero_grad()
        z = torch.tanh(torch.tensor(X[k]) @ tensors[0] + tensors[1]) @ tensors[2] + tensors[3]
        torch.nn.functional.cross_entropy(z, torch.tensor(CLASSES[k])).backward()
        sgd.step()
    last = traces[-1].after
    assert last is not None
    for own, tensor in zip((last.ws[0], last.bs[0], last.ws[1], last.bs[1]), tensors, strict=True):
        assert np.allclose(own, tensor.detach(), rtol=0, atol=1e-10)
