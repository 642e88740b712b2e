"""Small parts and settings of nets: a softmax, shapes of a recurrent net, starts for depth, batches, hidden units."""

from typing import Any

import numpy as np
import torch
from torch import nn

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..estimators.regressor import Regressor
from ..functional.activations import softmax, softmax_jacobian
from ..insight.units import hidden_units
from . import Size, Table, recipe
from .digit_sets import digits_of
from .drawn import curves


@recipe(
    "softmax-by-hand",
    source="Baker 2.3.4, Jaiswal figure 2.1",
    figure="71 and 29 per cent; .71 .26 .04",
    experiments="baker-1 jaiswal-3",
)
def softmax_by_hand(size: Size) -> Table:
    """Two softmaxes of the books, their losses by class, and the slope that training uses beside the books' own."""
    printed = {
        "dog, cat (Baker)": ((1.2, 0.3), "71% 29%"),
        "cat, dog, horse (Jaiswal)": ((5.0, 4.0, 2.0), ".71 .26 .04"),
    }
    rows = []
    for name, (logits, said) in printed.items():
        z = torch.tensor(logits, dtype=torch.float64)
        p, by_output = softmax(z), torch.zeros_like(z)
        by_output[0] = -1 / p[0]
        jacobian = softmax_jacobian(z)
        rows.append(
            (name, said, _row(p), _row(-p.log()), _row(jacobian @ by_output), _row(jacobian.diag() * by_output))
        )
    notes = [
        "The slope is that of the loss by the scores, where the first class is right: p less 1 there, p elsewhere. "
        "The diagonal alone, which the books derive, has the first of its numbers and zeros for the others.",
        "Jaiswal prints no scores: 5, 4 and 2 are three that round to the printed shares, which add up to 1.01.",
    ]
    columns = (
        "classes",
        "the book",
        "softmax",
        "loss by right class",
        "slope, first class right",
        "by the diagonal alone",
    )
    return Table("Softmax by hand", columns, rows, notes, {"seed": 0})


def _row(values: torch.Tensor) -> str:
    return " ".join(f"{v:.4f}" for v in values.tolist())


@recipe("recurrent-shapes", source="Jaiswal 4.4", figure="sizes (3, 15, 10) and (3, 5)", experiments="jaiswal-11")
def recurrent_shapes(size: Size) -> Table:
    """What goes in and comes out of a recurrent net 10-20-5, and its weights, with torch's layer and with ours."""
    x = np.random.default_rng(0).normal(size=(3, 15, 10)).astype(np.float32)
    ours = Regressor(registry.model("rnn", hidden=20), epochs=1, progress=False).fit(x, np.zeros((3, 5)))
    with torch.random.fork_rng():
        layer, head = nn.RNN(10, 20, batch_first=True), nn.Linear(20, 5)
        out, last = layer(torch.from_numpy(x))
        theirs = head(out[:, -1])
    counts = [sum(p.numel() for m in made for p in m.parameters()) for made in ((layer, head), (ours.objective_,))]
    rows = [
        ("input", "(3, 15, 10)", str(x.shape), str(x.shape)),
        ("output", "(3, 5)", str(tuple(theirs.shape)), str(ours.predict(x).shape)),
        ("weights and biases", "not printed", counts[0], counts[1]),
        (
            "largest gap of the last output and the last state",
            "",
            float((out[:, -1] - last[0]).detach().abs().max()),
            "",
        ),
    ]
    notes = ["Both have a bias for the input and one for the state, which add up: 20 numbers more than are needed."]
    return Table("Shapes of a recurrent net", ("what", "the book", "torch", "here"), rows, notes, {"seed": 0})


STARTS: dict[str, tuple[str, str]] = {
    "N(0, 1/sqrt(n))": ("sigmoid", "lecun_normal"),
    "N(0, 3.6/sqrt(n))": ("sigmoid", "logistic_normal"),
    "mean max(-1, -8/n)": ("sigmoid", "yilmaz_poli"),
    "ReLU, He": ("relu", "he_normal"),
}


@recipe(
    "depth-by-start",
    source="Jaiswal 2.7",
    figure="logistic nets of 10 to 15 layers are trainable with a mean of max(-1, -8/n)",
    experiments="jaiswal-6",
)
def depth_by_start(size: Size) -> Table:
    """Deep logistic nets on digits by how their weights begin: gradients from end to end, and accuracy at last."""
    depths, epochs = ((10,), 1) if size == "tiny" else ((10, 15), 60)
    digits = digits_of(None, **({"n_train": 100, "n_test": 40} if size == "tiny" else {}))
    X, new = digits.rows()
    rows = []
    for depth in depths:
        for name, (activation, start) in STARTS.items():
            model = registry.model("mlp", hidden=(20,) * depth, activation=activation)
            tries = [
                Classifier(
                    model, init=start, epochs=epochs, batch_size=16, progress=False,
                    optimizer=registry.optimizer("sgd", lr=lr, momentum=0.9),
                ).fit(X, digits.y)
                for lr in ((0.003, 0.01) if activation == "relu" else (0.02, 0.1))
            ]  # fmt: skip
            made = min(tries, key=lambda net: net.history_[-1]["loss"])
            share = first_by_last(20, depth, activation, start, X[:64], digits.y[:64])
            rows.append((depth, name, share, made.history_[-1]["loss"], made.score(new, digits.y_test)))
    notes = [
        f"{digits.name}, 20 units a layer, plain descent with a momentum of .9, the better of two rates. The gradient "
        "is the mean size over the weights of the first layer, as a share of the last one's, before training; the "
        "median of five starts.",
        "Chance is an accuracy of .1 and a loss of 2.3.",
    ]
    columns = ("hidden layers", "first weights", "gradient, first by last layer", "training loss", "accuracy, unseen")
    return Table("Deep logistic nets by their start", columns, rows, notes, {"epochs": epochs, "seed": 0})


