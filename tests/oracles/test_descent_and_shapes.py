"""The books' numbers for descent, clipping, shapes and listings, a test an oracle.

0 Hifny, 1 Baker, 2a to 2c Martinez-Ramon, 3 Jaiswal, 4 Keras course. Where a book errs, the test states both values.
"""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import integrate, linalg, special
from torch import nn

import parnassus as pn
from parnassus.byhand.capacity import CORNERS, xor_by_relus
from parnassus.data.rows import Dense
from parnassus.functional.surfaces import beale, critical_point, gradient, hessian
from parnassus.layers.dropout import Dropout
from parnassus.models.tables.mlp import MLP
from parnassus.train.phase import Objective, Phase
from parnassus.train.plan import Plan
from parnassus.train.timetable import cuts_of
from parnassus.train.trainer import Trainer

BOOKS = 2.2625  # the constant that Martinez-Ramon prints; Beale's is 2.625


def at(*x):
    return torch.tensor(x, dtype=torch.float64)


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def net(name, task="classifier", n_outputs=1, **options):
    builder = pn.model(name, **options).builders(task)[0]
    return lambda in_features: builder.make(in_features=in_features, n_outputs=n_outputs, **builder.defaults | options)


@pytest.fixture(autouse=True)
def seeded(draws):
    """Modules are made inside the tests, from one seed."""


# --- descent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "points"),
    [
        (0.1, [(3.6, -1.8), (3.24, -1.62), (2.916, -1.458)]),
        (1.0, [(0, 0)]),
        (2.0, [(-4, 2), (4, -2)]),
        (2.1, [(-4.4, 2.2), (4.84, -2.42)]),
    ],
)
def test_1_B24_descent_on_a_bowl(lr, points):
    path = pn.optimize(lambda x: 0.5 * x.square().sum(), (4.0, -2.0), pn.optimizer("sgd", lr=lr), steps=len(points))
    np.testing.assert_allclose(path.points[1:], points, atol=1e-12)


def test_1_B24_the_bowl_is_left_at_step_80():
    bowl = pn.optimizer("sgd", lr=0.1)
    path = pn.optimize(lambda x: 0.5 * x.square().sum(), (4.0, -2.0), bowl, steps=200, tolerance=1e-3)
    assert len(path.points) - 1 == 80


def test_4_B7_descent_on_a_square_and_the_rule_that_forgets_a_sign():
    def square(x):
        return x.square().sum()

    path = pn.optimize(square, -1.5, pn.optimizer("sgd", lr=0.1), steps=10)
    due = [-1.2, -0.96, -0.768, -0.6144, -0.49152, -0.393216, -0.314573, -0.251658, -0.201327, -0.161061]
    np.testing.assert_allclose(path.points[1:, 0], due, atol=5e-7)
    for tolerance, steps in ((1e-2, 11), (1e-3, 17), (1e-4, 22), (1e-6, 32), (1e-8, 42)):
        found = pn.optimize(square, -1.5, pn.optimizer("sgd", lr=0.1), steps=99, tolerance=tolerance, stop_on="change")
        assert len(found.points) - 1 == steps
    # the book's rule stops where f(before) - f(now) < eps, which a divergence meets at once; the size must be compared
    away = pn.optimize(square, -1.5, pn.optimizer("sgd", lr=1.1), steps=20, tolerance=1e-2, stop_on="change")
    assert away.values[0] - away.values[1] == pytest.approx(-0.99)
    assert not away.converged


@pytest.mark.parametrize(("c", "least", "value"), [(2.625, (3.0, 0.5), 0.0), (BOOKS, (2.450738, 0.363114), 0.0237097)])
def test_2c_B9_1_beale_has_its_minimum_at_3_and_a_half_with_its_own_constant_alone(c, least, value):
    found = critical_point(lambda x: beale(x, c=c), at(*least))
    assert found.kind == "minimum"
    np.testing.assert_allclose(found.point.numpy(), least, atol=1e-6)
    assert float(beale(found.point, c=c)) == pytest.approx(value, abs=1e-7)
    assert float(beale(at(3.0, 0.5), c=BOOKS)) == pytest.approx(0.131406, abs=1e-6)
    assert float(beale(at(2.5, 1.5), c=BOOKS)) == pytest.approx(103.693, abs=1e-3)  # chapter 2 has a minimum there


