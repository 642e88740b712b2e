"""Bayesian inference against scikit-learn and arviz, and against posteriors that can be written down."""

from typing import Any

import numpy as np
import torch

from ..functional import bayes
from ..functional.bayes.sparse import sparse_process
from ..functional.mcmc import hessian_shape, leapfrog, log_proposal, transition_matrix
from ..sampling import (
    BayesianNetwork,
    bulk_ess,
    examples,
    fit_variational,
    minimize,
    pareto_smoothed,
    sample,
    split_rhat,
    tail_ess,
)
from . import check, gap, relative_gap


@check("gaussian-process", oracle="scikit-learn", tolerance=1e-8)
def a_process_at_new_points() -> float:
    """Mean and covariance of a Gaussian process at 7 points, from 15 noisy ones."""
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels

    rng = np.random.default_rng(0)
    x, new = rng.uniform(-2, 2, (15, 1)), np.linspace(-3, 3, 7)[:, None]
    y = np.sin(2 * x[:, 0])
    theirs = GaussianProcessRegressor(kernels.RBF(0.7), alpha=0.05, optimizer=None).fit(x, y)
    mean, covariance = theirs.predict(new, return_cov=True)
    tensors = [torch.from_numpy(v) for v in (x, y, new)]
    ours = bayes.gaussian_process(*tensors, kernel=lambda a, b: bayes.rbf_kernel(a, b, scale=0.7), noise=0.05)
    return max(gap(ours.mean, mean), gap(ours.covariance, covariance))


@check("conjugate-gaussian", "bayes-rule", oracle="scipy", tolerance=1e-10)
def the_evidence_of_a_conjugate_family() -> float:
    """The log evidence of three numbers with a Gaussian prior on their mean, as one multivariate density."""
    from scipy.stats import multivariate_normal

    y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found = bayes.normal_posterior(y, noise=1.0)
    joint = multivariate_normal(np.zeros(3), np.eye(3) + np.ones((3, 3)))
    return max(gap(found.log_evidence, joint.logpdf(y.numpy())), gap(found.mean, 1.5))


@check("metropolis-hastings", oracle="(closed form)", tolerance=1e-12)
def the_law_of_a_chain_of_three_states() -> float:
    """The stationary law of a Metropolis-Hastings chain with a proposal that is not symmetric."""
    p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    q = torch.tensor([[0.1, 0.7, 0.2], [0.3, 0.2, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)
    return gap(torch.linalg.matrix_power(transition_matrix(p, q), 300)[0], p)


@check("hamiltonian-monte-carlo", oracle="(closed form)", tolerance=1e-10)
def a_path_runs_back() -> float:
    """Ten leapfrog steps, the momentum turned round, and ten more: the start."""
    start = torch.tensor([1.0, -0.5], dtype=torch.float64)
    theta, p = leapfrog(lambda t: -(t**3), start, 0 * start, step=0.2, n_steps=10)
    back, turned = leapfrog(lambda t: -(t**3), theta, -p, step=0.2, n_steps=10)
    return max(gap(back, start), gap(turned, 0))


@check("nuts", "hamiltonian-monte-carlo", oracle="(closed form)", tolerance=4.5)
def draws_of_a_correlated_normal() -> float:
    """How many standard errors the means of 4 x 400 draws by NUTS and by HMC are off, at most."""
    precision = torch.linalg.inv(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))
    worst = 0.0
    for method in ("nuts", "hmc"):
        found = sample(
            lambda t: -0.5 * ((t @ precision) * t).sum(-1), torch.zeros(2), method=method, n_draws=400, n_warmup=200
        )
        worst = max(worst, *(gap(v["mean"] / v["mcse"], 0) for v in found.summary().values()))
    return worst


@check("mcmc-diagnostics", oracle="arviz", tolerance=1e-8)
def diagnostics_of_sticky_chains() -> float:
    """R-hat and effective sizes of four autocorrelated chains, relative to arviz's."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arviz tells of its own next version
        import arviz

        x = np.random.default_rng(0).normal(size=(4, 300))
        for t in range(1, 300):
            x[:, t] += 0.8 * x[:, t - 1]
        theirs = [float(arviz.rhat(x)), float(arviz.ess(x)), float(arviz.ess(x, method="tail"))]
    ours = [split_rhat(x), bulk_ess(x), tail_ess(x)]
    return max(relative_gap(a, b) for a, b in zip(ours, theirs, strict=True))


@check(oracle="(closed form)", tolerance=4.0)
def the_evidence_of_particles() -> float:
    """How many standard errors the evidence of sequential Monte Carlo is off the conjugate family's."""
    y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found = sample(
        lambda t: -0.5 * t[:, 0].square() - 0.5 * (y - t).square().sum(-1) - 2 * np.log(2 * np.pi), torch.zeros(1),
        method="smc", n_draws=2000, n_chains=6,
    )  # fmt: skip
    off = found.settings["log evidence"] - bayes.normal_posterior(y, noise=1.0).log_evidence
    return gap(off / found.settings["log evidence error"], 0)


@check(oracle="(closed form)", tolerance=0.06)
def the_weights_of_two_modes() -> float:
    """How far the share of draws in the heavier of two modes is off 2/3, by parallel tempering."""

    def density(t: torch.Tensor) -> torch.Tensor:
        left, right = -0.5 * (t[:, 0] + 6).square(), -0.5 * (t[:, 0] - 6).square() + np.log(2)
        return torch.logaddexp(left, right)

    found = sample(density, torch.tensor([-6.0]), method="tempering", n_draws=1500, n_warmup=300)
    return gap((found["theta"] > 0).mean(), 2 / 3)


@check("variational-inference", oracle="(closed form)", tolerance=0.08)
def a_mean_field_of_a_correlated_normal() -> float:
    """The variances of the best independent normal, 0.19 each, relative."""
    precision = torch.linalg.inv(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64))
    found = fit_variational(lambda t: -0.5 * ((t @ precision) * t).sum(-1), torch.ones(2))
    return relative_gap(np.diag(found.covariance), 0.19)


