"""Pictures and kernels: convolutions by hand, strokes found anywhere, changed pictures, and what units like to see."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_sample_image

from .. import registry
from ..byhand.convolution import convolve, correlate, max_pool, rot180
from ..data.book_sets import BookSet
from ..data.images.image import Image
from ..estimators.classifier import Classifier
from ..functional.convolution import prewitt
from ..insight.pictures import augmented, augmented_pictures
from ..insight.plots import image_grid
from ..insight.units import exciting_picture, filters, tiles
from . import Size, Table, recipe
from .digit_sets import Digits, digits_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@recipe(
    "kernels-by-hand",
    source="Baker 4.3 to 4.5",
    figure="a first output of 45, and a map of a diagonal line",
    experiments="baker-6",
)
def kernels_by_hand(size: Size) -> Table:
    """The two worked convolutions, turned kernel and not, and the same kernels on a photo."""
    x, k = _one([[0, 80, 40], [20, 40, 0], [0, 0, 40]]), _one([[0, 0.25], [0.5, 1]])
    hook = np.zeros((5, 5))
    hook[[0, 1, 2, 3, 4], [2, 2, 2, 1, 0]] = 255
    turned = rot180(k)
    found, flat = convolve(x, k), correlate(x, k).z
    anti = correlate(_one(hook), _one([[0, 0.5], [0.5, 0]])).z
    rows = [
        ("kernel turned by 180 degrees", "[[1, .5], [.25, 0]]", _grid(turned)),
        ("first output of the convolution", "45", f"{found[0, 0, 0, 0]:g}"),
        ("the whole map", "", _grid(found)),
        ("the same without turning the kernel", "the same result", _grid(flat)),
        ("a line that turns aside, under [[0, .5], [.5, 0]]", PRINTED, _grid(anti)),
        ("its values after a sigmoid, as they are", "", _few(_sigmoid(anti))),
        ("the same with pixels from 0 to 1", "", _few(_sigmoid(anti / 255))),
    ]
    photo = load_sample_image("china.jpg").mean(2)[::2, ::2]
    kernels = {
        "Prewitt, upright": prewitt().numpy(), "Prewitt, level": prewitt(upright=False).numpy(),
        "falling lines": np.eye(3) - 1 / 3, "rising lines": np.fliplr(np.eye(3)) - 1 / 3,
    }  # fmt: skip
    maps = {name: np.abs(correlate(_one(photo), _one(w)).z[0, 0]) for name, w in kernels.items()}
    rows += [(f"a photo, {name}: mean size of the map", "", f"{v.mean():.1f}") for name, v in maps.items()]
    notes = [
        "Not turning the kernel gives other numbers (70 for 45): it makes no difference only where the kernel is "
        "learned.",
        "Pixels up to 255 saturate a sigmoid, so that the line and what lies beside it become the same; the notes "
        "round 127.5 to 128 and call the kernel an edge detector, which is one of diagonal lines.",
    ]
    sheet = [photo / 255, *(v / v.max() for v in maps.values())]
    shown = {"A photo under four kernels.": lambda: image_grid(sheet, ["photo", *maps], n_columns=3)}
    return Table("Kernels by hand", ("what", "the book", "here"), rows, notes, {"seed": 0}, pictures=shown)


PRINTED = "[[0, 128, 128, 0], [0, 128, 128, 0], [0, 255, 0, 0], [255, 0, 0, 0]]"


def _one(a: Any) -> np.ndarray:
    return np.asarray(a, dtype=float)[None, None]


def _grid(a: np.ndarray) -> str:
    return str(np.round(a.reshape(a.shape[-2:]), 4).tolist())


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(a / 2)) / 2


def _few(a: np.ndarray) -> str:
    values = np.unique(a.round(6))
    return f"{len(values)} distinct: " + " ".join(f"{v:.3f}" for v in values)


@recipe(
    "strokes-anywhere",
    source="Baker 4.1.2 and 4.8",
    figure="a detector finds its part wherever it is; pooling forgives small moves",
    experiments="baker-7",
    reads="mnist",
)
def strokes(size: Size, data: BookSet | None = None) -> Table:
    """Digits moved by pixels: how far maps of strokes, pooled maps and the nets' answers move with them."""
    epochs = 2 if size == "tiny" else 20 if data is None else 6
    digits = digits_of(data, **({"n_train": 100, "n_test": 40} if size == "tiny" else {}), most=5000)
    border = [(0, 0), (4, 4), (4, 4)]
    framed, new = np.pad(digits.X, border), np.pad(digits.X_test, border)
    plans = {"dense": registry.model("mlp", hidden=(64,)), "convolutional": registry.model("cnn", channels=(16, 32))}
    made = {name: Classifier(m, epochs=epochs, progress=False).fit(framed, digits.y) for name, m in plans.items()}
    kernel = _one(np.eye(3) - 1 / 3)
    before = np.maximum(correlate(new[:, None] / 255.0, kernel).z, 0)
    rows = []
    for move in (0, 1, 2, 3, 4):
        moved = np.roll(new, move, axis=2)
        after = np.maximum(correlate(moved[:, None] / 255.0, kernel).z, 0)
        follows = float(np.abs(after[..., move:] - before[..., : before.shape[-1] - move]).max())
        changed = _change(before, after)
        pooled = _change(max_pool(before, 2).z, max_pool(after, 2).z)
        whole = _change(before.max((2, 3)), after.max((2, 3)))
        rows.append((move, follows, changed, pooled, whole, *(m.score(moved, digits.y_test) for m in made.values())))
    notes = [
        f"{digits.name}, in a border of four pixels, moved to the right. The stroke is a falling line. A convolution "
        "moves with its input (the second column is 0); the largest value of the map is what does not change, and maps "
        "pooled in twos lie between.",
        "Changes are shares of the maps' own size. Neither net was trained on moved digits.",
    ]
    one, strokes_of = new[0] / 255, before[0, 0] / before[0, 0].max()
    sheet = [one, strokes_of, np.roll(one, 3, 1), np.roll(strokes_of, 3, 1)]
    shown = {"A digit, its map of falling strokes, and both moved by three pixels.": lambda: image_grid(sheet)}
    columns = (
        "pixels",
        "map less moved map",
        "change of the map",
        "pooled by 2",
        "of its largest value",
        *(f"accuracy, {n}" for n in made),
    )
    return Table("Strokes wherever they are", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown)


