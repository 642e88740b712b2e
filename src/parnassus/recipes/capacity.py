"""What width, depth and the number of parameters buy, on functions small enough to see it."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..estimators.regressor import Regressor
from . import Size, Table, recipe


def bump(points: np.ndarray) -> np.ndarray:
    """A bump on the plane, (rows, 2) to (rows,): 1 at the origin, next to 0 beyond radius 2."""
    return np.exp(-2 * (points**2).sum(1))


@recipe(
    "universal-approximation",
    source="Baker 2.4 and 2.6, Jaiswal on universal approximation",
    figure="one hidden layer comes closer the wider it is; four ridges are enough for a bump",
)
def universal_approximation(size: Size) -> Table:
    """The largest error of one hidden layer on a bump over the plane, by width.

    Systems: universal-approximation
    """
    epochs, widths = (60, (1, 4, 32)) if size == "tiny" else (400, (1, 2, 3, 4, 8, 16, 32, 64))
    rng = np.random.default_rng(0)
    X, new = rng.uniform(-3, 3, (1000, 2)), rng.uniform(-3, 3, (2000, 2))
    rows = []
    for width in widths:
        net = registry.model("mlp", hidden=(width,), activation="tanh")
        fitted = Regressor(net, optimizer="lbfgs", epochs=epochs, batch_size=1000).fit(X, bump(X))
        error = np.abs(fitted.predict(new) - bump(new))
        rows.append((width, float(error.max()), float(error.mean()), float(np.abs(bump(new)).max())))
    columns = "hidden units", "largest error", "mean error", "largest value"
    notes = ["Rows of the plane drawn from [-3, 3]^2; errors on 2,000 new ones. tanh, L-BFGS on all rows."]
    return Table("A bump by one hidden layer", columns, rows, notes, {"epochs": epochs, "seed": 0})


@recipe(
    "depth-versus-width",
    source="Martinez-Ramon problem 4.2, Jaiswal on depth, Keras course on deep and wide nets",
    figure="at an equal number of weights the better shape depends on the function",
)
def depth_versus_width(size: Size) -> Table:
    """Deep and wide nets with about as many weights, on a function that folds and on one that adds.

    Systems: depth-vs-width
    """
    epochs, n, n_runs = (20, 300, 1) if size == "tiny" else (150, 2000, 5)
    shapes: dict[str, tuple[int, ...]] = {"1 x 170": (170,), "2 x 22": (22, 22), "4 x 13": (13,) * 4, "8 x 9": (9,) * 8}
    rows = []
    for name, hidden in shapes.items():
        scores = [np.mean([_score(f, hidden, n, epochs, seed) for seed in range(n_runs)]) for f in (folded, additive)]
        weights = sum((n_in + 1) * n_out for n_in, n_out in pairwise((2, *hidden, 1)))
        rows.append((name, weights, *map(float, scores)))
    columns = "layers x width", "weights", "R squared, folded", "R squared, additive"
    notes = [
        "Folded: the tent map three times over on each axis. Additive: a sine of one column and a square of the other."
    ]
    return Table("Depth against width", columns, rows, notes, {"epochs": epochs, "rows": n, "runs": n_runs, "seed": 0})


def _score(function: Callable, hidden: tuple[int, ...], n: int, epochs: int, seed: int) -> float:
    """R squared on 2,000 new rows of a net trained on n."""
    rng = np.random.default_rng(seed)
    X, new = rng.uniform(0, 1, (n, 2)), rng.uniform(0, 1, (2000, 2))
    net = Regressor(registry.model("mlp", hidden=hidden), epochs=epochs, lr=3e-3, seed=seed)
    return net.fit(X, function(X)).score(new, function(new))


def folded(X: np.ndarray) -> np.ndarray:
    """The tent map applied three times, on each of two columns, multiplied: a deep net folds, a wide one must tile."""
    for _ in range(3):
        X = 1 - np.abs(1 - 2 * X)
    return X.prod(1)


def additive(X: np.ndarray) -> np.ndarray:
    """sin(2 pi x_1) + x_2^2."""
    return np.sin(2 * np.pi * X[:, 0]) + X[:, 1] ** 2


@recipe(
    "double-descent",
    source="Belkin et al. 2019; the capacity sections of Hifny 14.1 and Jaiswal 1.10 end at the first descent",
    figure="the test error peaks where there are as many features as rows, and falls again beyond",
)
def double_descent(size: Size) -> Table:
    """Training and test error of least squares on random ReLU features, by their number."""
    n_rows, n_runs = (40, 10) if size == "tiny" else (100, 100)
    counts = [n_rows // 10, n_rows // 4, n_rows // 2, n_rows, 2 * n_rows, 4 * n_rows, 20 * n_rows]
    generator = torch.Generator().manual_seed(0)
    rows = []
    for n_features in counts:
        errors = torch.tensor([_least_squares(n_rows, n_features, generator) for _ in range(n_runs)])
        train, test = errors.median(0).values.tolist()
        rows.append((n_features, n_features / n_rows, train, test))
    columns = "features", "features a row", "training error", "test error"
    notes = [f"Medians of {n_runs} draws of data and features; of all exact fits the one with the least weights."]
    return Table("Double descent", columns, rows, notes, {"rows": n_rows, "seed": 0})


def _least_squares(n_rows: int, n_features: int, generator: torch.Generator) -> tuple[float, float]:
    """Mean squared errors on the rows and on 500 new ones, noise included, of y = w x + noise in 20 dimensions."""
    n_inputs, noise = 20, 0.3

    def drawn(n: int) -> tuple[Tensor, Tensor]:
        X = torch.randn(n, n_inputs, generator=generator, dtype=torch.float64)
        return X, X @ slope + noise * torch.randn(n, generator=generator, dtype=torch.float64)

    slope = torch.randn(n_inputs, generator=generator, dtype=torch.float64) / n_inputs**0.5
    features = torch.randn(n_inputs, n_features, generator=generator, dtype=torch.float64)
    (X, y), (new, answers) = drawn(n_rows), drawn(500)
    weights = torch.linalg.pinv((X @ features).relu()) @ y
    train = ((X @ features).relu() @ weights - y).square().mean()
    return float(train), float(((new @ features).relu() @ weights - answers).square().mean())
