"""The multilayer perceptron with its gradients written out: every layer's z, h, delta and gradients can be read.

A layer is h = phi(x w + b) with w (n_inputs, n_units): the books' column form W'h transposed, so that rows are
samples.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .diagram import Diagram, layered_diagram
from .worked import Section, Worked

Array = NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[float])


def _gelu_slope(z: Array, h: Array) -> Array:
    return (1 + _erf(z / math.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _silu_slope(z: Array, h: Array) -> Array:
    s = (1 + np.tanh(z / 2)) / 2
    return s + h * (1 - s)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    # the value of z, and the slope from (z, h)
    "identity": (lambda z: z, lambda z, h: np.ones_like(z)),
    "sigmoid": (lambda z: (1 + np.tanh(z / 2)) / 2, lambda z, h: h * (1 - h)),
    "tanh": (np.tanh, lambda z, h: 1 - h**2),
    "relu": (lambda z: np.maximum(z, 0), lambda z, h: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, h: np.where(z > 0, 1.0, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, h: np.where(z > 0, 1.0, h + 1)),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z, h: (1 + np.tanh(z / 2)) / 2),
    "hard_tanh": (lambda z: np.clip(z, -1, 1), lambda z, h: (np.abs(z) < 1).astype(float)),
    "silu": (lambda z: z * (1 + np.tanh(z / 2)) / 2, _silu_slope),
    "gelu": (lambda z: z * (1 + _erf(z / math.sqrt(2))) / 2, _gelu_slope),
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
class Trace(Worked):
    """One step through the net: the loss (summed over rows), the outputs, and the layers from first to last.

    `net` is the net it went through, and `after` the net with the step taken where a rate was given.
    """

    loss: float
    outputs: Array
    layers: list[LayerTrace]
    net: "MLP"
    after: "MLP | None" = None

    def sections(self) -> list[Section]:
        """The layers forward, then backward with the gradients, and the new weights of each."""
        net, forward, back = self.net, [], []
        for i, layer in enumerate(self.layers):
            n_in, n_out = net.ws[i].shape
            phi = net.hidden if i < len(self.layers) - 1 else net.output
            numbers = {"x": layer.x, "w": net.ws[i], "b": net.bs[i], "z": layer.z, "h": layer.h}
            forward.append(Section(f"layer {i + 1}: {n_in} -> {n_out}, {phi}", numbers))
            slopes = {"delta": layer.delta, "dw": layer.by_w, "db": layer.by_b}
            if self.after is not None:
                slopes |= {"new w": self.after.ws[i], "new b": self.after.bs[i]}
            back.append(Section(f"layer {i + 1}, backward", slopes))
        return [*forward, Section("loss", {"loss": self.loss}), *back[::-1]]

    def diagram(self) -> Diagram:
        """The units with the values of the first row, and the weights between them."""
        values = [self.layers[0].x[0], *(layer.h[0] for layer in self.layers)]
        return layered_diagram("multilayer perceptron", self.net.ws, values)


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

    def trace(self, x: ArrayLike, t: ArrayLike, *, lr: float | None = None) -> Trace:
        """Forward and backward over rows x with targets t: delta_l = (delta_{l+1} w_{l+1}') phi'(z_l).

        With a rate the step is taken too, and the trace's `after` is the net it leads to.

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
        trace = Trace(loss, outputs, layers[::-1], self)
        return trace if lr is None else Trace(loss, outputs, layers[::-1], self, self.stepped(trace, lr=lr))

    def stepped(self, trace: Trace, *, lr: float) -> "MLP":
        """The net after one step against the gradients of a trace."""
        ws = [w - lr * layer.by_w for w, layer in zip(self.ws, trace.layers, strict=True)]
        bs = [b - lr * layer.by_b for b, layer in zip(self.bs, trace.layers, strict=True)]
        return MLP(ws, bs, self.hidden, self.output)


def batch_descent(net: MLP, x: ArrayLike, t: ArrayLike, *, lr: float) -> Iterator[Trace]:
    """Endless steps over all rows at once: w -= lr times the sum over rows; each trace holds the net after it.

    Systems: backpropagation
    Source: Martinez-Ramon eq. 1.110 (a sum: divide lr by the number of rows for a mean), Hifny eq. 8.30, Baker A043.
    """
    while True:
        trace = net.trace(x, t, lr=lr)
        yield trace
        net = net.stepped(trace, lr=lr)


def online_descent(
    net: MLP, x: ArrayLike, t: ArrayLike, *, lr: float, order: Sequence[int] | None = None
) -> Iterator[Trace]:
    """One pass of steps over single rows, from the first to the last or in the order given.

    Systems: backpropagation
    Source: Martinez-Ramon eqs. 1.95, 1.96, 1.103 and 1.105, Baker A042.
    """
    x, t = np.asarray(x, dtype=float), np.asarray(t, dtype=float)
    for k in range(len(x)) if order is None else order:
        trace = net.trace(x[k : k + 1], t[k : k + 1], lr=lr)
        yield trace
        net = net.stepped(trace, lr=lr)


def absorbed(net: MLP) -> list[Array]:
    """The net's layers as matrices with the bias as first row, (n_inputs + 1, n_units), for inputs that begin with 1.

    Source: Baker A040 (whose stated (H + 1) x (d + 1) must be H x (d + 1), with columns as samples).
    """
    return [np.vstack([b, w]) for w, b in zip(net.ws, net.bs, strict=True)]


def absorbed_gradients(
    layers: Sequence[Array], x: ArrayLike, t: ArrayLike, *, hidden: str = "sigmoid", output: str
) -> tuple[float, list[Array]]:
    """The loss and the gradient of every bias-absorbed matrix: h~ = (1, h), gradient = h~' delta, row 0 the bias's.

    The row of ones has no slope to pass down, so delta goes back through rows 1 and on alone.

    Source: Baker A040 and A041.
    """
    value, slope = ACTIVATIONS[hidden]
    h, zs = np.asarray(x, dtype=float), []
    inputs = [np.insert(h, 0, 1.0, axis=1)]
    for w in layers:
        zs.append(inputs[-1] @ w)
        inputs.append(np.insert(value(zs[-1]), 0, 1.0, axis=1))
    loss, _, delta = OUTPUTS[output](zs[-1], np.asarray(t, dtype=float))
    gradients: list[Array] = []
    for i in reversed(range(len(layers))):
        gradients.append(inputs[i].T @ delta)
        if i:
            delta = (delta @ layers[i][1:].T) * slope(zs[i - 1], inputs[i][:, 1:])
    return loss, gradients[::-1]
