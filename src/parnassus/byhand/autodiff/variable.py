"""The nodes of the graph: values that remember how they were made, and the way back through them."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError, SettingError

Array = NDArray[np.float64]
Pullback = Callable[[Array], Array]  # the slope by an operation's output to the slope by one of its inputs
Operand = Union["Variable", ArrayLike]

_ticks = itertools.count()  # the tape: what is made later has the higher number


class Variable:
    """An array in a graph of operations; after `backward` of something made from it, `grad` is the slope by it.

    Parameters
    ----------
    value : anything that NumPy turns into float64 numbers.
    name : what the picture of the graph calls it.

    Systems: autodiff-engine
    Source: Linnainmaa 1970; Baker A034, Martinez-Ramon 3.9 and 3.11, Keras course K23.

    >>> x, w = Variable([1.0, 2.0]), Variable([3.0, 4.0])
    >>> loss = (x * w).sum() ** 2
    >>> loss.backward()
    >>> w.grad
    array([22., 44.])
    """

    __array_priority__ = 1000.0  # so that array + variable is a Variable

    def __init__(self, value: ArrayLike, *, name: str = "") -> None:
        self.value: Array = np.array(value, dtype=np.float64)
        self.name, self.operation = name, ""
        self.parents: tuple[Variable, ...] = ()
        self.pullbacks: tuple[Pullback, ...] = ()
        self.grad: Array | None = None
        self.tick = next(_ticks)

    def __repr__(self) -> str:
        made = f", by {self.operation}" if self.operation else ""
        return f"Variable({np.array2string(self.value, precision=6, threshold=20)}{made})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return self.value.ndim

    # --- backward -------------------------------------------------------------------------------------

    def ancestors(self) -> "list[Variable]":
        """This and all that it was made from, the latest first: the tape read backwards."""
        seen: dict[int, Variable] = {}
        waiting = [self]
        while waiting:
            one = waiting.pop()
            if one.tick not in seen:
                seen[one.tick] = one
                waiting += one.parents
        return [seen[tick] for tick in sorted(seen, reverse=True)]

    def backward(self, seed: ArrayLike | None = None) -> None:
        """Set `grad` of this and of everything it was made from; what earlier calls left there is overwritten.

        A slope arrives as the sum over all paths of the products along them; latest first, each node has its whole
        sum before it passes it on. Without a `seed` (the slope by this) it must hold a single number.

        Raises
        ------
        SettingError : this holds several numbers and no seed was given.

        Systems: autodiff-engine
        Source: Baker L1292 to L1327 (the total derivative), Rumelhart, Hinton and Williams 1986.
        """
        if seed is None and self.value.size != 1:
            raise SettingError(
                f"backward starts from a single number; this has shape {self.shape}: take its sum or mean, give the "
                "slope by it as seed, or ask for jacobian"
            )
        start = np.ones(self.shape) if seed is None else np.asarray(seed, dtype=float)
        if start.shape != self.shape:
            raise DataError(f"the seed has shape {start.shape}; the slope by this has shape {self.shape}")
        nodes = self.ancestors()
        slopes = {node.tick: np.zeros(node.shape) for node in nodes} | {self.tick: start}
        for node in nodes:
            node.grad = np.asarray(slopes[node.tick])  # sums of single numbers are scalars
            for parent, pullback in zip(node.parents, node.pullbacks, strict=True):
                slopes[parent.tick] = slopes[parent.tick] + pullback(slopes[node.tick])

    # --- arithmetic -----------------------------------------------------------------------------------

    def __add__(self, other: Operand) -> "Variable":
        a, b = fitting("+", self, other)
        return made("+", a.value + b.value, (a, lambda g: folded(g, a.shape)), (b, lambda g: folded(g, b.shape)))

    def __sub__(self, other: Operand) -> "Variable":
        a, b = fitting("-", self, other)
        return made("-", a.value - b.value, (a, lambda g: folded(g, a.shape)), (b, lambda g: folded(-g, b.shape)))

    def __mul__(self, other: Operand) -> "Variable":
        a, b = fitting("*", self, other)
        return made(
            "*",
            a.value * b.value,
            (a, lambda g: folded(g * b.value, a.shape)),
            (b, lambda g: folded(g * a.value, b.shape)),
        )

    def __truediv__(self, other: Operand) -> "Variable":
        a, b = fitting("/", self, other)
        return made(
            "/",
            a.value / b.value,
            (a, lambda g: folded(g / b.value, a.shape)),
            (b, lambda g: folded(-g * a.value / b.value**2, b.shape)),
        )

    def __pow__(self, power: float) -> "Variable":
        return made(f"^{power:g}", self.value**power, (self, lambda g: g * power * self.value ** (power - 1)))

    def __neg__(self) -> "Variable":
        return made("-", -self.value, (self, lambda g: -g))

    def __radd__(self, other: Operand) -> "Variable":
        return variable(other) + self

    def __rsub__(self, other: Operand) -> "Variable":
        return variable(other) - self

    def __rmul__(self, other: Operand) -> "Variable":
        return variable(other) * self

    def __rtruediv__(self, other: Operand) -> "Variable":
        return variable(other) / self

    def __matmul__(self, other: Operand) -> "Variable":
        from .operations import matmul

        return matmul(self, other)

    def __rmatmul__(self, other: Operand) -> "Variable":
        return variable(other) @ self

    # --- shapes and sums ------------------------------------------------------------------------------

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> "Variable":
        """The sum over axes, or over everything."""
        value = self.value.sum(axis, keepdims=keepdims)
        return made("sum", value, (self, lambda g: np.broadcast_to(opened(g, self.shape, axis, keepdims), self.shape)))

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> "Variable":
        """The mean over axes, or over everything."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.value.size / max(total.value.size, 1))

    def max(self, axis: int | None = None, *, keepdims: bool = False) -> "Variable":
        """The greatest along an axis, or of all; the slope goes to the first of equals."""
        value = self.value.max(axis, keepdims=keepdims)
        won = np.zeros(self.shape)
        if axis is None:
            won.flat[self.value.argmax()] = 1
        else:
            np.put_along_axis(won, np.expand_dims(self.value.argmax(axis), axis), 1, axis)
        return made("max", value, (self, lambda g: won * opened(g, self.shape, axis, keepdims)))

    def reshape(self, *shape: int) -> "Variable":
        """The same numbers in another shape; one length may be -1."""
        try:
            value = self.value.reshape(shape)
        except ValueError as error:
            raise DataError(f"reshape: {self.shape} holds {self.value.size} numbers, which {shape} does not") from error
        return made("reshape", value, (self, lambda g: g.reshape(self.shape)))

    def transpose(self, *axes: int) -> "Variable":
        """Axes in another order, reversed where none is given."""
        order = axes or tuple(reversed(range(self.ndim)))
        back = tuple(int(i) for i in np.argsort(order))
        return made("transpose", self.value.transpose(order), (self, lambda g: g.transpose(back)))

    @property
    def T(self) -> "Variable":
        """All axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Any) -> "Variable":
        def pullback(g: Array) -> Array:
            spread = np.zeros(self.shape)
            np.add.at(spread, index, g)  # an element taken twice gets both slopes
            return spread

        return made("[]", self.value[index], (self, pullback))


def variable(value: Operand) -> Variable:
    """The value itself if it is one, else a new Variable of it."""
    return value if isinstance(value, Variable) else Variable(value)


def made(operation: str, value: Array, *parents: tuple[Variable, Pullback]) -> Variable:
    """A Variable that an operation made, with its parents and the way back to each."""
    new = Variable(value)
    new.operation = operation
    new.parents = tuple(parent for parent, _ in parents)
    new.pullbacks = tuple(pullback for _, pullback in parents)
    return new


def fitting(operation: str, a: Operand, b: Operand) -> tuple[Variable, Variable]:
    """Both as Variables whose shapes broadcast.

    Raises
    ------
    DataError : they do not; names both shapes.
    """
    a, b = variable(a), variable(b)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise DataError(
            f"{operation}: shapes {a.shape} and {b.shape} do not go together; from the right, lengths are equal or 1"
        ) from error
    return a, b


def folded(g: Array, shape: Sequence[int]) -> Array:
    """A slope summed over the axes along which its variable was broadcast."""
    g = g.sum(tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(stretched, keepdims=True) if stretched else g


def opened(g: Array, shape: tuple[int, ...], axis: int | tuple[int, ...] | None, keepdims: bool) -> Array:
    """A slope by something summed over axes, with those axes back as length 1."""
    if keepdims:
        return g
    if axis is None:
        return g.reshape((1,) * len(shape))
    return np.expand_dims(g, axis)
