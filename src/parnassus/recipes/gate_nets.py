"""XOR by the smallest nets: weights set by hand, one step of backpropagation, and how often descent finds it."""

from functools import partial
from typing import Any

import numpy as np
import torch

from .. import registry
from ..byhand.capacity import CORNERS, XOR, train_xor
from ..byhand.mlp import MLP
from ..byhand.recurrence import sigmoid
from ..data.samples import xor_clusters
from ..estimators.classifier import Classifier
from ..insight.plots import histogram
from . import Size, Table, recipe

Rows = list[tuple[Any, ...]]
COMPARED = ("what", "the book", "here")


@recipe(
    "xor-with-a-steepness",
    source="Martinez-Ramon example 1.3.1",
    figure="outputs .01, .01, .98, .98",
    experiments="martinez-ramon-3",
)
def xor_with_a_steepness(size: Size) -> Table:
    """XOR by two sigmoids and a linear unit with weights set by hand, for several steepnesses."""
    corners = np.array([[0.0, 0], [1, 1], [0, 1], [1, 0]])  # in the order of the book
    book = {10: (0.01, 0.01, 0.98, 0.98)}
    rows: Rows = []
    for a in (1, 5, 10, 20):
        first = (np.full((2, 2), float(a)), np.array([-a / 2, -3 * a / 2]))
        net = MLP.of(first, ([[1.0], [-1.0]], [0.0]), output="squared_error")
        outputs = net.trace(corners, corners[:, :1]).outputs[:, 0].tolist()
        for at, (corner, value) in enumerate(zip(corners.astype(int).tolist(), outputs, strict=True)):
            rows.append((a, "".join(map(str, corner)), int(corner[0] != corner[1]), book.get(a, ("",) * 4)[at], value))
    exact = rows[10][-1]
    notes = [
        f"The book rounds the hidden values first and subtracts: .99 - .01. Unrounded the answer is {exact:.4f}, .99.",
        "A gentle slope, a = 1, computes no XOR: the four outputs are nearly alike.",
    ]
    columns = ("a", "input", "XOR", "the book", "here")
    return Table("XOR by hand-set weights", columns, rows, notes, {"seed": "none"})


@recipe(
    "a-step-of-backpropagation",
    source="Martinez-Ramon example 1.5.3",
    figure="the output goes from .5 to .9999",
    experiments="martinez-ramon-5",
)
def a_step_of_backpropagation(size: Size) -> Table:
    """One step of backpropagation through a 2-3-1 net by hand, beside every number that the book prints of it."""
    net = MLP.of(
        ([[1, 1, -1], [1, 1, -1]], [0, 0, 0]), ([[1], [-1], [-2]], [0]), hidden="relu", output="binary_cross_entropy"
    )
    x, y = np.array([[1.0, 1.0]]), np.array([[1.0]])
    trace = net.trace(x, y, lr=1.0)
    after = net.stepped(trace, lr=1.0)
    again = after.trace(x, y)
    first, second = trace.layers
    wrong_order = (second.delta @ after.ws[1].T) * (first.z > 0)
    rows: Rows = [
        ("hidden layer", "2, 2, 0", _list(first.h)),
        ("output", ".5", _list(trace.outputs)),
        ("delta of the output", "-.5", _list(second.delta)),
        ("delta of the hidden layer", "-.5, .5, 0", _list(first.delta)),
        ("new w2; new b2", "2, 0, -2; .5", f"{_list(after.ws[1])}; {_list(after.bs[1])}"),
        ("new W1, each row; new b1", "1.5, .5, -1; .5, -.5, 0", f"{_list(after.ws[0][0])}; {_list(after.bs[0])}"),
        ("new z2", "", _list(again.layers[1].z)),
        ("new output", ".9999", _list(again.outputs)),
        ("new delta", "-1e-4", _list(again.layers[1].delta)),
    ]
    notes = [
        f"The last two numbers of the book are wrong: the new z2 is {again.layers[1].z[0, 0]:g}, and its sigmoid "
        f"{again.outputs[0, 0]:.7f}, which is {1 - again.outputs[0, 0]:.2e} short of 1.",
        f"With the updated w2 the hidden delta would be {_list(wrong_order)}: the old weights must be used.",
    ]
    return Table("A step of backpropagation", COMPARED, rows, notes, {"lr": 1, "seed": "none"})


def _list(values: np.ndarray) -> str:
    return ", ".join(f"{v + 0.0:.7g}" for v in values.ravel())


@recipe(
    "xor-from-many-starts",
    source="Keras course 2.5.1",
    figure="the printed run ends at a cross-entropy of .027660",
    experiments="keras-7",
)
def xor_from_many_starts(size: Size) -> Table:
    """How often nets of 2 to 8 sigmoids learn XOR by 500 steps over all rows, and where the printed run lies."""
    n_runs, printed = (20 if size == "tiny" else 500), 0.027660
    rows: Rows = []
    losses = {}
    for width, n_steps in ((2, 500), (2, 2000), (2, 5000), (3, 500), (4, 500), (8, 500)):
        if size == "tiny" and n_steps > 500:
            continue
        runs = train_xor(width, n_runs=n_runs, n_steps=n_steps)
        losses[width, n_steps] = runs.losses
        share = float((runs.losses <= printed).mean())
        rows.append(
            (f"2-{width}-1", n_steps, runs.success_rate, *np.quantile(runs.losses, (0, 0.5, 1)).tolist(), share)
        )
    notes = [
        f"The printed run of a 2-2-1 net goes from .689692 to {printed:.6f} and answers 0, 1, 1, 0. Its start is drawn "
        "without a seed; nearly half of such runs never answer right, and only the luckiest end as low.",
        "More steps bring some of the rest home, and then no more: what is stuck stays stuck. More hidden units help, "
        "until with eight no start fails.",
    ]
    columns = ("net", "steps", "all four right", "lowest loss", "median loss", "highest loss", "as low as the book's")
    title = "Losses of 2-2-1 nets after 500 steps, over all starts: a lucky half, and two valleys."
    pictures = {title: partial(histogram, losses[2, 500], name="mean cross-entropy")}
    return Table("XOR from many starts", columns, rows, notes, {"runs": n_runs, "lr": 1, "seed": 0}, pictures=pictures)


