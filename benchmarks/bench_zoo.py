"""Training steps of nets of the zoo against the same modules in a bare loop: ratios near 1 are wanted.

Freed memory is kept for everybody (`pn.keep_memory`). Run: python benchmarks/bench_zoo.py [--names resnet20 cnn]
[--pictures 512] [--size 32] [--batch 32] [--threads 2] [--repeats 3] [--processor]

With --all every builder of the zoo that takes pictures or clips is run, narrower and on fewer of them (about a quarter
of an hour on one thread), in processor time, and the worst five are printed last. With --bfloat16 the same step in half
the bits stands beside them: it helps nets of dense convolutions and costs those of depthwise ones time.
"""

import argparse
import os
import time
from functools import partial

import numpy as np
import torch
from torch import nn

import parnassus as pn
from harness import Work, compare

NAMES = ("cnn", "resnet20", "mobilenet_v2", "densenet121", "googlenet", "convnext_t", "nin", "highway")
OPTIONS = {"densenet121": {"growth": 12}, "convnext_t": {"width": 0.25}, "nin": {"width": 0.5}}
FRAMES = 8
NARROW = {"width": 0.25, "head": 512, "n_layers": 2}  # what makes one net of --all take seconds; shapes of steps stay


def works(name: str, options: dict, n: int, size: int, batch: int, halved: bool = False) -> dict[str, Work]:
    spec = pn.model(name, **options)
    builder = next(b for b in spec.builders("classifier") if "in_channels" in b.facts)
    clips = "frames" in builder.facts
    shape = (n, FRAMES, size, size, 3) if clips else (n, size, size, 3)
    pictures = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    labels = np.arange(n) % 10
    codec = pn.Video(n_frames=FRAMES, size=(size, size)) if clips else None

    def ours(precision: str = "float32") -> None:
        settings = {"epochs": 1, "batch_size": batch, "progress": False, "codec": codec, "precision": precision}
        pn.Classifier(spec, **settings).fit(pictures, labels)

    def by_hand() -> None:
        torch.manual_seed(0)
        facts = {"in_channels": 3, "image_size": (size, size), "n_outputs": 10, "frames": FRAMES}
        facts = {fact: value for fact, value in facts.items() if fact in builder.facts}
        net = builder.make(**facts, **spec.get_params(task="classifier")).train()
        channels = pictures.reshape(-1, 3)
        mean, std = (torch.tensor(v, dtype=torch.float32) for v in (channels.mean(0), channels.std(0)))
        x, y = torch.from_numpy(pictures).movedim(-1, 1), torch.from_numpy(labels)
        mean, std = (v.view(-1, *[1] * (x.ndim - 2)) for v in (mean, std))
        mover = torch.optim.Adam(net.parameters(), fused=True)
        for index in torch.randperm(n).split(batch):
            mover.zero_grad()
            nn.functional.cross_entropy(net((x[index].float() - mean) / std), y[index]).backward()
            mover.step()

    found: dict[str, Work] = {"parnassus": ours, "bare loop": by_hand}
    return found | ({"parnassus, bfloat16": partial(ours, "bfloat16")} if halved else {})


def whole_zoo() -> dict[str, dict]:
    """Every builder that takes pictures or clips, and the options that make it narrow."""
    found = {}
    for name in pn.model.names("classifier"):
        builder = next((b for b in pn.model.builders(name, "classifier") if "in_channels" in b.facts), None)
        if builder is not None:
            found[name] = {key: value for key, value in NARROW.items() if key in builder.defaults}
    return found


def enough(name: str, options: dict, size: int, batch: int) -> int:
    """Pictures that take a net about a second of processor time, 512 at most: few steps would tell of the start."""
    work = works(name, options, 2 * batch, size, batch)["bare loop"]
    work()
    start = time.process_time()
    work()
    return int(min(max(2 * batch / (time.process_time() - start), 2 * batch), 512))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", nargs="*", default=NAMES)
    parser.add_argument("--all", action="store_true", help="every builder, narrow, by processor time")
    parser.add_argument("--processor", action="store_true", help="processor time in place of the clock's")
    parser.add_argument("--bfloat16", action="store_true", help="the same fit in half the bits beside the others")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    if args.all:
        args.processor, args.threads = True, 1
    batch = args.batch or (16 if args.all else 32)
    torch.set_num_threads(args.threads)
    pn.keep_memory()
    nets = whole_zoo() if args.all else {name: OPTIONS.get(name, {}) for name in args.names}
    ratios = {}
    for name, options in nets.items():
        n = args.pictures or (enough(name, options, args.size, batch) if args.all else 512)
        found = works(name, options, n, args.size, batch, args.bfloat16)
        told = compare(f"zoo {name}", found, ours="parnassus", args=args)
        ratios[name] = told["parnassus"] / told["bare loop"] if "bare loop" in told else float("nan")
    if args.all:
        worst = sorted(ratios, key=lambda name: -ratios[name])[:5]
        print("slowest beside a bare loop:", ", ".join(f"{name} {ratios[name]:.3f}" for name in worst))


if __name__ == "__main__":
    main()
