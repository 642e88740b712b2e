"""Recurrent layers: kernels against loops, torch's packed sequences, both directions, padding, carried states."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from parnassus.byhand import recurrence as byhand
from parnassus.errors import DataError
from parnassus.layers import cells
from parnassus.layers.recurrent import Recurrent, last_of, mask_of, reversed_rows

pytestmark = pytest.mark.usefixtures("draws")

MAKERS = {
    "elman": cells.Elman,
    "relu": lambda d, n: cells.Elman(d, n, activation="relu"),
    "lstm": cells.LSTM,
    "peephole": cells.PeepholeLSTM,
    "normalized": lambda d, n: cells.PeepholeLSTM(d, n, peepholes=False, normalize=True),
    "gru": cells.GRU,
    "gru_before": cells.GRUResetBefore,
    "indrnn": cells.IndRNN,
    "deep": cells.DeepTransition,
    "zoned": lambda d, n: cells.Zoneout(cells.LSTM(d, n), 0.2),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_run_is_the_loop_over_steps_and_its_slopes_are_the_same(name):
    cell, x = MAKERS[name](3, 5).double().eval(), torch.randn(4, 6, 3, dtype=torch.float64)
    slow, state = cells.Cell.run(cell, x)
    fast, last = cell.run(x)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(last, state)
    torch.testing.assert_close(fast[:, -1], last[0])
    weights = list(cell.parameters())
    by_fast = torch.autograd.grad(fast.square().sum(), weights)
    by_slow = torch.autograd.grad(slow.square().sum(), weights)
    torch.testing.assert_close(by_fast, by_slow)


@pytest.mark.parametrize("name", MAKERS)
def test_a_run_in_two_pieces_is_one_run(name):
    cell, x = MAKERS[name](3, 5).double().eval(), torch.randn(4, 7, 3, dtype=torch.float64)
    whole, last = cell.run(x)
    first, middle = cell.run(x[:, :3])
    second, end = cell.run(x[:, 3:], middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)


@pytest.mark.parametrize(("cell", "peer"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("elman", nn.RNN)])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_both_directions_over_rows_of_several_lengths_are_torchs_packed_ones(cell, peer, n_layers):
    theirs = peer(3, 5, num_layers=n_layers, bidirectional=True, batch_first=True).double()
    ours = Recurrent(MAKERS[cell], 3, [5] * n_layers, bidirectional=True).double()
    for i, weights in enumerate(theirs.all_weights):
        side = ours.backwards if i % 2 else ours.forwards
        for mine, given in zip(side[i // 2].inner.all_weights[0], weights, strict=True):
            mine.data.copy_(given.data)
    x, lengths = torch.randn(4, 7, 3, dtype=torch.float64), torch.tensor([7, 2, 5, 1])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, last = theirs(packed)
    states, summary, _ = ours.run(x, lengths)
    torch.testing.assert_close(states, pad_packed_sequence(out, batch_first=True)[0])
    last = last[0] if cell == "lstm" else last
    torch.testing.assert_close(summary, torch.cat([last[-2], last[-1]], -1))


@pytest.mark.parametrize("merge", ["concat", "sum", "mean"])
@pytest.mark.parametrize("name", ["gru_before", "indrnn", "lstm"])
def test_padding_changes_nothing_whatever_stands_in_it(name, merge):
    body = Recurrent(MAKERS[name], 3, [5, 4], bidirectional=True, merge=merge).double().eval()
    rows = [torch.randn(n, 3, dtype=torch.float64) for n in (4, 1, 6)]
    padded = torch.full((3, 9, 3), 1e3, dtype=torch.float64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    states, summary, _ = body.run(padded, torch.tensor([4, 1, 6]))
    for i, row in enumerate(rows):
        alone, alone_summary, _ = body.run(row[None])
        torch.testing.assert_close(states[i, : len(row)], alone[0])
        torch.testing.assert_close(summary[i], alone_summary[0])
        assert not states[i, len(row) :].any()


def test_merges_are_the_two_directions_side_by_side_added_or_averaged():
    x, found = torch.randn(2, 5, 3, dtype=torch.float64), {}
    torch.manual_seed(1)
    reference = Recurrent(cells.GRU, 3, [4], bidirectional=True).double()
    for merge in ("concat", "sum", "mean"):
        body = Recurrent(cells.GRU, 3, [4], bidirectional=True, merge=merge).double()
        body.load_state_dict(reference.state_dict())
        found[merge] = body(x)
    ahead, back = found["concat"].chunk(2, -1)
    torch.testing.assert_close(found["sum"], ahead + back)
    torch.testing.assert_close(found["mean"], (ahead + back) / 2)
    torch.testing.assert_close(ahead, reference.forwards[0].run(x)[0])
    torch.testing.assert_close(back, reference.backwards[0].run(x.flip(1))[0].flip(1))


def test_1_B61_both_directions_of_eight_units_over_four_steps_are_four_by_sixteen():
    assert Recurrent(cells.GRU, 3, [8], bidirectional=True)(torch.zeros(1, 4, 3)).shape == (1, 4, 16)


def test_a_row_without_steps_has_a_summary_of_zeros():
    body = Recurrent(cells.LSTM, 3, [4])
    states, summary, _ = body.run(torch.randn(2, 3, 3), torch.tensor([0, 3]))
    assert not states[0].any()
    assert not summary[0].any()
    assert summary[1].any()


def test_a_net_in_both_directions_cannot_go_on_from_a_state():
    body, x = Recurrent(cells.GRU, 3, [4], bidirectional=True), torch.zeros(1, 2, 3)
    with pytest.raises(ValueError, match="both ends"):
        body.run(x, states=body.run(x)[2])
    one_way = Recurrent(cells.GRU, 3, [4, 4]).eval()
    y = torch.randn(1, 6, 3)
    first, _, states = one_way.run(y[:, :2])
    torch.testing.assert_close(torch.cat([first, one_way.run(y[:, 2:], states=states)[0]], 1), one_way(y))


@pytest.mark.parametrize(("name", "kind"), [("gru_before", "before"), ("lstm", "lstm")])
def test_cells_are_those_by_hand(name, kind):
    cell, x = MAKERS[name](3, 4).double(), torch.randn(2, 5, 3, dtype=torch.float64)
    if kind == "lstm":
        w_x, w_h, b_x, b_h = (w.detach().numpy() for w in cell.inner.all_weights[0])
        run = byhand.LSTM(w_x.T, w_h.T, b_x + b_h).forward(x.numpy())
    else:
        w_h = torch.cat([cell.of_h.weight, cell.of_reset.weight]).detach().numpy()
        run = byhand.GRUResetBefore(
            cell.of_x.weight.detach().numpy().T, w_h.T, cell.of_x.bias.detach().numpy()
        ).forward(x.numpy())
    torch.testing.assert_close(cell.run(x)[0].detach(), torch.from_numpy(run.h[:, 1:]))


def test_parameters_are_as_many_as_the_equations_have():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    d, n = 3, 4  # Hifny B46 without biases: LSTM 112, GRU 84; Baker B19 with one bias: 32, 128, 96
    assert count(cells.LSTM(d, n)) == 112 + 2 * 4 * n
    assert count(cells.GRU(d, n)) == 84 + 2 * 3 * n
    assert count(cells.GRUResetBefore(d, n)) == 96
    assert count(cells.Elman(d, n)) == 32 + n
    assert count(cells.IndRNN(d, n)) == d * n + n + n
    assert count(cells.DeepTransition(d, n, depth=3)) == d * n + n + n * n + 2 * (n * n + n)


def test_an_irnn_keeps_its_state_until_inputs_change_it():
    cell = cells.Elman(2, 3, activation="relu", identity=True)
    start = torch.rand(1, 3)
    states, _ = cell.run(torch.zeros(1, 50, 2), (start,))
    torch.testing.assert_close(states[:, -1], start)


def test_a_forget_gate_starts_open():
    cell = cells.LSTM(2, 3, forget_bias=2.0)
    _, _, b_x, b_h = cell.inner.all_weights[0]
    assert (b_x + b_h)[3:6].tolist() == [2.0] * 3


def test_an_indrnns_recurrent_weights_are_cut_to_what_the_span_bears():
    cell = cells.IndRNN(1, 2, span=10)
    cell.u.data[:] = 5.0
    h = cell.run(torch.ones(1, 11, 1))[0].detach()
    growth = (h[0, -1] - h[0, -2]) / (h[0, -2] - h[0, -3]).clamp(min=1e-9)
    assert float(growth.max()) <= 2 ** (1 / 10) + 1e-5


def test_zoneout_keeps_old_states_as_often_as_asked_and_their_mean_after_training():
    inner = cells.IndRNN(1, 4000)
    cell = cells.Zoneout(inner, 0.3)
    z, old = torch.full((1, 4000), 5.0), torch.full((1, 4000), -1.0)
    new = inner.step(z, (old,))[0]
    kept = cell.train().step(z, (old,))[0] == old
    assert float(kept.float().mean()) == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(cell.eval().step(z, (old,))[0], 0.7 * new + 0.3 * old)


def test_dropout_between_layers_is_one_draw_for_all_steps(monkeypatch):
    body, seen = Recurrent(cells.IndRNN, 2, [50, 3], dropout=0.5).train(), []
    monkeypatch.setattr(body.forwards[0], "run", lambda h, state: (torch.ones(4, 6, 50), ()))
    monkeypatch.setattr(body.forwards[1], "run", lambda h, state: (seen.append(h), (h[..., :3], ()))[1])
    body(torch.ones(4, 6, 2))
    assert torch.equal(seen[0], seen[0][:, :1].expand(4, 6, 50))
    assert set(seen[0].unique().tolist()) == {0.0, 2.0}


def test_small_tools():
    x = torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [0.0]]])
    lengths = torch.tensor([3, 2])
    assert last_of(x, lengths)[:, 0].tolist() == [3, 5]
    assert reversed_rows(x, lengths)[..., 0].tolist() == [[3, 2, 1], [5, 4, 0]]
    assert mask_of(x, lengths)[..., 0].tolist() == [[1, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize("cell", sorted(MAKERS))
def test_rows_without_steps_are_refused_in_words(cell):
    with pytest.raises(DataError, match=r"x \(2, 0, 3\) has no steps"):
        Recurrent(MAKERS[cell], 3, [4])(torch.zeros(2, 0, 3))


@pytest.mark.parametrize("name", ["elman", "lstm", "gru_before", "peephole", "indrnn"])
def test_slopes_end_where_a_piece_begins(name):
    pieces = Recurrent(MAKERS[name], 3, [5], truncate=4).double()
    x = torch.randn(2, 11, 3, dtype=torch.float64).requires_grad_()
    (found,) = torch.autograd.grad(pieces(x)[:, 10].square().sum(), x)
    (cell,) = pieces.forwards
    with torch.no_grad():
        whole, before = cell.run(x)[0], cell.run(x[:, :8])[1]
    torch.testing.assert_close(pieces(x).detach(), whole)
    last = x.detach()[:, 8:].requires_grad_()
    (due,) = torch.autograd.grad(cell.run(last, before)[0][:, -1].square().sum(), last)
    torch.testing.assert_close(found[:, 8:], due)
    assert found[:, 8:].abs().sum() > 0
    assert found[:, :8].abs().sum() == 0


def test_pieces_change_no_state_of_rows_of_several_lengths_in_both_directions():
    net, lengths = Recurrent(cells.GRU, 3, [5, 5], bidirectional=True, truncate=3).double(), torch.tensor([11, 7, 0])
    x = torch.randn(3, 11, 3, dtype=torch.float64)
    h, summary, _ = net.run(x, lengths)
    with torch.no_grad():  # where no slopes are asked for there are no pieces
        whole, due, _ = net.run(x, lengths)
    torch.testing.assert_close((h.detach(), summary.detach()), (whole, due))


def test_a_state_that_was_given_keeps_its_slope_through_the_first_piece():
    net, x = Recurrent(cells.Elman, 3, [5], truncate=4).double(), torch.randn(2, 6, 3, dtype=torch.float64)
    start = torch.zeros(2, 5, dtype=torch.float64, requires_grad=True)
    h = net.run(x, None, [(start,)])[0]
    assert torch.autograd.grad(h[:, 3].sum(), start, retain_graph=True)[0].abs().sum() > 0
    assert torch.autograd.grad(h[:, 4].sum(), start)[0].abs().sum() == 0
