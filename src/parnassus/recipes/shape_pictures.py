"""Coloured shapes on restless grounds in place of photos: the book's net for CIFAR-10, and a trunk moved on."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import registry
from ..data.book_sets import BookSet
from ..data.images.image import Image
from ..estimators.classifier import Classifier
from ..insight.plots import confusion, image_grid
from . import Size, Table, recipe

SIDE = 32
CIFAR = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
Rows = list[tuple[Any, ...]]
Corners = list[tuple[float, float]]


def star(n: int, inner: float) -> Corners:
    """A star of n points whose inner corners lie at `inner`; a regular polygon where they lie on its sides."""
    found = [(np.pi * i / n, inner if i % 2 else 1.0) for i in range(2 * n)]
    return [(float(r * np.sin(a)), float(-r * np.cos(a))) for a, r in found]


def arc(start: float, end: float, radius: float = 1.0) -> Corners:
    """Points of a circle from one angle to another, in turns."""
    return [
        (float(radius * np.cos(2 * np.pi * t)), float(radius * np.sin(2 * np.pi * t)))
        for t in np.linspace(start, end, 20)
    ]


FIRST: dict[str, Corners] = {
    "triangle": star(3, 0.5), "square": star(4, 0.71), "hexagon": star(6, 0.87), "disc": arc(0, 1),
    "ellipse": [(x, y / 2) for x, y in arc(0, 1)], "bar": [(-1, -0.25), (1, -0.25), (1, 0.25), (-1, 0.25)],
    "cross": [(x / 3, y / 3) for x, y in ((-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3),
                                         (-1, 1), (-3, 1), (-3, -1), (-1, -1))],
    "three points": star(3, 0.2), "four points": star(4, 0.35), "five points": star(5, 0.42),
}  # fmt: skip
SECOND: dict[str, Corners] = {
    "half disc": arc(0, 0.5), "crescent": [*arc(0, 0.5), *[(x, y * 0.45) for x, y in arc(0.5, 0)]],
    "open disc": [(0, 0), *arc(0.1, 0.9)],
    "arrow": [(1, 0), (0, -0.8), (0, -0.3), (-1, -0.3), (-1, 0.3), (0, 0.3), (0, 0.8)],
    "angle": [(-0.8, -1), (-0.2, -1), (-0.2, 0.4), (0.8, 0.4), (0.8, 1), (-0.8, 1)],
    "tee": [(-0.9, -0.9), (0.9, -0.9), (0.9, -0.3), (0.3, -0.3), (0.3, 1), (-0.3, 1), (-0.3, -0.3), (-0.9, -0.3)],
    "trapezoid": [(-0.4, -0.7), (0.4, -0.7), (1, 0.7), (-1, 0.7)],
    "kite": [(0, -0.7), (0.6, -0.2), (0, 1), (-0.6, -0.2)],
    "bolt": [(0.1, -1), (0.5, -1), (0.2, -0.2), (0.6, -0.2), (-0.4, 1), (-0.1, 0.1), (-0.5, 0.1)],
    "house": [(0, -1), (0.9, -0.2), (0.6, -0.2), (0.6, 0.9), (-0.6, 0.9), (-0.6, -0.2), (-0.9, -0.2)],
}  # fmt: skip


class Kinds(NamedTuple):
    """Pictures (n, side, side, 3) uint8 and what they show, for training and for testing."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def shape_pictures(n: int, shapes: dict[str, Corners], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n pictures (n, 32, 32, 3) uint8 of one shape each, and its name: sizes, places, turns and colours are drawn."""
    rng = np.random.default_rng(seed)
    names = np.array(list(shapes))[rng.permutation(np.arange(n) % len(shapes))]
    return np.stack([_drawn(rng, np.array(shapes[name])) for name in names]), names