@check("variational-inference", oracle="arviz", tolerance=1e-8)
def weights_with_a_smoothed_tail() -> float:
    """Pareto's k and the smoothed log weights of heavy ratios."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        ratios = np.random.default_rng(0).normal(size=900) ** 3
        theirs, shape = arviz.psislw(ratios)
    ours, k = pareto_smoothed(ratios)
    return max(gap(ours, theirs), gap(k, shape))


@check("variational-inference", oracle="(closed form)", tolerance=0.02)
def the_bound_of_a_low_rank_normal() -> float:
    """The bound of a family that holds the density is its evidence."""
    ways = torch.tensor([[1.0], [2.0], [-1.0]], dtype=torch.float64)
    covariance = ways @ ways.T + 0.5 * torch.eye(3, dtype=torch.float64)
    precision = torch.linalg.inv(covariance)
    found = fit_variational(
        lambda t: -0.5 * ((t @ precision) * t).sum(-1), torch.ones(3), family="low_rank", rank=1, n_steps=1000
    )
    exact = 1.5 * np.log(2 * np.pi) + 0.5 * float(covariance.logdet())
    return gap(found.final_elbo[0], exact)


@check("hamiltonian-monte-carlo", oracle="(published)", tolerance=0.45)
def moments_of_eight_schools() -> float:
    """Means and deviations of mu and tau, from posteriordb's."""
    found = sample(examples.eight_schools, examples.schools_start(), method="hmc", n_draws=1500, n_warmup=500, seed=2)
    ours = {"mu": found["mu"], "tau": np.exp(found["log_tau"])}
    pairs = [(ours[name], moments) for name, moments in examples.SCHOOLS.items()]
    return max(max(gap(v.mean(), mean), gap(v.std(), sd)) for v, (mean, sd) in pairs)


@check("bayes-rule", oracle="(closed form)", tolerance=1e-12)
def a_network_of_discrete_tables() -> float:
    """p(rain | wet grass) by elimination, against the sum over all states."""
    tables: dict[str, Any] = {"rain": [0.8, 0.2], "hose": [[0.6, 0.4], [0.99, 0.01]],
              "wet": [[[1.0, 0.0], [0.1, 0.9]], [[0.2, 0.8], [0.01, 0.99]]]}  # fmt: skip
    parents: dict[str, list[str]] = {"rain": [], "hose": ["rain"], "wet": ["rain", "hose"]}
    network = BayesianNetwork(parents, states={k: [0, 1] for k in parents}, tables=tables)
    sums = [sum(tables["rain"][r] * tables["hose"][r][h] * tables["wet"][r][h][1] for h in (0, 1)) for r in (0, 1)]
    return gap(network.query("rain", {"wet": 1})[1], sums[1] / sum(sums))


