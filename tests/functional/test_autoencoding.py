"""Autoencoders' equations against numbers worked by hand, scipy and torch.distributions."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from parnassus.functional import autoencoding as ae


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("q", "expected"), [
    (0.01, 0.041291), (0.05, 0.0), (0.1, 0.016707), (0.2, 0.093943), (0.5, 0.494632),
])  # fmt: skip
def test_the_sparsity_penalty_is_that_of_b7_8(q, expected):
    assert float(ae.sparsity_penalty(torch.full((7, 1), q, dtype=torch.float64), 0.05)) == pytest.approx(
        expected, abs=5e-7
    )


def test_the_slope_of_the_sparsity_penalty_is_that_of_b7_8():
    h = torch.full((1, 1), 0.2, dtype=torch.float64, requires_grad=True)
    ae.sparsity_penalty(h, 0.05).backward()
    assert float(h.grad) == pytest.approx(0.9375, abs=1e-9)


def test_codes_at_0_or_1_keep_the_penalty_finite():
    assert torch.isfinite(ae.sparsity_penalty(torch.zeros(3, 2)))


def test_the_contractive_penalty_is_the_norm_of_the_slopes_by_autograd(draws):
    layer, x = nn.Linear(4, 3).double(), torch.randn(5, 4).double()
    for name, act in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("linear", lambda z: z)):
        jacobians = torch.stack(
            [torch.autograd.functional.jacobian(lambda row, g=act: g(layer(row)), one) for one in x]
        )
        ours = ae.contractive_penalty(act(layer(x)), layer.weight, name)
        torch.testing.assert_close(ours, jacobians.square().sum((1, 2)))


@pytest.mark.parametrize(("kind", "spoilt"), [("mask", 0.3), ("salt_pepper", 0.3), ("gaussian", 1.0)])
def test_corruption_touches_the_share_it_says(kind, spoilt):
    x = torch.rand(200, 100, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    noisy = ae.corrupted(x, kind, 0.3, generator=torch.Generator().manual_seed(0))
    assert float((noisy != x).float().mean()) == pytest.approx(spoilt, abs=0.01)
    if kind == "gaussian":
        assert float((noisy - x).std()) == pytest.approx(0.3, abs=0.01)
    if kind == "salt_pepper":
        assert set(noisy[noisy != x].tolist()) == {float(x.min()), float(x.max())}
    assert torch.equal(ae.corrupted(x, kind, 0.0), x)


def test_the_divergence_is_that_of_b7_12_and_of_torch():
    mean, std = f64(0.5, -1.0), f64(0.8, 1.5)
    each = [float(ae.kl_to_standard(mean[i : i + 1], 2 * std[i : i + 1].log())) for i in range(2)]
    assert each == pytest.approx([0.168144, 0.719535], abs=5e-7)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, std), torch.distributions.Normal(f64(0, 0), f64(1, 1))
    )
    assert sum(each) == pytest.approx(float(theirs.sum()), abs=1e-12)


def test_gradients_pass_through_a_reparameterised_draw():
    """d/dmu E z^2 = 2 mu and d/dsigma E z^2 = 2 sigma, found from draws."""
    mean = torch.full((200_000,), 1.5, dtype=torch.float64, requires_grad=True)
    log_variance = torch.full((200_000,), math.log(0.49), dtype=torch.float64, requires_grad=True)
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ae.reparameterized(mean, log_variance, noise).square().sum().backward()
    assert float(mean.grad.mean()) == pytest.approx(3.0, abs=0.02)
    assert float(log_variance.grad.mean()) == pytest.approx(0.49, abs=0.01)  # dE/dln s^2 = s^2


def linear_gaussian(n_draws, *, shift=0.0):
    """x = W z + N(0, s^2): its exact posterior (orthogonal columns), draws of it, and ln p(x) by scipy."""
    g = torch.Generator().manual_seed(0)
    w = torch.linalg.qr(torch.randn(4, 2, generator=g, dtype=torch.float64))[0] * f64(2.0, 0.7)
    s2, x = 0.3, torch.randn(6, 4, generator=g, dtype=torch.float64)
    variance = 1 / (1 + w.square().sum(0) / s2)
    mean = (x @ w) / s2 * variance + shift
    log_variance = variance.log().expand_as(mean)
    z = ae.reparameterized(mean, log_variance, torch.randn(n_draws, 6, 2, generator=g, dtype=torch.float64))
    log_likelihood = ae.log_normal(x, z @ w.mT, math.log(s2)).sum(-1)
    exact = stats.multivariate_normal(np.zeros(4), (w @ w.mT).numpy() + s2 * np.eye(4)).logpdf(x.numpy())
    return ae.Draws(z, mean, log_variance, log_likelihood), torch.from_numpy(exact)


def test_under_the_exact_posterior_estimator_a_and_the_weighted_bound_are_the_likelihood_for_any_draw():
    d, exact = linear_gaussian(1)
    torch.testing.assert_close(ae.sgvb_a(d), exact)
    torch.testing.assert_close(ae.iwae_bound(d), exact)


def test_estimators_a_and_b_agree_in_the_mean_and_b_varies_less():
    d, exact = linear_gaussian(20_000)
    torch.testing.assert_close(ae.sgvb_b(d), exact, atol=0.05, rtol=0)
    off, exact = linear_gaussian(20_000, shift=0.2)
    torch.testing.assert_close(ae.sgvb_a(off), ae.sgvb_b(off), atol=0.06, rtol=0)
    assert (ae.sgvb_b(off) < exact).all()


def test_the_weighted_bound_lies_between_the_plain_one_and_the_likelihood():
    d, exact = linear_gaussian(500, shift=0.2)
    assert (ae.sgvb_a(d) < ae.iwae_bound(d)).all()
    torch.testing.assert_close(ae.iwae_bound(d), exact, atol=0.15, rtol=0)


def test_principal_angles_are_scipys():
    from scipy.linalg import subspace_angles

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    ours = ae.principal_angles(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(ours, np.sort(subspace_angles(a, b)), atol=1e-10)
