"""Nets as chains of layers, each with its forward and backward written out, and one worked step through a chain."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import SettingError
from .convolution import (
    Pair,
    average_pool,
    average_pool_backward,
    correlate,
    correlate_backward,
    max_pool,
    max_pool_backward,
)
from .diagram import Diagram, chain_diagram, layered_diagram
from .mlp import ACTIVATIONS
from .worked import Section, Worked

Array = NDArray[np.float64]


class Layer(ABC):
    """One link of a chain: its title, its weights by name, the way forward and the way back."""

    title: str

    @property
    def weights(self) -> dict[str, Array]:
        """What learns, by name."""
        return {}

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """The layer's output."""

    @abstractmethod
    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """The slope by x and by each weight, from delta = the slope by the output h."""


@dataclass(frozen=True)
class Dense(Layer):
    """z = x w' + b with w (n_outputs, n_inputs), as torch holds it; names are `name`.weight and `name`.bias."""

    name: str
    w: Array
    b: Array | None

    @property
    def title(self) -> str:  # type: ignore[override]
        """Widths."""
        return f"dense {self.w.shape[1]} -> {self.w.shape[0]}"

    @property
    def weights(self) -> dict[str, Array]:
        """The matrix and the bias."""
        return _named(self.name, self.w, self.b)

    def forward(self, x: Array) -> Array:
        """x w' + b."""
        return x @ self.w.T + (0 if self.b is None else self.b)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """delta w; delta' x and the sum of delta."""
        return delta @ self.w, _named(self.name, delta.T @ x, None if self.b is None else delta.sum(0))


@dataclass(frozen=True)
class Convolution(Layer):
    """The correlation with kernels w (n_out, n_in, height, width), plus b."""

    name: str
    w: Array
    b: Array | None
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1

    @property
    def title(self) -> str:  # type: ignore[override]
        """Channels and kernel."""
        n_out, n_in, height, width = self.w.shape
        return f"convolution {n_in} -> {n_out}, {height} x {width}"

    @property
    def weights(self) -> dict[str, Array]:
        """The kernels and the bias."""
        return _named(self.name, self.w, self.b)

    def forward(self, x: Array) -> Array:
        """The correlation."""
        return correlate(x, self.w, self.b, stride=self.stride, padding=self.padding, dilation=self.dilation).z

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """The direct form."""
        slopes = correlate_backward(delta, x, self.w, stride=self.stride, padding=self.padding, dilation=self.dilation)
        return slopes.by_x, _named(self.name, slopes.by_w, None if self.b is None else slopes.by_b)


@dataclass(frozen=True)
class MaxPool(Layer):
    """The greatest of each window."""

    size: Pair
    stride: Pair
    padding: Pair = 0
    title = "max pool"

    def forward(self, x: Array) -> Array:
        """Maxima."""
        return max_pool(x, self.size, stride=self.stride, padding=self.padding).z

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """To the winners."""
        return max_pool_backward(delta, x, self.size, stride=self.stride, padding=self.padding), {}


@dataclass(frozen=True)
class AveragePool(Layer):
    """The mean of each window."""

    size: Pair
    stride: Pair
    padding: Pair = 0
    title = "average pool"

    def forward(self, x: Array) -> Array:
        """Means."""
        return average_pool(x, self.size, stride=self.stride, padding=self.padding).z

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Shares."""
        return average_pool_backward(delta, x, self.size, stride=self.stride, padding=self.padding), {}


@dataclass(frozen=True)
class Activation(Layer):
    """phi of each number, by a name of `mlp.ACTIVATIONS`."""

    title: str

    def forward(self, x: Array) -> Array:
        """phi(x)."""
        return ACTIVATIONS[self.title][0](x)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Delta times phi'(x)."""
        return delta * ACTIVATIONS[self.title][1](x, h), {}


