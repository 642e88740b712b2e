"""IndRNN, LSTM and GRU all steps at once beside loops over time and torch's layers, and growth with the length.

IndRNN: one layer of 128 units, forward and backward, batch 16, 512 steps; the compiled scan, its torch twin (no loop
over time) and the loop under autograd have the same weights. LSTM and GRU: their kernels beside torch's layers and the
loop. The last part gives IndRNN's seconds by length, up to 16,384: doubling the length should not do much more than
double them. (S4, Mamba and the like: bench_mamba.py.)
Run: python benchmarks/bench_recurrent.py [--threads 2] [--tiny].
"""

import itertools
import json
import os
import statistics
import sys
import time

import torch
from torch import Tensor

from harness import Work, arguments, compare
from parnassus import kernels
from parnassus.functional.independent import IndependentScan, independent_stepwise
from parnassus.layers.cells import GRU, LSTM, Cell, IndRNN

TINY = "--tiny" in sys.argv
if TINY:
    sys.argv.remove("--tiny")
UNITS, LENGTH, BATCH = (16, 32, 2) if TINY else (128, 512, 16)
LENGTHS = (64, 128) if TINY else (2048, 4096, 8192, 16_384)


class TorchLSTM(LSTM):
    """torch.nn.LSTM."""

    def run(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        h, _ = self.inner(x)
        return h, (h[:, -1],)


class LoopedLSTM(LSTM):
    """The loop over time, under autograd."""

    run = Cell.run


class TorchGRU(GRU):
    """torch.nn.GRU."""

    run = TorchLSTM.run


class LoopedGRU(GRU):
    """The loop over time, under autograd."""

    run = Cell.run


class Looped(IndRNN):
    """The loop over time, under autograd."""

    run = Cell.run


class Scanned(IndRNN):
    """The scan in torch."""

    def run(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        z = self.project(x)
        h = IndependentScan.apply(z, self.u.clamp(-self.limit, self.limit), z.new_zeros(len(x), self.n_units))
        return h, (h[:, -1],)


def step(cell: Cell, x: Tensor) -> Work:
    """A forward and backward pass."""

    def work() -> None:
        cell.zero_grad()
        cell.run(x)[0].square().mean().backward()

    return work


def cells(n_inputs: int) -> dict[str, Cell]:
    """The three ways with the same weights, and an LSTM of torch's."""
    made: dict[str, Cell] = {"parnassus": IndRNN(n_inputs, UNITS, span=64)}
    for name, kind in (("parnassus twin", Scanned), ("loop over time", Looped)):
        made[name] = kind(n_inputs, UNITS, span=64)
        made[name].load_state_dict(made["parnassus"].state_dict())
    return made | {"torch.nn.LSTM": TorchLSTM(n_inputs, UNITS)}


GATED = {"LSTM": (LSTM, TorchLSTM, LoopedLSTM), "GRU": (GRU, TorchGRU, LoopedGRU)}


def gated(args) -> None:
    """An LSTM and a GRU on windows of several columns, whose last state is looked at, as a forecaster's is."""
    sizes = ((2, 8, 2, 4),) if TINY else ((64, 100, 8, 128), (64, 48, 1, 64))
    for (kind, classes), (batch, time_, n_inputs, units) in itertools.product(GATED.items(), sizes):
        x = torch.randn(batch, time_, n_inputs)
        names = ("parnassus", f"torch.nn.{kind}", "loop over time")
        works = {name: step(made(n_inputs, units), x) for name, made in zip(names, classes, strict=True)}
        words = f"{kind} of {units}, {batch} x {time_} x {n_inputs}, forward and backward"
        compare(words, works, ours="parnassus", args=args)


def recurrence_alone(args) -> None:
    """The recurrence without the product with the inputs."""
    a, u = torch.randn(BATCH, LENGTH, UNITS), torch.rand(UNITS)
    begin = torch.zeros(BATCH, UNITS)
    works: dict[str, Work] = {
        "parnassus twin": lambda: IndependentScan.apply(a, u, begin),
        "loop over time": lambda: independent_stepwise(a, u),
    }
    compare("IndRNN's recurrence, forward alone", works, ours="parnassus twin", args=args)


def growth(threads: int, repeats: int) -> None:
    """Median seconds by length, and how they grow when it doubles."""
    torch.set_num_threads(threads)
    os.environ["PARNASSUS_KERNELS"] = "on"
    made = cells(64)
    for name in ("parnassus", "parnassus twin"):
        found = []
        for length in LENGTHS:
            work, spent = step(made[name], torch.randn(1, length, 64)), []
            for _ in range(repeats + 1):
                start = time.perf_counter()
                work()
                spent.append(time.perf_counter() - start)
            found.append(statistics.median(spent[1:]))
        by_length = {str(n): round(s, 4) for n, s in zip(LENGTHS, found, strict=True)}
        factors = [round(b / a, 2) for a, b in itertools.pairwise(found)]
        print(json.dumps({"workload": "growth", "who": name, "seconds": by_length, "doubling": factors}), flush=True)


def main() -> None:
    args = arguments()
    torch.manual_seed(0)
    x, made = torch.randn(BATCH, LENGTH, UNITS), cells(UNITS)
    works = {name: step(cell, x) for name, cell in made.items()}
    compare(f"IndRNN, {BATCH} x {LENGTH} x {UNITS}, forward and backward", works, ours="parnassus", args=args)
    recurrence_alone(args)
    gated(args)
    print(json.dumps({"kernel": kernels.status()["indrnn"].partition(":")[0]}))
    growth(args.threads, args.repeats)


if __name__ == "__main__":
    main()