def _change(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


CHANGES: dict[str, dict[str, Any]] = {
    "flip": {"flip": True}, "rotate": {"rotate": 30.0}, "zoom": {"zoom": 0.4}, "shift": {"shift": 0.2},
    "contrast": {"contrast": 0.8}, "colour": {"hue": 0.3, "saturation": 0.8, "brightness": 0.3},
    "elastic": {"elastic": 60.0, "elastic_sigma": 6.0},
}  # fmt: skip

OF_DIGITS: dict[str, dict[str, Any] | None] = {
    "digits as they are": None,
    "digits moved, turned, elastic": {"shift": 0.1, "rotate": 10.0, "elastic": 8.0, "elastic_sigma": 3.0},
    "digits flipped": {"flip": True},
}


def read(digits: Digits, given: dict[str, Any] | None, *, epochs: int, seed: int) -> float:
    """Accuracy on unseen digits of a convolutional net that is taught with changed ones."""
    codec = None if given is None else Image(augment=given)
    made = Classifier("cnn", codec=codec, epochs=epochs, seed=seed, progress=False).fit(digits.X, digits.y)
    return float(made.score(digits.X_test, digits.y_test))


def _sheet(given: dict[str, Any], pictures: np.ndarray) -> "Figure":
    return augmented_pictures(Image(augment=given).fit(pictures), pictures)


@recipe(
    "changed-pictures",
    source="Hifny figure 14.5, Baker 5.1.1",
    figure="a picture flipped, turned, enlarged, moved, recoloured; an elastic digit",
    experiments="hifny-25 baker-11",
    reads="mnist",
)
def changed_pictures(size: Size, data: BookSet | None = None) -> Table:
    """A photo under every change of training, and what changes do for a net that has few digits."""
    photo = load_sample_image("flower.jpg")[40:424:6, 120:504:6]
    n, runs, epochs = (40, 1, 2) if size == "tiny" else (100, 3, 60)
    digits = digits_of(data, n_train=n, n_test=397)
    rows: list[tuple] = []
    for name, given in CHANGES.items():
        made = augmented(Image(augment=given).fit(photo[None]), photo[None], times=8)[0].astype(float)
        mean = made.mean(0)
        rows.append((f"photo, {name}", float(np.abs(made - photo).mean()), float(np.abs(made - mean).mean()), ""))
    for name, change in OF_DIGITS.items():
        scores = [read(digits, change, epochs=epochs, seed=s) for s in range(runs)]
        rows.append((f"{n} {name}: accuracy on unseen", "", "", float(np.mean(scores))))
    notes = [
        "Mean sizes of what changes in shades of 255: from the picture, and among eight draws. The books print no "
        "number.",
        f"{digits.name}; the mean of {runs} starts. Flipping makes digits into what they are not, and changes are for "
        "training: Baker's note that sizes should change in test cases alone is wrong.",
    ]
    shown = {f"{name.capitalize()}.": partial(_sheet, given, photo[None]) for name, given in CHANGES.items()}
    shown["Digits, elastic."] = partial(_sheet, {"elastic": 8.0, "elastic_sigma": 3.0}, digits.X[:2])
    columns = ("what", "change from the picture", "change among draws", "accuracy")
    return Table("Pictures changed in training", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown)


@recipe(
    "what-units-like",
    source="Baker 4.8.1",
    figure="edges in low layers, parts and whole things in high ones",
    experiments="baker-9",
    reads="mnist",
)
def what_units_like(size: Size, data: BookSet | None = None) -> Table:
    """Pictures that excite units of a convolutional net on digits most, from its first kernels to its classes."""
    epochs, steps = (2, 10) if size == "tiny" else (25 if data is None else 6, 150)
    digits = digits_of(data, **({"n_train": 120, "n_test": 40} if size == "tiny" else {}), most=5000)
    net = Classifier(registry.model("cnn", channels=(16, 32)), epochs=epochs, progress=False).fit(digits.X, digits.y)
    liked = {k: exciting_picture(net, target=k, n_steps=steps) for k in (range(10) if size == "full" else (0, 1))}
    noise = np.random.default_rng(0).integers(0, 256, (len(liked), *digits.X.shape[1:]), dtype=np.uint8)
    made = np.stack([np.squeeze(p) for p in liked.values()])
    rows = []
    for k, p, q in zip(liked, net.predict_proba(made), net.predict_proba(noise), strict=True):
        means = {c: digits.X[digits.y == c].mean(0) for c in np.unique(digits.y)}
        alike = [float(np.corrcoef(made[list(liked).index(k)].ravel(), means[c].ravel())[0, 1]) for c in means]
        rows.append((k, float(p[k]), float(q[k]), alike[k], int(np.argmax(alike))))
    notes = [
        f"{digits.name}; accuracy on unseen digits {net.score(digits.X_test, digits.y_test):.3f}. Pictures start from "
        "noise and climb the class's score.",
        "The last columns compare with the mean digit of each class. The book's pictures are of a net for photos, "
        "quoted from the literature: ours has two layers of kernels, and what it likes is rather strokes than things.",
    ]
    shown = {
        "The first kernels.": lambda: tiles(filters(net)),
        "What each class likes best.": lambda: image_grid(
            [p / 255 for p in made], [str(k) for k in liked], n_columns=5
        ),
    }
    columns = (
        "class",
        "probability of its picture",
        "of noise",
        "correlation with its mean digit",
        "most like the mean of",
    )
    return Table(
        "What units like to see", columns, rows, notes, {"epochs": epochs, "steps": steps, "seed": 0}, pictures=shown
    )
