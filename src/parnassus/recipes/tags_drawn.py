"""Tags of pictures drawn by a game told the pictures' features: whole sets of words, as one person writes them."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import registry
from ..data.tables.table import Table as Columns
from ..estimators.classifier import Classifier
from ..estimators.generator import Generator
from ..insight.plots import image_grid
from ..models.generative.gan import Told
from ..models.tables.mlp import MLP
from ..objectives.generative.gan import Adversarial
from ..train.phase import Batch
from ..train.randomness import kept_random
from . import Size, Table, recipe
from .made_pictures import unwarned

SIDE = 16
WORDS = np.array([["disc", "ball"], ["square", "box"], ["cross", "plus"]])  # by shape: of one person, of another
TAGS = WORDS.T.ravel()  # the first person's three words, then the other's
NOISE = 16


class Tagged(NamedTuple):
    """Pictures (n, 16, 16) uint8, which shapes are in them (n, 3), who tagged them, and the tags (n, 6), 0 or 1."""

    pictures: np.ndarray
    shapes: np.ndarray
    people: np.ndarray

    @property
    def tags(self) -> np.ndarray:
        own = self.people[:, None] == np.repeat([0, 1], 3)
        return (np.tile(self.shapes, 2) & own).astype(np.float32)


def tagged(n: int, *, seed: int) -> Tagged:
    """n pictures with one to three of a disc, a square and a cross, each in its own quarter, and who tagged them."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:SIDE, :SIDE]
    pictures, shapes = rng.integers(10, 50, (n, SIDE, SIDE)), np.zeros((n, 3), dtype=bool)
    for picture, there in zip(pictures, shapes, strict=True):
        there[rng.permutation(3)[: rng.integers(1, 4)]] = True
        quarters = rng.permutation(4)
        for kind in np.flatnonzero(there):
            top, left = divmod(int(quarters[kind]), 2)
            y, x = np.array([top, left]) * 8 + rng.integers(3, 5, 2)
            v, u = np.abs(down - y), np.abs(across - x)
            inside = (np.hypot(v, u) < 3.2, np.maximum(v, u) < 3, ((v < 1) | (u < 1)) & (np.maximum(v, u) < 4))[kind]
            picture[inside] = rng.integers(140, 250)
    return Tagged(pictures.astype(np.uint8), shapes, rng.integers(0, 2, n))


class Tagging(Adversarial):
    """Tags against a critic, both players told numbers: a row holds `n_tags` tags, then what is known of its picture.

    Source: Mirza and Osindero 2014, section 4.2; Martinez-Ramon 8.6.1: the features are of a net that stays as it is.
    """

    def __init__(self, n_tags: int, n_known: int, *, hidden: int) -> None:
        maker = Told(nn.Sequential(*MLP([NOISE + n_known, hidden, hidden, n_tags]), nn.Sigmoid()), (n_tags,))
        critic = Told(MLP([n_tags + n_known, hidden, hidden, 1], activation="leaky_relu"), ())
        adam = {"name": "adam", "betas": (0.5, 0.999)}
        super().__init__(maker, critic, (n_tags,), 0, n_told=n_known, n_noise=NOISE, optimizer=adam)
        self.n_tags = n_tags

    def cut(self, batch: Batch) -> Batch:
        """A row's tags as x, the rest as what is told."""
        return {"x": batch["x"][:, : self.n_tags], "y": batch["x"][:, self.n_tags :]}

    def criticise(self, batch: Batch) -> Tensor:
        return super().criticise(self.cut(batch))

    def deceive(self, batch: Batch) -> Tensor:
        return super().deceive(self.cut(batch))

    def conclude(self, batches: Any) -> None:
        self.eval()  # whether tags have collapsed is in the table


