"""Cats and dogs where they are on disk, and two kinds of drawn shapes where not, from a perceptron on."""

import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from .. import registry
from ..byhand.perceptron import perceptron_epochs, perceptron_output
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..insight.plots import image_grid
from . import Size, Table, recipe

SIDE = 64
KINDS = ("disc", "square")


class Kinds(NamedTuple):
    """Pictures (n, side, side, 3) uint8 of two kinds, what they are called, for training and for testing; the set."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    names: tuple[str, ...]
    source: str


def two_kinds(data: BookSet | None, size: Size, *, side: int = SIDE) -> Kinds:
    """Pictures of two kinds, shuffled, three in four for training; read from files, as the course does."""
    n = 60 if size == "tiny" else 800 if data is None else 4000
    rng = np.random.default_rng(0)
    if data is not None:
        chosen = rng.permutation(len(data.X))[:n]
        pictures, labels, source = _read([data.X[i] for i in chosen], side), data.y[chosen], "cats and dogs"
    else:
        with tempfile.TemporaryDirectory() as name:
            paths = [Path(name) / f"{kind}.{i}.png" for i, kind in product(range(n // 2), KINDS)]
            for path in paths:
                _drawn(rng, path.name.split(".")[0], side).save(path)
            pictures, labels, source = (
                _read(paths, side),
                np.array([p.name.split(".")[0] for p in paths]),
                "drawn shapes",
            )
        order = rng.permutation(len(labels))
        pictures, labels = pictures[order], labels[order]
    names, y = np.unique(labels, return_inverse=True)
    cut = len(y) * 3 // 4
    return Kinds(pictures[:cut], y[:cut], pictures[cut:], y[cut:], tuple(names.tolist()), source)


def _read(paths: list[Path], side: int) -> np.ndarray:
    from PIL import Image

    found = []
    for path in paths:
        with Image.open(path) as picture:  # grey or transparent pictures too come with three colours
            found.append(np.asarray(picture.convert("RGB").resize((side, side))))
    return np.stack(found)


def _drawn(rng: np.random.Generator, kind: str, side: int) -> Any:
    """A disc or a square of a drawn size, place and colour on a noisy ground."""
    from PIL import Image

    radius = rng.uniform(0.15, 0.3) * side
    x, y = rng.uniform(radius, side - radius, 2)
    rows, columns = np.mgrid[:side, :side]
    far = np.stack([np.abs(rows - y), np.abs(columns - x)])
    inside = (np.hypot(*far) if kind == "disc" else far.max(0) * np.sqrt(4 / np.pi)) < radius
    ground, colour = rng.uniform(20, 100, 3), rng.uniform(150, 235, 3)
    pixels = np.where(inside[..., None], colour, ground) + rng.normal(0, 12, (side, side, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@recipe(
    "perceptron-on-pictures",
    source="Keras course 1.5",
    figure="training accuracy after 100 epochs, its value not shown; nine pictures with what is said of them",
    experiments="keras-2 keras-3",
    reads="cats_dogs",
)
def perceptron_on_pictures(size: Size, data: BookSet | None = None) -> Table:
    """A perceptron on 12,288 colours of pictures of two kinds: what it says of its rows, and of others."""
    n_epochs = 40 if size == "tiny" else 100
    kinds = two_kinds(data, size)
    x, new = (p.reshape(len(p), -1) / 255 for p in (kinds.X, kinds.X_test))
    rng = np.random.default_rng(1101)
    orders = [rng.permutation(len(x)).tolist() for _ in range(n_epochs)]
    run = perceptron_epochs(x, kinds.y, orders=orders, max_epochs=n_epochs)
    said = perceptron_output(new, run.w, run.b, step=True).astype(int)
    training = float((perceptron_output(x, run.w, run.b, step=True) == kinds.y).mean())
    chance = float(max(np.mean(kinds.y_test), 1 - np.mean(kinds.y_test)))
    rows: list[tuple[Any, ...]] = [
        ("colours a picture", 12_288, x.shape[1]),
        ("epochs", "up to 100", len(run.epochs)),
        ("corrections in the last epoch", "", run.epochs[-1][2]),
        ("accuracy on its own rows", "not shown", training),
        ("accuracy on others", "not measured", float((said == kinds.y_test).mean())),
        ("the larger class among them", "", chance),
    ]
    notes = [
        f"{kinds.source.capitalize()}, {len(x)} for training and {len(new)} for testing, shuffled. The course prints "
        "no "
        "number, and measures on training rows only: what the unit says of its own rows is no sign of what it says of "
        "others.",
        "A plane through raw colours cannot tell shapes that may stand anywhere.",
    ]
    told = [f"{kinds.names[k]}, is {kinds.names[t]}" for k, t in zip(said[:9], kinds.y_test[:9], strict=True)]
    pictures = {"Nine pictures that training had not, and what the perceptron says.":
                partial(image_grid, list(kinds.X_test[:9]), told, n_columns=3)}  # fmt: skip
    return Table("A perceptron on pictures", ("what", "the book", "here"), rows, notes,
                 {"epochs": n_epochs, "seed": 1101}, pictures=pictures)  # fmt: skip


@recipe(
    "dense-net-on-pictures",
    source="Keras course 2.6",
    figure="loss .4751 and accuracy .7698, both on training rows",
    experiments="keras-9",
    reads="cats_dogs",
)
def dense_net_on_pictures(size: Size, data: BookSet | None = None) -> Table:
    """A dense net of sigmoids on raw colours, on its own rows and on others, beside a convolutional one."""
    epochs, side = (1, 16) if size == "tiny" else (60, 32)
    kinds = two_kinds(data, size, side=side)
    n_inputs = 3 * side**2
    nets: dict[str, tuple[Any, str | None, float, int]] = {
        f"{n_inputs}-{n_inputs // 4}-1 sigmoids": (
            registry.model("mlp", hidden=(n_inputs // 4,), activation="sigmoid"), "sgd", 0.01, epochs),
        "a convolutional net": (registry.model("cnn", channels=(16, 32)), None, 0.001, max(epochs // 3, 1)),
    }  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for name, (net, mover, rate, n_epochs) in nets.items():
        x, new = kinds.X, kinds.X_test
        if mover is not None:
            x, new = ((p.reshape(len(p), -1) / 255).astype(np.float32) for p in (x, new))
        made = Classifier(
            net, epochs=n_epochs, batch_size=64, lr=rate, seed=0, progress=False, optimizer=mover or "adam"
        ).fit(x, kinds.y)
        weights = sum(p.numel() for p in made.objective_.parameters())
        book = 0.7698 if mover else ""
        rows.append((name, weights, book, *(float(made.score(*pair)) for pair in ((x, kinds.y), (new, kinds.y_test)))))
    big = 12_288 * 3_072 + 3_072 + 3_072 + 1
    notes = [
        f"{kinds.source.capitalize()} of {side} x {side}, {len(kinds.y)} for training. The course's net takes 64 x 64 "
        f"pictures and has {big:,} weights; its two figures are of the 25,000 pictures that it learned from, in an "
        "order "
        "by class where any share held out from the end is of one class.",
    ]
    columns = ("net", "weights", "the book, training rows", "training rows", "other rows")
    return Table("A dense net on pictures", columns, rows, notes, {"epochs": epochs, "batch": 64, "seed": 0})


@recipe(
    "a-trunk-taught-before",
    source="Keras course 4.7, Baker 5.2",
    figure="two test accuracies, values not shown",
    experiments="keras-14",
)
def a_trunk_taught_before(size: Size) -> Table:
    """A trunk taught on digits 0 to 4, frozen under a new head for 5 to 9, then tuned; beside a net from scratch."""
    tiny = size == "tiny"
    found = load_digits()
    pictures = (found.images * 255 / 16).round().astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(pictures))
    first, second = (order[found.target[order] < 5], order[found.target[order] >= 5])
    trunk = Classifier("cnn", epochs=1 if tiny else 20, seed=0, progress=False)
    trunk.fit(pictures[first[:60] if tiny else first], found.target[first[:60] if tiny else first])
    test, rows = second[400:], []
    for n in (50,) if tiny else (20, 50, 200):
        taken, epochs = second[:n], 2 if tiny else 30
        x, y = pictures[taken], found.target[taken]
        shared: dict[str, Any] = {"seed": 0, "progress": False, "batch_size": 16}
        frozen = Classifier("cnn", start=trunk, freeze="features.*", epochs=epochs, lr=3e-3, **shared).fit(x, y)
        tuned = Classifier("cnn", start=frozen, epochs=max(epochs // 2, 1), lr=1e-4, **shared).fit(x, y)
        scratch = Classifier("cnn", epochs=2 * epochs, **shared).fit(x, y)
        scores = [float(m.score(pictures[test], found.target[test])) for m in (frozen, tuned, scratch)]
        rows.append((n, *scores))
    notes = [
        "The course freezes VGG-16's convolutions, whose weights are a download, and tunes them at a rate of 1e-6; "
        "here "
        f"the trunk is a small net taught on {len(first)} digits 0 to 4, and 5 to 9 are new to it. Tested on "
        f"{len(test)}.",
        "The course's listing scales pixels to 1 where those weights expect the means of ImageNet taken off.",
    ]
    columns = ("new rows", "frozen trunk", "then tuned", "from scratch")
    return Table("A trunk taught before", columns, rows, notes, {"epochs": "30, 15 and 60", "seed": 0})
