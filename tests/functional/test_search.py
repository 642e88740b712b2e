"""Conjugate gradient, secant updates, the line search and the searches without slopes, against solves and scipy."""

import numpy as np
import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.search import (
    bfgs_update,
    branch_and_bound,
    conjugate_gradient,
    random_search,
    strong_wolfe,
    two_loop,
)
from parnassus.functional.surfaces import himmelblau, rastrigin, rosenbrock


def spd(n=6):
    g = torch.Generator().manual_seed(0)
    root = torch.randn(n, n, generator=g, dtype=torch.float64)
    return root @ root.T + torch.eye(n), torch.randn(n, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("damping", [0.0, 2.5])
def test_conjugate_gradient_solves_in_n_steps(damping):
    """torch.linalg.solve."""
    A, b = spd()
    x = conjugate_gradient(lambda v: A @ v, b, damping=damping)
    assert torch.allclose(x, torch.linalg.solve(A + damping * torch.eye(6), b), atol=1e-8)
    warm = conjugate_gradient(lambda v: A @ v, b, damping=damping, start=x + 0.1)
    assert torch.allclose(warm, x, atol=1e-8)


def test_its_path_is_scipys():
    """scipy.sparse.linalg.cg stopped after three steps."""
    from scipy.sparse.linalg import cg

    A, b = spd()
    theirs, _ = cg(A.numpy(), b.numpy(), maxiter=3, rtol=0)
    assert np.allclose(conjugate_gradient(lambda v: A @ v, b, steps=3).numpy(), theirs, atol=1e-10)


def test_negative_curvature_ends_it_with_a_way_down():
    A = torch.diag(torch.tensor([1.0, -1.0]))
    b = torch.tensor([0.1, 1.0])
    assert torch.equal(conjugate_gradient(lambda v: A @ v, b), b)


def test_a_secant_update_maps_the_change_to_the_step():
    A, _ = spd()
    step = torch.arange(1.0, 7.0, dtype=torch.float64)
    updated = bfgs_update(torch.eye(6, dtype=torch.float64), step, A @ step)
    assert torch.allclose(updated @ (A @ step), step)
    assert torch.allclose(updated, updated.T)
    assert (torch.linalg.eigvalsh(updated) > 0).all()


def test_the_two_loops_are_the_matrix():
    """Slow twin: bfgs_update over the pairs, from the scaled identity."""
    A, b = spd()
    g = torch.Generator().manual_seed(1)
    steps = [torch.randn(6, generator=g, dtype=torch.float64) for _ in range(4)]
    changes = [A @ s for s in steps]
    scale = (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    inverse = scale * torch.eye(6, dtype=torch.float64)
    for s, y in zip(steps, changes, strict=True):
        inverse = bfgs_update(inverse, s, y)
    assert torch.allclose(two_loop(b, steps, changes), inverse @ b, atol=1e-10)


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 50.0])
@pytest.mark.parametrize("curvature", [0.9, 0.1])
def test_the_line_search_ends_where_wolfes_conditions_hold(first, curvature):
    """Nocedal and Wright 3.7, on the line from (-1.2, 1) down Rosenbrock's slope."""
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)

    def at(t, d=None):
        p = (x + t * d).requires_grad_() if d is not None else x.clone().requires_grad_()
        value = rosenbrock(p)
        (slope,) = torch.autograd.grad(value, p)
        return value.item(), slope

    value, g = at(0.0)
    d = -g / g.norm()

    def evaluate(t):
        v, s = at(t, d)
        return v, float(s @ d)

    t = strong_wolfe(evaluate, value, float(g @ d), first=first, curvature=curvature)
    v, s = evaluate(t)
    assert t > 0
    assert v <= value + 1e-4 * t * float(g @ d)
    assert abs(s) <= curvature * abs(float(g @ d))


def test_the_line_search_steps_back_from_what_is_not_finite():
    def evaluate(t):
        return (float("inf"), float("nan")) if t > 0.5 else ((t - 0.3) ** 2, 2 * (t - 0.3))

    assert strong_wolfe(evaluate, 0.09, -0.6, first=8.0) == pytest.approx(0.3, abs=0.28)


def test_random_search_closes_in_on_a_lowest_point():
    """Himmelblau's function is 0 at its four minima and nowhere else; equal seeds draw equal points."""
    low, high = torch.full((2,), -5.0, dtype=torch.float64), torch.full((2,), 5.0, dtype=torch.float64)
    point, value = random_search(himmelblau, low, high, levels=16)
    assert value == float(himmelblau(point)) < 1e-3
    assert torch.equal(point, random_search(himmelblau, low, high, levels=16)[0])
    assert not torch.equal(point, random_search(himmelblau, low, high, levels=16, seed=1)[0])


def test_branch_and_bound_is_within_its_tolerance_of_the_global_minimum():
    """scipy.optimize.brute on a fine grid; the slope of sin(3x) + x^2 / 10 on [-4, 4] is at most 3.8."""
    from scipy.optimize import brute

    def waves(x):
        return torch.sin(3 * x).sum() + x.square().sum() / 10

    point, value, looked = branch_and_bound(
        waves, torch.tensor([-4.0]).double(), torch.tensor([4.0]).double(), lipschitz=3.8, tolerance=1e-4
    )
    best = brute(lambda x: float(np.sin(3 * x[0]) + x[0] ** 2 / 10), ((-4, 4),), Ns=400)
    assert value == pytest.approx(float(waves(torch.from_numpy(np.asarray(best)))), abs=1e-4)
    assert float(point[0]) == pytest.approx(float(best[0]), abs=0.02)
    assert looked < 3000


def test_branch_and_bound_says_how_far_it_came():
    with pytest.raises(SettingError, match="known to within"):
        branch_and_bound(rastrigin, torch.full((2,), -3.0), torch.full((2,), 4.0), lipschitz=100.0, boxes=50)
