"""Training steps of nets of the zoo against the same modules in a bare loop: ratios near 1 are wanted.

Freed memory is kept for everybody (`pn.keep_memory`). Run: python benchmarks/bench_zoo.py [--names resnet20 cnn]
[--pictures 512] [--size 32] [--threads 2] [--repeats 3]
"""

import argparse
import os

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import Work, compare

NAMES = ("cnn", "resnet20", "mobilenet_v2", "densenet121", "googlenet", "convnext_t", "nin", "highway")
OPTIONS = {"densenet121": {"growth": 12}, "convnext_t": {"width": 0.25}, "nin": {"width": 0.5}}
BATCH = 32


def works(name: str, n: int, size: int) -> dict[str, Work]:
    pictures = np.random.default_rng(0).integers(0, 255, (n, size, size, 3), dtype=np.uint8)
    labels = np.random.default_rng(1).integers(0, 10, n)
    spec = pn.model(name, **OPTIONS.get(name, {}))
    builder = next(b for b in spec.builders("classifier") if "in_channels" in b.facts)

    def ours() -> None:
        pn.Classifier(spec, epochs=1, batch_size=BATCH, progress=False).fit(pictures, labels)

    def by_hand() -> None:
        torch.manual_seed(0)
        net = builder.make(
            in_channels=3, image_size=(size, size), n_outputs=10, **spec.get_params(task="classifier")
        ).train()
        mean, std = pictures.mean((0, 1, 2)), pictures.std((0, 1, 2))
        mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, std))
        x, y = torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(labels)
        mover = torch.optim.Adam(net.parameters(), fused=True)
        for index in torch.randperm(n).split(BATCH):
            mover.zero_grad()
            nn.functional.cross_entropy(net((x[index].float() - mean) / std), y[index]).backward()
            mover.step()

    return {"parnassus": ours, "bare loop": by_hand}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", nargs="*", default=NAMES)
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pn.keep_memory()
    for name in args.names:
        compare(f"zoo {name}", works(name, args.pictures, args.size), ours="parnassus", args=args)


if __name__ == "__main__":
    main()
