"""Ways of moving chains: random walks, shaped by curvature or not, and Langevin and Hamiltonian paths.

A transition moves all chains at once: `begin(points) -> State`, `move(state) -> (State, Info)`, and in warm-up
`adapt(state, info)` after each move, `learn()` at the end of a window, `settle()` at the end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import SettingError
from ..functional.mcmc import ProposalShape, hamiltonian, hessian_shape, log_acceptance, log_proposal
from .adaptation import DualAveraging, Spread
from .density import Density
from .reference import factor_of, numbers_in

RATE, RATE_OF_ONE = 0.234, 0.44  # the best acceptance of a random walk in many dimensions, and in one
DIVERGENT = 1000.0  # energy that a path may lose or gain before it counts as having left the surface


@dataclass
class State:
    """Where the chains are, (chains, d), with log p (chains,) and its gradient where the transition needs one."""

    points: Tensor
    log_p: Tensor
    slope: Tensor | None = None

    def moved(self, new: "State", accepted: Tensor) -> "State":
        """The new state where it was accepted."""
        keep = accepted[:, None]
        slope = None if self.slope is None or new.slope is None else torch.where(keep, new.slope, self.slope)
        return State(torch.where(keep, new.points, self.points), torch.where(accepted, new.log_p, self.log_p), slope)


@dataclass
class Info:
    """Of one move, by chain: its acceptance probability, energy, whether it diverged, and gradients it took."""

    acceptance: Tensor
    energy: Tensor
    divergent: Tensor
    n_steps: Tensor


class Transition:
    """A way of moving; the base of all."""

    needs_gradient = False
    asks_density = True  # rather than only telling it
    learned: ClassVar[tuple[str, ...]] = ()  # attributes that warm-up or moves change

    def __init__(self, density: Density, generator: torch.Generator) -> None:
        self.density, self.generator = density, generator
        self.spread = Spread()

    def begin(self, points: Tensor) -> State:
        """The state at the first points."""
        if self.needs_gradient:
            return State(points, *self.density.with_gradient(points))
        return State(points, self.density.value(points))

    def move(self, state: State) -> tuple[State, Info]:
        """One step of every chain."""
        raise NotImplementedError

    def adapt(self, state: State, info: Info) -> None:
        """Learn from one step of the warm-up."""
        self.spread.add(state.points)

    def learn(self) -> None:
        """The end of a window: take its spread over."""
        self.spread = Spread()

    def settle(self) -> None:
        """The end of the warm-up."""

    def settings(self) -> dict[str, float]:
        """What was learned, for the result."""
        return {}

    def state(self) -> dict[str, Any]:
        """What another transition with the same options needs to go on as this one would: tensors and numbers."""
        return {name: getattr(self, name) for name in self.learned} | {"generator": self.generator.get_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the transition with this `state` was."""
        for name in self.learned:
            setattr(self, name, state[name])
        self.generator.set_state(state["generator"])

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers of a shape."""
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype)

    def accepts(self, log_ratio: Tensor) -> Tensor:
        """Whether each chain takes its proposal."""
        return torch.rand(log_ratio.shape, generator=self.generator, dtype=log_ratio.dtype).log() < log_ratio


def _info(log_ratio: Tensor, log_p: Tensor, n_steps: int, divergent: Tensor | None = None) -> Info:
    lost = torch.zeros_like(log_ratio, dtype=torch.bool) if divergent is None else divergent
    return Info(log_ratio.exp(), -log_p, lost, torch.full_like(log_ratio, n_steps))


class RandomWalk(Transition):
    """Metropolis steps N(theta, C): with `adapt` warm-up learns the shape of C from the draws, and its size.

    scale : where C begins, and with adapt=False stays: the standard deviation of steps, a number or (d,), or (d, d),
        their covariance. Left out, 2.4 / sqrt(d), at which a quarter of the steps is taken where C fits.

    Source: Martinez-Ramon 9.3.1, eq. 9.13 (F9-8 for its sign and scale); Haario et al. 2001 for adapting; Gelman,
    Roberts and Gilks 1996 for the size.
    """

    learned = ("scale", "factor")

    def __init__(
        self, density: Density, generator: torch.Generator, *, scale: ArrayLike | None = None, adapt: bool = True
    ) -> None:
        super().__init__(density, generator)
        d = density.size
        self.learns = adapt
        start, self.factor = _begun(2.4 / math.sqrt(d) if scale is None else scale, d)
        self.tuner = DualAveraging(start, RATE if d > 1 else RATE_OF_ONE)
        self.scale = start

    def move(self, state: State) -> tuple[State, Info]:
        there = state.points + self.scale * self.normal(state.points) @ self.factor.T
        new = State(there, self.density.value(there))
        ratio = log_acceptance(state.log_p, new.log_p)
        state = state.moved(new, self.accepts(ratio))
        return state, _info(ratio, state.log_p, 1)

    def adapt(self, state: State, info: Info) -> None:
        if self.learns:
            super().adapt(state, info)
            self.tuner.update(float(info.acceptance.mean()))
            self.scale = self.tuner.step

    def learn(self) -> None:
        if self.learns:
            factor, failed = torch.linalg.cholesky_ex(self.spread.covariance())
            if not int(failed):  # chains that ran away along one line have none that numbers can hold
                self.factor = factor
            self.tuner.restart(2.4 / math.sqrt(self.density.size))
            self.scale = self.tuner.step
            super().learn()

    def settle(self) -> None:
        if self.learns:
            self.scale = self.tuner.settled

    def settings(self) -> dict[str, float]:
        return {"scale": self.scale}


def _begun(scale: ArrayLike, d: int) -> tuple[float, Tensor]:
    """A size and a factor (d, d) of the covariance of steps, from deviations or a covariance."""
    given = numbers_in("scale", scale)
    if given.ndim == 0:
        if not 0 < float(given) < math.inf:
            raise SettingError(f"scale is above 0; got {float(given)}")
        return float(given), torch.eye(d, dtype=torch.float64)
    if given.shape == (d,):
        if not bool(((given > 0) & given.isfinite()).all()):
            raise SettingError(f"scale holds a deviation above 0 for each parameter; got {given.tolist()[:5]}")
        return 1.0, torch.diag(given)
    if given.shape != (d, d):
        raise SettingError(
            f"scale has shape {tuple(given.shape)}, and there are {d} parameters; give the standard deviation of "
            f"steps, a number or ({d},), or their covariance ({d}, {d})"
        )
    return 1.0, factor_of(given)


class HessianWalk(Transition):
    """Steps N(theta, scale^2 H^-1), H the curvature of -log p there made positive, with the full Hastings ratio.

    scale : left out, warm-up tunes it, from 2.4 / sqrt(d) on.
    """

    needs_gradient = True
    learned = ("scale",)

    def __init__(self, density: Density, generator: torch.Generator, *, scale: float | None = None) -> None:
        super().__init__(density, generator)
        if density.given is not None:
            raise SettingError("a Hessian comes from autograd; leave gradient out")
        if scale is not None and not (isinstance(scale, Real) and scale > 0):
            raise SettingError(f"scale is a number above 0; got {scale!r}")
        self.fixed = scale is not None
        self.scale = 2.4 / math.sqrt(density.size) if scale is None else scale
        self.tuner = DualAveraging(self.scale, RATE if density.size > 1 else RATE_OF_ONE)

    def begin(self, points: Tensor) -> State:
        return State(points, self.density.value(points))

    def _shape(self, points: Tensor) -> ProposalShape:
        with torch.enable_grad():
            moved = points.detach().requires_grad_()
            value = self.density.log_density(self.density.unflatten(moved))
            (slope,) = torch.autograd.grad(value.sum(), moved, create_graph=True)
            rows = [
                torch.autograd.grad(slope[:, i].sum(), moved, retain_graph=True, allow_unused=True)[0]
                for i in range(points.shape[1] if slope.requires_grad else 0)  # the slope of a plane bends nowhere
            ]
        bends = [torch.zeros_like(points) if row is None else row for row in rows]
        bends = bends or [torch.zeros_like(points)] * points.shape[1]
        return hessian_shape(-torch.stack(bends, 1).detach(), scale=self.scale)

    def move(self, state: State) -> tuple[State, Info]:
        there_shape = self._shape(state.points)
        there = state.points + (there_shape.factor @ self.normal(state.points)[..., None])[..., 0]
        back_shape = self._shape(there)
        new = State(there, self.density.value(there))
        forth = log_proposal(there, state.points, there_shape)
        back = log_proposal(state.points, there, back_shape)
        ratio = log_acceptance(state.log_p, new.log_p, forth, back)
        state = state.moved(new, self.accepts(ratio))
        return state, _info(ratio, state.log_p, 2)

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore({"scale": self.scale if self.fixed else 1.0} | dict(state))  # as older files, which do not tell

    def adapt(self, state: State, info: Info) -> None:
        if not self.fixed:
            self.tuner.update(float(info.acceptance.mean()))
            self.scale = self.tuner.step

    def settle(self) -> None:
        if not self.fixed:
            self.scale = self.tuner.settled

    def settings(self) -> dict[str, float]:
        return {"scale": self.scale}


class Scaled(Transition):
    """What Langevin and Hamiltonian moves share: a step that warm-up tunes, and a diagonal inverse mass."""

    needs_gradient = True
    learned = ("step", "variance")
    target = 0.8
    temperature = 1.0

    def __init__(
        self, density: Density, generator: torch.Generator, *, step: float | None = None, target: float | None = None
    ) -> None:
        super().__init__(density, generator)
        if step is not None and not step > 0:
            raise SettingError(f"step is above 0; got {step}")
        wanted = self.target if target is None else target
        if not 0 < wanted < 1:
            raise SettingError(f"target is the acceptance to tune the step for, between 0 and 1; got {target}")
        self.fixed = step is not None
        self.step = 0.1 if step is None else step
        self.variance = torch.ones(density.size, dtype=torch.float64)
        self.tuner = DualAveraging(self.step, wanted)

    def begin(self, points: Tensor) -> State:
        state = super().begin(points)
        if not self.fixed:
            self.step = self._reasonable(state)
            self.tuner.restart(self.step)
        return state

    def _reasonable(self, state: State) -> float:
        """A step whose single leapfrog is accepted about half the time over the chains."""
        step, last = self.step, 0.0
        for _ in range(60):
            momentum = self.momentum(state.points)
            new, there = self.path(state, momentum, step, 1)
            lost = hamiltonian(new.log_p, there, self.variance) - hamiltonian(state.log_p, momentum, self.variance)
            direction = (
                1.0
                if float((-lost / self.temperature).nan_to_num(-1e9, -1e9, -1e9).clamp(max=0).exp().mean()) > 0.5
                else -1.0
            )
            if last * direction < 0:
                break
            step, last = step * 2.0**direction, direction
        return step

    def momentum(self, like: Tensor) -> Tensor:
        """Fresh momenta N(0, T M)."""
        return math.sqrt(self.temperature) * self.normal(like) / self.variance.sqrt()

    def path(self, state: State, momentum: Tensor, step: float, n_steps: int) -> tuple[State, Tensor]:
        """The end of a leapfrog path, with one gradient a step."""
        points, slope = state.points, state.slope
        assert slope is not None  # of every state of a transition that needs gradients
        if self.density.follow is not None:
            ended = self.density.follow(points, slope, momentum, step=step, variance=self.variance, n_steps=n_steps)
            if ended is not None:
                return State(*ended[:3]), ended[3]
        momentum = momentum + 0.5 * step * slope
        for i in range(n_steps):
            points = points + step * self.variance * momentum
            log_p, slope = self.density.with_gradient(points)
            momentum = momentum + (step if i < n_steps - 1 else 0.5 * step) * slope
        return State(points, log_p, slope), momentum

    def adapt(self, state: State, info: Info) -> None:
        super().adapt(state, info)
        if not self.fixed:
            self.tuner.update(float(info.acceptance.mean()))
            self.step = self.tuner.step

    def learn(self) -> None:
        self.variance = self.spread.variance()
        super().learn()
        if not self.fixed:
            self.tuner.restart(self.step)

    def settle(self) -> None:
        if not self.fixed:
            self.step = self.tuner.settled

    def settings(self) -> dict[str, float]:
        return {"step": self.step} | ({"temperature": self.temperature} if self.temperature != 1 else {})


class Langevin(Scaled):
    """One leapfrog step from fresh momentum, accepted by Metropolis: the adjusted Langevin algorithm (MALA)."""

    target = 0.574

    def length(self) -> int:
        """How many steps the next path has."""
        return 1

    def move(self, state: State) -> tuple[State, Info]:
        momentum = self.momentum(state.points)
        n_steps = self.length()
        new, there = self.path(state, momentum, self.step, n_steps)
        before, after = (
            hamiltonian(state.log_p, momentum, self.variance), hamiltonian(new.log_p, there, self.variance)
        )  # fmt: skip
        ratio = log_acceptance(-before / self.temperature, -after / self.temperature)
        divergent = ~(after - before < DIVERGENT * self.temperature)
        state = state.moved(new, self.accepts(ratio))
        return state, Info(ratio.exp(), before, divergent, torch.full_like(ratio, n_steps))


class Hamiltonian(Langevin):
    """Paths of about `path` standard deviations, of a length drawn anew for each move, accepted by Metropolis.

    Drawing the length keeps paths from closing on themselves; all chains take the same number of steps, so that a step
    is one call of the density.

    temperature : T of exp(-H / T), so that draws are of the density to the power 1 / T, flatter above 1: momenta are
        N(0, T M), paths are as at 1, and they are accepted by exp((H - H') / T).

    Source: Martinez-Ramon 9.3.2, eqs 9.18 to 9.24, which leaves the momenta's law out (F9-14); Neal 2011.
    """

    target = 0.8

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        step: float | None = None,
        target: float | None = None,
        path: float = 2.5,
        n_steps: int | None = None,
        max_steps: int = 256,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(density, generator, step=step, target=target)
        if not 0 < temperature < math.inf:
            raise SettingError(f"temperature is above 0; got {temperature}")
        self.temperature = float(temperature)
        if not path > 0 or max_steps < 1 or (n_steps is not None and n_steps < 1):
            raise SettingError(f"path is above 0, n_steps and max_steps at least 1; got {path}, {n_steps}, {max_steps}")
        self.path_length, self.given_steps, self.max_steps = path, n_steps, max_steps

    def length(self) -> int:
        if self.given_steps is not None:
            return self.given_steps
        drawn = 0.5 + float(torch.rand((), generator=self.generator))
        return max(1, min(self.max_steps, round(drawn * self.path_length / self.step)))
