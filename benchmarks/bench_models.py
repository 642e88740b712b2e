"""Models that autograd trains, against hand-written loops with a fused Adam: a gelu MLP, LeNet-5, a residual net.

Run: python benchmarks/bench_models.py [--threads 2] [--repeats 5]
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import arguments, compare
from parnassus.registry import Spec

ROWS = np.random.default_rng(0).normal(size=(20_000, 30)).astype(np.float32)
PICTURES = np.random.default_rng(0).integers(0, 255, (4_000, 28, 28), dtype=np.uint8)
CLASSES = np.random.default_rng(1).integers(0, 10, 20_000)


class Residual(nn.Module):
    """x + two convolutions of x, each with a batch norm, as in a ResNet's plain block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.inner = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.inner(x)).relu()


def residual_net() -> nn.Module:
    """A stem, three residual blocks with pooling between, a mean over places; channels last."""
    stem = [nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    blocks = [Residual(32), nn.MaxPool2d(2), Residual(32), nn.MaxPool2d(2), Residual(32)]
    net = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    return net.to(memory_format=torch.channels_last)


def loop(x: torch.Tensor, y: torch.Tensor, make: Callable[[], nn.Module], *, batch: int, epochs: int) -> None:
    """The loop anybody would write: rows as they lie in memory, scaled on the way."""
    mean, std = x.float().mean(), x.float().std()
    module = make()
    adam = torch.optim.Adam(module.parameters(), fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(batch):
            adam.zero_grad()
            nn.functional.cross_entropy(module((x[index].float() - mean) / std), y[index]).backward()
            adam.step()


def residual(n: int) -> None:
    """A residual net given as a module."""
    X, y = PICTURES[:n], CLASSES[:n]
    pixels = torch.from_numpy(X)[:, None].contiguous(memory_format=torch.channels_last)
    works = {
        "parnassus": lambda: pn.Classifier(residual_net(), epochs=1, batch_size=128, view="image").fit(X, y),
        "hand-written loop, channels last, fused Adam": lambda: loop(
            pixels, torch.from_numpy(y), residual_net, batch=128, epochs=1
        ),
    }
    compare("residual net, 28 x 28", works, ours="parnassus", args=arguments())


def compared(name: str, spec: Spec, X: np.ndarray, x: torch.Tensor, facts: dict, *, epochs: int) -> None:
    y = CLASSES[: len(X)]
    make = lambda: spec.builders("classifier")[0].make(**facts, **spec.get_params(task="classifier"))  # noqa: E731
    works = {
        "parnassus": lambda: pn.Classifier(spec, epochs=epochs, batch_size=128).fit(X, y),
        "hand-written loop, fused Adam": lambda: loop(x, torch.from_numpy(y), make, batch=128, epochs=epochs),
    }
    compare(name, works, ours="parnassus", args=arguments())


if __name__ == "__main__":
    pn.keep_memory()
    table = {"in_features": 30, "n_outputs": 10}
    gelu = pn.model("mlp", hidden=(128, 128), activation="gelu")
    compared("mlp with gelu, by autograd", gelu, ROWS, torch.from_numpy(ROWS), table, epochs=5)
    picture = {"in_channels": 1, "image_size": (28, 28), "n_outputs": 10}
    compared("lenet, 28 x 28", pn.model("lenet"), PICTURES, torch.from_numpy(PICTURES)[:, None], picture, epochs=1)
    residual(2_000)
