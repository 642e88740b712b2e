"""Dropout: how many units a rate drops, what it does for digits, and to the filters of a Boltzmann machine."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..functional.energy.restricted import Machine, hidden_probability, visible_mean
from ..functional.regularization import dropout_at_prediction, dropout_at_training
from ..insight.units import tiles
from . import Size, Table, recipe
from .digit_sets import digits_of


@recipe(
    "dropout",
    source="Hifny figure 14.2",
    figure="about half of the hidden units are dropped",
    experiments="hifny-24",
    reads="mnist",
)
def dropout(size: Size, data: BookSet | None = None) -> Table:
    """A net 3-4-4 under dropout of a half, and a dense net on few digits with and without it."""
    n, runs, epochs = (60, 1, 3) if size == "tiny" else (300, 5, 120)
    rng = torch.Generator().manual_seed(0)
    w1, w2 = torch.randn(3, 4, generator=rng), torch.randn(4, 4, generator=rng)
    keep = (torch.rand(10_000, 4, generator=rng) >= 0.5).double()
    h = torch.relu(torch.tensor([[1.0, -0.5, 2.0]]) @ w1).double()
    dropped = (1 - keep).sum(1)
    outputs = dropout_at_training(h, keep, rate=0.5) @ w2.double()
    whole = dropout_at_prediction(h, rate=0.5) @ w2.double()
    bare = dropout_at_training(h, keep, rate=0.5, scaling="prediction") @ w2.double()
    later = dropout_at_prediction(h, rate=0.5, scaling="prediction") @ w2.double()
    gaps = [float((a.mean(0) - b).abs().max()) for a, b in ((outputs, whole), (bare, later))]
    rows: list[tuple] = [
        ("3-4-4, mean number of units dropped of 4", "about half", float(dropped.mean())),
        ("3-4-4, passes with exactly two dropped, %", "", 100 * float((dropped == 2).double().mean())),
        ("3-4-4, passes with none or all dropped, %", "", 100 * float((dropped % 4 == 0).double().mean())),
        ("gap of the mean output in training from that in prediction, scaled in training", "", gaps[0]),
        ("the same, scaled in prediction", "", gaps[1]),
    ]
    digits = digits_of(data, n_train=n)
    X, new = digits.rows()
    for rate in (0.0, 0.5, 0.9):
        scores = []
        for seed in range(runs):
            model = registry.model("mlp", hidden=(256,), dropout=rate)
            made = Classifier(model, epochs=epochs, seed=seed, progress=False).fit(X, digits.y)
            scores.append((made.score(X, digits.y), made.score(new, digits.y_test)))
        train, held = np.mean(scores, 0)
        rows.append((f"256 units, dropout {rate}: accuracy on {n} digits", "", float(train)))
        rows.append((f"256 units, dropout {rate}: on unseen ones", "", float(held)))
    notes = [
        "The rate here is the probability to drop; the four outcomes of a half follow the binomial law: two of four "
        "are dropped in 37.5 % of passes, none or all in 12.5 %.",
        f"{digits.name}, the mean of {runs} starts. The book prints no number.",
    ]
    return Table("Dropout", ("what", "the book", "here"), rows, notes, {"epochs": epochs, "seed": 0})


def machine_of(v: Tensor, *, n_hidden: int, rate: float, epochs: int, seed: int) -> Machine:
    """A Boltzmann machine trained by CD-1, each batch with a share `rate` of its hidden units away."""
    rng = torch.Generator().manual_seed(seed)
    w = 0.01 * torch.randn(v.shape[1], n_hidden, generator=rng)
    m = v.mean(0).clamp(0.01, 0.99)
    b, c, speed = (m / (1 - m)).log(), torch.zeros(n_hidden), torch.zeros_like(w)
    for _ in range(epochs):
        for batch in v[torch.randperm(len(v), generator=rng)].split(50):
            machine = Machine(w, b, c)
            keep = (torch.rand(len(batch), n_hidden, generator=rng) >= rate).float()
            p = hidden_probability(batch, machine) * keep
            again = visible_mean(torch.bernoulli(p, generator=rng), machine)
            q = hidden_probability(again, machine) * keep
            speed = 0.5 * speed + 0.1 * (batch.T @ p - again.T @ q) / len(batch)
            w, b = w + speed, b + 0.05 * (batch - again).mean(0)
            c = c + 0.05 * (p - q).mean(0)
    return Machine(w, b, c)


@recipe(
    "filters-of-a-boltzmann-machine",
    source="Jaiswal 2.6.5, figure 2.9",
    figure="filters of 256 hidden units, sorted by length, without and with dropout",
    experiments="jaiswal-5",
    reads="mnist",
)
def boltzmann_filters(size: Size, data: BookSet | None = None) -> Table:
    """Restricted Boltzmann machines on digits with and without dropout: their filters, how long and how alike."""
    n_hidden, epochs = (16, 2) if size == "tiny" else (256, 60 if data is None else 12)
    digits = digits_of(data, **({"n_train": 100, "n_test": 40} if size == "tiny" else {}), most=6000)
    v, new = (torch.from_numpy(x.reshape(len(x), -1) / 255).float() for x in (digits.X, digits.X_test))
    side, rows, sheets = digits.X.shape[1], [], {}
    for name, rate in (("without dropout", 0.0), ("dropout .5", 0.5)):
        machine = machine_of(v, n_hidden=n_hidden, rate=rate, epochs=epochs, seed=0)
        order = machine.w.norm(dim=0).argsort(descending=True)
        w, h = machine.w[:, order], hidden_probability(new, machine)
        cosine = F.normalize(w, dim=0).T @ F.normalize(w, dim=0)
        alike = float(cosine[~torch.eye(n_hidden, dtype=torch.bool)].abs().mean())
        error = float((visible_mean(h * (1 - rate), machine) - new).square().mean())
        lengths = w.norm(dim=0)
        rows.append((name, float(lengths[0]), float(lengths.median()), alike, float((h < 0.1).float().mean()), error))
        sheets[name] = w.T.reshape(-1, side, side).numpy()
    notes = [
        f"{digits.name}; {n_hidden} hidden units, CD-1. The book says only that the filters differ in clearness.",
        "Alike is the mean size of the cosine of two filters; quiet, the share of hidden probabilities below .1 "
        "on "
        "unseen digits. Reconstructions under dropout halve the hidden layer.",
    ]
    shown = {f"The longest filters, {name}.": lambda s=sheet: tiles(s) for name, sheet in sheets.items()}
    columns = ("machine", "longest filter", "median length", "alike", "quiet", "squared error of reconstructions")
    return Table("Filters of a Boltzmann machine", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown)
