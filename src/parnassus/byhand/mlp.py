"""The multilayer perceptron with its gradients written out: every layer's z, h, delta and gradients can be read.

A layer is h = phi(x w + b) with w (n_inputs, n_units): the books' column form W'h transposed, so that rows are
samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    # the value of z, and the slope from (z, h)
    "identity": (lambda z: z, lambda z, h: np.ones_like(z)),
    "sigmoid": (lambda z: (1 + np.tanh(z / 2)) / 2, lambda z, h: h * (1 - h)),
    "tanh": (np.tanh, lambda z, h: 1 - h**2),
    "relu": (lambda z: np.maximum(z, 0), lambda z, h: (z > 0).astype(float)),
}


def squared_error(z: Array, t: Array) -> tuple[float, Array, Array]:
    """sum (z - t)^2 of a linear output: the outputs, and the slope 2 (z - t)."""
    return float(((z - t) ** 2).sum()), z, 2 * (z - t)


def sigmoid_squared_error(z: Array, t: Array) -> tuple[float, Array, Array]:
    """sum (y - t)^2 with y = sigmoid(z): slope 2 (y - t) y (1 - y)."""
    y = (1 + np.tanh(z / 2)) / 2
    return float(((y - t) ** 2).sum()), y, 2 * (y - t) * y * (1 - y)


def binary_cross_entropy(z: Array, t: Array) -> tuple[float, Array, Array]:
    """sum softplus(z) - t z with y = sigmoid(z): slope y - t."""
    y = (1 + np.tanh(z / 2)) / 2
    return float((np.logaddexp(0, z) - t * z).sum()), y, y - t


def softmax_cross_entropy(z: Array, t: Array) -> tuple[float, Array, Array]:
    """-sum t ln y with y = softmax(z): slope y - t, because the Jacobian's off-diagonal terms count too."""
    shifted = z - z.max(1, keepdims=True)
    log_y = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    y = np.exp(log_y)
    return float(-(t * log_y).sum()), y, y - t


OUTPUTS: dict[str, Callable[[Array, Array], tuple[float, Array, Array]]] = {
    "squared_error": squared_error,
    "sigmoid_squared_error": sigmoid_squared_error,
    "binary_cross_entropy": binary_cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
}


@dataclass(frozen=True)
class LayerTrace:
    """One layer in one step: its input, z, output h, delta (the loss's slope by z) and the gradients."""

    x: Array
    z: Array
    h: Array
    delta: Array
    by_w: Array
    by_b: Array


@dataclass(frozen=True)
class Trace:
    """One step through the net: the loss (summed over rows), the outputs, and the layers from first to last."""

    loss: float
    outputs: Array
    layers: list[LayerTrace]


@dataclass(frozen=True)
class MLP:
    """Weights and biases by layer, the hidden activation, and the loss with its output function."""

    ws: Sequence[Array]
    bs: Sequence[Array]
    hidden: str = "sigmoid"
    output: str = "binary_cross_entropy"

    @classmethod
    def of(cls, *layers: tuple[ArrayLike, ArrayLike], hidden: str = "sigmoid", output: str) -> "MLP":
        """The net of these (w, b) pairs."""
        ws = [np.array(w, dtype=float) for w, _ in layers]
        return cls(ws, [np.array(b, dtype=float) for _, b in layers], hidden, output)

    def forward(self, x: ArrayLike) -> tuple[list[Array], list[Array]]:
        """The z of every layer, and every layer's input; the last z is before the output function."""
        inputs, zs = [np.asarray(x, dtype=float)], []
        for w, b in zip(self.ws, self.bs, strict=True):
            zs.append(inputs[-1] @ w + b)
            inputs.append(ACTIVATIONS[self.hidden][0](zs[-1]))
        return zs, inputs[:-1]

    def trace(self, x: ArrayLike, t: ArrayLike) -> Trace:
        """Forward and backward over rows x with targets t: delta_l = (delta_{l+1} w_{l+1}') phi'(z_l).

        Every delta is taken with the weights of the forward pass: updating a layer before the one below it has its
        delta gives another, wrong, step.

        Systems: backpropagation
        Source: Rumelhart, Hinton and Williams 1986; Hifny chapter 8, Baker chapters 2 and 3 (whose printed chain
        through softmax keeps only the diagonal, and whose L1163 multiplies in the wrong order), Martinez-Ramon 1.5.3
        and 1.5.4 (whose example ends at .9994472, not .9999).
        """
        zs, inputs = self.forward(x)
        loss, outputs, delta = OUTPUTS[self.output](zs[-1], np.asarray(t, dtype=float))
        layers: list[LayerTrace] = []
        value, slope = ACTIVATIONS[self.hidden]
        for i in reversed(range(len(zs))):
            h = outputs if i == len(zs) - 1 else value(zs[i])
            layers.append(LayerTrace(inputs[i], zs[i], h, delta, inputs[i].T @ delta, delta.sum(0)))
            if i:
                delta = (delta @ self.ws[i].T) * slope(zs[i - 1], inputs[i])
        return Trace(loss, outputs, layers[::-1])

    def stepped(self, trace: Trace, *, lr: float) -> "MLP":
        """The net after one step against the gradients of a trace."""
        ws = [w - lr * layer.by_w for w, layer in zip(self.ws, trace.layers, strict=True)]
        bs = [b - lr * layer.by_b for b, layer in zip(self.bs, trace.layers, strict=True)]
        return MLP(ws, bs, self.hidden, self.output)
