"""Steps of recurrent cells: numbers of the books, worked by hand, and torch's cells with the same weights."""

import pytest
import torch
from torch import nn

from parnassus.functional.recurrence import (
    elman_step,
    gru_reset_after_step,
    gru_reset_before_step,
    indrnn_step,
    jordan_step,
    lstm_step,
)

pytestmark = pytest.mark.usefixtures("draws")


def t(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_0_B43_three_steps_of_an_elman_net():
    w_x, w_h, b = t([0.5, -0.3], [0.2, 0.4]), t([0.1, 0.2], [-0.3, 0.4]), t(0, 0.1)
    h = torch.zeros(1, 2, dtype=torch.float64)
    due = [[0.4621171573, 0.2913126125], [-0.1930716131, 0.4445521096], [0.2632556301, 0.7332599421]]
    for x, expected in zip(([1, 0], [0, 1], [1, 1]), due, strict=True):
        h = elman_step(t(x), h, w_x, w_h, b)
        assert h[0].tolist() == pytest.approx(expected, abs=1e-9)


def test_1_B44_two_steps_of_a_vanilla_net():
    w = t([0.1, 0.2, 0.3], [-0.1, 0.4, -0.2])  # on [h, x]
    h = torch.zeros(1, 2, dtype=torch.float64)
    for x, expected in ((1, [0.336376, -0.244919]), (2, [0.561248, -0.523831])):
        h = elman_step(t([x]), h, w[:, 2:], w[:, :2], t(0.05, -0.05))
        assert h[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_0_B44_two_steps_of_a_scalar_lstm():
    half = torch.full((4, 1), 0.5, dtype=torch.float64)
    h = c = torch.zeros(1, 1, dtype=torch.float64)
    for x, c_due, h_due in ((1, 0.2876491366, 0.1742697187), (-1, -0.0411181939, -0.0163650838)):
        h, c = lstm_step(t([x]), h, c, half, half)
        assert c.item() == pytest.approx(c_due, abs=1e-9)
        assert h.item() == pytest.approx(h_due, abs=1e-9)


def test_1_B45_three_inputs_of_a_scalar_lstm():
    w_h, w_x = t([0.4], [0.5], [0.3], [0.2]), t([0.2], [0.1], [0.3], [0.4])  # i, f, g, o
    h = c = torch.zeros(1, 1, dtype=torch.float64)
    due = ((1, 0.1601736, 0.0950822), (-1, -0.0398016, -0.0161465), (0.5, 0.0541303, 0.0296904))
    for x, c_due, h_due in due:
        h, c = lstm_step(t([x]), h, c, w_x, w_h, t(0, 0.1, 0, 0))
        assert c.item() == pytest.approx(c_due, abs=1e-6)
        assert h.item() == pytest.approx(h_due, abs=1e-6)


def test_0_B45_two_steps_of_a_scalar_gru():
    half = torch.full((3, 1), 0.5, dtype=torch.float64)
    h = torch.zeros(1, 1, dtype=torch.float64)
    for x, due in ((1, 0.1744680206), (-1, -0.1918953096)):
        h = gru_reset_before_step(t([x]), h, half, half)
        assert h.item() == pytest.approx(due, abs=1e-9)


def test_1_B46_a_gru_of_two_units_in_both_conventions():
    """Baker blends with 1 - z; torch's blend of the same candidate is the one that is printed last."""
    h, x = t([0.5, -0.3]), t([1.0])
    z, r = t([0.5, 0.2, 0.1], [-0.4, 0.3, 0.2]), t([0.4, -0.1, 0.2], [0.1, 0.6, -0.3])
    n = t([0.3, 0.7, 0.6], [-0.5, 0.2, 0.4])
    rows = torch.cat([r, z, n])
    after = gru_reset_after_step(x, h, rows[:, 2:], rows[:, :2])
    assert after[0].tolist() == pytest.approx([0.504571, -0.001720], abs=1e-6)
    swapped = torch.cat([r, -z, n])  # sigmoid(-a) = 1 - sigmoid(a): the notes' z
    before = gru_reset_before_step(x, h, swapped[:, 2:], swapped[:, :2])
    assert before[0].tolist() == pytest.approx([0.524481, -0.051134], abs=1e-6)


def test_0_B46_three_steps_of_an_indrnn():
    h, u, eye = torch.zeros(1, 2, dtype=torch.float64), t(0.5, -1), torch.eye(2, dtype=torch.float64)
    for x, due in (([1, 1], [1, 1]), ([0, 2], [0.5, 1]), ([1, -1], [1.25, 0])):
        h = indrnn_step(t(x), h, eye, u)
        assert h[0].tolist() == due


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("n_units", [1, 5])
def test_steps_are_torchs_cells(n_units):
    x, h, c = random(7, 3), random(7, n_units), random(7, n_units)
    lstm = nn.LSTMCell(3, n_units, dtype=torch.float64)
    ours = lstm_step(x, h, c, lstm.weight_ih, lstm.weight_hh, lstm.bias_ih + lstm.bias_hh)
    torch.testing.assert_close(ours, lstm(x, (h, c)))
    gru = nn.GRUCell(3, n_units, dtype=torch.float64)
    torch.testing.assert_close(
        gru_reset_after_step(x, h, gru.weight_ih, gru.weight_hh, gru.bias_ih, gru.bias_hh), gru(x, h)
    )
    for activation, name in ((torch.tanh, "tanh"), (torch.relu, "relu")):
        cell = nn.RNNCell(3, n_units, nonlinearity=name, dtype=torch.float64)
        b = cell.bias_ih + cell.bias_hh
        torch.testing.assert_close(
            elman_step(x, h, cell.weight_ih, cell.weight_hh, b, activation=activation), cell(x, h)
        )


def test_2b_B23_resetting_before_is_another_cell_than_torchs():
    gru = nn.GRU(3, 4, batch_first=True, dtype=torch.float64)
    x = random(1, 5, 3)
    w_x, w_h, b_x, b_h = gru.all_weights[0]
    before = after = torch.zeros(1, 4, dtype=torch.float64)
    for t_ in range(5):
        after = gru_reset_after_step(x[:, t_], after, w_x, w_h, b_x, b_h)
        before = gru_reset_before_step(x[:, t_], before, w_x, w_h, b_x + b_h)
    torch.testing.assert_close(after, gru(x)[1][0])
    assert (before - after).abs().max() > 0.01


def test_peepholes_show_the_cell_to_the_gates():
    """With recurrent and input weights 0 the gates see nothing but the cell."""
    c, p = random(4, 2), random(3, 2)
    nothing_x, nothing_h = torch.zeros(8, 3).double(), torch.zeros(8, 2).double()
    h, new = lstm_step(random(4, 3), random(4, 2), c, nothing_x, nothing_h, peepholes=p)
    kept = torch.sigmoid(p[1] * c) * c  # the candidate is tanh(0) = 0
    torch.testing.assert_close(new, kept)
    torch.testing.assert_close(h, torch.sigmoid(p[2] * kept) * torch.tanh(kept))


def test_a_jordan_net_remembers_its_output_alone():
    x, w = random(2, 3), random(4, 3)
    h, y = jordan_step(
        x,
        torch.tensor([[1.0], [1.0]]).double(),
        w,
        random(4, 1) * 0 + 2,
        random(4) * 0,
        w[:1, :1].expand(1, 4),
        random(1) * 0,
    )
    torch.testing.assert_close(h, torch.tanh(x @ w.T + 2))
    torch.testing.assert_close(y, (w[0, 0] * h.sum(1))[:, None])
