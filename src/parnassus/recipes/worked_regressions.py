"""Hifny's linear models by hand: two targets, an AND gate, three clouds, and a label that no line can learn."""

from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.preprocessing import StandardScaler

from ..byhand.mlp import MLP, batch_descent
from ..byhand.regression import (
    Point,
    after,
    descend,
    linear_point,
    logistic_point,
    sigmoid_squared_point,
    softmax_point,
)
from ..functional.linear import boundary_line, normal_equation, separation
from . import Size, Table, recipe
from .drawn import regions

TABLE = np.array(
    [
        [0.23, 0.87, 0.95, 2.74, 1.82], [0.34, 0.56, 0.29, 1.42, 2.61], [0.98, 0.68, 0.05, 3.12, 2.49],
        [0.51, 0.24, 0.64, 1.63, 1.95], [0.42, 0.75, 0.49, 2.84, 2.37], [0.89, 0.11, 0.93, 2.17, 1.68],
        [0.14, 0.91, 0.25, 1.96, 2.55], [0.76, 0.41, 0.53, 2.29, 2.24], [0.66, 0.04, 0.08, 1.27, 1.35],
        [0.45, 0.82, 0.76, 2.86, 2.74],
    ]
)  # fmt: skip
CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])


@recipe(
    "normal-equation-and-descent",
    source="Hifny listing 4.1",
    figure="the normal equation and 100,000 steps of descent give the same weights",
    experiments="hifny-5",
)
def two_ways(size: Size) -> Table:
    """Linear regression with several targets by the normal equation and by descent, and how far they are apart."""
    n_steps = 2_000 if size == "tiny" else 100_000
    scaled = StandardScaler().fit_transform
    linnerud, diabetes = load_linnerud(return_X_y=True), load_diabetes(return_X_y=True)
    sets = {
        "the book's ten rows": (TABLE[:, :3], TABLE[:, 3:]),
        "linnerud": (scaled(linnerud[0]), linnerud[1]),
        "diabetes": (scaled(diabetes[0]), diabetes[1][:, None]),
    }
    rows = []
    for name, (x, t) in sets.items():
        w, b = (v.numpy().T for v in normal_equation(torch.from_numpy(x), torch.from_numpy(t.astype(float))))
        start = np.zeros((x.shape[1], t.shape[1])), np.zeros(t.shape[1])
        (found,) = after(descend(linear_point, x, t, lr=0.1, w=start[0], b=start[1]), n_steps)
        apart = max(np.abs(found.w - w).max(), np.abs(found.b - b).max()) / np.abs(w).max()
        error = float(np.square(x @ w + b - t).mean())
        said = "the same result" if name.startswith("the book") else ""
        rows.append((name, *x.shape, t.shape[1], said, float(apart), error))
    columns = ("data", "rows", "columns", "targets", "the book", "largest difference", "mean squared error")
    notes = [
        "The gradient is that of the listing, 2 / n times the sum, at a rate of .1; columns of ours are scaled. "
        "The difference is that of a weight, as a share of the largest weight."
    ]
    return Table("One regression, two ways", columns, rows, notes, {"steps": n_steps, "seed": 0})


@recipe(
    "and-gate-for-ever",
    source="Hifny listing 5.3, table 5.3, figure 5.5",
    figure="a line separates the corner (1, 1); the same in every run",
    experiments="hifny-9",
)
def and_gate(size: Size) -> Table:
    """Logistic regression on AND: the line is soon right, and the weights never stop growing."""
    t = np.array([[0.0], [0], [0], [1]])
    counts = (0, 1, 1_000, 10_000) if size == "tiny" else (0, 1, 1_000, 10_000, 100_000, 400_000)
    path = descend(logistic_point, CORNERS, t, lr=0.01, w=np.zeros((2, 1)), b=np.zeros(1))
    points = after(path, *counts)
    (other,) = after(
        descend(logistic_point, CORNERS, t, lr=0.01, w=np.array([[3.0], [-2.0]]), b=np.ones(1)), counts[-1]
    )
    rows: list[tuple] = [(n, *_line(p), p.loss, float(np.linalg.norm(p.w))) for n, p in _zipped(counts, points)]
    rows.append((f"{counts[-1]} from (3, -2)", *_line(other), other.loss, float(np.linalg.norm(other.w))))
    parted = separation(torch.from_numpy(CORNERS), torch.from_numpy(t[:, 0])).separable
    notes = [
        f"Can a line part the classes: {'yes' if parted else 'no'}. Then no weights are best: longer ones always have "
        "a smaller loss, and the book's unique solution does not exist.",
        "Runs of the book agree because all of them start from zero; the last row starts elsewhere.",
    ]
    columns = ("steps", "right of 4", "where the line meets x1 = 0", "loss", "length of the weights")
    return Table("AND by logistic regression", columns, rows, notes, {"rate": 0.01, "seed": 0})