@pytest.mark.parametrize(
    ("c", "value", "slope"), [(BOOKS, 155.201406, (189.775, 369.72)), (2.625, 163.063125, (194.85, 380.16))]
)
def test_2c_B9_2_beales_slope(c, value, slope):
    x = at(1.2, 2.0)
    assert float(beale(x, c=c)) == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(gradient(lambda w: beale(w, c=c), x).numpy(), slope, rtol=1e-9)


def test_2c_B9_3_beales_hessian_is_indefinite_at_the_start():
    """The book's second derivative by w2 gives 251.28 where 798.84 is right."""

    def surface(x):
        return beale(x, c=BOOKS)

    bend = hessian(surface, at(1.2, 2.0))
    np.testing.assert_allclose(bend.numpy(), [[118, 540.9], [540.9, 798.84]], rtol=1e-9)
    np.testing.assert_allclose(torch.linalg.eigvalsh(bend).numpy(), [-180.69, 1097.53], atol=5e-3)
    least = hessian(surface, critical_point(surface, at(2.45, 0.36)).point)
    np.testing.assert_allclose(torch.linalg.eigvalsh(least).numpy(), [0.8549, 23.947], rtol=1e-4)


@pytest.mark.slow
def test_2c_B9_4_descent_on_the_printed_beale():
    path = pn.optimize(lambda x: beale(x, c=BOOKS), (1.2, 2.0), pn.optimizer("sgd", lr=1e-3), steps=1000)
    due = {1: 51.661, 2: 37.143, 5: 22.565, 10: 15.338, 20: 10.483, 40: 6.819, 80: 3.577, 100: 2.674, 200: 0.8446}
    due |= {500: 0.1805, 1000: 0.0539}
    for step, value in due.items():
        assert path.values[step] == pytest.approx(value, rel=1e-3)
    assert int((path.values < 10).argmax()) == 22


@pytest.mark.parametrize(
    ("slope", "norm", "due"),
    [
        ((3.0, 4.0), 1.0, (0.6, 0.8)),
        ((3.0, 4.0), 10.0, (3.0, 4.0)),
        ((3.0, 4.0), 5.0, (3.0, 4.0)),
        ((0.0, 0.0), 1.0, (0.0, 0.0)),
    ],
)
def test_3_B31_clipping_by_norm_at_its_edges(slope, norm, due):
    class Plane(Objective):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(2, dtype=torch.float64))

        def phases(self):
            return [Phase("fit", lambda batch: self.w @ at(*slope), [self.w])]

    plane, plan = Plane(), Plan(epochs=1, batch_size=1, clip_norm=norm)
    schedule, sgd = pn.schedule("constant"), pn.optimizer("sgd", lr=1.0)
    trainer = Trainer(plane, lambda b, training=False: b, plan=plan, n_rows=1, optimizer=sgd, schedule=schedule)
    trainer.fit(Dense(x=torch.zeros(1, 1)))
    np.testing.assert_allclose(-plane.w.detach().numpy(), due, rtol=1e-6)


# --- shapes, counts, mini-batches -----------------------------------------------------------------


def test_1_B05_mini_batches_and_the_ragged_last_one():
    assert len(cuts_of(600_000, 100)) == 6000
    sizes = cuts_of(1000, 64)
    assert sizes == [64] * 15 + [40]


def test_0_B38_an_xor_net_of_two_relus():
    np.testing.assert_array_equal(xor_by_relus().trace(CORNERS, [[0], [1], [1], [0]]).outputs.ravel(), [0, 1, 1, 0])
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    h = np.maximum(x @ np.ones((2, 2)) + [0, -1], 0)
    np.testing.assert_array_equal(h @ [1, -2], [0, 1, 1, 0])


def test_1_B20_shapes_of_a_dense_net():
    made = MLP([3, 4, 1])
    assert tuple(made[0].weight.T.shape) == (3, 4)
    assert made[0].bias.shape == (4,)
    assert n_parameters(made) == 21
    assert nn.Linear(3, 5)(torch.zeros(10, 3)).shape == (10, 5)


