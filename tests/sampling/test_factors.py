"""Gammas, Dirichlets and betas of single parameters against conjugate posteriors, which they hold."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import betaln, gammaln
from torch.distributions import Beta, Dirichlet, Gamma

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional import bayes
from parnassus.sampling.factors import Factor

COUNTS = torch.tensor([3.0, 0, 2, 4, 1, 2, 5], dtype=torch.float64)
SEEN = torch.tensor([7.0, 2, 0, 11], dtype=torch.float64)


def poisson(rate):  # rate ~ Gamma(2, 1.5), counts ~ Poisson(rate), normalised
    prior = Gamma(torch.tensor(2.0).double(), torch.tensor(1.5).double(), validate_args=False).log_prob(rate)
    return prior + COUNTS.sum() * rate.log() - len(COUNTS) * rate - torch.lgamma(COUNTS + 1).sum()


def categorical(shares, prior):  # in one order, so that there is no multinomial coefficient
    return Dirichlet(prior, validate_args=False).log_prob(shares) + (SEEN * shares.log()).sum(-1)


@pytest.mark.slow
def test_a_gamma_is_the_posterior_of_a_poisson_rate_and_its_bound_the_evidence():
    found = pn.fit_variational(lambda p: poisson(p["rate"]), {"rate": torch.tensor(0.4)}, family="gamma", n_steps=700)
    exact = bayes.poisson_posterior(COUNTS, shape=2.0, rate=1.5)
    assert found.factors["rate"]["concentration"] == pytest.approx(2 + float(COUNTS.sum()), rel=1e-3)
    assert found.factors["rate"]["rate"] == pytest.approx(1.5 + len(COUNTS), rel=1e-3)
    assert found.final_elbo == pytest.approx((exact.log_evidence, 0.0), abs=1e-4)
    assert found.means["rate"] == pytest.approx(exact.mean, rel=1e-3)
    assert found.problems == []
    draws = found.sample(4000, seed=1)["rate"]
    law = stats.gamma(2 + float(COUNTS.sum()), scale=1 / (1.5 + len(COUNTS)))
    assert stats.kstest(draws, law.cdf).pvalue > 1e-3
    assert found.std["rate"] == pytest.approx(law.std(), rel=1e-3)


@pytest.mark.slow
def test_a_dirichlet_is_the_posterior_of_shares_and_its_bound_the_evidence():
    prior = torch.tensor([1.0, 2, 0.5, 1], dtype=torch.float64)
    start = {"shares": torch.full((4,), 0.25)}
    found = pn.fit_variational(lambda p: categorical(p["shares"], prior), start, family="dirichlet", n_steps=700)
    after = (prior + SEEN).numpy()
    assert found.factors["shares"]["concentration"] == pytest.approx(after, rel=2e-3)
    evidence = gammaln(float(prior.sum())) - gammaln(after.sum()) + (gammaln(after) - gammaln(prior.numpy())).sum()
    assert found.final_elbo == pytest.approx((evidence, 0.0), abs=1e-3)
    assert found.covariance == pytest.approx(stats.dirichlet(after).cov(), abs=1e-5)
    draws = found.sample(3000)["shares"]
    assert draws.sum(1) == pytest.approx(np.ones(3000))
    assert np.cov(draws.T) == pytest.approx(stats.dirichlet(after).cov(), abs=2e-3)
    assert found.problems == []


@pytest.mark.slow
def test_a_beta_is_the_posterior_of_a_chance_and_its_bound_the_evidence():
    def coin(p):  # a uniform prior, 9 of 12
        return 9 * p.log() + 3 * (1 - p).log()

    found = pn.fit_variational(lambda p: coin(p["p"]), {"p": torch.tensor(0.5)}, family="beta", n_steps=700)
    assert found.factors["p"]["concentration1"] == pytest.approx(10, rel=1e-3)
    assert found.factors["p"]["concentration0"] == pytest.approx(4, rel=1e-3)
    assert found.final_elbo == pytest.approx((betaln(10, 4), 0.0), abs=1e-4)


@pytest.mark.slow
def test_laws_go_by_name_beside_normals():
    """A rate with counts, and two means that nothing ties to it: each its own posterior."""
    found = pn.fit_variational(
        lambda p: poisson(p["rate"]) - 2 * (p["mean"] - 3).square().sum(-1),
        {"mean": torch.zeros(2), "rate": torch.tensor(1.0)}, family={"rate": "gamma"}, n_steps=700,
    )  # fmt: skip
    assert found.means["mean"] == pytest.approx([3, 3], abs=1e-3)
    assert found.std["mean"] == pytest.approx([0.5, 0.5], rel=1e-3)
    assert found.factors["rate"]["rate"] == pytest.approx(8.5, rel=1e-3)
    exact = bayes.poisson_posterior(COUNTS, shape=2.0, rate=1.5).log_evidence + math.log(math.pi / 2)
    assert found.final_elbo[0] == pytest.approx(exact, abs=1e-3)
    assert str(found).startswith("rate gamma, evidence lower bound")
    assert found.sample(5)["mean"].shape == (5, 2)


def test_a_law_of_too_light_a_tail_says_so():
    def log_cauchy(t):
        return -t[:, 0].log() - t[:, 0].log().square().log1p() - math.log(math.pi)

    found = pn.fit_variational(log_cauchy, torch.tensor([1.0]), family="gamma", n_steps=200)
    assert found.shape > 0.7
    assert found.final_elbo[0] < 0  # of a density with integral 1
    assert "transformed parameters with family='flow'" in found.problems[0]


@pytest.mark.parametrize(("kind", "theirs"), [("gamma", Gamma), ("beta", Beta), ("dirichlet", Dirichlet)])
def test_slopes_by_the_concentrations_are_torchs_implicit_ones(kind, theirs):
    """The mean of x^2 rises by each learned tensor as its closed form does."""
    start = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    factor = Factor(kind, start)
    for value in factor.values:
        value.requires_grad_()
    points = factor.points(factor.noise(40_000, torch.Generator().manual_seed(0)))
    found = torch.autograd.grad(points.square().sum(-1).mean(), factor.values)
    law = factor.law()
    assert isinstance(law, theirs)
    wanted = torch.autograd.grad((law.variance + law.mean.square()).sum(), factor.values)
    for ours, exact in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, exact, rtol=0.03, atol=0.003)


def test_the_same_seed_gives_the_same_fit_and_global_random_state_stays():
    before = torch.get_rng_state()
    runs = [
        pn.fit_variational(lambda t: poisson(t[:, 0]), torch.ones(1), family="gamma", n_steps=20, seed=s)
        for s in (0, 0, 1)
    ]
    assert (runs[0].mean == runs[1].mean).all()
    assert (runs[0].mean != runs[2].mean).any()
    assert (runs[0].sample(5)["theta"] == runs[1].sample(5)["theta"]).all()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("start", "family", "error", "words"), [
    ({"a": torch.tensor(-1.0)}, "gamma", DataError, "gamma distribution is of numbers above 0"),
    ({"a": torch.tensor([0.5, 0.6])}, "dirichlet", DataError, "1 in sum"),
    ({"a": torch.tensor(1.0)}, "dirichlet", DataError, "two shares"),
    ({"a": torch.tensor(1.5)}, "beta", DataError, "between 0 and 1"),
    ({"a": torch.tensor(1.5)}, {"b": "gamma"}, SettingError, "family names 'b'"),
    ({"a": torch.tensor(1.5)}, {"a": "gama"}, SettingError, "did you mean 'gamma'"),
    ({"a": torch.tensor(1.5)}, "dirichet", SettingError, "did you mean 'dirichlet'"),
])  # fmt: skip
def test_starts_and_names_that_cannot_be_are_refused(start, family, error, words):
    with pytest.raises(error, match=words):
        pn.fit_variational(lambda p: -p["a"].square().flatten(1).sum(1), start, family=family, n_steps=5)