@dataclass(frozen=True)
class Flatten(Layer):
    """Each sample as one row."""

    title = "flatten"

    def forward(self, x: Array) -> Array:
        """(n, all)."""
        return x.reshape(len(x), -1)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Back in shape."""
        return delta.reshape(x.shape), {}


@dataclass(frozen=True)
class Standardize(Layer):
    """gamma (x - mean) / sqrt(var + eps) + beta with fixed means by channel: batch normalisation in use."""

    name: str
    gamma: Array
    beta: Array
    mean: Array
    var: Array
    eps: float
    title = "batch norm, running statistics"

    @property
    def weights(self) -> dict[str, Array]:
        """gamma and beta."""
        return _named(self.name, self.gamma, self.beta)

    def forward(self, x: Array) -> Array:
        """The standardised values, scaled."""
        shape = _by_channel(x)
        return self._standard(x) * self.gamma.reshape(shape) + self.beta.reshape(shape)

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """Delta gamma / deviation: the statistics are constants."""
        rest = tuple(i for i in range(x.ndim) if i != 1)
        by_x = delta * (self.gamma / np.sqrt(self.var + self.eps)).reshape(_by_channel(x))
        return by_x, _named(self.name, (delta * self._standard(x)).sum(rest), delta.sum(rest))

    def _standard(self, x: Array) -> Array:
        shape = _by_channel(x)
        return (x - self.mean.reshape(shape)) / np.sqrt(self.var + self.eps).reshape(shape)


@dataclass(frozen=True)
class Framing(Layer):
    """A border of each map's lowest value, up to four pixels, that makes pictures `size` x `size`.

    A fixed change of the input, below everything that learns.
    """

    size: int
    title = "border"

    def forward(self, x: Array) -> Array:
        """The framed pictures."""
        missing = self.size - x.shape[2]
        if x.shape[2] != x.shape[3] or not 0 <= missing <= 4:
            raise SettingError(
                f"pictures of {x.shape[2]} x {x.shape[3]} would be resized to {self.size} x {self.size}, which has no "
                "by-hand form; give pictures of that size or up to four pixels smaller"
            )
        border = (missing // 2, missing - missing // 2)
        low = x.min((-2, -1), keepdims=True)
        return np.pad(x - low, ((0, 0), (0, 0), border, border)) + low

    def backward(self, delta: Array, x: Array, h: Array) -> tuple[Array, dict[str, Array]]:
        """The slope within the border; that by way of the lowest value is left out, as no weight is below."""
        start = (self.size - x.shape[2]) // 2
        return delta[:, :, start : start + x.shape[2], start : start + x.shape[3]], {}


@dataclass(frozen=True)
class LayerStep:
    """One layer in one step: input, output, delta (the slope by the output), slopes, and weights after the step."""

    layer: Layer
    x: Array
    h: Array
    delta: Array
    gradients: dict[str, Array]
    after: dict[str, Array]


@dataclass(frozen=True)
class ChainTrace(Worked):
    """One step through a chain: the loss, the outputs, and the layers from first to last."""

    loss: float
    outputs: Array
    layers: list[LayerStep]

    @property
    def gradients(self) -> dict[str, Array]:
        """Every gradient by its weight's name."""
        return {name: g for step in self.layers for name, g in step.gradients.items()}

    @property
    def after(self) -> dict[str, Array]:
        """Every weight after the step, by name; empty where no rate was given."""
        return {name: w for step in self.layers for name, w in step.after.items()}

    def sections(self) -> list[Section]:
        """Forward by layer, the loss, and backward by layer with gradients and new weights."""
        forward = [
            Section(f"layer {i + 1}: {s.layer.title}", {"x": s.x} | s.layer.weights | {"h": s.h})
            for i, s in enumerate(self.layers)
        ]
        back = [
            Section(
                f"layer {i + 1}, backward: {s.layer.title}",
                {"delta": s.delta}
                | {f"d {name}": g for name, g in s.gradients.items()}
                | {f"new {name}": w for name, w in s.after.items()},
            )
            for i, s in enumerate(self.layers)
        ]
        return [*forward, Section("loss", {"loss": self.loss}), *back[::-1]]

    def diagram(self) -> Diagram:
        """Units and weights of a dense chain with the first row's values; boxes by layer of any other."""
        layers = [step.layer for step in self.layers]
        if not all(isinstance(layer, Dense | Activation) for layer in layers):
            return chain_diagram("layers", ["x", *(_boxed(step) for step in self.layers)])
        values = [self.layers[0].x[0]]
        for step, following in pairwise([*self.layers, None]):
            assert step is not None
            if following is None or isinstance(following.layer, Dense):
                values.append(step.h[0])
        return layered_diagram("dense net", [layer.w.T for layer in layers if isinstance(layer, Dense)], values)


def chain_trace(
    layers: Sequence[Layer],
    x: ArrayLike,
    slope: Callable[[Array], tuple[float, Array]],
    *,
    lr: float | None = None,
) -> ChainTrace:
    """One step through the layers: forward over x, `slope` of the outputs (loss and its slope), and back.

    With a rate each weight after w - lr gradient is there too.

    Systems: backpropagation
    Source: Hifny A8.5 and A9.12, Martinez-Ramon 1.5.4 and 4.3.5.
    """
    inputs = [np.asarray(x, dtype=float)]
    for layer in layers:
        inputs.append(layer.forward(inputs[-1]))
    loss, delta = slope(inputs[-1])
    steps: list[LayerStep] = []
    for i in reversed(range(len(layers))):
        layer = layers[i]
        by_x, gradients = layer.backward(delta, inputs[i], inputs[i + 1])
        after = {} if lr is None else {name: w - lr * gradients[name] for name, w in layer.weights.items()}
        steps.append(LayerStep(layer, inputs[i], inputs[i + 1], delta, gradients, after))
        delta = by_x
    return ChainTrace(loss, inputs[-1], steps[::-1])


def _named(name: str, w: Array, b: Array | None) -> dict[str, Array]:
    return {f"{name}.weight": w} | ({} if b is None else {f"{name}.bias": b})


def _by_channel(x: Array) -> tuple[int, ...]:
    return (-1, *(1,) * (x.ndim - 2))


def _boxed(step: LayerStep) -> str:
    title = step.layer.title.replace(", ", "\n")
    return f"{title}\n{' x '.join(str(n) for n in step.h.shape[1:])}"
