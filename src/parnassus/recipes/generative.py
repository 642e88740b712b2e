"""Digits made by four generators and judged by a classifier that saw other real ones; the ring of eight clouds."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from .. import registry
from ..errors import DataWarning
from ..estimators.autoencoder import Autoencoder
from ..estimators.classifier import Classifier
from ..estimators.generator import Generator
from ..functional.metrics.generation import mode_coverage
from ..functional.metrics.sample_quality import nearest_training, precision_recall_coverage, two_sample_test
from ..insight.plots import image_grid
from . import Size, Table, recipe

N_CLASSES = 10
SURENESS = {"VAE": 0.8}  # asked of a generator, as a share of that on real digits; of the others
USUAL_SURENESS, MINUTES = 0.9, 10  # and how long one may learn and draw
SHOWN = 16  # digits of each generator on the page


class Digits(NamedTuple):
    """Digits as bytes and what they are of: for generators, for the judge, and for nobody but the comparison."""

    training: tuple[np.ndarray, np.ndarray]
    judging: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]


def digits(seed: int = 0) -> Digits:
    """scikit-learn's 1,797 digits of 8 x 8, in three parts: 1,000, 400 and 397."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures, labels = np.rint(found.images * (255 / 16)).astype(np.uint8), found.target
    order = np.random.default_rng(seed).permutation(len(labels))
    return Digits(*((pictures[part], labels[part]) for part in (order[:1000], order[1000:1400], order[1400:])))


def digits_judge(pictures: np.ndarray, labels: np.ndarray, *, epochs: int = 60) -> Classifier:
    """A small convolutional classifier of digits, trained in seconds: the features that scores here are stated with."""
    return Classifier("cnn", epochs=epochs, seed=0, progress=False).fit(pictures, labels)


def _drawn(name: str, data: Digits, n: int, size: Size) -> np.ndarray:
    """n digits of a generator of this name, trained on the generators' part."""
    tiny, (x, y) = size == "tiny", data.training
    if tiny:
        x, y = x[:100], y[:100]
    shared: dict[str, Any] = {"seed": 0, "progress": False, "batch_size": 64}
    if name == "VAE":
        net = registry.model("vae", hidden=(256, 256), n_latent=8)
        shared |= {"epochs": 1 if tiny else 200, "lr": 1e-3, "schedule": "late_linear", "batch_size": None}
        return np.asarray(Autoencoder(net, **shared).fit(x).sample(n, of="means", seed=1))
    if name == "DDPM":
        net = registry.model("ddpm", channels=(8, 8) if tiny else (32, 64))
        shared |= {"epochs": 1 if tiny else 60, "lr": 1e-3, "schedule": "cosine", "average": 0.995, "batch_size": None}
        return np.asarray(Generator(net, **shared).fit(x).sample(n, seed=1))
    if name == "conditional GAN":
        net = registry.model("dcgan", width=4 if tiny else 64)
        made = Generator(net, **shared | {"epochs": 1 if tiny else 200}).fit(x, y)
        return np.asarray(made.sample(n, condition=np.arange(n) % N_CLASSES, seed=1))
    net = registry.model("dcgan", width=4 if tiny else 64, n_noise=32, game="hinge", r1=0.1)
    shared |= {"epochs": 1 if tiny else 150, "schedule": "late_linear", "average": 0.99}
    return np.asarray(Generator(net, **shared).fit(x).sample(n, seed=1))


@contextmanager
def _quiet(size: Size) -> Iterator[None]:
    """At toy size nothing is learned, and a word of that would be no news."""
    with warnings.catch_warnings():
        if size == "tiny":
            warnings.simplefilter("ignore", DataWarning)
        yield


def digits_made(size: Size) -> tuple[dict[str, np.ndarray], dict[str, float], Digits]:
    """Digits of each generator, the processor's seconds that training and drawing took, and the real digits."""
    data, made, took = digits(), {}, {}
    for name in ("DCGAN", "conditional GAN", "VAE", "DDPM"):
        start = time.process_time()
        with _quiet(size):
            made[name] = _drawn(name, data, 20 if size == "tiny" else 1000, size)
        took[name] = time.process_time() - start
    return made, took, data


def judged(pictures: np.ndarray, judge: Classifier, data: Digits) -> dict[str, float]:
    """What the judge and the distances say of digits."""
    p = judge.predict_proba(pictures)
    share = np.bincount(p.argmax(1), minlength=N_CLASSES) / len(p)
    x, training, held_out = (torch.from_numpy(part.reshape(len(part), -1) / 255.0)
                             for part in (pictures, data.training[0], data.held_out[0]))  # fmt: skip
    near = nearest_training(x, training, held_out)
    balls, told = precision_recall_coverage(held_out, x[: len(held_out)]), two_sample_test(held_out, x)
    return {
        "top": float(p.max(1).mean()), "least": float(share.min()), "most": float(share.max()), "near": near.made,
        "nearer": near.nearer, "copies": near.copies, "density": balls.density, "coverage": balls.coverage,
        "told apart": told.accuracy,
    }  # fmt: skip


