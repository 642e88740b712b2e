"""Posteriors of generalised linear models: by torch's distributions, autograd, and the leapfrog's equation."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal, Poisson

import parnassus as pn
from parnassus import kernels
from parnassus.errors import DataError, SettingError
from parnassus.functional.bayes import GeneralisedLinear, generalised, linear_posterior
from parnassus.functional.mcmc import leapfrog

needs_kernel = pytest.mark.skipif(generalised._compiled() is None, reason=kernels.status()["glm"])
FAMILIES = ("gaussian", "bernoulli", "poisson")
VARIANCE = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
LIKELIHOODS = {
    "gaussian": lambda z: Normal(z, 0.8),
    "bernoulli": lambda z: Bernoulli(logits=z),
    "poisson": lambda z: Poisson(z.exp()),
}


def made(family, n=37, d=3, **options):
    x = torch.randn(n, d, dtype=torch.float64)
    y = LIKELIHOODS[family](x.sum(1) / 2).sample()
    return x, y, GeneralisedLinear(x, y, family=family, prior_std=0.7, noise=0.8, **options)


@pytest.fixture(params=["kernel", "twin"])
def either(request, monkeypatch):
    if request.param == "twin":
        monkeypatch.setattr(generalised, "_compiled", lambda: None)
    elif generalised._compiled() is None:
        pytest.skip(kernels.status()["glm"])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_chains", [1, 4, 6])
def test_differences_of_the_density_are_those_of_the_distributions_and_slopes_autograds(
    draws, either, family, n_chains
):
    weight = torch.rand(37, dtype=torch.float64)
    x, y, density = made(family, weight=weight)
    theta = torch.randn(n_chains, 3, dtype=torch.float64, requires_grad=True)

    def exact(theta):
        prior = Normal(torch.zeros(3, dtype=torch.float64), 0.7).log_prob(theta).sum(1)
        return prior + LIKELIHOODS[family](theta @ x.T).log_prob(y) @ weight

    (slope,) = torch.autograd.grad(exact(theta).sum(), theta)
    value, found = density.gradient(theta.detach())
    none = torch.zeros(1, 3, dtype=torch.float64)
    torch.testing.assert_close(value - density.gradient(none)[0], (exact(theta) - exact(none)).detach())
    torch.testing.assert_close(found, slope)
    torch.testing.assert_close(density(theta).detach(), value)
    torch.testing.assert_close(torch.autograd.grad(density(theta).sum(), theta)[0], slope)


def walked(density, points, momentum, n_steps):
    options = {"step": 0.3 / len(density.y) ** 0.5, "n_steps": n_steps}
    return density.leapfrog(points, density.gradient(points)[1], momentum, variance=VARIANCE, **options), options


@needs_kernel
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n", "n_chains"), [(1, 1), (32, 4), (101, 7), (5000, 2)])
@pytest.mark.parametrize(("n_steps", "near"), [(1, {}), (4, {"rtol": 1e-5, "atol": 3e-5})])
def test_a_path_is_the_equations(draws, family, n, n_chains, n_steps, near):
    _, _, density = made(family, n=n)
    points, momentum = 0.3 * torch.randn(2, n_chains, 3, dtype=torch.float64)
    held = points.clone(), momentum.clone()
    ends, options = walked(density, points, momentum, n_steps)
    wanted = leapfrog(
        lambda t: torch.autograd.functional.jacobian(lambda u: density(u).sum(), t),
        points, momentum, inverse_mass=VARIANCE, **options,
    )  # fmt: skip
    torch.testing.assert_close(ends[0], wanted[0], **near)
    torch.testing.assert_close(ends[3], wanted[1], **near)
    torch.testing.assert_close(ends[1], density(ends[0]))
    torch.testing.assert_close(ends[2], density.gradient(ends[0])[1])
    assert torch.equal(points, held[0])
    assert torch.equal(momentum, held[1])


@needs_kernel
@pytest.mark.parametrize("family", FAMILIES)
def test_a_path_is_reversible_to_rounding_in_double_though_its_slopes_between_are_single(draws, family):
    _, _, density = made(family, n=101)
    points, momentum = 0.3 * torch.randn(2, 5, 3, dtype=torch.float64)
    ends, _ = walked(density, points, momentum, 9)
    back, _ = walked(density, ends[0], -ends[3], 9)
    torch.testing.assert_close(back[0], points, rtol=0, atol=1e-9)
    torch.testing.assert_close(-back[3], momentum, rtol=0, atol=1e-9)


def test_far_predictors_stay_exact_and_lost_ones_are_seen(draws, either):
    density = GeneralisedLinear(torch.tensor([[1.0], [-1.0]]), torch.tensor([1.0, 1.0]), prior_std=1e6)
    far = torch.tensor([[800.0], [-30.0], [30.0], [torch.nan]], dtype=torch.float64)
    value, slope = density.gradient(far)
    assert value[:3].tolist() == pytest.approx([-800.0, -30.0, -30.0])
    assert slope[:3, 0].tolist() == pytest.approx([-1.0, 1.0, -1.0])
    assert value[3].isnan()


def test_the_slope_is_nothing_at_the_posteriors_mean_of_a_gaussian(draws, either):
    x, y, density = made("gaussian")
    exact = linear_posterior(x, y, noise=0.64, precision=1 / 0.49)
    assert float(density.gradient(exact.mean[None])[1].abs().max()) < 1e-10


@pytest.mark.parametrize(
    ("y", "options", "said"),
    [
        ([0.0, 2.0], {}, "y of row 1 is 2; for family='bernoulli' it is 0 or 1"),
        ([0.0, -2.0], {"family": "poisson"}, "y of row 1 is -2; for family='poisson' it is at least 0"),
        ([0.0, torch.nan], {}, "row 1 of y holds NaN"),
        ([0.0, 1.0], {"weight": torch.tensor([1.0, -1.0])}, "weight of row 1 is -1"),
        ([0.0, 1.0, 1.0], {}, r"got shapes \(2, 1\), \(3,\)"),
    ],
)
def test_observations_that_cannot_be_are_refused_by_row(y, options, said):
    with pytest.raises(DataError, match=said):
        GeneralisedLinear(torch.ones(2, 1), torch.tensor(y), **options)


def test_settings_that_cannot_be_are_refused():
    density = GeneralisedLinear(torch.ones(4, 2), torch.ones(4))
    for method in ("hmc", "mh"):
        with pytest.raises(DataError, match=r"theta has shape \(4, 3\), and x 2 columns.*torch\.zeros\(2\)"):
            pn.sample(density, torch.zeros(3), method=method, n_draws=4)
    with pytest.raises(DataError, match=r"theta has shape \(2,\)"):
        density(torch.zeros(2))
    with pytest.raises(SettingError, match="no family 'bernouli'"):
        GeneralisedLinear(torch.ones(2, 1), torch.zeros(2), family="bernouli")
    with pytest.raises(SettingError, match="prior_std and noise are above 0"):
        GeneralisedLinear(torch.ones(2, 1), torch.zeros(2), prior_std=0.0)
