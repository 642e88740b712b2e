"""The books' numbers for linear models through the estimators a person calls: raw data in, labels and numbers out.

0 is Hifny, 2a Martinez-Ramon (chapters 1 to 3), 3 Jaiswal, 4 the Keras course; test_linear_family and
test_neuron_rules hold the same oracles by hand and by function. A book's start is given as a module, a step is an
epoch of one batch, and `history_` holds the loss before each step. Features are not scaled: pn.Table(scaling="none").
"""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.data.samples import truth_table
from parnassus.functional.linear import boundary_line

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


def unscaled(kind, model, **settings):
    """An estimator that leaves features as they are."""
    return kind(model, codec=pn.Table(scaling="none"), **settings)


def started(w, b):
    """A linear layer with these weights (inputs, outputs), float32 as training is."""
    w, b = np.atleast_2d(np.asarray(w, dtype=float)), np.atleast_1d(np.asarray(b, dtype=float))
    with torch.random.fork_rng():
        layer = nn.Linear(*w.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(w.T))
        layer.bias.copy_(torch.tensor(b))
    return layer


def descended(model, X, y, *, lr, n_steps, **settings):
    """A classifier after so many steps of plain gradient descent on all rows."""
    chosen = {"epochs": n_steps, "batch_size": len(X), "optimizer": "sgd", "lr": lr}
    return unscaled(pn.Classifier, model, **chosen, **settings).fit(X, y)


def weights_of(fitted):
    return fitted.objective_.model.weight.detach().double().numpy().T, fitted.objective_.model.bias.detach().numpy()


def losses_of(fitted):
    return [epoch["loss"] for epoch in fitted.history_]


# --- least squares ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [pn.Table(scaling="none"), pn.Table(), pn.Table(scaling="minmax")], ids=repr)
def test_0_B12_ten_rows_by_the_normal_equation_whatever_the_scaling(codec):
    fitted = pn.Regressor("linear", codec=codec).fit(BOOK_X, BOOK_T)
    np.testing.assert_allclose(fitted.predict(BOOK_X[:1]), [[2.6647046798, 2.3627628522]], atol=2e-6)
    squared = (fitted.predict(BOOK_X) - BOOK_T) ** 2
    assert squared.mean() == pytest.approx(0.05555418366193515, abs=1e-7)
    np.testing.assert_allclose(squared.mean(0), [0.0332978439, 0.0778105235], atol=1e-7)
    corners = fitted.predict(np.vstack([np.zeros(3), np.eye(3)]))
    np.testing.assert_allclose(np.vstack([corners[0], corners[1:] - corners[0]]), THETA, atol=1e-5)


def test_0_B12_ten_rows_by_descent():
    descent = {"epochs": 30, "batch_size": 10, "optimizer": "lbfgs"}
    fitted = unscaled(pn.Regressor, pn.model("linear", solver="gradient"), **descent).fit(BOOK_X, BOOK_T)
    assert ((fitted.predict(BOOK_X) - BOOK_T) ** 2).mean() == pytest.approx(0.05555418366193515, abs=1e-6)


def test_0_B12_evaluation_reports_its_mean_squared_error():
    evaluation = pn.Regressor("linear").fit(BOOK_X, BOOK_T).evaluate(BOOK_X, BOOK_T)
    each = [0.0332978439, 0.0778105235]
    (found,) = [m for m in evaluation.metrics if m.name == "mse"]
    assert found.value == pytest.approx(np.mean(each), abs=1e-6)


def test_2a_B24_regression_and_ridge_of_six_points():
    x, y = np.arange(5.0, 31, 5)[:, None], np.array([12.0, 20, 25, 32, 35, 40])
    printed = [13.61904762, 19.1047619, 24.59047619, 30.07619048, 35.56190476, 41.04761905]
    plain = unscaled(pn.Regressor, "linear").fit(x, y)
    np.testing.assert_allclose(plain.predict(x), printed, atol=2e-5)
    for l2, slope, intercept in (
        (1.0, 1.0946408210, 8.1771189662),
        (10.0, 1.0726256983, 8.5623836127),
        (100.0, 0.8930232558, 11.7054263566),
    ):
        fitted = unscaled(pn.Regressor, pn.model("linear", l2=l2)).fit(x, y)
        at_zero, at_one = fitted.predict([[0.0], [1.0]])
        assert (at_one - at_zero, at_zero) == pytest.approx((slope, intercept), abs=2e-5)


