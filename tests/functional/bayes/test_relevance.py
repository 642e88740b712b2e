"""Relevance vectors: densities written out, slopes at the end, Tipping's sinc, and scikit-learn's ARD."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import ARDRegression

from parnassus.errors import DataError
from parnassus.functional.bayes import rbf_kernel
from parnassus.functional.bayes.logistic import logistic_posterior
from parnassus.functional.bayes.relevance import best_steps, relevance_classification, relevance_regression

RNG = np.random.default_rng(0)
X = np.linspace(-10, 10, 100)
SINC = np.sinc(X / np.pi)  # sin(x) / x, of Tipping 2001
Y = torch.from_numpy(SINC + 0.1 * RNG.normal(size=100))


def basis_of(x, scale):
    rows = torch.from_numpy(x)[:, None] if x.ndim == 1 else torch.from_numpy(x)
    return torch.cat([rbf_kernel(rows, rows, scale=scale), torch.ones(len(x), 1).double()], 1)


def log_density(basis, y, precision, noise):
    """ln N(y; 0, noise I + sum phi phi' / precision), written out."""
    covariance = noise * torch.eye(len(y)).double() + (basis / precision) @ basis.T
    return torch.distributions.MultivariateNormal(0 * y, covariance).log_prob(y)


@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0])
def test_tippings_sinc_is_found_with_its_noise_from_a_few_rows(scale):
    basis = basis_of(X, scale)
    found = relevance_regression(basis, Y)
    assert len(found.kept) < 10
    assert math.sqrt(found.noise) == pytest.approx(0.1, abs=0.02)
    assert np.sqrt(np.square((basis[:, found.kept] @ found.mean).numpy() - SINC).mean()) < 0.06
    expected = log_density(basis[:, found.kept], Y, found.precision, found.noise)
    assert found.log_evidence == pytest.approx(float(expected), abs=1e-6)
    assert (np.diff(found.course) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0])
def test_the_evidence_is_scikit_learns_or_higher(scale):
    basis = basis_of(X, scale)
    theirs = ARDRegression(fit_intercept=False, max_iter=500, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0,
                           threshold_lambda=1e8)  # fmt: skip
    theirs.fit(basis.numpy(), Y.numpy())
    kept = np.abs(theirs.coef_) > 0
    evidence = log_density(basis[:, kept], Y, torch.from_numpy(theirs.lambda_[kept]), 1 / theirs.alpha_)
    found = relevance_regression(basis, Y)
    assert found.log_evidence > float(evidence) - 0.2
    assert len(found.kept) <= kept.sum() + 1


def test_at_the_end_no_precision_and_no_column_would_raise_the_evidence():
    basis = basis_of(X[::3], 2.0)
    y = Y[::3]
    found = relevance_regression(basis, y)
    logs = found.precision.log().requires_grad_()
    log_density(basis[:, found.kept], y, logs.exp(), found.noise).backward()
    assert logs.grad.abs().max() < 0.02
    noise = torch.tensor(math.log(found.noise)).double().requires_grad_()
    log_density(basis[:, found.kept], y, found.precision, noise.exp()).backward()
    assert abs(float(noise.grad)) < 0.05
    whole = float(found.log_evidence)
    for column in set(range(basis.shape[1])) - set(found.kept.tolist()):
        wider = torch.cat([found.kept, torch.tensor([column])])
        for precision in (0.1, 10.0, 1e3):
            own = torch.cat([found.precision, torch.tensor([precision]).double()])
            assert float(log_density(basis[:, wider], y, own, found.noise)) < whole + 1e-3


def test_a_steps_gain_is_the_difference_of_densities():
    basis, y = basis_of(X[::5], 2.0), Y[::5]
    precision = torch.full((21,), math.inf).double()
    precision[[4, 10, 17]] = torch.tensor([2.0, 0.5, 1e6]).double()

    def density(own):
        inside = own.isfinite()
        return float(log_density(basis[:, inside], y, own[inside], 0.05))

    inside = precision.isfinite()
    covariance = 0.05 * torch.eye(20).double() + (basis[:, inside] / precision[inside]) @ basis[:, inside].T
    solved = torch.linalg.solve(covariance, torch.cat([basis, y[:, None]], 1))
    steps = best_steps((basis * solved[:, :-1]).sum(0), basis.T @ solved[:, -1], precision)
    for column in range(21):
        changed = precision.clone()
        changed[column] = steps.precision[column]
        assert density(changed) - density(precision) == pytest.approx(float(steps.gain[column]), abs=1e-7)
        for other in (0.3, 3.0, 100.0, math.inf):  # which is the best of all
            changed[column] = other
            assert density(changed) - density(precision) <= float(steps.gain[column]) + 1e-7


def test_classes_are_told_by_few_rows_and_the_evidence_rises():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, 2))
    y = torch.from_numpy(((x**2).sum(1) + 0.4 * rng.normal(size=150) > 1.4).astype(float))
    basis = basis_of(x, 1.0)
    found = relevance_classification(basis, y)
    assert len(found.kept) < 12
    assert (np.diff(found.course) > 0).all()
    own = basis[:, found.kept]
    assert (((own @ found.mean) > 0) == (y > 0)).double().mean() > 0.85
    again = logistic_posterior(own, y, precision=found.precision)
    torch.testing.assert_close(again.mean[:, 0], found.mean)
    assert again.log_evidence == pytest.approx(found.log_evidence)
    for at in range(len(found.kept)):  # none of them is better left out
        others = torch.arange(len(found.kept)) != at
        fewer = logistic_posterior(own[:, others], y, precision=found.precision[others])
        assert fewer.log_evidence < found.log_evidence + 1e-6


def test_a_row_of_weight_two_is_that_row_twice():
    twice, weight = torch.cat([torch.arange(100), torch.arange(30)]), torch.ones(100).double()
    weight[:30] = 2
    basis = basis_of(X, 2.0)
    for fit, y in ((relevance_regression, Y), (relevance_classification, (Y > 0.1).double())):
        once, doubled = fit(basis, y, weight=weight), fit(basis[twice], y[twice])
        assert once.log_evidence == pytest.approx(doubled.log_evidence, abs=1e-6)
        torch.testing.assert_close(once.kept, doubled.kept)
        torch.testing.assert_close(once.mean, doubled.mean, rtol=1e-4, atol=1e-6)


def test_noise_keeps_little_and_answers_of_one_kind_are_refused():
    rng = np.random.default_rng(1)
    random = torch.from_numpy(rng.normal(size=100))
    assert len(relevance_regression(basis_of(X, 4.0), random).kept) <= 4
    with pytest.raises(DataError, match="0 in every row"):
        relevance_regression(basis_of(X, 2.0), 0 * Y)
    with pytest.raises(DataError, match="same in every row"):
        relevance_classification(basis_of(X, 2.0), 0 * Y)
    with pytest.raises(DataError, match="row 7 holds NaN"):
        relevance_regression(basis_of(X, 2.0), Y.index_put((torch.tensor(7),), torch.tensor(math.nan).double()))