def first_by_last(width: int, depth: int, activation: str, start: str, X: np.ndarray, y: np.ndarray) -> float:
    """The mean size of the first layer's gradient by the last's, before training; the median of five seeds."""
    found = []
    builder = registry.model("mlp").builders("classifier")[0]
    options = {**builder.defaults, "hidden": (width,) * depth, "activation": activation}
    with torch.random.fork_rng():
        for seed in range(5):
            torch.manual_seed(seed)
            net = builder.make(in_features=X.shape[1], n_outputs=10, **options)
            draw = registry.initializer(start).make()
            for module in net.modules():
                if isinstance(module, nn.Linear):
                    with torch.no_grad():
                        draw(module.weight)
                        module.bias.zero_()
            nn.functional.cross_entropy(net(torch.from_numpy(X)), torch.from_numpy(y)).backward()
            slopes = [m.weight.grad for m in net.modules() if isinstance(m, nn.Linear)]
            found.append(float(slopes[0].abs().mean() / slopes[-1].abs().mean()))  # type: ignore[union-attr]
    return float(np.median(found))


@recipe(
    "batch-sizes",
    source="Baker 3.5.3",
    figure="mini-batches are faster at first, and noisier",
    experiments="baker-4",
    reads="mnist",
)
def batch_sizes(size: Size, data: BookSet | None = None) -> Table:
    """A dense net on digits with one row, 32 rows and all rows a step: the loss by passes over the data."""
    epochs = 2 if size == "tiny" else 12
    digits = digits_of(data, **({"n_train": 96, "n_test": 40} if size == "tiny" else {}), most=4000)
    X, new = digits.rows()
    n = len(X)
    rows, lines = [], {}
    for name, batch in (("one row", 1), ("32 rows", 32), (f"all {n} rows", n)):
        model = registry.model("mlp", hidden=(64,))
        rate = {1: 0.01, 32: 0.1}.get(batch, 0.5)
        mover = registry.optimizer("sgd", lr=rate)
        made = Classifier(model, epochs=epochs, batch_size=batch, optimizer=mover, progress=False)
        made.fit(X, digits.y, validation=(new, digits.y_test))
        losses = [e["loss"] for e in made.history_]
        held = np.array([e["validation_loss"] for e in made.history_])
        late = held[len(held) // 2 :]
        swing = float(np.abs(np.diff(late, 2)).mean()) if len(late) > 2 else 0.0
        rows.append(
            (name, rate, -(-n // batch), losses[0], losses[-1], swing, made.score(new, digits.y_test), made.seconds_)
        )
        lines[name] = (range(1, epochs + 1), held)
    notes = [
        f"{digits.name}, plain descent, each batch size at a rate that suits it. The swing is the mean size of the "
        "second difference of the loss on unseen rows in the second half of the passes: what is not a smooth curve.",
        "By passes small batches are ahead; by seconds on this machine one row at a time loses what it gains.",
    ]
    shown = {
        "The loss on unseen digits by passes over the data.": lambda: curves(lines, across="passes", up="loss", log="y")
    }
    columns = (
        "a step",
        "rate",
        "steps a pass",
        "loss, first pass",
        "last pass",
        "swing",
        "accuracy, unseen",
        "seconds",
    )
    return Table("Rows a step", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown)


@recipe(
    "hidden-unit-map",
    source="Baker 3.6.3",
    figure="sparse units are good, correlated ones bad",
    experiments="baker-5",
    reads="mnist",
)
def hidden_unit_map(size: Size, data: BookSet | None = None) -> Table:
    """What hidden units of dense nets do on digits: how many are 0, how much they repeat each other, and accuracy."""
    epochs = 2 if size == "tiny" else 40 if data is None else 10
    digits = digits_of(data, **({"n_train": 96, "n_test": 40} if size == "tiny" else {}))
    X, new = digits.rows()
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "ReLU": ("relu", {}),
        "ReLU, dropout .5": ("relu", {"dropout": 0.5}),
        "tanh": ("tanh", {}),
        "sigmoid": ("sigmoid", {}),
        "untrained ReLU": ("relu", {}),
    }
    rows, maps = [], {}
    for name, (activation, options) in ways.items():
        model = registry.model("mlp", hidden=(48,), activation=activation, **options)
        lr, passes = (1e-9, 1) if name.startswith("untrained") else (3e-3, epochs)
        made = Classifier(model, epochs=passes, lr=lr, progress=False).fit(X, digits.y)
        seen = hidden_units(made, new[:200])
        still = int((seen.values.std(0) < 1e-6).sum())
        rows.append((name, float((seen.values == 0).mean()), still, seen.redundancy, made.score(new, digits.y_test)))
        maps[name] = seen
    notes = [
        f"{digits.name}; 48 units, on rows that training had not seen. Repetition is the mean size of the correlation "
        "of two units.",
        "The table shows both together; it is no proof that one makes the other.",
    ]
    shown = {"ReLU units, a digit a line.": maps["ReLU"].plot, "Sigmoid units.": maps["sigmoid"].plot}
    columns = ("units", "share of zeros", "units that never change", "repetition", "accuracy, unseen")
    return Table("Hidden units on digits", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown)
