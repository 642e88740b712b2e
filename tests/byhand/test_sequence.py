"""A recurrent net's worked step: every gradient against autograd, and what it prints."""

import numpy as np
import pytest
import torch

from parnassus.byhand.recurrence import LSTM, Elman, GRUResetAfter, GRUResetBefore
from parnassus.byhand.sequence import SequenceNet

RNG = np.random.default_rng(0)


def elman_net(output: str) -> SequenceNet:
    sizes = ((3, 4), (4, 4), (4,), (4, 2), (2,))
    w_x, w_h, b, w_y, b_y = (RNG.normal(size=s) for s in sizes)
    return SequenceNet(Elman(w_x, w_h, b), w_y, b_y, output)


@pytest.mark.parametrize("output", ["softmax_cross_entropy", "squared_error"])
def test_every_gradient_is_autograds(output: str) -> None:
    net, x = elman_net(output), RNG.normal(size=(2, 6, 3))
    t = np.eye(2)[RNG.integers(0, 2, (2, 6))]
    trace = net.trace(x, t, lr=0.1)
    named = {name: torch.tensor(w, requires_grad=True) for name, w in net.weights().items()}
    h, loss = torch.zeros(2, 4, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for step in range(6):
        h = torch.tanh(torch.tensor(x[:, step]) @ named["w_x"] + h @ named["w_h"] + named["b"])
        z, wanted = h @ named["w_y"] + named["b_y"], torch.tensor(t[:, step])
        each = -(wanted * z.log_softmax(1)) if output == "softmax_cross_entropy" else (z - wanted) ** 2
        loss = loss + each.sum()
    loss.backward()
    assert trace.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, w in named.items():
        assert np.allclose(trace.gradients[name], w.grad, rtol=0, atol=1e-10)
        assert np.allclose(trace.after.weights()[name], (w - 0.1 * w.grad).detach(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [Elman, LSTM, GRUResetBefore, GRUResetAfter])
def test_a_step_prints_and_draws_every_time_step(kind: type) -> None:
    k = {Elman: 1, LSTM: 4}.get(kind, 3) * 2
    weights = [RNG.normal(size=s) for s in ((1, k), (2, k), (k,))]
    cell = kind(*weights, np.zeros(2)) if kind is GRUResetAfter else kind(*weights)
    net = SequenceNet(cell, RNG.normal(size=(2, 1)), np.zeros(1), "squared_error")
    trace = net.trace(RNG.normal(size=(1, 3, 1)), np.zeros((1, 3, 1)), lr=0.1)
    text = str(trace)
    assert all(f"t = {t}" in text for t in (1, 2, 3))
    assert text.index("t = 3, backward") < text.index("t = 1, backward")
    assert all(name in text for name in ("w_x", "w_h", "w_y", "gradient", "new"))
    assert len(trace.diagram().boxes) == 9
    assert len(trace.diagram().lines) == 8
    assert len(trace.draw().axes[0].texts) == 9
