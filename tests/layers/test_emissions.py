"""Emission densities against scipy and scikit-learn, and their M steps against counts by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from parnassus.layers.emissions import Categorical, Gaussian, Mixture

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3)) @ RNG.normal(size=(3, 3)) + [5.0, -2.0, 100.0]
GAMMA = RNG.dirichlet(np.ones(2), 300)
x, gamma = torch.from_numpy(X), torch.from_numpy(GAMMA)


def weighted(k, about=None):
    w = GAMMA[:, k] / GAMMA[:, k].sum()
    mean = w @ X
    away = X - mean
    return mean, (w[:, None] * away).T @ away


@pytest.mark.parametrize("covariance", ["diagonal", "spherical", "full", "tied"])
def test_densities_are_scipys_and_the_m_step_is_the_weighted_moments(covariance):
    emissions = Gaussian(2, 3, covariance=covariance)
    emissions.begin(x, gamma)
    tied = sum(GAMMA[:, k].sum() * weighted(k)[1] for k in range(2)) / 300
    for k in range(2):
        mean, full = weighted(k)
        expected = {
            "full": full,
            "tied": tied,
            "diagonal": np.diag(np.diag(full)),
            "spherical": np.eye(3) * np.diag(full).mean(),
        }[covariance]
        own = emissions.covariances[k].numpy()
        np.testing.assert_allclose(emissions.means[k], mean, rtol=1e-10)
        np.testing.assert_allclose(np.diag(own) if own.ndim == 1 else own, expected, rtol=1e-9, atol=1e-9)
        theirs = multivariate_normal(mean, expected).logpdf(X)
        np.testing.assert_allclose(emissions.log_prob(x)[:, k], theirs, rtol=1e-8)


def test_b64_weighted_accumulators():
    """B64: gamma .1 .4 .4 .1 at 0 to 3 gives mean 1.5 and variance 0.65."""
    emissions = Gaussian(1, 1)
    own = torch.arange(4.0, dtype=torch.float64)[:, None]
    emissions.update(emissions.statistics(own, torch.tensor([[0.1], [0.4], [0.4], [0.1]], dtype=torch.float64)))
    assert float(emissions.means) == pytest.approx(1.5)
    assert float(emissions.covariances) == pytest.approx(0.65)


def test_sums_add_up_over_batches():
    for make in (lambda: Gaussian(2, 3, covariance="full"), lambda: Mixture(2, 3), lambda: Gaussian(2, 3)):
        emissions = make()
        emissions.begin(x, gamma)
        whole = emissions.statistics(x, gamma)
        parts = [emissions.statistics(x[s], gamma[s]) for s in (slice(0, 70), slice(70, 300))]
        for total, one, other in zip(whole, *parts, strict=True):
            torch.testing.assert_close(total, one + other)


def test_one_states_mixture_takes_the_em_steps_of_a_gaussian_mixture():
    """scikit-learn's GaussianMixture with diagonal covariances, from the same start, three steps."""
    emissions = Mixture(1, 3, n_mixtures=2, floor=0.0)
    emissions.begin(x, gamma.new_ones(300, 1))
    start = emissions.gaussians.means.clone(), emissions.gaussians.covariances.clone()
    theirs = GaussianMixture(
        2,
        covariance_type="diag",
        max_iter=3,
        tol=0.0,
        reg_covar=0.0,
        weights_init=[0.5, 0.5],
        means_init=start[0].numpy(),
        precisions_init=1 / start[1].numpy(),
    )
    with pytest.warns(match="did not converge"):
        theirs.fit(X)
    for _ in range(3):
        emissions.update(emissions.statistics(x, gamma.new_ones(300, 1)))
    np.testing.assert_allclose(emissions.gaussians.means, theirs.means_, rtol=1e-8)
    np.testing.assert_allclose(emissions.gaussians.covariances, theirs.covariances_, rtol=1e-6)
    np.testing.assert_allclose(emissions.log_prob(x)[:, 0], theirs.score_samples(X), rtol=1e-8)


def test_counts_of_symbols_with_a_prior():
    emissions = Categorical(2, 3, prior=1.0)
    own = torch.tensor([0, 0, 2])
    weight = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64)
    emissions.update(emissions.statistics(own, weight))
    expected = torch.tensor([[2.5, 1, 1], [1.5, 1, 2]], dtype=torch.float64) / 4.5
    torch.testing.assert_close(emissions.probabilities, expected)
    torch.testing.assert_close(emissions.log_prob(own).exp(), expected.T[own])


@pytest.mark.parametrize(
    "make", [lambda: Gaussian(2, 3, covariance="full"), lambda: Gaussian(2, 3), lambda: Mixture(2, 3)]
)
def test_samples_have_the_moments_of_their_state(make):
    emissions = make()
    emissions.begin(x, gamma)
    emissions.update(emissions.statistics(x, gamma))
    drawn = emissions.sample(torch.ones(20_000, dtype=torch.int64), torch.Generator().manual_seed(0))
    mean, full = weighted(1)
    np.testing.assert_allclose(drawn.mean(0), mean, atol=4 * np.sqrt(np.diag(full).max() / 20_000))
    np.testing.assert_allclose(drawn.var(0), np.diag(full), rtol=0.08)
