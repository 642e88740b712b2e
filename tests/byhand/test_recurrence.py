"""Backpropagation through time by hand: torch's recurrent layers on random sizes, and differences for the rest."""

import numpy as np
import pytest
import torch

from parnassus.byhand.gradients import gradient_error
from parnassus.byhand.recurrence import LSTM, Bidirectional, Cell, Elman, GRUResetAfter, GRUResetBefore

SIZES = [(1, 1, 1, 1), (2, 5, 3, 4), (3, 7, 2, 5), (4, 2, 6, 1)]  # n, time, inputs, units
N_GATES = {Elman: 1, LSTM: 4, GRUResetBefore: 3, GRUResetAfter: 3}
LAYERS = {Elman: torch.nn.RNN, LSTM: torch.nn.LSTM, GRUResetAfter: torch.nn.GRU}


def cell_of(kind: type, n_inputs: int, n_units: int, *, seed: int = 0) -> Cell:
    rng, k = np.random.default_rng(seed), N_GATES[kind] * n_units
    parts = [rng.normal(size=s) / 2 for s in ((n_inputs, k), (n_units, k), (k,))]
    return kind(*parts, rng.normal(size=n_units)) if kind is GRUResetAfter else kind(*parts)


def layer_like(cells: list[Cell]) -> torch.nn.Module:
    """torch's layer with the weights of one cell, or of two for both directions."""
    n_inputs, n_units = len(cells[0].w_x), len(cells[0].w_h)
    with torch.random.fork_rng():
        layer = LAYERS[type(cells[0])](n_inputs, n_units, batch_first=True, bidirectional=len(cells) == 2).double()
    with torch.no_grad():
        for cell, end in zip(cells, ("", "_reverse"), strict=False):
            recurrent = np.zeros_like(cell.b)
            if isinstance(cell, GRUResetAfter):
                recurrent[2 * n_units :] = cell.b_h
            for name, value in (
                ("weight_ih_l0", cell.w_x.T), ("weight_hh_l0", cell.w_h.T), ("bias_ih_l0", cell.b),
                ("bias_hh_l0", recurrent),
            ):  # fmt: skip
                getattr(layer, name + end).copy_(torch.from_numpy(value.copy()))
    return layer


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_states_and_every_gradient_are_torchs(kind: type, size: tuple[int, ...]) -> None:
    n, n_steps, n_inputs, n_units = size
    rng, cell = np.random.default_rng(1), cell_of(kind, n_inputs, n_units)
    x, by_h = rng.normal(size=(n, n_steps, n_inputs)), rng.normal(size=(n, n_steps, n_units))
    start = {name: rng.normal(size=(n, n_units)) for name in ("hc" if kind is LSTM else "h")}
    run = cell.forward(x, **start)
    slopes = cell.backward(run, by_h)
    layer = layer_like([cell])
    tx = torch.tensor(x, requires_grad=True)
    states = {k: torch.tensor(v[None], requires_grad=True) for k, v in start.items()}
    h, _ = layer(tx, (states["h"], states["c"]) if kind is LSTM else states["h"])
    (h * torch.from_numpy(by_h)).sum().backward()
    assert np.allclose(run.h[:, 1:], h.detach(), rtol=0, atol=1e-10)
    assert np.allclose(slopes.by_x, tx.grad, rtol=0, atol=1e-10)
    for name, state in states.items():
        assert np.allclose(slopes.by_start[name], state.grad[0], rtol=0, atol=1e-10)
    found = slopes.by_weight
    assert np.allclose(found["w_x"], layer.weight_ih_l0.grad.T, rtol=0, atol=1e-10)
    assert np.allclose(found["w_h"], layer.weight_hh_l0.grad.T, rtol=0, atol=1e-10)
    assert np.allclose(found["b"], layer.bias_ih_l0.grad, rtol=0, atol=1e-10)
    if kind is GRUResetAfter:
        assert np.allclose(found["b_h"], layer.bias_hh_l0.grad[2 * n_units :], rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", list(LAYERS))
def test_both_directions_are_torchs(kind: type) -> None:
    rng = np.random.default_rng(2)
    cells = [cell_of(kind, 3, 4, seed=s) for s in (3, 4)]
    x, by_outputs = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 8))
    net = Bidirectional(*cells)
    outputs, *runs = net.forward(x)
    by_x, first, second = net.backward((runs[0], runs[1]), by_outputs)
    layer, tx = layer_like(cells), torch.tensor(x, requires_grad=True)
    h, _ = layer(tx)
    (h * torch.from_numpy(by_outputs)).sum().backward()
    assert np.allclose(outputs, h.detach(), rtol=0, atol=1e-10)
    assert np.allclose(by_x, tx.grad, rtol=0, atol=1e-10)
    assert np.allclose(first.by_weight["w_h"], layer.weight_hh_l0.grad.T, rtol=0, atol=1e-10)
    assert np.allclose(second.by_weight["w_h"], layer.weight_hh_l0_reverse.grad.T, rtol=0, atol=1e-10)


