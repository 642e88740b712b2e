"""The books' numbers for linear models, a test an oracle: book and item in the name, by hand and by the fast path.

0 is Hifny, 1 Baker, 2a Martinez-Ramon (chapters 1 to 3), 3 Jaiswal, 4 the Keras course. Where a book only gives inputs
or an equation, the number was worked out from it, not from this library. Where it is wrong the test says how.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from parnassus.byhand import regression
from parnassus.byhand.neuron import Neuron, batch_step, online_epoch
from parnassus.functional import linear
from parnassus.functional.losses import squared_error
from parnassus.objectives.rules import LeastSquares
from parnassus.registry import loss

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
AND, OR, XOR = (np.array(y, dtype=float) for y in ([0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0]))

BOOK_X = np.array(
    [
        [0.23, 0.87, 0.95],
        [0.34, 0.56, 0.29],
        [0.98, 0.68, 0.05],
        [0.51, 0.24, 0.64],
        [0.42, 0.75, 0.49],
        [0.89, 0.11, 0.93],
        [0.14, 0.91, 0.25],
        [0.76, 0.41, 0.53],
        [0.66, 0.04, 0.08],
        [0.45, 0.82, 0.76],
    ]
)
BOOK_T = np.array(
    [
        [2.74, 1.82],
        [1.42, 2.61],
        [3.12, 2.49],
        [1.63, 1.95],
        [2.84, 2.37],
        [2.17, 1.68],
        [1.96, 2.55],
        [2.29, 2.24],
        [1.27, 1.35],
        [2.86, 2.74],
    ]
)
THETA = np.array(
    [
        [-0.4117751899, 1.4817029918],
        [2.0206669326, 0.3260666814],
        [2.2457381743, 1.2065705332],
        [0.6925623828, -0.2564756213],
    ]
)


def tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def fast_descent(name: str, kind: str, x: object, y: object, *, lr: float, w: object, b: object, n_steps: int):
    """Full-batch descent by the closed-form slope that training uses: (loss, w, b) at the start and each step."""
    made, x, w, b = loss(name).make(task=kind), tensor(x), tensor(w), tensor(b)
    y = torch.as_tensor(np.asarray(y)) if kind == "labels" else tensor(y)
    trace = []
    for _ in range(n_steps + 1):
        value, slope = made.slope(x @ w + b, y)
        trace.append((float(value), w.clone(), b.clone()))
        w, b = w - lr * (x.T @ slope), b - lr * slope.sum(0)
    return trace


# --- least squares ---------------------------------------------------------------------------------------------------


def test_0_B12_ten_rows_by_the_normal_equation() -> None:
    w, b = linear.normal_equation(tensor(BOOK_X), tensor(BOOK_T))
    assert np.allclose(np.vstack([b, w.T]), THETA, atol=1e-9)
    fitted = BOOK_X @ w.numpy().T + b.numpy()
    assert ((fitted - BOOK_T) ** 2).mean() == pytest.approx(0.05555418366193515, abs=1e-12)
    assert np.allclose(((fitted - BOOK_T) ** 2).mean(0), [0.0332978439, 0.0778105235], atol=1e-9)
    assert np.allclose(fitted[0], [2.6647046798, 2.3627628522], atol=1e-9)


def test_0_B12_ten_rows_by_the_objective_that_training_runs() -> None:
    objective = LeastSquares(3, 2).double()
    batches = [{"x": tensor(BOOK_X[rows]), "y": tensor(BOOK_T[rows])} for rows in (slice(0, 4), slice(4, 10))]
    objective.begin(batches[0])
    (phase,) = objective.phases()
    for batch in batches:
        phase.loss(batch)
    phase.after()
    assert np.allclose(objective.w, np.vstack([THETA[1:], THETA[0]]).T, atol=1e-9)


@pytest.mark.slow
def test_0_B12_ten_rows_by_descent() -> None:
    start = np.zeros((3, 2)), np.zeros(2)
    points = regression.descend(regression.linear_point, BOOK_X, BOOK_T, lr=0.1, w=start[0], b=start[1])
    (last,) = regression.after(points, 20_000)
    assert np.allclose(np.vstack([last.b, last.w]), THETA, atol=1e-9)


def test_2a_B24_regression_and_ridge_of_six_points() -> None:
    x, y = tensor(np.arange(5, 31, 5)[:, None]), tensor([[12], [20], [25], [32], [35], [40]])
    w, b = linear.normal_equation(x, y)
    assert (w.item(), b.item()) == pytest.approx((1.0971428571, 8.1333333333), abs=1e-9)
    printed = [13.61904762, 19.1047619, 24.59047619, 30.07619048, 35.56190476, 41.04761905]
    assert np.allclose((x @ w.T + b)[:, 0], printed, atol=1e-8)
    for l2, slope, intercept in (
        (1, 1.0946408210, 8.1771189662),
        (10, 1.0726256983, 8.5623836127),
        (100, 0.8930232558, 11.7054263566),
    ):
        ours = linear.ridge(x, y, l2=l2)
        assert (ours[0].item(), ours[1].item()) == pytest.approx((slope, intercept), abs=1e-9)


def test_3_B1_least_squares_cannot_fit_xor() -> None:
    w, b = linear.normal_equation(tensor(CORNERS), tensor(XOR[:, None]))
    assert np.allclose(w, 0, atol=1e-15)
    assert b.item() == pytest.approx(0.5)
    assert ((0.5 - XOR) ** 2).mean() == 0.25
    design = np.column_stack([CORNERS, np.ones(4)])
    assert np.linalg.det(design.T @ design) == pytest.approx(4)


def test_3_B7_four_scalings_of_the_squared_error_with_penalties() -> None:
    x, y, theta, lam = tensor([[1, 2], [3, 4]]), tensor([1, 2]), tensor([0.5, -0.5]), 0.1
    each = squared_error(x @ theta, y)
    assert each.sqrt().tolist() == [1.5, 2.5]
    half_mean = each.sum() / (2 * len(x))
    assert half_mean.item() == pytest.approx(2.125)
    assert (half_mean + lam / 2 * theta.square().sum()).item() == pytest.approx(2.150)
    assert (half_mean + lam * theta.abs().sum()).item() == pytest.approx(2.225)
    assert (half_mean + lam * theta.square().sum()).item() == pytest.approx(2.175)


# --- a sigmoid neuron by its squared error ---------------------------------------------------------------------------

OR_START = Neuron(np.array([0.2, 0.1]), -0.1, "logistic")
OR_EPOCHS = [  # after each epoch: w and b; before it: half the mean squared error
    ((0.205747, 0.105911), -0.094089, 0.1130),
    ((0.2114, 0.1118), -0.0883, 0.1120),
    ((0.217086, 0.117580), -0.082509, 0.110966),
    ((0.222678, 0.123340), -0.076839, 0.109985),
    ((0.2282, 0.1290), -0.0712, 0.1090),
]


def test_4_B8_first_gradients_of_the_sigmoid_neuron_on_or() -> None:
    assert np.allclose(OR_START.output(CORNERS), [0.475021, 0.5, 0.524979, 0.549834], atol=1e-6)
    by_w, by_b = OR_START.gradient(CORNERS, OR)  # the book: half the slope, a mean over rows
    assert np.allclose(by_w / 8, [-0.057471, -0.059106], atol=1e-6)
    assert by_b / 8 == pytest.approx(-0.059106, abs=1e-6)
    after = batch_step(OR_START, CORNERS, OR, lr=0.1, mean=True)
    assert np.allclose(after.w, [0.205747, 0.105911], atol=1e-6)  # the book's .2058 comes of a rounded gradient


def test_4_B9_five_epochs_of_the_sigmoid_neuron_on_or() -> None:
    neuron = OR_START
    for w, b, half_mean in OR_EPOCHS:
        assert neuron.cost(CORNERS, OR) / 8 == pytest.approx(half_mean, abs=6e-5)
        neuron = batch_step(neuron, CORNERS, OR, lr=0.1, mean=True)
        assert np.allclose(neuron.w, w, atol=6e-5)
        assert neuron.b == pytest.approx(b, abs=6e-5)
    assert np.allclose(neuron.output(CORNERS), [0.482195, 0.514446, 0.539162, 0.571021], atol=1e-6)
    assert linear.decide(tensor(neuron.output(CORNERS))).tolist() == [0, 1, 1, 1]


def test_4_B9_the_same_epochs_by_the_fast_loss() -> None:
    trace = fast_descent(
        "squared_error", "binary", CORNERS, OR[:, None], lr=0.05, w=[[0.2], [0.1]], b=[-0.1], n_steps=5
    )
    for (mean, _, _), (_, w, b), expected in zip(trace, trace[1:], OR_EPOCHS, strict=False):
        assert np.allclose(w[:, 0], expected[0], atol=6e-5)
        assert (b.item(), mean / 2) == pytest.approx(expected[1:], abs=6e-5)


def test_4_B10_one_pass_row_by_row_and_in_pairs() -> None:
    trace = online_epoch(OR_START, CORNERS, OR, lr=0.1)
    assert [n.b for n in trace[:3]] == pytest.approx([-0.111846, -0.099272, -0.087431], abs=1e-6)
    assert np.allclose(trace[-1].w, [0.222713, 0.123446], atol=1e-6)
    assert trace[-1].b == pytest.approx(-0.076559, abs=1e-6)
    first = batch_step(OR_START, CORNERS[:2], OR[:2], lr=0.1, mean=True)
    second = batch_step(first, CORNERS[2:], OR[2:], lr=0.1, mean=True)
    assert (*first.w, first.b) == pytest.approx((0.2, 0.10625, -0.099673), abs=1e-6)
    assert (*second.w, second.b) == pytest.approx((0.211469, 0.111797, -0.088204), abs=1e-6)


def test_4_B10_cross_entropy_from_the_same_start() -> None:
    (start, _, _), (_, w, b) = fast_descent(
        "cross_entropy", "binary", CORNERS, OR[:, None], lr=1.0, w=[[0.2], [0.1]], b=[-0.1], n_steps=1
    )
    assert start == pytest.approx(0.645020, abs=1e-6)
    assert (w[:, 0] - tensor([0.2, 0.1])).tolist() == pytest.approx([0.231297, 0.237542], abs=1e-6)
    assert b.item() + 0.1 == pytest.approx(0.237542, abs=1e-6)
    weights = np.array([[0.2], [0.1]]), np.array([-0.1])
    for k in range(4):
        at = regression.logistic_point(CORNERS[[k]], OR[[k], None], *weights)
        weights = weights[0] - 0.1 * at.by_w, weights[1] - 0.1 * at.by_b
    assert (*weights[0][:, 0], weights[1][0]) == pytest.approx((0.288756, 0.192533, -0.007559), abs=1e-6)


# --- logistic, multilabel and softmax regression ---------------------------------------------------------------------


@pytest.mark.slow
def test_0_B15_logistic_and_never_converges() -> None:
    points = regression.descend(
        regression.logistic_point, CORNERS, AND[:, None], lr=0.01, w=np.zeros((2, 1)), b=np.zeros(1)
    )
    kept = regression.after(points, 0, 1, 1000, 10_000, 100_000)
    losses = [np.log(2), 0.6925229618, 0.4626140511, 0.1434985640, 0.0174461933]
    assert [p.loss for p in kept] == pytest.approx(losses, abs=1e-9)
    last = kept[-1]
    assert (last.b[0], *last.w[:, 0]) == pytest.approx((-11.2885396013, 7.4106165119, 7.4106165119), abs=1e-8)
    slope, intercept = linear.boundary_line(tensor(last.w[:, 0]), last.b[0])
    assert (slope, intercept) == pytest.approx((-1, 1.5232929113), abs=1e-8)
    p = 1 / (1 + np.exp(-(CORNERS @ last.w[:, 0] + last.b)))
    assert np.allclose(p, [0.0000125154, 0.02027421, 0.02027421, 0.9716038179], atol=1e-8)
    norms = [np.linalg.norm(p.w) for p in kept]
    assert all(a < b for a, b in pairwise(norms[1:]))  # separable data: the weights grow for ever
    assert linear.separation(tensor(CORNERS), tensor(AND)).separable


def test_0_B15_the_same_start_by_the_fast_loss() -> None:
    trace = fast_descent(
        "cross_entropy", "binary", CORNERS, AND[:, None], lr=0.01, w=np.zeros((2, 1)), b=[0], n_steps=1000
    )
    assert [trace[k][0] for k in (1, 1000)] == pytest.approx([0.6925229618, 0.4626140511], abs=1e-9)


def test_4_B12_ten_steps_on_and() -> None:
    printed_b = [0.0075, 0.0049, 0.0024, -0.0002, -0.0027, -0.0052, -0.0077, -0.0102, -0.0127, -0.0152]
    printed_w = [0.0100, *[0.0099] * 5, *[0.0098] * 4]
    start = np.full((2, 1), 0.01), np.full(1, 0.01)
    byhand = regression.after(
        regression.descend(regression.logistic_point, CORNERS, AND[:, None], lr=0.01, w=start[0], b=start[1]),
        *range(11),
    )
    fast = fast_descent("cross_entropy", "binary", CORNERS, AND[:, None], lr=0.01, w=start[0], b=start[1], n_steps=10)
    for trace in ([(p.loss, p.w, p.b) for p in byhand], fast):
        assert [float(b[0]) for _, _, b in trace[1:]] == pytest.approx(printed_b, abs=5.1e-5)
        assert [float(w[0, 0]) for _, w, _ in trace[1:]] == pytest.approx(printed_w, abs=5.1e-5)
        p = 1 / (1 + np.exp(-(CORNERS @ np.asarray(trace[-1][1])[:, 0] + float(trace[-1][2][0]))))
        assert np.allclose(p, [0.496197, 0.498655, 0.498655, 0.501113], atol=1e-6)
        assert linear.decide(tensor(p)).tolist() == AND.tolist()
        assert (trace[0][0], trace[9][0]) == pytest.approx((0.695703, 0.689974), abs=1e-6)  # before steps 1 and 10


def gaussians() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    state = np.random.RandomState(42)  # the listing seeds the legacy generator
    x = np.vstack([state.multivariate_normal(m, np.eye(2), 100) for m in ((0, 0), (3, 3), (-3, 3))])
    return x, np.repeat([0, 1, 2], 100), state.randn(2, 3), state.randn(3)


def test_0_B16_softmax_regression_of_three_gaussians() -> None:
    x, y, w, b = gaussians()
    assert np.allclose(x[0], [0.49671415, -0.1382643], atol=1e-6)
    assert np.allclose(w[0], [0.7569886166, -0.9221653242, 0.8696059201], atol=1e-9)
    printed = [4.4703, 3.8339, 3.2658, 2.7617, 2.3109, 1.9026, 1.5310, 1.1999, 0.9248, 0.7237, 0.5947275]
    points = regression.after(
        regression.descend(regression.softmax_point, x, np.eye(3)[y], lr=0.01, w=w, b=b), *range(0, 101, 10)
    )
    fast = fast_descent("cross_entropy", "labels", x, y, lr=0.01, w=w, b=b, n_steps=100)[::10]
    assert [p.loss for p in points] == pytest.approx(printed, abs=1e-3)
    assert [value for value, _, _ in fast] == pytest.approx([p.loss for p in points], abs=1e-10)
    _, w_last, b_last = fast[-1]
    assert ((x @ w_last.numpy() + b_last.numpy()).argmax(1) == y).mean() == pytest.approx(0.91)


def test_0_B16_another_start_ends_elsewhere() -> None:
    # the book says that repeated runs agree "because the solution is unique": after 100 steps they do not
    x, y, _, _ = gaussians()
    (other,) = regression.after(
        regression.descend(regression.softmax_point, x, np.eye(3)[y], lr=0.01, w=np.zeros((2, 3)), b=np.zeros(3)), 100
    )
    assert abs(other.loss - 0.5947275) > 0.05


@pytest.mark.slow
def test_0_B18_a_linear_unit_cannot_learn_the_third_label() -> None:
    # T[:, 0] = x2, T[:, 1] = x1, T[:, 2] = XNOR(x1, x2). The listing takes 10^6 steps of .001 along a sum without its
    # 2, here 10^4 steps of .1; its rounding prints the third column's halves as 0 or 1 by chance.
    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    t = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=float)
    state = np.random.RandomState(0)
    w, b = state.rand(3, 3), state.rand(3)
    (last,) = regression.after(regression.descend(regression.sigmoid_squared_point, x, t, lr=0.2, w=w, b=b), 10_000)
    learnt = [[0.0278, 0.0278], [0.9779, 0.0248], [0.0248, 0.9779], [0.9752, 0.9751]]
    _, w_fast, b_fast = fast_descent("squared_error", "multilabel", x, t, lr=0.6, w=w, b=b, n_steps=10_000)[-1]
    for weights, bias in ((last.w, last.b), (w_fast.numpy(), b_fast.numpy())):
        z = x @ weights + bias
        p = 1 / (1 + np.exp(-z))
        assert np.allclose(p[:, :2], learnt, atol=2e-4)
        assert np.allclose(p[:, 2], 0.5, atol=1e-3)
        assert (np.logaddexp(0, z) - t * z).mean() == pytest.approx(0.2478, abs=1e-4)
    assert not linear.separation(tensor(x), tensor(t[:, 2])).separable


def test_0_B36_a_pairwise_softmax_boundary() -> None:
    weight, bias = linear.pairwise_boundary(tensor([[1, 2], [3, -1]]), tensor([0.5, -0.5]), 0, 1)
    assert (*weight.tolist(), bias.item()) == (-2, 3, 1)  # -2 x1 + 3 x2 = -1
