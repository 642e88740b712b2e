"""Families of `fit_variational` against densities that they hold, and against ones that they do not."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import LowRankMultivariateNormal

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.sampling.families import Flow, LowRank


def banana(t):  # x ~ N(0, 1), y | x ~ N(0.7 x^2, 0.6^2), normalised
    x, y = t[:, 0], t[:, 1]
    return -0.5 * x.square() - 0.5 * ((y - 0.7 * x.square()) / 0.6).square() - math.log(2 * math.pi * 0.6)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_density_and_entropy_of_low_rank_are_torchs():
    made = LowRank(torch.zeros(5).double(), 2, generator())
    made.ways.copy_(torch.randn(5, 2, generator=generator(1), dtype=torch.float64))
    made.log_std.copy_(torch.linspace(-1, 1, 5))
    theirs = LowRankMultivariateNormal(made.mean, made.ways, (2 * made.log_std).exp())
    points, log_q = made.draw_with_density(torch.randn(20, 7, generator=generator(2), dtype=torch.float64))
    torch.testing.assert_close(log_q, theirs.log_prob(points))
    torch.testing.assert_close(made.draw_with_entropy(torch.zeros(1, 7).double())[1], theirs.entropy())


@pytest.mark.parametrize("d", [1, 3])
def test_a_flows_density_is_that_of_its_jacobian(d):
    made = Flow(torch.zeros(d).double(), 3, generator())
    for i, value in enumerate(made.parameters()):
        value.add_(0.4 * torch.randn(value.shape, generator=generator(i), dtype=torch.float64))
    noise = torch.randn(4, d, generator=generator(9), dtype=torch.float64)
    points, log_q = made.draw_with_density(noise)
    for i in range(4):
        jacobian = torch.autograd.functional.jacobian(lambda z: made.draw(z[None])[0], noise[i])
        base = -0.5 * noise[i].square().sum() - d / 2 * math.log(2 * math.pi)
        torch.testing.assert_close(log_q[i], base - torch.linalg.slogdet(jacobian).logabsdet)
        torch.testing.assert_close(made.draw(noise[i : i + 1])[0], points[i])


@pytest.mark.slow
def test_low_rank_holds_a_covariance_of_low_rank_that_mean_field_does_not():
    ways = torch.tensor([[1.0, 0.0], [2.0, 1.0], [-1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    covariance = ways @ ways.T + 0.5 * torch.eye(4, dtype=torch.float64)
    precision, evidence = torch.linalg.inv(covariance), 2 * math.log(2 * math.pi) + 0.5 * float(covariance.logdet())

    def density(t):
        return -0.5 * ((t @ precision) * t).sum(-1)

    found = pn.fit_variational(density, torch.ones(4), family="low_rank", rank=2, n_steps=2000)
    np.testing.assert_allclose(found.covariance, covariance, atol=0.25)
    assert found.final_elbo[0] == pytest.approx(evidence, abs=0.01)
    assert not found.problems
    assert np.cov(found.sample(20_000)["theta"].T) == pytest.approx(found.covariance, abs=0.2)
    narrow = pn.fit_variational(density, torch.ones(4), n_steps=500)
    assert narrow.final_elbo[0] < evidence - 0.5
    assert "family='full_rank'" in narrow.problems[0]


@pytest.mark.slow
def test_a_flow_bends_to_a_banana_where_a_normal_does_not_and_says_so():
    flow = pn.fit_variational(banana, torch.zeros(2), family="flow", n_steps=800, n_samples=48, lr=0.02)
    normal = pn.fit_variational(banana, torch.zeros(2), family="full_rank", n_steps=600)
    assert -0.08 < flow.final_elbo[0] < 0.03  # the evidence is 1
    assert normal.shape > 0.7
    assert normal.final_elbo[0] < -0.3
    assert "family='flow'" in normal.problems[0]
    draws = flow.sample(5000)["theta"]
    assert draws.mean(0) == pytest.approx([0.0, 0.7], abs=0.15)
    assert flow.means["theta"] == pytest.approx(draws.mean(0), abs=0.1)
    assert len(flow.elbo) == 800
    assert flow.elbo[-100:].mean() > flow.elbo[:100].mean()
    assert (flow.sample(5, seed=1)["theta"] == flow.sample(5, seed=1)["theta"]).all()


def test_a_flow_of_one_parameter_is_skew():
    def gumbel(t):  # of mean 0.5772 and variance pi^2 / 6
        return (-t - (-t).exp()).sum(-1)

    found = pn.fit_variational(gumbel, torch.zeros(1), family="flow", n_steps=800)
    assert found.final_elbo[0] == pytest.approx(0, abs=0.02)
    assert found.mean[0] == pytest.approx(0.5772, abs=0.06)
    assert found.std["theta"][0] == pytest.approx(math.pi / math.sqrt(6), rel=0.05)


def test_the_same_seed_gives_the_same_fit():
    found = [pn.fit_variational(banana, torch.zeros(2), family=f, n_steps=20) for f in ("flow", "flow", "low_rank")]
    assert (found[0].mean == found[1].mean).all()
    with pytest.raises(SettingError, match="rank and n_layers"):
        pn.fit_variational(banana, torch.zeros(2), family="low_rank", rank=0)
