"""Cumulative logits: their probabilities against differences of sigmoids, and statsmodels' proportional odds."""

import numpy as np
import pytest
import torch

from parnassus.functional.metrics import rank_error
from parnassus.functional.ordinal import (
    cumulative_logits,
    ordinal_log_probabilities,
    ordinal_nll,
    ordinal_nll_derivative,
)

Z = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3


def test_probabilities_are_differences_of_sigmoids_and_sum_to_one():
    above = cumulative_logits(Z).sigmoid()
    ones, zeros = torch.ones(30, 1, dtype=torch.float64), torch.zeros(30, 1, dtype=torch.float64)
    expected = torch.cat([ones, above], 1) - torch.cat([above, zeros], 1)
    torch.testing.assert_close(ordinal_log_probabilities(Z).exp(), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ordinal_log_probabilities(Z).exp().sum(1), ones[:, 0])


def test_cumulative_logits_fall_whatever_the_outputs():
    assert (cumulative_logits(Z).diff(dim=1) < 0).all()


def test_a_class_of_hardly_any_probability_has_a_finite_logarithm():
    far = torch.tensor([[200.0, -300.0, 5.0]])
    assert ordinal_log_probabilities(far).isfinite().all()


def test_the_slope_is_autograds():
    y, leaf = torch.arange(30) % 5, Z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(ordinal_nll(leaf, y).sum(), leaf)
    torch.testing.assert_close(ordinal_nll_derivative(Z, y), expected)


def test_two_classes_are_binary_cross_entropy():
    y = torch.arange(30) % 2
    expected = torch.nn.functional.binary_cross_entropy_with_logits(Z[:, 0], y.double(), reduction="none")
    torch.testing.assert_close(ordinal_nll(Z[:, :1], y), expected)


def test_with_even_steps_it_is_statsmodels_proportional_odds():
    statsmodels = pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 1))
    y = np.clip(np.round(x[:, 0] + rng.logistic(size=60)) + 1, 0, 3).astype(int)
    theirs = statsmodels.OrderedModel(y, x, distr="logit")
    slope, first, steps = 0.7, -0.4, np.array([0.3, -0.2])
    log_steps = np.log(np.log1p(np.exp(steps)))  # statsmodels' later thresholds are logarithms of the steps
    expected = -theirs.loglikeobs(np.array([slope, first, *log_steps]))
    z = np.concatenate([slope * x - first, np.tile(steps, (60, 1))], 1)
    found = ordinal_nll(torch.from_numpy(z), torch.from_numpy(y))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-7)


def test_rank_error_counts_classes():
    order = ["low", "mid", "top"]
    assert rank_error(["low", "top", "mid"], ["low", "low", "top"], order=order) == 1.0
    assert rank_error(["low", "top"], ["low", "low"], order=order, sample_weight=[3, 1]) == 0.5
    with pytest.raises(ValueError, match="'worst' is not in the order"):
        rank_error(["worst"], ["low"], order=order)
