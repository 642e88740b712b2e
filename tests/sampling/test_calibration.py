"""Simulation-based calibration, eight schools and the funnel: right where inference is right, and told where not."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.sampling import Calibration, simulation_ranks
from parnassus.sampling.examples import (
    EFFECTS,
    ERRORS,
    SCHOOLS,
    eight_schools,
    funnel,
    funnel_without_centre,
    schools_start,
)


def prior(n, generator):  # two slopes that the data hold only the sum of well
    return torch.randn(n, 2, generator=generator, dtype=torch.float64)


def simulate(theta, generator):
    mean = torch.stack([theta.sum(1), 0.5 * theta[:, 0]], 1)
    return mean + 0.5 * torch.randn(mean.shape, generator=generator, dtype=torch.float64)


def joint(theta, data):
    mean = torch.stack([theta.sum(1), 0.5 * theta[:, 0]], 1)
    return -0.5 * theta.square().sum(-1) - 2 * (data - mean).square().sum(-1)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "n"), [("hmc", 300), ("nuts", 80)])
def test_ranks_are_uniform_for_hmc_and_nuts(method, n):
    found = simulation_ranks(prior, simulate, joint, method=method, n_simulations=n, n_draws=39, n_thin=3, n_warmup=80)
    assert found.ranks["theta"].shape == (n, 2)
    assert not found.problems
    assert all(p > 0.005 for p in found.p_values().values())


@pytest.mark.slow
def test_a_mean_field_is_shown_to_be_too_narrow():
    found = simulation_ranks(prior, simulate, joint, method="mean_field", n_simulations=300, n_draws=99)
    assert len(found.problems) == 2
    assert "too narrow" in found.problems[0]
    assert "! ranks of theta[0]" in str(found)


@pytest.mark.slow
def test_a_mean_field_is_uniform_where_parameters_are_independent():
    found = simulation_ranks(
        prior, lambda t, g: t + torch.randn(t.shape, generator=g, dtype=torch.float64),
        lambda t, y: -0.5 * t.square().sum(-1) - 0.5 * (y - t).square().sum(-1), method="mean_field",
        n_simulations=300, n_draws=99,
    )  # fmt: skip
    assert not found.problems


@pytest.mark.slow
def test_a_wrong_density_is_found_and_its_direction_said():
    shifted = simulation_ranks(
        prior, simulate, lambda t, y: joint(t - 0.7, y), n_simulations=200, n_draws=39, n_thin=3, n_warmup=80
    )
    assert any("too high" in p for p in shifted.problems)


def test_ranks_that_are_uniform_by_hand_have_no_problem():
    even = Calibration({"a": np.repeat(np.arange(20), 10)}, 19, "by hand")
    assert even.p_values() == {"a": 1.0}
    assert even.counts()["a"].tolist() == [20] * 10
    assert not even.problems
    wide = Calibration({"a": np.repeat(np.arange(6, 14), 25)}, 19, "by hand")
    assert "too wide" in wide.problems[0]


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"n_simulations": 3}, SettingError, "20 or more"), ({"method": "svgd"}, SettingError, "mean_field"),
    ({"simulate": lambda t, g: t[:5]}, DataError, "one for each"),
])  # fmt: skip
def test_simulations_that_cannot_be_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        simulation_ranks(prior, change.pop("simulate", simulate), joint, **change)


def test_named_parameters_are_ranked_by_name():
    found = simulation_ranks(
        lambda n, g: {"m": torch.randn(n, generator=g, dtype=torch.float64)},
        lambda p, g: p["m"] + torch.randn(len(p["m"]), generator=g, dtype=torch.float64),
        lambda p, y: -0.5 * p["m"].square() - 0.5 * (y - p["m"]).square(), n_simulations=100, n_draws=19, n_warmup=60,
    )  # fmt: skip
    assert list(found.columns()) == ["m"]
    assert not found.problems


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hmc", "nuts"])
def test_the_funnel_without_its_centre_has_its_moments_and_with_it_says_that_it_fails(method):
    start = {"v": torch.tensor(0.0), "z": torch.zeros(9)}
    found = pn.sample(funnel_without_centre, start, method=method, n_draws=400, n_warmup=200)
    v = found.summary()["v"]
    assert abs(v["mean"]) < 4.5 * v["mcse"]
    assert v["sd"] == pytest.approx(3, rel=0.1)
    if method == "hmc":
        centred = pn.sample(funnel, {"v": torch.tensor(0.0), "x": torch.zeros(9)}, method="hmc", n_draws=400)
        assert centred.problems


@pytest.fixture
def numpys_state():
    """NumPy's global state as it was: what NumPyro draws from."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


@pytest.mark.slow
def test_eight_schools_have_the_published_moments_and_numpyros(numpys_state):
    found = pn.sample(eight_schools, schools_start(), method="hmc", n_draws=1500, n_warmup=500, seed=2)
    ours = {"mu": found["mu"], "tau": np.exp(found["log_tau"])}
    for name, (mean, sd) in SCHOOLS.items():
        assert ours[name].mean() == pytest.approx(mean, abs=0.35)
        assert ours[name].std() == pytest.approx(sd, abs=0.45)
    numpyro = pytest.importorskip("numpyro", reason="numpyro is not installed")
    jax = pytest.importorskip("jax", reason="jax is not installed")
    from numpyro import distributions as d

    def model():
        mu, tau = numpyro.sample("mu", d.Normal(0, 5)), numpyro.sample("tau", d.HalfCauchy(5))
        with numpyro.plate("schools", 8):
            eta = numpyro.sample("eta", d.Normal(0, 1))
            numpyro.sample("y", d.Normal(mu + tau * eta, ERRORS.numpy()), obs=EFFECTS.numpy())

    chains = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model), num_warmup=400, num_samples=2000, progress_bar=False
    )  # fmt: skip
    chains.run(jax.random.PRNGKey(0))
    theirs = chains.get_samples()
    for name in ("mu", "tau"):
        assert ours[name].mean() == pytest.approx(float(theirs[name].mean()), abs=0.35)
    eta = np.asarray(theirs["eta"])
    np.testing.assert_allclose(found["eta"].mean(0), eta.mean(0), atol=0.1)
    np.testing.assert_allclose(found["eta"].std(0), eta.std(0), atol=0.1)


@pytest.mark.slow
def test_chains_of_data_that_tell_more_than_the_others_are_told_of_and_a_small_step_suits_them():
    """Counts e^(a + b k): those of large rates leave a fiftieth of the prior's width, others nearly all of it."""
    places = torch.tensor([-1.0, 0.0, 1.0, 2.0]).double()

    def prior(n, generator):
        return torch.randn(n, 2, generator=generator, dtype=torch.float64)

    def simulate(theta, generator):
        return torch.poisson((theta[:, :1] + theta[:, 1:] * places).exp(), generator=generator)

    def joint(theta, data):
        logs = theta[:, :1] + theta[:, 1:] * places
        return -theta.square().sum(-1) / 2 + (data * logs - logs.exp()).sum(-1)

    tuned = pn.sampling.simulation_ranks(prior, simulate, joint, n_simulations=200)
    assert min(tuned.p_values().values()) < 0.01  # not the fault of Hamiltonian paths
    assert len(tuned.problems) == 1
    assert "of the chains hardly moved" in tuned.problems[0]
    small = pn.sampling.simulation_ranks(prior, simulate, joint, n_simulations=200, step=0.02, n_steps=40)
    assert small.problems == []
    assert min(small.p_values().values()) > 0.01