def reset_before_in_torch(x: torch.Tensor, w_x: torch.Tensor, w_h: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The GRU of the first paper, written with torch's operations."""
    n = len(w_h)
    h, states = x.new_zeros(len(x), n), []
    for t in range(x.shape[1]):
        r = torch.sigmoid(x[:, t] @ w_x[:, :n] + h @ w_h[:, :n] + b[:n])
        z = torch.sigmoid(x[:, t] @ w_x[:, n : 2 * n] + h @ w_h[:, n : 2 * n] + b[n : 2 * n])
        candidate = torch.tanh(x[:, t] @ w_x[:, 2 * n :] + (r * h) @ w_h[:, 2 * n :] + b[2 * n :])
        h = z * h + (1 - z) * candidate
        states.append(h)
    return torch.stack(states, 1)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_reset_before_has_autograds_gradients(size: tuple[int, ...]) -> None:
    n, n_steps, n_inputs, n_units = size
    rng, cell = np.random.default_rng(5), cell_of(GRUResetBefore, n_inputs, n_units)
    x, by_h = rng.normal(size=(n, n_steps, n_inputs)), rng.normal(size=(n, n_steps, n_units))
    run = cell.forward(x)
    slopes = cell.backward(run, by_h)
    inputs = [torch.tensor(a, requires_grad=True) for a in (x, cell.w_x, cell.w_h, cell.b)]
    h = reset_before_in_torch(*inputs)
    (h * torch.from_numpy(by_h)).sum().backward()
    assert np.allclose(run.h[:, 1:], h.detach(), rtol=0, atol=1e-10)
    for found, wanted in zip((slopes.by_x, *slopes.by_weight.values()), inputs, strict=True):
        assert np.allclose(found, wanted.grad, rtol=0, atol=1e-10)


def test_the_two_resets_give_different_numbers() -> None:
    before = cell_of(GRUResetBefore, 3, 4)
    after = GRUResetAfter(before.w_x, before.w_h, before.b, np.zeros(4))
    x = np.random.default_rng(0).normal(size=(1, 5, 3))
    assert np.abs(before.forward(x).h - after.forward(x).h).max() > 0.01


def test_the_cells_jacobian_is_the_difference_quotients() -> None:
    cell = cell_of(LSTM, 2, 3)
    x = np.random.default_rng(6).normal(size=(1, 4, 2))
    run = cell.forward(x)
    c_1, o_2 = run.inner["c"][:, 2], run.inner["o"][:, 1]  # c_2 begins step 3; h_2 = o_2 tanh(c_2), o_2 held

    for unit in range(3):

        def c_3(c: np.ndarray, unit: int = unit) -> float:
            rest = cell.forward(x[:, 2:3], h=o_2 * np.tanh(c[None]), c=c[None])
            return float(rest.inner["c"][0, 1, unit])

        assert gradient_error(c_3, cell.cell_jacobian(run, 3)[0, unit], c_1[0], step=1e-5) < 1e-8


def test_a_slope_by_the_last_state_joins_in() -> None:
    cell = cell_of(LSTM, 2, 3)
    x, rng = np.random.default_rng(7).normal(size=(2, 6, 2)), np.random.default_rng(8)
    by_h = rng.normal(size=(2, 6, 3))
    whole = cell.backward(cell.forward(x), by_h)
    first = cell.forward(x[:, :4])
    second = cell.forward(x[:, 4:], h=first.h[:, -1], c=first.inner["c"][:, -1])
    late = cell.backward(second, by_h[:, 4:])
    early = cell.backward(first, by_h[:, :4], **late.by_start)
    assert np.allclose(early.by_weight["w_h"] + late.by_weight["w_h"], whole.by_weight["w_h"])
