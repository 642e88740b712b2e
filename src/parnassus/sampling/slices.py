"""Moves without a step to tune: slices of ellipses, and parameters drawn in turn from their conditionals."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError, SettingError
from ..functional.mcmc import on_ellipse
from .density import Density
from .reference import Reference
from .transitions import Info, State, Transition

WIDER = 1.5  # the learned normal's variances over those seen: tails thinner than the density's would hold chains fast


class EllipticalSlice(Transition):
    """Points drawn on an ellipse through each chain and a draw of a normal, at a height under p over that normal.

    Nothing is ever refused: the arc shrinks towards the chain until a point on it is high enough. The normal is the
    prior, `mean` and `covariance` (as p = prior x likelihood, what is left is the likelihood); where they are left out
    warm-up learns a normal, which leaves the density as it is and only changes how fast chains move.

    Source: Murray, Adams and MacKay 2010; Nishihara, Murray and Adams 2014 for the learned normal.
    """

    def __init__(
        self, density: Density, generator: torch.Generator, *, mean: Any = None, covariance: Any = None
    ) -> None:
        super().__init__(density, generator)
        if mean is not None and covariance is None:
            raise SettingError("mean and covariance are the prior's; give both, or the covariance alone for mean 0")
        self.learns = covariance is None
        at = torch.zeros(density.size) if mean is None and covariance is not None else mean
        self.normal_of = Reference(density, at, 1.0 if covariance is None else covariance)

    def move(self, state: State) -> tuple[State, Info]:
        n = len(state.points)
        other = self.normal_of.draw(self.normal(state.points))
        height = state.log_p - self.normal_of.log_density(state.points) + self._uniform(n).log()
        angle = 2 * math.pi * self._uniform(n)
        low, high = angle - 2 * math.pi, angle.clone()
        new, log_p = state.points.clone(), state.log_p.clone()
        open_, steps = torch.arange(n), torch.zeros(n, dtype=torch.float64)
        while len(open_):
            there = on_ellipse(state.points[open_], other[open_], angle[open_], self.normal_of.mean)
            value = self.density.value(there, chains=open_)
            taken = value - self.normal_of.log_density(there) > height[open_]
            steps[open_] += 1
            new[open_[taken]], log_p[open_[taken]] = there[taken], value[taken]
            open_ = open_[~taken]
            below = angle[open_] < 0
            low[open_[below]], high[open_[~below]] = angle[open_[below]], angle[open_[~below]]
            angle[open_] = low[open_] + (high - low)[open_] * self._uniform(len(open_))
            open_ = open_[(high - low)[open_] > 1e-12]  # rounding alone keeps the chain's own point out: it stays
        moved = torch.ones(n, dtype=torch.float64)
        return State(new, log_p), Info(moved, -log_p, torch.zeros(n, dtype=torch.bool), steps)

    def state(self) -> dict[str, Any]:
        return super().state() | {"mean": self.normal_of.mean, "factor": self.normal_of.factor}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.normal_of.mean, self.normal_of.factor = state["mean"], state["factor"]

    def _uniform(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator, dtype=torch.float64)

    def learn(self) -> None:
        if self.learns:
            seen = torch.cat(self.spread.points)
            self.normal_of.reshape(seen.mean(0), WIDER * self.spread.covariance())
        super().learn()


class Gibbs(Transition):
    """Each parameter drawn in turn from what it is given all others.

    conditionals : name -> function(sites, generator), which takes all parameters by name, (chains, *shape) each, and
        gives a draw of its own for every chain. One that is left out stays where it is.

    Source: Geman and Geman 1984.
    """

    asks_density = False

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        conditionals: Mapping[str, Callable[[dict[str, Tensor], torch.Generator], Tensor]],
    ) -> None:
        super().__init__(density, generator)
        missing = set(density.shapes) - set(conditionals)
        if missing or set(conditionals) - set(density.shapes):
            raise SettingError(
                f"conditionals are of {sorted(conditionals)}, the parameters are {sorted(density.shapes)}; "
                f"give one function for each"
            )
        self.conditionals = dict(conditionals)

    def move(self, state: State) -> tuple[State, Info]:
        n = len(state.points)
        sites = dict(self.density.sites(state.points))
        for name, draw in self.conditionals.items():
            new = torch.as_tensor(draw(sites, self.generator)).double()
            if new.shape != sites[name].shape or not bool(new.isfinite().all()):
                raise DataError(
                    f"the conditional of {name!r} drew a {tuple(new.shape)} tensor, or one with NaN; expected finite "
                    f"numbers {tuple(sites[name].shape)}, a draw for each chain"
                )
            sites[name] = new
        points = torch.cat([sites[name].reshape(n, -1) for name in self.density.shapes], 1)
        log_p = self.density.value(points)
        one = torch.ones(n, dtype=torch.float64)
        return State(points, log_p), Info(one, -log_p, torch.zeros(n, dtype=torch.bool), one)
