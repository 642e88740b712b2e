"""The books' numbers for perceptron, LMS and MMSE neurons, a test an oracle, by hand and by the fast path.

0 is Hifny, 1 Baker, 2a Martinez-Ramon (chapters 1 to 3), 3 Jaiswal, 4 the Keras course. Where a book only gives inputs
or an equation, the number was worked out from it, not from this library. Where it is wrong the test says how.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from parnassus.byhand.neuron import Neuron, batch_step, online_step
from parnassus.byhand.perceptron import perceptron_epochs, perceptron_output, perceptron_rule
from parnassus.functional import linear
from parnassus.functional.activations import tanh, tanh_derivative
from parnassus.functional.online import PerceptronState, lms, lms_twin, perceptron_signs, perceptron_signs_twin
from parnassus.objectives.rules import Perceptron

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
AND, OR, XOR = (np.array(y, dtype=float) for y in ([0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0]))


def tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


# --- perceptron ------------------------------------------------------------------------------------------------------

TRACES = {
    "and": (
        AND,
        [3, 0, 1, 3, 1, 2, 3, 2, 3, 1],
        [
            (1, 1, 1),
            (1, 1, 0),
            (1, 0, -1),
            (2, 1, 0),
            (2, 0, -1),
            (1, 0, -2),
            (2, 1, -1),
            (1, 1, -2),
            (2, 2, -1),
            (2, 1, -2),
        ],
    ),
    "or": (OR, [1, 0, 2, 0], [(0, 1, 1), (0, 1, 0), (1, 1, 1), (1, 1, 0)]),
}


@pytest.mark.parametrize("name", TRACES)
def test_2a_B1_perceptron_rule_traces(name: str) -> None:
    bits, rows, states = TRACES[name]
    run = perceptron_rule(CORNERS, 2 * bits - 1)
    assert run.converged
    assert [change.row for change in run.changes] == rows
    assert [(*change.w, change.b) for change in run.changes] == states


@pytest.mark.parametrize("rule", [perceptron_signs, perceptron_signs_twin])
@pytest.mark.parametrize("name", TRACES)
def test_2a_B1_going_on_takes_the_same_path_as_starting_over(name: str, rule) -> None:
    bits, _, states = TRACES[name]
    state = PerceptronState.zeros(1, 2, dtype=torch.float64)
    n_changes = 0
    while mistakes := rule(tensor(CORNERS), tensor(2 * bits - 1), state):
        n_changes += mistakes
    assert n_changes == len(states)
    assert tuple(state.w[0].tolist()) == states[-1]


def test_2a_B1_xor_never_converges() -> None:
    run = perceptron_rule(CORNERS, 2 * XOR - 1, max_changes=50)
    assert len(run.changes) == 50
    assert not run.converged


def test_2a_B1_a_sign_of_zero_at_zero_takes_another_path() -> None:
    run = perceptron_rule(CORNERS, 2 * AND - 1, at_zero=0.0)
    assert run.changes[0].row == 0  # with -1 at zero the first change is at row 3


def test_2a_B2_the_printed_bound_is_of_the_wrong_formula() -> None:
    # 228 at a margin of 0.2: the book's (R^2 + 1) / margin makes R^2 44.6, the right formula 8.12. Its data are lost.
    row = [0.2, (8.12 - 0.2**2) ** 0.5]
    found = linear.novikoff_bound(tensor([row, [-r for r in row]]), tensor([1, -1]), weight=tensor([1, 0]))
    assert found.margin == pytest.approx(0.2)
    assert found.n_changes == pytest.approx(228)
    assert pytest.approx(44.6) == 228 * 0.2 - 1


@pytest.mark.parametrize(
    ("x", "y", "margin", "bound"),
    [
        ([[0.1], [0.2]], [-1, 1], 409**-0.5, 425.36),
        ([[1], [2]], [-1, 1], 13**-0.5, 65),
        (CORNERS, 2 * AND - 1, 0.24253563, 51),
        (CORNERS, 2 * OR - 1, 1 / 3, 27),
    ],
)
def test_2a_B3_novikoffs_bound_divides_by_the_square_of_the_margin(x, y, margin: float, bound: float) -> None:
    found = linear.novikoff_bound(tensor(x), tensor(y))
    assert found.margin == pytest.approx(margin, abs=1e-7)
    assert found.n_changes == pytest.approx(bound, abs=5e-3)
    assert len(perceptron_rule(x, y).changes) < found.n_changes


def test_2a_B3_the_books_bound_is_broken_by_two_rows() -> None:
    x, y = [[0.1], [0.2]], [-1.0, 1.0]
    run, found = perceptron_rule(x, y), linear.novikoff_bound(tensor(x), tensor(y))
    assert len(run.changes) == 103
    assert (run.w[0], run.b) == pytest.approx((5, -1))
    book = (found.radius**2 + 1) / found.margin
    assert book == pytest.approx(21.03, abs=0.005)
    assert len(run.changes) > book
    twin = perceptron_rule([[1.0], [2.0]], y)
    assert (len(twin.changes), twin.w[0], twin.b) == (5, 1, -1)


def test_4_B1_the_or_perceptrons_bias_is_negative() -> None:
    assert perceptron_output(CORNERS, [1, 1], -0.5, step=True).tolist() == OR.tolist()
    assert perceptron_output(CORNERS, [1, 1], 0.5, step=True).tolist() == [1, 1, 1, 1]  # as the book prints it
    objective = Perceptron(2, 1).double()
    objective.w.copy_(tensor([[1, 1, -0.5]]))
    assert (objective.outputs({"x": tensor(CORNERS)})[:, 0] > 0).tolist() == OR.astype(bool).tolist()


def test_4_B2_its_boundary_is_x1_plus_x2_less_a_half() -> None:
    points = tensor([[0.5, 0], [0, 0.5], [2, -1.5]])
    assert linear.boundary_distance(points, weight=tensor([1, 1]), bias=-0.5).tolist() == [0, 0, 0]
    assert linear.boundary_line(tensor([1, 1]), -0.5) == (-1, 0.5)


def test_4_B4_epochs_on_or_in_the_books_order() -> None:
    order = [2, 3, 0, 1]
    run = perceptron_epochs(CORNERS, OR, orders=[order] * 3)
    assert [(*w, b, n > 0) for w, b, n in run.epochs] == [(1, 1, 1, True), (1, 1, 0, True), (1, 1, 0, False)]
    assert run.epochs[1][2] == 1  # only row 1 errs


def test_4_B4_its_first_steps() -> None:
    state = PerceptronState.zeros(1, 2, dtype=torch.float64)
    for row, expected in ((2, (1, 0, 1)), (3, (1, 0, 1)), (0, (1, 0, 0)), (1, (1, 1, 1))):
        perceptron_signs(tensor(CORNERS[[row]]), tensor(2 * OR[[row]] - 1), state)
        assert tuple(state.w[0].tolist()) == expected


ORDERS_1101 = [[0, 3, 1, 2], [2, 1, 0, 3], [3, 2, 0, 1]]


def test_4_B5_the_shuffled_listing() -> None:
    run = perceptron_epochs(CORNERS, OR, orders=ORDERS_1101)
    assert run.converged
    assert [(*w, b) for w, b, _ in run.epochs] == [(1, 1, 1), (1, 1, 0), (1, 1, 0)]
    assert perceptron_output(CORNERS, run.w, run.b, step=True).tolist() == OR.tolist()


def test_4_B5_the_shuffled_listing_as_training_runs_it() -> None:
    objective = Perceptron(2, 1)
    mistakes = []
    for order in ORDERS_1101:
        batch = {"x": tensor(CORNERS[order]).float(), "y": tensor(OR[order][:, None]).float()}
        mistakes.append(round(4 * objective.correct(batch).item()))
    assert mistakes[-1] == 0
    assert objective.w.tolist() == [[1, 1, 0]]
    assert objective.evaluate(batch) == {"loss": 0, "accuracy": 1}


def test_4_B6_xor_runs_in_a_circle() -> None:
    run = perceptron_epochs(CORNERS, XOR, max_epochs=9)
    assert not run.converged
    assert [(*w, b) for w, b, _ in run.epochs[:3]] == [(-1, 0, 0), (-1, 0, 1), (-1, 0, 1)]
    assert all(tuple(w) == (-1, 0) and b == 1 and n == 4 for w, b, n in run.epochs[2:])
    found = linear.separation(tensor(CORNERS), tensor(XOR))
    assert not found.separable
    assert found.mixture.tolist() == pytest.approx([0.5] * 4)
    assert linear.separation(tensor(CORNERS), tensor(OR)).separable


# --- LMS and the MMSE neuron -----------------------------------------------------------------------------------------

START = {"w": np.array([0.1, -0.2]), "b": 0.05}


@pytest.mark.parametrize(
    ("activation", "error", "w", "b"),
    [
        ("tanh", -1.2449186624, (0.2170242028, 0.0340484056), 0.1670242028),
        ("logistic", -0.5621765009, (0.1138370797, -0.1723258405), 0.0638370797),
        ("linear", -1.25, (0.225, 0.05), 0.175),
    ],
)
def test_2a_B5_one_online_step(activation, error: float, w, b: float) -> None:
    start = Neuron(**START, activation=activation)
    assert float(start.output([1.0, 2.0])) - 1 == pytest.approx(error, abs=1e-9)
    after = online_step(start, [1.0, 2.0], 1.0, lr=0.1)
    assert np.allclose(after.w, w, atol=1e-9)
    assert after.b == pytest.approx(b, abs=1e-9)


@pytest.mark.parametrize("rule", [lms, lms_twin])
def test_2a_B5_one_online_step_of_the_fast_rule(rule) -> None:
    w = tensor([[0.1, -0.2, 0.05]])
    assert rule(tensor([[1, 2]]), tensor([[1]]), w, lr=0.1) == pytest.approx(1.25**2)
    assert w[0].tolist() == pytest.approx([0.225, 0.05, 0.175])


def test_2a_B6_one_batch_step_of_the_tanh_neuron() -> None:
    start, y = Neuron(**START, activation="tanh"), 2 * AND - 1
    assert start.cost(CORNERS, y) == pytest.approx(4.2491586848, abs=1e-9)
    assert np.allclose(start.output(CORNERS), [0.049958375, -0.1488850336, 0.1488850336, -0.049958375], atol=1e-9)
    by_w, by_b = start.gradient(CORNERS, y)
    assert np.allclose(by_w, [0.1521602699, -0.4301786734], atol=1e-9)
    assert by_b == pytest.approx(3.9113329870, abs=1e-9)
    after = batch_step(start, CORNERS, y, lr=0.1)  # the book's step leaves the 2 out
    assert np.allclose(after.w, [0.0923919865, -0.1784910663], atol=1e-9)
    assert after.b == pytest.approx(-0.1455666494, abs=1e-9)
    assert after.cost(CORNERS, y) == pytest.approx(3.6071286476, abs=1e-9)


def test_2a_B6_the_same_gradient_by_autograd() -> None:
    w, b, y = tensor(START["w"]).requires_grad_(), tensor(START["b"]).requires_grad_(), tensor(2 * AND - 1)
    tanh(tensor(CORNERS) @ w + b).sub(y).square().sum().backward()
    assert w.grad.tolist() == pytest.approx([0.1521602699, -0.4301786734], abs=1e-9)
    assert b.grad.item() == pytest.approx(3.9113329870, abs=1e-9)


@pytest.mark.parametrize(("w", "expected"), [(-2.0, -0.5251), (-1.0, -1.9010), (0.0, 2.0)])
def test_2a_B7_the_tanh_neurons_cost_is_not_convex_though_the_book_calls_it_so(w: float, expected: float) -> None:
    def slope(at: float) -> float:
        z = tensor(at)
        return (2 * (tanh(z) - 1) * tanh_derivative(z)).item()

    assert (slope(w + 1e-5) - slope(w - 1e-5)) / 2e-5 == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("start", "minimum", "cost"), [(-2.0, -1.472, 3.6100), (1.0, 0.0875, 1.01317)])
def test_2a_B7_two_rows_give_the_tanh_neuron_two_minima(start: float, minimum: float, cost: float) -> None:
    x, y, w = np.array([[10.0], [-1.0]]), np.array([0.9, 0.9]), start
    for _ in range(20_000):
        w -= 0.01 * Neuron(np.array([w]), 0.0, "tanh").gradient(x, y)[0][0]
    assert w == pytest.approx(minimum, abs=5e-4)
    assert Neuron(np.array([w]), 0.0, "tanh").cost(x, y) == pytest.approx(cost, abs=5e-5)


def test_3_B6_a_batch_step_of_the_delta_rule() -> None:
    x, t = np.array([[1, 2], [3, -1]], dtype=float), np.array([1.0, -1.0])
    start = Neuron(np.array([0.5, -0.5]), 0.0)
    assert start.output(x).tolist() == [-0.5, 2]
    assert start.cost(x, t) / 2 == 5.625
    assert (-start.gradient(x, t)[0] / 2).tolist() == [-7.5, 6]
    assert batch_step(start, x, t, lr=0.1).w.tolist() == pytest.approx([-0.25, 0.1])


def test_3_B6_its_sigmoid_variant() -> None:
    start = Neuron(np.array([0.5]), -0.3, "logistic")
    assert float(start.output([2.0])) == pytest.approx(0.668188, abs=5e-7)
    assert float((start.w - online_step(start, [2.0], 1.0, lr=1.0).w)[0]) == pytest.approx(-0.147134, abs=5e-7)
