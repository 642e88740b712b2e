"""Gradient descent: plain, with momentum in its conventions, with Nesterov's look-ahead, with a rate a coordinate."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError
from ...registry import optimizer
from ..blocks import Block
from ..closure import Closure
from .base import Optimizer, choose


class SGD(Optimizer):
    """w -= lr g; with momentum m the velocity v takes the place of g, in one of three conventions.

        heavy_ball    v = m v + g          w -= lr v      the gain of a steady slope is 1 / (1 - m)
        rate_inside   v = m v + lr g       w -= v         the same as long as the rate does not change
        ema           v = m v + (1 - m) g  w -= lr v      an average of gradients, of gain 1

    Nesterov's w -= lr (g + m v) is the heavy ball's form that stores the point looked ahead to, as torch's does; the
    optimizer "nesterov" stores the point itself. The rows are a window of the batch: all rows, some, or one.

    Systems: minibatch-sgd, momentum-heavy-ball, momentum-ema
    Source: Polyak 1964; Sutskever et al. 2013; Hifny A2.6 and A2.12 (ema), Martinez-Ramon 2.5.1, Jaiswal J35 and Keras
    course K53 (rate_inside). Jaiswal F28 calls the accumulating form an average, which only `ema` is.
    """

    name = "sgd"

    def __init__(
        self, blocks: Sequence[Block], *, momentum: float, nesterov: bool, velocity: str, **options: Any
    ) -> None:
        choose("optimizer 'sgd': velocity", velocity, ("heavy_ball", "rate_inside", "ema"))
        if not momentum and (nesterov or velocity != "heavy_ball"):
            option = "nesterov=True" if nesterov else f"velocity={velocity!r}"
            raise SettingError(f"optimizer 'sgd': {option} needs momentum above 0, such as 0.9")
        if nesterov and velocity != "heavy_ball":
            raise SettingError(f"optimizer 'sgd': nesterov=True goes with velocity='heavy_ball', not {velocity!r}")
        self.state_names = ("velocity",) if momentum else ()
        super().__init__(blocks, **options)
        self.momentum, self.nesterov, self.velocity = momentum, nesterov, velocity

    def move(self, group: list[int], lr: float, decay: float) -> None:
        if self.velocity == "rate_inside":
            super().move(group, lr, decay)
            return
        values, gradients, _ = self._lists(group)
        torch._fused_sgd_(
            values,
            gradients,
            self._kept("velocity", group) if self.momentum else [],
            weight_decay=decay,
            momentum=self.momentum,
            lr=lr,
            dampening=self.momentum if self.velocity == "ema" else 0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,
        )

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        value.sub_(kept["velocity"].mul_(self.momentum).add_(slope, alpha=lr))


class Nesterov(Optimizer):
    """v = m v - lr g(w + m v); w += v: the slope is taken where the velocity alone would lead.

    Systems: nesterov-momentum
    Source: Nesterov 1983; Martinez-Ramon 2.12 and 2.13, whose indices read literally give plain momentum (erratum 20);
    Jaiswal J36, where the velocity's recursion is missing.
    """

    name = "nesterov"
    state_names = ("velocity",)

    def __init__(self, blocks: Sequence[Block], *, momentum: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.momentum = momentum

    def step(self, closure: Closure | Callable[[], Tensor], factor: float = 1.0) -> Tensor:
        held = [b.values.clone() for b in self.blocks]
        for block, kept in zip(self.blocks, self.kept, strict=True):
            block.values.add_(kept["velocity"], alpha=self.momentum)
        loss = closure()
        for block, values in zip(self.blocks, held, strict=True):
            block.values.copy_(values)
        self.apply(factor)
        return loss

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        value.add_(kept["velocity"].mul_(self.momentum).sub_(slope, alpha=lr))


class PerCoordinate(Optimizer):
    """w_i -= rate_i g_i, with rates that are given: one for all, or one for each value.

    Systems: gradient-descent
    Source: Hifny A2.5, listing 2.2.
    """

    name = "per_coordinate"
    elementwise = False  # its rates are numbered by all values

    def __init__(self, blocks: Sequence[Block], *, rates: tuple[float, ...]) -> None:
        super().__init__(blocks, lr=1.0)
        n = sum(b.values.numel() for b in blocks)
        if len(rates) not in (1, n) or any(rate < 0 for rate in rates):
            raise SettingError(
                f"optimizer 'per_coordinate': rates are one number for all, or one for each of the {n} values, and at "
                f"least 0; got {len(rates)}"
            )
        whole = torch.cat([torch.empty_like(b.values) for b in blocks])
        self.rates = self.cut(whole.copy_(torch.tensor(rates, dtype=torch.float64).expand(n)))

    def move(self, group: list[int], lr: float, decay: float) -> None:
        for i in group:
            self.blocks[i].values.addcmul_(self.rates[i], self.blocks[i].gradients, value=-lr)


@optimizer.register()
def sgd(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    momentum: float = 0.0,
    nesterov: bool = False,
    velocity: str = "heavy_ball",
    weight_decay: float = 0.0,
) -> SGD:
    """Stochastic gradient descent, with momentum (heavy_ball, rate_inside or ema) and Nesterov's form if asked for."""
    return SGD(blocks, lr=lr, momentum=momentum, nesterov=nesterov, velocity=velocity, weight_decay=weight_decay)


@optimizer.register()
def nesterov(
    blocks: Sequence[Block], *, lr: float = 1e-2, momentum: float = 0.9, weight_decay: float = 0.0
) -> Nesterov:
    """Nesterov's momentum with the gradient at the point looked ahead to, as the books write it."""
    return Nesterov(blocks, lr=lr, momentum=momentum, weight_decay=weight_decay)


@optimizer.register()
def per_coordinate(blocks: Sequence[Block], *, rates: tuple[float, ...] = (1e-2,)) -> PerCoordinate:
    """Gradient descent with a rate of its own for each coordinate."""
    return PerCoordinate(blocks, rates=rates)
