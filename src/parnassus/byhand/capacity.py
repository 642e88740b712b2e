"""What small nets can and cannot do, built by hand: XOR, stacks of linear layers, permuted units, bumps and stairs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .mlp import MLP
from .recurrence import sigmoid

Array = NDArray[np.float64]

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])


def xor_by_sigmoids(steepness: float = 20.0) -> MLP:
    """A 2-2-1 net of sigmoids that computes XOR: "at least one" less "both", each a steep sigmoid.

    h1 = s(a (x1 + x2) - a/2), h2 = s(a (x1 + x2) - 3a/2), y = s(a h1 - a h2 - a/2). The larger a, the nearer to 0
    and 1; a = 1 does not compute it.

    Systems: xor-networks
    Source: Baker A029, Martinez-Ramon example 1.3.1 (whose output unit is linear, and whose .98 is .99 unrounded).

    >>> net = xor_by_sigmoids()
    >>> net.trace(CORNERS, XOR).outputs.ravel().round(3)
    array([0., 1., 1., 0.])
    """
    a = steepness
    return MLP.of(([[a, a], [a, a]], [-a / 2, -3 * a / 2]), ([[a], [-a]], [-a / 2]), output="binary_cross_entropy")


def xor_by_relus() -> MLP:
    """A 2-2-1 net of ReLUs with a linear output that computes XOR exactly: relu(s) - 2 relu(s - 1) of the sum s.

    Systems: xor-networks
    Source: Goodfellow, Bengio and Courville 2016, 6.1; Hifny A8.6, Jaiswal J9, Martinez-Ramon problem 1.6.

    >>> xor_by_relus().trace(CORNERS, XOR).outputs.ravel()
    array([0., 1., 1., 0.])
    """
    return MLP.of(([[1, 1], [1, 1]], [0, -1]), ([[1], [-2]], [0]), hidden="relu", output="squared_error")


@dataclass(frozen=True)
class XorRuns:
    """Many trainings on XOR: the mean cross-entropy each ended with, and whether all four corners are right."""

    losses: Array
    solved: NDArray[np.bool_]

    @property
    def success_rate(self) -> float:
        """The share of runs with all four right."""
        return float(self.solved.mean())


def train_xor(n_hidden: int, *, n_runs: int, n_steps: int = 500, lr: float = 1.0, seed: int = 0) -> XorRuns:
    """2-n_hidden-1 nets of sigmoids from normal weights, full batch, mean cross-entropy; all runs at once.

    With two hidden units nearly half of the runs stay in a poor valley, with eight none does: a book's printed run is
    one draw among these.

    Systems: xor-networks
    Source: Keras course listings 2.3 and 2.4; Hifny A8.6 trains a 2-4-1 net on squared errors.
    """
    rng = np.random.default_rng(seed)
    w1, b1 = rng.normal(size=(n_runs, 2, n_hidden)), rng.normal(size=(n_runs, 1, n_hidden))
    w2, b2 = rng.normal(size=(n_runs, n_hidden, 1)), rng.normal(size=(n_runs, 1, 1))
    for _ in range(n_steps):
        h = sigmoid(CORNERS @ w1 + b1)
        delta2 = (sigmoid(h @ w2 + b2) - XOR) / len(XOR)
        delta1 = delta2 @ w2.swapaxes(1, 2) * h * (1 - h)
        w2 -= lr * h.swapaxes(1, 2) @ delta2
        b2 -= lr * delta2.sum(1, keepdims=True)
        w1 -= lr * CORNERS.T @ delta1
        b1 -= lr * delta1.sum(1, keepdims=True)
    z = sigmoid(CORNERS @ w1 + b1) @ w2 + b2
    losses = (np.logaddexp(0, z) - XOR * z).mean((1, 2))
    return XorRuns(losses, ((z > 0) == (XOR > 0.5)).all((1, 2)))


def collapsed(net: MLP) -> tuple[Array, Array]:
    """The one layer (w, b) that a net without activations is: w = w_1 w_2 ... w_L, b carried through.

    Systems: linear-stack-collapse
    Source: Hifny eqs. 8.1 and 8.2, Baker A007.

    >>> w, b = collapsed(MLP.of(([[2.0]], [1.0]), ([[3.0]], [5.0]), hidden="identity", output="squared_error"))
    >>> w, b
    (array([[6.]]), array([8.]))
    """
    w, b = np.eye(net.ws[0].shape[0]), np.zeros(net.ws[0].shape[0])
    for layer_w, layer_b in zip(net.ws, net.bs, strict=True):
        w, b = w @ layer_w, b @ layer_w + layer_b
    return w, b


def collapse_error(net: MLP, x: ArrayLike) -> float:
    """How far the net is from the one layer that it would be without activations, at worst over rows x.

    0 to rounding says that the stack is linear, and that its depth gives nothing.

    Systems: linear-stack-collapse
    Source: Hifny A8.2, Keras course K33.
    """
    w, b = collapsed(net)
    return float(np.abs(net.forward(x)[0][-1] - (np.asarray(x, dtype=float) @ w + b)).max())


def permuted(net: MLP, *orders: Sequence[int]) -> MLP:
    """The net with the units of each hidden layer in another order: columns before, rows after; the same function.

    Systems: weight-space-symmetry
    Source: Jaiswal J31.
    """
    ws, bs = [np.array(w) for w in net.ws], [np.array(b) for b in net.bs]
    for i, order in enumerate(map(list, orders)):
        ws[i], bs[i], ws[i + 1] = ws[i][:, order], bs[i][order], ws[i + 1][order]
    return MLP(ws, bs, net.hidden, net.output)


def n_symmetries(*hidden: int) -> int:
    """How many orders of hidden units give one function: the product of n! over layers.

    Systems: weight-space-symmetry
    Source: Jaiswal J31, who prints n! l for l layers of n units; it is (n!)^l.

    >>> n_symmetries(3, 3)
    36
    """
    return math.prod(math.factorial(n) for n in hidden)


def bump(*, half_width: float = 0.5, steepness: float = 40.0) -> MLP:
    """A 2-4-1 net of sigmoids that is 1 within a square about the origin and 0 outside.

    Each of four ridges is 1 on its side of an edge; the output asks for all four. Sums of such bumps approach any
    continuous function.

    Systems: universal-approximation
    Source: Baker A029 (Fig. 2.12).

    >>> bump().trace([[0, 0], [0.9, 0], [0, -0.9], [0.9, 0.9]], np.zeros((4, 1))).outputs.ravel().round(3)
    array([1., 0., 0., 0.])
    """
    a = steepness
    ridges = np.array([[a, -a, 0, 0], [0, 0, a, -a]])
    return MLP.of((ridges, [a * half_width] * 4), (a * np.ones((4, 1)), [-3.5 * a]), output="binary_cross_entropy")


def stairs(f: Callable[[Array], Array], *, low: float, high: float, n_units: int, steepness: float = 1e4) -> MLP:
    """A 1-n_units-1 net of sigmoids that approaches f on [low, high] by a stair of n_units steps.

    The step at each edge between equal intervals has the height by which f's value in the middle changes; the error
    is at most f's variation over half an interval.

    Systems: universal-approximation
    Source: Cybenko 1989; Baker A004, Jaiswal J30.
    """
    edges = np.linspace(low, high, n_units + 2)
    values = f((edges[:-1] + edges[1:]) / 2)
    a = steepness / (edges[1] - edges[0])
    first = (np.full((1, n_units), a), -a * edges[1:-1])
    return MLP.of(first, (np.diff(values)[:, None], values[:1]), output="squared_error")


def hinges(f: Callable[[Array], Array], *, low: float, high: float, n_units: int) -> MLP:
    """A 1-n_units-1 net of ReLUs that joins f's values at n_units + 1 points of [low, high] by straight lines.

    For a twice differentiable f the error is at most max|f''| / 8 times the interval squared.

    Systems: universal-approximation
    Source: Jaiswal J30; de Boor 1978 for the bound.
    """
    knots = np.linspace(low, high, n_units + 1)
    values = f(knots)
    slopes = np.diff(values) / np.diff(knots)
    first = (np.ones((1, n_units)), -knots[:-1])
    changes = np.diff(slopes, prepend=0.0)
    return MLP.of(first, (changes[:, None], values[:1]), hidden="relu", output="squared_error")


def sup_error(net: MLP, f: Callable[[Array], Array], *, low: float, high: float, n_points: int = 2001) -> float:
    """The greatest distance between the net's output and f over a grid of [low, high].

    Systems: universal-approximation
    Source: Baker A004, Jaiswal J30.
    """
    x = np.linspace(low, high, n_points)
    return float(np.abs(net.forward(x[:, None])[0][-1][:, 0] - f(x)).max())
