"""Effective draws a second on a logistic regression of 1,000 x 20, and the cost of Bayes by backpropagation.

    python benchmarks/bench_bayes.py [--chains 4 64] [--draws 500] [--peers]

The density is that of NumPyro's example: coefficients N(0, 1), rows Bernoulli. `gradient` is the closed form of
generalised linear models; `autograd` the same density without it. NumPyro runs in float64 with all chains vectorised,
its compilation left out. Worse runs do not count: the number is the least bulk size over the coefficients, by a second.
"""

import argparse
import statistics
import time

import numpy as np
import torch

import parnassus as pn
from parnassus.sampling import bulk_ess


def data(n: int = 1000, d: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    return x, (rng.random(n) < 1 / (1 + np.exp(-x @ rng.normal(size=d)))).astype(np.float64)


def least_size(draws: np.ndarray) -> float:
    return min(bulk_ess(draws[..., i]) for i in range(draws.shape[-1]))


def ours(x: np.ndarray, y: np.ndarray, *, method: str, closed: bool, chains: int, draws: int) -> float:
    rows, signs = torch.from_numpy(x), torch.from_numpy(2 * y - 1)
    turned = rows.T.contiguous()

    def density(theta):
        return torch.nn.functional.logsigmoid(signs * (theta @ turned)).sum(1) - theta.square().sum(1) / 2

    def gradient(theta):
        margins = signs * (theta @ turned)
        value = torch.nn.functional.logsigmoid(margins).sum(1) - theta.square().sum(1) / 2
        return value, (signs * torch.sigmoid(-margins)) @ rows - theta

    started = time.perf_counter()
    found = pn.sample(
        density, torch.zeros(x.shape[1]), method=method, n_draws=draws, n_warmup=500, n_chains=chains,
        gradient=gradient if closed else None,
    )  # fmt: skip
    return least_size(found.draws["theta"]) / (time.perf_counter() - started)


def numpyro_nuts(x: np.ndarray, y: np.ndarray, *, chains: int, draws: int) -> float:
    import jax
    import numpyro
    import numpyro.distributions as dist

    jax.config.update("jax_enable_x64", True)

    def model():
        w = numpyro.sample("w", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=x @ w), obs=y)

    kernel = numpyro.infer.NUTS(model)
    mcmc = numpyro.infer.MCMC(
        kernel, num_warmup=500, num_samples=draws, num_chains=chains, chain_method="vectorized", progress_bar=False
    )
    mcmc.run(jax.random.PRNGKey(0))  # compiles
    started = time.perf_counter()
    mcmc.run(jax.random.PRNGKey(1))
    w = np.asarray(mcmc.get_samples(group_by_chain=True)["w"])
    return least_size(w) / (time.perf_counter() - started)


def step_ratio(repeats: int, draw: str = "shared") -> float:
    """Seconds of a fit with Bayes by backpropagation over those of a plain fit, medians of interleaved runs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4096, 64)).astype(np.float32)
    y = rng.integers(0, 10, 4096)
    net = pn.model("mlp", hidden=(256, 256))
    times: dict[str, list[float]] = {"plain": [], "vi": []}
    for _ in range(repeats):
        for name, inference in (("plain", None), ("vi", pn.inference("vi", draw=draw))):
            started = time.perf_counter()
            pn.Classifier(net, inference=inference, epochs=3, batch_size=128).fit(x, y)
            times[name].append(time.perf_counter() - started)
    return statistics.median(times["vi"]) / statistics.median(times["plain"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, nargs="+", default=[4, 64])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="NumPyro too, where it is installed")
    given = parser.parse_args()
    torch.set_num_threads(1)
    x, y = data()
    for chains in given.chains:
        runs = {
            "hmc, closed form": lambda n=chains: ours(x, y, method="hmc", closed=True, chains=n, draws=given.draws),
            "hmc, autograd": lambda n=chains: ours(x, y, method="hmc", closed=False, chains=n, draws=given.draws),
        }
        if chains <= 8:
            runs["nuts, closed form"] = lambda n=chains: ours(
                x, y, method="nuts", closed=True, chains=n, draws=given.draws
            )
        if given.peers:
            runs["numpyro nuts"] = lambda n=chains: numpyro_nuts(x, y, chains=n, draws=given.draws)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(given.repeats):
            for name, run in runs.items():
                rates[name].append(run())
        for name, values in rates.items():
            print(f"{chains:>3} chains  {name:<18} {statistics.median(values):>9,.0f} effective draws a second")
    for draw in ("shared", "flipout", "local"):
        print(f"a fit with vi, draw={draw!r}, takes {step_ratio(given.repeats, draw):.2f} plain fits")


if __name__ == "__main__":
    main()
