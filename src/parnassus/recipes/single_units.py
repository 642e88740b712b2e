"""One unit by hand on logic gates and clouds of points: what the books print of each step, and what it is."""

import random
from itertools import islice
from typing import Any

import numpy as np
import torch

from ..byhand.neuron import Neuron, batch_step, online_epoch
from ..byhand.perceptron import perceptron_epochs, perceptron_output, perceptron_rule
from ..byhand.regression import after, descend, logistic_point, sigmoid_squared_point
from ..data.samples import blobs, truth_table
from ..functional.likelihoods import saturation
from ..functional.linear import novikoff_bound
from ..insight.curves import saturation_curves
from . import Size, Table, recipe

Rows = list[tuple[Any, ...]]
COMPARED = ("what", "the book", "here")
GAP, N_PARTED = 0.2, 30  # of the drawn sets of the perceptron


@recipe(
    "perceptron-on-or", source="Keras course 1.4", figure="OR within ten epochs of shuffled rows", experiments="keras-1"
)
def perceptron_on_or(size: Size) -> Table:
    """The perceptron's epochs on OR with the book's own shuffles: order of rows, corrections, weights."""
    x, y = truth_table("or")
    shuffle, order, orders = random.Random(1101), list(range(4)), []  # the seed of the book's listing
    for _ in range(10):
        shuffle.shuffle(order)
        orders.append(list(order))
    run = perceptron_epochs(x, y, orders=orders)
    rows = [
        (n, " ".join(str(i + 1) for i in orders[n - 1]), changes, *w.tolist(), b)
        for n, (w, b, changes) in enumerate(run.epochs, 1)
    ]
    said = perceptron_output(x, run.w, run.b, step=True)
    wrong = perceptron_output(x, [1, 1], 0.5, step=True)
    fixed = perceptron_output(x, [1, 1], -0.5, step=True)
    notes = [
        f"Answers to 00, 01, 10, 11: {_list(said)}. The listing prints no result; it needs {len(run.epochs)} of its "
        "10 epochs, and one of its lines lacks a quotation mark.",
        f"The text's unit with weights (1, 1) and bias +0.5 answers {_list(wrong)}; OR takes -0.5: {_list(fixed)}.",
    ]
    columns = ("epoch", "order of rows", "corrections", "w1", "w2", "b")
    return Table("The perceptron on OR", columns, rows, notes, {"seed": 1101})


def _list(values: np.ndarray) -> str:
    return ", ".join(f"{v:g}" for v in values)


