"""The books' classifiers of MNIST, on MNIST where it is on disk and on the 8 x 8 digits of scikit-learn where not."""

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..insight.plots import confusion
from ..models.vision.cnn import LeNet5
from . import Size, Table, recipe
from .digit_sets import Digits, digits_of
from .drawn import curves

TINY = {"n_train": 120, "n_test": 60}
DENSE: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[float, float] | None]] = {
    # options, settings, printed accuracies of training and test
    "128-64": ({}, {}, (0.9912, 0.9737)),
    "128-64, L2": ({}, {"regularizers": registry.regularizer("l2", strength=1e-4)}, (0.9919, 0.9767)),
    "128-64, L2, batch norm, dropout .3": (
        {"norm": "batch", "dropout": 0.3}, {"regularizers": registry.regularizer("l2", strength=1e-4)},
        (0.9884, 0.9778)),
}  # fmt: skip


def taken(data: BookSet | None, size: Size, *, most: int = 20_000) -> Digits:
    """The digits of a recipe: few at toy size."""
    return digits_of(data, **TINY if size == "tiny" else {"most": most})


@recipe(
    "dense-nets-against-overfitting",
    source="Keras course 3.8, Martinez-Ramon 3.11",
    figure="training and test accuracy .9912 / .9737, with L2 .9919 / .9767, with batch norm and dropout .9884 / .9778",
    experiments="keras-10 keras-11 keras-12 martinez-ramon-25",
    reads="mnist",
)
def dense_nets(size: Size, data: BookSet | None = None) -> Table:
    """A dense net of 128 and 64 units on digits, plain, with L2, and with batch norm and dropout, by seed."""
    n_seeds, epochs = (1, 2) if size == "tiny" else (5, 100) if data is None else (2, 30)
    digits = taken(data, size)
    x, new = digits.rows()
    rows: list[tuple[Any, ...]] = []
    kept: dict[str, Classifier] = {}
    for name, (options, settings, printed) in DENSE.items():
        net, scores = registry.model("mlp", hidden=(128, 64), **options), []
        for seed in range(n_seeds):
            made = Classifier(net, epochs=epochs, lr=1e-3, batch_size=64, seed=seed, progress=False, **settings)
            made.fit(x, digits.y)
            scores.append((float(made.score(x, digits.y)), float(made.score(new, digits.y_test))))
        kept[name] = made
        found = np.array(scores)
        rows.append((name, *(printed or ("", "")), *found.mean(0).tolist(), float(found[:, 1].std()), _weights(made)))
    counts = [_of_mnist(**options) for options, _, _ in DENSE.values()]
    spread = (0.9737 * (1 - 0.9737) / 10_000) ** 0.5
    notes = [
        f"{digits.name}, {len(x)} for training; the book's figures are of MNIST, one run each. An accuracy of .9737 on "
        f"10,000 rows is known to {spread:.4f} (a standard deviation): of the book's three test figures the first and "
        "the last may differ, neighbours need not. Here the last column but one says what the seed alone changes.",
        f"A net for MNIST's 784 pixels has {counts[0]:,} weights, with batch norm after each hidden layer "
        f"{counts[-1]:,}; the book puts "
        "one more on the raw pixels and drops pixels too. Martinez-Ramon trains the same net by cross-entropy after a "
        "softmax's logarithm, which changes nothing, and prints its curves only.",
    ]
    last = kept["128-64"]

    lines = {name: (range(1, epochs + 1), [e["loss"] for e in made.history_]) for name, made in kept.items()}
    pictures: dict[str, Any] = {
        "Training loss by epoch.": partial(curves, lines, across="epoch", up="loss", log="y"),
        "The plain net on unseen digits.": partial(
            confusion, confusion_matrix(digits.y_test, last.predict(new), labels=last.classes_), list(last.classes_)
        ),
    }
    columns = ("hidden layers", "the book, training", "the book, test", "training", "test", "test, by seed", "weights")
    settings = {"epochs": epochs, "seeds": n_seeds, "batch": 64, "lr": 1e-3, "seed": 0}
    return Table("Dense nets on digits", columns, rows, notes, settings, pictures=pictures)


def _of_mnist(**options: Any) -> int:
    """How many weights the dense net has for 784 pixels."""
    builder = registry.model("mlp").builders("classifier")[0]
    with torch.random.fork_rng():
        net = builder.make(in_features=784, n_outputs=10, **{**builder.defaults, "hidden": (128, 64), **options})
    return sum(p.numel() for p in net.parameters())


