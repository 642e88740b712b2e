"""Sparse processes on data: numbers beside the exact process, and classes beside an integral."""

import math

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from parnassus.errors import DataError, SettingError
from parnassus.functional.bayes import gaussian_process
from parnassus.sampling import SparseProcess

RNG = np.random.default_rng(0)
X = RNG.uniform(-3, 3, (150, 1))
Y = 5 + 2 * np.sin(2 * X[:, 0]) + 0.2 * RNG.normal(size=150)


def test_numbers_are_found_with_their_noise_and_the_bound_is_below_the_exact_evidence():
    found = SparseProcess(n_inducing=15, n_steps=200).fit(X, Y)
    grid = np.linspace(-2.8, 2.8, 50)[:, None]
    mean, std = found.predict(grid, return_std=True)
    assert np.abs(mean - 5 - 2 * np.sin(2 * grid[:, 0])).max() < 0.25
    assert std == pytest.approx(0.2, abs=0.06)
    assert found.predict([[30.0]], return_std=True)[1][0] > 1  # far away it knows nothing
    x, y = found._seen
    exact = gaussian_process(x, y, x[:3], kernel=found._kernel, noise=float(found._noise)).log_evidence
    assert exact - 1 < found.bound_ < exact + 1e-6
    assert found.elbo_[-1] > found.elbo_[0]


def test_two_classes_have_a_bound_just_below_the_integral():
    x, labels = np.array([[-1.0], [1.0]]), ["no", "yes"]
    found = SparseProcess(likelihood="bernoulli", n_steps=400).fit(x, labels)
    k = found._kernel(found._seen[0], found._seen[0])
    grid = torch.linspace(-12, 12, 801, dtype=torch.float64)
    root = torch.linalg.cholesky(k)
    u, v = torch.meshgrid(grid, grid, indexing="ij")
    f, g = root[0, 0] * u, root[1, 0] * u + root[1, 1] * v
    log_p = torch.nn.functional.logsigmoid(-f) + torch.nn.functional.logsigmoid(g)
    weight = -0.5 * (u.square() + v.square()) - math.log(2 * math.pi)
    exact = float((log_p + weight).exp().sum() * (grid[1] - grid[0]) ** 2)
    assert math.log(exact) - 0.05 < found.bound_ < math.log(exact)
    assert found.predict(x).tolist() == labels


@pytest.mark.slow
def test_classes_on_a_ring_are_told_apart_by_batches_of_rows():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    y = np.where((x**2).sum(1) > 1.5, "out", "in")
    found = SparseProcess(likelihood="bernoulli", n_inducing=20, batch_size=64, n_steps=250).fit(x[:200], y[:200])
    assert (found.predict(x[200:]) == y[200:]).mean() > 0.9
    p = found.predict_proba(x[200:])
    assert p.sum(1) == pytest.approx(1)
    assert found.predict_proba([[40.0, 40.0]])[0] == pytest.approx([0.5, 0.5], abs=0.2)
    assert (found.predict_proba(x) == SparseProcess(
        likelihood="bernoulli", n_inducing=20, batch_size=64, n_steps=250).fit(x[:200], y[:200]).predict_proba(x)
    ).all()  # fmt: skip


def test_scikit_learns_process_says_much_the_same():
    found = SparseProcess(n_inducing=25, n_steps=300).fit(X, Y)
    theirs = GaussianProcessRegressor(
        kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel(), normalize_y=True
    ).fit(X, Y)
    grid = np.linspace(-2.9, 2.9, 40)[:, None]
    mean, std = found.predict(grid, return_std=True)
    other, spread = theirs.predict(grid, return_std=True)
    np.testing.assert_allclose(mean, other, atol=0.08)
    np.testing.assert_allclose(std, spread, rtol=0.15)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: SparseProcess(likelihood="normel"), SettingError, "did you mean 'normal'"),
    (lambda: SparseProcess(kernel="rfb"), SettingError, "rbf"),
    (lambda: SparseProcess(n_inducing=0), SettingError, "1 or more"),
    (lambda: SparseProcess(batch_size=5), SettingError, "bernoulli"),
    (lambda: SparseProcess().fit(X, Y[:5]), DataError, "one for each row"),
    (lambda: SparseProcess().fit(X[:, 0], Y), DataError, "rows, columns"),
    (lambda: SparseProcess().fit(np.where(X > 2.9, np.nan, X), Y), DataError, "nan in row"),
    (lambda: SparseProcess().fit([["a"]], [1.0]), DataError, "no number"),
    (lambda: SparseProcess(likelihood="bernoulli").fit(X, np.zeros(150)), DataError, "1 classes"),
    (lambda: SparseProcess().predict(X), SettingError, "call fit"),
    (lambda: SparseProcess(n_steps=2).fit(X, Y).predict(np.zeros((2, 3))), DataError, "fit saw 1"),
    (lambda: SparseProcess(n_steps=2).fit(X, Y).predict_proba(X), SettingError, "no classes"),
])  # fmt: skip
def test_data_and_settings_that_cannot_be_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_one_row_and_a_level_target_are_answered():
    assert SparseProcess(n_steps=5).fit([[1.0]], [3.0]).predict([[1.0]]) == pytest.approx([3.0])
    assert SparseProcess(n_steps=20).fit(X, np.full(150, 7.0)).predict(X[:4]) == pytest.approx([7.0] * 4, abs=1e-6)
