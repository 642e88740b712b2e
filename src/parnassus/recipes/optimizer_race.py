"""Seven ways down: the optimizers of the books on two surfaces and on digits."""

import numpy as np
import torch

from .. import registry
from ..estimators.classifier import Classifier
from ..estimators.fitting.descent import Path, optimize
from ..functional.optimization import adam
from ..functional.surfaces import SURFACES, beale
from ..registry import Spec
from . import Size, Table, recipe
from .digit_sets import digits_of
from .drawn import curves
from .quadratics import bowl

SEVEN: dict[str, tuple[Spec, ...]] = {  # on the bowl, on Beale's function, on digits
    "SGD": tuple(registry.optimizer("sgd", lr=lr) for lr in (0.05, 2e-3, 0.1)),
    "momentum": tuple(registry.optimizer("sgd", lr=lr, momentum=0.9) for lr in (0.01, 1e-3, 0.02)),
    "NAG": tuple(registry.optimizer("sgd", lr=lr, momentum=0.9, nesterov=True) for lr in (0.01, 1e-3, 0.02)),
    "AdaGrad": tuple(registry.optimizer("adagrad", lr=lr) for lr in (0.5, 0.3, 0.02)),
    "AdaDelta": tuple(registry.optimizer("adadelta", lr=lr) for lr in (1.0, 1.0, 1.0)),
    "Adam": tuple(registry.optimizer("adam", lr=lr) for lr in (0.1, 0.1, 2e-3)),
    "Nadam": tuple(registry.optimizer("nadam", lr=lr) for lr in (0.1, 0.1, 2e-3)),
}


@recipe(
    "seven-optimizers",
    source="Jaiswal 2.5, figures 2.6 and 2.7",
    figure="paths and curves of seven optimizers",
    experiments="jaiswal-4",
)
def seven(size: Size) -> Table:
    """Seven optimizers on a narrow bowl, on Beale's function and on a dense net's loss on digits."""
    steps, epochs = (60, 1) if size == "tiny" else (500, 8)
    digits = digits_of(None, **({"n_train": 96, "n_test": 40} if size == "tiny" else {}))
    X, new = digits.rows()
    rows, paths, losses = [], {}, {}
    for name, (on_bowl, on_beale, on_digits) in SEVEN.items():
        low = optimize(bowl, (0.0, 0.0), on_bowl, steps=steps)
        bent = optimize(beale, (1.2, 2.0), on_beale, steps=steps)
        net = on_rows(X, digits.y, on_digits, epochs=epochs)
        losses[name] = [e["loss"] for e in net.history_]
        paths[name] = bent
        found = low.value, _reached(low, 1e-3), bent.value, _reached(bent, 1e-3)
        rows.append((name, *found, losses[name][-1], net.score(new, digits.y_test)))
    zero, one = torch.zeros(1), torch.ones(1)
    first, bare = (float(one - adam(one, one, zero, zero, t=t, lr=0.1)[0]) for t in (1, 10**9))
    notes = [
        "The bowl is (x1 - 2)^2 + 10 (x2 + 3)^2 from (0, 0); Beale's function has its constant 2.625 and starts at "
        f"(1.2, 2). Each optimizer has a rate of its own that suits it; {digits.name}.",
        f"Adam as Jaiswal prints it, without dividing by 1 - beta^t, takes {bare:.3f} where a first step of "
        f"{first:.3f} is due at a rate of .1: {bare / first:.2f} times as much. AdaDelta there never updates one of "
        "its averages, and the two lines for Nesterov's gradient have no velocity; here all seven are those of their "
        "papers.",
    ]
    low_corner, others = SURFACES["beale"].low, [paths[k] for k in ("momentum", "AdaDelta", "Adam")]
    lines = {k: (np.arange(1, len(v) + 1), v) for k, v in losses.items()}
    shown = {
        "Beale's function: four of the ways.": lambda: paths["SGD"].plot(*others, low=low_corner, high=(4.5, 2.5)),
        "The loss on digits by epoch.": lambda: curves(lines, across="epoch", up="loss", log="y"),
    }
    columns = ("optimizer", "bowl", "steps to .001", "Beale", "steps to .001", "loss on digits", "accuracy, unseen")
    return Table(
        "Seven optimizers", columns, rows, notes, {"steps": steps, "epochs": epochs, "seed": 0}, pictures=shown
    )


def on_rows(X: np.ndarray, y: np.ndarray, optimizer: Spec, *, epochs: int) -> Classifier:
    """A dense net of 64 units, trained by an optimizer."""
    model = registry.model("mlp", hidden=(64,))
    return Classifier(model, optimizer=optimizer, epochs=epochs, batch_size=32, progress=False).fit(X, y)


def _reached(path: Path, value: float) -> int | str:
    below = np.flatnonzero(path.values < value)
    return int(below[0]) if len(below) else "not"
