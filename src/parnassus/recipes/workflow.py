"""The steps from data to a tested model, each way that the books go them, side by side."""

import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .. import registry
from ..data.samples import digits
from ..estimators.classifier import Classifier
from ..estimators.fitting.together import fit_together
from ..estimators.saving import load
from ..models.tables.mlp import MLP
from ..train.randomness import kept_random
from . import Size, Table, recipe


def parts(X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training, validation and test rows: three fifths, a fifth and a fifth."""
    order = np.random.default_rng(seed).permutation(len(X))
    cuts = np.split(order, [3 * len(X) // 5, 4 * len(X) // 5])
    return [(X[rows], y[rows]) for rows in cuts]


def vectors(pictures: np.ndarray) -> Tensor:
    """Pictures as rows of numbers in [0, 1]."""
    return torch.from_numpy(pictures.reshape(len(pictures), -1)).float() / 255


@recipe(
    "learning-workflow",
    source="Baker 2.3, Martinez-Ramon 3.11",
    figure="forward, loss, backward, update over epochs; tuned on validation rows; tested once",
)
def learning_workflow(size: Size) -> Table:
    """The loop written out, its rate tuned on validation rows, and the same in one line of an estimator.

    Systems: learning-workflow
    """
    epochs = 2 if size == "tiny" else 20
    (X, y), (held, truth), test = parts(*digits())
    rates = (1e-4, 1e-3, 1e-2)
    on_held = [accuracy(trained_by_hand(X, y, rate=rate, epochs=epochs), held, truth) for rate in rates]
    best = int(np.argmax(on_held))
    rate = rates[best]
    tested = accuracy(trained_by_hand(X, y, rate=rate, epochs=epochs), *test)  # the test rows are used once
    rows: list[tuple] = [
        (f"loop, rate {r:g}", score, tested if i == best else "")
        for i, (r, score) in enumerate(zip(rates, on_held, strict=True))
    ]
    fitted = Classifier(registry.model("mlp", hidden=(32,)), epochs=epochs, batch_size=32, lr=rate).fit(X, y)
    rows.append(("estimator, the same rate", fitted.score(held, truth), fitted.score(*test)))
    columns = "what", "validation accuracy", "test accuracy"
    notes = ["Digits, 64-32-10, Adam, batches of 32. The test rows are looked at for the rate chosen alone."]
    return Table("The training loop, written out", columns, rows, notes, {"epochs": epochs, "seed": 0})


def trained_by_hand(X: np.ndarray, y: np.ndarray, *, rate: float, epochs: int) -> nn.Module:
    """Forward, loss, backward, update."""
    inputs, labels = vectors(X), torch.from_numpy(y)
    with kept_random(torch.device("cpu"), "workflow"), torch.enable_grad():
        module = MLP((inputs.shape[1], 32, 10))
        optimizer = torch.optim.Adam(module.parameters(), lr=rate)
        for _ in range(epochs):
            for batch in torch.randperm(len(inputs)).split(32):
                loss = nn.functional.cross_entropy(module(inputs[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return module


def accuracy(module: nn.Module, X: np.ndarray, y: np.ndarray) -> float:
    """The share of rows whose largest output is that of their label."""
    with torch.no_grad():
        said = module(vectors(X)).argmax(1)
    return float((said == torch.from_numpy(y)).float().mean())


class TwoBranches(nn.Module):
    """A net as a graph: the upper and the lower half of a picture go their own ways and meet again."""

    def __init__(self) -> None:
        super().__init__()
        self.upper, self.lower, self.head = nn.Linear(32, 16), nn.Linear(32, 16), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = x.split(32, 1)
        return self.head(torch.cat([self.upper(top), self.lower(bottom)], 1).relu())


@recipe(
    "sequential-model-api",
    source="Martinez-Ramon 3.10, Keras course 2 and 6",
    figure="a list of layers and a graph, fitted, evaluated, saved and loaded",
)
def sequential_model_api(size: Size) -> Table:
    """The same task by a name, by a list of layers and by a graph; what has a name is saved and loaded again.

    Systems: sequential-model-api
    """
    epochs = 2 if size == "tiny" else 20
    (X, y), held, test = parts(*digits())
    with kept_random(torch.device("cpu"), "layers"):
        layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        graph = TwoBranches()
    rows = []
    for name, model in {"a name": registry.model("mlp", hidden=(32,)), "a list": layers, "a graph": graph}.items():
        fitted = Classifier(model, epochs=epochs, view="vector").fit(X, y, validation=held)
        again = same_when_loaded(fitted, test[0]) if name == "a name" else ""
        rows.append(
            (name, len(fitted.history_), fitted.history_[-1]["validation_accuracy"], fitted.score(*test), again)
        )
    columns = "the model as", "epochs", "validation accuracy", "test accuracy", "loaded, it says the same"
    notes = ["A module of one's own is saved once its builder is registered with @pn.model.register."]
    return Table("A name, a list of layers, a graph", columns, rows, notes, {"epochs": epochs, "seed": 0})


def same_when_loaded(fitted: Classifier, X: np.ndarray) -> bool:
    """Whether the model says the same after a round trip through a file."""
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "m.parnassus")
        return bool((load(Path(folder) / "m.parnassus").predict(X) == fitted.predict(X)).all())


@recipe(
    "data-pipeline",
    source="Martinez-Ramon 3.9 and 3.11, Keras course 6",
    figure="a file read in chunks, encoded once, shuffled and cut into batches: the same weights as in memory",
)
def data_pipeline(size: Size) -> Table:
    """A table in memory and the same table larger than the memory it may take, with the same batches.

    Systems: data-pipeline
    """
    import pandas as pd

    n = 2_000 if size == "tiny" else 200_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 6)).astype(np.float32), columns=list("abcdef"))
    frame["kind"] = np.where(frame["a"] + frame["b"] > 0, "up", "down")
    rows, weights = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        frame.to_csv(path, index=False)
        for name, memory in {"in memory": None, "a tenth of it": path.stat().st_size // 10}.items():
            fitted = Classifier("mlp", epochs=2, memory=memory).fit(path, target="kind")
            weights.append(torch.cat([p.detach().flatten() for p in fitted.objective_.parameters()]))
            rows.append([name, n, fitted.history_[-1]["loss"], fitted.seconds_])
    notes = [f"Largest difference of a weight: {float((weights[0] - weights[1]).abs().max()):.1g}."]
    return Table(
        "Batches from memory and from a file", ("rows held", "rows", "loss", "seconds"), rows, notes, {"seed": 0}
    )


@recipe(
    "image-folder",
    source="Keras course 1",
    figure="files to arrays and labels, shuffled split, training, saving, a grid of predictions",
)
def image_folder(size: Size) -> Table:
    """Two classes of pictures in two folders: read, split, trained on, saved, and predicted one by one.

    Systems: image-classification-pipeline
    """
    n, epochs = (60, 3) if size == "tiny" else (600, 15)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, i in product(("across", "down"), range(n // 2)):
            path = folder / kind / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(stripes(rng, across=kind == "across")).save(path)
        fitted = Classifier("cnn", epochs=epochs, batch_size=16).fit(folder, validation=0.25)
        fitted.save(folder / "m.parnassus")
        again = load(folder / "m.parnassus")
        new = [stripes(rng, across=i % 2 == 0) for i in range(6)]
        said = again.predict(np.stack(new))
        rows = [(i, "across" if i % 2 == 0 else "down", str(word)) for i, word in enumerate(said)]
        notes = [f"Validation accuracy {fitted.history_[-1]['validation_accuracy']:.3f} on a quarter of {n} pictures."]
    return Table(
        "Two folders of pictures", ("picture", "true", "predicted"), rows, notes, {"epochs": epochs, "seed": 0}
    )


def stripes(rng: np.random.Generator, *, across: bool) -> np.ndarray:
    """A noisy 16 x 16 picture of stripes, uint8."""
    wave = np.sin(np.arange(16) * rng.uniform(0.8, 1.4) + rng.uniform(0, 6))
    clean = np.broadcast_to(wave[:, None] if across else wave, (16, 16))
    return np.clip(128 + 80 * clean + rng.normal(0, 25, (16, 16)), 0, 255).astype(np.uint8)


@recipe(
    "architecture-search",
    source="Martinez-Ramon 4.4.8, Jaiswal on depth",
    figure="layers and widths drawn at random, judged on validation rows",
)
def architecture_search(size: Size) -> Table:
    """Random search over depth and width: every candidate on the same rows, the best one tested once.

    Systems: architecture-search
    """
    n_candidates, epochs = (4, 2) if size == "tiny" else (24, 15)
    (X, y), (held, truth), test = parts(*digits())
    rng = np.random.default_rng(0)
    shapes = [tuple(int(w) for w in 2 ** rng.integers(3, 8, size=rng.integers(1, 4))) for _ in range(n_candidates)]
    candidates = [Classifier(registry.model("mlp", hidden=shape), epochs=epochs) for shape in shapes]
    fit_together(candidates, [{"X": X, "y": y}] * n_candidates)
    found = sorted(zip(candidates, shapes, strict=True), key=lambda pair: -pair[0].score(held, truth))
    rows: list[tuple] = [(str(shape), c.score(held, truth), weights_of(c), "") for c, shape in found[:8]]
    rows[0] = (*rows[0][:3], found[0][0].score(*test))
    columns = "hidden", "validation accuracy", "weights", "test accuracy"
    notes = [f"The best of {n_candidates} candidates; shapes that agree were trained in one program."]
    return Table("Depth and width by random search", columns, rows, notes, {"epochs": epochs, "seed": 0})


def weights_of(fitted: Classifier) -> int:
    """How many weights a fitted classifier has."""
    return sum(p.numel() for p in fitted.objective_.parameters())
