"""Simulation-based calibration: whether a way of inference finds parameters that its own prior drew."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, SettingError
from .density import Density
from .run import METHODS, sample_density
from .variational import fit_variational

DOUBTFUL = 1e-3  # p value of uniform ranks below which a parameter is named
STILL, FEW = 0.1, 0.01  # mean acceptance of a chain that hardly moves, and the share of such chains that is told of


@dataclass(frozen=True)
class Calibration:
    """Ranks of drawn parameters among draws of their posteriors; uniform where the inference is right.

    Attributes
    ----------
    ranks : by parameter (simulations, *shape), from 0 to n_draws.
    n_draws, method : draws that each rank is among, and the way of inference.
    still : the share of chains that hardly moved, whose ranks say nothing of the method.
    """

    ranks: dict[str, np.ndarray] = field(repr=False)
    n_draws: int
    method: str
    still: float = 0.0

    def columns(self) -> dict[str, np.ndarray]:
        """Ranks of every number by name, such as "theta[2]", (simulations,)."""
        found = {}
        for name, values in self.ranks.items():
            for place in np.ndindex(*values.shape[1:]):
                label = f"{name}[{','.join(map(str, place))}]" if place else name
                found[label] = values[(slice(None), *place)]
        return found

    def counts(self, n_bins: int = 10) -> dict[str, np.ndarray]:
        """How many ranks fall into each of equal bins, by number: a histogram that is to be level."""
        edges = np.linspace(0, self.n_draws + 1, n_bins + 1)
        return {name: np.histogram(values, edges)[0] for name, values in self.columns().items()}

    def p_values(self, n_bins: int = 10) -> dict[str, float]:
        """Of every number, the chi-squared probability of counts as uneven as these if ranks were uniform."""
        from scipy.stats import chi2

        inner = np.linspace(0, self.n_draws + 1, n_bins + 1)
        found = {}
        for name, seen in self.counts(n_bins).items():
            places = np.histogram(np.arange(self.n_draws + 1), inner)[0]  # bins may hold one rank more or less
            expected = seen.sum() * places / places.sum()
            found[name] = float(chi2.sf(((seen - expected) ** 2 / expected).sum(), n_bins - 1))
        return found

    @property
    def problems(self) -> list[str]:
        """Which numbers' ranks are not uniform, and what their shape says; empty where all are.

        Where chains stand still it is that alone: one step is tuned for all data, and some tell far more than others.
        """
        if self.still > FEW:
            return [
                f"{self.still:.0%} of the chains hardly moved, as their data tell more than the others' and one "
                "step is tuned for all: ranks say nothing of the method; give a step (or scale) small enough for them"
            ]
        found = []
        for name, p in self.p_values().items():
            if p >= DOUBTFUL / max(1, len(self.columns())):
                continue
            share = (self.columns()[name] + 0.5) / (self.n_draws + 1)
            low, high = float((share < 0.1).mean()), float((share > 0.9).mean())
            shift = float(share.mean()) - 0.5
            if abs(shift) > 0.1 and min(low, high) < 0.1:
                how = "the posteriors lie too low" if shift > 0 else "the posteriors lie too high"
            else:
                how = "the posteriors are too narrow" if low + high > 0.2 else "the posteriors are too wide"
            found.append(f"ranks of {name} are not uniform (p = {p:.1g}): {how}")
        return found

    def __str__(self) -> str:
        n = len(next(iter(self.columns().values())))
        lines = [f"{n} simulations, ranks among {self.n_draws} draws by {self.method}"]
        p = self.p_values()
        lines += [f"  {name}: {' '.join(map(str, seen))}  p = {p[name]:.3f}" for name, seen in self.counts().items()]
        return "\n".join([*lines, *(f"! {problem}" for problem in self.problems)])


def simulation_ranks(
    prior: Callable[[int, torch.Generator], Any],
    simulate: Callable[[Any, torch.Generator], Tensor],
    log_density: Callable[[Any, Tensor], Tensor],
    *,
    method: str = "hmc",
    n_simulations: int = 200,
    n_draws: int = 99,
    n_thin: int = 5,
    n_warmup: int = 300,
    seed: int = 0,
    **options: Any,
) -> Calibration:
    """Ranks of parameters drawn from the prior among draws of the posteriors of data simulated from them.

    If the inference is right every rank is as likely. All simulations are inferred at once, a chain each (a mean-field
    normal each), so that steps are tuned for all together: where some data tell far more than others give the step.

    Parameters
    ----------
    prior : prior(n, generator) gives n draws, a tensor (n, d) or a dict of (n, *shape).
    simulate : simulate(parameters, generator) gives the data of each, (n, ...).
    log_density : log_density(parameters, data) gives ln p(parameters, data) up to a constant, (n,), of as many
        parameters as data.
    method : one of `pn.sample`'s chains, or "mean_field", the normal of independent entries.
    n_thin : steps between the draws that are ranked; ranks are uniform only where those are nearly independent.

    Source: Talts et al. 2018.
    """
    if n_simulations < 20 or n_draws < 19 or n_thin < 1:
        raise SettingError(
            f"n_simulations is 20 or more, n_draws 19 and n_thin 1; got {n_simulations}, {n_draws} and {n_thin}"
        )
    if method not in METHODS and method != "mean_field":
        raise SettingError(f"no method {method!r}; one of {', '.join(METHODS)}, or 'mean_field'")
    generator = torch.Generator().manual_seed(seed)
    drawn = prior(n_simulations, generator)
    data = simulate(drawn, generator)
    first = {k: v[0] for k, v in drawn.items()} if isinstance(drawn, dict) else drawn[0]
    if len(data) != n_simulations:
        raise DataError(f"simulate gave {len(data)} data sets for {n_simulations} draws; give one for each")
    density = _Paired(log_density, data, first)
    truth = density.flat(drawn)
    still = 0.0
    if method == "mean_field":
        posterior = _mean_field(density, truth, n_draws, seed, options)
    else:
        found = sample_density(
            density, method=method, n_draws=max(4, n_draws), n_warmup=n_warmup, n_chains=n_simulations, n_thin=n_thin,
            jitter=0.1, seed=seed, options=options,
        )  # fmt: skip
        posterior = np.concatenate([v.reshape(*v.shape[:2], -1) for v in found.draws.values()], 2)
        still = float((found.acceptance.mean(1) < STILL).mean())
    ranks = torch.from_numpy((posterior < truth.numpy()[:, None]).sum(1))
    return Calibration({k: v.numpy() for k, v in density.sites(ranks).items()}, posterior.shape[1], method, still)


class _Paired(Density):
    """One density a chain: that of the chain's own data."""

    def __init__(self, log_density: Callable[[Any, Tensor], Tensor], data: Tensor, start: Any) -> None:
        self.data = data
        self.asked: Tensor | None = None

        def paired(points: Any) -> Tensor:
            return log_density(points, self.data if self.asked is None else self.data[self.asked])

        super().__init__(paired, start)

    def flat(self, drawn: Any) -> Tensor:
        """Parameters of all simulations, (n, d)."""
        parts = drawn if isinstance(drawn, dict) else {"theta": drawn}
        return torch.cat([parts[k].double().reshape(len(parts[k]), -1) for k in self.shapes], 1)


def _mean_field(density: _Paired, truth: Tensor, n_draws: int, seed: int, options: dict[str, Any]) -> np.ndarray:
    """Draws (simulations, draws, d) of one mean-field normal for all posteriors together: it is that of each."""
    n, d = truth.shape

    def joint(points: Tensor) -> Tensor:
        k = len(points)
        density.asked = torch.arange(n).repeat(k)
        return density.log_density(density.unflatten(points.reshape(k * n, d))).reshape(k, n).sum(1)

    start = density.start.repeat(n)
    fitted = fit_variational(joint, start, n_steps=options.pop("n_steps", 500), seed=seed, **options)
    return fitted.sample(n_draws, seed=seed + 1)["theta"].reshape(n_draws, n, d).swapaxes(0, 1)
