"""Pictures turned into others: label maps into painted scenes with pairs and without, a temple into a flower."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_sample_image

from .. import registry
from ..estimators.classifier import Classifier
from ..estimators.image_translator import ImageTranslator
from ..estimators.segmenter import Segmenter
from ..functional.metrics.latent_space import fcn_score
from ..insight.plots import image_grid
from . import Size, Table, recipe

SIDE = 32
COLOURS = np.array([(70, 130, 180), (128, 64, 128), (220, 20, 60), (0, 0, 142)], np.uint8)  # of the labels
KINDS = ("sky", "ground", "wall", "tree")
BOOK = {"pix2pix, pairs": (0.71, 0.25, 0.18), "CycleGAN, no pairs": (0.52, 0.17, 0.11)}
Rows = list[tuple[Any, ...]]


class Scenes(NamedTuple):
    """Label maps (n, side, side), and what they show, painted (n, side, side, 3) uint8."""

    maps: np.ndarray
    painted: np.ndarray

    def coloured(self) -> np.ndarray:
        """The maps with a colour for each class."""
        return COLOURS[self.maps]


def scenes(n: int, *, seed: int) -> Scenes:
    """n scenes: sky over ground, houses on the line between them, and trees before it; each class has a texture."""
    rng, maps = np.random.default_rng(seed), np.zeros((n, SIDE, SIDE), dtype=np.int64)
    down, across = np.mgrid[:SIDE, :SIDE]
    for one in maps:
        line = int(rng.integers(14, 22))
        one[line:] = 1
        for _ in range(rng.integers(1, 3)):
            left, wide, high = int(rng.integers(0, 24)), int(rng.integers(6, 13)), int(rng.integers(5, 12))
            one[line - high : line, left : left + wide] = 2
        for _ in range(rng.integers(1, 4)):
            middle = line + rng.uniform(-2, 6), rng.uniform(2, 30)
            one[np.hypot(down - middle[0], across - middle[1]) < rng.uniform(2.5, 4.5)] = 3
    return Scenes(maps, np.stack([_painted(one, rng) for one in maps]))


def _painted(one: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    down, across = np.mgrid[:SIDE, :SIDE]
    shift, light = rng.integers(0, 8, 2), rng.uniform(0.8, 1.1)
    sky = np.array([150, 180, 220.0]) + np.stack([2.0 * down] * 3, -1)
    ground = np.array([150, 140, 90.0]) + rng.normal(0, 25, (SIDE, SIDE, 1))
    mortar = ((down + shift[0]) % 4 == 0) | ((across + 2 * ((down + shift[0]) // 4 % 2)) % 6 == 0)
    wall = np.where(mortar[..., None], np.array([200, 190, 175.0]), np.array([165, 85, 65.0]))
    leaves = np.array([45, 95, 45.0]) * np.where((down + across + shift[1]) % 2 == 0, 1.25, 0.6)[..., None]
    pixels = np.choose(one[..., None], [sky, ground, wall, leaves]) * light + rng.normal(0, 5, (SIDE, SIDE, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def translators(size: Size) -> dict[str, ImageTranslator]:
    """A translator for pairs and one for none, untrained."""
    tiny = size == "tiny"
    shared: dict[str, Any] = {"batch_size": 4, "seed": 0, "progress": False}
    pairs = registry.model("pix2pix", width=4 if tiny else 16)
    alone = registry.model("cyclegan", width=4 if tiny else 16, n_blocks=1 if tiny else 2, identity=0.0)
    return {"pix2pix, pairs": ImageTranslator(pairs, epochs=1 if tiny else 20, **shared),
            "CycleGAN, no pairs": ImageTranslator(alone, epochs=1 if tiny else 12, **shared)}  # fmt: skip


@recipe(
    "label-maps-painted",
    source="Martinez-Ramon 8.7.1, table 8.1",
    figure="FCN score of Cityscapes: CycleGAN .52 / .17 / .11, pix2pix .71 / .25 / .18",
    experiments="martinez-ramon-62",
)
def label_maps_painted(size: Size) -> Table:
    """Pictures painted from label maps by pix2pix and CycleGAN, scored by a segmenter that learned real ones."""
    n, n_test, epochs = (12, 6, 1) if size == "tiny" else (240, 100, 20)
    given, new = scenes(n, seed=0), scenes(n_test, seed=1)
    widths = (4, 8) if size == "tiny" else (16, 32, 64)
    judge = Segmenter(registry.model("u_net", widths=widths), epochs=epochs, lr=3e-3, batch_size=16, schedule="cosine",
                      progress=False).fit(given.painted, given.maps)  # fmt: skip
    mean = np.stack([given.painted[given.maps == k].mean(0) for k in range(4)]).astype(np.uint8)
    made = {"the real pictures": new.painted, "each class in its mean colour": mean[new.maps],
            "the maps as they are": new.coloured()}  # fmt: skip
    order = np.random.default_rng(2).permutation(n)
    for name, translator in translators(size).items():
        pictures = given.painted if name.startswith("pix2pix") else given.painted[order]
        made[name] = translator.fit(given.coloured(), pictures).translate(new.coloured())
    rows: Rows = []
    for name, pictures in made.items():
        found = fcn_score(new.maps, np.stack(judge.predict(pictures)), n_classes=4)
        off = float(np.abs(pictures.astype(float) - new.painted).mean() / 255)
        here = float(found.pixel_accuracy), float(found.mean_accuracy), float(found.mean_iou)
        rows.append((name, *here, *BOOK.get(name, ("",) * 3), off))
    notes = [
        f"Made here, {n} scenes of {SIDE} x {SIDE} pixels with {', '.join(KINDS)}, each with a texture; {n_test} "
        "others are painted. The segmenter is a small U-Net that learned the real pictures, the book's an FCN-8s on "
        "Cityscapes, which has 19 classes: its numbers are not ours to reach, the order of the rows is.",
        "CycleGAN saw the same maps and pictures in two orders: nothing says which belong together. The distance to "
        "the real picture of a map is the mean difference of a pixel, from 0 to 1.",
        "Mean colours have the same score as pictures with textures where a segmenter goes by colour: a score says "
        "that the classes are told apart, not that a picture looks real.",
    ]
    tiles = [p for row in (new.coloured(), new.painted, *(made[k] for k in BOOK)) for p in row[:8]]
    titles = [t for name in ("map", "real", *BOOK) for t in (name, *[""] * 7)]
    drawn = {"Eight maps, their real pictures, and what was painted.": partial(image_grid, tiles, titles, n_columns=8)}
    columns = ("pictures", "pixel accuracy", "class accuracy", "mean IoU", "the book: pixel", "class", "IoU",
               "distance")  # fmt: skip
    return Table("Label maps, painted", columns, rows, notes, {"scenes": n, "seed": 0}, pictures=drawn)


# --- a temple and a flower ----------------------------------------------------------------------------


def patches(name: str, n: int, columns: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """n squares of half of a photo's size, from these of its eight upright strips, (n, 32, 32, 3)."""
    photo = load_sample_image(name)
    half = photo[: len(photo) // 2 * 2, :640].reshape(len(photo) // 2, 2, 320, 2, 3).mean((1, 3)).astype(np.uint8)
    tops, lefts = rng.integers(0, len(half) - SIDE + 1, n), rng.integers(0, 40 - SIDE + 1, n)
    return np.stack([half[t : t + SIDE, 40 * s + c : 40 * s + c + SIDE]
                     for t, c, s in zip(tops, lefts, rng.choice(columns, n), strict=True)])  # fmt: skip


def recoloured(pictures: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pictures whose colours are moved and stretched so that kind `own` has the means and deviations of `other`."""
    a, b = (p.reshape(-1, 3).astype(float) for p in (own, other))
    moved = (pictures - a.mean(0)) / a.std(0) * b.std(0) + b.mean(0)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


@recipe(
    "temple-and-flower",
    source="Martinez-Ramon 8.7.2",
    figure="collections made into one another without pairs, shown in pictures",
    experiments="martinez-ramon-63",
)
def temple_and_flower(size: Size) -> Table:
    """Squares of one photo turned into those of another and back, without pairs: by a judge, and back again."""
    n, n_test, epochs = (12, 8, 1) if size == "tiny" else (240, 120, 12)
    rng, names = np.random.default_rng(0), {"A": "china.jpg", "B": "flower.jpg"}
    known = {k: patches(v, n, (0, 1, 3, 4, 5, 7), rng) for k, v in names.items()}
    new = {k: patches(v, n_test, (2, 6), rng) for k, v in names.items()}
    both, sides = np.concatenate(list(known.values())), np.repeat(["A", "B"], n)
    judge = Classifier("cnn", epochs=1 if size == "tiny" else 20, progress=False).fit(both, sides)
    net = registry.model("cyclegan", width=4 if size == "tiny" else 16, n_blocks=1 if size == "tiny" else 2)
    made = ImageTranslator(net, epochs=epochs, batch_size=4, seed=0, progress=False).fit(known["A"], known["B"])
    rows: Rows = []
    turned: dict[str, np.ndarray] = {}
    for own, other in (("A", "B"), ("B", "A")):
        turned[own] = made.translate(new[own], to=other)
        back = made.translate(turned[own], to=own)
        coloured = recoloured(new[own], known[own], known[other])
        for name, pictures in (("as they are", new[own]), ("recoloured", coloured), ("CycleGAN", turned[own])):
            said = float((judge.predict(pictures) == other).mean())
            moved = float(np.abs(pictures.astype(float) - new[own]).mean() / 255)
            lost = float(np.abs(back.astype(float) - new[own]).mean() / 255) if name == "CycleGAN" else ""
            rows.append((f"{names[own]} as {names[other]}", name, said, moved, lost))
    right = float(np.mean([(judge.predict(new[k]) == k).mean() for k in new]))
    notes = [
        f"{n} squares of {SIDE} x {SIDE} pixels of each photo at half size for training, {n_test} of other strips for "
        f"testing; cycle 10, identity .5 and least squares as published, {epochs} epochs of batches of 4 for 200 of "
        f"single pictures. The judge, a net that knows the squares of both photos, calls {right:.2f} of new ones so.",
        "Taken for the other is the judge's share; recoloured is no net: each colour is moved and stretched to the "
        "mean and deviation that it has in the other photo. Changes are mean differences of a pixel, from 0 to 1.",
        "A share says which photo the judge is reminded of, and it goes by colour: look at the picture, where temples "
        "become the flower's dark ground and none a petal, and there and back much is lost.",
        "The book shows paintings, seasons, animals and photos, without a number.",
    ]
    tiles = [p for k in ("A", "B") for row in (new[k], turned[k]) for p in row[:8]]
    titles = [t for k in ("A", "B") for name in (names[k], "turned") for t in (name, *[""] * 7)]
    drawn = {"Eight new squares of each photo, and what they became.": partial(image_grid, tiles, titles, n_columns=8)}
    columns = ("pictures", "by", "taken for the other", "changed", "there and back")
    return Table("Temple and flower", columns, rows, notes, {"squares": n, "epochs": epochs, "seed": 0}, pictures=drawn)
