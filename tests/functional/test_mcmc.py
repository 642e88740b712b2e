"""Equations of Markov chains against the corrected oracles of the book and against its misprints."""

import math

import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.mcmc import (
    hamiltonian,
    hessian_shape,
    leapfrog,
    log_acceptance,
    log_proposal,
    transition_matrix,
)
from parnassus.functional.surfaces import beale

P = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
Q = torch.tensor([[0.1, 0.7, 0.2], [0.3, 0.2, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)


def stationary(chain):
    return torch.linalg.matrix_power(chain, 400)[0]


def test_b9_7_the_chain_has_the_law_asked_for():
    torch.testing.assert_close(stationary(transition_matrix(P, Q)), P, rtol=0, atol=1e-12)


def test_b9_7_the_printed_ratio_has_another_law():
    wrong = Q * torch.minimum(torch.ones(()), P[None] * Q / (P[:, None] * Q.T))  # eq. 9.11: proposals upside down
    wrong = wrong - torch.diag(wrong.diagonal())
    wrong = wrong + torch.diag(1 - wrong.sum(1))
    expected = torch.tensor([0.272853, 0.388530, 0.338617], dtype=torch.float64)
    torch.testing.assert_close(stationary(wrong), expected, rtol=0, atol=1e-6)


def test_a_density_of_zero_or_nan_is_never_entered():
    old = torch.zeros(3)
    new = torch.tensor([-math.inf, math.nan, 5.0])
    assert log_acceptance(old, new).exp().tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(("step", "n", "expected"), [
    (0.1, 10, (0.5399513, -0.8406435, 0.4991144)),
    (0.5, 10, (0.3346334, 0.9124249, 0.4722494)),
    (1.0, 3, (-1.0, 0.0, 0.5)),
])  # fmt: skip
def test_b9_8_ends_of_leapfrog_paths(step, n, expected):
    one = torch.ones(1, dtype=torch.float64)
    theta, p = leapfrog(lambda t: -t, one, 0 * one, step=step, n_steps=n)
    energy = hamiltonian(-theta.square().sum() / 2, p)
    torch.testing.assert_close(
        torch.stack([theta[0], p[0], energy]), torch.tensor(expected).double(), rtol=0, atol=1e-7
    )
    back, turned = leapfrog(lambda t: -t, theta, -p, step=step, n_steps=n)
    torch.testing.assert_close(back, one, rtol=0, atol=1e-12)
    torch.testing.assert_close(turned, 0 * one, rtol=0, atol=1e-12)


def test_a_path_takes_a_mass_and_one_step_at_least():
    mass = torch.tensor([4.0, 1.0], dtype=torch.float64)
    start = torch.ones(2, dtype=torch.float64)
    theta, p = leapfrog(lambda t: -mass * t, start, 0 * start, step=0.01, n_steps=100, inverse_mass=1 / mass)
    torch.testing.assert_close(theta, torch.full((2,), math.cos(1), dtype=torch.float64), rtol=0, atol=1e-4)
    torch.testing.assert_close(p / mass, torch.full((2,), -math.sin(1), dtype=torch.float64), rtol=0, atol=1e-4)
    with pytest.raises(DataError, match="one step"):
        leapfrog(lambda t: -t, start, start, step=0.1, n_steps=0)


def test_b9_3_the_hessian_at_the_start_is_no_covariance_and_its_shape_is_one():
    point = torch.tensor([1.2, 2.0], dtype=torch.float64)
    bend = torch.autograd.functional.hessian(lambda w: beale(w, c=2.2625), point)
    expected = torch.tensor([[118.0, 540.9], [540.9, 798.84]], dtype=torch.float64)
    torch.testing.assert_close(bend, expected, rtol=0, atol=1e-9)
    assert torch.linalg.eigvalsh(bend)[0] < 0
    shape = hessian_shape(bend, scale=0.5)
    covariance = shape.factor @ shape.factor.T
    assert (torch.linalg.eigvalsh(covariance) > 0).all()
    values = torch.tensor([180.69, 1097.53], dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.eigvalsh(covariance), (0.25 / values).flip(0), rtol=1e-4, atol=0)


def test_a_flat_direction_is_given_the_floors_variance():
    shape = hessian_shape(torch.diag(torch.tensor([0.0, 4.0], dtype=torch.float64)))
    covariance = torch.diag(torch.tensor([1000.0, 0.25], dtype=torch.float64))
    torch.testing.assert_close(shape.factor @ shape.factor.T, covariance)


def test_a_proposals_density_is_a_normal_one():
    factor = torch.tensor([[2.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    old, new = torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 3.0]).double()
    from parnassus.functional.mcmc import ProposalShape

    theirs = torch.distributions.MultivariateNormal(old, scale_tril=factor).log_prob(new)
    ours = log_proposal(new, old, ProposalShape(factor)) - math.log(2 * math.pi)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
