"""Inducing points that are learned: the bound's slope, rows repeated, and how near it comes to the exact evidence."""

import numpy as np
import pytest
import torch

from parnassus.functional.bayes.kernel_sums import KernelSum
from parnassus.functional.bayes.learned_sparse import learn_sparse_process, sparse_bound
from parnassus.functional.bayes.process_evidence import by_settings, learn_process, noisy_evidence

RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(size=(40, 2)))
Y = torch.sin(2 * X[:, :1]) + 0.5 * X[:, 1:] + 0.1 * torch.from_numpy(RNG.normal(size=(40, 1)))
Y = (Y - Y.mean()) / Y.std()
KERNEL = KernelSum("rbf", 2, ard=True)
AT = torch.tensor([0.3, -0.2, 0.5, -1.5]).double()
ONES = torch.ones(40).double()


def test_the_slope_is_a_difference_of_values_with_weights_too():
    both, weight = torch.cat([Y, Y.flip(0)], 1), 0.2 + X[:, 0].abs()
    function = sparse_bound(X, both, kernel=KERNEL, weight=weight)
    at = torch.cat([AT, X[:5].flatten() + 0.1])
    slope = function(at)[1]
    for i in range(len(at)):
        step = 1e-5 * torch.eye(len(at)).double()[i]
        assert float(slope[i]) == pytest.approx((function(at + step)[0] - function(at - step)[0]) / 2e-5, abs=1e-4)


def test_points_that_are_the_rows_have_the_exact_evidence_and_fewer_are_below_it():
    exact = by_settings(KERNEL, X, noisy_evidence(Y, ONES))(AT)[0]
    function = sparse_bound(X, Y, kernel=KERNEL, weight=ONES)
    assert function(torch.cat([AT, X.flatten()]))[0] == pytest.approx(exact, abs=1e-3)
    values = [function(torch.cat([AT, X[:m].flatten()]))[0] for m in (3, 10, 20)]
    assert values == sorted(values)
    assert values[-1] < exact


def test_a_row_of_weight_two_is_that_row_twice():
    twice, weight = torch.cat([torch.arange(40), torch.arange(5)]), ONES.clone()
    weight[:5] = 2
    at = torch.cat([AT, X[:6].flatten()])
    once = sparse_bound(X, Y, kernel=KERNEL, weight=weight)(at)
    doubled = sparse_bound(X[twice], Y[twice], kernel=KERNEL, weight=torch.ones(45).double())(at)
    assert once[0] == pytest.approx(doubled[0], rel=1e-8)
    torch.testing.assert_close(once[1], doubled[1], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_few_points_come_near_the_exact_maximum_from_below():
    _, exact = learn_process(X, Y, kernel=KERNEL)
    logs, points, bound = learn_sparse_process(X, Y, kernel=KERNEL, n_inducing=20)
    assert exact - 1 < bound < exact + 1e-3
    assert (len(logs), points.shape) == (4, (20, 2))
    start = sparse_bound(X, Y, kernel=KERNEL, weight=ONES)(torch.cat([logs, X[:20].flatten()]))[0]
    assert bound > start  # where points are learned they are better than rows
