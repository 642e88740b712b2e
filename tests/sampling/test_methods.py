"""Slices, conditionals, tempering and particles, against moments and evidences that can be written down."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional.bayes import linear_posterior, normal_posterior

MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 2]], dtype=torch.float64)
PRECISION = torch.linalg.inv(COVARIANCE)
Y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def normal(t):
    return -0.5 * (((t - MEAN) @ PRECISION) * (t - MEAN)).sum(-1)


def joint(t):  # of one mean with prior N(0, 1) and three numbers of noise 1, normalised
    return -0.5 * t[:, 0].square() - 0.5 * (Y - t).square().sum(-1) - 2 * math.log(2 * math.pi)


def two_modes(t):  # a third of the mass at -6, two thirds at 6
    left, right = (-0.5 * (t + 6).square().sum(-1), -0.5 * (t - 6).square().sum(-1))
    return torch.logsumexp(torch.stack([left + math.log(1 / 3), right + math.log(2 / 3)]), 0)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "n_draws", "options"), [
    ("elliptical_slice", 1500, {}), ("elliptical_slice", 2500, {"covariance": 9.0}), ("tempering", 800, {}),
    ("smc", 1500, {}),
])  # fmt: skip
def test_a_normal_is_sampled_within_monte_carlo_error(method, n_draws, options):
    found = pn.sample(normal, torch.zeros(2), method=method, n_draws=n_draws, n_warmup=300, seed=1, **options)
    for i, values in enumerate(found.summary().values()):
        assert abs(values["mean"] - float(MEAN[i])) < 4.5 * values["mcse"]
        sd = math.sqrt(float(COVARIANCE[i, i]))
        assert abs(values["sd"] / sd - 1) < 3 * math.sqrt(2 / values["bulk ess"])
    assert np.corrcoef(found["theta"].T)[0, 1] == pytest.approx(0.8 / math.sqrt(2), abs=0.06)
    assert found.draws["theta"].shape == (4, n_draws, 2)
    assert found.log_p.shape == found.energy.shape == found.divergent.shape == (4, n_draws)
    assert not found.problems


@pytest.mark.slow
def test_particles_pushed_apart_have_the_normals_mean_and_spread():
    found = pn.sample(normal, torch.zeros(2), method="svgd", n_draws=150, n_chains=2, n_steps=400, seed=1)
    theta = found["theta"]
    assert theta.mean(0) == pytest.approx(MEAN.tolist(), abs=0.02)
    np.testing.assert_allclose(np.cov(theta.T), COVARIANCE, rtol=0.12)
    assert found.draws["theta"].shape == (2, 150, 2)


@pytest.mark.slow
def test_an_elliptical_slice_with_its_prior_finds_the_exact_posterior_of_a_regression():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -1.0], dtype=torch.float64) + 0.5 * torch.randn(20, generator=generator).double()
    exact = linear_posterior(x, y, noise=0.25, precision=1.0)

    def density(p):
        return -0.5 * p["w"].square().sum(-1) - 2 * (y - p["w"] @ x.T).square().sum(-1)

    found = pn.sample(
        density, {"w": torch.zeros(2)}, method="elliptical_slice", covariance=1.0, n_draws=1500, n_warmup=50
    )
    for i, values in enumerate(found.summary().values()):
        assert abs(values["mean"] - float(exact.mean[i])) < 4.5 * values["mcse"]
        assert values["sd"] == pytest.approx(float(exact.covariance[i, i].sqrt()), rel=0.12)


@pytest.mark.slow
def test_tempering_has_the_weights_of_both_modes_right_where_a_plain_chain_has_them_wrong():
    tempered = pn.sample(two_modes, torch.tensor([-6.0]), method="tempering", n_draws=1500, n_warmup=300)
    values = (tempered["theta"] > 0).mean()
    assert values == pytest.approx(2 / 3, abs=0.06)
    assert tempered.settings["least swap"] > 0.2
    plain = pn.sample(two_modes, torch.tensor([-6.0]), method="hmc", n_draws=300, n_warmup=300)
    assert abs((plain["theta"] > 0).mean() - 2 / 3) > 0.3
    assert {float(chain.mean()) for chain in plain.draws["theta"] > 0} <= {0.0, 1.0}  # no chain ever crosses


def test_particles_of_smc_have_both_modes_and_their_evidence():
    found = pn.sample(two_modes, torch.zeros(1), method="smc", covariance=50.0, n_draws=1500, seed=3)
    assert (found["theta"] > 0).mean() == pytest.approx(2 / 3, abs=0.06)
    exact = 0.5 * math.log(2 * math.pi)
    assert abs(found.settings["log evidence"] - exact) < 4 * found.settings["log evidence error"] + 0.02


def test_the_evidence_of_smc_is_that_of_the_conjugate_family():
    exact = normal_posterior(Y, noise=1.0)
    found = pn.sample(joint, torch.zeros(1), method="smc", n_draws=2000, n_chains=6)
    error = found.settings["log evidence error"]
    assert 0 < error < 0.05
    assert abs(found.settings["log evidence"] - exact.log_evidence) < 4 * error
    assert found["theta"].mean() == pytest.approx(exact.mean, abs=0.05)
    assert "log evidence -5.9" in str(found)


@pytest.mark.slow
def test_gibbs_finds_the_law_of_a_correlated_pair():
    def given(other):
        def draw(sites, generator):
            mean = 0.9 * sites[other]
            return mean + math.sqrt(1 - 0.81) * torch.randn(mean.shape, generator=generator, dtype=torch.float64)

        return draw

    precision = torch.linalg.inv(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))

    def density(p):
        t = torch.stack([p["a"], p["b"]], -1)
        return -0.5 * ((t @ precision) * t).sum(-1)

    start = {"a": torch.tensor(0.0), "b": torch.tensor(0.0)}
    conditionals = {"a": given("b"), "b": given("a")}
    found = pn.sample(density, start, method="gibbs", conditionals=conditionals, n_draws=3000, n_warmup=100)
    assert np.corrcoef(found["a"], found["b"])[0, 1] == pytest.approx(0.9, abs=0.03)
    assert found["a"].std() == pytest.approx(1.0, abs=0.1)
    with pytest.raises(SettingError, match="one function for each"):
        pn.sample(density, start, method="gibbs", conditionals={"a": given("b")})
    wrong = {"a": given("b"), "b": lambda sites, generator: torch.tensor(1.0)}
    with pytest.raises(DataError, match="conditional of 'b'"):
        pn.sample(density, start, method="gibbs", conditionals=wrong)


@pytest.mark.parametrize("method", ["elliptical_slice", "tempering", "svgd", "smc"])
def test_the_same_seed_gives_the_same_draws_and_another_gives_others(method):
    options = {"n_steps": 5} if method == "svgd" else {}
    runs = [
        pn.sample(normal, torch.zeros(2), method=method, n_draws=20, n_warmup=20, seed=s, **options)["theta"]
        for s in (0, 0, 1)
    ]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()


@pytest.mark.parametrize(("method", "options", "error", "words"), [
    ("elliptical_slice", {"covariance": [[1.0, 2.0], [2.0, 1.0]]}, DataError, "least eigenvalue is -1"),
    ("elliptical_slice", {"mean": [0.0, 0.0]}, SettingError, "give both"),
    ("elliptical_slice", {"covariance": [1.0, 1.0, 1.0]}, SettingError, "2 parameters"),
    ("smc", {"covariance": torch.eye(3)}, SettingError, "2 parameters"),
    ("smc", {"keep": 2.0}, SettingError, "keep"),
    ("smc", {"n_move": 2}, SettingError, "n_move"),
    ("svgd", {"lr": -1.0}, SettingError, "lr"),
    ("tempering", {"powers": [0.5, 0.1]}, SettingError, "fall from 1"),
    ("tempering", {"hottest": 2.0}, SettingError, "hottest"),
    ("temper", {}, SettingError, "did you mean 'tempering'"),
    ("gibbs", {}, SettingError, "conditionals"),
])  # fmt: skip
def test_bad_settings_are_refused_in_words(method, options, error, words):
    with pytest.raises(error, match=words):
        pn.sample(normal, torch.zeros(2), method=method, n_draws=20, n_warmup=20, **options)


def test_a_density_of_nan_or_of_no_mass_is_refused():
    with pytest.raises(DataError, match="NaN at theta"):
        pn.sample(lambda t: (t - 1).log().sum(-1), torch.zeros(2), method="smc", n_draws=20)
    with pytest.raises(DataError, match="0 at every first point"):
        pn.sample(lambda t: torch.full((len(t),), -math.inf).double(), torch.zeros(2), method="smc", n_draws=20)


def test_powers_too_far_apart_are_told():
    found = pn.sample(
        lambda t: -0.5 * t.square().sum(-1), torch.zeros(60), method="tempering", n_draws=40, n_warmup=40,
        powers=[1.0, 0.001],
    )  # fmt: skip
    assert any("raise n_powers" in p for p in found.problems)
