"""What hidden activations and first weights change: how fast a net learns, and whether it learns at all."""

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from .. import registry
from ..byhand.mlp import MLP, batch_descent
from ..data.samples import rings, xor_clusters
from ..estimators.classifier import Classifier
from ..functional.initializers import fan_in_std, he_std
from . import Size, Table, recipe
from .drawn import curves, regions

Rows = list[tuple[Any, ...]]
WIDTHS = (2, 40, 10, 1)
LEAST = {"XOR": 0.0910, "circle": 0.02275}  # errors of the best rules, 2 q (1 - q) with q = Q(1 / .6), and Q(2)

FASTER = (
    "Mean gradient over all rows, weights and biases drawn as the book draws them (normal, by the root of the "
    "inputs). With the sum of the printed equation and the same rates training saturates at an error of a half.",
    "ReLU is much faster on both sets; logistic units do not leave the plateau of the circle in these epochs. On "
    "XOR both end alike: the book's lower error for ReLU is within what one validation set can tell.",
)


@recipe(
    "relu-beside-logistic",
    source="Martinez-Ramon example 1.5.4, figures 1.25 and 1.26",
    figure="ReLU has a slightly lower validation error, and is much faster",
    experiments="martinez-ramon-6 martinez-ramon-7",
)
def relu_beside_logistic(size: Size) -> Table:
    """Hidden units of two kinds in a 2-40-10-1 net on the book's two toy sets: squared errors by epoch, and regions."""
    n_epochs = 20 if size == "tiny" else 1000
    state = np.random.RandomState(30)
    sets = {"XOR": xor_clusters(100, seed=state), "circle": rings(250, seed=state)}
    unseen = {"XOR": xor_clusters(100, seed=state), "circle": rings(250, seed=state)}
    rows: Rows = []
    spread: dict[tuple[str, str], str] = {}
    lines: dict[str, dict[str, Any]] = {name: {} for name in sets}
    last: dict[tuple[str, str], MLP] = {}
    for name, unit, rate in (("XOR", "sigmoid", 0.8), ("XOR", "relu", 0.1), ("circle", "sigmoid", 0.5),
                             ("circle", "relu", 0.5)):  # fmt: skip
        found, last[name, unit] = _followed(unit, sets[name], unseen[name], rate=rate, n_epochs=n_epochs)
        for at in sorted({1, n_epochs // 20, n_epochs // 10, n_epochs // 2, n_epochs}):
            rows.append((name, unit, rate, at, *found[at - 1], LEAST[name]))
        late = [row[0] for row in found[-100:]]
        spread[name, unit] = f"{min(late):.3f} to {max(late):.3f}"
        for part, which in (("training", 0), ("validation", 1)):
            lines[name][f"{unit}, {part}"] = (range(1, n_epochs + 1), [row[which] for row in found])
    notes = [
        *FASTER,
        "Full steps at the book's rate make the ReLU net on the circle jump: over the last hundred epochs its training "
        f"MSE goes from {spread['circle', 'relu']}, the logistic net's from {spread['circle', 'sigmoid']}.",
    ]
    columns = ("data", "hidden", "rate", "epoch", "training MSE", "validation MSE", "validation error", "least")
    pictures: dict[str, Any] = {
        f"{name}: squared errors by epoch.": partial(curves, lines[name], across="epoch", up="MSE", log="x")
        for name in sets
    }
    for name, unit in (("XOR", "relu"), ("circle", "relu")):
        pictures[f"{name}: regions by {unit} units, and the validation rows."] = partial(
            regions, _above(last[name, unit]), *unseen[name]
        )
    settings = {"epochs": n_epochs, "widths": "2-40-10-1", "seed": "30, weights 0"}
    return Table("ReLU beside logistic units", columns, rows, notes, settings, pictures=pictures)


def _above(net: MLP) -> Any:
    return lambda x: (net.forward(x)[0][-1][:, 0] > 0).astype(int)


def _followed(
    unit: str,
    train: tuple[np.ndarray, np.ndarray],
    unseen: tuple[np.ndarray, np.ndarray],
    *,
    rate: float,
    n_epochs: int,
) -> tuple[list[tuple[float, float, float]], MLP]:
    """Training MSE, validation MSE and validation error after each epoch, and the last net."""
    state, x, y = np.random.RandomState(0), train[0], train[1][:, None]
    layers = [(state.randn(a, b) / np.sqrt(a), state.randn(1, b)[0] / np.sqrt(a)) for a, b in pairwise(WIDTHS)]
    net = MLP.of(*layers, hidden=unit, output="binary_cross_entropy")
    found = []
    for trace, _ in zip(batch_descent(net, x, y, lr=rate / len(y)), range(n_epochs), strict=False):
        after = trace.after
        assert after is not None  # batch_descent takes its steps
        net = after
        z = net.forward(unseen[0])[0][-1][:, 0]
        p = (1 + np.tanh(z / 2)) / 2
        training = net.trace(x, y).outputs
        found.append((float(((training - y) ** 2).mean()), float(((p - unseen[1]) ** 2).mean()),
                      float(((z > 0) != unseen[1]).mean())))  # fmt: skip
    return found, net


STARTS = {"he_normal": he_std(64), "lecun_normal": fan_in_std(64)}


@recipe(
    "thirty-layers",
    source="Martinez-Ramon 2.2.2, after He et al. 2015",
    figure="30 layers of ReLUs converge from He's weights and not from Xavier's",
    experiments="martinez-ramon-9",
)
def thirty_layers(size: Size) -> Table:
    """Thirty hidden layers of ReLUs on digits from two kinds of first weights: signal that arrives, and accuracy."""
    n_hidden, epochs = (4, 1) if size == "tiny" else (30, 40)
    digits = load_digits()
    x, y = digits.data[:, digits.data.std(0) > 0.2] / 16, digits.target
    test = np.random.default_rng(0).permutation(len(y)) < 400
    model = registry.model("mlp", hidden=(64,) * n_hidden, activation="relu")
    rows: Rows = []
    for kind, std in STARTS.items():
        z = torch.from_numpy(x).float()
        generator = torch.Generator().manual_seed(0)
        start = float(z.std())
        for _ in range(n_hidden):
            z = torch.relu(z @ (std * torch.randn(z.shape[1], 64, generator=generator)))
        made = Classifier(model, init=kind, epochs=epochs, optimizer=registry.optimizer("sgd", momentum=0.9), lr=0.01,
                          clip_norm=1.0, seed=0, progress=False)  # fmt: skip
        made.fit(x[~test], y[~test])
        losses = [float(e["loss"]) for e in made.history_]
        rows.append((kind, std, float(z.std()) / start, losses[0], losses[-1], float(made.score(x[test], y[test]))))
    notes = [
        "What the text calls Xavier's start is the root of one over the inputs (lecun_normal here); Glorot and "
        "Bengio's own divides by the mean of inputs and outputs, which is the same for layers of one width. A ReLU "
        f"halves the square of what goes through, so without He's factor 2 the signal falls by 2^-{n_hidden / 2:g}.",
        "The third column is how large the last layer's values are, beside the pixels'.",
    ]
    columns = ("first weights", "standard deviation", "signal after the last layer", "first epoch's loss",
               "last epoch's loss", "held-out accuracy")  # fmt: skip
    settings = {"hidden layers": n_hidden, "epochs": epochs, "lr": 0.01, "momentum": 0.9, "clip norm": 1, "seed": 0}
    return Table("Thirty layers of ReLUs", columns, rows, notes, settings)
