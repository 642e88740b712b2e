"""Linear, logistic, multilabel and softmax regression: the gradients written out, and plain descent on them.

x is (n, d); targets t and weights have one column an output: t (n, k), w (d, k), b (k,). Means are over rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """Weights at one step of a descent, with the loss and its gradient there."""

    w: Array
    b: Array
    loss: float
    by_w: Array
    by_b: Array


Gradient = Callable[[Array, Array, Array, Array], Point]


def linear_point(x: Array, t: Array, w: Array, b: Array) -> Point:
    """Mean squared error (sum over outputs, mean over rows, no 1/2) of y = x w + b: slope 2/n x'(y - t).

    Systems: linear-regression
    Source: Hifny A4.1 and A4.4, Martinez-Ramon 3.5.5, Jaiswal J8.
    """
    return _point(x, w, b, ((x @ w + b - t) ** 2).sum() / len(x), 2 * (x @ w + b - t))


def logistic_point(x: Array, t: Array, w: Array, b: Array) -> Point:
    """Binary cross-entropy of y = sigmoid(x w + b), summed over outputs: slope 1/n x'(y - t).

    With several columns each output is a model of its own: the multilabel net.

    Systems: logistic-regression, multilabel-sigmoid-net
    Source: Hifny A5.1 to A5.4 and A7.2, Baker A028, Martinez-Ramon 1.5.2.1 and 3.5.5, Keras course K15 and K22.
    """
    z = x @ w + b
    return _point(x, w, b, (np.logaddexp(0, z) - t * z).sum() / len(x), (1 + np.tanh(z / 2)) / 2 - t)


def sigmoid_squared_point(x: Array, t: Array, w: Array, b: Array) -> Point:
    """Squared error of y = sigmoid(x w + b), summed over outputs: slope 2/n x'((y - t) y (1 - y)).

    Source: Hifny listing 7.1 (which steps along it without the 2), Keras course K17.
    """
    y = (1 + np.tanh((x @ w + b) / 2)) / 2
    return _point(x, w, b, ((y - t) ** 2).sum() / len(x), 2 * (y - t) * y * (1 - y))


def softmax_point(x: Array, t: Array, w: Array, b: Array) -> Point:
    """Cross-entropy of y = softmax(x w + b) with one-hot or soft t: slope 1/n x'(y - t).

    Systems: softmax-regression
    Source: Hifny A6.2 and A6.6. Descent from different starts need not agree after a hundred epochs: only the seed
    makes the book's runs alike.
    """
    z = x @ w + b
    z = z - z.max(1, keepdims=True)
    log_y = z - np.log(np.exp(z).sum(1, keepdims=True))
    return _point(x, w, b, -(t * log_y).sum() / len(x), np.exp(log_y) - t)


def _point(x: Array, w: Array, b: Array, loss: float, delta: Array) -> Point:
    return Point(w, b, float(loss), x.T @ delta / len(x), delta.mean(0))


def descend(
    gradient: Gradient, x: ArrayLike, t: ArrayLike, *, lr: float, w: ArrayLike, b: ArrayLike
) -> Iterator[Point]:
    """Endless full-batch descent from (w, b): the start first, then the point after each step."""
    x, t = np.asarray(x, dtype=float), np.asarray(t, dtype=float)
    w, b = np.array(w, dtype=float), np.array(b, dtype=float)
    while True:
        point = gradient(x, t, w, b)
        yield point
        w, b = w - lr * point.by_w, b - lr * point.by_b


def after(points: Iterator[Point], *steps: int) -> list[Point]:
    """The points after these numbers of steps (ascending) of a descent; 0 is the start."""
    wanted, kept = set(steps), []
    for step, point in enumerate(points):
        if step in wanted:
            kept.append(point)
        if step >= max(steps):
            return kept
    return kept
