"""The no-U-turn sampler: paths that grow by doubling, forwards or backwards, until they turn back on themselves.

Each chain grows a tree of its own; all that wait for a gradient at the same time are asked for together, in one call of
the density.
"""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import SettingError
from .density import Density
from .transitions import DIVERGENT, Info, Scaled, State

Answer = tuple[float, np.ndarray]
Growth = Generator[np.ndarray, Answer, "Tree"]


@dataclass
class Point:
    """A place on a path: position, momentum, log p and its gradient."""

    q: np.ndarray
    p: np.ndarray
    log_p: float
    slope: np.ndarray


@dataclass
class Tree:
    """A stretch of a path: its ends in time, the point drawn from it, log of its total weight, sum of momenta."""

    first: Point
    last: Point
    drawn: Point
    log_weight: float
    rho: np.ndarray
    n: int
    acceptance: float
    stopped: bool
    divergent: bool = False


class NoUTurn(Scaled):
    """Multinomial NUTS with a diagonal mass and Stan's tests for turning.

    Systems: nuts
    Source: Hoffman and Gelman 2014; Betancourt 2017, appendix A; Martinez-Ramon 9.3.2 names it.
    """

    def __init__(
        self,
        density: Density,
        generator: torch.Generator,
        *,
        step: float | None = None,
        target: float | None = None,
        max_depth: int = 10,
    ) -> None:
        super().__init__(density, generator, step=step, target=target)
        if max_depth < 1:
            raise SettingError(f"max_depth is at least 1; got {max_depth}")
        self.max_depth = max_depth
        self.rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))

    def state(self) -> dict[str, Any]:
        return super().state() | {"rng": json.dumps(self.rng.bit_generator.state)}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.rng.bit_generator.state = json.loads(state["rng"])

    def move(self, state: State) -> tuple[State, Info]:
        assert state.slope is not None
        momentum = self.momentum(state.points).numpy()
        rows = zip(state.points.numpy(), momentum, state.log_p.tolist(), state.slope.numpy(), strict=True)
        starts = [Point(*row) for row in rows]
        inverse = self.variance.numpy()
        energies = [self._energy(start, inverse) for start in starts]
        growing = [self._grow(start, energy, inverse) for start, energy in zip(starts, energies, strict=True)]
        with np.errstate(over="ignore", invalid="ignore"):  # of paths that left the surface
            trees = self._together(growing)
        drawn = [tree.drawn for tree in trees]
        state = State(
            torch.from_numpy(np.stack([z.q for z in drawn])),
            torch.tensor([z.log_p for z in drawn], dtype=torch.float64),
            torch.from_numpy(np.stack([z.slope for z in drawn])),
        )
        columns = [[t.acceptance / max(t.n, 1) for t in trees], energies, [float(t.n) for t in trees]]
        acceptance, energy, steps = (torch.tensor(c, dtype=torch.float64) for c in columns)
        return state, Info(acceptance, energy, torch.tensor([t.divergent for t in trees]), steps)

    def _together(self, growing: list[Growth]) -> list[Tree]:
        """Run all growths to their end, answering those that wait for a gradient together."""
        done: dict[int, Tree] = {}
        asked = {i: next(growth) for i, growth in enumerate(growing)}
        while asked:
            points = torch.from_numpy(np.stack(list(asked.values())))
            value, slope = self.density.with_gradient(points, torch.tensor(list(asked)))
            answers = zip(list(asked), value.tolist(), slope.numpy(), strict=True)
            asked = {}
            for i, log_p, gradient in answers:
                try:
                    asked[i] = growing[i].send((log_p, gradient))
                except StopIteration as end:
                    done[i] = end.value
        return [done[i] for i in range(len(growing))]

    @staticmethod
    def _energy(z: Point, inverse: np.ndarray) -> float:
        return -z.log_p + 0.5 * float((z.p * inverse * z.p).sum())

    def _grow(self, start: Point, energy: float, inverse: np.ndarray) -> Growth:
        """Double until the path turns, diverges, or is as deep as allowed."""
        whole = Tree(start, start, start, 0.0, start.p, 0, 0.0, stopped=False)
        for depth in range(self.max_depth):
            forward = bool(self.rng.random() < 0.5)
            new = yield from self._tree(whole.last if forward else whole.first, forward, depth, energy, inverse)
            if new.stopped:
                whole.n += new.n
                whole.acceptance += new.acceptance
                whole.divergent = new.divergent
                break
            # New stretches are favoured, so that the draw moves away from the start.
            taken = np.log(self.rng.random()) < new.log_weight - whole.log_weight
            drawn = new.drawn if taken else whole.drawn
            whole = self._joined(whole, new, forward, drawn, inverse)
            if whole.stopped:
                break
        return whole

    def _tree(self, edge: Point, forward: bool, depth: int, energy: float, inverse: np.ndarray) -> Growth:
        """A stretch of 2^depth steps beyond an end of the path."""
        if depth == 0:
            return (yield from self._leaf(edge, forward, energy, inverse))
        near = yield from self._tree(edge, forward, depth - 1, energy, inverse)
        if near.stopped:
            return near
        far = yield from self._tree(near.last if forward else near.first, forward, depth - 1, energy, inverse)
        if far.stopped:
            far.n += near.n
            far.acceptance += near.acceptance
            return far
        total = np.logaddexp(near.log_weight, far.log_weight)
        drawn = far.drawn if np.log(self.rng.random()) < far.log_weight - total else near.drawn
        return self._joined(near, far, forward, drawn, inverse)

    def _leaf(self, z: Point, forward: bool, energy: float, inverse: np.ndarray) -> Growth:
        step = self.step if forward else -self.step
        half = z.p + 0.5 * step * z.slope
        q = z.q + step * inverse * half
        log_p, slope = yield q
        new = Point(q, half + 0.5 * step * slope, log_p, slope)
        lost = self._energy(new, inverse) - energy
        lost = lost if np.isfinite(lost) else np.inf
        accepted = float(np.exp(min(0.0, -lost)))
        off = bool(lost > DIVERGENT)
        return Tree(new, new, new, -lost, new.p, 1, accepted, stopped=off, divergent=off)

    @staticmethod
    def _joined(near: Tree, far: Tree, forward: bool, drawn: Point, inverse: np.ndarray) -> Tree:
        """Both stretches as one; it stops where its ends, or those of its halves, move towards each other."""
        left, right = (near, far) if forward else (far, near)
        rho = left.rho + right.rho

        def turns(total: np.ndarray, first: Point, last: Point) -> bool:
            velocity = inverse * total
            return float(first.p @ velocity) <= 0 or float(last.p @ velocity) <= 0

        stopped = (
            turns(rho, left.first, right.last)
            or turns(left.rho + right.first.p, left.first, right.first)
            or turns(right.rho + left.last.p, left.last, right.last)
        )
        total = float(np.logaddexp(near.log_weight, far.log_weight))
        n, acceptance = near.n + far.n, near.acceptance + far.acceptance
        return Tree(left.first, right.last, drawn, total, rho, n, acceptance, stopped=stopped)