@recipe(
    "perceptron-bound",
    source="Martinez-Ramon 1.2.2",
    figure="16 corrections in the text, 6 in the caption; bound 228",
    experiments="martinez-ramon-1",
)
def perceptron_bound(size: Size) -> Table:
    """Corrections that the perceptron rule needs beside the two bounds: the book's, and the one that holds."""
    n_sets = 3 if size == "tiny" else 200
    known = [(name.upper(), *truth_table(name)) for name in ("and", "or")]
    known.append(("x = 0.1 and 0.2", np.array([[0.1], [0.2]]), np.array([0, 1])))
    known.append(("x = 1 and 2", np.array([[1.0], [2.0]]), np.array([0, 1])))
    drawn = [(f"two classes, seed {seed}", *_parted(seed)) for seed in range(n_sets)]
    found: Rows = []
    for name, x, label in [*known, *drawn]:
        y = 2 * label - 1
        bound = novikoff_bound(torch.from_numpy(x), torch.from_numpy(y))
        n, printed = len(perceptron_rule(x, y).changes), (bound.radius**2 + 1) / bound.margin
        found.append((name, bound.radius, bound.margin, n, printed, n < printed, bound.n_changes, n < bound.n_changes))
    most = sorted(found[len(known) :], key=lambda row: row[3])
    places = (("fewest corrections", 0), ("median", n_sets // 2), ("most corrections", -1))
    shown = [(f"{words} of {n_sets} drawn sets", *most[at][1:]) for words, at in places]
    columns = ("rows", "radius R", "margin", "corrections", "(R^2 + 1) / margin", "holds", "(R^2 + 1) / margin^2",
               "holds too")  # fmt: skip
    wrong, right = (sum(not row[at] for row in found) for at in (5, 7))
    notes = [
        "The book divides by the margin where its own proof divides by the square. Two rows on a line need more "
        f"corrections than the printed bound allows; of all {len(found)} sets it fails for {wrong}, the right one for "
        f"{right}. The rule starts from zeros, as the proof asks, and scans from the top after each correction.",
        f"Drawn sets are {N_PARTED} points of a square at least {GAP} from a drawn line. The book's bound of 228 for "
        "its own set is what the right formula gives for a margin of .2 and a radius of 2.85; its run counts 16 "
        "corrections in the text and 6 in the caption, on points that it does not print.",
    ]
    return Table("The perceptron's corrections and their bound", columns, [*found[: len(known)], *shown], notes,
                 {"sets": n_sets, "seed": f"0 to {n_sets - 1}"})  # fmt: skip


def _parted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the square [-2, 2] on two sides of a drawn plane (w, b) of length 1, with |w.x + b| above the gap."""
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=3) * (1, 1, 0.3)
    plane /= np.linalg.norm(plane)
    x = rng.uniform(-2, 2, (1000, 2))
    height = x @ plane[:2] + plane[2]
    kept = np.flatnonzero(np.abs(height) > GAP)[:N_PARTED]
    return x[kept], (height[kept] > 0).astype(int)


PRINTED_OR = {1: (0.1130, 0.2057, 0.1059, -0.0941), 2: (0.1120, 0.2114, 0.1118, -0.0883),
              5: (0.1090, 0.2282, 0.1290, -0.0712)}  # fmt: skip


@recipe("sigmoid-unit-on-or", source="Keras course 2.2.3", figure="losses .1130, .1120, .1090", experiments="keras-4")
def sigmoid_unit_on_or(size: Size) -> Table:
    """Five steps of descent of a sigmoid unit on OR by squared errors, beside the printed losses and weights."""
    x, y = truth_table("or")
    rate, w, b = 0.1, [[0.2], [0.1]], [-0.1]
    # the book halves the squared error: half the rate on the whole one takes the same steps
    points = list(islice(descend(sigmoid_squared_point, x, y[:, None], lr=rate / 2, w=w, b=b), 6))
    rows: Rows = []
    for epoch, (loss, *weights) in PRINTED_OR.items():
        rows.append((epoch, "loss before the step", loss, points[epoch - 1].loss / 2))
        found = [*points[epoch].w.ravel().tolist(), float(points[epoch].b[0])]
        rows += [(epoch, name, *pair) for name, *pair in zip(("w1", "w2", "b"), weights, found, strict=True)]
    classes = (x @ points[5].w + points[5].b > 0).astype(int).ravel()
    by_hand = points[1].w[0, 0]
    notes = [
        f"Classes after five epochs: {_list(classes)}, as in the book.",
        f"The exercise by hand comes to .2058 for the first w1, from a rounded slope; it is {by_hand:.6f}.",
    ]
    return Table(
        "A sigmoid unit on OR", ("epoch", "what", "the book", "here"), rows, notes, {"lr": rate, "seed": "none"}
    )


PRINTED_AND = (  # b, w1 and w2 after each step
    (0.0075, 0.0100), (0.0049, 0.0099), (0.0024, 0.0099), (-0.0002, 0.0099), (-0.0027, 0.0099),
    (-0.0052, 0.0099), (-0.0077, 0.0098), (-0.0102, 0.0098), (-0.0127, 0.0098), (-0.0152, 0.0098),
)  # fmt: skip


@recipe(
    "sigmoid-unit-on-and",
    source="Keras course 2.4",
    figure="log loss .23035562; ten rows of weights",
    experiments="keras-5 keras-6",
)
def sigmoid_unit_on_and(size: Size) -> Table:
    """The log loss of a fixed unit on AND, and ten steps of descent, beside the printed numbers."""
    x, y = truth_table("and")
    fixed = logistic_point(x, y[:, None], np.array([[2.0], [2.0]]), np.array([-3.3]))
    rows: Rows = [("log loss, w = (2, 2), b = -3.3", "0.23035562", f"{fixed.loss:.10f}")]
    points = after(descend(logistic_point, x, y[:, None], lr=0.01, w=[[0.01], [0.01]], b=[0.01]), *range(11))
    for step, (point, (bias, weight)) in enumerate(zip(points[1:], PRINTED_AND, strict=True), 1):
        rows.append((f"b after step {step}", f"{bias:+.4f}", f"{point.b[0]:+.4f}"))
        rows.append((f"w1 and w2 after step {step}", f"{weight:+.4f}", f"{point.w[0, 0]:+.4f}"))
    p = (1 + np.tanh((x @ points[-1].w + points[-1].b) / 2)) / 2
    rows.append(("classes after ten steps", "0, 0, 0, 1", _list((p.ravel() > 0.5).astype(int))))
    notes = [
        f"The loss goes from {points[0].loss:.6f} to {points[-1].loss:.6f}: the classes are right, of a unit that has "
        f"hardly learned; its probabilities lie between {p.min():.3f} and {p.max():.3f}.",
        "The first number was computed in 32 bits by the book, in 64 here.",
    ]
    return Table("A sigmoid unit on AND", COMPARED, rows, notes, {"lr": 0.01, "steps": 10, "seed": "none"})


@recipe(
    "mmse-unit",
    source="Martinez-Ramon 1.2.3",
    figure="a stable solution with and without a separating line; many more iterations",
    experiments="martinez-ramon-2",
)
def mmse_unit(size: Size) -> Table:
    """A tanh unit trained on squared errors beside the perceptron rule, with a separating line and without."""
    n_epochs, rate = (20 if size == "tiny" else 400), 0.1
    rows: Rows = []
    for name, spread, seed in (("a line separates", 0.35, 0), ("no line separates", 0.9, 0)):
        x, label = blobs(50, centers=((-1, -1), (1, 1)), spread=spread, seed=seed)
        y = 2 * label - 1
        rule = perceptron_rule(x, y, max_changes=1000)
        rows.append((name, "perceptron rule", len(rule.changes), _errors(Neuron(rule.w, rule.b), x, y),
                     "ends" if rule.converged else "never ends", ""))  # fmt: skip
        for mode in ("row by row", "all rows at once"):
            unit, costs = Neuron(np.array([1.0, -1.0]), 0.0, "tanh"), []
            for _ in range(n_epochs):
                unit = (
                    online_epoch(unit, x, y, lr=rate)[-1] if mode == "row by row" else batch_step(unit, x, y, lr=rate)
                )
                costs.append(unit.cost(x, y) / len(y))
            n_steps = n_epochs * (len(y) if mode == "row by row" else 1)
            moved = abs(costs[-1] - costs[-11]) / costs[-1]
            rows.append((name, f"tanh, {mode}", n_steps, _errors(unit, x, y), f"cost moves by {moved:.1e}", costs[-1]))
    notes = [
        "Steps are corrections of the rule, and changes of the weights of the tanh unit; the last column is the mean "
        "squared error. Where no line separates, the rule is stopped after 1000 corrections.",
        "The book calls this cost convex; with a sigmoid it is not, and two rows can give it two minima.",
    ]
    columns = ("data", "unit", "steps", "errors on its rows", "at the end", "cost")
    return Table("A unit on squared errors", columns, rows, notes, {"lr": rate, "epochs": n_epochs, "seed": 0})


def _errors(unit: Neuron, x: np.ndarray, y: np.ndarray) -> float:
    return float((perceptron_output(x, unit.w, unit.b) != y).mean())


@recipe(
    "two-costs-of-a-sigmoid",
    source="Martinez-Ramon 1.5.2, figure 1.20",
    figure="far on the wrong side, the slope of cross-entropy tends to -1 and that of the squared error to 0",
    experiments="martinez-ramon-4",
)
def two_costs(size: Size) -> Table:
    """Cross-entropy and squared error of a sigmoid for the answer 1, and their slopes, by how wrong the unit is."""
    z = torch.tensor([-1000.0, -10, -5, -1, 0, 2, 10], dtype=torch.float64)
    found = saturation(z)
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    notes = [
        "The book's figure shows the same: far to the left cross-entropy still pulls with all its weight, and the "
        "squared error no longer does. Its text calls the slope positive, while it tends to -1."
    ]
    columns = ("z", *(name.replace("_", " ") for name in found._fields[1:]))
    pictures = {"Both costs and their slopes by the logit, for the answer 1.": saturation_curves}
    return Table("Two costs of a sigmoid unit", columns, rows, notes, {"seed": "none"}, pictures=pictures)
