"""Gaussian densities, their estimates, and log-probabilities of counts; scipy and scikit-learn are the oracles."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from parnassus import DataError
from parnassus.functional.probability import (
    bernoulli_log_probabilities,
    bessel,
    cholesky,
    ellipse_axes,
    gaussian_mle,
    log_diagonal,
    log_gaussian,
    log_normal,
    log_posterior,
    mass_within,
    multinomial_log_probabilities,
)

X = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 3)))
MEANS = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.5, 0.0]], dtype=torch.float64)
ROOTS = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 3)))
COVARIANCES = ROOTS @ ROOTS.mT + 0.1 * torch.eye(3, dtype=torch.float64)


def test_the_masses_of_one_two_and_three_deviations_are_those_of_the_rule():
    # Hifny, B31
    assert [mass_within(k) for k in (1, 2, 3)] == pytest.approx([0.6826894921, 0.9544997361, 0.9973002039], abs=1e-10)


def test_the_normal_density_at_zero_and_one():
    found = log_normal(torch.tensor([0.0, 1.0], dtype=torch.float64)).exp()
    np.testing.assert_allclose(found, [0.3989422804, 0.2419707245], atol=1e-10)  # Hifny, B31


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (-2.0, 0.3), (1e3, 40.0)])
def test_the_normal_density_is_scipys(mean, variance):
    expected = stats.norm(mean, math.sqrt(variance)).logpdf(X[:, 0])
    np.testing.assert_allclose(log_normal(X[:, 0], mean, variance), expected, rtol=1e-12)


def test_full_covariances_give_scipys_densities():
    pairs = zip(MEANS.numpy(), COVARIANCES.numpy(), strict=True)
    expected = np.stack([stats.multivariate_normal(m, c).logpdf(X) for m, c in pairs], 1)
    np.testing.assert_allclose(log_gaussian(X, MEANS, COVARIANCES), expected, rtol=1e-10)


def test_one_tied_covariance_serves_all_components():
    expected = log_gaussian(X, MEANS, COVARIANCES[:1].expand(2, 3, 3))
    np.testing.assert_allclose(log_gaussian(X, MEANS, COVARIANCES[0]), expected, rtol=1e-12)


def test_diagonal_and_spherical_densities_are_the_full_ones():
    variances = torch.tensor([[0.5, 2.0, 1.0], [0.1, 0.2, 3.0]], dtype=torch.float64)
    expected = log_gaussian(X, MEANS, variances.diag_embed())
    np.testing.assert_allclose(log_diagonal(X, MEANS, variances), expected, rtol=1e-12)
    spheres = variances[:, :1]
    expected = log_gaussian(X, MEANS, spheres.expand(2, 3).diag_embed())
    np.testing.assert_allclose(log_diagonal(X, MEANS, spheres), expected, rtol=1e-12)


def test_a_singular_covariance_is_refused_by_its_number():
    singular = torch.stack([torch.eye(2), torch.ones(2, 2)])
    with pytest.raises(DataError, match="covariance 1 is not positive definite"):
        cholesky(singular)


def test_the_likeliest_gaussian_of_three_rows():
    # Hifny, B58
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]], dtype=torch.float64)
    mean, covariance = gaussian_mle(x)
    np.testing.assert_allclose(mean, [3, 5])
    np.testing.assert_allclose(covariance, [[8 / 3, 14 / 3], [14 / 3, 26 / 3]])
    np.testing.assert_allclose(bessel(covariance, 3), [[4, 7], [7, 13]])
    assert float(log_gaussian(x, mean[None], covariance[None]).sum()) == pytest.approx(-8.9451543079, abs=1e-9)


def test_weights_of_rows_are_repetitions():
    weight = torch.tensor([1.0, 2.0, 3.0] + [0.0] * 17, dtype=torch.float64)
    repeated = torch.cat([X[:1], X[1:2], X[1:2], X[2:3], X[2:3], X[2:3]])
    for found, expected in zip(gaussian_mle(X, weight), gaussian_mle(repeated), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(gaussian_mle(X)[1], np.cov(X.T, bias=True), rtol=1e-12)
    np.testing.assert_allclose(bessel(gaussian_mle(X)[1], 20), np.cov(X.T), rtol=1e-12)


def test_one_row_has_no_unbiased_covariance():
    with pytest.raises(DataError, match="2 rows or more"):
        bessel(torch.eye(2), 1)


def test_the_axes_of_an_ellipse():
    # Hifny, B58: eigenvalues 1 and 3 of [[2, 1], [1, 2]], axes (1, -1) and (1, 1) over sqrt 2
    lengths, axes = ellipse_axes(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64), n_deviations=2)
    np.testing.assert_allclose(lengths, [2 * math.sqrt(3), 2], rtol=1e-12)
    np.testing.assert_allclose(axes.abs(), np.full((2, 2), math.sqrt(0.5)), rtol=1e-12)
    assert float(axes[:, 0].prod()) > 0 > float(axes[:, 1].prod())


def test_counts_become_laplaces_probabilities():
    # by hand: (N + 1) / (N_k + V), V = 3
    found = multinomial_log_probabilities(torch.tensor([[3.0, 0.0, 1.0], [0.0, 0.0, 0.0]])).exp()
    np.testing.assert_allclose(found, [[4 / 7, 1 / 7, 2 / 7], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


def test_presence_and_absence_are_the_whole():
    there, absent = bernoulli_log_probabilities(torch.tensor([[3.0, 0.0]]), torch.tensor([4.0]), alpha=1.0)
    np.testing.assert_allclose(there.exp(), [[4 / 6, 1 / 6]], rtol=1e-6)
    np.testing.assert_allclose(there.exp() + absent.exp(), [[1, 1]], rtol=1e-6)


def test_posteriors_sum_to_one_far_from_all_classes():
    found = log_posterior(torch.tensor([[-1e5, -1e5 - 1.0]], dtype=torch.float64)).exp()
    np.testing.assert_allclose(found, [[1 / (1 + math.exp(-1)), 1 / (1 + math.e)]], rtol=1e-9)
