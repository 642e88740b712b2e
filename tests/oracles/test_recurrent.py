"""Counts and scans of recurrent nets: Hifny 12.3 (B27), Baker 6.3 (B19, B62), the Keras course 6.1 (its factors)."""

import pytest
import torch

from parnassus.functional import statespace as ss
from parnassus.functional.recurrence import elman_step, gru_reset_before_step, lstm_step
from parnassus.functional.statespace import scan
from parnassus.layers import cells
from parnassus.layers.recurrent import Recurrent


def test_0_B27_the_scan_of_four_steps(monkeypatch):
    """h = 1, 2.9, 3.58, 6.506. The book counts 7 compositions; the frugal form has 4."""
    a, b = torch.tensor([[0.5, 0.9, 0.2, 0.7]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    counted = []
    original = scan.composed

    def counting(first, then):
        counted.append(then[0].numel())
        return original(first, then)

    monkeypatch.setattr(scan, "composed", counting)
    found = ss.frugal_scan(a, b)
    torch.testing.assert_close(found, torch.tensor([[1.0, 2.9, 3.58, 6.506]]))
    assert sum(counted) + 1 == 4  # the step after an odd prefix is written out, not composed
    first = original((a[0, 0], b[0, 0]), (a[0, 1], b[0, 1]))
    second = original((a[0, 2], b[0, 2]), (a[0, 3], b[0, 3]))
    assert [float(x) for x in (*first, *second)] == pytest.approx([0.45, 2.9, 0.14, 6.1], abs=1e-6)
    assert [float(x) for x in original(first, second)] == pytest.approx([0.063, 6.506], abs=1e-6)
    constant = ss.frugal_scan(torch.full((1, 4), 0.5), torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    torch.testing.assert_close(constant, torch.tensor([[1.0, 2.5, 4.25, 6.125]]))


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize(("d_h", "d_x", "counts"), [(4, 3, (32, 128, 96)), (3, 3, (21, 84, 63))])
def test_1_B19_weights_of_the_three_cells(d_h, d_x, counts):
    """The concatenated vector has d_h + d_x numbers; the book's picture shows two of four rows."""
    x, h, c = torch.zeros(1, d_x), torch.zeros(1, d_h), torch.zeros(1, d_h)
    found = []
    for gates, step in ((1, "rnn"), (4, "lstm"), (3, "gru")):
        w_x, w_h, b = torch.zeros(gates * d_h, d_x), torch.zeros(gates * d_h, d_h), torch.zeros(gates * d_h)
        if step == "rnn":
            assert elman_step(x, h, w_x, w_h, b).shape == (1, d_h)
        elif step == "lstm":
            assert lstm_step(x, h, c, w_x, w_h, b)[0].shape == (1, d_h)
        else:
            assert gru_reset_before_step(x, h, w_x, w_h, b).shape == (1, d_h)
        assert w_x.shape[1] + w_h.shape[1] == d_h + d_x
        found.append(sum(w.numel() for w in (w_x, w_h, b)))
    assert tuple(found) == counts
    made = cells.GRUResetBefore(d_x, d_h)
    assert sum(p.numel() for p in made.parameters()) == counts[2]


@pytest.mark.usefixtures("draws")
def test_1_B62_a_hundred_words_are_a_hundred_steps(monkeypatch):
    body, taken = Recurrent(cells.GRUResetBefore, 2, [3]), []
    original = cells.GRUResetBefore.step
    monkeypatch.setattr(cells.GRUResetBefore, "step", lambda self, z, s: (taken.append(1), original(self, z, s))[1])
    body(torch.zeros(1, 100, 2))
    assert len(taken) == 100


def test_4_B53_the_factor_that_a_gradient_takes_at_each_step():
    """w z (1 - z) at z = s(.5 z + .1 x - 1), w = .5: .1028, .1187, .1173; it passes 1 at no w below 4."""
    z, factors = torch.zeros(1, dtype=torch.float64), []
    for x in (1.0, 4.0, 3.0):
        before = z.clone().requires_grad_()
        after = torch.sigmoid(0.5 * before + 0.1 * x - 1)
        (slope,) = torch.autograd.grad(after, before)
        z = after.detach()
        factors.append(float(slope))
    assert factors == pytest.approx([0.102750, 0.118735, 0.117329], abs=2e-5)
    steepest = torch.linspace(-5, 5, 1001, dtype=torch.float64).sigmoid()
    assert float((4 * steepest * (1 - steepest)).max()) == pytest.approx(1.0)
