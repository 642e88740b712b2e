"""Many points that become draws together: pushed by Stein's direction, or weighted, drawn anew and moved."""

import math
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError, Diverged, SettingError
from ..functional.mcmc import log_acceptance
from ..functional.particles import effective_size, next_power, stein_direction, systematic_indices
from .density import Density
from .problems import variance_shown
from .reference import Reference
from .starts import check_integral, check_start
from .transitions import Info, State


class Particles:
    """A way from first points to draws: `run(n_runs, n)` gives a state and info of (runs, n), and `settings` facts."""

    def __init__(self, density: Density, generator: torch.Generator) -> None:
        self.density, self.generator = density, generator
        self.settings: dict[str, float] = {}

    def run(self, n_runs: int, n: int) -> tuple[State, Info]:
        """Points (runs, n, d) that stand for the density, with log p."""
        raise NotImplementedError

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def value(self, points: Tensor) -> Tensor:
        """log p of points (runs, n, d): (runs, n); NaN is refused."""
        found = self.density.value(points.flatten(0, 1)).reshape(points.shape[:2])
        if bool(found.isnan().any()):
            at = points[found.isnan()][0]
            shown = ", ".join(f"{k}={v.flatten().tolist()[:3]}" for k, v in self.density.sites(at).items())
            raise DataError(f"the log density is NaN at {shown}; give -inf where the density is 0")
        return found


class Stein(Particles):
    """Stein variational gradient descent: points drawn to the density and pushed apart, until they stand still.

    Of few points in few dimensions this is the most exact; in many dimensions the points' spread is too small.

    spread : of the first points around the start. n_steps, lr : steps of Adam, and its first rate.

    Source: Liu and Wang 2016; Ba et al. 2022 on the spread in many dimensions.
    """

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        n_steps: int = 500,
        lr: float = 0.1,
        spread: float = 1.0,
    ) -> None:
        super().__init__(density, generator)
        if n_steps < 1 or not lr > 0 or not spread > 0:
            raise SettingError(f"n_steps is 1 or more, lr and spread above 0; got {n_steps}, {lr} and {spread}")
        self.n_steps, self.lr, self.spread = n_steps, lr, spread

    def run(self, n_runs: int, n: int) -> tuple[State, Info]:
        d = self.density.size
        points = self.density.start + self.spread * self.normal(n_runs, n, d)
        check_start(self.density, points.flatten(0, 1), gradient=True, of="point")
        first, second, longest = torch.zeros_like(points), torch.zeros_like(points), 0.0
        middle = points
        for step in range(self.n_steps):
            middle = points if step == self.n_steps // 2 else middle
            _, slope = self.density.with_gradient(points.flatten(0, 1))
            way = stein_direction(points, slope.reshape(points.shape))
            longest = float(way.norm(dim=-1).mean())
            if not math.isfinite(longest):
                raise Diverged(f"the points left the finite numbers at step {step}; give a smaller lr or spread")
            first.lerp_(way, 0.1)
            second.lerp_(way.square(), 0.01)
            unbias = 1 - 0.9 ** (step + 1), 1 - 0.99 ** (step + 1)
            rate = self.lr * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * step / self.n_steps)))
            points = points + rate * (first / unbias[0]) / ((second / unbias[1]).sqrt() + 1e-8)
        self.settings = {"last push": longest, "variance shown": variance_shown(n, d)}
        self.settings["growth"] = _widest(points) / _widest(middle)
        state = State(points, self.value(points))
        one = torch.ones_like(state.log_p)
        return state, Info(one, -state.log_p, one < 0, one * self.n_steps)


def _widest(points: Tensor) -> float:
    """The deviation of points (runs, n, d) of a run around their mean, where it is largest."""
    centred = points - points.mean(1, keepdim=True)
    return float(
        (torch.linalg.matrix_norm(centred, ord=2) / math.sqrt(max(1, points.shape[1] - 1))).max().clamp(min=1e-300)
    )