def _weights(made: Classifier) -> int:
    return sum(p.numel() for p in made.objective_.parameters())


@recipe(
    "lenet-of-sigmoids",
    source="Keras course 4.3.4",
    figure="61,706 weights; test accuracy .9872",
    experiments="keras-13",
    reads="mnist",
)
def lenet_of_sigmoids(size: Size, data: BookSet | None = None) -> Table:
    """LeNet with sigmoids, as the course has it, beside LeNet with tanh and ReLU, on the same digits and epochs."""
    epochs = 2 if size == "tiny" else 40 if data is None else 15
    digits = taken(data, size)
    with torch.random.fork_rng():
        count = sum(p.numel() for p in LeNet5(in_channels=1, n_outputs=10).parameters())
    rows: list[tuple[Any, ...]] = [("weights", 61_706, count)]
    lines = {}
    for activation, printed in (("sigmoid", 0.9872), ("tanh", ""), ("relu", "")):
        net = registry.model("lenet", activation=activation)
        made = Classifier(net, epochs=epochs, lr=0.002, batch_size=32, seed=0, progress=False).fit(digits.X, digits.y)
        rows.append((f"test accuracy, {activation}", printed, float(made.score(digits.X_test, digits.y_test))))
        lines[activation] = (range(1, epochs + 1), [e["loss"] for e in made.history_])
    notes = [
        f"{digits.name}, {len(digits.y)} for training, enlarged to the net's 32 x 32 pixels; the book's figure is of "
        "48,000 "
        "digits of MNIST over 100 epochs. With sigmoids the loss stays on a plateau before it falls, as in the "
        "picture.",
        "The course calls it the first convolutional net; the Neocognitron came before, and LeNet-5 itself has other "
        "pools, joined maps and outputs.",
    ]
    pictures = {"Training loss by epoch and activation.": partial(curves, lines, across="epoch", up="loss", log="y")}
    settings = {"epochs": epochs, "lr": 0.002, "seed": 0}
    return Table("LeNet of sigmoids", ("what", "the book", "here"), rows, notes, settings, pictures=pictures)


@recipe(
    "digits-row-by-row",
    source="Martinez-Ramon 5.5",
    figure="ROC curves of ten classes",
    experiments="martinez-ramon-33",
    reads="mnist",
)
def digits_row_by_row(size: Size, data: BookSet | None = None) -> Table:
    """Digits read from the top, a row of pixels a step, by three recurrent layers: area under the ROC by class."""
    epochs = 2 if size == "tiny" else 40 if data is None else 5
    digits = taken(data, size)
    x, new = ((p / 255).astype(np.float32) for p in (digits.X, digits.X_test))
    nets = {
        "Elman": registry.model("rnn", hidden=64, n_layers=3),
        "LSTM": registry.model("lstm", hidden=64, n_layers=3),
    }
    said, scores = {}, {}
    for name, net in nets.items():
        made = Classifier(net, epochs=epochs, lr=0.002, batch_size=64, clip_norm=1.0, seed=0, progress=False)
        said[name] = made.fit(x, digits.y).predict_proba(new)
        scores[name] = float((said[name].argmax(1) == digits.y_test).mean())
    rows: list[tuple[Any, ...]] = []
    for k in range(10):
        found = digits.y_test == k
        rows.append((str(k), int(found.sum()), *(float(roc_auc_score(found, p[:, k])) for p in said.values())))
    rows.append(("accuracy", len(digits.y_test), *scores.values()))
    notes = [
        f"{digits.name}: {x.shape[1]} steps of {x.shape[2]} pixels, three layers, {len(x)} digits for training. The "
        "book "
        "shows curves; the area under each is beside them here, 1 for a class that no other row outranks.",
    ]
    pictures = {"ROC curves of the ten classes by the Elman net.": partial(_roc, said["Elman"], digits.y_test)}
    columns = ("class", "rows", "Elman", "LSTM")
    return Table(
        "Digits row by row", columns, rows, notes, {"epochs": epochs, "lr": 0.002, "seed": 0}, pictures=pictures
    )


def _roc(p: np.ndarray, y: np.ndarray) -> Any:
    lines = {f"{k}": roc_curve(y == k, p[:, k])[:2] for k in range(p.shape[1])}
    return curves(lines, across="false positives", up="true positives")
