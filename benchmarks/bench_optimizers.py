"""What a step of each optimizer costs over a dense net's parameters, against torch.optim's fastest form.

Gradients stand still, so the time is the rule's alone: ours moves flat blocks, torch's the parameters (fused where it
has a fused form, else foreach). Run: python benchmarks/bench_optimizers.py [--threads 2] [--repeats 5] [--only adam]
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

import parnassus as pn
from harness import Work, arguments, compare
from parnassus.train.blocks import blocks_of

STEPS = 300
WIDTHS = {"small net": (30, 64, 10), "wide net": (256, 512, 512, 10)}
THEIRS: dict[str, Callable] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, fused=True),
    "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, fused=True),
    "adam": lambda p: torch.optim.Adam(p, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, fused=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, foreach=True),
    "adadelta": lambda p: torch.optim.Adadelta(p, foreach=True),
    "adamax": lambda p: torch.optim.Adamax(p, foreach=True),
    "nadam": lambda p: torch.optim.NAdam(p, foreach=True),
    "rprop": lambda p: torch.optim.Rprop(p, foreach=True),
}
OURS = {"sgd momentum": pn.optimizer("sgd", momentum=0.9)}


def net(widths: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))


def works(name: str, widths: tuple[int, ...]) -> dict[str, Work]:
    loss = torch.zeros(())

    def ours() -> None:
        blocks = blocks_of({"fit": list(net(widths).parameters())}, decays=False)["fit"]
        mover = OURS.get(name, pn.optimizer(name.split()[0])).make(blocks)
        for block in blocks:
            block.gradients.normal_()
        with torch.no_grad():
            for _ in range(STEPS):
                mover.step(lambda: loss)

    def theirs() -> None:
        module = net(widths)
        mover = THEIRS[name](module.parameters())
        for p in module.parameters():
            p.grad = torch.randn_like(p)
        for _ in range(STEPS):
            mover.step()

    return {"parnassus": ours, "torch.optim": theirs}


if __name__ == "__main__":
    args = arguments()
    chosen, args.only = args.only, None
    for size, widths in WIDTHS.items():
        for name in chosen or THEIRS:
            compare(f"{STEPS} steps of {name}, {size}", works(name, widths), ours="parnassus", args=args)
