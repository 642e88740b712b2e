"""Sparse codes and atoms against scikit-learn's, and against the conditions of a minimum."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.decomposition import sparse_encode
from sklearn.linear_model import Lasso

from parnassus.functional.sparse_coding import better_atoms, shrunk, sparse_codes, sparse_cost

RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(size=(30, 8)))
ATOMS = torch.from_numpy(RNG.normal(size=(12, 8)))
ATOMS = ATOMS / ATOMS.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0])
def test_codes_are_scikit_learns(alpha):
    theirs = sparse_encode(X.numpy(), ATOMS.numpy(), algorithm="lasso_lars", alpha=alpha)
    found = sparse_codes(X, ATOMS, alpha=alpha, n_steps=5000, tol=1e-10)
    np.testing.assert_allclose(found.numpy(), theirs, atol=1e-4)
    costs = [sparse_cost(X, c, ATOMS, alpha=alpha) for c in (found, torch.from_numpy(theirs))]
    assert (costs[0] <= costs[1] + 1e-8).all()


def test_codes_meet_the_conditions_of_a_minimum():
    codes = sparse_codes(X, ATOMS, alpha=0.3, n_steps=5000, tol=1e-12)
    pull = (X - codes @ ATOMS) @ ATOMS.T
    on = codes != 0
    assert 0.05 < float(on.double().mean()) < 0.95
    torch.testing.assert_close(pull[on], 0.3 * codes[on].sign(), rtol=1e-6, atol=1e-6)
    assert float(pull[~on].abs().max()) <= 0.3 + 1e-6


def test_holes_cost_nothing():
    observed = torch.from_numpy((RNG.random((30, 8)) < 0.7).astype(float))
    codes = sparse_codes(X * observed, ATOMS, alpha=0.2, observed=observed, n_steps=20_000, tol=1e-12)
    for i in range(3):
        seen = observed[i] > 0
        lasso = Lasso(alpha=0.2 / int(seen.sum()), fit_intercept=False, max_iter=100_000, tol=1e-12, random_state=0)
        theirs = lasso.fit(ATOMS[:, seen].T.numpy(), X[i, seen].numpy()).coef_
        np.testing.assert_allclose(codes[i].numpy(), theirs, atol=1e-4)


def test_shrinking_is_the_least_of_a_parabola_and_a_roof():
    grid = torch.linspace(-5, 5, 100_001, dtype=torch.float64)
    for x in (-2.0, -0.4, 0.0, 0.7, 3.0):
        best = float(grid[(0.5 * (grid - x).square() + 0.7 * grid.abs()).argmin()])
        assert float(shrunk(torch.tensor(x), 0.7)) == pytest.approx(best, abs=1e-4)


def test_atoms_get_better_and_no_longer_than_one():
    codes = sparse_codes(X, ATOMS, alpha=0.3)
    costs, atoms = [float(sparse_cost(X, codes, ATOMS, alpha=0.3).mean())], ATOMS
    for _ in range(30):
        atoms = better_atoms(atoms, codes.T @ codes, codes.T @ X)
        costs.append(float(sparse_cost(X, codes, atoms, alpha=0.3).mean()))
    assert all(b <= a + 1e-12 for a, b in itertools.pairwise(costs))
    assert costs[-1] < 0.95 * costs[0]
    assert float(atoms.norm(dim=1).max()) <= 1 + 1e-12