def said_of(name: str, found: dict[str, float], real: dict[str, float], seconds: float) -> str:
    """'reached', or what a generator of this name misses of what is asked of it."""
    asked = SURENESS.get(name, USUAL_SURENESS)
    missed = {
        f"sureness under {asked}": found["top"] < asked * real["top"],
        "a class under half its share": found["least"] < 0.5 / N_CLASSES,
        "a class over twice its share": found["most"] > 2 / N_CLASSES,
        f"over {MINUTES} minutes": seconds > 60 * MINUTES,
    }
    return ", ".join(words for words, is_missed in missed.items() if is_missed) or "reached"


@recipe("generated-digits", source="Martinez-Ramon 8.5, 8.6, 8.10, problems 8.9 and 8.10", figure="generators compared")
def generated_digits(size: Size) -> Table:
    """Digits of DCGAN, a conditional GAN, a VAE and DDPM, judged by a classifier of held-out real digits.

    Systems: image-generation-benchmark
    """
    made, took, data = digits_made(size)
    return table_of(made, took, data, size)


def table_of(made: dict[str, np.ndarray], took: dict[str, float], data: Digits, size: Size) -> Table:
    """The table of digits that were made."""
    judge = digits_judge(*data.judging, epochs=2 if size == "tiny" else 60)
    real = judged(data.held_out[0], judge, data)
    rows: list[list[Any]] = [["held-out real", 1.0, real["least"], real["most"], real["near"], 0.5, *[""] * 6]]
    for name, pictures in {"training real": data.training[0], **made}.items():
        found = judged(pictures, judge, data)
        verdict = said_of(name, found, real, took[name]) if name in took else ""
        seconds = round(took[name], 1) if name in took else ""
        rows.append([name, found["top"] / real["top"], *list(found.values())[1:], seconds, verdict])
    columns = ("digits", "sureness", "least share", "largest share", "nearest training digit", "nearer than real",
               "copies", "density", "coverage", "told apart", "seconds", "verdict")  # fmt: skip
    notes = [
        f"Sureness is the judge's mean top probability over that on held-out real digits, {real['top']:.3f}; it calls "
        f"{judge.score(*data.held_out):.3f} of those right. Shares are of the ten classes as it sees them.",
        "Distances are in pixels from 0 to 1. Nearer than real is the chance that a made digit lies nearer to its "
        "nearest training digit than a held-out real one does: near 1 is learned by heart. Told apart is the accuracy "
        "of a nearest-neighbour test on rows it has not seen: 0.5 is by chance. Real training digits stand for a "
        "generator that learned by heart.",
        "Seconds are the processor's, of all its cores, for training and drawing. "
        f"The verdict is 'reached' for a sureness of {USUAL_SURENESS}, of a VAE {SURENESS['VAE']}, no class under "
        f"half or over twice its even share, and {MINUTES} minutes at most; else it says what is missed.",
    ]
    shown = [one for pictures in made.values() for one in pictures[:SHOWN]]
    titles = [name if i == 0 else "" for name in made for i in range(SHOWN)]
    drawn = {"Digits of each generator, row by row.": partial(image_grid, shown, titles, n_columns=SHOWN)}
    settings = {"drawn": len(made["VAE"]), "seed": 0}
    return Table("Digits made and judged", columns, rows, notes, settings, pictures=drawn)


@recipe("ring-of-eight", source="Martinez-Ramon 8.2, problem 8.2; Metz et al. 2017", figure="all modes covered")
def ring_of_eight(size: Size) -> Table:
    """Modes that GANs reach of eight clouds on a ring, over three seeds."""
    angle, rng = np.arange(8) * np.pi / 4, np.random.default_rng(0)
    modes = 2 * np.c_[np.cos(angle), np.sin(angle)]
    rows_of = modes[rng.integers(0, 8, 800)] + 0.1 * rng.normal(size=(800, 2))
    found = []
    for name in ("gan", "wgan", "wgan_gp"):
        for seed in range(1 if size == "tiny" else 3):
            with _quiet(size):
                made = Generator(name, epochs=2 if size == "tiny" else 400, seed=seed, progress=False).fit(rows_of)
            drawn = torch.from_numpy(np.asarray(made.sample(2000, seed=1))).double()
            seen = mode_coverage(drawn, torch.from_numpy(modes), radius=0.4)
            found.append((name, seed, int(seen.covered.sum()), float(seen.astray)))
    notes = ["A mode is covered that has at least a tenth of an even share within 0.4; clouds have a deviation of 0.1."]
    return Table("Eight clouds on a ring", ("model", "seed", "modes covered", "astray"), found, notes, {"seed": 0})
