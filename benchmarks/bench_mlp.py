"""A table MLP: 20,000 x 30 numbers, two hidden layers of 128, ten classes, batch 128, 5 epochs of Adam.

And a tiny net, 2,000 rows, 20-64-2, batch 64. Run: python benchmarks/bench_mlp.py [--threads 2] [--repeats 5]
"""

import os
from itertools import pairwise

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import Work, arguments, compare, installed, lightning_trainer

EPOCHS = 5


def data(n: int, width: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, width)).astype(np.float32)
    return X, (np.abs(X[:, :4]).sum(1) * classes / 8).astype(int).clip(0, classes - 1)


def net(widths: tuple[int, ...]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        parts += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def works(n: int, width: int, hidden: tuple[int, ...], classes: int, batch: int) -> dict[str, Work]:
    X, y = data(n, width, classes)
    tx, ty = torch.from_numpy(X), torch.from_numpy(y)
    widths = (width, *hidden, classes)

    def ours() -> None:
        pn.Classifier(pn.model("mlp", hidden=hidden), epochs=EPOCHS, batch_size=batch).fit(X, y)

    def loop(fused: bool) -> Work:
        def run() -> None:
            module = net(widths)
            adam = torch.optim.Adam(module.parameters(), fused=fused)
            for _ in range(EPOCHS):
                for index in torch.randperm(n).split(batch):
                    adam.zero_grad()
                    nn.functional.cross_entropy(module(tx[index]), ty[index]).backward()
                    adam.step()

        return run

    def scikit_learn() -> None:
        from sklearn.neural_network import MLPClassifier

        MLPClassifier(hidden, batch_size=batch, max_iter=EPOCHS, tol=0, n_iter_no_change=EPOCHS).fit(X, y)

    found: dict[str, Work] = {
        "parnassus": ours,
        "hand-written loop, fused Adam": loop(True),
        "hand-written loop": loop(False),
        "scikit-learn": scikit_learn,
    }
    if installed("skorch"):
        found["skorch"] = lambda: skorch(X, y, widths, batch)
    if installed("lightning"):
        found["lightning"] = lambda: lightning(tx, ty, widths, batch)
    if installed("keras"):
        found[f"keras-{os.environ['KERAS_BACKEND']}"] = keras(X, y, widths, batch)
    return found


def skorch(X: np.ndarray, y: np.ndarray, widths: tuple[int, ...], batch: int) -> None:
    from skorch import NeuralNetClassifier

    NeuralNetClassifier(
        net(widths),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch,
        max_epochs=EPOCHS,
        train_split=None,
        verbose=0,
    ).fit(X, y)


def lightning(x: torch.Tensor, y: torch.Tensor, widths: tuple[int, ...], batch: int) -> None:
    import lightning as pl
    from torch.utils.data import DataLoader, TensorDataset

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net(widths)

        def training_step(self, batch: tuple, index: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), fused=True)

    loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True)
    trainer = lightning_trainer(EPOCHS)
    trainer.fit(Module(), loader)


def keras(X: np.ndarray, y: np.ndarray, widths: tuple[int, ...], batch: int) -> Work:
    import keras as k

    layers = [k.layers.Dense(w, activation="relu") for w in widths[1:-1]] + [k.layers.Dense(widths[-1])]
    model = k.Sequential([k.Input((widths[0],)), *layers])
    model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda: model.fit(X, y, batch_size=batch, epochs=EPOCHS, verbose=0)


if __name__ == "__main__":
    args = arguments()
    compare("mlp 20,000 x 30, 128-128, batch 128", works(20_000, 30, (128, 128), 10, 128), ours="parnassus", args=args)
    compare("mlp 2,000 x 20, 64, batch 64", works(2_000, 20, (64,), 2, 64), ours="parnassus", args=args)
