"""Rules that search along a direction: BFGS, L-BFGS and nonlinear conjugate gradient. For batches of all rows."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.search import bfgs_update, strong_wolfe, two_loop
from ...registry import optimizer
from ..blocks import Block
from ..closure import Closure
from .base import Optimizer

FLAT = 1e-7  # the largest slope at which there is nothing left to do
SHORT = 1e-9  # the largest move at which a step gives up


class LineSearched(Optimizer):
    """Up to `max_iter` times a step: a direction, a search along it, and what the two gradients teach.

    Pairs of gradients are of one window; what they taught is kept for the next one. lr is the first length tried.
    """

    repeats = True
    scheduled = False
    curvature: ClassVar[float] = 0.9  # how flat the slope must have become

    def __init__(self, blocks: Sequence[Block], *, lr: float, max_iter: int) -> None:
        super().__init__(blocks, lr=lr)
        if max_iter < 1 or lr <= 0:
            raise SettingError(
                f"optimizer {self.name!r}: lr is above 0 and max_iter at least 1; got lr={lr}, max_iter={max_iter}"
            )
        self.max_iter = max_iter

    def step(self, closure: Closure | Callable[[], Tensor], factor: float = 1.0) -> Tensor:
        first = closure()
        value, gradient = float(first), self.gradient()
        for steps in self.steps:
            steps.add_(1.0)
        self.count += 1
        for _ in range(self.max_iter):
            if not gradient.isfinite().all() or gradient.abs().max() <= FLAT:
                break
            moved, value, new = self._search(closure, value, gradient)
            if moved is None:
                self.forget()
                break
            self.learn(moved, new - gradient, new)
            gradient = new
            if moved.abs().max() <= SHORT:
                break
        return first

    def _search(
        self, closure: Closure | Callable[[], Tensor], value: float, gradient: Tensor
    ) -> tuple[Tensor | None, float, Tensor]:
        """Search along the direction; the move (None where nothing was gained), and the value and gradient there."""
        direction = self.direction(gradient)
        slope = float(gradient @ direction)
        if not slope < 0:
            self.forget()
            direction, slope = -gradient, -float(gradient @ gradient)
        start, last = self.values(), (0.0, value)

        def evaluate(t: float) -> tuple[float, float]:
            nonlocal last
            self.put(start + t * direction)
            last = t, float(closure())
            return last[1], float(self.gradient() @ direction)

        t = strong_wolfe(evaluate, value, slope, first=self.first(direction), curvature=self.curvature)
        if t != last[0]:
            evaluate(t)
        return (t * direction if t else None), last[1], self.gradient()

    def direction(self, gradient: Tensor) -> Tensor:
        """Where to go from a gradient."""
        raise NotImplementedError

    def first(self, direction: Tensor) -> float:
        """The length to try first: lr, or so that all values together move by lr where nothing is known yet."""
        return self.lr if self.knows() else self.lr * min(1.0, 1.0 / float(direction.abs().sum()))

    def knows(self) -> bool:
        """Whether anything was learnt."""
        raise NotImplementedError

    def learn(self, step: Tensor, change: Tensor, gradient: Tensor) -> None:
        """Take note of a move, of how the gradient changed, and of what it is now."""
        raise NotImplementedError

    def forget(self) -> None:
        """Begin again from the steepest descent."""
        raise NotImplementedError


class LBFGS(LineSearched):
    """Newton's direction from the last `history` pairs of moves and changes of the gradient, without a matrix.

    Systems: bfgs
    Source: Nocedal 1980; Hifny A2.11, Martinez-Ramon 2.2.3 and 5.4.
    """

    name = "lbfgs"

    def __init__(self, blocks: Sequence[Block], *, lr: float, max_iter: int, history: int) -> None:
        super().__init__(blocks, lr=lr, max_iter=max_iter)
        if history < 1:
            raise SettingError(f"optimizer 'lbfgs': history is at least 1; got {history}")
        self.history, self.moves, self.changes = history, list[Tensor](), list[Tensor]()

    def direction(self, gradient: Tensor) -> Tensor:
        return -two_loop(gradient, self.moves, self.changes)

    def knows(self) -> bool:
        return bool(self.moves)

    def learn(self, step: Tensor, change: Tensor, gradient: Tensor) -> None:
        if change @ step > 1e-10 * (change @ change):
            self.moves = [*self.moves, step][-self.history :]
            self.changes = [*self.changes, change][-self.history :]

    def forget(self) -> None:
        self.moves, self.changes = [], []

    def memory(self) -> dict[str, Tensor]:
        moves = {f"move{i}": t for i, t in enumerate(self.moves)}
        return moves | {f"change{i}": t for i, t in enumerate(self.changes)}

    def remember(self, memory: dict[str, Tensor]) -> None:
        n = len(memory) // 2
        self.moves = [memory[f"move{i}"] for i in range(n)]
        self.changes = [memory[f"change{i}"] for i in range(n)]


class BFGS(LineSearched):
    """Newton's direction with an inverse Hessian built from moves and changes of the gradient.

    Systems: bfgs
    Source: Broyden, Fletcher, Goldfarb and Shanno 1970; Hifny A2.11.
    """

    name = "bfgs"

    def __init__(self, blocks: Sequence[Block], *, lr: float, max_iter: int) -> None:
        super().__init__(blocks, lr=lr, max_iter=max_iter)
        self._small_enough()
        self.inverse: Tensor | None = None

    def direction(self, gradient: Tensor) -> Tensor:
        return -gradient if self.inverse is None else -(self.inverse @ gradient)

    def knows(self) -> bool:
        return self.inverse is not None

    def learn(self, step: Tensor, change: Tensor, gradient: Tensor) -> None:
        along = change @ step
        if along <= 1e-10 * (change @ change):
            return
        if self.inverse is None:
            self.inverse = torch.eye(len(step), dtype=step.dtype, device=step.device) * (along / (change @ change))
        self.inverse = bfgs_update(self.inverse, step, change)

    def forget(self) -> None:
        self.inverse = None

    def memory(self) -> dict[str, Tensor]:
        return {} if self.inverse is None else {"inverse": self.inverse}

    def remember(self, memory: dict[str, Tensor]) -> None:
        self.inverse = memory.get("inverse")


class ConjugateGradient(LineSearched):
    """d = -g + beta d with beta = max(g.(g - g_before) / g_before.g_before, 0), searched along.

    Systems: conjugate-gradient
    Source: Polak and Ribiere 1969; Martinez-Ramon 2.2.3.
    """

    name = "conjugate_gradient"
    curvature = 0.1

    def __init__(self, blocks: Sequence[Block], *, lr: float, max_iter: int) -> None:
        super().__init__(blocks, lr=lr, max_iter=max_iter)
        self.kept_: dict[str, Tensor] = {}

    def direction(self, gradient: Tensor) -> Tensor:
        if not self.kept_:
            return -gradient
        before, last = self.kept_["gradient"], self.kept_["direction"]
        return -gradient + ((gradient @ (gradient - before)) / (before @ before)).clamp(min=0.0) * last

    def first(self, direction: Tensor) -> float:
        if not self.kept_:
            return super().first(direction)
        return float(self.kept_["length"]) / float(direction.norm())  # as far as the last search went

    def knows(self) -> bool:
        return bool(self.kept_)

    def learn(self, step: Tensor, change: Tensor, gradient: Tensor) -> None:
        before = gradient - change  # the direction again from what it was made of: the move has another length
        self.kept_ = {"gradient": before, "direction": self.direction(before), "length": step.norm()}

    def forget(self) -> None:
        self.kept_ = {}

    def memory(self) -> dict[str, Tensor]:
        return self.kept_

    def remember(self, memory: dict[str, Tensor]) -> None:
        self.kept_ = memory


@optimizer.register()
def lbfgs(blocks: Sequence[Block], *, lr: float = 1.0, max_iter: int = 20, history: int = 10) -> LBFGS:
    """L-BFGS with a line search; meant for windows of all rows."""
    return LBFGS(blocks, lr=lr, max_iter=max_iter, history=history)


@optimizer.register()
def bfgs(blocks: Sequence[Block], *, lr: float = 1.0, max_iter: int = 20) -> BFGS:
    """BFGS with a line search and its whole matrix; for few weights and windows of all rows."""
    return BFGS(blocks, lr=lr, max_iter=max_iter)


@optimizer.register()
def conjugate_gradient(blocks: Sequence[Block], *, lr: float = 1.0, max_iter: int = 20) -> ConjugateGradient:
    """Nonlinear conjugate gradient with a line search; meant for windows of all rows."""
    return ConjugateGradient(blocks, lr=lr, max_iter=max_iter)
