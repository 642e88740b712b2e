"""Rates that every coordinate learns from its own gradients: AdaGrad, AdaDelta, RMSProp, Rprop, delta-bar-delta."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError
from ...registry import optimizer
from ..blocks import Block
from .base import Optimizer, choose

PLACES = ("outside", "inside")


def _root(total: Tensor, eps: float, place: str, *, out: Tensor) -> Tensor:
    """sqrt(total) + eps, or sqrt(total + eps), in `out`."""
    if place == "outside":
        return torch.sqrt(total, out=out).add_(eps)
    return torch.add(total, eps, out=out).sqrt_()


class AdaGrad(Optimizer):
    """w -= lr g / (sqrt(s) + eps) with s the sum of g^2 from `start`, or lr g / sqrt(s + eps) with eps "inside".

    Systems: adagrad
    Source: Duchi, Hazan and Singer 2011; Hifny A2.13 and Martinez-Ramon 2.14 (outside), Jaiswal J37 (inside; his F14
    calls s a learning rate). Keras starts s at 0.1.
    """

    name = "adagrad"
    state_names = ("sum",)

    def __init__(self, blocks: Sequence[Block], *, eps: float, epsilon: str, start: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.eps, self.epsilon = eps, choose("optimizer 'adagrad': epsilon", epsilon, PLACES)
        for kept in self.kept:
            kept["sum"].fill_(start)

    def move(self, group: list[int], lr: float, decay: float) -> None:
        values, gradients, steps = self._lists(group)
        if self.epsilon == "inside" or values[0].device.type != "cpu":
            super().move(group, lr, decay)
            return
        torch._fused_adagrad_(
            values,
            gradients,
            self._kept("sum", group),
            steps,
            lr=lr,
            lr_decay=0.0,
            weight_decay=decay,
            eps=self.eps,
            maximize=False,
        )

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        total = kept["sum"].addcmul_(slope, slope)
        value.addcdiv_(slope, _root(total, self.eps, self.epsilon, out=self.room(value)), value=-lr)


class RMSProp(Optimizer):
    """w -= lr g / (sqrt(s) + eps) with s = alpha s + (1 - alpha) g^2, or lr g / sqrt(s + eps) with eps "inside".

    alpha=0 keeps the last square alone and alpha=1 none; no alpha gives AdaGrad, whatever Martinez-Ramon's L1609 says
    (erratum 21).

    Systems: rmsprop
    Source: Tieleman and Hinton 2012; Hifny A2.14 (inside), Martinez-Ramon 2.16, Jaiswal J39, Keras course K54.
    """

    name = "rmsprop"
    state_names = ("square",)

    def __init__(self, blocks: Sequence[Block], *, alpha: float, eps: float, epsilon: str, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.alpha, self.eps = alpha, eps
        self.epsilon = choose("optimizer 'rmsprop': epsilon", epsilon, PLACES)

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        square = kept["square"].mul_(self.alpha).addcmul_(slope, slope, value=1 - self.alpha)
        value.addcdiv_(slope, _root(square, self.eps, self.epsilon, out=self.room(value)), value=-lr)


class AdaDelta(Optimizer):
    """d = g sqrt(a + eps) / sqrt(s + eps), w -= lr d: s averages g^2, a averages d^2, both decaying by rho.

    lr=1 is the rule as published, which has no rate.

    Systems: adadelta
    Source: Zeiler 2012; Martinez-Ramon 2.5.3, Jaiswal J38, where the update of a is not printed (erratum 12).
    """

    name = "adadelta"
    state_names = ("square", "moved")

    def __init__(self, blocks: Sequence[Block], *, rho: float, eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.rho, self.eps = rho, eps

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        square = kept["square"].mul_(self.rho).addcmul_(slope, slope, value=1 - self.rho)
        root = _root(square, self.eps, "inside", out=self.room(value))
        change = _root(kept["moved"], self.eps, "inside", out=self.room(value, 1)).div_(root).mul_(slope)
        kept["moved"].mul_(self.rho).addcmul_(change, change, value=1 - self.rho)
        value.add_(change, alpha=-lr)


class Rprop(Optimizer):
    """Each coordinate's own step, against the sign of its slope: longer while the sign stays, shorter where it turned.

    A coordinate whose sign turned waits for one step. For gradients over all rows. Source: Riedmiller and Braun 1993,
    in torch's form.
    """

    name = "rprop"
    state_names = ("before", "size")
    scheduled = False

    def __init__(
        self, blocks: Sequence[Block], *, lr: float, factors: tuple[float, float], limits: tuple[float, float]
    ) -> None:
        super().__init__(blocks, lr=lr)
        if not 0 < factors[0] < 1 < factors[1]:
            raise SettingError(f"optimizer 'rprop': factors are below and above 1; got {factors}")
        self.factors, self.limits = factors, limits
        for kept in self.kept:
            kept["size"].fill_(lr)

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        less, more = self.factors
        sign, zero = torch.mul(slope, kept["before"], out=self.room(value)).sign_(), slope.new_zeros(())
        scale = torch.where(sign > 0, zero + more, torch.where(sign < 0, zero + less, zero + 1.0))
        kept["size"].mul_(scale).clamp_(*self.limits)
        torch.where(sign < 0, zero, slope, out=kept["before"])
        value.addcmul_(torch.sign(kept["before"], out=sign), kept["size"], value=-1)


class DeltaBarDelta(Optimizer):
    """Descent whose rates grow by a sum and shrink by a factor, each coordinate's by its own slopes.

    A coordinate's rate gains `gain` where its slope agrees in sign with the average of the slopes before, and is cut
    by the fraction `cut` where it does not; rates begin at lr and a schedule scales them all.
    Source: Jacobs 1988.
    """

    name = "delta_bar_delta"
    state_names = ("average", "rate")

    def __init__(
        self, blocks: Sequence[Block], *, lr: float, gain: float, cut: float, theta: float, weight_decay: float
    ) -> None:
        super().__init__(blocks, lr=lr, weight_decay=weight_decay)
        self.gain, self.fraction, self.theta = gain, cut, theta
        for kept in self.kept:
            kept["rate"].fill_(lr)

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        agreement = slope * kept["average"]
        rate = kept["rate"]
        rate.copy_(
            torch.where(agreement > 0, rate + self.gain, torch.where(agreement < 0, rate * (1 - self.fraction), rate))
        )
        kept["average"].mul_(self.theta).add_(slope, alpha=1 - self.theta)
        value.addcmul_(rate, slope, value=-lr / self.lr if self.lr else 0.0)


@optimizer.register()
def adagrad(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    eps: float = 1e-10,
    epsilon: str = "outside",
    start: float = 0.0,
    weight_decay: float = 0.0,
) -> AdaGrad:
    """AdaGrad: rates that fall with the squared gradients seen so far."""
    return AdaGrad(blocks, lr=lr, eps=eps, epsilon=epsilon, start=start, weight_decay=weight_decay)


@optimizer.register()
def rmsprop(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-3,
    alpha: float = 0.99,
    eps: float = 1e-8,
    epsilon: str = "outside",
    weight_decay: float = 0.0,
) -> RMSProp:
    """RMSProp: AdaGrad that forgets."""
    return RMSProp(blocks, lr=lr, alpha=alpha, eps=eps, epsilon=epsilon, weight_decay=weight_decay)


@optimizer.register()
def adadelta(
    blocks: Sequence[Block], *, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
) -> AdaDelta:
    """AdaDelta: steps in the units of the weights, without a rate of its own."""
    return AdaDelta(blocks, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def rprop(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    factors: tuple[float, float] = (0.5, 1.2),
    limits: tuple[float, float] = (1e-6, 50.0),
) -> Rprop:
    """Rprop: the sign of the slope and a step that each coordinate learns; for batches of all rows."""
    return Rprop(blocks, lr=lr, factors=factors, limits=limits)


@optimizer.register()
def delta_bar_delta(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    gain: float = 1e-3,
    cut: float = 0.3,
    theta: float = 0.7,
    weight_decay: float = 0.0,
) -> DeltaBarDelta:
    """Descent with rates that each coordinate learns by adding and cutting."""
    return DeltaBarDelta(blocks, lr=lr, gain=gain, cut=cut, theta=theta, weight_decay=weight_decay)
