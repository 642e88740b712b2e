"""One neuron that learns by descent on its squared error: linear (LMS, Adaline), logistic or tanh (MMSE)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Activation = Literal["linear", "logistic", "tanh"]

VALUES: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "logistic": lambda z: (1 + np.tanh(z / 2)) / 2,
    "tanh": np.tanh,
}
SLOPES: dict[str, Callable[[Array], Array]] = {  # by the output f, not by z
    "linear": np.ones_like,
    "logistic": lambda f: f * (1 - f),
    "tanh": lambda f: 1 - f**2,
}


@dataclass(frozen=True)
class Neuron:
    """f(w.x + b) with its activation's name."""

    w: Array
    b: float
    activation: Activation = "linear"

    def output(self, x: ArrayLike) -> Array:
        """f for each row of x (n, d), or for one row (d,)."""
        return VALUES[self.activation](np.asarray(x, dtype=float) @ self.w + self.b)

    def cost(self, x: ArrayLike, y: ArrayLike) -> float:
        """sum (f - y)^2: no 1/2 and no mean."""
        return float(((self.output(x) - np.asarray(y)) ** 2).sum())

    def gradient(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, float]:
        """The true slope of `cost` by (w, b): sum 2 (f - y) f' x, and without the x.

        With tanh or logistic units the cost is not convex (Martinez-Ramon 1.2.3 calls it so): two rows can give it
        two minima. The 2 is missing in the book's eq. 1.23.
        """
        x, f = np.asarray(x, dtype=float), self.output(x)
        delta = 2 * (f - np.asarray(y)) * SLOPES[self.activation](f)
        return delta @ x, float(delta.sum())


def online_step(neuron: Neuron, x: ArrayLike, y: float, *, lr: float) -> Neuron:
    """The neuron after one row: w -= lr e f' x and b -= lr e f', with e = f - y; the slope's 2 is part of lr.

    With a linear unit it is the delta rule of Widrow and Hoff (LMS); with tanh or logistic the MMSE neuron's.

    Systems: lms-delta-rule, mmse-neuron
    Source: Widrow and Hoff 1960; Martinez-Ramon eqs. 1.26 to 1.29, Jaiswal J18 and J19.
    """
    x = np.asarray(x, dtype=float)
    f = neuron.output(x)
    delta = (f - y) * SLOPES[neuron.activation](f)
    return Neuron(neuron.w - lr * delta * x, neuron.b - lr * float(delta), neuron.activation)


def batch_step(neuron: Neuron, x: ArrayLike, y: ArrayLike, *, lr: float, mean: bool = False) -> Neuron:
    """The neuron after one step over all rows: the sum of `online_step`'s changes, or their mean.

    Systems: lms-delta-rule, mmse-neuron
    Source: Martinez-Ramon eqs. 1.24 and 1.25 (sum), Keras course K18 (mean).
    """
    by_w, by_b = neuron.gradient(x, y)
    size = lr / (2 * (len(np.asarray(x)) if mean else 1))
    return Neuron(neuron.w - size * by_w, neuron.b - size * by_b, neuron.activation)


def online_epoch(
    neuron: Neuron, x: ArrayLike, y: ArrayLike, *, lr: float, order: Sequence[int] | None = None
) -> list[Neuron]:
    """The neuron after each row of one pass, right or wrong, in the order given.

    Systems: lms-delta-rule, mmse-neuron
    Source: Martinez-Ramon 1.2.3 and 1.2.4, Keras course K19.
    """
    x, y, trace = np.asarray(x, dtype=float), np.asarray(y, dtype=float), []
    for k in range(len(x)) if order is None else order:
        neuron = online_step(neuron, x[k], float(y[k]), lr=lr)
        trace.append(neuron)
    return trace


def adaline_output(neuron: Neuron, x: ArrayLike) -> Array:
    """sign(w.x + b), -1 at zero, of a linear unit trained by LMS on labels of +1 and -1.

    Systems: adaline
    Source: Widrow and Hoff 1960; Martinez-Ramon 2.5.
    """
    return np.where(np.asarray(x, dtype=float) @ neuron.w + neuron.b > 0, 1.0, -1.0)


def saturated_fraction(neuron: Neuron, x: ArrayLike, *, slope_below: float = 0.01) -> float:
    """The share of rows whose activation's slope is below `slope_below`: rows that hardly move the weights.

    A squared error stalls there even where the answer is wrong; cross-entropy does not.

    Source: Martinez-Ramon 1.2.3.
    """
    return float((SLOPES[neuron.activation](neuron.output(x)) < slope_below).mean())
