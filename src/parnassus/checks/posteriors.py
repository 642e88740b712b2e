"""Posteriors that chains find hard, against another sampler's draws of the same models."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..functional import bayes
from ..sampling import examples, fit_variational, mcse, sample
from . import check, gap, relative_gap


@check("nuts", "hamiltonian-monte-carlo", oracle="numpyro", tolerance=4.5)
def eight_schools_by_two_samplers() -> float:
    """Means and variances of mu, tau and the schools' effects by HMC, in standard errors from NumPyro's NUTS."""

    def model(pyro: Any, law: Any) -> None:
        mu, tau = pyro.sample("mu", law.Normal(0, 5)), pyro.sample("tau", law.HalfCauchy(5))
        with pyro.plate("schools", 8):
            eta = pyro.sample("eta", law.Normal(0, 1))
            pyro.sample("y", law.Normal(mu + tau * eta, examples.ERRORS.numpy()), obs=examples.EFFECTS.numpy())

    found = sample(examples.eight_schools, examples.schools_start(), method="hmc", n_draws=1500, n_warmup=500, seed=2)
    theirs = _numpyros(model, n_draws=1500)
    ours = {"mu": found.draws["mu"], "log_tau": found.draws["log_tau"]}
    theirs["log_tau"] = np.log(theirs.pop("tau"))
    for i in range(8):
        ours[f"eta[{i}]"], theirs[f"eta[{i}]"] = found.draws["eta"][..., i], theirs["eta"][..., i]
    return max(_errors_apart(values, theirs[name]) for name, values in ours.items())


@check("nuts", "hamiltonian-monte-carlo", oracle="numpyro", tolerance=4.5)
def the_funnel_without_its_centre_by_two_samplers() -> float:
    """Means and variances of v and of ln |x| by HMC and NUTS, in standard errors from NumPyro's and from exact ones."""

    def model(pyro: Any, law: Any) -> None:
        pyro.sample("v", law.Normal(0, 3))
        pyro.sample("z", law.Normal(0, 1).expand([9]).to_event(1))

    theirs = _numpyros(model, n_draws=1000)
    worst = 0.0
    start = {"v": torch.tensor(0.0), "z": torch.zeros(9)}
    for method, n_draws in (("hmc", 1500), ("nuts", 500)):
        found = sample(examples.funnel_without_centre, start, method=method, n_draws=n_draws, n_warmup=300)
        v = found.draws["v"]
        for first, second in ((v, theirs["v"]), (_log_first(found.draws), _log_first(theirs))):
            worst = max(worst, _errors_apart(first, second))
        worst = max(worst, gap(v.mean() / mcse(v), 0), gap((np.square(v).mean() - 9) / mcse(np.square(v)), 0))
    return worst


@check("variational-inference", oracle="(closed form)", tolerance=1e-3)
def a_gamma_of_a_rate_and_its_counts() -> float:
    """The bound of a gamma fitted to a Poisson rate, and its two numbers, against the conjugate family's."""
    y = torch.tensor([3.0, 0, 2, 4, 1, 2, 5], dtype=torch.float64)

    def joint(p: dict[str, torch.Tensor]) -> torch.Tensor:  # a rate ~ Gamma(2, 1) and its counts
        rate = p["rate"]
        return (y.sum() + 1) * rate.log() - (len(y) + 1) * rate - torch.lgamma(y + 1).sum()

    found = fit_variational(joint, {"rate": torch.tensor(1.0)}, family="gamma", n_steps=700)
    exact, law = bayes.poisson_posterior(y, shape=2.0, rate=1.0), found.factors["rate"]
    shapes = max(relative_gap(law["concentration"], exact.shape), relative_gap(law["rate"], exact.rate))
    return max(gap(found.final_elbo[0], exact.log_evidence), shapes)


def _log_first(draws: dict[str, np.ndarray]) -> np.ndarray:
    """ln |x_0| with x = exp(v / 2) z, (chains, draws)."""
    return draws["v"] / 2 + np.log(np.abs(draws["z"][..., 0]))


def _errors_apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How many standard errors the means and the variances of draws (chains, draws) are apart, at most."""
    centre = (ours.mean() + theirs.mean()) / 2
    pairs = [(ours, theirs), (np.square(ours - centre), np.square(theirs - centre))]
    return max(gap((a.mean() - b.mean()) / np.hypot(mcse(a), mcse(b)), 0) for a, b in pairs)


def _numpyros(model: Callable[[Any, Any], None], *, n_draws: int) -> dict[str, np.ndarray]:
    """NumPyro's draws of a model by NUTS, four chains in one program: name -> (chains, draws, ...)."""
    import jax
    import numpyro
    from numpyro import distributions, infer

    kernel = infer.NUTS(lambda: model(numpyro, distributions))
    chains = infer.MCMC(
        kernel, num_warmup=500, num_samples=n_draws, num_chains=4, chain_method="vectorized", progress_bar=False
    )
    chains.run(jax.random.PRNGKey(0))
    found = chains.get_samples(group_by_chain=True)
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