def test_3_B1_least_squares_cannot_fit_xor():
    x, y = truth_table("xor")
    np.testing.assert_allclose(unscaled(pn.Regressor, "linear").fit(x, y).predict(x), [0.5] * 4, atol=1e-7)


# --- gates by rules --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("gate", "most"), [("and", 51), ("or", 27)])
def test_2a_B3_the_perceptron_learns_its_gates_within_novikoffs_bound(gate, most, seed):
    x, y = truth_table(gate)
    fitted = unscaled(pn.Classifier, "perceptron", epochs=30, seed=seed).fit(x, y)
    assert fitted.score(x, y) == 1
    mistakes = [round(4 * loss) for loss in losses_of(fitted)]
    assert mistakes[-1] == 0
    assert sum(mistakes) <= most  # in any order of the rows
    assert (fitted.objective_.w == fitted.objective_.w.round()).all()  # sums of corners


@pytest.mark.parametrize("variant", ["plain", "averaged", "pocket"])
def test_4_B6_no_epoch_of_the_perceptron_on_xor_is_clean(variant):
    x, y = truth_table("xor")
    fitted = unscaled(pn.Classifier, pn.model("perceptron", variant=variant), epochs=60).fit(x, y)
    assert min(losses_of(fitted)) > 0
    assert fitted.score(x, y) < 1


# The least squares solution of targets +1 and -1 on four corners, in closed form: w_i = 2 cov(x_i, y) / 0.5.
MMSE = {"and": (1, 1, -1.5), "or": (1, 1, -0.5), "xor": (0, 0, 0)}


@pytest.mark.parametrize("gate", MMSE)
def test_the_mmse_classifier_of_a_gate_is_its_closed_form(gate):
    (x, y), (w1, w2, b) = truth_table(gate), MMSE[gate]
    fitted = unscaled(pn.Classifier, "linear").fit(x, y)
    np.testing.assert_allclose(fitted.decision_function(x), x @ [w1, w2] + b, atol=1e-6)
    assert (fitted.score(x, y) == 1) == (gate != "xor")


