"""Digits by players that grow from 4 x 4 pixels, beside the same nets whole from the start."""

from functools import partial
from typing import Any

import numpy as np
import torch

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.generator import Generator
from ..insight.plots import image_grid
from ..models.generative.gan import halvings
from ..models.generative.progan import ADAM, GrowingCritic, GrowingGenerator
from ..objectives.generative.gan import Adversarial
from ..train.randomness import kept_random
from . import Size, Table, recipe
from .made_pictures import Judge, digits_in_parts, unwarned

N_NOISE = 16
GAME: dict[str, Any] = {"n_noise": N_NOISE, "game": "wasserstein", "lipschitz": "penalty", "drift": 0.001}


def whole(width: int, side: int) -> Adversarial:
    """The nets of `progan`, whole from the first step to the last."""
    with kept_random(torch.device("cpu"), 0, "whole"):
        maker = GrowingGenerator(N_NOISE, 1, (side, side), width=width)
        critic = GrowingCritic(1, (side, side), width=width)
    return Adversarial(maker, critic, (1, side, side), 0, **GAME, optimizer=ADAM)


@recipe(
    "growing-digits",
    source="Karras et al. 2018, section 6.2 and figure 4; cited in Martinez-Ramon 8.8",
    figure="nets that grow are as good sooner than the same nets whole from the start, on pictures of 1024 x 1024",
    reads="mnist",
)
def growing_digits(size: Size, data: BookSet | None = None) -> Table:
    """Generators that learn few pixels and then twice as many, and that learn all from the start, by a judge."""
    parts = digits_in_parts(data, size, side=8)
    side = parts.X.shape[1]
    n, (first, _) = halvings((side, side))
    width, epochs = (4, 3) if size == "tiny" else (8, 48)
    judge = Judge(*parts.judging, epochs=2 if size == "tiny" else 60)
    real = parts.held[0]
    plan: dict[str, Any] = {"batch_size": 32, "lr": 3e-3, "average": 0.99, "seed": 0, "progress": False}
    rows: list[tuple[Any, ...]] = [("held-out real digits", judge.sureness(real), *_ends(judge.shares(real)), "")]
    shown: list[np.ndarray] = []
    titles: list[str] = []
    grown = registry.model("progan", width=width, n_noise=N_NOISE)
    nets = {f"grown from {first} x {first}": grown, "whole": whole(width, side)}
    for name, net in nets.items():
        with unwarned():  # a collapse shows in the table
            made = Generator(net, epochs=epochs, **plan).fit(parts.X)
        drawn = np.asarray(made.sample(len(real), seed=1))
        rows.append((name, judge.sureness(drawn), *_ends(judge.shares(drawn)), judge.apart(real, drawn)))
        shown += [*drawn[:10]]
        titles += [name, *[""] * 9]
    apart = [row[-1] for row in rows[1:]]
    notes = [
        f"{parts.name}: {len(parts.X)} for the nets, others for the judge and for comparison. {epochs} epochs of "
        f"batches of 32 in {2 * n + 1} equal stretches: the first is of {first} x {first} pixels; each doubling "
        f"up to {side} x {side} ({n} in all) is faded in over one and held for one.",
        "Sureness is the judge's mean top probability; shares are of the ten classes as it sees them; the distance is "
        f"Frechet's, squared, of its features of {len(real)} real and as many made digits.",
        f"Growing is {'ahead' if apart[0] < apart[1] else 'behind'} here, of doublings: {n}. The "
        "paper's nets double up to eight times, and are said to be as good two to six times sooner.",
    ]
    pictures = {"Ten digits of each, row by row.": partial(image_grid, shown, titles, n_columns=10)}
    columns = ("digits", "sureness", "least share", "largest share", "distance")
    return Table("Growing digits", columns, rows, notes, {"batch": 32, "seed": 0}, pictures=pictures)


def _ends(shares: np.ndarray) -> tuple[float, float]:
    return float(shares.min()), float(shares.max())
