"""The compiled loops over rows against torch's own densities, for any number of rows and threads."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import parnassus as pn
from parnassus import kernels
from parnassus.functional.diagonals import expected, log_densities, weighted_moments

compiled = pytest.mark.skipif(kernels.load("gaussians") is None, reason=kernels.status()["gaussians"])
SIZES = [(1, 1, 1), (7, 3, 2), (127, 5, 4), (128, 4, 5), (129, 13, 8), (5000, 9, 11)]  # rows, features, densities


def drawn(n: int, d: int, k: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    g = torch.Generator().manual_seed(n + d + k)
    x = (torch.randn(n, d, generator=g) * 3 + 1).to(dtype)
    means, spread = torch.randn(k, d, generator=g).double(), torch.rand(k, d, generator=g).double() + 0.5
    return x, torch.ones(d, dtype=torch.float64), means, spread, g


def by_torch(x: Tensor, origin: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    return Normal(means + origin, variances.sqrt()).log_prob(x.double()[:, None]).sum(2)


@pytest.fixture(params=[pytest.param("on", marks=compiled), "off"])
def switch(request, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", request.param)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_log_densities_are_those_of_torchs_distributions(switch, n, d, k, dtype):
    x, origin, means, variances, _ = drawn(n, d, k, dtype)
    found = log_densities(x, origin, means, variances)
    torch.testing.assert_close(found, by_torch(x, origin, means, variances), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_weighted_moments_are_their_sums(switch, n, d, k, dtype):
    x, origin, *_, g = drawn(n, d, k, dtype)
    gamma, z = torch.rand(n, k, generator=g).double(), x.double() - origin
    found = weighted_moments(x, origin, gamma)
    for one, other in zip(found, (gamma.sum(0), gamma.T @ z, gamma.T @ z.square()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@compiled
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_an_e_step_is_a_softmax_and_its_sums(n, d, k, runs):
    x, origin, means, variances, g = drawn(n, d, runs * k)
    weights = torch.rand(runs, k, generator=g).double().softmax(1)
    share = torch.rand(n, runs, generator=g).double()
    joint = by_torch(x, origin, means, variances).view(n, runs, k) + weights.log()
    gamma, log_p = (joint.softmax(2) * share[..., None]).flatten(1), joint.logsumexp(2)
    found = expected(x, origin, share, weights, means.view(runs, k, d), variances.view(runs, k, d))
    torch.testing.assert_close(found.log_likelihood, (log_p * share).sum(0), rtol=1e-10, atol=1e-10)
    for one, other in zip(found.moments, weighted_moments(x, origin, gamma), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.worst, log_p.amin(0), rtol=1e-10, atol=1e-10)
    assert found.rows.tolist() == log_p.argmin(0).tolist()


@compiled
def test_a_component_without_weight_takes_nothing_and_a_row_that_counts_nothing_is_no_worst():
    x, origin, means, variances, _ = drawn(200, 3, 2)
    share = torch.ones(200, 1, dtype=torch.float64)
    x[5], share[5] = 1e3, 0
    found = expected(x, origin, share, torch.tensor([[1.0, 0.0]]).double(), means[None], variances[None])
    assert found.moments.counts.tolist() == [199, 0]
    assert int(found.rows) != 5
    assert all(bool(part.isfinite().all()) for part in found.moments)


@compiled
def test_the_number_of_threads_changes_no_bit():
    x, origin, means, variances, g = drawn(20_000, 6, 5)
    share = torch.rand(20_000, 1, generator=g).double()
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            step = expected(x, origin, share, torch.full((1, 5), 0.2).double(), means[None], variances[None])
            found.append([step.log_likelihood, *step.moments])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@compiled
@pytest.mark.parametrize("shape", ["diag", "spherical"])
def test_a_mixture_trained_with_the_kernel_is_the_one_trained_without(monkeypatch, shape):
    X = drawn(600, 3, 1)[0].numpy()
    X[:300] += 4
    fits = []
    for switch in ("on", "off"):
        monkeypatch.setenv("PARNASSUS_KERNELS", switch)
        fits.append(pn.Density(pn.model("gmm", n_components=3, covariance_type=shape, n_init=2), seed=1).fit(X))
    assert fits[0].n_steps_ == fits[1].n_steps_
    for name in ("weights", "means", "covariances"):
        a, b = (getattr(fit.objective_, name) for fit in fits)
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)
