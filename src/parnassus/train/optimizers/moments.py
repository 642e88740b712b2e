"""Adam and its kin: an average of gradients over a root of an average of their squares."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError
from ...registry import optimizer
from ..blocks import Block
from ..closure import Closure
from .base import Optimizer, choose


class Adam(Optimizer):
    """w -= lr m' / (sqrt(s') + eps): m averages g, s averages g^2, and m' and s' are they over 1 - beta^t.

    Weight decay is decoupled, w -= lr decay w, which makes it AdamW: it is no part of the averages.

    Systems: adam, adamw
    Source: Kingma and Ba 2015; Loshchilov and Hutter 2019; Hifny A2.15, Martinez-Ramon 2.17 to 2.20 (L1623 says
    "biased" of the corrected averages, erratum 22), Jaiswal J40, which prints no correction: his first step is 3.16
    times too long (erratum 13).
    """

    name = "adam"
    state_names = ("mean", "square")

    def __init__(self, blocks: Sequence[Block], *, betas: tuple[float, float], eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.betas, self.eps = _fractions(self.name, betas), eps

    def move(self, group: list[int], lr: float, decay: float) -> None:
        values, gradients, steps = self._lists(group)
        torch._fused_adamw_(
            values,
            gradients,
            self._kept("mean", group),
            self._kept("square", group),
            [],
            steps,
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=decay,
            amsgrad=False,
            maximize=False,
        )


class AdamThenSGD(Optimizer):
    """Adam for the first `switch` of training, then gradient descent at `sgd_lr`, going on from the same weights.

    Systems: adam
    Source: Hifny A2.16; Keskar and Socher 2017.
    """

    name = "adam_then_sgd"
    state_names = ("mean", "square", "velocity")

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        sgd_lr: float,
        switch: float,
        momentum: float,
        betas: tuple[float, float],
        eps: float,
        **options: Any,
    ) -> None:
        super().__init__(blocks, **options)
        if not (0 < switch < 1 and sgd_lr >= 0 and 0 <= momentum < 1):
            raise SettingError(
                f"optimizer 'adam_then_sgd': switch is a fraction of training in (0, 1), sgd_lr at least 0 and "
                f"momentum in [0, 1); got {switch}, {sgd_lr} and {momentum}"
            )
        self.rates, self.switch, self.momentum = (self.lr, sgd_lr), switch, momentum
        self.betas, self.eps, self.switched = _fractions(self.name, betas), eps, False

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        self.switched = closure.progress >= self.switch
        self.lr = self.rates[self.switched]
        return super().step(closure, factor)

    def move(self, group: list[int], lr: float, decay: float) -> None:
        if not self.switched:
            Adam.move(self, group, lr, decay)  # type: ignore[arg-type]
            return
        values, gradients, _ = self._lists(group)
        torch._fused_sgd_(
            values,
            gradients,
            self._kept("velocity", group) if self.momentum else [],
            weight_decay=decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class Adamax(Optimizer):
    """w -= lr m' / u with u = max(beta2 u, |g| + eps): the limit of Adam for a norm of ever higher power.

    Systems: adamax
    Source: Kingma and Ba 2015, section 7.1, with eps where torch has it; Martinez-Ramon 2.21 to 2.24, where 2.23 drops
    beta2 and 2.21 has a wrong sign and exponents (erratum 23).
    """

    name = "adamax"
    state_names = ("mean", "largest")

    def __init__(self, blocks: Sequence[Block], *, betas: tuple[float, float], eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.betas, self.eps = _fractions(self.name, betas), eps

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        mean = kept["mean"].lerp_(slope, 1 - self.betas[0])
        largest = kept["largest"].mul_(self.betas[1])
        torch.maximum(largest, torch.abs(slope, out=self.room(value)).add_(self.eps), out=largest)
        value.addcdiv_(mean, largest, value=-lr / (1 - self.betas[0] ** self.count))


class Nadam(Optimizer):
    """Adam whose average of gradients looks one step ahead, in one of three forms that differ.

        scheduled  m_t = b1 (1 - 0.96^(t decay) / 2) in place of b1, and products of these in the corrections
        constant   b1 m / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)
        ruder      b1 m / (1 - b1^t) + (1 - b1) g / (1 - b1^t)

    all over sqrt(s') + eps. Steps of the three begin at 1.06, 1.47 and 1.9 times lr for b1 = 0.9.

    Systems: nadam
    Source: Dozat 2016 (scheduled, as torch has it; constant is his algorithm with one b1: Martinez-Ramon 2.5.5);
    Jaiswal J41 (ruder, which he takes for Dozat's).
    """

    name = "nadam"
    state_names = ("mean", "square")

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        betas: tuple[float, float],
        eps: float,
        form: str,
        momentum_decay: float,
        **options: Any,
    ) -> None:
        super().__init__(blocks, **options)
        self.betas, self.eps, self.momentum_decay = _fractions(self.name, betas), eps, momentum_decay
        self.form = choose("optimizer 'nadam': form", form, ("scheduled", "constant", "ruder"))
        self.product = 1.0

    def apply(self, factor: float) -> None:
        if self.form == "scheduled":
            self.product *= self._momentum(self.count + 1)
        super().apply(factor)

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        mean = kept["mean"].lerp_(slope, 1 - self.betas[0])
        square = kept["square"].mul_(self.betas[1]).addcmul_(slope, slope, value=1 - self.betas[1])
        root = torch.div(square, 1 - self.betas[1] ** self.count, out=self.room(value)).sqrt_().add_(self.eps)
        of_slope, of_mean = self._shares()
        value.addcdiv_(slope, root, value=-lr * of_slope)
        value.addcdiv_(mean, root, value=-lr * of_mean)

    def _shares(self) -> tuple[float, float]:
        """What the gradient and the average count for in this step."""
        b, t = self.betas[0], self.count
        if self.form == "scheduled":
            now, ahead = self._momentum(t), self._momentum(t + 1)
            return (1 - now) / (1 - self.product), ahead / (1 - self.product * ahead)
        return (1 - b) / (1 - b**t), b / (1 - b ** (t + (self.form == "constant")))

    def _momentum(self, t: int) -> float:
        return self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def memory(self) -> dict[str, Tensor]:
        return {"product": torch.tensor(self.product, dtype=torch.float64)}

    def remember(self, memory: dict[str, Tensor]) -> None:
        self.product = float(memory["product"])


def _fractions(name: str, betas: tuple[float, float]) -> tuple[float, float]:
    if len(betas) != 2 or not all(0 <= b < 1 for b in betas):
        raise SettingError(f"optimizer {name!r}: betas are two numbers in [0, 1); got {betas}")
    return betas


@optimizer.register()
def adam(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Adam:
    """Adam; weight_decay is decoupled, which makes it AdamW."""
    return Adam(blocks, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def adamw(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> Adam:
    """Adam with decoupled weight decay from the start."""
    return Adam(blocks, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def adam_then_sgd(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-3,
    sgd_lr: float = 1e-2,
    switch: float = 0.5,
    momentum: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> AdamThenSGD:
    """Adam for a first part of training, plain descent for the rest."""
    return AdamThenSGD(
        blocks, lr=lr, sgd_lr=sgd_lr, switch=switch, momentum=momentum, betas=betas, eps=eps, weight_decay=weight_decay
    )


@optimizer.register()
def adamax(
    blocks: Sequence[Block],
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Adamax:
    """Adam with the largest recent gradient in place of a root of squares."""
    return Adamax(blocks, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def nadam(
    blocks: Sequence[Block],
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    form: str = "scheduled",
    momentum_decay: float = 4e-3,
    weight_decay: float = 0.0,
) -> Nadam:
    """Adam with Nesterov's look-ahead (scheduled, constant or ruder)."""
    return Nadam(
        blocks, lr=lr, betas=betas, eps=eps, form=form, momentum_decay=momentum_decay, weight_decay=weight_decay
    )