def _drawn(rng: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    from PIL import Image as Picture
    from PIL import ImageDraw

    fine, smooth = 3 * SIDE, Picture.Resampling.BILINEAR
    tones = rng.integers(40, 216, (4, 4, 3), dtype=np.uint8)
    ground = Picture.fromarray(tones).resize((fine, fine), smooth)
    pen = ImageDraw.Draw(ground)
    for _ in range(3):
        ends = rng.uniform(0, fine, 4)
        pen.line([float(v) for v in ends], fill=tuple(rng.integers(0, 256, 3).tolist()), width=4)
    colour = rng.integers(0, 256, 3)
    while np.abs(colour - tones.mean((0, 1))).sum() < 150:
        colour = rng.integers(0, 256, 3)
    turn, radius = rng.uniform(-0.6, 0.6), rng.uniform(0.2, 0.36) * fine
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    placed = corners * rng.uniform(0.75, 1, 2) @ turned.T * radius + rng.uniform(0.36, 0.64, 2) * fine
    pen.polygon([(float(x), float(y)) for x, y in placed], fill=tuple(colour.tolist()))
    pixels = np.asarray(ground.resize((SIDE, SIDE), smooth)) + rng.normal(0, 14, (SIDE, SIDE, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def ten_kinds(data: BookSet | None, n_train: int, n_test: int) -> Kinds:
    """CIFAR-10 where it is on disk, whole in full, else so many drawn shapes of ten kinds."""
    if data is None:
        return Kinds(*shape_pictures(n_train, FIRST, seed=0), *shape_pictures(n_test, FIRST, seed=1))
    names, rng = np.array(CIFAR), np.random.default_rng(0)
    a = rng.permutation(len(data.X))[: n_train if n_train < 1000 else None]
    b = rng.permutation(len(data.X_test))[: n_test if n_train < 1000 else None]
    return Kinds(data.X[a], names[data.y[a]], data.X_test[b], names[data.y_test[b]])


@recipe(
    "a-net-for-small-photos",
    source="Martinez-Ramon example 4.3.1",
    figure="75 % of unseen CIFAR-10",
    experiments="martinez-ramon-28",
    reads="cifar10",
)
def a_net_for_small_photos(size: Size, data: BookSet | None = None) -> Table:
    """The book's net of 32, 64 and 128 maps on ten kinds of pictures: at its rate of .01, at .001, and normalised."""
    tiny = size == "tiny"
    epochs = 1 if tiny else 12 if data is None else 10
    found = ten_kinds(data, *((40, 20) if tiny else (2500, 1000)))
    book = {"channels": (32, 64, 128), "dropout": 0.0, "norm": "none", "padding": "valid"}
    plans: Rows = [("the book's", book, 0.01), ("the book's", book, 0.001),
                   ("normalised, dropout .25", {"channels": (32, 64, 128)}, 0.001)]  # fmt: skip
    rows: Rows = []
    said: dict[tuple[str, float], np.ndarray] = {}
    for name, options, lr in plans:
        made = Classifier(registry.model("cnn", **options), epochs=epochs, batch_size=50, lr=lr, progress=False)
        made.fit(found.X, found.y)
        said[name, lr] = made.predict(found.X_test)
        weights = sum(p.numel() for p in made.objective_.parameters())
        rows.append((name, lr, weights, float(made.score(found.X, found.y)),
                     float((said[name, lr] == found.y_test).mean())))  # fmt: skip
    source = "drawn shapes" if data is None else "pictures of CIFAR-10"
    notes = [
        f"{len(found.X)} {source} for training, {len(found.X_test)} for testing, chance .1; batches of 50 and Adam as "
        f"in the book, {epochs} epochs for its 100. Its figure is of photos, beside which drawn shapes say nothing. "
        "Without normalisation Adam at .01 can kill every unit in its first steps: an accuracy of .1 is a net that "
        "says one kind of every picture.",
        "Three blocks of 3 x 3 kernels without a border leave 2 x 2 places of 128 maps. The text allows for a head of "
        "two dense layers, as here (160,202 weights), or of three (422,858).",
    ]
    best = max(said, key=lambda k: float((said[k] == found.y_test).mean()))
    names = sorted(set(found.y_test.tolist()))
    shown = [int(np.flatnonzero(found.y_test == name)[0]) for name in names]
    pictures = {
        "One picture of each kind.": partial(image_grid, [found.X_test[i] for i in shown], names, n_columns=5),
        f"True kinds by row, and what the net ({best[0]}, rate {best[1]:g}) says.":
            partial(confusion, counts(found.y_test, said[best], names), names),
    }  # fmt: skip
    columns = ("net", "rate", "weights", "training accuracy", "accuracy, unseen")
    return Table("A net for small photos", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=pictures)


def counts(truth: np.ndarray, said: np.ndarray, names: list[str]) -> np.ndarray:
    """How often each kind, by row, was called each, by column."""
    return np.array([[int(((truth == a) & (said == b)).sum()) for b in names] for a in names])


@recipe(
    "a-trunk-for-new-shapes",
    source="Martinez-Ramon example 4.4.1",
    figure="85.4 % with a frozen pretrained trunk, 73 % from first weights",
    experiments="martinez-ramon-29 martinez-ramon-30",
    reads="cifar10",
)
def a_trunk_for_new_shapes(size: Size, data: BookSet | None = None) -> Table:
    """A trunk taught on some kinds, frozen under a new head for others, then tuned; beside nets that begin anew."""
    tiny = size == "tiny"
    known, new = two_tasks(data, tiny)
    epochs = 1 if tiny else 15
    model = registry.model("cnn", channels=(4, 8, 8) if tiny else (16, 32, 64))
    codec = Image(augment={"flip": True, "shift": 0.1})
    plan: dict[str, Any] = {"codec": codec, "schedule": registry.schedule("plateau", patience=2, gamma=0.3),
                            "batch_size": 32, "seed": 0, "progress": False}  # fmt: skip
    trunk = Classifier(model, epochs=epochs, **plan).fit(known.X, known.y)
    rows: Rows = []
    for n in (20,) if tiny else (100, 400, 1600):
        X, y = new.X[:n], new.y[:n]
        longer = epochs if n > 1000 else 3 * epochs
        frozen = Classifier(start=trunk, freeze="features.*", epochs=longer, **plan).fit(X, y)
        tuned = Classifier(start=frozen, epochs=max(longer // 2, 1), lr=1e-4, **plan).fit(X, y)
        scratch = Classifier(model, epochs=longer + max(longer // 2, 1), **plan).fit(X, y)
        held = Classifier(model, freeze="features.*", epochs=longer, **plan).fit(X, y)
        rows.append((n, *(float(m.score(new.X_test, new.y_test)) for m in (frozen, tuned, scratch, held))))
    kinds = (f"{len(set(known.y.tolist()))} and {len(set(new.y.tolist()))} kinds of "
             + ("drawn shapes" if data is None else "CIFAR-10's photos"))  # fmt: skip
    notes = [
        f"{kinds}, none of them in both tasks. The trunk learned the first from {len(known.X)} pictures, and has "
        f"{100 * trunk.score(known.X_test, known.y_test):.0f} % of unseen ones right. New ones were flipped and "
        f"shifted in training, as in the book; tested on {len(new.X_test)}.",
        "The book's trunk is EfficientNet-B0 with weights of ImageNet under five dense layers, which is a download; "
        "this one has three layers of 16, 32 and 64 maps. The text says that its upper layers are frozen, where it is "
        "the trunk that is, and leaves open whether the trunk of the control was trained: the last two columns are "
        "the two readings.",
    ]
    shown = [*known.X_test[:6], *new.X_test[:6]]
    titles = [*known.y_test[:6].tolist(), *new.y_test[:6].tolist()]
    pictures = {"Kinds that the trunk was taught on, and below them new ones.": partial(image_grid, shown, titles)}
    columns = ("new pictures", "frozen trunk", "then tuned", "all from first weights", "first weights, trunk frozen")
    return Table("A trunk for new shapes", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=pictures)


def two_tasks(data: BookSet | None, tiny: bool) -> tuple[Kinds, Kinds]:
    """Kinds to teach a trunk on, and others: drawn shapes of two tens, or the first and the last five of CIFAR-10."""
    n, n_test = (40, 20) if tiny else (4000, 1000)
    if data is None:
        first, second = (
            Kinds(*shape_pictures(n, shapes, seed=seed), *shape_pictures(n_test, shapes, seed=seed + 1))
            for seed, shapes in ((0, FIRST), (2, SECOND))
        )
        return first, second
    names, rng = np.array(CIFAR), np.random.default_rng(0)
    parts = []
    for wanted in (np.arange(5), np.arange(5, 10)):
        a = rng.permutation(np.flatnonzero(np.isin(data.y, wanted)))[:n]
        b = rng.permutation(np.flatnonzero(np.isin(data.y_test, wanted)))[:n_test]
        parts.append(Kinds(data.X[a], names[data.y[a]], data.X_test[b], names[data.y_test[b]]))
    return parts[0], parts[1]
