"""Bayes' rule, conjugate families, linear models, processes and bounds against fixtures, scipy and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.linear_model import BayesianRidge

from parnassus.errors import DataError, SettingError
from parnassus.functional import bayes

Y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def test_b9_12_the_conjugate_fixture():
    found = bayes.normal_posterior(Y, noise=1.0)
    assert found[:3] == (1.5, 0.25, 1.25)
    assert found.log_evidence == pytest.approx(-5.949963, abs=1e-6)
    joint = stats.multivariate_normal(np.zeros(3), np.eye(3) + np.ones((3, 3)))
    assert found.log_evidence == pytest.approx(joint.logpdf(Y.numpy()), abs=1e-12)


def test_b9_12_bounds_of_three_normals():
    assert bayes.normal_elbo(Y, 1.5, 0.25) == pytest.approx(-5.949963, abs=1e-6)
    assert bayes.normal_elbo(Y, 0.0, 1.0) == pytest.approx(-11.256816, abs=1e-6)
    assert bayes.normal_elbo(Y, 2.0, 1 / 3) == pytest.approx(-6.472788, abs=1e-6)
    gap = bayes.kl_of_normals(torch.tensor([0.0]).double(), torch.tensor([1.0]).double(), 1.5, 0.5)
    assert float(gap) == pytest.approx(5.306853, abs=1e-6)


def test_b9_14_a_mean_field_is_too_narrow():
    variances, kl = bayes.mean_field_of_gaussian(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))
    assert variances.tolist() == pytest.approx([0.19, 0.19], abs=1e-12)
    assert kl == pytest.approx(0.830366, abs=1e-6)


@pytest.mark.slow
def test_b9_13_the_right_slopes_find_the_posterior_and_the_printed_ones_do_not():
    def run(step):
        generator = torch.Generator().manual_seed(0)
        mu, rho, tail = torch.zeros(1).double(), torch.zeros(1).double(), []
        for i in range(20000):
            eps = torch.randn(1, generator=generator, dtype=torch.float64)
            theta = mu + torch.nn.functional.softplus(rho) * eps
            slope = (Y - theta).sum(0, keepdim=True)
            d_mu, d_rho = step(mu, rho, eps, slope)
            mu, rho = mu - 0.002 * d_mu, rho - 0.002 * d_rho
            if i > 10000:
                tail.append((float(mu), float(torch.nn.functional.softplus(rho))))
        return np.mean(tail, axis=0)

    def right(mu, rho, eps, slope):
        return bayes.bayes_by_backprop_gradients(mu, rho, eps, log_likelihood_slope=slope)

    def printed(mu, rho, eps, slope):  # eq. 9.33: the slope of the likelihood alone
        sigma = torch.nn.functional.softplus(rho)
        return -slope - eps / sigma * 0, -slope * eps * torch.sigmoid(rho)

    mean, std = run(right)
    assert mean == pytest.approx(1.5, abs=0.05)
    assert std == pytest.approx(0.5, abs=0.05)
    mean, std = run(printed)
    assert mean == pytest.approx(2.0, abs=0.05)  # the mean of the data: the prior is ignored
    assert std < 0.1


def test_slopes_by_hand_are_those_of_autograd():
    torch_generator = torch.Generator().manual_seed(1)
    mu, rho, eps = (torch.randn(4, generator=torch_generator, dtype=torch.float64) for _ in range(3))
    mu.requires_grad_(), rho.requires_grad_()
    sigma = torch.nn.functional.softplus(rho)
    theta = mu + sigma * eps
    q, p = torch.distributions.Normal(mu, sigma), torch.distributions.Normal(0.0, 2.0)
    likelihood = -(theta**4).sum()
    (q.log_prob(theta).sum() - p.log_prob(theta).sum() - likelihood).backward()
    found = bayes.bayes_by_backprop_gradients(
        mu.detach(), rho.detach(), eps, log_likelihood_slope=-4 * theta.detach() ** 3, prior_std=2.0
    )
    torch.testing.assert_close(found.mu, mu.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.rho, rho.grad, rtol=1e-12, atol=1e-12)


def test_bayes_rule_takes_lists_and_arrays():
    posterior, evidence = bayes.posterior_table([0.5, 0.5], np.array([0.5, 0.1]))
    assert posterior.tolist() == pytest.approx([5 / 6, 1 / 6], abs=1e-15)
    assert float(evidence) == pytest.approx(0.3, abs=1e-15)
    density, log_evidence = bayes.grid_posterior([0.0, 1.0], [0.0, 0.0], [0.0, 0.0])
    assert (density.tolist(), log_evidence) == ([1.0, 1.0], 0.0)


def test_bayes_rule_on_a_table_refuses_what_means_nothing():
    prior = torch.tensor([0.5, 0.5])
    with pytest.raises(DataError, match=r"sums to 1\.1; probabilities that sum to 1"):
        bayes.posterior_table(torch.tensor([0.5, 0.6]), prior)
    with pytest.raises(DataError, match=r"prior of value 1 is -0\.5; a probability is a number from 0 up"):
        bayes.posterior_table(torch.tensor([1.5, -0.5]), prior)
    with pytest.raises(DataError, match="likelihood is 'a'; give numbers"):
        bayes.posterior_table(prior, "a")
    with pytest.raises(DataError, match="probability 0"):
        bayes.posterior_table(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.4]))
    with pytest.raises(DataError, match="below 0"):
        bayes.posterior_table(prior, torch.tensor([-0.1, 0.4]))
    posterior, evidence = bayes.posterior_table(prior, torch.tensor([[0.2, 1.0], [0.6, 0.0]]))
    assert posterior.flatten().tolist() == pytest.approx([0.25, 1.0, 0.75, 0.0])
    assert evidence.tolist() == pytest.approx([0.4, 0.5])


def test_a_grid_gives_what_the_conjugate_family_does():
    grid = torch.linspace(1e-6, 1 - 1e-6, 20001, dtype=torch.float64)
    y = torch.tensor([1.0, 1, 0, 1, 1])
    prior = torch.from_numpy(stats.beta(2, 3).logpdf(grid.numpy()))
    density, log_evidence = bayes.grid_posterior(grid, prior, y.sum() * grid.log() + (1 - y).sum() * (1 - grid).log())
    exact = bayes.bernoulli_posterior(y, a=2, b=3)
    assert log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
    assert float(torch.trapezoid(density * grid, grid)) == pytest.approx(exact.mean, abs=1e-6)
    with pytest.raises(DataError, match="ascending"):
        bayes.grid_posterior(grid.flip(0), prior, prior)


@pytest.mark.slow
def test_evidence_of_every_family_is_the_integral_of_its_joint():
    counts = torch.tensor([2, 0, 3, 1])
    found = bayes.poisson_posterior(counts, shape=2.0, rate=1.5)
    integral, _ = integrate.quad(
        lambda r: stats.gamma(2.0, scale=1 / 1.5).pdf(r) * np.prod(stats.poisson(r).pmf(counts.numpy())), 0, 50
    )
    assert found.log_evidence == pytest.approx(math.log(integral), abs=1e-8)
    y = torch.tensor([0.3, -1.2, 2.0])
    nig = bayes.normal_inverse_gamma(y, mean=0.5, kappa=2.0, a=1.5, b=0.7)
    m, v = np.linspace(-30, 30, 3001), np.geomspace(1e-3, 1e4, 1501)
    joint = stats.invgamma(1.5, scale=0.7).pdf(v)[:, None] * stats.norm(0.5, np.sqrt(v / 2.0)[:, None]).pdf(m)
    for value in y.tolist():
        joint = joint * stats.norm(m, np.sqrt(v)[:, None]).pdf(value)
    double = np.trapezoid(np.trapezoid(joint, m, axis=1), v)
    assert nig.log_evidence == pytest.approx(math.log(double), abs=1e-3)
    a, mean, log_evidence = bayes.categorical_posterior(
        torch.tensor([1.0, 2.0]), concentration=torch.tensor([2.0, 3.0])
    )
    same = bayes.bernoulli_posterior(torch.tensor([1, 0, 0]), a=2.0, b=3.0)
    assert (a[0], a[1]) == (same.a, same.b)
    assert log_evidence == pytest.approx(same.log_evidence, abs=1e-12)
    assert float(mean[0]) == pytest.approx(same.mean)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: bayes.normal_posterior(torch.tensor([]), noise=1.0), "one at least"),
    (lambda: bayes.normal_posterior(Y, noise=0.0), "noise is above 0"),
    (lambda: bayes.bernoulli_posterior(Y), "other than 0 and 1"),
    (lambda: bayes.poisson_posterior(torch.tensor([0.5])), "no counts"),
    (lambda: bayes.categorical_posterior(torch.tensor([-1.0])), "below 0"),
    (lambda: bayes.linear_posterior(torch.ones(3, 1), Y[:2], noise=1.0, precision=1.0), "expected"),
    (lambda: bayes.evidence_maximum(torch.ones(3, 1), torch.ones(3)), "constant"),
    (lambda: bayes.gaussian_process(torch.ones(3), Y, torch.ones(1, 1), kernel=bayes.rbf_kernel, noise=1.0), "shapes"),
    (lambda: bayes.gaussian_process(torch.ones(3, 1), torch.ones(3), torch.ones(1, 1), kernel=bayes.rbf_kernel,
                                    noise=0.0), "not positive definite"),
    (lambda: bayes.log_posterior_density(lambda t: t, -1.0), "not negative"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_linear_regression_is_scikit_learns_at_its_own_settings():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = x @ [1.0, -2.0, 0.0] + 0.4 * rng.normal(size=60)
    theirs = BayesianRidge(
        alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, fit_intercept=False, tol=1e-12, max_iter=2000
    ).fit(x, y)
    ours = bayes.evidence_maximum(torch.from_numpy(x), torch.from_numpy(y), tol=1e-14)
    assert 1 / ours.noise == pytest.approx(theirs.alpha_, rel=1e-4)
    assert ours.precision == pytest.approx(theirs.lambda_, rel=1e-4)
    np.testing.assert_allclose(ours.mean, theirs.coef_, atol=1e-6)
    mean, epistemic, total = ours.predict(torch.from_numpy(x[:5]))
    their_mean, their_std = theirs.predict(x[:5], return_std=True)
    np.testing.assert_allclose(mean, their_mean, atol=1e-6)
    np.testing.assert_allclose(total.sqrt(), their_std, rtol=1e-4)
    assert (epistemic < total).all()


def test_the_map_estimate_is_ridges():
    from parnassus.functional.linear import ridge

    rng = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=rng, dtype=torch.float64)
    y = torch.randn(40, generator=rng, dtype=torch.float64)
    x, y = x - x.mean(0), y - y.mean()
    posterior = bayes.linear_posterior(x, y, noise=0.5, precision=2.0)
    weights, _ = ridge(x, y[:, None], l2=0.5 * 2.0)
    density = bayes.log_posterior_density(lambda t: -(y - t @ x.T).square().sum(-1) / (2 * 0.5), 2.0)
    near = density(posterior.mean + 0.01 * torch.randn(50, 3, generator=rng, dtype=torch.float64))
    assert (density(posterior.mean) > near).all()
    torch.testing.assert_close(posterior.mean, weights.flatten(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["rbf", "matern", "periodic", "linear"])
def test_processes_are_scikit_learns(name):
    rng = np.random.default_rng(0)
    x, new = rng.uniform(-2, 2, (15, 1)), np.linspace(-3, 3, 7)[:, None]
    y = np.sin(2 * x[:, 0]) + 0.1 * rng.normal(size=15)
    pairs = {
        "rbf": (lambda a, b: bayes.rbf_kernel(a, b, scale=0.7, variance=1.5), 1.5 * kernels.RBF(0.7)),
        "matern": (lambda a, b: bayes.matern_kernel(a, b, nu=1.5, scale=0.7), kernels.Matern(0.7, nu=1.5)),
        "periodic": (lambda a, b: bayes.periodic_kernel(a, b, period=2.0, scale=0.8), kernels.ExpSineSquared(0.8, 2.0)),
        "linear": (lambda a, b: bayes.linear_kernel(a, b, bias=0.25), kernels.DotProduct(0.5)),
    }
    ours_kernel, theirs_kernel = pairs[name]
    theirs = GaussianProcessRegressor(theirs_kernel, alpha=0.05, optimizer=None).fit(x, y)
    mean, covariance = theirs.predict(new, return_cov=True)
    ours = bayes.gaussian_process(*map(torch.from_numpy, (x, y, new)), kernel=ours_kernel, noise=0.05)
    np.testing.assert_allclose(ours.mean, mean, atol=1e-8)
    np.testing.assert_allclose(ours.covariance, covariance, atol=1e-8)
    assert ours.log_evidence == pytest.approx(theirs.log_marginal_likelihood_value_, abs=1e-8)
    with pytest.raises(SettingError, match="nu is"):
        bayes.matern_kernel(torch.ones(1, 1), torch.ones(1, 1), nu=1.0)


def test_the_evidence_of_many_rows_is_that_of_their_normal():
    rng = np.random.default_rng(0)
    x, y, noise, precision = rng.normal(size=(400, 3)), rng.normal(size=400), 0.0371, 0.517
    covariance = noise * np.eye(400) + x @ x.T / precision
    wanted = stats.multivariate_normal(np.zeros(400), covariance).logpdf(y)
    found = bayes.linear_posterior(torch.from_numpy(x), torch.from_numpy(y), noise=noise, precision=precision)
    assert found.log_evidence == pytest.approx(wanted, abs=1e-6)


def test_gaps_and_covariances_that_are_none_are_refused():
    x, y = torch.ones(3, 1), torch.tensor([1.0, torch.nan, 2.0])
    for ask in (lambda: bayes.linear_posterior(x, y, noise=1.0, precision=1.0), lambda: bayes.evidence_maximum(x, y)):
        with pytest.raises(DataError, match="row 1 holds NaN"):
            ask()
    with pytest.raises(DataError, match="not positive definite"):
        bayes.mean_field_of_gaussian(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
