"""What a result says against itself: chains that wander or stand still, points too few, bounds that rise."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.sampling.diagnostics import displacement_growth
from parnassus.sampling.problems import rhat_text, risen, variance_shown


def normal(t):
    return -0.5 * t.square().sum(-1)


def along_a_line(t):  # improper: nothing holds t0 + t1
    return -0.5 * (t[:, 0] - t[:, 1]).square()


@pytest.mark.parametrize("method", ["mh", "mala"])
def test_chains_on_a_density_without_an_integral_are_said_to_wander(method):
    found = pn.sample(along_a_line, torch.zeros(2), method=method, n_draws=100, n_warmup=50, seed=1)
    assert any("still wanders" in p and "no finite integral" in p for p in found.problems)
    assert any("do not agree" in p for p in found.problems)
    settled = pn.sample(normal, torch.zeros(2), method="hmc", n_draws=200, n_warmup=100)
    assert not any("wanders" in p for p in settled.problems)


def test_growth_is_one_of_settled_chains_and_four_of_random_walks():
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(40, 400))
    assert displacement_growth(steps) == pytest.approx(1.0, abs=0.05)
    walks = [displacement_growth(np.cumsum(rng.normal(size=(4, 400)), 1)) for _ in range(40)]
    assert np.mean(np.array(walks) > 1.4) > 0.8
    assert displacement_growth(np.arange(400.0)[None].repeat(2, 0)) > 4  # straight away
    assert displacement_growth(np.zeros((2, 40))) == 0


@pytest.mark.parametrize(("n", "d"), [(100, 2), (20, 5), (100, 10), (50, 30)])
def test_points_of_svgd_show_the_share_of_the_variance_that_is_said(n, d):
    found = pn.sample(normal, torch.zeros(d), method="svgd", n_draws=n, n_chains=2, n_steps=200)
    seen = float((found["theta"] ** 2).mean())  # of a variance of 1
    assert seen == pytest.approx(variance_shown(n, d), abs=0.2)
    assert any("too narrow" in p for p in found.problems) == (d > 2)
    if d >= 10:  # where distances are all alike the points balance at ln(n + 1) / d
        assert seen == pytest.approx(math.log(n + 1) / d, rel=0.12)


def test_points_that_still_move_apart_are_told_of():
    found = pn.sample(along_a_line, torch.zeros(2), method="svgd", n_draws=60, n_chains=2, n_steps=100)
    assert any("still move apart" in p for p in found.problems)
    settled = pn.sample(normal, torch.zeros(2), method="svgd", n_draws=60, n_chains=2, n_steps=200)
    assert not any("move apart" in p for p in settled.problems)


def test_particles_wider_than_their_normal_say_that_the_evidence_is_too_small():
    wide = pn.sample(along_a_line, torch.zeros(2), method="smc", n_draws=200, n_chains=2)
    assert any("no finite integral" in p for p in wide.problems)
    narrow = pn.sample(normal, torch.zeros(2), method="smc", n_draws=200, n_chains=2, covariance=0.05)
    assert any("give a larger covariance" in p for p in narrow.problems)
    right = pn.sample(normal, torch.zeros(2), method="smc", n_draws=200, n_chains=2)
    prior = pn.sample(normal, torch.zeros(20), method="smc", n_draws=200, n_chains=2, covariance=1.0)
    assert not any("larger covariance" in p for p in [*right.problems, *prior.problems])


def test_a_chain_that_stands_still_is_named_among_others_that_move():
    found = pn.sample(normal, torch.zeros(2), method="mh", n_draws=60, n_warmup=20)
    stuck = replace(found, acceptance=found.acceptance * np.array([[1], [1], [0], [1]]))
    assert not any("refused" in p for p in found.problems)
    assert any("chain 2 was refused" in p for p in stuck.problems)
    none = pn.sample(normal, torch.zeros(2), method="mh", scale=1e6, adapt=False, n_draws=60, n_warmup=0)
    assert any(p.startswith("nearly every move was refused") for p in none.problems)


@pytest.mark.parametrize(("value", "said"), [
    (1.0, "1.0000"), (1.01, "1.0100"), (1.01004, "1.0101"), (1.0149, "1.0149"), (0.99731, "0.9974"), (2.5, "2.5000"),
    (5.859e15, "5.86e+15"), (math.nan, "nan"),
])  # fmt: skip
def test_r_hat_above_its_bound_is_never_shown_as_the_bound(value, said):
    assert rhat_text(value) == said


def test_r_hat_of_1_0149_is_a_problem_and_shown_as_that():
    rng = np.random.default_rng(0)
    chains = pn.sample(normal, torch.zeros(1), method="hmc", n_draws=200, n_warmup=20)
    draws = rng.normal(size=(4, 200, 1))
    draws[0] += 0.35
    shifted = replace(chains, draws={"theta": draws})
    rhat = shifted.summary()["theta[0]"]["R-hat"]
    assert 1.01 < rhat < 1.03
    assert f"R-hat of theta[0] is {rhat_text(rhat)} (at most 1.01)" in shifted.problems[0]
    assert rhat_text(rhat) in str(shifted).splitlines()[1]


def test_a_bound_that_rises_is_told_and_one_that_has_settled_is_not():
    steps = np.arange(1000)
    noise = np.random.default_rng(0).normal(size=1000)
    assert risen(-5 + noise) == 0
    assert risen(-5 - 10 * np.exp(-steps / 50) + noise) == 0
    assert risen(0.01 * steps + noise) == pytest.approx(4.0, abs=0.5)
    assert risen([1.0, 2.0]) == 0
    assert pn.fit_variational(normal, torch.zeros(2), n_steps=300).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("family", ["full_rank", "low_rank"])
def test_a_fit_that_is_no_end_of_narrower_than_the_density_is_told(family):
    endless = pn.fit_variational(along_a_line, torch.zeros(2), family=family, n_steps=200)
    assert any("no finite integral" in p for p in endless.problems)
    assert endless.fall < 1.5
    cauchy = pn.fit_variational(lambda t: -t.square().log1p().sum(-1), torch.zeros(2), family=family, n_steps=200)
    assert not any("integral" in p for p in cauchy.problems)
    fit = pn.fit_variational(normal, torch.zeros(2), family=family, n_steps=300)
    assert fit.fall == pytest.approx(50, rel=0.2)  # (10 deviations)^2 / 2


@pytest.mark.slow
def test_a_walk_shaped_by_curvature_moves_in_thirty_dimensions():
    found = pn.sample(normal, torch.zeros(30), method="hessian_mh", n_draws=150, n_warmup=100, n_chains=2)
    assert 0.15 < found.acceptance.mean() < 0.35  # the best of a random walk is .234
    assert found.settings["scale"] == pytest.approx(2.4 / math.sqrt(30), rel=0.35)
