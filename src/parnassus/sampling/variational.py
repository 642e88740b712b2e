"""`pn.fit_variational`: a normal or a flow fitted to any log density by raising the evidence lower bound."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, Diverged, SettingError, did_you_mean
from ..functional.probability import LOG_2PI
from . import problems
from .density import Density
from .factors import KINDS, Factors, kinds_of
from .families import Flow, LowRank
from .pareto import pareto_shape
from .starts import check_start

FAMILIES = ("mean_field", "full_rank", "low_rank", "flow", *KINDS[1:])
Made = LowRank | Flow | Factors


@dataclass(frozen=True)
class Variational:
    """A normal q(theta) = N(mean, L L') in place of a posterior, or another law of that mean and covariance.

    Attributes
    ----------
    mean, factor : (d,) and (d, d), of the flat parameters; of "mean_field" the factor is diagonal, of "low_rank" it is
        (d, d + rank), and of "flow" both are those of many draws.
    made : the flow, or the laws of single parameters; None of a normal.
    elbo : the bound at each step, an estimate by few draws; `final_elbo` by many, with its standard error.
    shape : Pareto's k of the importance ratios; above .7 q is no stand-in for the posterior.
    fall : of the log density, from the mean to ten deviations along the axis of q where it is least.
    """

    density: Density = field(repr=False)
    family: str
    mean: np.ndarray
    factor: np.ndarray
    elbo: np.ndarray = field(repr=False)
    final_elbo: tuple[float, float]
    shape: float
    fall: float
    made: Flow | Factors | None = field(default=None, repr=False)

    @property
    def factors(self) -> dict[str, dict[str, np.ndarray]]:
        """What was learned of each parameter's own law, by name, such as "concentration" and "rate" of a gamma."""
        return {k: f.described() for k, f in self.made.factors.items()} if isinstance(self.made, Factors) else {}

    @property
    def std(self) -> dict[str, np.ndarray]:
        """The standard deviation of every parameter, by name."""
        spread = torch.from_numpy(np.sqrt((self.factor**2).sum(1)))
        return {k: v.numpy() for k, v in self.density.sites(spread).items()}

    @property
    def means(self) -> dict[str, np.ndarray]:
        """The mean of every parameter, by name."""
        return {k: v.numpy() for k, v in self.density.sites(torch.from_numpy(self.mean)).items()}

    @property
    def covariance(self) -> np.ndarray:
        """(d, d), of the flat parameters."""
        return self.factor @ self.factor.T

    def sample(self, n: int = 1000, *, seed: int = 0) -> dict[str, np.ndarray]:
        """Draws by name, (n, *shape)."""
        noise = np.random.default_rng(seed).normal(size=(n, self.factor.shape[1]))
        if isinstance(self.made, Factors):
            points = self.made.draw(self.made.noise(n, torch.Generator().manual_seed(seed)))
        elif self.made is not None:
            points = self.made.draw(torch.from_numpy(noise))
        else:
            points = torch.from_numpy(self.mean + noise @ self.factor.T)
        return {k: v.numpy() for k, v in self.density.sites(points).items()}

    @property
    def problems(self) -> list[str]:
        """What makes the fit doubtful, in words; empty where nothing does."""
        return problems.of_variational(self)

    def __str__(self) -> str:
        value, error = self.final_elbo
        lines = [f"{self.family}, evidence lower bound {value:.4f} +- {error:.4f}, Pareto's k {self.shape:.2f}"]
        for name, mean in self.means.items():
            spread = np.atleast_1d(self.std[name]).ravel()
            for i, m in enumerate(np.atleast_1d(mean).ravel()[:10]):
                label = f"{name}[{i}]" if np.ndim(mean) else name
                lines.append(f"  {label}: {m:.4g} +- {spread[i]:.4g}")
            if np.size(mean) > 10:
                lines.append(f"  and {np.size(mean) - 10} more of {name}")
        return "\n".join([*lines, *(f"! {p}" for p in self.problems)])


def fit_variational(
    log_density: Callable[[Any], Tensor],
    start: Any,
    *,
    family: str | Mapping[str, str] = "mean_field",
    n_steps: int = 2000,
    n_samples: int = 16,
    lr: float = 0.05,
    rank: int = 2,
    n_layers: int = 6,
    gradient: Callable[[Tensor], Any] | None = None,
    likelihood: Callable[..., Tensor] | None = None,
    data: Sequence[Tensor] = (),
    batch_size: int | None = None,
    seed: int = 0,
) -> Variational:
    """The normal or flow that is nearest to a density, KL(q || p) least: `print` shows it, `sample` draws from it.

    Parameters
    ----------
    log_density, start, gradient : as in `pn.sample`; with `likelihood` the density is that of the prior.
    family : "mean_field" (every parameter on its own: intervals are too narrow where parameters go together),
        "full_rank", "low_rank" (`rank` directions beside independent deviations, for many parameters) or "flow"
        (`n_layers` couplings: bent and skewed densities; slower, and wants more steps). Parameters that are positive,
        shares or between 0 and 1 themselves, without a transformation, have a law of their own: "gamma", "dirichlet"
        (over the last axis) or "beta", of all or by name, {"rate": "gamma"}, where those left out are "normal".
    n_steps, n_samples, lr : steps of Adam on reparameterised draws, draws a step, and its first rate, which falls to a
        hundredth by a cosine.
    likelihood, data, batch_size : log p(row | theta) of the rows of tensors, `likelihood(theta, *rows)` -> (n, rows);
        each step takes `batch_size` rows and counts them N / batch_size times (stochastic variational inference).

    Systems: variational-inference, stochastic-vi
    Source: Martinez-Ramon 9.3.3; its text on what is to be made large is the wrong way round (F9-17). Ranganath et al.
    2014; Kucukelbir et al. 2017; Yao et al. 2018 for Pareto's k.
    """
    if isinstance(family, str) and family not in FAMILIES:
        raise SettingError(f"no family {family!r}; {did_you_mean(family, FAMILIES)}")
    if rank < 1 or n_layers < 1:
        raise SettingError(f"rank and n_layers are 1 or more; got {rank} and {n_layers}")
    if n_steps < 1 or n_samples < 1 or not lr > 0:
        raise SettingError(f"n_steps and n_samples are 1 or more and lr above 0; got {n_steps}, {n_samples}, {lr}")
    generator = torch.Generator().manual_seed(seed)
    rows = _Rows(likelihood, data, batch_size, generator)
    density = Density(rows.joined(log_density, density_named=isinstance(start, dict)), start, gradient=gradient)
    if gradient is not None and likelihood is not None:
        raise SettingError("a gradient of one's own is of the whole density; leave likelihood and data out")
    made = _made(family, density, rank, n_layers, generator)
    check_start(density, density.start[None], gradient=True, drawn_from=not isinstance(made, Factors))
    if made is not None:
        climbed = _climbed(density, rows, made, n_steps, n_samples, lr, generator)
        rows.whole = True
        called = family if isinstance(family, str) else ", ".join(f"{k} {v}" for k, v in family.items())
        return _described(density, called, made, climbed, generator)
    assert isinstance(family, str)  # every mapping makes factors
    mean, factor, history = _ascended(density, rows, family, n_steps, n_samples, lr, generator)
    rows.whole = True
    return _judged(density, family, mean, factor, history, generator)


def _made(
    family: str | Mapping[str, str], density: Density, rank: int, n_layers: int, generator: torch.Generator
) -> Made | None:  # fmt: skip
    """What is learned in place of a mean and a factor; None of the plain normals."""
    if family == "low_rank":
        return LowRank(density.start, min(rank, density.size), generator)
    if family == "flow":
        return Flow(density.start, n_layers, generator)
    if isinstance(family, str) and family not in KINDS:
        return None
    return Factors(density, kinds_of(family, density))


class _Rows:
    """The rows that a stochastic density is of: a batch drawn for every step, or all."""

    def __init__(self, likelihood: Any, data: Sequence[Tensor], batch_size: int | None, generator: Any) -> None:
        if (likelihood is None) != (len(data) == 0):
            raise SettingError("likelihood and data go together: give both, or put the data into log_density")
        if likelihood is None and batch_size is not None:
            raise SettingError("batch_size takes rows of data; give likelihood and data")
        self.likelihood, self.data, self.generator = likelihood, list(data), generator
        self.n = len(self.data[0]) if self.data else 0
        if any(len(t) != self.n for t in self.data):
            raise DataError(f"data holds tensors of {[len(t) for t in self.data]} rows; give equally many")
        self.size = min(batch_size or self.n, self.n)
        self.whole = False
        self.chosen = torch.arange(self.size)

    def draw(self) -> None:
        """Choose the rows of the next step."""
        if self.likelihood is not None and self.size < self.n:
            self.chosen = torch.randperm(self.n, generator=self.generator)[: self.size]

    def joined(self, prior: Callable[[Any], Tensor], *, density_named: bool) -> Callable[[Any], Tensor]:
        """Prior and likelihood as one density."""
        likelihood = self.likelihood
        if likelihood is None:
            return prior

        def density(theta: Any) -> Tensor:
            chosen = slice(None) if self.whole else self.chosen
            logs = likelihood(theta, *(t[chosen] for t in self.data))
            n = self.n if self.whole else self.size
            if logs.ndim != 2 or logs.shape[1] != n:
                raise DataError(f"likelihood gave {tuple(logs.shape)} for {n} rows; expected (points, rows)")
            return prior(theta) + self.n / n * logs.sum(1)

        return density


def _ascended(
    density: Density, rows: _Rows, family: str, n_steps: int, n_samples: int, lr: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, np.ndarray]:
    """Mean and factor after so many steps, averaged over the last quarter, and the bound at each step."""
    d = density.size
    full = family == "full_rank"
    mean, log_std = density.start.clone(), torch.full((d,), -1.0, dtype=torch.float64)
    below = torch.zeros(d, d, dtype=torch.float64)
    values = [mean, log_std, below] if full else [mean, log_std]
    moments = [(torch.zeros_like(v), torch.zeros_like(v)) for v in values]
    sums, n_summed, history = [torch.zeros_like(v) for v in values], 0, []
    for step in range(n_steps):
        rows.draw()
        noise = torch.randn(n_samples, d, generator=generator, dtype=torch.float64)
        std = log_std.exp()
        moved = noise * std + (noise @ below.T if full else 0.0)
        log_p, slope = density.with_gradient(mean + moved)
        history.append(_finite(float(log_p.mean() + log_std.sum() + d / 2 * (1 + LOG_2PI)), step))
        slopes = [slope.mean(0), (slope * noise).mean(0) * std + 1]
        if full:
            slopes.append(torch.tril(slope.T @ noise / n_samples, -1))
        rate = _rate(lr, step, n_steps)
        for value, g, (first, second) in zip(values, slopes, moments, strict=True):
            first.lerp_(g, 0.1)
            second.lerp_(g.square(), 0.001 if n_steps > 3000 else 0.01)
            unbias = 1 - 0.9 ** (step + 1), 1 - (0.999 if n_steps > 3000 else 0.99) ** (step + 1)
            value.add_(rate * (first / unbias[0]) / ((second / unbias[1]).sqrt() + 1e-8))
        if step >= 0.75 * n_steps:
            n_summed += 1
            for total, value in zip(sums, values, strict=True):
                total.add_(value)
    averaged = [total / n_summed for total in sums] if n_summed else values
    factor = torch.diag(averaged[1].exp()) + (averaged[2] if full else 0.0)
    return averaged[0], factor, np.array(history)


def _finite(elbo: float, step: int) -> float:
    if not math.isfinite(elbo):
        raise Diverged(f"the evidence lower bound is {elbo} at step {step}; give a smaller lr, or start elsewhere")
    return elbo


def _rate(lr: float, step: int, n_steps: int) -> float:
    return lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / n_steps)))


