"""XOR and a bump in the middle: what a line, one unit and a few hidden units can do."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from sklearn.datasets import make_circles, make_moons

from .. import registry
from ..byhand.capacity import CORNERS, XOR, bump, train_xor, xor_by_relus, xor_by_sigmoids
from ..byhand.mlp import MLP, batch_descent
from ..estimators.classifier import Classifier
from ..functional.linear import normal_equation, separation
from . import Size, Table, recipe
from .drawn import regions


@recipe(
    "xor",
    source="Hifny listing 8.1, Jaiswal 1.3, Baker 2.4",
    figure="a linear fit gives 1/2 everywhere; hidden units solve it",
    experiments="hifny-12 jaiswal-1 jaiswal-2",
)
def xor(size: Size) -> Table:
    """XOR by least squares, by hand-set weights, and by descent from the listing's seed and from others."""
    n_steps, n_runs = (1_000, 10) if size == "tiny" else (10_000, 200)
    w, b = (v.numpy() for v in normal_equation(torch.from_numpy(CORNERS), torch.from_numpy(XOR)))
    state = np.random.RandomState(0)
    w0, b0, w1, b1 = (2 * state.rand(*shape) - 1 for shape in ((2, 4), (1, 4), (4, 1), (1, 1)))
    net = MLP.of((w0, b0[0]), (w1, b1[0]), output="sigmoid_squared_error")
    for k, trace in enumerate(batch_descent(net, CORNERS, XOR, lr=0.05)):  # the listing steps .1 without the 2
        if k == n_steps:
            net = trace.net
            break
    fits = {
        "least squares": ("w = 0, b = 1/2", CORNERS @ w.T + b, f"w = {abs(float(w.sum())):.3g}, b = {float(b[0]):.3g}"),
        "two ReLUs, weights set by hand": ("fits", xor_by_relus().trace(CORNERS, XOR).outputs, "exact"),
        "two steep sigmoids, set by hand": ("", xor_by_sigmoids().trace(CORNERS, XOR).outputs, "steepness 20"),
        f"2-4-1 sigmoids, seed 0, {n_steps} steps": ("solved", net.trace(CORNERS, XOR).outputs, "squared error"),
    }
    rows = [
        (name, said, " ".join(f"{v:.4f}" for v in y[:, 0]), float(np.square(y - XOR).mean()), remark)
        for name, (said, y, remark) in fits.items()
    ]
    for n_hidden in (1, 2, 4, 8):
        runs = train_xor(n_hidden, n_runs=n_runs, n_steps=n_steps // 2)
        said = f"{runs.success_rate:.0%} of {n_runs} starts solve it"
        rows.append((f"2-{n_hidden}-1 sigmoids, other seeds", "", said, float(np.median(runs.losses)), "cross-entropy"))
    notes = [
        "The outputs are those for 00, 01, 10 and 11 (due 0 1 1 0); of the last rows the loss is the median.",
        "Jaiswal speaks of one hidden unit where the formula has two: one ReLU and a bias cannot fit XOR, and one "
        "sigmoid never solves it here.",
    ]
    shown = {
        "The listing's net: shaded where its output is above a half.": partial(regions, _above(net), CORNERS, XOR[:, 0])
    }
    columns = ("net", "the book", "outputs", "loss", "")
    return Table("XOR", columns, rows, notes, {"steps": n_steps, "seed": 0}, pictures=shown)


def _above(net: MLP) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: (net.trace(x, np.zeros((len(x), 1))).outputs[:, 0] > 0.5).astype(int)


def planes(n: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of two classes on a plane, (n, 2) and their classes: XOR's, one in the middle, rings, and half moons."""
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 2, (n, 2))
    square = rng.uniform(-1, 1, (n, 2))
    return {
        "XOR with noise": (corner + 0.15 * rng.normal(size=(n, 2)), corner[:, 0] ^ corner[:, 1]),
        "a class in the middle": (square, (np.abs(square).max(1) < 0.5).astype(int)),
        "two rings": make_circles(n, noise=0.08, factor=0.5, random_state=0),
        "half moons": make_moons(n, noise=0.15, random_state=0),
    }


@recipe(
    "hidden-units-on-a-plane",
    source="Baker 2.4",
    figure="a single neuron fails on XOR and on a class in the middle, four hidden neurons succeed",
    experiments="baker-3",
)
def hidden_units(size: Size) -> Table:
    """One unit beside one and four hidden units on classes that no line parts; accuracy on unseen rows."""
    seeds = (0,) if size == "tiny" else (0, 1, 2)
    n, epochs = (200, 20) if size == "tiny" else (1000, 120)
    widths = {"one unit": (), "one hidden": (1,), "two hidden": (2,), "four hidden": (4,)}
    rows, kept = [], {}
    for name, (x, y) in planes(2 * n).items():
        scores = []
        for hidden in widths.values():
            model = registry.model("mlp", hidden=hidden, activation="tanh")
            made = [Classifier(model, epochs=epochs, lr=0.02, seed=s, progress=False).fit(x[:n], y[:n]) for s in seeds]
            scores.append(max(m.score(x[n:], y[n:]) for m in made))
            kept[name, hidden] = made[0]
        line = separation(torch.from_numpy(x), torch.from_numpy(np.asarray(y)))
        rows.append((name, line.separable, *scores))
    by_hand = bump().trace(np.array([[0.0, 0], [0.9, 0], [0, -0.9], [0.9, 0.9]]), np.zeros((4, 1))).outputs[:, 0]
    notes = [
        "The best of three starts. A unit with a hidden layer of one is a bent line, and no better.",
        "Four steep sigmoids set by hand, an edge of a square each: "
        + " ".join(f"{v:.3f}" for v in by_hand)
        + " at the middle and at three points outside.",
        "Four are enough for the square in principle; descent need not find it.",
    ]
    x, y = planes(2 * n)["a class in the middle"]
    shown = {
        "A class in the middle, four hidden units: the region is closed.": lambda: regions(
            kept["a class in the middle", (4,)].predict, x[n:], y[n:]
        ),
        "The same by one unit, which no line helps.": lambda: regions(
            kept["a class in the middle", ()].predict, x[n:], y[n:]
        ),
    }
    columns = ("rows", "a line parts them", *widths)
    return Table(
        "Hidden units on a plane", columns, rows, notes, {"rows": n, "epochs": epochs, "seed": 0}, pictures=shown
    )
