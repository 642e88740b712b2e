"""Rules about chance: less of it in the gradient (SVRG), and nothing but chance (simulated annealing)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import SettingError
from ...registry import optimizer
from ..blocks import Block
from ..closure import Closure
from .base import Optimizer


class SVRG(Optimizer):
    """w -= lr (g(w) - g(s) + G(s)): g of the step's window, G over all rows, s the weights at the last snapshot.

    Both g are of the same rows and the same draws, so their difference has little noise once w is near s. A snapshot
    is taken at the start of each `every`-th epoch and costs one pass over all rows.

    Systems: svrg
    Source: Johnson and Zhang 2013; Jaiswal J20, where it is named only.
    """

    name = "svrg"
    repeats = True
    state_names = ("snapshot", "anchor")

    def __init__(self, blocks: Sequence[Block], *, lr: float, every: int, weight_decay: float) -> None:
        super().__init__(blocks, lr=lr, weight_decay=weight_decay)
        if every < 1:
            raise SettingError(f"optimizer 'svrg': every is a number of epochs, at least 1; got {every}")
        self.every = every

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        if self.count == 0 or (closure.fresh_epoch is not None and closure.fresh_epoch % self.every == 0):
            closure.full_gradient()
            for block, kept in zip(self.blocks, self.kept, strict=True):
                kept["snapshot"].copy_(block.values)
                kept["anchor"].copy_(block.gradients)
        now = [b.values.clone() for b in self.blocks]
        for block, kept in zip(self.blocks, self.kept, strict=True):
            block.values.copy_(kept["snapshot"])
        closure()
        there = [b.gradients.clone() for b in self.blocks]
        for block, values in zip(self.blocks, now, strict=True):
            block.values.copy_(values)
        loss = closure()
        for block, kept, slope in zip(self.blocks, self.kept, there, strict=True):
            block.gradients.sub_(slope).add_(kept["anchor"])
        self.apply(factor)
        return loss

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        value.sub_(slope, alpha=lr)


class Annealing(Optimizer):
    """A random move of standard deviation lr, kept where the loss fell, or with probability exp(-rise / temperature).

    The temperature is multiplied by `cooling` at each step, and a schedule narrows the moves. No gradient is taken, so
    the loss need not have one.

    Systems: simulated-annealing
    Source: Kirkpatrick, Gelatt and Vecchi 1983; Martinez-Ramon 5.4. Multi-grid random search is
    `functional.search.random_search`.
    """

    name = "annealing"
    repeats = True

    def __init__(self, blocks: Sequence[Block], *, lr: float, temperature: float, cooling: float, n_moves: int) -> None:
        super().__init__(blocks, lr=lr)
        if temperature < 0 or not 0 < cooling <= 1 or n_moves < 1:
            raise SettingError(
                f"optimizer 'annealing': temperature is at least 0, cooling in (0, 1] and n_moves at least 1; got "
                f"{temperature}, {cooling} and {n_moves}"
            )
        self.temperature, self.cooling, self.n_moves = temperature, cooling, n_moves

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        generator = closure.generator()
        first = closure.loss()
        value, values = float(first), self.values()
        temperature = self.temperature * self.cooling**self.count
        for _ in range(self.n_moves):
            noise = torch.empty_like(values).normal_(generator=generator)
            chance = float(torch.empty((), device=values.device).uniform_(generator=generator))
            self.put(values + self.lr * factor * noise)
            there = float(closure.loss())
            rise = there - value
            if rise <= 0 or (temperature > 0 and chance < math.exp(-rise / temperature)):
                value, values = there, self.values()
        self.put(values)
        self.count += 1
        for steps in self.steps:
            steps.add_(1.0)
        return first


@optimizer.register()
def svrg(blocks: Sequence[Block], *, lr: float = 1e-2, every: int = 1, weight_decay: float = 0.0) -> SVRG:
    """Stochastic descent with the noise of the windows taken out by a gradient over all rows now and then."""
    return SVRG(blocks, lr=lr, every=every, weight_decay=weight_decay)


@optimizer.register()
def annealing(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    temperature: float = 1e-2,
    cooling: float = 0.99,
    n_moves: int = 1,
) -> Annealing:
    """Simulated annealing: random moves, of which fewer and fewer uphill ones are kept; no gradient."""
    return Annealing(blocks, lr=lr, temperature=temperature, cooling=cooling, n_moves=n_moves)
