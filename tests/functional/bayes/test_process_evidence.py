"""The evidence of a process and its slope against scikit-learn, densities written out, and rows repeated."""

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from parnassus.errors import DataError, SettingError
from parnassus.functional.bayes import periodic_kernel
from parnassus.functional.bayes import process_evidence as module
from parnassus.functional.bayes.kernel_sums import SETTINGS, KernelSum
from parnassus.functional.bayes.process_evidence import (
    by_settings,
    climb,
    learn_process,
    likely_starts,
    noisy_evidence,
    process_evidence,
    repeated_rows,
    scattered,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.1 * RNG.normal(size=40)
Y = (Y - Y.mean()) / Y.std()
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)[:, None]
ONES = torch.ones(40, dtype=torch.float64)

PEERS = {
    "rbf": (False, lambda: kernels.ConstantKernel(1.3) * kernels.RBF(0.7)),
    "matern12": (True, lambda: kernels.ConstantKernel(1.3) * kernels.Matern([0.7, 2.0], nu=0.5)),
    "matern32": (True, lambda: kernels.ConstantKernel(1.3) * kernels.Matern([0.7, 2.0], nu=1.5)),
    "matern52": (False, lambda: kernels.ConstantKernel(1.3) * kernels.Matern(0.7, nu=2.5)),
    "rbf + matern32": (
        True,
        lambda: (
            kernels.ConstantKernel(0.4) * kernels.RBF([1.0, 3.0])
            + kernels.ConstantKernel(2.0) * kernels.Matern([0.5, 1.5], nu=1.5)
        ),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_evidence_and_slope_are_scikit_learns(name):
    ard, make = PEERS[name]
    theirs = make() + kernels.WhiteKernel(0.2)
    other = GaussianProcessRegressor(theirs, alpha=0, optimizer=None).fit(X, Y)
    value, slope = other.log_marginal_likelihood(theirs.theta, eval_gradient=True)
    kernel = KernelSum(name, 2, ard=ard)
    found, ours = by_settings(kernel, TX, noisy_evidence(TY, ONES))(torch.from_numpy(theirs.theta))
    assert found == pytest.approx(value, rel=1e-10)
    assert ours.numpy() == pytest.approx(slope, rel=1e-8, abs=1e-8)


def test_the_periodic_and_the_linear_kernel_are_scikit_learns_too():
    x, y = X[:, :1], Y
    theirs = kernels.ConstantKernel(1.3) * kernels.ExpSineSquared(0.8, 1.7) + kernels.WhiteKernel(0.2)
    value, slope = (
        GaussianProcessRegressor(theirs, alpha=0, optimizer=None)
        .fit(x, y)
        .log_marginal_likelihood(theirs.theta, eval_gradient=True)
    )
    function = by_settings(KernelSum("periodic", 1), TX[:, :1], noisy_evidence(TY, ONES))
    found, ours = function(torch.from_numpy(theirs.theta))
    assert found == pytest.approx(value, rel=1e-10)
    assert ours.numpy() == pytest.approx(slope, rel=1e-8)
    # theirs is variance (a.b + bias); ours variance a.b + bias
    theirs = kernels.ConstantKernel(1.3) * kernels.DotProduct(0.5) + kernels.WhiteKernel(0.2)
    value = GaussianProcessRegressor(theirs, alpha=0, optimizer=None).fit(X, Y).log_marginal_likelihood(theirs.theta)
    function = by_settings(KernelSum("linear", 2), TX, noisy_evidence(TY, ONES))
    assert function(torch.tensor([1.3, 1.3 * 0.25, 0.2]).double().log())[0] == pytest.approx(value, rel=1e-8)


def test_the_periodic_kernel_is_its_definition_for_several_columns():
    waves = (torch.pi * (TX[:, None] - TX[None, :7]) / 1.7).sin().square().sum(-1)
    ours = periodic_kernel(TX, TX[:7], period=1.7, scale=0.8, variance=2.0)
    torch.testing.assert_close(ours, 2 * (-2 * waves / 0.64).exp(), rtol=1e-12, atol=1e-14)


def test_the_evidence_of_several_columns_is_the_sum_of_normal_densities():
    table, noise = KernelSum("rbf", 2)(torch.tensor([1.0, 1.0]).double(), TX, TX), 0.1 + 0.3 * ONES * TX[:, 0].abs()
    two = torch.cat([TY, TY.flip(0)], 1)
    law = torch.distributions.MultivariateNormal(0 * TY[:, 0], table + noise.diag())
    found = process_evidence(table, two, noise=noise)
    assert found.value == pytest.approx(float(law.log_prob(two.T).sum()), rel=1e-10)
    torch.testing.assert_close((table + noise.diag()) @ found.weights, two)


def test_the_slope_is_a_difference_of_values_with_weights_too():
    weight = 0.2 + TX[:, 0].abs()
    function = by_settings(KernelSum("rbf + linear", 2, ard=True), TX, noisy_evidence(TY, weight))
    at = torch.tensor([0.3, -0.2, 0.5, 0.1, -0.4, -1.5]).double()
    slope = function(at)[1]
    for i in range(len(at)):
        step = 1e-5 * torch.eye(len(at), dtype=torch.float64)[i]
        assert float(slope[i]) == pytest.approx((function(at + step)[0] - function(at - step)[0]) / 2e-5, rel=1e-5)


def test_a_row_of_weight_two_is_that_row_twice():
    twice, weight = torch.cat([torch.arange(40), torch.arange(5)]), ONES.clone()
    weight[:5] = 2
    at = torch.tensor([0.3, -0.2, -1.5]).double()
    kernel = KernelSum("rbf", 2)
    once = by_settings(kernel, TX, noisy_evidence(TY, weight))(at)
    doubled = by_settings(kernel, TX[twice], noisy_evidence(TY[twice], torch.ones(45).double()))(at)
    assert once[0] == pytest.approx(doubled[0], rel=1e-10)
    torch.testing.assert_close(once[1], doubled[1], rtol=1e-8, atol=1e-8)


def test_what_weights_add_is_the_powers_of_a_density():
    noise, weight = torch.tensor(0.3).double(), torch.tensor([3.0, 0.5]).double()
    spread, more = repeated_rows(noise, weight)
    y = torch.tensor([0.4, -1.0]).double()
    plain, spared = (torch.distributions.Normal(0.0, s.sqrt()).log_prob(y) for s in (noise, spread))
    assert float((weight * plain).sum()) == pytest.approx(float(spared.sum() + more), rel=1e-6)


@pytest.mark.parametrize("ard", [False, True])
def test_the_climb_ends_no_lower_than_scikit_learns(ard):
    theirs = kernels.ConstantKernel() * kernels.RBF([1.0, 1.0] if ard else 1.0) + kernels.WhiteKernel(0.1)
    other = GaussianProcessRegressor(theirs, alpha=0, n_restarts_optimizer=2, random_state=0).fit(X, Y)
    logs, value = learn_process(TX, TY, kernel=KernelSum("rbf", 2, ard=ard))
    assert value >= other.log_marginal_likelihood_value_ - 1e-4
    assert logs.numpy() == pytest.approx(other.kernel_.theta, abs=0.02)


def test_starts_from_some_rows_end_where_starts_from_all_do(monkeypatch):
    kernel, wide = KernelSum("rbf", 3, ard=True), torch.cat([TX, TX[:, :1].flip(0)], 1)  # the third says nothing
    _, whole = learn_process(wide, TY, kernel=kernel)
    monkeypatch.setattr(module, "START_ROWS", 15)
    _, value = learn_process(wide, TY, kernel=kernel)
    assert value == pytest.approx(whole, abs=1e-3)


def test_a_table_that_is_no_covariance_is_refused_and_a_climb_goes_around_it():
    with pytest.raises(DataError, match="table of 2 rows is not positive definite"):
        process_evidence(torch.tensor([[1.0, 2.0], [2.0, 1.0]]).double(), TY[:2], noise=torch.zeros(2).double())

    def hill(at):  # which has no value above 2
        if float(at) > 2:
            raise DataError("no further")
        return -float((at - 1) ** 2), -2 * (at - 1)

    bounds = torch.tensor([[-5.0, 5.0]]).double()
    best, value = climb(hill, torch.tensor([[4.0], [-3.0]]).double(), bounds)
    assert float(best) == pytest.approx(1, abs=1e-4)
    assert value == pytest.approx(0, abs=1e-6)
    with pytest.raises(DataError, match="no further"):
        climb(hill, torch.tensor([[4.0]]).double(), bounds)


def test_starts_fill_their_box_and_kernels_are_named():
    starts = scattered(torch.zeros(2).double(), torch.tensor([[-1.0, 1.0], [3.0, 5.0]]).double(), 8)
    assert starts.shape == (8, 2)
    assert (starts[:, 1] >= 3).all()
    assert (starts[:, 1] <= 5).all()
    assert len(starts.unique(dim=0)) == 8
    likely = likely_starts(lambda at: (-float((at[1] + 1).square()), at), [SETTINGS["rbf"][0], SETTINGS["rbf"][1]], 3)
    assert likely[0].tolist() == [0, 0]
    assert likely[1:, 1].numpy() == pytest.approx(-1, abs=0.4)
    for wrong in ("rbff", "", "rbf +", 3):
        with pytest.raises(SettingError, match="no kernel"):
            KernelSum(wrong, 2)
    sums = KernelSum(" + ".join(SETTINGS), 2, ard=True)
    values = (1 + torch.arange(len(sums.settings)) / 10).double()
    torch.testing.assert_close(sums(values, TX, TX).diagonal(), sums.diagonal(values, TX))
