"""LeNet-5: what comes out of each layer, how many weights it has, and how well it reads digits beside dense nets."""

import numpy as np
import torch

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.classifier import Classifier
from ..functional.convolution import output_size
from ..insight.summary import summarize
from ..insight.units import feature_maps, tiles
from ..models.vision.cnn import LeNet5
from . import Size, Table, recipe
from .digit_sets import digits_of


@recipe(
    "lenet",
    source="Hifny 9.5, Baker 4.8",
    figure="shapes of the layers; praise without a figure",
    experiments="hifny-13 baker-8",
    reads="mnist",
)
def lenet(size: Size, data: BookSet | None = None) -> Table:
    """Shapes and weights of LeNet-5, and its accuracy on unseen digits beside a dense net and a linear one."""
    epochs = 2 if size == "tiny" else 30 if data is None else 8
    digits = digits_of(data, **({"n_train": 120, "n_test": 40} if size == "tiny" else {}))
    with torch.random.fork_rng():
        net = LeNet5(in_channels=1, n_outputs=10)
        told = summarize(net, lambda: net(torch.zeros(1, 1, 32, 32)))
    shape = {layer.name: "x".join(map(str, layer.outputs)) for layer in told.layers}
    rows: list[tuple] = [
        ("first convolution, Hifny (32 x 32 in)", "6x28x28", shape["conv1"]),
        ("first convolution, Baker's 2 x 2 kernels on 28 or 32", "6x28x28", _sizes(2)),
        ("first convolution, 5 x 5 kernels on 28 with a border of 2", "6x28x28", _sizes(5)),
        ("second convolution", "16x10x10", shape["conv2"]),
        ("dense layers", "120, 84, 10", ", ".join(shape[k] for k in ("fc1", "fc2", "fc3"))),
        ("weights and biases", "61706", told.n_parameters),
    ]
    contenders = {
        "a linear classifier": (registry.model("softmax"), 1e-2),
        "a dense net of 128 units": (registry.model("mlp", hidden=(128,)), 1e-3),
        "LeNet-5": (registry.model("lenet"), 3e-3),
    }
    made = {}
    for name, (model, lr) in contenders.items():
        made[name] = Classifier(model, epochs=epochs, lr=lr, schedule="cosine", progress=False)
        made[name].fit(digits.X, digits.y)
        said = "remarkable, no figure" if name == "LeNet-5" else ""
        rows.append((f"accuracy on unseen digits, {name}", said, made[name].score(digits.X_test, digits.y_test)))
    notes = [
        f"Learned from {len(digits.y)} digits, tested on {len(digits.y_test)}: {digits.name}.",
        "Baker's kernels of 2 x 2 cannot give the 28 x 28 maps stated there; those of 5 x 5 do. Hifny's count of "
        "weights is of the form with all maps joined; the paper's own joins chosen ones and has 60,000.",
    ]
    first = made["LeNet-5"]
    shown = {
        "A digit, as its six first maps see it.": lambda: tiles(
            feature_maps(first, digits.X_test[:1], layer="conv1")[0]
        )
    }
    columns = ("what", "the book", "here")
    return Table(
        "LeNet-5", columns, rows, notes, {"epochs": epochs, "digits": len(digits.y), "seed": 0}, pictures=shown
    )


def _sizes(kernel: int) -> str:
    """Sides of the maps of a kernel on 28 pixels with a border of (kernel - 1) / 2, and on 32 without."""
    sides = [output_size(28, kernel, padding=(kernel - 1) // 2), output_size(32, kernel)]
    return " or ".join(f"6x{s}x{s}" for s in np.unique(sides))
