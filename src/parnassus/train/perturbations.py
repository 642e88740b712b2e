"""Noise on weights and gradients, drawn anew at every step; the weights themselves come back exactly."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import SettingError
from ..registry import regularizer
from .blocks import Block
from .regularizers import Regularizer, weights_in


class Perturbation(Regularizer):
    """Computes a gradient at other weights: `perturbed` says which. The weights are put back as they were."""

    draws_weights = True

    def __init__(self) -> None:
        self._held: list[tuple[Tensor, Tensor]] = []

    def before(self, blocks: Sequence[Block]) -> None:
        self._held = []
        for p in weights_in(blocks):
            self._held.append((p.data, p.data.clone()))
            self.perturb(p.data)

    def gradient(self, blocks: Sequence[Block]) -> None:
        for w, was in self._held:
            w.copy_(was)
        self._held = []

    def perturb(self, w: Tensor) -> None:
        """Change a matrix or kernel in place."""
        raise NotImplementedError


class Perturbations(Regularizer):
    """Several perturbations, undone in the reverse order, so that each finds the weights it left."""

    draws_weights = True

    def __init__(self, parts: Sequence[Regularizer]) -> None:
        self.parts = list(parts)

    def before(self, blocks: Sequence[Block]) -> None:
        for part in self.parts:
            part.before(blocks)

    def gradient(self, blocks: Sequence[Block]) -> None:
        for part in reversed(self.parts):
            part.gradient(blocks)


def in_order(regularizers: Sequence[Regularizer]) -> list[Regularizer]:
    """Perturbations first, as one, since the rest add to gradients by weights as they are."""
    moved = [r for r in regularizers if isinstance(r, Perturbation)]
    rest = [r for r in regularizers if not isinstance(r, Perturbation)]
    return ([Perturbations(moved)] if len(moved) > 1 else [*moved]) + rest


class WeightNoise(Perturbation):
    """w + N(0, scale^2) on matrices and kernels: the loss is lowered where it is flat around the weights."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def perturb(self, w: Tensor) -> None:
        w.add_(torch.randn_like(w), alpha=self.scale)


class DropConnect(Perturbation):
    """Each weight is 0 with probability `rate` at a step, the others are divided by 1 - rate; one mask a mini-batch."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._masks: list[Tensor] = []

    def before(self, blocks: Sequence[Block]) -> None:
        self._masks = []
        super().before(blocks)

    def perturb(self, w: Tensor) -> None:
        mask = torch.empty_like(w).bernoulli_(1 - self.rate).div_(1 - self.rate)
        self._masks.append(mask)
        w.mul_(mask)

    def gradient(self, blocks: Sequence[Block]) -> None:
        for p, mask in zip(weights_in(blocks), self._masks, strict=True):
            assert p.grad is not None
            p.grad.mul_(mask)
        self._masks = []
        super().gradient(blocks)


class GradientNoise(Regularizer):
    """g + N(0, scale^2 / (1 + 1000 progress)^decay) on every parameter."""

    draws_weights = True

    def __init__(self, scale: float, decay: float) -> None:
        self.scale, self.decay = scale, decay

    def gradient(self, blocks: Sequence[Block]) -> None:
        std = self.scale * (1 + 1000 * self.progress) ** (-self.decay / 2)
        for block in blocks:
            block.gradients.add_(torch.randn_like(block.gradients), alpha=std)


@regularizer.register()
def weight_noise(*, scale: float = 0.01) -> Regularizer:
    """Gaussian noise of this standard deviation on matrices and kernels while gradients are computed: flat minima.

    Systems: weight-gradient-noise
    Source: Graves 2011; Jaiswal J48.
    """
    return WeightNoise(_positive("weight_noise", scale))


@regularizer.register()
def gradient_noise(*, scale: float = 0.1, decay: float = 0.55) -> Regularizer:
    """Gaussian noise on gradients whose variance falls as scale^2 / (1 + t)^decay; helps out of poor starts.

    t counts thousandths of the training, so that a run of another length anneals alike; decay 0 keeps it even.

    Parameters
    ----------
    scale : the standard deviation at the start.
    decay : how the variance falls; 0 keeps it.

    Systems: weight-gradient-noise
    Source: Neelakantan et al. 2015; Jaiswal J49, which calls it weight noise (F16).
    """
    if not decay >= 0:
        raise SettingError(f"regularizer 'gradient_noise': decay is 0 or more; got {decay!r}")
    return GradientNoise(_positive("gradient_noise", scale), float(decay))


@regularizer.register()
def dropconnect(*, rate: float = 0.5) -> Regularizer:
    """Single weights are dropped at random instead of units, each with this probability, a draw a mini-batch.

    Source: Wan et al. 2013.
    """
    if not 0 < rate < 1:
        raise SettingError(f"regularizer 'dropconnect': rate is the probability to drop, between 0 and 1; got {rate!r}")
    return DropConnect(float(rate))


def _positive(name: str, scale: float) -> float:
    if not 0 < scale < float("inf"):
        raise SettingError(f"regularizer {name!r}: scale is a positive number; got {scale!r}")
    return float(scale)
