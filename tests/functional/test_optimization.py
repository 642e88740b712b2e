"""The written-out update rules against the books' numbers; the fast ones are held to them in tests of `train`."""

import pytest
import torch

from parnassus.functional import optimization as rules

W, G = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, 4.0], dtype=torch.float64)


def traced(rule, n_states, **options):
    """A parameter at 1 under gradients 1, 0.5, -0.25 of 3:B11."""
    w, states, seen = torch.ones(1, dtype=torch.float64), [torch.zeros(1, dtype=torch.float64)] * n_states, []
    for t, g in enumerate((1.0, 0.5, -0.25), start=1):
        step = {"t": t} if "betas" in rule.__annotations__ else {}
        w, *states = rule(w, torch.full_like(w, g), *states, **options, **step)
        seen.append(float(w))
    return seen


@pytest.mark.parametrize(
    ("rule", "n_states", "options", "expected"),
    [
        (rules.heavy_ball, 1, {"lr": 0.1, "momentum": 0.9}, (0.9, 0.76, 0.659)),
        (rules.ema_momentum, 1, {"lr": 0.1, "beta": 0.9}, (0.99, 0.976, 0.9659)),
        (rules.adagrad, 1, {"lr": 0.1, "epsilon": "inside"}, (0.9, 0.85527864, 0.87710043)),
        (rules.adadelta, 2, {"rho": 0.9}, (0.99683774, 0.99475261, 0.99590568)),
        (rules.rmsprop, 1, {"lr": 0.1, "beta": 0.9}, (0.68377224, 0.53633029, 0.61179393)),
        (rules.adam, 2, {"lr": 0.1}, (0.9, 0.80678204, 0.7504159)),
        (rules.nadam, 2, {"lr": 0.1, "form": "ruder"}, (0.81, 0.69281171, 0.6560342)),
    ],
)
def test_traces_of_one_parameter(rule, n_states, options, expected):
    """3:B11, with AdaDelta's second average updated and Adam's averages corrected."""
    assert traced(rule, n_states, **options) == pytest.approx(expected, abs=1e-7)


def test_newton_with_the_identity_is_descent_and_damping_shortens():
    """0:A2.10."""
    eye = torch.eye(2, dtype=torch.float64)
    assert torch.equal(rules.newton(W, G, eye, lr=0.3), rules.gradient_descent(W, G, lr=0.3))
    assert torch.allclose(rules.newton(W, G, eye, damping=1.0), W - G / 2)


def test_rmsprop_keeps_the_last_square_at_zero_and_freezes_at_one():
    """2a:F21: beta=0 keeps only the last gradient, beta=1 freezes; no beta gives AdaGrad."""
    square = torch.full_like(G, 9.0)
    assert torch.allclose(rules.rmsprop(W, G, square, lr=0.1, beta=0.0)[1], G * G)
    assert torch.allclose(rules.rmsprop(W, G, square, lr=0.1, beta=1.0)[1], square)


def test_svrg_at_its_snapshot_is_the_full_gradient():
    assert torch.allclose(rules.svrg(W, G, G, torch.ones_like(G), lr=0.1), W - 0.1)


def test_the_look_ahead_is_not_the_point_itself():
    """2a:F20: read with its own indices the book's look-ahead is w, and the rule plain momentum."""
    v = torch.tensor([0.5, -1.0], dtype=torch.float64)
    assert torch.allclose(rules.look_ahead(W, v, momentum=0.9), W + 0.9 * v)
