"""A CNN on 10,000 pictures of 28 x 28: conv 32, pool, conv 64, pool, dense 128; batch 64, one epoch of Adam.

Freed memory is kept for everybody (`pn.keep_memory`). Run: python benchmarks/bench_cnn.py [--threads 2]
"""

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import Work, arguments, compare, installed, lightning_trainer

BATCH = 64
PICTURES = np.random.default_rng(0).integers(0, 255, (10_000, 28, 28), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, 10_000)


class Plain(nn.Module):
    """What `pn.model("cnn", normalize=False, dropout=0.0)` builds, written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.dense, self.head = nn.Linear(64 * 7 * 7, 128), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(self.conv1(x).relu_(), 2)
        x = nn.functional.max_pool2d(self.conv2(x).relu_(), 2)
        return self.head(self.dense(x.flatten(1)).relu_())


def ours() -> None:
    spec = pn.model("cnn", normalize=False, dropout=0.0)
    pn.Classifier(spec, epochs=1, batch_size=BATCH).fit(PICTURES, LABELS)


def by_hand() -> None:
    x = torch.from_numpy(PICTURES)[:, None]
    y = torch.from_numpy(LABELS)
    mean, std = PICTURES.mean(), PICTURES.std()
    module = Plain().to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(module.parameters(), fused=True)
    for index in torch.randperm(len(x)).split(BATCH):
        adam.zero_grad()
        batch = ((x[index].float() - mean) / std).contiguous(memory_format=torch.channels_last)
        nn.functional.cross_entropy(module(batch), y[index]).backward()
        adam.step()


def lightning() -> None:
    import lightning as pl
    from torch.utils.data import DataLoader, TensorDataset

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = Plain().to(memory_format=torch.channels_last)

        def training_step(self, batch: tuple, index: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), fused=True)

    x = (torch.from_numpy(PICTURES)[:, None].float() - PICTURES.mean()) / PICTURES.std()
    loader = DataLoader(TensorDataset(x, torch.from_numpy(LABELS)), batch_size=BATCH, shuffle=True)
    lightning_trainer().fit(Module(), loader)


if __name__ == "__main__":
    pn.keep_memory()
    works: dict[str, Work] = {"parnassus": ours, "hand-written loop, channels last, fused Adam": by_hand}
    if installed("lightning"):
        works["lightning"] = lightning
    compare("cnn 10,000 x 28 x 28, one epoch", works, ours="parnassus", args=arguments())
