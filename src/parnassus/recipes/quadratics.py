"""Descent on bowls: one variable, two with a rate each, and how round the bowl must be for a straight way down."""

import numpy as np
import torch

from .. import registry
from ..estimators.fitting.descent import optimize
from ..functional.optimization import gradient_descent
from ..functional.surfaces import gradient, parabola, quadratic
from . import Size, Table, recipe


def bowl(x: torch.Tensor) -> torch.Tensor:
    """(x1 - 2)^2 + 10 (x2 + 3)^2, of curvatures 2 and 20."""
    return quadratic(x, curvatures=(2.0, 20.0), centre=(2.0, -3.0))


def round_bowl(x: torch.Tensor) -> torch.Tensor:
    """(x1 - 2)^2 + (x2 + 3)^2."""
    return quadratic(x, curvatures=(2.0, 2.0), centre=(2.0, -3.0))


def descended(rates: tuple[float, float], *, n_steps: int, tolerance: float = 0.0) -> list[torch.Tensor]:
    """The points of descent on the bowl from the origin, a rate a coordinate, until its value changes too little."""
    points = [torch.zeros(2, dtype=torch.float64)]
    lr = torch.tensor(rates, dtype=torch.float64)
    while len(points) <= n_steps:
        points.append(gradient_descent(points[-1], gradient(bowl, points[-1]), lr=lr))
        if abs(float(bowl(points[-1]) - bowl(points[-2]))) < tolerance:
            break
    return points


@recipe(
    "bowls",
    source="Hifny listings 2.1 and 2.2, figures 2.6 and 2.7",
    figure="x = 1; a minimum near (2, -3), which a shared rate of .1 does not reach; a zigzag and a straight way",
    experiments="hifny-1 hifny-2 hifny-3",
)
def bowls(size: Size) -> Table:
    """Where plain descent ends on bowls, after how many steps, and by what way."""
    n_steps = 500 if size == "tiny" else 50_000
    line = optimize(parabola, 3.0, registry.optimizer("sgd", lr=0.001), steps=n_steps)
    own = descended((0.1, 0.05), n_steps=1000, tolerance=1e-6)
    shared = descended((0.1, 0.1), n_steps=1000, tolerance=1e-6)
    ways = {
        name: optimize(f, (0.0, 0.0), registry.optimizer("sgd", lr=0.09), steps=300, tolerance=1e-6)
        for name, f in (("curvatures 2 and 20", bowl), ("curvatures 2 and 2", round_bowl))
    }
    at = f"({float(own[-1][0]):.4f}, {float(own[-1][1]):.4f})"
    flips = np.unique([float(p[1]) for p in shared]).round(9).tolist()
    turns = [float(np.median(path.angles[:20])) for path in ways.values()]
    rows = [
        ("(x - 1)^2 from 3, rate .001", f"x after {n_steps} steps", "1", f"{float(line.point[0]):.12f}"),
        ("(x1 - 2)^2 + 10 (x2 + 3)^2 from 0, rates .1 and .05", "where it ends", "near (2, -3)", at),
        ("the same", "steps until the value changes by less than 1e-6", "not printed", len(own) - 1),
        ("the same, .1 for both", "values of x2", "a convergence problem", f"{flips[-1]:g} and {flips[0]:g} for ever"),
        ("the same, .1 for both", f"value after {len(shared) - 1} steps", "", float(bowl(shared[-1]))),
        ("curvatures 2 and 20, rate .09", "degrees between one step and the next", "a zigzag", turns[0]),
        ("curvatures 2 and 2, rate .09", "degrees between one step and the next", "straight", turns[1]),
        *((f"{name}, rate .09", "steps to a slope of 1e-6", "", len(p.points) - 1) for name, p in ways.items()),
    ]
    notes = [
        "x2 is reached in one step of .05, since .05 x 20 = 1; .1 x 20 = 2 throws it as far beyond as it was, so that "
        "its term stays 90. A rate below .1 is needed there.",
        "The angles are medians of the first twenty. The book's figures print no rate: .09 is ours, for both.",
    ]
    shown = {
        "A narrow bowl: every step crosses it.": lambda: ways["curvatures 2 and 20"].plot(),
        "A round bowl: the way down is straight.": lambda: ways["curvatures 2 and 2"].plot(),
    }
    columns = ("function", "what", "the book", "here")
    return Table("Descent on bowls", columns, rows, notes, {"seed": 0, "steps": n_steps}, pictures=shown)
