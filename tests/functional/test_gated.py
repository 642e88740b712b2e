"""The compiled LSTM and GRU: their steps and slopes against the equations, odd sizes, threads, what is no number."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus import kernels
from parnassus.functional.gated import gru_states, is_compiled, lstm_states
from parnassus.functional.recurrence import gru_reset_after_step, lstm_step
from parnassus.layers.cells import GRU, LSTM

pytestmark = [
    pytest.mark.usefixtures("draws"),
    pytest.mark.skipif(kernels.load("lstm") is None, reason="no C++ compiler here: torch's own layer serves"),
]


def given(rows, units, time, size=1.0, n_inputs=3):
    """x, h, c and the weights, as leaves."""
    shapes = [(rows, time, n_inputs), (rows, units), (rows, units)]
    shapes += [(4 * units, n_inputs), (4 * units, units), (4 * units,), (4 * units,)]
    scales = (size, 0.7, 1.5, 1.0, units**-0.5, 0.3, 0.3)
    return [(s * torch.randn(*shape)).requires_grad_() for s, shape in zip(scales, shapes, strict=True)]


def by_steps(x, h, c, w_x, w_h, b_x, b_h):
    """The equations in float64, one step after the other."""
    shown = []
    for step in x.unbind(1):
        h, c = lstm_step(step, h, c, w_x, w_h, b_x + b_h)
        shown.append(h)
    return torch.stack(shown, 1), c


def plain(leaves):
    return [leaf.detach() for leaf in leaves]


SIZES = [(1, 1, 1), (3, 5, 4), (13, 16, 7), (30, 37, 5), (2, 64, 60), (25, 33, 3)]


@pytest.mark.parametrize(("rows", "units", "time"), SIZES)
def test_states_and_slopes_are_those_of_the_equations(rows, units, time):
    leaves = given(rows, units, time)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found, wanted = lstm_states(*leaves), by_steps(*doubles)
    torch.testing.assert_close(found, wanted, rtol=0, atol=3e-6, check_dtype=False)
    weights = torch.randn(rows, time, units), torch.randn(rows, units)
    ours, theirs = (
        torch.autograd.grad(sum((a * w.to(a.dtype)).sum() for a, w in zip(pair, weights, strict=True)), of)
        for pair, of in ((found, leaves), (wanted, doubles))
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5 * math.sqrt(rows * time))


@pytest.mark.parametrize("size", [1e-4, 30.0, 1e4])
def test_gates_that_hardly_open_or_are_shut_are_right(size):
    leaves = plain(given(5, 20, 3, size))
    found, wanted = lstm_states(*leaves), by_steps(*(leaf.double() for leaf in leaves))
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=1e-6, check_dtype=False)


def test_a_small_number_keeps_its_digits():
    """tanh of 1e-6 is 1e-6, not what is left of 1 - 1."""
    bias = torch.tensor([40.0, -40.0, 1e-6, 40.0])
    zeros = torch.zeros(1, 1)
    h, c = lstm_states(zeros[None], zeros, zeros, torch.zeros(4, 1), torch.zeros(4, 1), bias, torch.zeros(4))
    assert float(h) == pytest.approx(1e-6, rel=1e-6)
    assert float(c) == pytest.approx(1e-6, rel=1e-6)


def test_rows_know_nothing_of_threads_and_of_each_other():
    x, h, c, *weights = plain(given(31, 24, 9))
    found = lstm_states(x, h, c, *weights)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        again = lstm_states(x, h, c, *weights)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(again, found, strict=True))
    alone, _ = lstm_states(x[7:8], h[7:8], c[7:8], *weights)
    torch.testing.assert_close(alone[0], found[0][7], rtol=0, atol=2e-6)


def test_what_is_no_number_stays_none_in_its_row():
    x, h, c, *weights = plain(given(4, 8, 5))
    x[1, 2, 0] = math.nan
    states, last = lstm_states(x, h, c, *weights)
    assert bool(states[1, 2:].isnan().all())
    assert bool(last[1].isnan().all())
    assert not bool(states[[0, 2, 3]].isnan().any())


def test_slopes_of_slopes_are_those_of_the_equations():
    leaves = given(3, 4, 5)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    ours, theirs = (
        torch.autograd.grad(
            sum(s.square().sum() for s in torch.autograd.grad(run(*of)[0].square().sum(), of, create_graph=True)), of
        )
        for run, of in ((lstm_states, leaves), (by_steps, doubles))
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [1e-3, 30.0])
def test_slopes_of_gates_that_hardly_open_or_are_shut_are_right(size):
    leaves = given(5, 20, 6, size)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    ours, theirs = (
        torch.autograd.grad(run(*of)[0].square().sum(), of) for run, of in ((lstm_states, leaves), (by_steps, doubles))
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("optimizer", ["gauss_newton", "hessian_free"])
def test_a_second_order_step_is_the_one_without_the_kernel(optimizer, monkeypatch):
    rng = np.random.default_rng(0)
    X, y, found = [rng.normal(size=(6, 2)) for _ in range(24)], np.arange(24) % 2, []
    for setting in ("on", "off"):
        monkeypatch.setenv("PARNASSUS_KERNELS", setting)
        net = pn.Classifier(pn.model("lstm", hidden=3), optimizer=optimizer, epochs=1, batch_size=24).fit(X, y)
        found.append(net.predict_proba(X))
    assert np.abs(found[0] - found[1]).max() < 1e-3


def test_slopes_are_the_same_a_second_time():
    leaves = given(6, 10, 4)
    h, c = lstm_states(*leaves)
    loss = h.square().sum() + c.sum()
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(first, torch.autograd.grad(loss, leaves), strict=True))


def test_the_layer_is_torchs_layer():
    cell = LSTM(3, 20)
    theirs = nn.LSTM(3, 20, batch_first=True)
    theirs.load_state_dict(cell.inner.state_dict())
    x, state = torch.randn(7, 11, 3), (torch.randn(7, 20), torch.randn(7, 20))
    assert is_compiled("lstm", x)
    h, last = cell.run(x, state)
    wanted, (end, c) = theirs(x, tuple(part[None] for part in state))
    torch.testing.assert_close(h, wanted, rtol=0, atol=2e-6)
    torch.testing.assert_close(last, (end[0], c[0]), rtol=0, atol=2e-6)
    ours = torch.autograd.grad(h.square().sum(), list(cell.parameters()))
    peer = torch.autograd.grad(wanted.square().sum(), list(theirs.parameters()))
    torch.testing.assert_close(ours, peer, rtol=1e-4, atol=1e-5)


def test_torchs_layer_serves_where_somebody_listens_or_traces():
    cell, x, heard = LSTM(2, 4), torch.randn(3, 5, 2), []
    handle = cell.inner.register_forward_hook(lambda *_: heard.append(1))
    cell.run(x)
    handle.remove()
    assert heard == [1]
    assert not is_compiled("lstm", x.double())
    assert not is_compiled("lstm", x[:0])
    seen = []
    torch.func.vmap(lambda row: (seen.append(is_compiled("lstm", row[None])), row)[1])(x)
    assert seen == [False]


# --- the GRU ------------------------------------------------------------------------------------------------------


def given_gru(rows, units, time, size=1.0, n_inputs=3):
    """x, h and the weights, as leaves."""
    shapes = [(rows, time, n_inputs), (rows, units), (3 * units, n_inputs), (3 * units, units), (3 * units,)]
    scales = (size, 0.7, 1.0, units**-0.5, 0.3)
    leaves = [(s * torch.randn(*shape)).requires_grad_() for s, shape in zip(scales, shapes, strict=True)]
    return [*leaves, (0.3 * torch.randn(3 * units)).requires_grad_()]


def gru_by_steps(x, h, w_x, w_h, b_x, b_h):
    shown = []
    for step in x.unbind(1):
        h = gru_reset_after_step(step, h, w_x, w_h, b_x, b_h)
        shown.append(h)
    return torch.stack(shown, 1)


@pytest.mark.parametrize(("rows", "units", "time"), SIZES)
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_a_grus_states_and_slopes_are_those_of_the_equations(rows, units, time, size):
    leaves = given_gru(rows, units, time, size)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found, wanted = gru_states(*leaves), gru_by_steps(*doubles)
    torch.testing.assert_close(found, wanted, rtol=0, atol=3e-6 * size, check_dtype=False)
    weights = torch.randn(rows, time, units)
    ours = torch.autograd.grad((found * weights).sum(), leaves)
    theirs = torch.autograd.grad((wanted * weights).sum(), doubles)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5 * size * math.sqrt(rows * time))


def test_a_grus_slopes_of_slopes_are_those_of_the_equations():
    leaves = given_gru(3, 4, 5)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    ours, theirs = (
        torch.autograd.grad(
            sum(s.square().sum() for s in torch.autograd.grad(run(*of).square().sum(), of, create_graph=True)), of
        )
        for run, of in ((gru_states, leaves), (gru_by_steps, doubles))
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-3)


def test_a_grus_rows_know_nothing_of_threads_and_what_is_no_number_stays_none():
    x, *rest = plain(given_gru(31, 24, 9))
    found = gru_states(x, *rest)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(gru_states(x, *rest), found)
    finally:
        torch.set_num_threads(before)
    x[1, 2, 0] = math.nan
    spoilt = gru_states(x, *rest)
    assert bool(spoilt[1, 2:].isnan().all())
    assert torch.equal(spoilt[2:], found[2:])


def test_the_gru_layer_is_torchs_layer(monkeypatch):
    cell = GRU(3, 20)
    theirs = nn.GRU(3, 20, batch_first=True)
    theirs.load_state_dict(cell.inner.state_dict())
    x, state = torch.randn(7, 11, 3), torch.randn(7, 20)
    assert is_compiled("gru", x)
    h, (last,) = cell.run(x, (state,))
    wanted, end = theirs(x, state[None])
    torch.testing.assert_close(h, wanted, rtol=0, atol=2e-6)
    torch.testing.assert_close(last, end[0], rtol=0, atol=2e-6)
    ours = torch.autograd.grad(h.square().sum(), list(cell.parameters()))
    peer = torch.autograd.grad(wanted.square().sum(), list(theirs.parameters()))
    torch.testing.assert_close(ours, peer, rtol=1e-4, atol=1e-5)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    torch.testing.assert_close(cell.run(x, (state,))[0], h, rtol=0, atol=2e-6)