def test_1_B64_a_skip_joins_equal_widths_alone():
    """The notes add W h of another width; that is legal where a matrix takes the skip to the right width."""
    w1, w2 = torch.zeros(5, 4), torch.zeros(6, 5)
    h = torch.zeros(4)
    with pytest.raises(RuntimeError, match="size"):
        w2 @ (w1 @ h) + w1 @ h
    residual = net("resnet_mlp", n_outputs=2, width=8)(4)
    assert residual(torch.zeros(3, 4)).shape == (3, 2)


@pytest.mark.parametrize(("widths", "count"), [((4, 8, 2), 4 * 8 + 8 + 8 * 2 + 2), ((2, 3, 1), 13)])
def test_3_B25_parameters_of_the_dense_class(widths, count):
    """The listing's class has another hidden layer of the same width: 130 and 25."""
    assert n_parameters(MLP(list(widths))) == count
    deeper = [widths[0], widths[1], widths[1], widths[2]]
    assert n_parameters(MLP(deeper)) == {58: 130, 13: 25}[count]


def test_3_B27_a_dropout_listing_that_runs():
    """The book's names a class and a width that are not there."""
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), Dropout(0.5), nn.Linear(20, 1))
    x = torch.randn(5, 10)
    assert model.train()(x).shape == (5, 1)
    assert torch.equal(model.eval()(x), model(x))


def test_4_B17_accuracies_of_four_corners_are_quarters():
    """The library prints .4667, .6333 and .1667, which no four corners have: (sum of running means + last) / 5."""
    for printed, hits in ((0.4667, (1, 0, 0, 0)), (0.6333, (1, 0, 1, 0)), (0.1667, (0, 0, 1, 0))):
        running = np.cumsum(hits) / np.arange(1, 5)
        assert (running.sum() + running[-1]) / 5 == pytest.approx(printed, abs=5e-5)
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 4), [0, 1, 1, 0] * 4
    clf = pn.Classifier(pn.model("mlp", hidden=(4,)), batch_size=1)
    measured = [clf.partial_fit(x, y).score(x[:4], y[:4]) for _ in range(5)]
    assert all(float(a * 4).is_integer() for a in measured)


def test_4_B18_counts_of_dogs_and_cats():
    with torch.device("meta"):
        assert n_parameters(MLP([12_288, 3_072, 1])) == 37_751_808 + 3_073 == 37_754_881
    assert len(cuts_of(25_000, 64)) == 391
    assert len(cuts_of(25_000, 32)) == 782
    gigabytes = 25_000 * 12_288 * 8 / 1e9
    assert gigabytes == pytest.approx(2.46, abs=5e-3)


def test_4_B27_counts_of_the_digits_net():
    assert n_parameters(MLP([784, 128, 64, 10])) == 100_480 + 8_256 + 650 == 109_386
    normed = net("mlp", n_outputs=10, hidden=(128, 64), norm="batch")(784)
    # the book's has a third one, after the output: 4 numbers a unit, of which two are running statistics
    norms = [m for m in normed.modules() if isinstance(m, nn.BatchNorm1d)]
    learned = sum(p.numel() for m in norms for p in m.parameters())
    assert learned == 2 * (128 + 64)
    assert 113_290 - 109_386 == 4 * (784 + 128 + 64)
    assert 2 * (784 + 128 + 64) == 1_952  # "three layers" of 784, 128 and 64: the first stands before the net
    assert [len(cuts_of(42_000, 1024)), cuts_of(42_000, 1024)[-1]] == [42, 16]


# --- evaluation and listings ----------------------------------------------------------------------


