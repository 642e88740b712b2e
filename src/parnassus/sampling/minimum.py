"""The least value of a function that costs much to ask, by a Gaussian process and its expected improvement."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, Diverged, SettingError
from ..functional.bayes import gaussian_process, matern_kernel
from ..functional.bayes.acquisition import expected_improvement
from ..functional.probability import LOG_2PI

N_CANDIDATES, N_CLIMBED, N_CLIMBS = 1024, 4, 30
LEAST_NOISE = 1e-5  # variance in standardised values


@dataclass(frozen=True)
class Minimum:
    """Where a function was asked, (n, d) in order, what it said (n,), and the best of them.

    `best` is by name where the box has names.
    """

    names: tuple[str, ...] | None
    tried: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)

    @property
    def value(self) -> float:
        """The least value."""
        return float(self.values.min())

    @property
    def best(self) -> Any:
        """Where it is: a dict where the box has names, or (d,)."""
        found = self.tried[int(self.values.argmin())]
        return dict(zip(self.names, found.tolist(), strict=True)) if self.names else found

    @property
    def course(self) -> np.ndarray:
        """The least value so far, after each evaluation."""
        return np.minimum.accumulate(self.values)


class Surrogate:
    """A Gaussian process of values over the unit cube, its scales, variance and noise those of largest evidence."""

    def __init__(self, points: Tensor, values: Tensor, *, n_steps: int = 80) -> None:
        self.points = points
        spread = float(values.std()) if len(values) > 1 else 0.0
        self.centre, self.spread = float(values.mean()), spread if spread > 0 else 1.0
        self.values = (values - self.centre) / self.spread
        d = points.shape[1]
        logs = torch.cat((torch.full((d,), math.log(0.3)), torch.zeros(1), torch.full((1,), math.log(1e-3)))).double()
        best, least = logs.clone(), math.inf
        logs.requires_grad_()
        optimizer = torch.optim.Adam([logs], lr=0.1)
        with torch.enable_grad():
            for _ in range(n_steps):
                loss = self._cost(logs)
                if float(loss.detach()) < least:
                    best, least = logs.detach().clone(), float(loss.detach())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.scale, self.variance = best[:d].exp().clamp(0.02, 20), float(best[d].exp())
        self.noise = float(best[d + 1].exp()) + LEAST_NOISE

    def _cost(self, logs: Tensor) -> Tensor:
        """Minus the log evidence, with weak priors that keep few points from saying much."""
        d = self.points.shape[1]
        a = self.points / logs[:d].exp().clamp(0.02, 20)
        r = ((a[:, None] - a[None]).square().sum(-1) + 1e-12).sqrt() * math.sqrt(5)
        kernel = logs[d].exp() * (1 + r + r.square() / 3) * (-r).exp()
        factor = torch.linalg.cholesky(kernel + (logs[d + 1].exp() + LEAST_NOISE) * torch.eye(len(a), dtype=a.dtype))
        white = torch.linalg.solve_triangular(factor, self.values[:, None], upper=False)
        evidence = -0.5 * white.square().sum() - factor.diagonal().log().sum() - len(a) / 2 * LOG_2PI
        prior = (logs[:d] - math.log(0.4)).square().sum() / 2 + logs[d].square() / 2
        return prior + (logs[d + 1] - math.log(1e-3)).square() / 18 - evidence

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """Matern's, of smoothness 2.5, with a scale for each column."""
        return matern_kernel(a, b, nu=2.5, scale=self.scale, variance=self.variance)

    def improvement(self, new: Tensor, best: float) -> Tensor:
        """Expected improvement on `best`, in standardised values, at points (m, d)."""
        found = [
            gaussian_process(self.points, self.values, some, kernel=self.kernel, noise=self.noise)
            for some in new.split(256)
        ]
        mean = torch.cat([f.mean for f in found])
        variance = torch.cat([f.covariance.diagonal() for f in found])
        return expected_improvement(mean, variance.clamp(min=1e-12).sqrt(), (best - self.centre) / self.spread)


def next_point(points: Tensor, values: Tensor, *, seed: int) -> Tensor:
    """The point (d,) of the unit cube where the values (n,) at points (n, d) are expected to fall most.

    The largest of `N_CANDIDATES` scattered over the cube and around the best, and of short climbs from the first few.
    """
    surrogate, best = Surrogate(points, values), float(values.min())
    d = points.shape[1]
    scattered = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(N_CANDIDATES).double()
    generator = torch.Generator().manual_seed(seed)
    around = points[values.argmin()] + 0.05 * torch.randn(N_CANDIDATES // 8, d, generator=generator).double()
    candidates = torch.cat((scattered, around.clamp(0, 1)))
    with torch.no_grad():
        worth = surrogate.improvement(candidates, best)
        at = candidates[worth.topk(N_CLIMBED).indices]
        value = surrogate.improvement(at, best)
        for i in range(N_CLIMBS):
            step = 0.05 * 0.85**i
            there = (at + step * torch.randn(at.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
            new = surrogate.improvement(there, best)
            at, value = torch.where((new > value)[:, None], there, at), torch.maximum(new, value)
    return at[value.argmax()]


def minimize(
    function: Callable[[Any], float],
    box: Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]],
    *,
    n_evaluations: int = 40,
    n_first: int | None = None,
    seed: int = 0,
) -> Minimum:
    """The least value found of a function on a box: for functions that take seconds or hours, in few dimensions.

    Parameters
    ----------
    function : takes a dict by the box's names, or a vector (d,) where the box has none, and gives a number.
    box : name -> (low, high), or a list of (low, high).
    n_evaluations, n_first : evaluations in all, and how many of them are scattered before the process begins; 2 d + 2
        if not given.

    Source: Jones, Schonlau and Welch 1998; Snoek, Larochelle and Adams 2012.
    """
    names = tuple(box) if isinstance(box, Mapping) else None
    edges = np.array([box[k] for k in names] if isinstance(box, Mapping) and names else list(box), dtype=np.float64)
    if edges.ndim != 2 or edges.shape[1] != 2 or not (np.isfinite(edges).all() and (edges[:, 0] < edges[:, 1]).all()):
        raise SettingError(f"box holds a finite (low, high) for each number, low below high; got {box!r}")
    first = 2 * len(edges) + 2 if n_first is None else n_first
    if not 2 <= first <= n_evaluations:
        raise SettingError(f"n_first is 2 or more and at most n_evaluations; got {first} and {n_evaluations}")
    scattered = torch.quasirandom.SobolEngine(len(edges), scramble=True, seed=seed).draw(first).double()
    points, values = scattered[:0], torch.zeros(0, dtype=torch.float64)
    for i in range(n_evaluations):
        point = scattered[i] if i < first else next_point(points, values, seed=seed + i)
        where = edges[:, 0] + point.numpy() * (edges[:, 1] - edges[:, 0])
        said = function(dict(zip(names, where.tolist(), strict=True)) if names else where)
        values = torch.cat((values, torch.tensor([_number(said, where)], dtype=torch.float64)))
        points = torch.cat((points, point[None]))
    tried = edges[:, 0] + points.numpy() * (edges[:, 1] - edges[:, 0])
    return Minimum(names, tried, values.numpy())


def _number(said: Any, where: np.ndarray) -> float:
    try:
        value = float(said)
    except (TypeError, ValueError):
        raise DataError(f"the function gave {said!r} at {where.tolist()}; give one number") from None
    if not math.isfinite(value):
        raise Diverged(f"the function gave {value} at {where.tolist()}; give a large finite number where it fails")
    return value
