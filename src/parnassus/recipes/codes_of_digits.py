"""Codes of digits and of numbers with holes: autoencoders, stacked machines, and what they keep."""

import warnings
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from .. import registry
from ..data.book_sets import BookSet
from ..errors import DataWarning
from ..estimators.autoencoder import Autoencoder
from ..estimators.energy import RBM
from ..functional.metrics import psnr
from ..insight.plots import image_grid
from . import Size, Table, recipe
from .digit_sets import Digits, digits_of

Rows = list[tuple[Any, ...]]
TINY = {"n_train": 100, "n_test": 40}


def taken(data: BookSet | None, size: Size) -> Digits:
    """The digits of a recipe: few at toy size."""
    return digits_of(data, **TINY if size == "tiny" else {"most": 6000})


@recipe(
    "digits-through-a-bottleneck",
    source="Keras course 5.2.1",
    figure="a table of layers of 489,136 weights; codes and pictures",
    experiments="keras-15",
    reads="mnist",
)
def digits_through_a_bottleneck(size: Size, data: BookSet | None = None) -> Table:
    """A deep autoencoder of digits beside principal components with as many numbers a code: error and cross-entropy."""
    epochs = 2 if size == "tiny" else 100 if data is None else 15
    digits = taken(data, size)
    x, new = (p.reshape(len(p), -1) / 255.0 for p in (digits.X, digits.X_test))
    n_code, hidden = (32, (256, 128, 64)) if data is not None else (16, (128, 64, 32))
    rows: Rows = []
    for criterion in ("cross_entropy", "squared_error"):
        code = "relu" if criterion == "cross_entropy" else "linear"
        net = registry.model("autoencoder", hidden=hidden, n_latent=n_code, code=code, criterion=criterion)
        pictures = digits.X, digits.X_test
        made = Autoencoder(net, epochs=epochs, lr=2e-3, batch_size=64, seed=0, progress=False).fit(pictures[0])
        back = np.clip(np.asarray(made.reconstruct(pictures[1])).reshape(len(new), -1) / 255.0, 0, 1)
        rows.append((f"deep net, {criterion.replace('_', ' ')}", n_code, *_told(new, back)))
    flat = PCA(n_code, svd_solver="full").fit(x)
    linear = np.clip(flat.inverse_transform(flat.transform(new)), 0, 1)
    rows.append(("principal components", n_code, *_told(new, linear)))
    rows.append(("the pictures themselves", new.shape[1], *_told(new, new)))
    notes = [
        f"{digits.name}, {len(x)} for training; the book trains on 60,000 for 100 epochs and shows its layers, whose "
        f"weights add up to {_weights((784, 256, 128, 64, 32)):,} for 784-256-128-64-32 and back, 489,136 in the book.",
        "Cross-entropy does not reach 0 even for the pictures themselves: grey is between 0 and 1. The course says "
        "that a "
        "linear autoencoder equals PCA; it spans the same plane, if it has squared errors and a bias.",
    ]
    side = digits.X.shape[1]
    shown = [
        *digits.X_test[:8],
        *(p.reshape(side, side) for p in back[:8]),
        *(p.reshape(side, side) for p in linear[:8]),
    ]
    titles = ["as it is", *[""] * 7, "deep net", *[""] * 7, "PCA", *[""] * 7]
    drawn = {"Eight unseen digits, rebuilt.": partial(image_grid, shown, titles, n_columns=8)}
    columns = ("codes by", "numbers a code", "squared error", "cross-entropy")
    return Table("Digits through a bottleneck", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=drawn)


def _told(x: np.ndarray, back: np.ndarray) -> tuple[float, float]:
    p = np.clip(back, 1e-7, 1 - 1e-7)
    return float(((x - back) ** 2).mean()), float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).mean())


def _weights(widths: tuple[int, ...]) -> int:
    return sum(2 * a * b + a + b for a, b in pairwise(widths))


