"""Links of a chain that normalise each sample by itself, and the rectifier that learns its slope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .attention import layer_norm, layer_norm_backward
from .chain import Layer

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GroupNorm(Layer):
    """gamma (x - mean) / sqrt(var + eps) + beta over groups of channels of one sample, gamma and beta by channel.

    One group is layer normalisation, as many as channels is instance normalisation.

    Source: Wu and He 2018; Martinez-Ramon 2.4, Hifny A14.9.
    """

    name: str
    n_groups: int
    gamma: Array
    beta: Array
    eps: float
    title = "normalisation by sample"

    @property
    def weights(self) -> dict[str, Array]:
        """gamma and beta."""
        return {f"{self.name}.weight": self.gamma, f"{self.name}.bias": self.beta}

    def forward(self, x: Array) -> Array:
        """The standardised groups, scaled."""
        shape = (-1, *(1,) * (x.ndim - 2))
        return self._standard(x) * self.gamma.reshape(shape) + self.beta.reshape(shape)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Each group's slope as in `attention.layer_norm_backward`."""
        groups = x.reshape(len(x), self.n_groups, -1)
        rest = tuple(i for i in range(x.ndim) if i != 1)
        by_standard = (delta * self.gamma.reshape(-1, *(1,) * (x.ndim - 2))).reshape(groups.shape)
        one = np.ones(groups.shape[-1])
        by_x = layer_norm_backward(by_standard, layer_norm(groups, one, 0 * one, eps=self.eps), one)[0]
        by_gamma, by_beta = (delta * self._standard(x)).sum(rest), delta.sum(rest)
        return by_x.reshape(x.shape), {f"{self.name}.weight": by_gamma, f"{self.name}.bias": by_beta}

    def _standard(self, x: Array) -> Array:
        groups = x.reshape(len(x), self.n_groups, -1)
        one = np.ones(groups.shape[-1])
        return layer_norm(groups, one, 0 * one, eps=self.eps).standard.reshape(x.shape)


@dataclass(frozen=True)
class RMSNorm(Layer):
    """gamma x / r with r = sqrt(mean of x^2 + eps) over the last axis.

    Source: Zhang and Sennrich 2019; Hifny A14.10 and eqs. 14.17 to 14.19 (with d where n is printed).
    """

    name: str
    gamma: Array
    eps: float
    title = "RMS normalisation"

    @property
    def weights(self) -> dict[str, Array]:
        """gamma."""
        return {f"{self.name}.weight": self.gamma}

    def forward(self, x: Array) -> Array:
        """The scaled rows."""
        return self.gamma * x / self._size(x)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """(g - s mean(g s)) / r with g = delta gamma and s = x / r."""
        size = self._size(x)
        s, g = x / size, delta * self.gamma
        by_x = (g - s * (g * s).mean(-1, keepdims=True)) / size
        return by_x, {f"{self.name}.weight": (delta * s).sum(tuple(range(x.ndim - 1)))}

    def _size(self, x: Array) -> Array:
        return np.sqrt((x**2).mean(-1, keepdims=True) + self.eps)


@dataclass(frozen=True)
class PReLU(Layer):
    """x above 0 and a x below, with one learnt a.

    Source: He et al. 2015.
    """

    name: str
    a: Array
    title = "prelu"

    @property
    def weights(self) -> dict[str, Array]:
        """The slope below 0."""
        return {f"{self.name}.weight": self.a}

    def forward(self, x: Array) -> Array:
        """max(x, 0) + a min(x, 0)."""
        return np.where(x > 0, x, self.a * x)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Delta times 1 or a; the slope by a is the sum of delta x below 0."""
        by_a = (delta * np.minimum(x, 0)).sum().reshape(1)
        return np.where(x > 0, delta, self.a * delta), {f"{self.name}.weight": by_a}
