"""How far back nets see: gaps of growing length, chance and HiPPO matrices, three ways to train, and hybrids."""

import time
from typing import Any

import numpy as np
import torch

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..estimators.language_model import LanguageModel
from ..estimators.regressor import Regressor
from ..functional.statespace import bilinear, legs
from . import Size, Table, recipe
from .digit_sets import digits_of
from .language import help_pages
from .memory_tasks import adding, recall


@recipe(
    "gap-to-remember",
    source="Baker 6.4",
    figure="recurrent nets handle a short gap and fail at a long one",
    experiments="baker-19",
)
def gap(size: Size) -> Table:
    """The first symbol of a row said again behind gaps of growing length, by four nets: accuracy on unseen rows."""
    n, epochs, gaps = (80, 1, (2, 8)) if size == "tiny" else (2000, 8, (2, 10, 30, 90))
    models: dict[str, dict[str, Any]] = {"rnn": {}, "lstm": {}, "gru": {}, "s4d": {"n_layers": 1}}
    rows = []
    for name, options in models.items():
        scores = []
        for length in gaps:
            model = registry.model(name, hidden=32, **options)
            made = Classifier(model, epochs=epochs, lr=4e-3, batch_size=64, clip_norm=1.0, progress=False)
            scores.append(float(made.fit(*recall(n, length, seed=0)).score(*recall(500, length, seed=1))))
        rows.append((name, *scores))
    notes = [
        "Eight symbols, so that chance is .125; between stand symbols that mean nothing. The book has two sentences: "
        "one whose missing word is near what tells it, and one whose is far."
    ]
    columns = ("net", *(f"gap of {g}" for g in gaps))
    return Table("A gap to remember", columns, rows, notes, {"rows": n, "epochs": epochs, "seed": 0})


# --- chance and HiPPO -------------------------------------------------------------------------------------------------


def recalled_share(a: torch.Tensor, b: torch.Tensor, *, n_steps: int, n_rows: int) -> float:
    """R squared of a random walk's past, read off the last state (with 1 % of noise) by least squares; unseen walks."""
    rng = np.random.default_rng(0)
    waves = np.cumsum(rng.normal(size=(2 * n_rows, n_steps)), 1)
    waves = waves / np.abs(waves).max(1, keepdims=True)
    step, into = (v.numpy() for v in bilinear(a, b[:, None], 1 / n_steps))
    h = np.zeros((2 * n_rows, len(a)))
    for k in range(n_steps):
        h = h @ step.T + waves[:, k : k + 1] * into[:, 0]
    h += 0.01 * h.std(0) * rng.normal(size=h.shape)
    seen, past, new, truth = h[:n_rows], waves[:n_rows], h[n_rows:], waves[n_rows:]
    found = new @ np.linalg.lstsq(seen, past, rcond=None)[0]
    return float(1 - np.square(found - truth).sum() / np.square(truth - truth.mean(0)).sum())