@recipe(
    "noise-taken-off-digits",
    source="Martinez-Ramon example 7.8.1, figures 7.12 and 7.13",
    figure="rebuilt digits look the same; noise is taken off; no number",
    experiments="martinez-ramon-52 martinez-ramon-53",
    reads="mnist",
)
def noise_taken_off(size: Size, data: BookSet | None = None) -> Table:
    """A convolutional autoencoder taught on clean digits, and one taught to take noise off: peak signal to noise."""
    epochs = 1 if size == "tiny" else 15 if data is None else 5
    digits = taken(data, size)
    pictures = digits.X, digits.X_test
    if data is None:  # two halvings need more than 8 pixels
        pictures = digits.X.repeat(2, 1).repeat(2, 2), digits.X_test.repeat(2, 1).repeat(2, 2)
    rng = np.random.default_rng(0)
    clean = pictures[1] / 255.0
    noisy = np.clip(clean + 0.4 * rng.normal(size=clean.shape), 0, 1)
    spoilt = np.rint(noisy * 255).astype(np.uint8)
    rows: Rows = [("nothing", _peak(clean, clean), _peak(clean, noisy))]
    shown = {"clean": clean, "noisy": noisy}
    for name, options in (
        ("taught clean on clean", {}),
        ("taught clean from noisy", {"corruption": "gaussian", "level": 0.4}),
    ):
        net = registry.model("conv_ae", **options)
        made = Autoencoder(net, epochs=epochs, lr=2e-3, batch_size=64, seed=0, progress=False).fit(pictures[0])
        back = [np.asarray(made.reconstruct(p)) / 255.0 for p in (pictures[1], spoilt)]
        rows.append((name, *(_peak(clean, b) for b in back)))
        shown[f"{name}, given noisy"] = back[1]
    notes = [
        f"{digits.name}" + (", each pixel doubled" if data is None else "") + f"; {len(pictures[0])} for training. "
        "Decibels "
        "of the peak signal to the error, higher is nearer. The noise, which the book does not state, has a standard "
        "deviation of .4 of the range, cut at its ends.",
        "The book's code of 7 x 7 x 32 numbers holds twice as many as its pictures have pixels: it is no bottleneck, "
        "and "
        "a net taught on clean digits alone copies noise as well as ink.",
    ]
    titles = [name if i == 0 else "" for name in shown for i in range(6)]
    tiles = [picture for row in shown.values() for picture in row[:6]]
    drawn = {"Six digits by row of what was done.": partial(image_grid, tiles, titles)}
    columns = ("net", "given clean digits, dB", "given noisy digits, dB")
    return Table(
        "Noise taken off digits", columns, rows, notes, {"epochs": epochs, "noise": 0.4, "seed": 0}, pictures=drawn
    )


def _peak(x: np.ndarray, back: np.ndarray) -> Any:
    """Decibels of the peak signal to the error; "exact" where there is none."""
    found = psnr(x, back, data_range=1)
    return found if found < np.inf else "exact"


