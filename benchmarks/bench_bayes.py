"""Effective draws a second on a logistic regression of 1,000 x 20, and the cost of Bayes by backpropagation.

    python benchmarks/bench_bayes.py [--chains 4 64] [--draws 500] [--warmup 500] [--rows 1000] [--repeats 3]

The density is that of NumPyro's example: coefficients N(0, 1), rows Bernoulli; all in float64, on one thread. `family`
is a `GeneralisedLinear`; `gradient` the same in closed form by torch operations of the user's; `autograd` without one.
NumPyro, Pyro and blackjax run NUTS where they are installed, and blackjax HMC too, NumPyro and blackjax with all chains
vectorised and their compilation left out. Our NUTS is run with the family and with autograd, by all numbers of chains.
Pyro runs one chain of 50 + 50 steps, which counts for all: its chains run one after the other.
The number is the least bulk effective size over the coefficients, by arviz where it is installed, a second; behind it,
how many times as many the first has.
"""

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import parnassus as pn
from parnassus.functional.bayes import GeneralisedLinear
from parnassus.sampling import bulk_ess

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"  # jax is imported later


def data(n: int = 1000, d: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    return x, (rng.random(n) < 1 / (1 + np.exp(-x @ rng.normal(size=d)))).astype(np.float64)


def least_size(draws: np.ndarray) -> float:
    """Of draws (chains, draws, d)."""
    if importlib.util.find_spec("arviz") is None:
        return min(bulk_ess(draws[..., i]) for i in range(draws.shape[-1]))
    import arviz

    return float(arviz.ess(arviz.convert_to_dataset(draws), method="bulk").to_array().min())


def ours(
    x: np.ndarray, y: np.ndarray, *, method: str, kind: str, chains: int, draws: int, warmup: int, seed: int
) -> float:
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
        GeneralisedLinear(rows, torch.from_numpy(y)) if kind == "family" else density,
        torch.zeros(x.shape[1]), method=method, n_draws=draws, n_warmup=warmup, n_chains=chains, seed=seed,
        gradient=gradient if kind == "gradient" else None,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return least_size(found.draws["theta"]) / seconds


def numpyro_nuts(x: np.ndarray, y: np.ndarray, *, chains: int, draws: int, warmup: int) -> Callable[[int], float]:
    import jax
    import numpyro
    import numpyro.distributions as dist

    jax.config.update("jax_enable_x64", True)

    def model():
        w = numpyro.sample("w", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=x @ w), obs=y)

    kernel = numpyro.infer.NUTS(model)
    mcmc = numpyro.infer.MCMC(
        kernel, num_warmup=warmup, num_samples=draws, num_chains=chains, chain_method="vectorized", progress_bar=False
    )

    def run(seed: int) -> float:
        started = time.perf_counter()
        mcmc.run(jax.random.PRNGKey(seed))
        w = np.asarray(mcmc.get_samples(group_by_chain=True)["w"])
        seconds = time.perf_counter() - started
        return least_size(w) / seconds

    run(1000)  # compiles
    return run


def blackjax_chains(
    x: np.ndarray, y: np.ndarray, *, method: str, chains: int, draws: int, warmup: int
) -> Callable[[int], float]:  # fmt: skip
    """NUTS, or HMC with paths of 8 steps whose size and mass are adapted alike."""
    import blackjax
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    rows, signs = jnp.asarray(x), jnp.asarray(2 * y - 1)

    def density(w):
        return jax.nn.log_sigmoid(signs * (rows @ w)).sum() - (w**2).sum() / 2

    def chain(key):
        warm_key, start_key, key = jax.random.split(key, 3)
        kind, fixed = (blackjax.nuts, {}) if method == "nuts" else (blackjax.hmc, {"num_integration_steps": 8})
        warm = blackjax.window_adaptation(kind, density, **fixed)
        (state, parameters), _ = warm.run(warm_key, 0.1 * jax.random.normal(start_key, (x.shape[1],)), num_steps=warmup)
        step = kind(density, **parameters).step

        def move(state, key):
            state, _ = step(key, state)
            return state, state.position

        return jax.lax.scan(move, state, jax.random.split(key, draws))[1]

    program = jax.jit(jax.vmap(chain))

    def run(seed: int) -> float:
        started = time.perf_counter()
        w = np.asarray(program(jax.random.split(jax.random.PRNGKey(seed), chains)))
        seconds = time.perf_counter() - started
        return least_size(w) / seconds

    run(1000)  # compiles
    return run