@check("gaussian-process", oracle="(published)", tolerance=0.05)
def the_minimum_of_branin() -> float:
    """How far 30 evaluations by expected improvement stay above Branin's minimum, 0.397887."""

    def branin(p: dict[str, float]) -> float:
        x, y = p["x"], p["y"]
        first = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
        return float(first**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    return minimize(branin, {"x": (-5, 10), "y": (0, 15)}, n_evaluations=30).value - 0.397887


@check("gaussian-process", oracle="(closed form)", tolerance=1e-3)
def a_sparse_process_of_all_points() -> float:
    """Mean, covariance and evidence through inducing points that are the data, against the exact process."""
    generator = torch.Generator().manual_seed(0)
    x, new = (3 * torch.rand(n, 2, generator=generator, dtype=torch.float64) for n in (25, 7))
    y = x[:, 0].sin()
    exact = bayes.gaussian_process(x, y, new, kernel=bayes.rbf_kernel, noise=0.05)
    found = sparse_process(x, y, new, inducing=x, kernel=bayes.rbf_kernel, noise=0.05)
    return max(gap(a, b) for a, b in zip(found, exact, strict=True))


@check("bayes-by-backprop", oracle="scipy", tolerance=1e-10)
def a_prior_of_two_widths() -> float:
    """The log density of a mixture of a narrow and a wide normal at 9 weights."""
    from scipy.stats import norm

    w = np.linspace(-2, 2, 9)
    expected = np.log(0.3 * norm.pdf(w, scale=0.1) + 0.7 * norm.pdf(w, scale=2)).sum()
    return gap(bayes.scale_mixture_log_prior(torch.from_numpy(w), share=0.3, narrow=0.1, wide=2.0), expected)


@check("bayesian-neural-network", "mc-predictive", oracle="(closed form)", tolerance=0.25)
def a_net_without_hidden_layer() -> float:
    """The spread of a linear net's answers by Hamiltonian Monte Carlo, relative to the exact posterior's."""
    from ..estimators.regressor import Regressor
    from ..registry import inference, model

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    x = (x - x.mean(0)) / x.std(0)
    y = x @ [0.8, -0.5] + 0.5 * rng.normal(size=60)
    y = ((y - y.mean()) / y.std()).astype(np.float32)
    chains = inference("hmc", noise=0.6, n_draws=400, n_warmup=150)
    net = Regressor(model("mlp", hidden=()), inference=chains, epochs=200, lr=0.01).fit(x, y)
    design = torch.from_numpy(np.column_stack([x, np.ones(60)])).double()
    exact = bayes.linear_posterior(design, torch.from_numpy(y).double(), noise=0.36, precision=1.0)
    spread = exact.predict(design[:8])[1].sqrt().numpy()
    return relative_gap(net.uncertainty(x[:8]).epistemic, spread)


@check("map-estimation", oracle="scikit-learn", tolerance=1e-5)
def the_top_of_a_posterior_is_ridge() -> float:
    """What lowers a Gaussian's log likelihood with a prior N(0, I / 3) on the weights, against ridge regression."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)), rng.normal(size=40)
    rows, answers = torch.from_numpy(x), torch.from_numpy(y)
    density = bayes.log_posterior_density(lambda w: -0.5 * (answers - w @ rows.T).square().sum(-1), precision=3.0)
    at = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():  # a quadratic: one step of Newton ends at its top
        (slope,) = torch.autograd.grad(density(at), at)
        curvature = torch.autograd.functional.hessian(density, at.detach())
    found = at.detach() - torch.linalg.solve(curvature, slope)
    return gap(found, Ridge(3.0, fit_intercept=False).fit(x, y).coef_)


@check("hessian-proposal", oracle="scipy", tolerance=1e-10)
def proposals_shaped_by_curvature() -> float:
    """Densities of moves there and back by scipy, and a covariance that is the inverse Hessian, eigenvalues by size."""
    from scipy.stats import multivariate_normal

    here, there = np.array([0.3, -1.0]), np.array([1.1, 0.4])
    bowl, saddle = np.array([[4.0, 1.0], [1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, -0.5]])
    worst = 0.0
    for hessian, covariance in ((bowl, np.linalg.inv(bowl)), (saddle, np.diag([1 / 3, 2.0]))):
        shape = hessian_shape(torch.from_numpy(hessian))
        wanted = multivariate_normal(here, covariance).logpdf(there)
        found = float(log_proposal(torch.from_numpy(there), torch.from_numpy(here), shape)) - np.log(2 * np.pi)
        spread = (shape.factor @ shape.factor.T).numpy()
        worst = max(worst, gap(found, wanted), gap(spread, covariance))
    return worst


@check("stochastic-vi", oracle="(closed form)", tolerance=0.05)
def a_posterior_from_batches_of_rows() -> float:
    """The mean of 200 numbers with a prior N(0, 1), learned from 20 at a time, against the conjugate posterior."""
    y = torch.from_numpy(np.random.default_rng(0).normal(1.0, 2.0, 200))
    found = fit_variational(
        lambda t: -0.5 * t.square().sum(-1),
        torch.zeros(1),
        likelihood=lambda t, rows: -0.5 * ((rows - t) / 2).square(),
        data=[y],
        batch_size=20,
        n_steps=3000,
    )
    variance = 1 / (1 + 200 / 4)
    mean, spread = next(iter(found.means.values())), next(iter(found.std.values()))
    return max(gap(mean, variance * float(y.sum()) / 4), gap(spread, variance**0.5))