class Sequential(Particles):
    """Sequential Monte Carlo from a normal to the density, by powers of their ratio; it also gives the evidence.

    At each power the points are weighted, drawn anew and moved by random walks of their own covariance. Powers are
    chosen so that `keep` of the points stay worth something. `settings` has "log evidence", the logarithm of the
    integral of exp(log_density), and its standard error over the runs.

    mean, covariance : of the normal, which is to be wider than the density; the start, and 4, where left out.
    n_moves : walks after each drawing.

    Source: Del Moral, Doucet and Jasra 2006; Chopin 2002.
    """

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        mean: Any = None,
        covariance: Any = 4.0,
        n_moves: int = 10,
        keep: float = 0.5,
    ) -> None:
        super().__init__(density, generator)
        if n_moves < 1 or not 0 < keep < 1:
            raise SettingError(f"n_moves is 1 or more, keep between 0 and 1; got {n_moves} and {keep}")
        self.reference = Reference(density, mean, covariance)
        self.n_moves, self.keep = n_moves, keep

    def run(self, n_runs: int, n: int) -> tuple[State, Info]:
        points = self.reference.draw(self.normal(n_runs, n, self.density.size))
        state = State(points, self.value(points))
        if not bool(state.log_p.isfinite().any(1).all()):
            raise DataError(
                "the density is 0 at every first point; give mean and covariance that reach where it is not"
            )
        seen = state.log_p.isfinite()
        check_integral(self.density, state.points[seen][:8], state.log_p[seen][:8])
        power = torch.zeros(n_runs, dtype=torch.float64)
        evidence, rate, scale, stages, n_moves = power.clone(), power.clone(), power + 1.0, 0, 0
        while bool((power < 1).any()):
            ratio = state.log_p - self.reference.log_density(state.points)
            after = next_power(power, ratio, keep=self.keep)
            if bool((after - power <= 0).logical_and(power < 1).any()) or stages > 10_000:
                raise DataError("the normal and the density hardly overlap; give a wider covariance, or a nearer mean")
            logs = torch.where((after > power)[:, None], (after - power)[:, None] * ratio, torch.zeros_like(ratio))
            evidence = evidence + logs.logsumexp(1) - math.log(n)
            state, power, stages = self._drawn(state, logs), after, stages + 1
            for _ in range(self.n_moves):
                state, rate = self._walked(state, power, scale)
                scale = scale * (2 * (rate - 0.25)).exp()
                n_moves += 1
        self._tell(evidence, stages, rate, state.points)
        order = torch.stack([torch.randperm(n, generator=self.generator) for _ in range(n_runs)])
        state = self._at(state, order)  # neighbours come from the same point; diagnostics take rows for an order
        one = torch.ones_like(state.log_p)
        return state, Info(one * rate[:, None], -state.log_p, one < 0, one * n_moves)

    @staticmethod
    def _at(state: State, order: Tensor) -> State:
        wide = order[..., None].expand(-1, -1, state.points.shape[2])
        return State(state.points.gather(1, wide), state.log_p.gather(1, order))

    def _drawn(self, state: State, logs: Tensor) -> State:
        uniform = torch.rand(len(logs), generator=self.generator, dtype=torch.float64)
        flat = effective_size(logs) >= logs.shape[1] * (1 - 1e-9)  # nothing to draw anew
        order = systematic_indices(logs, uniform)
        return self._at(state, torch.where(flat[:, None], torch.arange(logs.shape[1]), order))

    def _walked(self, state: State, power: Tensor, scale: Tensor) -> tuple[State, Tensor]:
        """A random walk of every point at p^power times the normal's rest, shaped by its run's points."""
        d = state.points.shape[2]
        centred = state.points - state.points.mean(1, keepdim=True)
        covariance = centred.mT @ centred / (centred.shape[1] - 1)
        factor = torch.linalg.cholesky(covariance + 1e-10 * covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
                                       * torch.eye(d).double() + 1e-300)  # fmt: skip
        jump = 2.4 / math.sqrt(d) * scale[:, None, None] * (self.normal(*state.points.shape) @ factor.mT)
        there = state.points + jump
        new = State(there, self.value(there))

        def tempered(of: State) -> Tensor:
            return power[:, None] * of.log_p + (1 - power[:, None]) * self.reference.log_density(of.points)

        ratio = log_acceptance(tempered(state), tempered(new))
        taken = torch.rand(ratio.shape, generator=self.generator, dtype=torch.float64).log() < ratio
        points = torch.where(taken[..., None], new.points, state.points)
        return State(points, torch.where(taken, new.log_p, state.log_p)), ratio.exp().mean(1)

    def _tell(self, evidence: Tensor, stages: int, rate: Tensor, points: Tensor) -> None:
        mean = float(evidence.logsumexp(0) - math.log(len(evidence)))
        ratios = (evidence - mean).exp()
        error = float(ratios.std() / math.sqrt(len(ratios))) if len(ratios) > 1 else math.nan
        self.settings = {"log evidence": mean, "log evidence error": error, "stages": float(stages),
                         "acceptance": float(rate.mean()), "widest": self._widest(points)}  # fmt: skip

    def _widest(self, points: Tensor) -> float:
        """How wide the points are where they are widest, in deviations of the normal; 1 where that may be chance."""
        factor = self.reference.factor
        white = torch.linalg.solve_triangular(factor, points.flatten(0, 1).T, upper=False).T[None]
        found, chance = _widest(white), 1.2 * (1 + math.sqrt(len(factor) / points.shape[1]))
        return found if found > chance else min(1.0, found)