@recipe(
    "xor-row-by-row",
    source="Keras course 2.6",
    figure="loss .0078 and accuracy 1 after 500 epochs",
    experiments="keras-8",
)
def xor_row_by_row(size: Size) -> Table:
    """How often a 2-2-1 net of sigmoids learns XOR one row at a time, and what the printed accuracies are."""
    n_runs, n_epochs, printed = (20, 100, 0.0077613) if size == "tiny" else (200, 500, 0.0077613)
    losses, right = _online_xor(n_runs, n_epochs)
    rows: Rows = [
        ("runs with all four right", "1 of 1", float(right.mean())),
        ("lowest loss", printed, float(losses.min())),
        ("median loss", "", float(np.median(losses))),
        ("highest loss", "", float(losses.max())),
        ("runs as low as the printed one, within a tenth", "", float((losses < 1.1 * printed).mean())),
    ]
    for said, hits in ((0.4667, (1, 0, 0, 0)), (0.6333, (1, 0, 1, 0)), (0.1667, (0, 0, 1, 0))):
        running = np.cumsum(hits) / np.arange(1, 5)
        rows.append((f"accuracy of rows right {hits}", said, float(np.mean(hits))))
        rows.append((f"the same, as the bar averages {hits}", said, round(float((running.sum() + running[-1]) / 5), 4)))
    notes = [
        "Weights are drawn as Keras draws them, evenly by Glorot's limits, and rows come in a new order each epoch.",
        "Of four rows an accuracy is a multiple of a quarter. The printed ones are what comes of averaging the running "
        "means after each row, the last one twice: an artefact of the progress bar, not an accuracy.",
    ]
    settings = {"runs": n_runs, "epochs": n_epochs, "lr": 1, "seed": 0}
    return Table("XOR one row at a time", COMPARED, rows, notes, settings)


def _online_xor(n_runs: int, n_epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropy and whether all four are right, of 2-2-1 nets each trained row by row, all runs at once."""
    rng = np.random.default_rng(0)
    w1, w2 = (rng.uniform(-1, 1, (n_runs, *s)) * np.sqrt(6 / sum(s)) for s in ((2, 2), (2, 1)))
    b1, b2 = np.zeros((n_runs, 2)), np.zeros((n_runs, 1))
    for _ in range(n_epochs):
        for order in rng.permuted(np.tile(np.arange(4), (n_runs, 1)), axis=1).T:
            x, t = CORNERS[order], XOR[order]
            h = sigmoid(np.einsum("ri,rij->rj", x, w1) + b1)
            delta2 = sigmoid(np.einsum("rj,rjk->rk", h, w2) + b2) - t
            delta1 = delta2 * w2[:, :, 0] * h * (1 - h)
            w2 -= h[:, :, None] * delta2[:, None, :]
            b2 -= delta2
            w1 -= x[:, :, None] * delta1[:, None, :]
            b1 -= delta1
    z = (sigmoid(CORNERS @ w1 + b1[:, None]) @ w2 + b2[:, None])[..., 0]
    losses = (np.logaddexp(0, z) - XOR[:, 0] * z).mean(1)
    return losses, ((z > 0) == (XOR[:, 0] > 0.5)).all(1)


@recipe(
    "one-softmax-unit",
    source="Martinez-Ramon example 3.10.1",
    figure="curves of a net whose only output is a softmax",
    experiments="martinez-ramon-24",
)
def one_softmax_unit(size: Size) -> Table:
    """XOR's clouds by a 2-2-1 net: a softmax over one unit, which can only say 1, a sigmoid, and a wider layer."""
    x, y = xor_clusters(100, seed=np.random.RandomState(30))
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:320], order[320:]
    logits = torch.randn(len(y), 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    said = logits.softmax(1)[:, 0]
    said.log().sum().backward()
    slope = float(logits.grad.abs().max()) if logits.grad is not None else 0.0
    rows: Rows = [("2-2-1, softmax", *[float((said > 0.5).float().numpy()[test] @ (y[test] == 1) / len(test))] * 3, 1)]
    n_seeds, epochs = (1, 2) if size == "tiny" else (12, 100)
    for width in (2, 40):
        scores = []
        for seed in range(n_seeds):
            net = registry.model("mlp", hidden=(width,), activation="relu")
            made = Classifier(net, epochs=epochs, batch_size=32, lr=0.001, seed=seed, progress=False)
            scores.append(float(made.fit(x[train], y[train]).score(x[test], y[test])))
        rows.append((f"2-{width}-1, sigmoid", min(scores), float(np.mean(scores)), max(scores), n_seeds))
    notes = [
        f"A softmax over one number is 1 whatever the number, and its slope is {slope:g}: such a net says class 1 to "
        "every row and never learns. The book's listing has it; its curves must have been those of another net.",
        "With a sigmoid two hidden units are too few and 100 epochs at this rate too short; forty units come nearer to "
        "the best rule, whose error is .091.",
    ]
    columns = ("net", "lowest accuracy", "mean accuracy", "highest accuracy", "seeds")
    return Table("One softmax unit", columns, rows, notes, {"rows": "320 and 80", "epochs": epochs, "seed": 30})
