"""Real-time recurrent learning: backpropagation's gradients, without a past."""

import pytest
import torch

from parnassus.functional.recurrence import elman_step
from parnassus.functional.rtrl import begin, forward_step, rtrl

NAMES = ("w_x", "w_h", "b", "w_o", "b_o")


def drawn(n_inputs=3, n=4, n_outputs=2, time=7):
    g = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64) / 2

    weights = draw(n, n_inputs), draw(n, n), draw(n), draw(n_outputs, n), draw(n_outputs)
    return draw(time, n_inputs), draw(time, n_outputs), weights


def through_time(x, y, weights):
    """The loss and its gradients by autograd over the whole row."""
    w_x, w_h, b, w_o, b_o = leaves = [w.clone().requires_grad_() for w in weights]
    h, loss = x.new_zeros(1, len(b)), 0
    for x_t, y_t in zip(x, y, strict=True):
        h = elman_step(x_t[None], h, w_x, w_h, b)
        loss = loss + (h[0] @ w_o.T + b_o - y_t).square().sum() / 2
    return loss.detach(), torch.autograd.grad(loss, leaves)


def test_its_gradients_are_those_of_backpropagation_through_time():
    x, y, weights = drawn()
    found, (loss, wanted) = rtrl(x, y, *weights), through_time(x, y, weights)
    assert float(found.loss) == pytest.approx(float(loss), abs=1e-12)
    for name, other in zip(NAMES, wanted, strict=True):
        torch.testing.assert_close(getattr(found, name), other, atol=1e-12, rtol=1e-10)


def test_a_step_carries_the_derivatives_of_the_state():
    x, _, (w_x, w_h, b, _, _) = drawn(time=3)
    now = begin(w_x)
    for x_t in x:
        now = forward_step(now, x_t, w_x, w_h, b)

    def state(a, c, d):
        h = torch.zeros(1, 4, dtype=torch.float64)
        for x_t in x:
            h = elman_step(x_t[None], h, a, c, d)
        return h[0]

    wanted = torch.autograd.functional.jacobian(state, (w_x, w_h, b))
    for ours, other in zip((now.by_w_x, now.by_w_h, now.by_b), wanted, strict=True):
        torch.testing.assert_close(ours, other)


def test_moved_at_every_step_it_learns_within_one_row():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(400, 1, generator=g, dtype=torch.float64)
    y = torch.cat([torch.zeros(1, 1).double(), 0.5 * x[:-1]])  # the input before, halved
    weights = drawn(n_inputs=1, n=3, n_outputs=1)[2]
    still, moved = rtrl(x, y, *weights), rtrl(x, y, *weights, rate=0.1)
    assert float(moved.loss) < 0.25 * float(still.loss)
    assert float(moved.loss) < 0.5 * float(y.square().sum() / 2)
    assert all(torch.equal(a, b) for a, b in zip(weights, drawn(n_inputs=1, n=3, n_outputs=1)[2], strict=True))