def wild(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A random A (16, 16), moved to the left until it is stable, and a random B."""
    rng = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((16, 16), (16,)))
    return a - (float(torch.linalg.eigvals(a).real.max()) + 0.5) * torch.eye(16, dtype=torch.float64), b


@recipe(
    "chance-or-hippo",
    source="Hifny 12.2, quoting earlier research",
    figure="sequential MNIST: 60 % with a random matrix, 98 % with HiPPO's",
    experiments="hifny-16",
    reads="mnist",
)
def chance_or_hippo(size: Size, data: BookSet | None = None) -> Table:
    """Digits read pixel by pixel by state-space nets that begin with random or with HiPPO's eigenvalues."""
    tiny = size == "tiny"
    n_rows, epochs = (60, 1) if tiny else (400, 30 if data is None else 3)
    digits = digits_of(data, **({"n_train": 60, "n_test": 30} if tiny else {}), most=1000)
    X, new = ((x.reshape(len(x), -1, 1) / 255).astype(np.float32) for x in (digits.X, digits.X_test))
    kinds = {"five random stable matrices, median": [wild(s) for s in range(5)], "HiPPO-LegS": [legs(16)]}
    rows: list[tuple] = []
    for name, matrices in kinds.items():
        shares = [recalled_share(a, b, n_steps=100, n_rows=n_rows) for a, b in matrices]
        rows.append((f"past recalled from 16 numbers, {name}, R squared", "", float(np.median(shares))))
    nets: dict[str, tuple[str, dict[str, Any]]] = {
        "random": ("s4d", {"spectrum": "random"}), "HiPPO's, as S4D-Lin": ("s4d", {"spectrum": "linear"}),
        "HiPPO's, as S4D-LegS": ("s4d", {"spectrum": "legs"}),
    }  # fmt: skip
    said = {"random": "60 %", "HiPPO's, as S4D-LegS": "98 %"}
    for name, (model, options) in nets.items():
        made = Classifier(
            registry.model(model, hidden=24, n_layers=1, **options),
            epochs=epochs,
            lr=4e-3,
            batch_size=64,
            progress=False,
        ).fit(X, digits.y)
        rows.append((f"digits by pixel, eigenvalues {name}", said.get(name, ""), float(made.score(new, digits.y_test))))
    notes = [
        f"{digits.name}: rows of {X.shape[1]} pixels, one layer of 24 channels, all weights trained.",
        "The quoted figures are of MNIST's 784 steps. Random eigenvalues here are stable ones, and they learn with the "
        "rest; the first rows show what the matrices hold before anything is learned.",
    ]
    return Table("Chance or HiPPO", ("what", "the book", "here"), rows, notes, {"epochs": epochs, "seed": 0})


# --- three ways to train ----------------------------------------------------------------------------------------------


@recipe(
    "long-dependencies-by-optimizer",
    source="Jaiswal 4.14.1",
    figure="Hessian-free, and Nesterov's gradient from a careful start, learn what plain descent does not",
    experiments="jaiswal-12",
)
def by_optimizer(size: Size) -> Table:
    """The adding problem by an Elman net: plain descent, Nesterov's from an orthogonal start, and Hessian-free."""
    n, passes, lengths = (100, 1, (8,)) if size == "tiny" else (1000, 25, (10, 30, 50))
    ways: dict[str, dict[str, Any]] = {
        "plain descent": {"optimizer": registry.optimizer("sgd", lr=0.02), "clip_norm": 1.0, "batch_size": 32},
        "Nesterov, orthogonal start": {
            "optimizer": registry.optimizer("nesterov", lr=0.02, momentum=0.95), "clip_norm": 1.0, "batch_size": 32,
            "init": "orthogonal",
        },
        "Hessian-free, orthogonal start": {
            "optimizer": registry.optimizer("hessian_free", max_iter=20), "init": "orthogonal", "batch_size": n,
        },
    }  # fmt: skip
    rows = []
    for name, given in ways.items():
        for n_steps in lengths:
            X, y = adding(n, n_steps, seed=0)
            new, truth = adding(500, n_steps, seed=1)
            started = time.perf_counter()
            made = Regressor(registry.model("rnn", hidden=32), epochs=passes, progress=False, **given).fit(X, y)
            error = float(np.square(made.predict(new) - truth).mean())
            rows.append((name, n_steps, error, error < 0.5 / 6, time.perf_counter() - started))
    notes = [
        "Mean squared errors on unseen rows; the mean alone has 1/6 = .1667. Learned: less than half of that. The two "
        "numbers to add lie anywhere, one in each half.",
        f"{passes} passes each; a pass is one step of Hessian-free with up to 20 inner products, and {-(-n // 32)} "
        "steps of the others, so that what this table compares is passes and seconds, not steps.",
    ]
    columns = ("trained by", "steps of a row", "error, unseen", "learned", "seconds")
    return Table("Long dependencies by optimizer", columns, rows, notes, {"rows": n, "passes": passes, "seed": 0})


# --- a hybrid ---------------------------------------------------------------------------------------------------------

GPT, SMALL_GPT = {"width": 64, "n_layers": 3, "n_heads": 4}, {"width": 16, "n_layers": 1, "n_heads": 2}
MAMBA, SMALL_MAMBA = {"hidden": 64, "n_layers": 4}, {"hidden": 16, "n_layers": 1}
JAMBA, SMALL_JAMBA = {"hidden": 32, "n_layers": 4, "attention_every": 4}, {"hidden": 16, "n_layers": 2}
HYBRIDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {  # model, in full, tiny
    "attention alone (GPT)": ("gpt", GPT, SMALL_GPT),
    "state spaces alone (Mamba)": ("mamba", MAMBA, SMALL_MAMBA),
    "both, with experts (Jamba)": ("jamba", JAMBA, SMALL_JAMBA | {"attention_every": 2}),
}


@recipe(
    "jamba-and-its-parts",
    source="Hifny 12.4, quoting the literature",
    figure="a hybrid of four blocks outperforms pure state-space models",
    experiments="hifny-17",
)
def hybrids(size: Size) -> Table:
    """Letters of Python's help pages by attention, by state spaces and by both, at about as many weights."""
    tiny = size == "tiny"
    train, test = help_pages(4_000 if tiny else 60_000)
    epochs = 1 if tiny else 5
    rows = []
    for name, (model, options, small) in HYBRIDS.items():
        started = time.perf_counter()
        lm = LanguageModel(
            registry.model(model, **(small if tiny else options)), unit="characters", context=64, epochs=epochs,
            lr=3e-3, batch_size=32, clip_norm=1.0, schedule=registry.schedule("cosine", warmup=0.05), progress=False,
        ).fit(train)  # fmt: skip
        weights = sum(p.numel() for p in lm.objective_.parameters())
        rows.append((name, weights, lm.bits_per_character(test), time.perf_counter() - started))
    notes = [
        f"{sum(map(len, train)):,} characters for training, rows of 64; bits a character on unseen paragraphs. Of "
        "Jamba's experts two of four work at a time, so that it has more weights than it uses.",
        "The literature's claim is of billions of weights and contexts of up to a million tokens; this is no test of "
        "it.",
    ]
    columns = ("model", "weights", "bits a character, unseen", "seconds")
    return Table("Jamba and its parts", columns, rows, notes, {"epochs": epochs, "context": 64, "seed": 0})