def _climbed(
    density: Density, rows: _Rows, made: Made, n_steps: int, n_samples: int, lr: float,
    generator: torch.Generator,
) -> np.ndarray:  # fmt: skip
    """The bound at each step, while a family's parameters climb; they end as their mean over the last quarter."""
    values = made.parameters()
    for value in values:
        value.requires_grad_()
    optimizer = torch.optim.Adam(values, lr=lr, betas=(0.9, 0.99))
    sums, n_summed, history = [torch.zeros_like(v) for v in values], 0, []
    for step in range(n_steps):
        rows.draw()
        noise = made.noise(n_samples, generator)
        points, entropy = made.draw_with_entropy(noise)
        log_p, slope = density.with_gradient(points.detach())
        history.append(_finite(float(log_p.mean()) + float(entropy.detach()), step))
        optimizer.zero_grad()
        (-((slope * points).sum(1).mean() + entropy)).backward()
        torch.nn.utils.clip_grad_norm_(values, 100.0)
        optimizer.param_groups[0]["lr"] = _rate(lr, step, n_steps)
        optimizer.step()
        if step >= 0.75 * n_steps:
            n_summed += 1
            for total, value in zip(sums, values, strict=True):
                total.add_(value.detach())
    for total, value in zip(sums, values, strict=True):
        value.requires_grad_(False)
        if n_summed:
            value.copy_(total / n_summed)
    return np.array(history)


