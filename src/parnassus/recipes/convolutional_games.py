"""Digits by convolutional generators and critics: a training in stages, rates that upset it, ways between noises."""

from functools import partial
from typing import Any

import numpy as np
import torch

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.generator import Generator
from ..functional.metrics.latent_space import between
from ..insight.plots import image_grid
from . import Size, Table, recipe
from .made_pictures import Judge, Parts, digits_in_parts, unwarned

Rows = list[tuple[Any, ...]]


def plans(size: Size, data: BookSet | None) -> dict[str, dict[str, Any]]:
    """Trainings by name: the book's, cut short twice and whole, and with a rate or a momentum that it warns of."""
    full = 1 if size == "tiny" else 60 if data is None else 12
    stages = [1] if size == "tiny" else [max(full // 60, 1), full // 5, full]
    found: dict[str, dict[str, Any]] = {f"the book's, epochs: {n}": {"epochs": n} for n in stages}
    if size == "tiny":
        return found
    found["rate .001 for .0002"] = {"epochs": full, "lr": 1e-3}
    found["first momentum .9 for .5"] = {"epochs": full, "optimizer": registry.optimizer("adam", betas=(0.9, 0.999))}
    return found


def game(parts: Parts, size: Size, **more: Any) -> Generator:
    """A small DCGAN that has learned."""
    net = registry.model("dcgan", width=4 if size == "tiny" else 32)
    plan: dict[str, Any] = {"batch_size": 32, "lr": 2e-4, "seed": 0, "progress": False} | more
    with unwarned():  # a collapse shows in the table
        return Generator(net, **plan).fit(parts.X)


@recipe(
    "digits-from-a-dcgan",
    source="Martinez-Ramon 8.5.1 and example 8.5.1, figure 8.6",
    figure="training is stable at a rate of .0002 and a first momentum of .5; noise becomes digits",
    experiments="martinez-ramon-56 martinez-ramon-59",
    reads="mnist",
)
def digits_from_a_dcgan(size: Size, data: BookSet | None = None) -> Table:
    """DCGAN on digits, stage by stage, and with the rate and the momentum that are said to upset it, by a judge."""
    parts = digits_in_parts(data, size)
    judge = Judge(*parts.judging, epochs=2 if size == "tiny" else 60)
    real = parts.held[0]
    rows: Rows = [("held-out real digits", "", judge.sureness(real), *_ends(judge.shares(real)), "")]
    rows.append(("training digits", "", judge.sureness(parts.X), *_ends(judge.shares(parts.X)),
                 judge.apart(real, parts.X)))  # fmt: skip
    shown: list[np.ndarray] = []
    titles: list[str] = []
    steps = -(-len(parts.X) // 32)
    for name, plan in plans(size, data).items():
        made = np.asarray(game(parts, size, **plan).sample(len(real), seed=1))
        rows.append((name, steps * plan["epochs"], judge.sureness(made), *_ends(judge.shares(made)),
                     judge.apart(real, made)))  # fmt: skip
        shown += [*made[:10]]
        titles += [name, *[""] * 9]
    notes = [
        f"{parts.name}: {len(parts.X)} for the nets, others for the judge and for comparison. Batches of 32, "
        "weights of N(0, .02), slope .2, as in the book; its nets with 32 and 64 maps for 64 and 128. Its 10,000 "
        "epochs are steps: of MNIST that would be 5 times through the set.",
        f"The judge calls {judge.agrees(*parts.held):.3f} of the held-out digits right. Sureness is its mean top "
        "probability; shares are of the ten classes as it sees them; the distance is Frechet's, squared, of its "
        f"features of {len(real)} real and as many made digits: it is no FID, whose features are an Inception net's.",
        "The book shows pictures of LSUN, faces and ImageNet, which are not at hand, and no number.",
    ]
    drawn = {"Ten digits of each training, row by row.": partial(image_grid, shown, titles, n_columns=10)}
    columns = ("digits", "steps", "sureness", "least share", "largest share", "distance")
    return Table("Digits from a DCGAN", columns, rows, notes, {"batch": 32, "seed": 0}, pictures=drawn)


def _ends(shares: np.ndarray) -> tuple[float, float]:
    return float(shares.min()), float(shares.max())


# --- between two noises -------------------------------------------------------------------------------


@recipe(
    "between-two-digits",
    source="Keras course 5.3",
    figure="pictures change evenly between two noises; means of noises add up as what they show does",
    experiments="keras-16",
    reads="mnist",
)
def between_two_digits(size: Size, data: BookSet | None = None) -> Table:
    """Ways between two made digits through noises and through pixels, and ink added as a difference of noises."""
    n, many = (6, 40) if size == "tiny" else (200, 1000)
    parts = digits_in_parts(data, size)
    judge = Judge(*parts.judging, epochs=2 if size == "tiny" else 60)
    made = game(parts, size, epochs=1 if size == "tiny" else 80 if data is None else 15)
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, n, 100, generator=generator)
    first, last = pictures_of(made, a), pictures_of(made, b)
    rows: Rows = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        here = pictures_of(made, on_the_way(a, b, share))
        mixed = np.rint(first * (1 - share) + last * share).astype(np.uint8)
        rows.append((f"{share:g} of the way", judge.sureness(here), judge.sureness(mixed),
                     _nearest(here, parts.X), _nearest(mixed, parts.X)))  # fmt: skip
    noises = torch.randn(many, 100, generator=generator)
    ink = pictures_of(made, noises).reshape(many, -1).mean(1)
    order, tenth = torch.from_numpy(np.argsort(ink)), many // 10
    change = noises[order[-tenth:]].mean(0) - noises[order[:tenth]].mean(0)
    before, after = pictures_of(made, a), pictures_of(made, a + 2 * change)
    added = ink[order[-tenth:]].mean() - ink[order[:tenth]].mean()
    notes = [
        f"{parts.name}; a DCGAN with one move of the critic to one of the generator (k = 1), 200 pairs of noises; ways "
        "are on the sphere. Sureness is the judge's mean top probability; the other two columns are distances in "
        "pixels from 0 to 1 to the nearest training digit.",
        f"The mean noise of the tenth of {many} digits with most ink, less that of the tenth with least, differ by "
        f"{added:.0f} grey levels in their digits. Twice that difference added to other noises moves their mean ink "
        f"from {before.mean():.0f} to {after.mean():.0f}; the judge still calls "
        f"{100 * judge.agrees(after, judge.net.predict(before)):.0f} % of the digits what they were.",
        "The course shows faces of the literature, and no number.",
    ]
    steps = np.linspace(0, 1, 8)
    ways = [pictures_of(made, on_the_way(a[:5], b[:5], t)) for t in steps]
    ways.append(pictures_of(made, a[:5] + 2 * change))
    tiles = [way[i] for i in range(5) for way in ways]
    titles = [*[f"{t:.2f}" for t in steps], "0, inked"]
    drawn = {"Five ways from one noise to another, and their beginnings with ink added.":
             partial(image_grid, tiles, titles, n_columns=9)}  # fmt: skip
    columns = ("where", "sureness, noises", "of pixels mixed", "nearest digit, noises", "of pixels mixed, nearest")
    return Table("Between two digits", columns, rows, notes, {"pairs": n, "seed": 0}, pictures=drawn)


def on_the_way(a: torch.Tensor, b: torch.Tensor, share: float) -> torch.Tensor:
    """Noises `share` of the way from a to b on the sphere, as long as they are by the mean."""
    way = between(a, b, torch.full((len(a),), share))
    return way * ((1 - share) * a.norm(dim=1) + share * b.norm(dim=1))[:, None]


def pictures_of(made: Generator, z: torch.Tensor) -> np.ndarray:
    """Pictures of noises (n, 100)."""
    made.objective_.eval()
    with torch.inference_mode():
        return np.asarray(made.codec_.decode(made.objective_.generator(z)))  # type: ignore[attr-defined, operator]


def _nearest(pictures: np.ndarray, real: np.ndarray) -> float:
    x, known = (torch.from_numpy(p.reshape(len(p), -1) / 255.0) for p in (pictures, real))
    return float(torch.cdist(x, known).min(1).values.mean())
