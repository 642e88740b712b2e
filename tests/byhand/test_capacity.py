"""Nets built by hand: XOR, linear stacks, permuted units, bumps and stairs, against truth tables and closed forms."""

from itertools import pairwise

import numpy as np
import pytest

from parnassus.byhand import capacity as by
from parnassus.byhand.mlp import MLP

RNG = np.random.default_rng(0)


def random_net(widths: tuple[int, ...], *, hidden: str) -> MLP:
    layers = [(RNG.normal(size=p), RNG.normal(size=p[1])) for p in pairwise(widths)]
    return MLP.of(*layers, hidden=hidden, output="squared_error")


def test_1_B26_sigmoids_compute_xor_and_flat_ones_do_not() -> None:
    outputs = by.xor_by_sigmoids().trace(by.CORNERS, by.XOR).outputs
    assert np.allclose(outputs, by.XOR, atol=1e-4)
    flat = by.xor_by_sigmoids(1.0).trace(by.CORNERS, by.XOR).outputs
    assert not ((flat > 0.5) == (by.XOR > 0.5)).all()


def test_3_B2_relus_compute_xor_exactly_through_the_tables_hidden_values() -> None:
    trace = by.xor_by_relus().trace(by.CORNERS, by.XOR)
    assert (trace.outputs == by.XOR).all()
    assert trace.layers[0].h.tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]


@pytest.mark.parametrize(("n_hidden", "rate"), [(2, 0.554), (3, 0.906), (4, 0.974), (8, 1.0)])
def test_4_B16_how_often_training_solves_xor(n_hidden: int, rate: float) -> None:
    # the books' rates over 500 seeds; three standard errors of the difference of two such shares
    runs = by.train_xor(n_hidden, n_runs=500)
    assert abs(runs.success_rate - rate) <= 3 * np.sqrt(2 * rate * (1 - rate) / 500) + 0.004
    if n_hidden == 2:
        assert np.quantile(runs.losses, 0.75) == pytest.approx(0.393, abs=0.05)


def test_a_trained_nets_losses_are_those_of_the_slow_twin() -> None:
    rng = np.random.default_rng(3)
    net = MLP.of(
        (rng.normal(size=(1, 2, 2))[0], rng.normal(size=(1, 1, 2))[0, 0]),
        (rng.normal(size=(1, 2, 1))[0], rng.normal(size=(1, 1, 1))[0, 0]),
        output="binary_cross_entropy",
    )
    for _ in range(40):
        net = net.stepped(net.trace(by.CORNERS, by.XOR), lr=1.0 / 4)  # its loss is a sum over the four rows
    wanted = net.trace(by.CORNERS, by.XOR).loss / 4
    assert by.train_xor(2, n_runs=1, n_steps=40, seed=3).losses[0] == pytest.approx(wanted, rel=1e-10)


def test_a_stack_of_linear_layers_is_one_layer() -> None:
    net = random_net((3, 5, 4, 2), hidden="identity")
    x = RNG.normal(size=(7, 3))
    w, b = by.collapsed(net)
    assert w.shape == (3, 2)
    assert np.allclose(w, np.linalg.multi_dot(net.ws))
    assert np.allclose(net.trace(x, np.zeros((7, 2))).outputs, x @ w + b)
    assert by.collapse_error(net, x) < 1e-12


def test_an_activation_keeps_a_stack_from_collapsing() -> None:
    net = random_net((3, 5, 2), hidden="tanh")
    assert by.collapse_error(net, RNG.normal(size=(7, 3))) > 0.1


def test_permuted_units_compute_the_same_function_and_other_weights() -> None:
    net, x = random_net((3, 4, 3, 2), hidden="tanh"), RNG.normal(size=(9, 3))
    other = by.permuted(net, [2, 0, 3, 1], [1, 2, 0])
    assert np.allclose(other.forward(x)[0][-1], net.forward(x)[0][-1], rtol=0, atol=1e-12)
    assert not np.allclose(other.ws[0], net.ws[0])


def test_3_B8_the_number_of_symmetries() -> None:
    assert by.n_symmetries(3, 3) == 36  # the book's n! l would be 12
    assert by.n_symmetries(4) == 24


def test_four_ridges_make_a_bump() -> None:
    net = by.bump(half_width=0.5, steepness=60)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21)), -1).reshape(-1, 2)
    height = net.trace(grid, np.zeros((len(grid), 1))).outputs[:, 0]
    far = np.abs(grid).max(1)
    assert height[far < 0.35].min() > 0.99
    assert height[far > 0.65].max() < 0.01
    assert [w.shape for w in net.ws] == [(2, 4), (4, 1)]


@pytest.mark.parametrize("n_units", [4, 16, 64])
def test_hinges_keep_de_boors_bound_and_reach_it_for_a_parabola(n_units: int) -> None:
    step = 2 * np.pi / n_units
    error = by.sup_error(by.hinges(np.sin, low=0, high=2 * np.pi, n_units=n_units), np.sin, low=0, high=2 * np.pi)
    assert error <= step**2 / 8
    parabola = by.hinges(np.square, low=0, high=1, n_units=n_units)
    reached = by.sup_error(parabola, np.square, low=0, high=1, n_points=2 * n_units + 1)
    assert reached == pytest.approx(1 / (4 * n_units**2), rel=1e-6)  # max|f''| / 8 h^2


@pytest.mark.parametrize("n_units", [8, 32, 128])
def test_stairs_come_nearer_the_more_steps_they_have(n_units: int) -> None:
    error = by.sup_error(by.stairs(np.sin, low=0, high=6, n_units=n_units), np.sin, low=0, high=6)
    half_interval = 3 / (n_units + 1)
    assert error <= 1.01 * half_interval  # the slope of sin is at most 1
    assert error >= 0.5 * half_interval
