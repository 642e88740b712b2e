"""Diagnostics equal to arviz, and problems said in words."""

import warnings

import numpy as np
import pytest
import torch

from parnassus.errors import DataError
from parnassus.sampling import (
    autocorrelation,
    bulk_ess,
    energy_fraction,
    mcse,
    mean_ess,
    pareto_shape,
    pareto_smoothed,
    sample,
    split_rhat,
    tail_ess,
)


def chains(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 300))
    if kind == "sticky":
        for t in range(1, 300):
            x[:, t] += 0.9 * x[:, t - 1]
    if kind == "antithetic":
        for t in range(1, 300):
            x[:, t] -= 0.5 * x[:, t - 1]
    if kind == "apart":
        x[0] += 1
    if kind == "heavy":
        x = rng.standard_cauchy((3, 101))
    if kind == "walk":
        x = np.cumsum(x, 1)[:2, :50]
    return x


@pytest.fixture(scope="module")
def arviz():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arviz tells of its own next version
        package = pytest.importorskip("arviz", reason="arviz is not installed")
        package.rhat(np.zeros((2, 8)) + np.arange(8))  # imports what draws of its own
        return package


@pytest.mark.parametrize("kind", ["free", "sticky", "antithetic", "apart", "heavy", "walk"])
def test_numbers_are_arvizs(arviz, kind):
    x = chains(kind)
    assert split_rhat(x) == pytest.approx(float(arviz.rhat(x)), rel=1e-10)
    assert bulk_ess(x) == pytest.approx(float(arviz.ess(x)), rel=1e-8)
    assert tail_ess(x) == pytest.approx(float(arviz.ess(x, method="tail")), rel=1e-8)
    assert mean_ess(x) == pytest.approx(float(arviz.ess(x, method="mean")), rel=1e-8)
    assert mcse(x) == pytest.approx(np.asarray(arviz.mcse(x)).item(), rel=1e-8)
    np.testing.assert_allclose(energy_fraction(x), arviz.bfmi(x), rtol=0.02)  # arviz divides by n - 1 and n
    np.testing.assert_allclose(autocorrelation(x)[0], arviz.autocorr(x[0]), atol=1e-10)


@pytest.mark.parametrize("scale", [0.2, 0.8, 2.0])
def test_paretos_k_is_arvizs(arviz, scale):
    ratios = scale * np.random.default_rng(0).normal(size=900) ** 3
    theirs, shape = arviz.psislw(ratios)
    assert pareto_shape(ratios) == pytest.approx(float(shape), abs=1e-8)
    ours, same = pareto_smoothed(ratios)
    assert same == pareto_shape(ratios)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    assert np.exp(ours).sum() == pytest.approx(1)


def test_draws_that_are_none_are_refused():
    with pytest.raises(DataError, match="four draws"):
        split_rhat(np.zeros((2, 3)))
    with pytest.raises(DataError, match="NaN"):
        bulk_ess(np.full((2, 10), np.nan))
    with pytest.raises(DataError, match="25 numbers"):
        pareto_shape(np.zeros(10))


def test_chains_in_two_modes_are_said_to_disagree():
    def two(t):
        return torch.logsumexp(torch.stack([-0.5 * (t - 8).square(), -0.5 * (t + 8).square()]), 0).sum(-1)

    found = sample(two, torch.zeros(1), n_draws=100, jitter=6.0, seed=3)
    assert any("do not agree" in problem for problem in found.problems)
    assert "! the chains do not agree" in str(found)


def test_a_step_that_refuses_everything_is_said():
    found = sample(
        lambda t: -0.5 * t.square().sum(-1),
        torch.zeros(3),
        method="mh",
        scale=500.0,
        adapt=False,
        n_draws=50,
        n_warmup=0,
    )
    assert any("refused" in p for p in found.problems)
    assert any("never moved" in p or "do not agree" in p for p in found.problems)


@pytest.mark.slow
def test_divergent_paths_are_counted():
    def funnel(t):
        return -0.5 * (t[:, 0] / 3).square() - 0.5 * (t[:, 1:].square() * torch.exp(-t[:, :1])).sum(-1) - 4.5 * t[:, 0]

    found = sample(funnel, torch.zeros(10), method="hmc", n_draws=300, n_warmup=200, step=0.9, n_chains=2)
    assert any("paths diverged" in p for p in found.problems)
