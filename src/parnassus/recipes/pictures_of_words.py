"""Pictures asked for in words: shapes of captions in one stage and in two, digits of a latent diffusion told words."""

import time
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.generator import Generator
from ..insight.plots import image_grid
from . import Size, Table, recipe
from .made_pictures import Judge, digits_in_parts, unwarned

SIDE = 16
COLOURS = {"red": (220, 50, 40), "green": (50, 180, 70), "blue": (60, 90, 220)}
SHAPES, PLACES = ("disc", "square"), ("left", "right")
WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
BOOK = {"one stage: DCGAN told the caption": "2.88 (GAN-INT-CLS)", "two stages: StackGAN": "3.70"}
WHERE = {"colour": 1, "shape": 2, "place": -1}  # in a caption
Rows = list[tuple[Any, ...]]


def captions() -> list[str]:
    """Every caption of the template."""
    return [f"a {c} {s} on the {p}" for c, s, p in product(COLOURS, SHAPES, PLACES)]


def captioned(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n pictures (n, 16, 16, 3) uint8 of a shape on a dark ground, and their captions."""
    rng, texts = np.random.default_rng(seed), np.array(captions())
    down, across = np.mgrid[:SIDE, :SIDE]
    chosen, pictures = rng.permutation(np.resize(texts, n)), []
    for text in chosen:
        _, colour, shape, *_, place = str(text).split()
        radius, tone = rng.uniform(2.8, 3.8), rng.uniform(0.8, 1.1)
        middle = rng.uniform(4, 11), rng.uniform(3.5, 5) + (7 if place == "right" else 0)
        far = np.abs(np.stack([down - middle[0], across - middle[1]]))
        inside = (np.hypot(*far) if shape == "disc" else far.max(0) * np.sqrt(4 / np.pi)) < radius
        ground = rng.uniform(20, 70) + rng.normal(0, 4, (SIDE, SIDE, 1))
        pixels = np.where(inside[..., None], np.array(COLOURS[colour]) * tone, ground)
        pictures.append(np.clip(pixels, 0, 255).astype(np.uint8))
    return np.stack(pictures), chosen


def right_words(said: np.ndarray, asked: np.ndarray) -> str:
    """How many pictures have the colour, the shape and the place that were asked for, in percent, as words."""
    pairs = [(str(a).split(), str(b).split()) for a, b in zip(said, asked, strict=True)]
    shares = {what: 100 * float(np.mean([a[i] == b[i] for a, b in pairs])) for what, i in WHERE.items()}
    return ", ".join(f"{what} {share:.0f} %" for what, share in shares.items())


@recipe(
    "shapes-from-captions",
    source="Martinez-Ramon 8.9.1, table 8.3",
    figure="Inception score of birds 3.70 for StackGAN, 2.88 for GAN-INT-CLS",
    experiments="martinez-ramon-65",
)
def shapes_from_captions(size: Size) -> Table:
    """Coloured shapes drawn from captions, in one stage and by StackGAN in two, by a judge of the captions."""
    tiny = size == "tiny"
    n, epochs = (60, 2) if tiny else (960, 120)
    X, y = captioned(n, seed=0)
    judge = Judge(*captioned(60 if tiny else 600, seed=1), epochs=1 if tiny else 30)
    real, texts = captioned(48 if tiny else 480, seed=2)
    asked = np.resize(np.array(captions()), len(real))
    rows: Rows = [("real pictures", judge.agrees(real, texts), judge.score(real), "", "", "")]
    width, tiles = 4 if tiny else 24, [*real[[int(np.flatnonzero(texts == t)[0]) for t in captions()]]]
    plans = {"one stage: DCGAN told the caption": registry.model("dcgan", width=width),
             "two stages: StackGAN": registry.model("stackgan", width=width)}  # fmt: skip
    parts: dict[str, str] = {}
    for name, net in plans.items():
        started = time.perf_counter()
        with unwarned():
            made = Generator(net, epochs=epochs, batch_size=32, lr=5e-4, seed=0, progress=False).fit(X, y)
        seconds = time.perf_counter() - started
        pictures = np.asarray(made.sample(len(asked), condition=asked, seed=1))
        rows.append((name, judge.agrees(pictures, asked), judge.score(pictures), judge.apart(real, pictures),
                     BOOK[name], seconds))  # fmt: skip
        parts[name] = right_words(judge.net.predict(pictures), asked)
        tiles += [*pictures[: len(captions())]]
    notes = [
        f"{n} pictures of {SIDE} x {SIDE} pixels made here; StackGAN draws at {SIDE // 2} x {SIDE // 2} in the first "
        f"half of its {epochs} epochs and doubles that in the second, both critics seeing wrong captions too; the rate "
        "is .0005 for .0002, and stays. "
        f"A caption is one of {len(captions())} and is told as such: no net here reads its words, and none can draw "
        "a new one.",
        "As asked is the share in which the judge, a classifier of other real pictures by caption, sees the caption; "
        f"the score is of its classes, from 1 to {len(captions())}, on {len(asked)} pictures; the distance is "
        "Frechet's, squared, of its features. The book's scores are of birds by an Inception net, 30,000 pictures: "
        "they say nothing about ours, and the human ranks that it adds have nothing beside them.",
        "The judge sees as asked: " + "; ".join(f"{name}, {share}" for name, share in parts.items()) + ".",
    ]
    titles = [t for name in ("real", *plans) for t in (name, *[""] * (len(captions()) - 1))]
    drawn = {"One picture of each caption: red, green, blue; disc, then square; left, then right.":
             partial(image_grid, tiles, titles, n_columns=len(captions()))}  # fmt: skip
    columns = ("pictures", "as asked", "score", "distance", "the book, birds", "seconds")
    return Table("Shapes from captions", columns, rows, notes, {"pictures": n, "epochs": epochs, "seed": 0},
                 pictures=drawn)  # fmt: skip


# --- digits of words --------------------------------------------------------------------------------------


@recipe(
    "digits-from-words",
    source="Martinez-Ramon example 8.10.1, figures 8.15 and 8.16",
    figure="a picture of a text, and a grid of several",
    experiments="martinez-ramon-66",
    reads="mnist",
)
def digits_from_words(size: Size, data: BookSet | None = None) -> Table:
    """Digits drawn from texts such as "the digit seven" by a small latent diffusion, by how strongly it is guided."""
    tiny = size == "tiny"
    epochs = 1 if tiny else 60 if data is None else 8
    parts = digits_in_parts(data, size, side=8)
    judge = Judge(*parts.judging, epochs=2 if tiny else 60)
    real, labels = parts.held
    small = {"coder": (4, 8), "channels": (8,), "width": 8, "n_layers": 1, "n_steps": 20, "n_sampled": 2}
    sizes = small if tiny else {"coder": (16, 32), "channels": (32, 64), "width": 32, "n_layers": 1, "n_sampled": 25}
    net = registry.model("latent_diffusion", n_tokens=4, **sizes)
    made = Generator(net, condition="text", epochs=epochs, batch_size=32, lr=2e-3, schedule="cosine", average=0.99,
                     seed=0, progress=False)  # fmt: skip
    made.fit(parts.X, [f"the digit {w}" for w in WORDS[parts.y]])
    asked, n = np.arange(20 if tiny else 300) % 10, 20
    rows: Rows = [("held-out real digits", judge.agrees(real, labels), judge.score(real), "", "")]
    tiles, titles = [], []
    for strength in (1.0, 3.0, 7.5):
        made.objective_.guidance = strength  # type: ignore[assignment]
        started = time.perf_counter()
        pictures = np.asarray(made.sample(len(asked), condition=[f"the digit {w}" for w in WORDS[asked]], seed=1))
        seconds = (time.perf_counter() - started) / len(asked)
        rows.append((f"guidance {strength:g}", judge.agrees(pictures, asked), judge.score(pictures),
                     judge.apart(real, pictures), seconds))  # fmt: skip
        tiles += [*pictures[:n]]
        titles += [f"guidance {strength:g}", *[""] * (n - 1)]
    maps = " x ".join(map(str, made.objective_.latent_shape[::-1]))  # type: ignore[index]
    weights = {part: sum(p.numel() for p in getattr(made.objective_, part).parameters()) for part in ("coder", "net")}
    notes = [
        f"{parts.name}: {len(parts.X)} with texts of three words. The three parts are those of Stable Diffusion, "
        f"small: {weights['coder']:,} weights of the autoencoder, {weights['net']:,} of the U-Net and its text tower "
        f"together, all taught here, for 84, 860 and 123 million taught elsewhere; maps of {maps} for 64 x 64 x 4.",
        "Guidance is how far a step leans from the answer without a text towards the answer with it. The book's "
        "example does not name it; its software has 7.5. As asked is the share that the judge sees as the digit of the "
        f"text; the score is of its ten classes on {len(asked)} digits; the distance is Frechet's, squared, of its "
        "features.",
        "The book's prompt asks for a photo of a woman; a net that has seen ten words can draw ten digits.",
    ]
    drawn = {"Two digits of each text, zero to nine, by guidance.": partial(image_grid, tiles, titles, n_columns=10)}
    columns = ("digits", "as asked", "score", "distance", "seconds a digit")
    return Table("Digits from words", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=drawn)