def _line(p: Point) -> tuple[int, float | str]:
    right = int((((CORNERS @ p.w + p.b)[:, 0] > 0) == np.array([0, 0, 0, 1], dtype=bool)).sum())
    if not p.w[1, 0]:
        return right, ""
    return right, float(boundary_line(torch.from_numpy(p.w[:, 0]), float(p.b[0]))[1])


def clouds() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Three round clouds of a hundred points, their classes, and the weights that the listing draws after them."""
    state = np.random.RandomState(42)
    x = np.vstack([state.multivariate_normal(m, np.eye(2), 100) for m in ((0, 0), (3, 3), (-3, 3))])
    return x, np.repeat([0, 1, 2], 100), state.randn(2, 3), state.randn(3)


@recipe(
    "three-clouds",
    source="Hifny listing 6.1, figure 6.2",
    figure="three linear regions after a hundred steps",
    experiments="hifny-10",
)
def three_clouds(size: Size) -> Table:
    """Softmax regression on three clouds: what a hundred steps reach, and what the best weights would."""
    counts = (0, 10, 50, 90, 100) if size == "tiny" else (0, 10, 50, 90, 100, 1_000, 10_000)
    x, y, w, b = clouds()
    starts = {"the listing's": (w, b), "zero": (np.zeros((2, 3)), np.zeros(3))}
    rows: list[tuple] = []
    last = {}
    for name, (w0, b0) in starts.items():
        points = after(descend(softmax_point, x, np.eye(3)[y], lr=0.01, w=w0, b=b0), *counts)
        last[name] = points[counts.index(100)]
        rows += [(name, n, p.loss, float(((x @ p.w + p.b).argmax(1) == y).mean())) for n, p in _zipped(counts, points)]
    apart = abs(last["zero"].loss - last["the listing's"].loss)
    notes = [
        f"The book says that repeated runs agree since the solution is unique. They agree by the seed: after 100 steps "
        f"the two starts differ by {apart:.2f} in loss, and neither has converged.",
    ]
    hundredth = last["the listing's"]
    shown = {
        "Regions after the listing's hundred steps: straight borders.": partial(
            regions, lambda p: (p @ hundredth.w + hundredth.b).argmax(1), x, y
        )
    }
    columns = ("start", "steps", "loss", "accuracy on the same rows")
    return Table("Three clouds by softmax regression", columns, rows, notes, {"rate": 0.01, "seed": 42}, pictures=shown)


def _zipped(counts: tuple[int, ...], points: list[Point]) -> list[tuple[int, Point]]:
    return list(zip(counts, points, strict=True))


@recipe(
    "third-label",
    source="Hifny listing 7.1",
    figure="right predictions of three labels are implied",
    experiments="hifny-11",
)
def third_label(size: Size) -> Table:
    """Three labels by three sigmoids: two are learnt, the third is XNOR and stays at a half; a hidden layer has it."""
    n_steps = 300 if size == "tiny" else 20_000
    x = np.hstack([CORNERS, np.ones((4, 1))])
    t = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 1]])
    state = np.random.RandomState(0)
    w, b = state.rand(3, 3), state.rand(3)
    (flat,) = after(descend(sigmoid_squared_point, x, t, lr=0.2, w=w, b=b), n_steps)
    (trained,) = after(descend(logistic_point, x, t, lr=0.2, w=w, b=b), n_steps)
    layers = (state.normal(size=(3, 4)), np.zeros(4)), (state.normal(size=(4, 3)), np.zeros(3))
    net = MLP.of(*layers, output="binary_cross_entropy")
    for k, trace in enumerate(batch_descent(net, x, t, lr=0.1)):
        net = trace.net
        if k == n_steps:
            break
    found = {
        "three sigmoids, squared error (the listing)": _chance(x @ flat.w + flat.b),
        "three sigmoids, cross-entropy": _chance(x @ trained.w + trained.b),
        "four hidden units, cross-entropy": _chance(net.forward(x)[0][-1]),
    }
    rows = [
        (name, *(float(np.abs(p[:, k] - t[:, k]).max()) for k in range(3)), " ".join(f"{v:.3f}" for v in p[:, 2]))
        for name, p in found.items()
    ]
    notes = [
        "The labels are x2, x1, and whether both are equal. No line parts the last: of squared errors and of "
        "cross-entropy a half in every row is the least, and rounding a half gives 0 or 1 by chance.",
        "The listing takes 10^6 steps of .001 without the 2 of the slope; here the steps are larger and fewer.",
        "Its third input is 1 in every row, which the bias is already.",
    ]
    columns = ("net", "worst error, label 1", "label 2", "label 3", "label 3 on the four rows (due 1 0 0 1)")
    return Table("A label that is XNOR", columns, rows, notes, {"steps": n_steps, "seed": 0})


def _chance(z: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(z / 2)) / 2
