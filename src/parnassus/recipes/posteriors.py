"""Posteriors with known moments, and samplers on data that their own priors drew."""

import numpy as np
import torch
from torch import Tensor

from ..sampling import examples, sample, simulation_ranks
from . import Size, Table, recipe


@recipe(
    "posteriors",
    source="Rubin 1981 (eight schools), Neal 2003 (the funnel); moments of posteriordb",
    figure="without its centre each has its moments; the funnel with its centre has R-hat or energies that say no",
)
def posteriors(size: Size) -> Table:
    """Eight schools and the funnel without its centre, by HMC and NUTS, against published and exact moments."""
    n_draws = 300 if size == "tiny" else 4000
    rows: list[tuple[object, ...]] = []
    for method in ("hmc", "nuts") if size != "tiny" else ("hmc",):
        schools = sample(
            examples.eight_schools, examples.schools_start(), method=method, n_draws=n_draws, n_warmup=n_draws // 2
        )
        for name, draws in (("mu", schools["mu"]), ("tau", np.exp(schools["log_tau"]))):
            mean, sd = examples.SCHOOLS[name]
            rows.append((method, f"eight schools, {name}", float(draws.mean()), mean, float(draws.std()), sd,
                         len(schools.problems)))  # fmt: skip
        for name, density, other in (("z", examples.funnel_without_centre, ""), ("x", examples.funnel, " centred")):
            start = {"v": torch.tensor(0.0), name: torch.zeros(9)}
            found = sample(density, start, method=method, n_draws=n_draws, n_warmup=n_draws // 2)
            v = found["v"]
            rows.append((method, f"funnel{other}, v", float(v.mean()), 0.0, float(v.std()), 3.0, len(found.problems)))
    notes = ["Problems counts what the result itself says against being believed."]
    columns = "method", "parameter", "mean", "published mean", "sd", "published sd", "problems"
    return Table("Posteriors with known moments", columns, rows, notes, {"draws": n_draws, "chains": 4, "seed": 0})


@recipe(
    "simulation-ranks",
    source="Talts et al. 2018",
    figure="ranks are uniform for HMC and NUTS; a mean-field normal of correlated parameters is too narrow",
)
def simulation_based(size: Size) -> Table:
    """Ranks of parameters of a regression among draws of their posteriors."""
    n = 60 if size == "tiny" else 2000
    rows: list[tuple[object, ...]] = []
    for method in ("hmc", "nuts", "mean_field"):
        found = simulation_ranks(
            _prior, _simulate, _joint, method=method, n_simulations=n, n_draws=19 if size == "tiny" else 99, n_thin=3,
            n_warmup=40 if size == "tiny" else 300,
        )  # fmt: skip
        for name, p in found.p_values().items():
            said = [problem for problem in found.problems if problem.startswith(f"ranks of {name} ")]
            rows.append((method, name, p, said[0] if said else "uniform"))
    notes = ["Two slopes; the data hold their sum well and the first alone less so."]
    return Table(
        "Simulation-based calibration", ("method", "parameter", "p of uniform ranks", "says"), rows, notes,
        {"simulations": n, "seed": 0},
    )  # fmt: skip


def _prior(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, 2, generator=generator, dtype=torch.float64)


def _said(theta: Tensor) -> Tensor:
    return torch.stack([theta.sum(1), 0.5 * theta[:, 0]], 1)


def _simulate(theta: Tensor, generator: torch.Generator) -> Tensor:
    return _said(theta) + 0.5 * torch.randn(len(theta), 2, generator=generator, dtype=torch.float64)


def _joint(theta: Tensor, data: Tensor) -> Tensor:
    return -0.5 * theta.square().sum(-1) - 2 * (data - _said(theta)).square().sum(-1)
