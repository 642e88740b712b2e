"""The first losses of one tiny run a family, as `losses.txt` holds them: what should not move results does not.

The file was made by `python tests/golden/test_losses.py --write`, which says below its table with which versions. The
data are digits and sums that a seed draws; every run is six epochs of the library's defaults but for sizes. A change
that moves a line on purpose rewrites the file and says why; one that moves it by chance has a fault.

Losses agree to 1e-5 of their size on other machines, whose sums are rounded otherwise.
"""

import platform
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.samples import digits

KEPT = Path(__file__).with_name("losses.txt")
EPOCHS = 6


def table():
    """96 rows of five numbers, and sums of them with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 5))
    return x, x @ [2.0, -1.0, 0.5, 0.0, 1.0] + 0.3 * rng.normal(size=96)


def classes():
    x, y = table()
    return x, np.digitize(y, [-1.0, 1.0])


def pictures():
    x, y = digits()
    return x[:96], y[:96]


SETTINGS = {"epochs": EPOCHS, "batch_size": 16, "seed": 7, "device": "cpu"}
RUNS = {
    "mlp classifier": lambda: pn.Classifier(pn.model("mlp", hidden=(16,)), lr=0.01, **SETTINGS).fit(*classes()),
    "mlp classifier, dropout and schedule": lambda: pn.Classifier(
        pn.model("mlp", hidden=(16, 8), dropout=0.2), schedule=pn.schedule("cosine", warmup=0.2), **SETTINGS
    ).fit(*classes()),
    "mlp regressor": lambda: pn.Regressor(
        pn.model("mlp", hidden=(16,), activation="tanh"),
        optimizer=pn.optimizer("sgd", lr=0.05, momentum=0.9),
        **SETTINGS,
    ).fit(*table()),
    "cnn": lambda: pn.Classifier(pn.model("cnn", channels=(4, 8), hidden=16), **SETTINGS).fit(*pictures()),
    "lenet": lambda: pn.Classifier("lenet", lr=0.003, **SETTINGS).fit(*pictures()),
    "logistic": lambda: pn.Classifier("logistic", lr=0.05, **SETTINGS).fit(table()[0], table()[1] > 0),
    "softmax": lambda: pn.Classifier("softmax", lr=0.05, **SETTINGS).fit(*classes()),
    "linear by gradient": lambda: pn.Regressor(pn.model("linear", solver="gradient"), lr=0.05, **SETTINGS).fit(
        *table()
    ),
    "linear by the normal equation": lambda: pn.Regressor("linear", **SETTINGS).fit(*table()),
    "perceptron": lambda: pn.Classifier("perceptron", **SETTINGS).fit(*classes()),
    "adaline": lambda: pn.Classifier("adaline", **SETTINGS).fit(*classes()),
    "lms": lambda: pn.Regressor("lms", **SETTINGS).fit(*table()),
}


def losses_of(name):
    """The mean loss of each epoch."""
    return [epoch["loss"] for epoch in RUNS[name]().history_]


def kept():
    """What the file holds: name -> losses."""
    lines = [line for line in KEPT.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: [float(v) for v in values.split()] for name, _, values in (line.partition("\t") for line in lines)}


def test_the_file_holds_every_run():
    assert list(kept()) == list(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_fresh_run_has_the_losses_that_were_written_down(name):
    assert losses_of(name) == pytest.approx(kept()[name], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", [n for n in RUNS if "normal equation" not in n])
def test_the_losses_written_down_are_those_of_something_that_learns(name):
    losses = kept()[name]
    assert len(losses) == EPOCHS
    assert losses[-1] < losses[0]


def write():
    """Make the file anew."""
    lines = ["# Mean loss of each epoch; see test_losses.py for how each run is made."]
    lines += [f"{name}\t{' '.join(f'{v:.9g}' for v in losses_of(name))}" for name in RUNS]
    made = (
        f"torch {torch.__version__}, numpy {np.__version__}, python {platform.python_version()}, {platform.machine()}"
    )
    lines.append(f"# Made by parnassus {pn.__version__} with {made}, one thread.")
    KEPT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    torch.set_num_threads(1)
    write()
