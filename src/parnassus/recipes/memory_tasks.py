"""Tasks that ask for a long memory: a sum of two marked numbers, a copy across a gap, and digits pixel by pixel."""

import time
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from .. import registry
from ..data.timeseries.sequences import SequenceList
from ..estimators.classifier import Classifier
from ..estimators.regressor import Regressor
from . import Size, Table, recipe

LONGER = {"rnn": {"epochs": 60, "lr": 0.001}}  # IndRNN is slow to learn which of its past counts
Rows = tuple[np.ndarray, np.ndarray]
MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lstm", {"hidden": 64}),
    ("rnn", {"hidden": 64, "cell": "indrnn", "n_layers": 2}),
    ("s4", {"hidden": 32}),
    ("s4d", {"hidden": 32}),
    ("mamba", {"hidden": 32}),
)


def adding(n_rows: int, n_steps: int, *, seed: int) -> Rows:
    """Numbers in [0, 1] of which one in each half is marked; the answer is the sum of the two (variance 1 / 6).

    Source: Hochreiter and Schmidhuber 1997, experiment 4, as Le et al. 2015 have it.
    """
    rng = np.random.default_rng(seed)
    values, marks = rng.random((n_rows, n_steps)), np.zeros((n_rows, n_steps))
    rows = np.arange(n_rows)
    marks[rows, rng.integers(0, n_steps // 2, n_rows)] = 1
    marks[rows, rng.integers(n_steps // 2, n_steps, n_rows)] = 1
    return np.stack([values, marks], -1).astype(np.float32), (values * marks).sum(1)


def recall(n_rows: int, gap: int, *, seed: int, n_symbols: int = 8) -> tuple[SequenceList, np.ndarray]:
    """A symbol, `gap` others that mean nothing, and a sign to say the first one again: ids, and the symbol."""
    rng = np.random.default_rng(seed)
    first, between = rng.integers(0, n_symbols, n_rows), rng.integers(n_symbols, 2 * n_symbols, (n_rows, gap))
    rows = np.concatenate([first[:, None], between, np.full((n_rows, 1), 2 * n_symbols)], 1)
    return SequenceList(list(rows)), first


def pixels(n_rows: int | None) -> Rows:
    """scikit-learn's digits, 64 pixels one after another, and what they show."""
    data = load_digits()
    return (data.data[:n_rows, :, None] / 16).astype(np.float32), data.target[:n_rows]


@recipe("memory-tasks", source="Hifny 12.2 and 12.3; Le et al. 2015", figure="sequential MNIST, 60 % to 98 %")
def memory_tasks(size: Size) -> Table:
    """Recurrent and state-space nets on the adding problem, recall across a gap, and digits pixel by pixel."""
    tiny = size == "tiny"
    n_rows, n_steps, epochs = (64, 12, 1) if tiny else (4000, 100, 12)
    columns = ("model", "task", "measure", "value", "by chance", "seconds")
    rows = []
    for name, options in MODELS[3:] if tiny else MODELS:
        made = registry.model(name, **options)
        plan: dict[str, Any] = {"epochs": epochs, "lr": 0.004, "batch_size": 64, "progress": False}
        plan |= {} if tiny else LONGER.get(name, {})
        started = time.perf_counter()
        sums = Regressor(made, **plan).fit(*adding(n_rows, n_steps, seed=0))
        X, y = adding(n_rows // 4, n_steps, seed=1)
        error = float(np.square(sums.predict(X) - y).mean())
        rows.append((_called(name, options), "adding", "squared error", error, 1 / 6, _since(started)))
        started = time.perf_counter()
        said = Classifier(made, **plan).fit(*recall(n_rows, n_steps // 2, seed=0))
        share = float(said.score(*recall(n_rows // 4, n_steps // 2, seed=1)))
        rows.append((_called(name, options), "recall", "accuracy", share, 1 / 8, _since(started)))
        rows.append(digits_by_pixel(name, options, tiny=tiny))
    for spectrum in () if tiny else ("random", "legs"):
        rows.append(digits_by_pixel("s4d", {"hidden": 32, "spectrum": spectrum}, tiny=False))
    notes = [f"Adding has {n_steps} steps, recall a gap of {n_steps // 2}; digits are the 8 x 8 of scikit-learn."]
    notes += [f"{name} learns the first two over {p['epochs']} epochs at lr={p['lr']}." for name, p in LONGER.items()]
    return Table("A long memory", columns, rows, notes, {"rows": n_rows, "epochs": epochs, "seed": 0})


def digits_by_pixel(name: str, options: dict[str, Any], *, tiny: bool) -> tuple[Any, ...]:
    """A row of the table: accuracy on the last 400 digits."""
    X, y = pixels(120 if tiny else None)
    n_test = 40 if tiny else 400
    started = time.perf_counter()
    made = Classifier(
        registry.model(name, **options), epochs=1 if tiny else 40, lr=0.004, batch_size=64, progress=False
    )
    made.fit(X[:-n_test], y[:-n_test])
    share = float(made.score(X[-n_test:], y[-n_test:]))
    return _called(name, options), "digits by pixel", "accuracy", share, 0.1, _since(started)


def _called(name: str, options: dict[str, Any]) -> str:
    return ", ".join([name, *(f"{k} {v}" for k, v in options.items())])


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 1)