def test_2a_B15_errors_of_least_squares_by_number_of_rows():
    """Two Gaussians of deviation .5 around (-1, -1) and (1, 1): their Bayes error is Q(sqrt 2 / .5)."""
    bayes = 0.5 * math.erfc(math.sqrt(2) / 0.5 / math.sqrt(2))
    assert bayes == pytest.approx(0.0023388675)
    rng = np.random.default_rng(0)

    def drawn(n):
        y = rng.integers(0, 2, n) * 2 - 1
        return rng.normal(scale=0.5, size=(n, 2)) + y[:, None], y

    def errors(n, runs=600):
        found = []
        for _ in range(runs):
            (x, y), (x_new, y_new) = drawn(n), drawn(200)
            w = np.linalg.pinv(np.c_[x, np.ones(n)]) @ y
            found.append([np.mean(np.sign(np.c_[a, np.ones(len(a))] @ w) != b) for a, b in ((x, y), (x_new, y_new))])
        return np.mean(found, 0)

    few, more, many = errors(4), errors(20), errors(100)
    assert few[0] < 0.002  # an exact fit; the book prints 10^-3.5 for two rows, which no exact solver gives
    assert few[1] == pytest.approx(0.116, abs=0.03)
    assert more[1] == pytest.approx(0.0042, abs=0.0015)
    assert many[1] == pytest.approx(bayes, abs=0.0012)
    assert abs(many[1] - many[0]) < abs(more[1] - more[0]) < abs(few[1] - few[0])


def test_2a_B21_what_python_prints():
    assert [1, 3, 5, 7][1:3] == [3, 5]  # the comment claims three items
    assert (5, 6, 7, 8, 9, 10, 11)[3:5] == (8, 9)  # likewise
    assert list(range(6, 10)) == [6, 7, 8, 9]  # the text loses the 9
    assert list(range(2, 10, 3)) == [2, 5, 8]


def test_2a_B22_what_numpy_prints():
    a = np.array([[1, 3, 4, 6, 7], [1, 5, 6, 5, 4], [1, 6, 2, 1, 1], [2, 4, 5, 8, 3]])
    assert (a.reshape(5, 4).shape, a.ravel().shape, a.T.shape) == ((5, 4), (20,), (5, 4))
    assert len(np.arange(1, 50, 3)) == 17
    np.testing.assert_array_equal(np.linspace(1, 50, 3), [1, 25.5, 50])
    assert len(np.r_[4:10, 5:16, 0, 1, 2]) == 20
    np.testing.assert_array_equal(np.reciprocal(np.array([4, 5, 1, 2])), [0, 0, 1, 0])
    np.testing.assert_allclose(np.sin(np.deg2rad([30, 45, 60, 90])), [0.5, 0.70710678, 0.8660254, 1])
    np.testing.assert_array_equal(np.around([0.3506607, 2.6782232], 4), [0.3507, 2.6782])


def test_2a_B23_what_scipy_prints():
    a = np.array([[1, 2], [3, 2]])
    assert linalg.det(a) == pytest.approx(-4)
    np.testing.assert_allclose(linalg.inv(a), [[-0.5, 0.5], [0.75, -0.25]])
    np.testing.assert_allclose(np.sort(linalg.eigvals(a).real), [-1, 4])
    np.testing.assert_allclose(linalg.solve(a, [2, 4]), [1, 0.5])
    area = integrate.dblquad(lambda x, y: x * y, 0, 0.5, 0, lambda y: 1 - 2 * y)[0]
    assert area == pytest.approx(1 / 96)
    np.testing.assert_allclose(special.cbrt([1, 3, 5, 2]), [1, 1.44224957, 1.70997595, 1.25992105])
    assert special.comb(6, 2) == special.comb(6, 4) == 15
    assert special.perm(5, 2) == 20


def test_2a_B25_what_pandas_prints():
    frame = pd.DataFrame({"A": [10, 40, 30, 25], "B": [2016, 2007, 2020, 2001]})
    assert frame.sort_values("A").index.tolist() == [0, 3, 2, 1]
    assert frame["A"].rank().tolist() == [1, 4, 3, 2]
    # the page prints (1, 2, 3, 4) and (3, 1, 4, 2): the ranks in the order of the sorted table
    assert frame.sort_values("A").rank()["A"].tolist() == [1, 2, 3, 4]
    assert frame.sort_values("A").rank()["B"].tolist() == [3, 1, 4, 2]


def test_2a_B28_squares_of_even_elements_in_order():
    numbers = np.array([4, 7, 16, 12, 3, 32, 10, 2, 14, 9, 24, 30, 20, 8])
    even = numbers[numbers % 2 == 0]
    assert (even**2).tolist() == [16, 256, 144, 1024, 100, 4, 196, 576, 900, 400, 64]
