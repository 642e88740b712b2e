"""ResNet-20 on 2,000 pictures of 32 x 32 in colours: batch 64, one epoch of Adam, beside Lightning and Keras on torch.

The hand-written loop has the module that we build, Keras the same layers of its own. Lightning brings no layers: it is
run with torch's, as they come and with channels last, and with our module too. Freed memory is kept for everybody
(`pn.keep_memory`).

Run: python benchmarks/bench_resnet.py [--threads 2]
"""

import functools
import itertools
import os
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import Work, arguments, compare, installed, lightning_trainer
from parnassus.models.vision.resnet import resnet

BATCH, CLASSES = 64, 10
PICTURES = np.random.default_rng(0).integers(0, 255, (2_000, 32, 32, 3), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, CLASSES, 2_000)


def ours() -> None:
    pn.Classifier("resnet20", epochs=1, batch_size=BATCH, progress=False).fit(PICTURES, LABELS)


def net() -> nn.Module:
    return resnet(depth=20, in_channels=3, image_size=(32, 32), n_outputs=CLASSES)


class TorchBlock(nn.Module):
    """A residual block of torch's layers, as most people write it."""

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.stride, self.more = width // n_in, width - n_in
        self.first = nn.Sequential(
            nn.Conv2d(n_in, width, 3, self.stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.second(self.first(x))
        if self.more:  # option A of the paper: no weights
            x = nn.functional.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return torch.relu(h + x)


def torch_net() -> nn.Module:
    widths = (16, *(n for n in (16, 32, 64) for _ in range(3)))
    blocks = [TorchBlock(n_in, n_out) for n_in, n_out in itertools.pairwise(widths)]
    first = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


def scaled() -> torch.Tensor:
    x = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float()
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def by_hand() -> None:
    x, y, module = scaled(), torch.from_numpy(LABELS), net().train()
    adam = torch.optim.Adam(module.parameters(), fused=True)
    for index in torch.randperm(len(x)).split(BATCH):
        adam.zero_grad()
        batch = x[index].contiguous(memory_format=torch.channels_last)
        nn.functional.cross_entropy(module(batch), y[index]).backward()
        adam.step()


def lightning(made: Callable[[], nn.Module], layout: torch.memory_format) -> None:
    import lightning as pl
    from torch.utils.data import DataLoader, TensorDataset

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = made().to(memory_format=layout)

        def training_step(self, batch: tuple, index: int) -> torch.Tensor:
            x = batch[0].contiguous(memory_format=layout)
            return nn.functional.cross_entropy(self.net(x), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), fused=True)

    loader = DataLoader(TensorDataset(scaled(), torch.from_numpy(LABELS)), batch_size=BATCH, shuffle=True)
    lightning_trainer().fit(Module(), loader)


def keras() -> Callable[[], object]:
    import keras as k

    def block(x: object, width: int, stride: int) -> object:
        h = k.layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        h = k.layers.ReLU()(k.layers.BatchNormalization()(h))
        h = k.layers.BatchNormalization()(k.layers.Conv2D(width, 3, padding="same", use_bias=False)(h))
        if stride > 1:  # option A of the paper: no weights
            x = k.layers.AveragePooling2D(1, stride)(x)
            x = k.layers.Concatenate()([x, k.ops.zeros_like(x)])
        return k.layers.ReLU()(k.layers.Add()([x, h]))

    given = k.Input((32, 32, 3))
    x = k.layers.ReLU()(k.layers.BatchNormalization()(k.layers.Conv2D(16, 3, padding="same", use_bias=False)(given)))
    for width in (16, 32, 64):
        for i in range(3):
            x = block(x, width, 2 if width > 16 and i == 0 else 1)
    model = k.Model(given, k.layers.Dense(CLASSES)(k.layers.GlobalAveragePooling2D()(x)))
    model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True))
    pictures = ((PICTURES - PICTURES.mean((0, 1, 2))) / PICTURES.std((0, 1, 2))).astype(np.float32)
    return lambda: model.fit(pictures, LABELS, batch_size=BATCH, epochs=1, verbose=0)


if __name__ == "__main__":
    pn.keep_memory()
    works: dict[str, Work] = {"parnassus": ours, "the same module in a hand-written loop": by_hand}
    if installed("lightning"):
        works["lightning"] = functools.partial(lightning, torch_net, torch.contiguous_format)
        works["lightning, channels last"] = functools.partial(lightning, torch_net, torch.channels_last)
        works["lightning, our module"] = functools.partial(lightning, net, torch.channels_last)
    if installed("keras"):
        works[f"keras on {os.environ['KERAS_BACKEND']}"] = keras()
    compare("resnet20 2,000 x 32 x 32 x 3, one epoch", works, ours="parnassus", args=arguments())