def _described(
    density: Density, family: str, made: Made, history: np.ndarray, generator: torch.Generator
) -> Variational:
    """The fit of a family by its own draws, as `_judged` does it for plain normals."""
    noise = made.noise(2000, generator)
    points, log_q = made.draw_with_density(noise)
    ratios = (density.value(points) - log_q).numpy()
    if isinstance(made, LowRank):
        mean, factor = made.mean, torch.cat((torch.diag(made.log_std.exp()), made.ways), 1)
        return _told(density, family, mean, factor, history, ratios)
    if isinstance(made, Factors):
        return _told(density, family, *made.moments(), history, ratios, made)
    many = made.draw(made.noise(10_000, generator))
    spread = torch.cov(many.T).reshape(density.size, density.size)
    mean, factor = many.mean(0), torch.linalg.cholesky(spread)
    return _told(density, family, mean, factor, history, ratios, made)


def _judged(
    density: Density, family: str, mean: Tensor, factor: Tensor, history: np.ndarray, generator: torch.Generator
) -> Variational:
    """The fit with its bound by many draws, and how far the ratios p / q stray."""
    noise = torch.randn(2000, density.size, generator=generator, dtype=torch.float64)
    log_p = density.value(mean + noise @ factor.T)
    log_q = -0.5 * (noise.square().sum(1) + density.size * LOG_2PI) - factor.diagonal().log().sum()
    ratios = (log_p - log_q).numpy()
    return _told(density, family, mean, factor, history, ratios)


def _told(
    density: Density, family: str, mean: Tensor, factor: Tensor, history: np.ndarray, ratios: np.ndarray,
    made: Flow | Factors | None = None,
) -> Variational:  # fmt: skip
    """The result, from log ratios p / q at many draws of q."""
    bound = float(ratios.mean()), float(ratios.std(ddof=1) / math.sqrt(len(ratios)))
    fall = math.inf  # of factors, whose parameters end
    if not isinstance(made, Factors):
        ways, lengths, _ = torch.linalg.svd(factor, full_matrices=False)
        steps = 10 * (ways * lengths).T
        there = density.value(torch.cat((mean + steps, mean - steps)))
        fall = float((density.value(mean[None]) - there).nan_to_num(nan=math.inf).min())
    k = pareto_shape(ratios) if np.ptp(ratios) > 1e-6 else 0.0  # ratios all alike have no tail
    return Variational(density, family, mean.numpy(), factor.numpy(), history, bound, k, fall, made)
