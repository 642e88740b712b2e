"""What linear models can and cannot do: gates, learning curves, degrees of a polynomial."""

import math

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..estimators.classifier import Classifier
from ..functional.linear import normal_equation, separation
from . import Size, Table, recipe

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}


@recipe(
    "gates",
    source="Hifny 5.3 and 8.4, Baker 2.4, Martinez-Ramon 1.3, Jaiswal on the perceptron",
    figure="AND, OR and NAND are learnt by one unit, XOR only with a hidden layer",
)
def gates(size: Size) -> Table:
    """Which two-input gates a perceptron learns, and a hidden layer with four units."""
    epochs = 200 if size == "tiny" else 1000
    hidden = registry.model("mlp", hidden=(4,), activation="tanh")
    rows = []
    for name, answers in GATES.items():
        y = np.array(answers)
        separable = separation(torch.from_numpy(CORNERS), torch.from_numpy(y)).separable
        unit = Classifier("perceptron", epochs=epochs, batch_size=4).fit(CORNERS, y)
        net = Classifier(hidden, epochs=epochs, batch_size=4, lr=0.05).fit(CORNERS, y)
        rows.append((name, separable, unit.score(CORNERS, y), net.score(CORNERS, y)))
    columns = "gate", "a plane separates it", "perceptron", "mlp 2-4-1"
    notes = [
        "Accuracy on the four corners. No line has XOR's classes on its two sides, so one unit is right at most "
        "three times in four; linear programming decides the second column."
    ]
    return Table("Gates by a perceptron and by a hidden layer", columns, rows, notes, {"epochs": epochs, "seed": 0})


SPREAD, MEAN = 0.5, (1.0, 1.0)  # of the two Gaussians; the other mean is the negative
BAYES = 0.5 * math.erfc(math.sqrt(2) / SPREAD / math.sqrt(2))  # Q(sqrt(2) / 0.5) = 0.0023388675
EXPECTED = {10: 0.0078, 100: 0.0025}  # test errors of numpy.linalg.pinv, balanced classes


@recipe(
    "learning-curve",
    source="Martinez-Ramon example 2.2.1",
    figure="the gap between training and test error closes as N grows; no test error lies below .00234",
    experiments="martinez-ramon-8",
)
def learning_curve(size: Size) -> Table:
    """Training and test error of the linear MMSE classifier against the number of training rows."""
    n_runs = 20 if size == "tiny" else 2000
    generator = torch.Generator().manual_seed(0)
    rows = []
    for n in (4, 10, 20, 50, 100):
        runs = torch.tensor([_run(n, generator) for _ in range(n_runs)], dtype=torch.float64)
        train, test = runs.mean(0).tolist()
        rows.append((n, train, test, test - train, BAYES, EXPECTED.get(n, "")))
    columns = "N", "training error", "test error", "gap", "Bayes error", "by NumPy's pinv"
    notes = [
        "Two round Gaussians at (1, 1) and (-1, -1) with a standard deviation of 0.5, as many rows of each. The "
        "test error of a plane is exact: the mass of each Gaussian on the wrong side.",
        "The book's figure has a test error above .1 at N = 2, which takes labels drawn at random: half of the "
        "pairs then show one class only.",
    ]
    return Table("Learning curve of the linear MMSE classifier", columns, rows, notes, {"runs": n_runs, "seed": 0})


def _run(n: int, generator: torch.Generator) -> tuple[float, float]:
    """Training and exact test error of one plane fitted to n rows."""
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(n // 2)
    mean = torch.tensor(MEAN, dtype=torch.float64)
    x = signs[:, None] * mean + SPREAD * torch.randn(n, 2, dtype=torch.float64, generator=generator)
    weight, bias = normal_equation(x, signs[:, None])
    train = float(((x @ weight[0] + bias) * signs <= 0).double().mean())
    reach, length = float(weight[0] @ mean), SPREAD * float(weight[0].norm())
    return train, (_tail((reach + float(bias)) / length) + _tail((reach - float(bias)) / length)) / 2


def _tail(z: float) -> float:
    """Q(z), the mass of a standard normal above z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


NOISE = 0.1


@recipe(
    "polynomial-degree",
    source="Hifny 14.1",
    figure="degree 1 underfits, 4 fits, 20 overfits",
)
def polynomial_degree(size: Size) -> Table:
    """Training and test error of a polynomial against its degree, on a noisy cosine."""
    n_runs = 5 if size == "tiny" else 500
    generator = torch.Generator().manual_seed(0)
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    errors: dict[int, list[tuple[float, float]]] = {1: [], 4: [], 20: []}
    for _ in range(n_runs):
        x = torch.rand(30, dtype=torch.float64, generator=generator)
        t = _curve(x) + NOISE * torch.randn(30, dtype=torch.float64, generator=generator)
        for degree, found in errors.items():
            weight, bias = normal_equation(_powers(x, degree), t[:, None])
            at_rows, at_grid = (_powers(v, degree) @ weight[0] + bias for v in (x, grid))
            found.append((float((at_rows - t).square().mean()), float((at_grid - _curve(grid)).square().mean())))
    rows = [(degree, *np.median(np.array(found), axis=0).tolist()) for degree, found in errors.items()]
    columns = "degree", "training error", "error from the curve"
    notes = [
        f"Mean squared errors, the median of the runs. 30 points of cos(1.5 pi x) on [0, 1] with noise of "
        f"standard deviation {NOISE}, whose square, {NOISE**2:.2g}, is what a right curve leaves over."
    ]
    return Table(
        "Under- and overfitting by the degree of a polynomial",
        columns,
        rows,
        notes,
        {"runs": n_runs, "rows": 30, "seed": 0},
    )


def _curve(x: Tensor) -> Tensor:
    return (1.5 * math.pi * x).cos()


def _powers(x: Tensor, degree: int) -> Tensor:
    """x, ..., x^degree as Chebyshev polynomials on [0, 1]: the same curves, with columns that differ, (n, degree)."""
    angle = (2 * x - 1).acos()
    return torch.cos(angle[:, None] * torch.arange(1, degree + 1, dtype=x.dtype))
