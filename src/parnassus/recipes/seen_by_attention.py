"""Pictures cut into patches: beside convolutions by how many there are to learn from, and told of in a sentence."""

import time
from functools import partial
from typing import Any

import numpy as np

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..estimators.image_captioner import ImageCaptioner
from ..functional.metrics.translation import bleu
from . import Size, Table, recipe
from .digit_sets import digits_of
from .drawn import curves
from .shape_pictures import FIRST

Rows = list[tuple[Any, ...]]


@recipe(
    "patches-or-convolutions",
    source="Martinez-Ramon 6.6, figure 6.22",
    figure="ViT-H/14 88.55 % of ImageNet after JFT; convolutions (BiT) 87.54 %",
    experiments="martinez-ramon-48",
    reads="mnist",
)
def patches_or_convolutions(size: Size, data: BookSet | None = None) -> Table:
    """A small Vision Transformer and a small convolutional net on digits, by how many they learn from."""
    tiny = size == "tiny"
    digits = digits_of(data, **({"n_train": 60, "n_test": 40} if tiny else {}), most=8000)
    n_all = len(digits.y)
    patch = 2 if digits.X.shape[1] == 8 else 4
    plans = {
        "convolutions": registry.model("cnn", channels=(16, 32)),
        f"patches of {patch} pixels": registry.model("vit_ti", n_layers=1 if tiny else 2, patch_size=patch),
    }
    if not tiny and data is None:
        plans["patches of 4 pixels"] = registry.model("vit_ti", n_layers=2, patch_size=4)
    rows: Rows = []
    for n in (n_all,) if tiny else (50, 150, 450, n_all):
        epochs = 1 if tiny else min(8 * n_all // n, 40)
        for name, model in plans.items():
            found = []
            for seed in range(1 if tiny or n > 150 else 3):
                some = np.random.default_rng(seed).permutation(n_all)[:n]
                rate = registry.schedule("cosine", warmup=0.1)
                net = Classifier(model, epochs=epochs, batch_size=32, schedule=rate, lr=1e-3, seed=seed, progress=False)
                found.append(net.fit(digits.X[some], digits.y[some]).score(digits.X_test, digits.y_test))
            weights = sum(p.numel() for p in net.objective_.parameters())
            rows.append((n, name, weights, epochs, float(np.mean(found)), float(np.min(found))))
    notes = [
        f"{digits.name}, {len(digits.y_test)} of them unseen; of 50 and 150 three draws. The Transformer is as wide as "
        "ViT-Ti (192, three heads) in two layers, and nothing that it was taught before.",
        "The book's figure is of up to 300 million photos, of which such nets learn what convolutions are given: that "
        "a thing is the same wherever it is. With a thousand pictures nothing of this can be seen but its "
        "beginning: whether the gap narrows as there are more.",
    ]
    drawn = {name: ([r[0] for r in rows if r[1] == name], [r[4] for r in rows if r[1] == name]) for name in plans}
    pictures = {"Accuracy by the number of digits to learn from.":
                partial(curves, drawn, across="digits to learn from", up="accuracy, unseen", log="x")}  # fmt: skip
    columns = ("digits", "net", "weights", "epochs", "accuracy, unseen", "worst draw")
    return Table("Patches or convolutions", columns, rows, notes, {"seed": 0}, pictures=pictures)


# --- captions ---------------------------------------------------------------------------------------------------------

COLOURS = {"red": (220, 50, 40), "green": (50, 180, 70), "blue": (60, 90, 230), "yellow": (230, 205, 60)}
FORMS = ("disc", "square", "triangle", "cross")
HELD = {("green", "disc"), ("red", "triangle")}  # never in training
CANVAS = 24
Thing = tuple[str, str]


def scenes(n: int, *, seed: int, odd: bool = False) -> tuple[np.ndarray, list[str]]:
    """Pictures (n, 24, 24, 3) uint8 of two things, and a sentence of each; `odd` ones have a pair that is held out."""
    rng = np.random.default_rng([seed, odd])
    pictures, said = np.zeros((n, CANVAS, CANVAS, 3), np.uint8), []
    for i in range(n):
        things: list[Thing] = []
        while len(things) < 2 or (len(HELD & set(things)) > 0) != odd:
            things = [(str(rng.choice(list(COLOURS))), str(rng.choice(FORMS))) for _ in range(2)]
        (a, b), upright = things, rng.random() < 0.5
        along, across = sorted([rng.uniform(5, 7), rng.uniform(17, 19)]), rng.uniform(6, 18, 2)
        pictures[i] = _drawn(rng, things, [(w, u) if upright else (u, w) for u, w in zip(along, across, strict=True)])
        said.append(f"a {a[0]} {a[1]} {'above' if upright else 'left of'} a {b[0]} {b[1]}")
    return pictures, said


def _drawn(rng: np.random.Generator, things: list[Thing], places: list[tuple[float, float]]) -> np.ndarray:
    from PIL import Image as Picture
    from PIL import ImageDraw

    canvas = Picture.new("RGB", (4 * CANVAS, 4 * CANVAS), tuple(rng.integers(15, 60, 3).tolist()))
    pen = ImageDraw.Draw(canvas)
    for (colour, form), (x, y) in zip(things, places, strict=True):
        radius = rng.uniform(3.2, 4.8)
        pen.polygon([(4 * (x + radius * u), 4 * (y + radius * v)) for u, v in FIRST[form]], fill=COLOURS[colour])
    small = np.asarray(canvas.resize((CANVAS, CANVAS), Picture.Resampling.BILINEAR))
    return np.clip(small + rng.normal(0, 8, small.shape), 0, 255).astype(np.uint8)


def alike(said: list[str], truth: list[str]) -> float:
    """The share of words that are right where they stand; a sentence of another length has none."""
    rows = [(a.split(), b.split()) for a, b in zip(said, truth, strict=True)]
    return float(np.mean([np.mean([x == y for x, y in zip(a, b, strict=True)]) if len(a) == len(b) else 0.0
                          for a, b in rows]))  # fmt: skip


@recipe(
    "captions-of-shapes",
    source="Martinez-Ramon example 6.6.1",
    figure="one caption of one photo, by weights of others",
    experiments="martinez-ramon-49",
)
def captions_of_shapes(size: Size) -> Table:
    """Sentences of pictures with two things, by patches and by convolutions under a decoder like GPT-2's."""
    tiny = size == "tiny"
    n, epochs, sizes = (40, 1, {"width": 16, "n_layers": 1, "n_heads": 2}) if tiny else (2000, 15, {"width": 64})
    X, y = scenes(n, seed=0)
    (new, truth), (odd, odd_truth) = scenes(40 if tiny else 400, seed=1), scenes(40 if tiny else 200, seed=2, odd=True)
    rows: Rows = []
    made: dict[str, ImageCaptioner] = {}
    for name, encoder in (("Vision Transformer", "vit"), ("convolutions", "cnn")):
        started = time.perf_counter()
        one = ImageCaptioner(
            registry.model("vit_gpt", encoder=encoder, **sizes), epochs=epochs, batch_size=32, lr=2e-3, progress=False,
            schedule=registry.schedule("cosine", warmup=0.1), clip_norm=1.0,
        ).fit(X, y)  # fmt: skip
        said, odd_said = one.caption(new), one.caption(odd)
        rows.append((name, *judged(said, truth), *judged(odd_said, odd_truth)[1:], time.perf_counter() - started))
        made[name] = one
    usual = [one.target_.commonest]
    found = *judged(usual * len(new), truth), *judged(usual * len(odd), odd_truth)[1:]
    rows.append(("the commonest sentence", *found, 0.0))
    notes = [
        f"{n} scenes of 24 x 24 pixels for training, with two things of four forms and four colours; one sentence is "
        "right of each. Green discs and red triangles are in no scene of training and in every one of the fifth and "
        "sixth columns: their words are known, and never stood together.",
        "The book asks a net of 239 million published weights, which learned from other people's photos, for a caption "
        "of one picture; nothing is measured there. Here nothing but these scenes was learned from.",
    ]
    pictures = {
        f"Where {name} looks before each word that is due.": partial(one.plot, new[:1], truth[:1])
        for name, one in made.items()
    }
    of_patches = partial(made["Vision Transformer"].plot, odd[:1], odd_truth[:1])
    pictures["The same by patches, of a pair that training did not have."] = of_patches
    columns = ("encoder", "BLEU", "words right", "sentences right", "unseen pairs: words", "unseen pairs: sentences",
               "seconds")  # fmt: skip
    return Table("Captions of shapes", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=pictures)


def judged(said: list[str], truth: list[str]) -> tuple[float, float, float]:
    """BLEU, the share of words that are right where they stand, and that of sentences."""
    return (
        bleu(said, truth).score,
        alike(said, truth),
        float(np.mean([a == b for a, b in zip(said, truth, strict=True)])),
    )
