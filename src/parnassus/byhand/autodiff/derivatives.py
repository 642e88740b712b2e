"""What is asked of a graph: gradients, Jacobians, a check against differences, the number of paths, its picture."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..diagram import Box, Diagram, Line
from ..gradients import gradient_error
from .variable import Variable

Array = NDArray[np.float64]


def gradients(output: Variable, inputs: Sequence[Variable]) -> list[Array]:
    """The slopes of a single number by each input; zeros where it does not depend on one.

    >>> x, y = Variable(2.0), Variable(3.0)
    >>> gradients(x * y + x, [x, y])
    [array(4.), array(2.)]
    """
    output.backward()
    reached = {node.tick for node in output.ancestors()}
    return [np.zeros(i.shape) if i.tick not in reached or i.grad is None else i.grad for i in inputs]


def jacobian(f: Callable[[Variable], Variable], at: ArrayLike) -> Array:
    """d f_i / d x_j of a function of one array: shape of f(x), then shape of x.

    One backward pass for each number of f(x), so it suits few outputs and many inputs.

    Systems: jacobian
    Source: Jaiswal J33.

    >>> jacobian(lambda x: x * x, [1.0, 3.0])
    array([[2., 0.],
           [0., 6.]])
    """
    x = Variable(at)
    y = f(x)
    rows = np.zeros((y.value.size, *x.shape))
    if x.tick in {node.tick for node in y.ancestors()}:
        for i in range(y.value.size):
            y.backward(np.eye(1, y.value.size, i).reshape(y.shape))
            rows[i] = x.grad
    return rows.reshape(*y.shape, *x.shape)


def gradient_check(f: Callable[..., Variable], *at: ArrayLike, step: float = 1e-5) -> float:
    """The worst relative error of f's gradients at these arrays against central differences; f gives one number.

    Below 1e-6 is agreement.

    Source: Baker B22; see `parnassus.byhand.gradients`.
    """
    arrays = [np.array(a, dtype=float) for a in at]
    inputs = [Variable(a) for a in arrays]
    found = gradients(f(*inputs), inputs)

    def along(i: int) -> Callable[[Array], float]:
        return lambda a: float(f(*arrays[:i], a, *arrays[i + 1 :]).value)

    return max(gradient_error(along(i), g, arrays[i], step=step) for i, g in enumerate(found))


def count_paths(output: Variable, source: Variable) -> int:
    """How many paths lead from `source` to `output`: the terms of the total derivative, which backward adds up.

    Systems: autodiff-engine
    Source: Baker B21: for f(u(x, y), v(x, y)) with x and y both functions of w and z, four paths lead from w.
    """
    nodes = output.ancestors()
    ways = {node.tick: 0 for node in nodes} | {output.tick: 1}
    for node in nodes:
        for parent in node.parents:
            ways[parent.tick] += ways[node.tick]
    return ways.get(source.tick, 0)


def graph(output: Variable) -> Diagram:
    """The picture of how `output` was made: operations and named values from left to right, with their values."""
    nodes = output.ancestors()[::-1]
    column: dict[int, int] = {}
    for node in nodes:
        column[node.tick] = max((column[p.tick] + 1 for p in node.parents), default=0)
    taken: dict[int, int] = {}
    boxes: list[Box] = []
    number: dict[int, int] = {}
    for node in nodes:
        row = taken.get(column[node.tick], 0)
        taken[column[node.tick]] = row + 1
        number[node.tick] = len(boxes)
        kind = "operation" if node.parents else "input"
        boxes.append(Box(_label(node), column[node.tick], -float(row), kind))
    lines = [Line(number[p.tick], number[node.tick]) for node in nodes for p in node.parents]
    return Diagram("computation graph", boxes, lines)


def _label(node: Variable) -> str:
    words = [w for w in (node.name, node.operation) if w]
    if node.value.size == 1:
        words.append(f"{node.value.item():.4g}")
        if node.grad is not None:
            words.append(f"slope {node.grad.item():.4g}")
    else:
        words.append(" x ".join(str(n) for n in node.shape))
    return "\n".join(words)
