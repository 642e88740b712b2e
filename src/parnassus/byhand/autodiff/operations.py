"""Operations on Variables beyond plain arithmetic, each with its way back."""

from collections.abc import Sequence

import numpy as np

from ...errors import DataError
from ..convolution import (
    Pair,
    average_pool,
    average_pool_backward,
    correlate,
    correlate_backward,
    max_pool,
    max_pool_backward,
)
from ..recurrence import sigmoid as sigmoid_of
from .variable import Array, Operand, Pullback, Variable, fitting, folded, made, variable


def exp(x: Operand) -> Variable:
    """e^x."""
    x = variable(x)
    y = np.exp(x.value)
    return made("exp", y, (x, lambda g: g * y))


def log(x: Operand) -> Variable:
    """The natural logarithm."""
    x = variable(x)
    return made("log", np.log(x.value), (x, lambda g: g / x.value))


def sqrt(x: Operand) -> Variable:
    """The square root."""
    x = variable(x)
    y = np.sqrt(x.value)
    return made("sqrt", y, (x, lambda g: g / (2 * y)))


def tanh(x: Operand) -> Variable:
    """The hyperbolic tangent, with slope 1 - y^2."""
    x = variable(x)
    y = np.tanh(x.value)
    return made("tanh", y, (x, lambda g: g * (1 - y**2)))


def sigmoid(x: Operand) -> Variable:
    """1 / (1 + e^-x), with slope y (1 - y)."""
    x = variable(x)
    y = sigmoid_of(x.value)
    return made("sigmoid", y, (x, lambda g: g * y * (1 - y)))


def relu(x: Operand) -> Variable:
    """max(x, 0), with slope 0 at 0."""
    x = variable(x)
    return made("relu", np.maximum(x.value, 0), (x, lambda g: g * (x.value > 0)))


def maximum(a: Operand, b: Operand) -> Variable:
    """The greater of each pair; equals pass the slope to the first."""
    a, b = fitting("maximum", a, b)
    first = a.value >= b.value
    return made(
        "maximum",
        np.maximum(a.value, b.value),
        (a, lambda g: folded(g * first, a.shape)),
        (b, lambda g: folded(g * ~first, b.shape)),
    )


def matmul(a: Operand, b: Operand) -> Variable:
    """The matrix product of (..., n, k) and (..., k, m), leading axes broadcast, or of vectors (k,) on either side.

    Raises
    ------
    DataError : the shapes do not go together; names both.
    """
    a, b = variable(a), variable(b)
    if not (a.ndim and b.ndim) or a.shape[-1] != b.shape[-min(b.ndim, 2)]:
        raise DataError(
            f"matmul: shapes {a.shape} and {b.shape} do not go together; the last length of the first is the last but "
            "one of the second"
        )
    if a.ndim == 1:
        row = matmul(a.reshape(1, -1), b)
        return row.reshape(*row.shape[:-2], row.shape[-1]) if b.ndim > 1 else row.reshape(*row.shape[1:])
    if b.ndim == 1:
        column = matmul(a, b.reshape(-1, 1))
        return column.reshape(*column.shape[:-1])
    return made(
        "@",
        a.value @ b.value,
        (a, lambda g: folded(g @ b.value.swapaxes(-1, -2), a.shape)),
        (b, lambda g: folded(a.value.swapaxes(-1, -2) @ g, b.shape)),
    )


def concatenate(parts: Sequence[Operand], axis: int = 0) -> Variable:
    """The parts one after the other along an axis.

    Raises
    ------
    DataError : the other axes differ; names the shapes.
    """
    nodes = [variable(p) for p in parts]
    try:
        value = np.concatenate([p.value for p in nodes], axis)
    except ValueError as error:
        raise DataError(f"concatenate: shapes {[p.shape for p in nodes]} differ beside axis {axis}") from error
    ends = np.cumsum([p.shape[axis] for p in nodes])[:-1]

    def piece(i: int) -> Pullback:
        return lambda g: np.split(g, ends, axis)[i]

    return made("concatenate", value, *((p, piece(i)) for i, p in enumerate(nodes)))


def stack(parts: Sequence[Operand], axis: int = 0) -> Variable:
    """Parts of one shape side by side along a new axis."""
    nodes = [variable(p) for p in parts]
    axis = axis % (nodes[0].ndim + 1)
    return concatenate([p.reshape(*p.shape[:axis], 1, *p.shape[axis:]) for p in nodes], axis)


def log_softmax(x: Operand, axis: int = -1) -> Variable:
    """x - ln sum e^x along an axis, composed of max, exp, sum and log; the greatest x is taken off as a constant.

    Source: Hifny A6.3, Baker A037.
    """
    x = variable(x)
    shifted = x - x.value.max(axis, keepdims=True)
    return shifted - log(exp(shifted).sum(axis, keepdims=True))


def softmax(x: Operand, axis: int = -1) -> Variable:
    """e^x over its sum along an axis, composed of exp, sum and division."""
    x = variable(x)
    e = exp(x - x.value.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def conv2d(x: Operand, w: Operand, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1) -> Variable:
    """The cross-correlation of pictures (n, c, h, w) with kernels (n_out, c, h, w); its way back is the by-hand one.

    Source: `parnassus.byhand.convolution`.
    """
    x, w = variable(x), variable(w)
    z = correlate(x.value, w.value, stride=stride, padding=padding, dilation=dilation).z

    def back(g: Array) -> tuple[Array, Array]:
        slopes = correlate_backward(g, x.value, w.value, stride=stride, padding=padding, dilation=dilation)
        return slopes.by_x, slopes.by_w

    return made("conv2d", z, (x, lambda g: back(g)[0]), (w, lambda g: back(g)[1]))


def max_pool2d(x: Operand, size: Pair, *, stride: Pair | None = None, padding: Pair = 0) -> Variable:
    """The greatest of each window of pictures (n, c, h, w)."""
    x = variable(x)
    z = max_pool(x.value, size, stride=stride, padding=padding).z
    return made("max_pool2d", z, (x, lambda g: max_pool_backward(g, x.value, size, stride=stride, padding=padding)))


def average_pool2d(x: Operand, size: Pair, *, stride: Pair | None = None, padding: Pair = 0) -> Variable:
    """The mean of each window of pictures (n, c, h, w)."""
    x = variable(x)
    z = average_pool(x.value, size, stride=stride, padding=padding).z
    return made(
        "average_pool2d", z, (x, lambda g: average_pool_backward(g, x.value, size, stride=stride, padding=padding))
    )