def pyro_nuts(x: np.ndarray, y: np.ndarray) -> Callable[[int], float]:
    import pyro
    import pyro.distributions as dist
    from pyro.infer import MCMC, NUTS

    rows, seen = torch.from_numpy(x), torch.from_numpy(y)

    def model():
        w = pyro.sample("w", dist.Normal(rows.new_zeros(x.shape[1]), 1.0).to_event(1))
        pyro.sample("y", dist.Bernoulli(logits=rows @ w).to_event(1), obs=seen)

    def run(seed: int) -> float:
        pyro.set_rng_seed(seed)
        mcmc = MCMC(NUTS(model), num_samples=50, warmup_steps=50, disable_progbar=True)
        started = time.perf_counter()
        mcmc.run()
        seconds = time.perf_counter() - started
        return least_size(mcmc.get_samples(group_by_chain=True)["w"].numpy()) / seconds

    return run


def contenders(
    x: np.ndarray, y: np.ndarray, *, chains: int, draws: int, warmup: int
) -> dict[str, Callable[[int], float] | None]:
    """Functions of a seed that give effective draws a second, None where a package is not installed."""

    def own(method: str, kind: str) -> Callable[[int], float]:
        return lambda seed: ours(x, y, method=method, kind=kind, chains=chains, draws=draws, warmup=warmup, seed=seed)

    runs: dict[str, Callable[[int], float] | None] = {
        f"hmc, {kind}": own("hmc", kind) for kind in ("family", "gradient", "autograd")
    }
    runs |= {f"nuts, {kind}": own("nuts", kind) for kind in ("family", "autograd")}
    made = {
        "blackjax hmc": lambda: blackjax_chains(x, y, method="hmc", chains=chains, draws=draws, warmup=warmup),
        "blackjax nuts": lambda: blackjax_chains(x, y, method="nuts", chains=chains, draws=draws, warmup=warmup),
        "numpyro nuts": lambda: numpyro_nuts(x, y, chains=chains, draws=draws, warmup=warmup),
        "pyro nuts": lambda: pyro_nuts(x, y),
    }
    for name, make in made.items():
        runs[name] = make() if importlib.util.find_spec(name.split()[0]) else None
    return runs


def step_ratio(repeats: int, draw: str = "shared") -> float:
    """Seconds of a fit with Bayes by backpropagation over those of a plain fit, medians of interleaved runs.

    Both have the same net, batches, optimizer (Adam, fused over one flat block) and closed-form backpropagation.
    """
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
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    x, y = data(given.rows)
    for chains in given.chains:
        runs = contenders(x, y, chains=chains, draws=given.draws, warmup=given.warmup)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for seed in range(given.repeats):
            for name, run in runs.items():
                if run is not None:
                    rates[name].append(run(seed))
        best = statistics.median(rates["hmc, family"])
        for name, values in rates.items():
            rate = statistics.median(values) if values else 0.0
            said = f"{rate:>9,.0f} effective draws a second  {best / rate:>6.2f}" if rate else "not installed"
            print(f"{chains:>3} chains  {name:<14} {said}")
    for draw in ("shared", "flipout", "local"):
        print(f"a fit with vi, draw={draw!r}, takes {step_ratio(given.repeats, draw):.2f} plain fits")


if __name__ == "__main__":
    main()
