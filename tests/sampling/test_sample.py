"""Samplers against distributions whose moments are known."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, Diverged, SettingError
from parnassus.functional.bayes import GeneralisedLinear, generalised, linear_posterior, normal_posterior

MEAN = torch.tensor([1.0, -2.0, 5.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.8, 0], [0.8, 2, 0], [0, 0, 25]], dtype=torch.float64)
PRECISION = torch.linalg.inv(COVARIANCE)


def normal(t):
    return -0.5 * (((t - MEAN) @ PRECISION) * (t - MEAN)).sum(-1)


def slope(t):
    return normal(t), -(t - MEAN) @ PRECISION


@pytest.mark.slow
@pytest.mark.parametrize(("method", "n_draws"), [("mh", 3000), ("hessian_mh", 600), ("mala", 1500), ("hmc", 600),
                                                 ("nuts", 400)])  # fmt: skip
def test_a_normal_is_sampled_within_monte_carlo_error(method, n_draws):
    found = pn.sample(normal, torch.zeros(3), method=method, n_draws=n_draws, n_warmup=400, seed=1)
    for i, values in enumerate(found.summary().values()):
        assert abs(values["mean"] - float(MEAN[i])) < 4.5 * values["mcse"]
        error = math.sqrt(2 / values["bulk ess"])  # of a standard deviation, about half of this; twice for luck
        assert abs(values["sd"] / math.sqrt(float(COVARIANCE[i, i])) - 1) < 3 * error
    theta = found["theta"]
    assert theta.shape == (4 * n_draws, 3)
    if method in ("hmc", "nuts"):
        assert np.corrcoef(theta[:, :2].T)[0, 1] == pytest.approx(0.8 / math.sqrt(2), abs=0.06)


def test_a_gradient_of_ones_own_gives_the_same_draws():
    own = pn.sample(normal, torch.zeros(3), method="hmc", gradient=slope, n_draws=50, n_warmup=50)
    autograd = pn.sample(normal, torch.zeros(3), method="hmc", n_draws=50, n_warmup=50)
    np.testing.assert_allclose(own["theta"], autograd["theta"], atol=1e-8)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_draws_and_another_gives_others():
    runs = [pn.sample(normal, torch.zeros(3), n_draws=20, n_warmup=20, seed=s)["theta"] for s in (0, 0, 1)]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hmc", "nuts", "mh"])
def test_b9_12_every_sampler_finds_the_conjugate_posterior(method):
    y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found = pn.sample(
        lambda t: -0.5 * t[:, 0].square() - 0.5 * (y - t).square().sum(-1), torch.zeros(1), method=method,
        n_draws=1500, n_warmup=300,
    )  # fmt: skip
    exact = normal_posterior(y, noise=1.0)
    values = found.summary()["theta[0]"]
    assert abs(values["mean"] - exact.mean) < 4.5 * values["mcse"]
    assert values["sd"] == pytest.approx(math.sqrt(exact.variance), rel=0.1)


@pytest.mark.slow
def test_named_parameters_keep_their_shapes():
    def density(p):
        return -0.5 * p["w"].square().sum((-1, -2)) - 0.5 * (p["b"] - 3).square()

    found = pn.sample(density, {"w": torch.zeros(2, 2), "b": torch.tensor(0.0)}, n_draws=200, n_warmup=200)
    assert found.draws["w"].shape == (4, 200, 2, 2)
    assert found["b"].shape == (800,)
    assert found["b"].mean() == pytest.approx(3, abs=0.3)
    assert list(found.summary()) == ["w[0,0]", "w[0,1]", "w[1,0]", "w[1,1]", "b"]
    assert "w[1,1]" in str(found)


@pytest.mark.slow
def test_the_funnel_is_sampled_without_its_centre_and_eight_schools_as_published():
    y = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12], dtype=torch.float64)
    sigma = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18], dtype=torch.float64)

    def density(p):
        tau = p["log_tau"].exp()
        theta = p["mu"][:, None] + tau[:, None] * p["eta"]
        prior = -0.5 * (p["mu"] / 5).square() - torch.log1p((tau / 5).square()) + p["log_tau"]
        return prior - 0.5 * p["eta"].square().sum(-1) - 0.5 * ((y - theta) / sigma).square().sum(-1)

    start = {"mu": torch.tensor(0.0), "log_tau": torch.tensor(0.0), "eta": torch.zeros(8)}
    found = pn.sample(density, start, method="hmc", n_draws=1500, n_warmup=500, seed=2)
    summary = found.summary()
    assert abs(summary["mu"]["mean"] - 4.4) < 4.5 * summary["mu"]["mcse"] + 0.1  # posteriordb: 4.4, sd 3.3
    assert summary["mu"]["sd"] == pytest.approx(3.3, abs=0.4)
    assert np.exp(found["log_tau"]).mean() == pytest.approx(3.6, abs=0.6)  # posteriordb: 3.6, sd 3.2
    assert found.divergent.mean() <= 0.01


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: pn.sample(lambda t: t.sum(), torch.zeros(2)), DataError, "one number a point"),
    (lambda: pn.sample(lambda t: (t - 1).log().sum(-1), torch.zeros(2)), DataError, "start of chain 0"),
    (lambda: pn.sample(lambda p: p["a"].log(), {"a": torch.tensor(-3.0)}), DataError, "a=-"),
    (lambda: pn.sample(normal, torch.tensor([0.0, math.nan, 0])), DataError, "finite numbers"),
    (lambda: pn.sample(lambda t: torch.zeros(len(t)), torch.zeros(2)), DataError, "does not depend"),
    (lambda: pn.sample(normal, torch.zeros(3), method="hcm"), SettingError, "did you mean 'hmc'"),
    (lambda: pn.sample(normal, torch.zeros(3), method="hmc", sclae=1), SettingError, "sclae"),
    (lambda: pn.sample(normal, torch.zeros(3), n_draws=2), SettingError, "n_draws is 4"),
    (lambda: pn.sample(normal, torch.zeros(3), method="hmc", step=-1.0), SettingError, "step is above 0"),
    (lambda: pn.sample(normal, torch.zeros(3), n_draws=10.5), SettingError, "whole numbers"),
    (lambda: pn.sample(normal, "abc"), SettingError, "give numbers"),
    (lambda: pn.sample(normal, torch.zeros(2, 3)), SettingError, "give one point"),
    (lambda: pn.sample(normal, {"t": torch.zeros(3)}, gradient=slope), SettingError, "flat tensor"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_thinning_keeps_every_third_draw():
    whole = pn.sample(normal, torch.zeros(3), method="hmc", n_draws=30, n_warmup=20)
    third = pn.sample(normal, torch.zeros(3), method="hmc", n_draws=10, n_warmup=20, n_thin=3)
    assert (third.draws["theta"] == whole.draws["theta"][:, 2::3]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "variance"), [("mean_field", 0.19), ("full_rank", 1.0)])
def test_b9_14_families_fit_a_correlated_normal(family, variance):
    precision = torch.linalg.inv(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))
    found = pn.fit_variational(lambda t: -0.5 * ((t @ precision) * t).sum(-1), torch.ones(2), family=family)
    assert np.diag(found.covariance) == pytest.approx([variance] * 2, rel=0.06)
    assert (found.problems == []) == (family == "full_rank")
    assert np.std(found.sample(4000)["theta"], axis=0) == pytest.approx([math.sqrt(variance)] * 2, rel=0.08)


@pytest.mark.slow
def test_the_bound_of_the_right_family_is_the_evidence():
    y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

    def joint(t):
        return -0.5 * t[:, 0].square() - 0.5 * (y - t).square().sum(-1) - 2 * math.log(2 * math.pi)

    found = pn.fit_variational(joint, torch.zeros(1), n_steps=1500)
    assert found.final_elbo[0] == pytest.approx(-5.949963, abs=5e-3)
    assert found.elbo[-1] > found.elbo[0]
    assert "Pareto" in str(found)


@pytest.mark.slow
def test_batches_find_what_all_rows_find():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=generator, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -1.0]).double() + 0.5 * torch.randn(300, generator=generator, dtype=torch.float64)
    exact = linear_posterior(x, y, noise=0.25, precision=1.0)
    found = pn.fit_variational(
        lambda t: -0.5 * t.square().sum(-1), torch.zeros(2), data=(x, y), batch_size=30,
        likelihood=lambda t, x, y: -2 * (y - t @ x.T).square(),
    )  # fmt: skip
    spread = exact.covariance.diagonal().sqrt().numpy()
    np.testing.assert_allclose(found.mean, exact.mean, atol=float(0.5 * spread.max()))
    np.testing.assert_allclose(found.std["theta"], spread, rtol=0.12)


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"family": "meanfield"}, SettingError, "mean_field"),
    ({"batch_size": 3}, SettingError, "likelihood and data"),
    ({"likelihood": lambda t, x: x[None] * t, "data": (torch.zeros(3), torch.zeros(2))}, DataError, "equally many"),
    ({"likelihood": lambda t, x: t, "data": (torch.zeros(4),)}, DataError, "expected"),
    ({"lr": 1e9}, Diverged, "evidence lower bound"),
])  # fmt: skip
def test_fits_that_cannot_be_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        pn.fit_variational(lambda t: -(t**4).sum(-1), torch.ones(3), n_steps=50, **options)


@pytest.mark.parametrize("kind", ["trace", "rank", "autocorrelation", "pairs"])
def test_plots_are_drawn(kind):
    from parnassus.insight.chains import plot_chains

    found = pn.sample(normal, torch.zeros(3), method="hmc", n_draws=50, n_warmup=50)
    assert plot_chains(found, kind).axes
    with pytest.raises(SettingError, match="no number"):
        plot_chains(found, kind, names=["theta[7]"])


@pytest.mark.parametrize("method", ["hmc", "nuts", "mala"])
def test_a_density_that_brings_its_gradient_and_paths_is_sampled_as_with_autograd(monkeypatch, method):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(60, 3)))
    y = (x.sum(1) + torch.from_numpy(rng.normal(size=60)) > 0).double()
    density = GeneralisedLinear(x, y)
    options = {"method": method, "n_draws": 20, "n_warmup": 20, "n_chains": 5}
    found = pn.sample(density, torch.zeros(3), **options)
    plain = pn.sample(lambda theta: density(theta), torch.zeros(3), **options)
    near = {"rtol": 0.01, "atol": 3e-3} if method == "hmc" else {"rtol": 1e-6, "atol": 1e-8}  # slopes of floats
    np.testing.assert_allclose(found["theta"], plain["theta"], **near)
    np.testing.assert_allclose(found.log_p, plain.log_p, **near)
    monkeypatch.setattr(generalised, "_compiled", lambda: None)
    slow = pn.sample(density, torch.zeros(3), **options)
    np.testing.assert_allclose(slow["theta"], plain["theta"], rtol=1e-6, atol=1e-8)


def test_a_gradient_given_stands_before_the_densitys_own():
    density, asked = GeneralisedLinear(torch.ones(3, 1), torch.tensor([0.0, 1.0, 1.0])), []

    def gradient(theta):
        asked.append(len(theta))
        return density.gradient(theta)

    pn.sample(density, torch.zeros(1), method="hmc", n_draws=4, n_warmup=0, n_steps=3, step=0.1, gradient=gradient)
    assert len(asked) >= 12


@pytest.mark.parametrize(("gradient", "words"), [
    (lambda t: -t, r"gave a Tensor alone for 4 points of 2 parameters.*density \(4,\) and its slope \(4, 2\)"),
    (lambda t: (-t.square().sum(1) / 2,), "gave a tuple of 1 "),
    (lambda t: (-t.square().sum(1) / 2, -t.sum(1)), r"gave a slope of shape \(4,\)"),
    (lambda t: (-t.square().sum(1) / 2, -t[:1]), r"gave a slope of shape \(1, 2\)"),
    (lambda t: (-t.square().sum(1) / 2, 0.0), "gave a float "),
    (lambda t: (-t.square() / 2, -t), r"the log density gave \(4, 2\)"),
])  # fmt: skip
@pytest.mark.parametrize("method", ["hmc", "nuts"])
def test_a_gradient_of_ones_own_returns_value_and_slope(gradient, words, method):
    with pytest.raises(DataError, match=words):
        pn.sample(lambda t: -t.square().sum(1) / 2, torch.zeros(2), method=method, n_draws=4, gradient=gradient)


@pytest.mark.parametrize(("method", "options", "words"), [
    ("mh", {"scale": {"theta": 1.0}}, r"scale is \{'theta': 1\.0\}; give numbers over the flat parameters"),
    ("hessian_mh", {"scale": "a"}, "scale is a number above 0; got 'a'"),
    ("smc", {"covariance": {"theta": 1.0}}, "covariance is .*; give numbers"),
    ("smc", {"mean": "a"}, "mean is 'a'; give numbers"),
])  # fmt: skip
def test_settings_that_hold_no_numbers_are_told_by_name(method, options, words):
    with pytest.raises(SettingError, match=words):
        pn.sample(lambda t: -t.square().sum(1) / 2, torch.zeros(2), method=method, n_draws=4, **options)
