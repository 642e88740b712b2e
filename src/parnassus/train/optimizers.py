"""Optimizers over flat blocks. A builder takes the blocks of one player and returns something with `step`.

`step(closure, factor)` calls the closure, which fills the gradients and returns the loss, then moves the values with
the learning rate times `factor`. The fused kernels are called directly: the first object of `torch.optim` imports a
compiler stack that takes one to two seconds.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SettingError
from ..registry import optimizer
from .blocks import Block

Closure = Callable[[], Tensor]


class Optimizer:
    """Moves blocks; a subclass says by `state_names` what it keeps for each block, and how it moves one group."""

    state_names: tuple[str, ...] = ()

    def __init__(self, blocks: Sequence[Block], *, lr: float, weight_decay: float = 0.0) -> None:
        if lr < 0 or weight_decay < 0:
            raise SettingError(f"lr and weight_decay are at least 0; got lr={lr}, weight_decay={weight_decay}")
        self.blocks, self.lr, self.weight_decay = list(blocks), lr, weight_decay
        self.kept = [{n: torch.zeros_like(b.values) for n in self.state_names} for b in blocks]
        self.steps = [torch.zeros((), device=b.values.device) for b in blocks]
        by_decay = {weight_decay if b.decays else 0.0 for b in blocks}
        self._groups = [
            (d, [i for i, b in enumerate(blocks) if (weight_decay if b.decays else 0.0) == d]) for d in sorted(by_decay)
        ]

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:
        """Fill the gradients, move the values; to be called without a graph (`torch.no_grad`)."""
        loss = closure()
        for steps in self.steps:
            steps.add_(1.0)
        for decay, group in self._groups:
            self.move(group, self.lr * factor, decay)
        return loss

    def move(self, group: list[int], lr: float, decay: float) -> None:
        """Move the blocks of these numbers, which share their weight decay."""
        raise NotImplementedError

    def _lists(self, group: list[int]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        blocks = [self.blocks[i] for i in group]
        return [b.values for b in blocks], [b.gradients for b in blocks], [self.steps[i] for i in group]

    def _kept(self, name: str, group: list[int]) -> list[Tensor]:
        return [self.kept[i][name] for i in group]

    def state_dict(self) -> list[dict[str, Tensor]]:
        return [
            {k: t.clone() for k, t in kept.items()} | {"steps": steps.clone()}
            for kept, steps in zip(self.kept, self.steps, strict=True)
        ]

    def load_state_dict(self, state: list[dict[str, Tensor]]) -> None:
        for kept, steps, given in zip(self.kept, self.steps, state, strict=True):
            steps.copy_(given["steps"])
            for name, tensor in kept.items():
                tensor.copy_(given[name])


class Adam(Optimizer):
    """Adam with decoupled weight decay (AdamW). Source: Kingma and Ba 2015; Loshchilov and Hutter 2019."""

    state_names = ("mean", "square")

    def __init__(self, blocks: Sequence[Block], *, betas: tuple[float, float], eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.betas, self.eps = betas, eps

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


class SGD(Optimizer):
    """Gradient descent with momentum v = m v + g and step w -= lr v (Nesterov: w -= lr (g + m v)).

    Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013 that torch.optim.SGD takes.
    """

    def __init__(self, blocks: Sequence[Block], *, momentum: float, nesterov: bool, **options: Any) -> None:
        if nesterov and not momentum:
            raise SettingError("optimizer 'sgd': nesterov=True needs momentum above 0, such as 0.9")
        self.state_names = ("velocity",) if momentum else ()
        super().__init__(blocks, **options)
        self.momentum, self.nesterov = momentum, nesterov

    def move(self, group: list[int], lr: float, decay: float) -> None:
        values, gradients, _ = self._lists(group)
        velocities = self._kept("velocity", group) if self.momentum else []
        torch._fused_sgd_(
            values,
            gradients,
            velocities,
            weight_decay=decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,
        )


class AdaGrad(Optimizer):
    """w -= lr g / (sqrt(sum of g^2) + eps). Source: Duchi, Hazan and Singer 2011."""

    state_names = ("sum",)

    def __init__(self, blocks: Sequence[Block], *, eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.eps = eps

    def move(self, group: list[int], lr: float, decay: float) -> None:
        values, gradients, _ = self._lists(group)
        for value, gradient, total in zip(values, gradients, self._kept("sum", group), strict=True):
            slope = gradient.add(value, alpha=decay) if decay else gradient
            total.addcmul_(slope, slope)
            value.addcdiv_(slope, total.sqrt().add_(self.eps), value=-lr)


class RMSProp(Optimizer):
    """w -= lr g / (sqrt(mean of g^2) + eps), the mean decaying by alpha. Source: Tieleman and Hinton 2012."""

    state_names = ("square",)

    def __init__(self, blocks: Sequence[Block], *, alpha: float, eps: float, **options: Any) -> None:
        super().__init__(blocks, **options)
        self.alpha, self.eps = alpha, eps

    def move(self, group: list[int], lr: float, decay: float) -> None:
        values, gradients, _ = self._lists(group)
        for value, gradient, square in zip(values, gradients, self._kept("square", group), strict=True):
            slope = gradient.add(value, alpha=decay) if decay else gradient
            square.mul_(self.alpha).addcmul_(slope, slope, value=1 - self.alpha)
            value.addcdiv_(slope, square.sqrt().add_(self.eps), value=-lr)


class FromTorch:
    """Any elementwise optimizer of torch.optim, over the blocks; per-tensor ones would need the parameters."""

    def __init__(self, make: Callable, blocks: Sequence[Block], *, lr: float, **options: Any) -> None:
        self.blocks, self.lr = [nn.Parameter(b.values) for b in blocks], lr
        for p, block in zip(self.blocks, blocks, strict=True):
            p.grad = block.gradients
        self.inner = make(self.blocks, lr=lr, **options)

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:
        for group in self.inner.param_groups:
            group["lr"] = self.lr * factor
        return self.inner.step(closure)

    def state_dict(self) -> list[dict[str, Any]]:
        # torch's own state dict has integer keys, which JSON would change
        return [copy.deepcopy(dict(self.inner.state.get(p, {}))) for p in self.blocks]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        for p, given in zip(self.blocks, state, strict=True):
            if given:  # deep copies lie aligned in memory as the first run's did, and sums of products round alike
                self.inner.state[p] = copy.deepcopy(dict(given))


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
def sgd(
    blocks: Sequence[Block],
    *,
    lr: float = 1e-2,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> SGD:
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead if asked for."""
    return SGD(blocks, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


@optimizer.register()
def adagrad(blocks: Sequence[Block], *, lr: float = 1e-2, eps: float = 1e-10, weight_decay: float = 0.0) -> AdaGrad:
    """AdaGrad: rates that fall with the squared gradients seen so far."""
    return AdaGrad(blocks, lr=lr, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def rmsprop(
    blocks: Sequence[Block], *, lr: float = 1e-3, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
) -> RMSProp:
    """RMSProp: AdaGrad that forgets."""
    return RMSProp(blocks, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay)


@optimizer.register()
def lbfgs(blocks: Sequence[Block], *, lr: float = 1.0, max_iter: int = 20, history: int = 10) -> FromTorch:
    """L-BFGS through the same closure; meant for windows of all rows. Source: Nocedal 1980."""
    return FromTorch(
        torch.optim.LBFGS, blocks, lr=lr, max_iter=max_iter, history_size=history, line_search_fn="strong_wolfe"
    )
