"""Weights drawn from their normals, and the bound's slopes by means and rhos: autograd's, with a kernel and without."""

import pytest
import torch
from torch.nn import functional as F

from parnassus import kernels
from parnassus.functional.bayes import bayes_by_backprop_gradients, draw_weights, take_back_weights
from parnassus.functional.bayes.drawn import draw_weights_twin, take_back_weights_twin
from parnassus.functional.places import compiled

needs_kernel = pytest.mark.skipif(compiled() is None, reason=kernels.status()["mean_field"])
SHAPES = [(70, 65), (65,), (1, 3), ()]
SHARE, STD = 0.3, 0.7


def made(dtype, lowest=-6.0, highest=6.0):
    means = [torch.randn(shape, dtype=dtype) for shape in SHAPES]
    rhos = [torch.empty(shape, dtype=dtype).uniform_(lowest, highest) for shape in SHAPES]
    return means, rhos, torch.randn(sum(m.numel() for m in means), dtype=dtype)


def step(drawing, taking, means, rhos, noise, slopes, share=SHARE):
    """All that one step leaves: the divergence, the weights, then means and slopes by means and rhos."""
    means, noise, by_means = [m.clone() for m in means], noise.clone(), [s.clone() for s in slopes]
    by_rhos, kept = [torch.full_like(r, torch.nan) for r in rhos], torch.full_like(noise, torch.nan)
    kl = drawing(means, rhos, by_rhos, noise, kept, share=share, prior_std=STD)
    weights = [m.clone() for m in means]
    taking(means, by_means, by_rhos, noise, kept, share=share, prior_std=STD)
    return kl, weights, means, by_means, by_rhos


def by_autograd(means, rhos, noise, slopes):
    mu = torch.cat([m.flatten() for m in means]).requires_grad_()
    rho = torch.cat([r.flatten() for r in rhos]).requires_grad_()
    s = F.softplus(rho)
    prior = torch.distributions.Normal(torch.zeros_like(mu), STD)
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(mu, s), prior).sum()
    w = mu + s * noise
    flat = torch.cat([g.flatten() for g in slopes])
    return kl.detach(), w.detach(), *torch.autograd.grad((w * flat).sum() + SHARE * kl, (mu, rho))


def test_the_twins_slopes_are_autograds(draws):
    means, rhos, noise = made(torch.float64)
    slopes = [torch.randn_like(m) for m in means]
    kl, weights, back, by_means, by_rhos = step(draw_weights_twin, take_back_weights_twin, means, rhos, noise, slopes)
    expected = by_autograd(means, rhos, noise, slopes)
    torch.testing.assert_close(kl, expected[0])
    for found, wanted in zip((weights, by_means, by_rhos), expected[1:], strict=True):
        torch.testing.assert_close(torch.cat([t.flatten() for t in found]), wanted, rtol=1e-10, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(back, means, strict=True))


def test_at_means_of_0_and_noise_of_1_the_slopes_by_rho_are_those_of_the_book_corrected(draws):
    rho, slope = torch.randn(2, 50, dtype=torch.float64)
    noise = torch.randn_like(
        rho
    ).sign()  # whose square is its mean: one draw's divergence has then the mean one's slope
    _, _, _, _, (by_rho,) = step(
        draw_weights_twin, take_back_weights_twin, [torch.zeros_like(rho)], [rho], noise, [slope], share=1.0
    )
    other = bayes_by_backprop_gradients(torch.zeros_like(rho), rho, noise, log_likelihood_slope=-slope, prior_std=STD)
    torch.testing.assert_close(by_rho, other.rho)


@needs_kernel
@pytest.mark.parametrize(("lowest", "highest"), [(-20.0, -8.0), (-6.0, 6.0), (8.0, 60.0)])
def test_the_kernel_does_what_its_twin_does(draws, lowest, highest):
    means, rhos, noise = made(torch.float32, lowest, highest)
    slopes = [torch.randn_like(m) for m in means]
    fast = step(draw_weights, take_back_weights, means, rhos, noise, slopes)
    wide = [[t.double() for t in held] for held in (means, rhos, slopes)]
    exact = step(draw_weights_twin, take_back_weights_twin, wide[0], wide[1], noise.double(), wide[2])
    torch.testing.assert_close(fast[0].double(), exact[0], rtol=1e-6, atol=0)
    for found, wanted in zip(fast[1:], exact[1:], strict=True):
        for a, b in zip(found, wanted, strict=True):
            torch.testing.assert_close(a.double(), b, rtol=3e-6, atol=3e-6)


@needs_kernel
def test_what_is_no_number_stays_none(draws):
    means, rhos, noise = made(torch.float32)
    rhos[1][2], means[0][0, 0], noise[1] = torch.nan, torch.nan, torch.inf
    slopes = [torch.zeros_like(m) for m in means]
    kl, weights, _, by_means, by_rhos = step(draw_weights, take_back_weights, means, rhos, noise, slopes)
    lost = (kl, weights[0][0, 0], by_means[0][0, 0], weights[1][2], by_rhos[1][2])
    assert [bool(number.isnan()) for number in lost] == [True] * 5
    assert not weights[0][0, 1].isfinite()
