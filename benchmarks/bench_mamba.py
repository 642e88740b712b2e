"""Mamba, forward and backward: the compiled scan and its torch twin beside mambapy and transformers, and growth.

4 layers, width 256 (512 inside), 16 states, batch 4 x 512, the same weights on all sides. transformers' slow path and
mambapy's sequential mode take minutes: they run only where --only names them. The second part gives seconds by
length, up to 16,384, of every state-space layer; doubling the length should not do much more than double them.
Run: python benchmarks/bench_mamba.py [--threads 2] [--tiny].
"""

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from harness import Work, arguments, compare, installed
from parnassus import kernels
from parnassus.layers.mamba import Mamba, Mamba2
from parnassus.layers.statespace import S4, S4D, S5, Residual

TINY = "--tiny" in sys.argv
if TINY:
    sys.argv.remove("--tiny")
LAYERS, WIDTH, LENGTH, BATCH = (2, 32, 64, 2) if TINY else (4, 256, 512, 4)
LENGTHS = (128, 256) if TINY else (2048, 4096, 8192, 16_384)


def step(model: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, *, kernel: bool = True) -> Work:
    """One forward and backward pass, with the compiled scan or without."""

    def work() -> None:
        os.environ["PARNASSUS_KERNELS"] = "on" if kernel else "off"
        model(x).square().mean().backward()

    return work


def ours() -> nn.Module:
    blocks = [Residual(nn.RMSNorm(WIDTH, eps=1e-5), Mamba(WIDTH)) for _ in range(LAYERS)]
    return nn.Sequential(*blocks)


def mambapys(pscan: bool) -> nn.Module:
    from mambapy.mamba import Mamba as Theirs
    from mambapy.mamba import MambaConfig

    return Theirs(MambaConfig(d_model=WIDTH, n_layers=LAYERS, pscan=pscan))


def transformers_(use_mambapy: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    from transformers import MambaConfig, MambaModel

    config = MambaConfig(hidden_size=WIDTH, num_hidden_layers=LAYERS, vocab_size=8, use_mambapy=use_mambapy)
    model = MambaModel(config).train()
    return lambda x: model(inputs_embeds=x, use_cache=False).last_hidden_state


def growth(threads: int, repeats: int) -> None:
    """Median seconds of a forward and backward pass of one layer by length, and how they grow when it doubles."""
    torch.set_num_threads(threads)
    os.environ["PARNASSUS_KERNELS"] = "on"
    layers = {"s4": S4, "s4d": S4D, "s5": S5, "mamba": Mamba, "mamba2": Mamba2}
    for name, make in layers.items():
        layer, found = make(64), []
        for length in LENGTHS:
            x, spent = torch.randn(1, length, 64), []
            for _ in range(repeats + 1):
                start = time.perf_counter()
                layer(x).square().mean().backward()
                spent.append(time.perf_counter() - start)
            found.append(statistics.median(spent[1:]))
        by_length = {str(n): round(s, 4) for n, s in zip(LENGTHS, found, strict=True)}
        factors = [round(b / a, 2) for a, b in itertools.pairwise(found)]
        print(json.dumps({"workload": "growth", "who": name, "seconds": by_length, "doubling": factors}), flush=True)


def main() -> None:
    args = arguments()
    torch.manual_seed(0)
    x, model = torch.randn(BATCH, LENGTH, WIDTH), ours()
    works: dict[str, Work] = {"parnassus": step(model, x), "parnassus twin": step(model, x, kernel=False)}
    asked = args.only or []
    if installed("mambapy"):
        works["mambapy pscan"] = step(mambapys(True), x)
        if "mambapy sequential" in asked:
            works["mambapy sequential"] = step(mambapys(False), x)
    if installed("transformers"):
        works["transformers with mambapy"] = step(transformers_(True), x)
        if "transformers" in asked:
            works["transformers"] = step(transformers_(False), x)
    compare(f"Mamba, {LAYERS} layers, {BATCH} x {LENGTH} x {WIDTH}", works, ours="parnassus", args=args)
    print(json.dumps({"scan kernel": kernels.status()["scan"].partition(":")[0]}))
    growth(args.threads, args.repeats)


if __name__ == "__main__":
    main()