def drawn_tags(made: Generator, known: np.ndarray, seed: int) -> np.ndarray:
    """A set of tags for each row of features, drawn, (n, 6)."""
    game = made.objective_.eval()
    z = torch.randn(len(known), NOISE, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        found = game.generator(z, torch.from_numpy(known))  # type: ignore[operator]
    return (found.numpy() > 0.5).astype(int)


def judged(said: np.ndarray, new: Tagged) -> tuple[float, float, float]:
    """Shares of sets that one of both people would write, that hold two words for one shape; F1 by the written tags."""
    either = np.stack([np.tile(new.shapes, 2) & (np.repeat([0, 1], 3) == person) for person in (0, 1)])
    whole = (said == either).all(2).any(0)
    twice = (said[:, :3] & said[:, 3:]).any(1)
    hits = (said * new.tags).sum()
    return float(whole.mean()), float(twice.mean()), float(2 * hits / (said.sum() + new.tags.sum()))


def features_of(stacks: list[np.ndarray], other: Tagged, tiny: bool) -> list[np.ndarray]:
    """What a net that learned the shapes of other pictures is shown by these, standardised by the first stack."""
    names = np.array(["disc", "square", "cross"])
    frozen = Classifier(registry.model("cnn", channels=(8, 16)), epochs=2 if tiny else 15, progress=False)
    frozen.fit(other.pictures, [names[s].tolist() for s in other.shapes])
    found = [np.asarray(frozen.features(stack)) for stack in stacks]
    mean, std = found[0].mean(0), found[0].std(0)
    varies = std > 1e-6  # units that never fire say nothing
    return [((f - mean)[:, varies] / std[varies]).astype(np.float32) for f in found]


def game_of(tags: np.ndarray, known: np.ndarray, *, epochs: int, hidden: int) -> Generator:
    """A game that has learned tags (n, 6) of features (n, d)."""
    with kept_random(torch.device("cpu"), 0, "tagging"):
        game = Tagging(tags.shape[1], known.shape[1], hidden=hidden)
    plan: dict[str, Any] = {"epochs": epochs, "batch_size": 64, "lr": 1e-3, "seed": 0, "progress": False}
    with unwarned():
        return Generator(game, codec=Columns(scaling="none"), **plan).fit(np.concatenate([tags, known], 1))


@recipe(
    "tags-drawn-for-pictures",
    source="Martinez-Ramon 8.6.1",
    figure="tags drawn by a conditional game from features of pictures; no number",
    experiments="martinez-ramon-61",
)
def tags_drawn(size: Size) -> Table:
    """Tags of pictures whose people use different words: each tag by itself, and whole sets drawn by a game."""
    tiny = size == "tiny"
    n = 60 if tiny else 1500
    given, new = tagged(n, seed=0), tagged(40 if tiny else 600, seed=1)
    known, asked = features_of([given.pictures, new.pictures], tagged(n, seed=2), tiny)
    epochs = 1 if tiny else 60
    alone = Classifier(registry.model("mlp", hidden=(64, 64)), epochs=epochs, progress=False)
    p = alone.fit(known, given.tags.astype(int)).predict_proba(asked)
    made = game_of(given.tags, known, epochs=epochs if tiny else 4 * epochs, hidden=16 if tiny else 128)
    answers = {
        "each tag by itself, from .5 on": (p >= 0.5).astype(int),
        "each tag by itself, drawn": (np.random.default_rng(3).random(p.shape) < p).astype(int),
        "drawn by the game": drawn_tags(made, asked, 1),
        "the people themselves": new.tags.astype(int),
    }
    rows = [(name, *judged(said, new)) for name, said in answers.items()]
    first = np.stack([drawn_tags(made, asked, seed)[:, :3].any(1) for seed in range(20)]).mean(0)
    notes = [
        f"{n} pictures of {SIDE} x {SIDE} pixels made here with one to three shapes. One person writes "
        f"{', '.join(WORDS[:, 0])}, another {', '.join(WORDS[:, 1])}, and each tags half of them. Features are of a "
        "net that learned the shapes of other pictures and stays as it is.",
        "A whole set is one that either person would write for the picture. Tags by themselves are about as likely as "
        "not, whichever words a person uses: drawn one by one they mix the words. Cut at .5 they mix them less than "
        "one might think, for what makes a net lean to one word of a person makes it lean to the others.",
        f"The game draws whole sets. Its noise is to say whose words they are, and of twenty draws for a picture "
        f"{100 * first.mean():.0f} % are the first person's; but for {100 * np.isin(first, (0, 1)).mean():.0f} % of "
        "the pictures all twenty are one person's: there the game says one set where it should say either.",
        "The book's net has features of ImageNet, vectors of 247,465 words and Flickr's tags, and shows some of them, "
        "without a number. F1 is by the tags that were written, which nobody can know beyond half.",
    ]
    said = [", ".join(TAGS[row.astype(bool)]) or "nothing" for row in answers["drawn by the game"][:8]]
    drawn = {"Eight new pictures, and the tags that were drawn.": partial(image_grid, list(new.pictures[:8]), said,
                                                                         n_columns=4)}  # fmt: skip
    columns = ("tags", "whole sets", "two words for a shape", "F1, tags written")
    return Table("Tags drawn for pictures", columns, rows, notes, {"pictures": n, "seed": 0}, pictures=drawn)
