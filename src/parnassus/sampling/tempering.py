"""Parallel tempering: each chain beside flatter copies of itself, which cross between modes and change places."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import SettingError
from ..functional.mcmc import hamiltonian, log_acceptance, log_swap
from .adaptation import DualAveraging
from .density import Density
from .transitions import Info, State, Transition

TARGET = 0.7  # acceptance that steps are tuned for


class Tempering(Transition):
    """Chains at p^b for falling powers b, moved by short Hamiltonian paths; neighbours change places by Metropolis.

    All chains at all powers move in one call of the density. Each power has a step of its own.

    powers : falling from 1; or `n_powers` of them, a geometric ladder down to `hottest`.
    path : steps of the longest path; each has a length drawn from 1 to it.

    Source: Geyer 1991; Neal 2011 for the paths; Okabe et al. 2001 for even and odd pairs in turn.
    """

    needs_gradient = True
    learned = ("odd", "steps", "swapped", "tried")

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        n_powers: int = 8,
        hottest: float = 0.02,
        powers: Sequence[float] | None = None,
        path: int = 8,
    ) -> None:
        super().__init__(density, generator)
        if powers is None:
            if n_powers < 2 or not 0 < hottest < 1:
                raise SettingError(f"n_powers is 2 or more, hottest between 0 and 1; got {n_powers} and {hottest}")
            powers = [hottest ** (i / (n_powers - 1)) for i in range(n_powers)]
        self.powers = torch.as_tensor(powers, dtype=torch.float64)
        if len(self.powers) < 2 or float(self.powers[0]) != 1 or not bool((self.powers.diff() < 0).all()):
            raise SettingError(f"powers fall from 1 and stay above 0; got {list(powers)}")
        if not float(self.powers[-1]) > 0 or path < 1:
            raise SettingError(f"powers are above 0 and path is 1 or more; got {float(self.powers[-1])} and {path}")
        self.path_length, self.odd = path, False
        self.tuners = [DualAveraging(0.1 / math.sqrt(float(b)), TARGET) for b in self.powers]
        self.steps = torch.tensor([t.step for t in self.tuners], dtype=torch.float64)
        self.swapped = torch.zeros(len(self.powers) - 1, dtype=torch.float64)
        self.tried = torch.zeros_like(self.swapped)

    def begin(self, points: Tensor) -> State:
        k = len(self.powers)
        replicas = points[:, None].expand(-1, k, -1)
        self.replicas = self._with_gradient(replicas)
        return self._cold()

    def state(self) -> dict[str, Any]:
        return super().state() | {"replicas": vars(self.replicas)}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.replicas = State(**state["replicas"])

    def _with_gradient(self, points: Tensor) -> State:
        n, k, d = points.shape
        log_p, slope = self.density.with_gradient(points.reshape(n * k, d))
        return State(points, log_p.reshape(n, k), slope.reshape(n, k, d))

    def _cold(self) -> State:
        return State(self.replicas.points[:, 0], self.replicas.log_p[:, 0])

    def move(self, state: State) -> tuple[State, Info]:
        acceptance, energy, n_steps = self._paths()
        self._swap()
        cold = self._cold()
        self.accepted = acceptance.mean(0)
        count = torch.full_like(cold.log_p, n_steps * len(self.powers))
        return cold, Info(acceptance[:, 0], energy[:, 0], torch.zeros_like(cold.log_p, dtype=torch.bool), count)

    def _paths(self) -> tuple[Tensor, Tensor, int]:
        """One path of every replica."""
        old, power, step = self.replicas, self.powers[:, None], self.steps[:, None]
        assert old.slope is not None
        n_steps = int(torch.randint(1, self.path_length + 1, (), generator=self.generator))
        momentum = self.normal(old.points)
        before = hamiltonian(self.powers * old.log_p, momentum)
        new, p = old, momentum
        for _ in range(n_steps):
            assert new.slope is not None
            p = p + 0.5 * step * power * new.slope
            new = self._with_gradient(new.points + step * p)
            assert new.slope is not None
            p = p + 0.5 * step * power * new.slope
        ratio = log_acceptance(-before, -hamiltonian(self.powers * new.log_p, p))
        taken = self.accepts(ratio)
        assert new.slope is not None
        self.replicas = State(
            torch.where(taken[..., None], new.points, old.points),
            torch.where(taken, new.log_p, old.log_p),
            torch.where(taken[..., None], new.slope, old.slope),
        )
        return ratio.exp(), before, n_steps

    def _swap(self) -> None:
        """Every second pair of neighbours may change places."""
        held = self.replicas
        assert held.slope is not None
        first = torch.arange(int(self.odd), len(self.powers) - 1, 2)
        self.odd = not self.odd
        if not len(first):
            return
        ratio = log_swap(
            held.log_p[:, first], held.log_p[:, first + 1], self.powers[first], self.powers[first + 1]
        )  # fmt: skip
        taken = self.accepts(ratio)
        order = torch.arange(len(self.powers)).repeat(len(held.log_p), 1)
        order[:, first] += taken.long()
        order[:, first + 1] -= taken.long()
        wide = order[..., None].expand_as(held.points)
        self.replicas = State(
            held.points.gather(1, wide), held.log_p.gather(1, order), held.slope.gather(1, wide)
        )  # fmt: skip
        self.swapped[first] += ratio.exp().mean(0)
        self.tried[first] += 1

    def adapt(self, state: State, info: Info) -> None:
        for tuner, value in zip(self.tuners, self.accepted.tolist(), strict=True):
            tuner.update(value)
        self.steps = torch.tensor([t.step for t in self.tuners], dtype=torch.float64)

    def learn(self) -> None:
        pass  # one spread for several modes would be that between them

    def settle(self) -> None:
        if self.tuners[0].count:
            self.steps = torch.tensor([t.settled for t in self.tuners], dtype=torch.float64)
        self.swapped.zero_()
        self.tried.zero_()

    def settings(self) -> dict[str, float]:
        rates = self.swapped / self.tried.clamp(min=1)
        return {"step": float(self.steps[0]), "hottest step": float(self.steps[-1]), "least swap": float(rates.min())}