@recipe(
    "stacked-machines-on-digits",
    source="Martinez-Ramon example 7.3.1, figure 7.3",
    figure="78 % from pixels, 87 % from two machines of 100 units, 89 % with 256; class 1 from 107 to 160",
    experiments="martinez-ramon-50",
)
def stacked_machines(size: Size) -> Table:
    """Digits and their shifted copies by a softmax on pixels and on two restricted Boltzmann machines' features."""
    tiny = size == "tiny"
    found = load_digits()
    pictures, y, origin = found.images / 16, found.target, np.arange(len(found.target))
    moved = [pictures, *(_shifted(pictures, step) for step in ((0, 1), (0, -1), (1, 0), (-1, 0)))]
    X, labels, origin = np.concatenate(moved).reshape(-1, 64).astype(np.float32), np.tile(y, 5), np.tile(origin, 5)
    X = X[:, (X > 0).mean(0) > 0.05]  # pixels that are white in nearly every digit say nothing
    leaky = train_test_split(np.arange(len(X)), test_size=0.2, random_state=0)
    left_out = np.isin(origin, np.random.default_rng(0).choice(len(y), len(y) // 5, replace=False))
    clean = np.flatnonzero(~left_out), np.flatnonzero(left_out & (np.arange(len(X)) < len(y)))
    rows: Rows = []
    for split, (train, test) in (("as in the book: copies on both sides", leaky), ("whole digits held out", clean)):
        train = train[:300] if tiny else train
        rows.append((split, "pixels", 0.78, *_softmax(X, labels, train, test)))
        for widths, printed in (((100, 100), 0.87), ((256, 100), 0.89))[: 1 if tiny else 2]:
            seen = X
            for width in widths:
                net = registry.model("rbm", n_components=width)
                machine = RBM(
                    net, epochs=1 if tiny else 10, lr=0.06, batch_size=10, optimizer="sgd", seed=0, progress=False
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DataWarning)  # a unit that is on for every digit
                    machine.fit(seen[train])
                seen = np.asarray(machine.transform(seen), dtype=np.float32)
            rows.append(
                (split, f"machines of {widths[0]} and {widths[1]}", printed, *_softmax(seen, labels, train, test))
            )
    notes = [
        "What the book calls MNIST has the size of these 1,797 digits with four copies each, shifted by a pixel. Its "
        "split puts copies of one digit on both sides; held out whole, no copy of a test digit was learned.",
        "The book counts 107 of the digits 1 right from pixels and 160 from machines. It finds 256 units better than "
        "100; "
        "that is for one seed and ten passes, and need not hold for others.",
    ]
    columns = ("split", "features", "the book", "accuracy", "digits 1 right", "of")
    return Table("Stacked machines on digits", columns, rows, notes, {"epochs": 10, "steps of a chain": 1, "seed": 0})


def _shifted(pictures: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    down, right = step
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 9 - down, 1 - right : 9 - right]


def _softmax(X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[float, int, int]:
    """Held-out accuracy, how many 1s are right, and how many there are."""
    made = LogisticRegression(C=1000.0, max_iter=5000).fit(X[train], y[train])
    said = made.predict(X[test])
    ones = y[test] == 1
    return float((said == y[test]).mean()), int((said[ones] == 1).sum()), int(ones.sum())


@recipe(
    "holes-filled-by-a-vae",
    source="Martinez-Ramon example 7.9.1",
    figure="a table of ten values with those filled in, worse than the mean",
    experiments="martinez-ramon-54",
)
def holes_filled(size: Size) -> Table:
    """Holes of one random column, which nothing foretells, and of wine's thirteen, filled by a VAE and by means."""
    epochs = 2 if size == "tiny" else 300
    state = np.random.RandomState(0)
    column = state.randn(100, 1)
    seen = state.choice([0, 1], size=(100, 1), p=[0.2, 0.8]) == 1
    rng = np.random.default_rng(0)
    wine = load_wine().data
    wine = (wine - wine.mean(0)) / wine.std(0)
    book = {0: 1.6616584, 2: -0.08713832, 9: 0.10737716}
    rows: Rows = []
    for name, full, known in (
        ("one normal column", column, seen),
        ("wine's 13 columns", wine, rng.random(wine.shape) < 0.8),
    ):
        holed = np.where(known, full, np.nan)
        mean = np.where(known, full, np.nanmean(holed, 0))
        n_latent = 1 if full.shape[1] == 1 else 4
        made = Autoencoder(
            registry.model("vae", hidden=(32,), n_latent=n_latent), epochs=epochs, seed=0, progress=False
        )
        filled = np.asarray(made.fit(holed).impute(holed, seed=0))
        for way, said in (("the mean of what is seen", mean), ("a VAE", filled)):
            off = (said - full)[~known]
            rows.append(
                (name, int((~known).sum()), way, float(np.sqrt((off**2).mean())), bool((said == full)[known].all()))
            )
    kept = {i: (column[i, 0], printed) for i, printed in book.items()}
    told = "; ".join(f"value {i + 1}, {true:.4f}, printed as {said:.4f}" for i, (true, said) in kept.items())
    notes = [
        "The book's column is a hundred draws of a normal law, each on its own: nothing tells what a hole held, and "
        "the "
        f"mean is the best that can be said. Its printed table changes values that were seen as well ({told}): a "
        "rebuilt row is no filled row.",
        "Where columns depend on each other, as wine's do, the net has something to go by. Errors are in standard "
        "deviations.",
    ]
    columns = ("data", "holes", "filled by", "error of what was filled", "what was seen is unchanged")
    return Table("Holes filled by a VAE", columns, rows, notes, {"epochs": epochs, "seed": 0})