def test_4_B2_the_or_boundary_of_the_mmse_classifier_is_x1_plus_x2_less_a_half():
    fitted = unscaled(pn.Classifier, "linear").fit(*truth_table("or"))
    np.testing.assert_allclose(fitted.decision_function([[0.5, 0], [0, 0.5], [2, -1.5]]), 0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("gate", MMSE)
def test_adaline_settles_by_the_mmse_solution(gate):
    (x, y), weights = truth_table(gate), MMSE[gate]
    fitted = unscaled(pn.Classifier, "adaline", epochs=1000).fit(x, y)
    np.testing.assert_allclose(fitted.objective_.w[0], weights, atol=0.05)
    assert (fitted.score(x, y) == 1) == (gate != "xor")


# --- logistic and softmax regression, and the sigmoid neuron ---------------------------------------------------------


@pytest.mark.slow
def test_0_B15_logistic_and_its_boundary():
    fitted = descended(started([[0], [0]], 0), *truth_table("and"), lr=0.01, n_steps=1000)
    losses = losses_of(fitted)
    assert [losses[k] for k in (0, 1)] == pytest.approx([np.log(2), 0.6925229618], abs=2e-6)
    (last,) = [m for m in fitted.evaluate(*truth_table("and")).metrics if m.name == "log_loss"]
    assert last.value == pytest.approx(0.4626140511, abs=2e-6)
    w, b = weights_of(fitted)
    slope, _ = boundary_line(torch.tensor(w[:, 0]), float(b[0]))
    assert slope == pytest.approx(-1, abs=1e-4)  # by symmetry, at every step


@pytest.mark.slow
def test_0_B15_logistic_and_after_ten_thousand_steps():
    fitted = descended(started([[0], [0]], 0), *truth_table("and"), lr=0.01, n_steps=10_000)
    (last,) = [m for m in fitted.evaluate(*truth_table("and")).metrics if m.name == "log_loss"]
    assert last.value == pytest.approx(0.1434985640, abs=2e-5)
    assert fitted.score(*truth_table("and")) == 1


def test_0_B15_the_name_logistic_ends_where_the_book_does():
    x, y = truth_table("and")
    fitted = unscaled(pn.Classifier, "logistic", epochs=400, batch_size=4, lr=0.1).fit(x, y)
    assert fitted.score(x, y) == 1
    (slope, intercept), w = boundary_line(*line_of(fitted)), line_of(fitted)[0]
    assert slope == pytest.approx(-1, abs=0.01)
    assert intercept == pytest.approx(1.5, abs=0.1)
    assert (w > 3).all()  # separable: they grow for ever


def line_of(fitted):
    layer = next(m for m in fitted.objective_.modules() if isinstance(m, nn.Linear))
    return layer.weight.detach()[0].double(), float(layer.bias.detach())


def test_4_B12_ten_steps_on_and():
    fitted = descended(started([[0.01], [0.01]], 0.01), *truth_table("and"), lr=0.01, n_steps=10)
    losses = losses_of(fitted)
    assert (losses[0], losses[9]) == pytest.approx((0.695703, 0.689974), abs=2e-6)
    w, b = weights_of(fitted)
    assert (*w[:, 0], *b) == pytest.approx((0.0098, 0.0098, -0.0152), abs=5.1e-5)
    probability = fitted.predict_proba(truth_table("and")[0])[:, 1]
    np.testing.assert_allclose(probability, [0.496197, 0.498655, 0.498655, 0.501113], atol=1e-6)
    assert fitted.predict(truth_table("and")[0]).tolist() == [0, 0, 0, 1]


def test_4_B9_five_epochs_of_the_sigmoid_neuron_on_or():
    fitted = descended(
        started([[0.2], [0.1]], -0.1), *truth_table("or"), lr=0.05, n_steps=5, loss="squared_error"
    )  # half the book's rate: its cost is half the mean square
    halves = [0.1130, 0.1120, 0.110966, 0.109985, 0.1090]
    assert [loss / 2 for loss in losses_of(fitted)] == pytest.approx(halves, abs=6e-5)
    w, b = weights_of(fitted)
    assert (*w[:, 0], *b) == pytest.approx((0.2282, 0.1290, -0.0712), abs=6e-5)
    np.testing.assert_allclose(
        fitted.predict_proba(truth_table("or")[0])[:, 1], [0.482195, 0.514446, 0.539162, 0.571021], atol=2e-6
    )


def test_0_B16_softmax_regression_of_three_gaussians():
    state = np.random.RandomState(42)  # the listing seeds the legacy generator
    x = np.vstack([state.multivariate_normal(m, np.eye(2), 100) for m in ((0, 0), (3, 3), (-3, 3))])
    y, w, b = np.repeat([0, 1, 2], 100), state.randn(2, 3), state.randn(3)
    printed = [4.4703, 3.8339, 3.2658, 2.7617, 2.3109, 1.9026, 1.5310, 1.1999, 0.9248, 0.7237, 0.5947275]
    fitted = descended(started(w, b), x, y, lr=0.01, n_steps=101)
    assert losses_of(fitted)[::10] == pytest.approx(printed, abs=1e-3)
    assert losses_of(fitted)[100] == pytest.approx(0.5947275, abs=2e-6)
    assert descended(started(w, b), x, y, lr=0.01, n_steps=100).score(x, y) == pytest.approx(0.91)


@pytest.mark.slow
def test_0_B18_a_linear_unit_cannot_learn_the_third_label():
    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    t = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 1]])
    state = np.random.RandomState(0)
    with pytest.warns(pn.DataWarning, match="hold one value"):  # the book's column of ones; the layer has its bias
        fitted = descended(
            started(state.rand(3, 3)[:2], state.rand(3)), x, t, lr=8.0, n_steps=1500, loss="squared_error"
        )
    probability = fitted.predict_proba(x)
    # Table drops the ones, and with them the bias's second half, so the book's path is walked at another pace.
    assert fitted.predict(x)[:, :2].tolist() == t[:, :2].tolist()
    assert np.abs(probability[:, :2] - t[:, :2]).max() < 0.03
    np.testing.assert_allclose(probability[:, 2], 0.5, atol=1e-3)
