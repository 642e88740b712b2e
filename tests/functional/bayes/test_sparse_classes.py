"""Classes through inducing points: expectations, the best posterior, its bound and slope, and weights."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid, one_hot

from parnassus.functional.bayes import KernelSum
from parnassus.functional.bayes.sparse_classes import (
    Rows,
    best_classes,
    bound_of,
    classes_bound,
    divergence,
    expected_log_likelihood,
    learn_sparse_classes,
    seen_by,
    slopes,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 2, generator=GENERATOR, dtype=torch.float64)
TWO = (X[:, 0] + 0.5 * torch.randn(40, generator=GENERATOR, dtype=torch.float64) > 0).double()
THREE = one_hot((X[:, 0] > -0.5).long() + (X[:, 1] > 0.3).long(), 3).double()
KERNEL, SETTINGS = KernelSum("rbf", 2), torch.tensor([2.0, 1.0], dtype=torch.float64)
EACH = pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])


def rows(y, points=X[:8], weight=None):
    weight = torch.ones_like(X[:, 0]) if weight is None else weight
    return Rows(*seen_by(points, X, kernel=KERNEL, settings=SETTINGS), y, weight)


def test_the_expected_log_likelihood_of_two_classes_is_an_integral():
    from scipy.integrate import quad
    from scipy.stats import norm

    for m, s, y in ((0.5, 0.5, 1.0), (-2.0, 1.4, 0.0)):
        sign = 2 * y - 1
        due = quad(lambda f, m=m, s=s, k=sign: -np.log1p(np.exp(-k * f)) * norm.pdf(f, m, s), m - 9 * s, m + 9 * s)[0]
        moments = torch.tensor([[m]]).double(), torch.tensor([[s * s]]).double(), torch.tensor([[y]]).double()
        assert float(expected_log_likelihood(*moments)) == pytest.approx(due, abs=1e-5)


def test_that_of_three_classes_is_a_mean_over_draws():
    mean, variance = torch.tensor([[0.5, -1.0, 0.0]]).double(), torch.tensor([[0.5, 1.0, 0.2]]).double()
    y = torch.tensor([[0.0, 1.0, 0.0]]).double()
    drawn = torch.randn(400_000, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    due = (mean + variance.sqrt() * drawn).log_softmax(-1)[:, 1].mean()
    assert float(expected_log_likelihood(mean, variance, y)) == pytest.approx(float(due), abs=0.01)


@pytest.mark.parametrize("n_scores", [1, 3])
def test_slopes_are_those_of_autograd(n_scores):
    draw = torch.Generator().manual_seed(2)
    mean = torch.randn(5, n_scores, generator=draw, dtype=torch.float64).requires_grad_()
    variance = (0.5 + torch.rand(5, n_scores, generator=draw, dtype=torch.float64)).requires_grad_()
    y = (
        one_hot(torch.arange(5) % n_scores, n_scores).double()
        if n_scores > 1
        else (torch.arange(5) % 2).double()[:, None]
    )
    first, second = torch.autograd.grad(
        expected_log_likelihood(mean, variance, y).sum(), (mean, variance), create_graph=True
    )
    bends = torch.stack(
        [torch.autograd.grad(first[:, c].sum(), mean, retain_graph=True)[0] for c in range(n_scores)], 1
    )
    found = slopes(mean.detach(), variance.detach(), y)
    torch.testing.assert_close(found.pull, first.detach())
    torch.testing.assert_close(found.bends, -bends)
    torch.testing.assert_close(found.widths, -2 * second.detach())


def test_the_divergence_is_torchs():
    mean = torch.tensor([[0.5, -2.0]]).double()
    roots = torch.tensor([[[0.5, 0.0], [0.3, 2.0]]]).double()
    laws = torch.distributions.MultivariateNormal
    theirs = torch.distributions.kl_divergence(
        laws(mean[0], precision_matrix=roots[0] @ roots[0].T), laws(0 * mean[0], torch.eye(2).double())
    )
    assert divergence(mean, roots) == pytest.approx(float(theirs))


@EACH
def test_no_other_posterior_has_a_larger_bound(y):
    found = best_classes(rows(y))
    assert bound_of(rows(y), found.mean, found.roots) == found.bound
    draw = torch.Generator().manual_seed(3)
    for size in (1e-2, 0.1):
        for _ in range(10):
            moved = found.mean + size * torch.randn(found.mean.shape, generator=draw, dtype=torch.float64)
            bent = found.roots + size * torch.randn(found.roots.shape, generator=draw, dtype=torch.float64).tril()
            assert bound_of(rows(y), moved, found.roots) < found.bound
            assert bound_of(rows(y), found.mean, bent) < found.bound


def test_the_bound_lies_just_below_the_integral():
    """Of two rows, one of each class, summed over a grid of both scores."""
    x, y = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0.0, 1.0]).double()
    kernel = KernelSum("rbf", 1)
    settings = torch.tensor([3.0, 1.5]).double()
    grid = torch.linspace(-12, 12, 801, dtype=torch.float64)
    root = torch.linalg.cholesky(kernel(settings, x, x))
    u, v = torch.meshgrid(grid, grid, indexing="ij")
    log_p = logsigmoid(-root[0, 0] * u) + logsigmoid(root[1, 0] * u + root[1, 1] * v)
    weight = -0.5 * (u.square() + v.square()) - math.log(2 * math.pi)
    exact = math.log(float((log_p + weight).exp().sum() * (grid[1] - grid[0]) ** 2))
    found = best_classes(Rows(*seen_by(x, x, kernel=kernel, settings=settings), y, torch.ones(2).double()))
    assert exact - 0.05 < found.bound < exact


@EACH
def test_the_slope_of_the_bound_is_that_of_its_values(y):
    at = torch.cat([SETTINGS.log(), X[:5].flatten()])
    weight = torch.ones(40).double()
    _, slope = classes_bound(X, y, kernel=KERNEL, weight=weight)(at)
    for i in (0, 1, 4):
        step = torch.zeros_like(at)
        step[i] = 1e-4
        ends = [classes_bound(X, y, kernel=KERNEL, weight=weight)(at + sign * step)[0] for sign in (1, -1)]
        assert float(slope[i]) == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=2e-3)


@EACH
def test_a_row_of_weight_two_is_that_row_twice(y):
    weight = torch.ones(40).double()
    weight[:10] = 2
    x, twice = torch.cat([X, X[:10]]), torch.cat([y, y[:10]])
    doubled = Rows(*seen_by(X[:8], x, kernel=KERNEL, settings=SETTINGS), twice, torch.ones(50).double())
    assert best_classes(rows(y, weight=weight)).bound == pytest.approx(best_classes(doubled).bound, abs=1e-5)


@pytest.mark.slow
def test_learning_raises_the_bound_and_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    logs, points, found = learn_sparse_classes(X, TWO, kernel=KERNEL, n_inducing=8, n_restarts=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert points.shape == (8, 2)
    begun = best_classes(Rows(*seen_by(X[:8], X, kernel=KERNEL, settings=logs.exp()), TWO, torch.ones(40).double()))
    assert found.bound > begun.bound
