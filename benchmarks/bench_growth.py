"""How time and memory grow with rows, length, width, classes and parameters, and to what order.

Run: python benchmarks/bench_growth.py [--repeats 3] [--threads 1] [--only "rows, ..."] [--tiny]
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import parnassus as pn
from parnassus.functional.subsequences import matrix_profile
from parnassus.layers.attention import MultiHeadAttention
from parnassus.layers.mamba import Mamba

Work = Callable[[], object]
RNG = np.random.default_rng(0)


def fit(n: int = 4_000, width: int = 30, classes: int = 4, hidden: int = 64) -> Work:
    """One epoch of a dense net."""
    X = RNG.normal(size=(n, width)).astype(np.float32)
    y = np.r_[np.arange(classes), RNG.integers(0, classes, n - classes)]
    made = pn.Classifier(pn.model("mlp", hidden=(hidden, hidden)), epochs=1, batch_size=128, progress=False)
    return lambda: made.fit(X, y)


def pass_of(layer: nn.Module, x: Tensor) -> Work:
    """Forward and backward."""
    return lambda: layer(x).square().mean().backward()


def mixture(n: int) -> Work:
    """Ten rounds of EM."""
    X = RNG.normal(size=(n, 8))
    with_rounds = pn.GaussianMixture(n_components=4, epochs=10, tol=0.0, progress=False)
    return lambda: with_rounds.fit(X)


def chain(length: int) -> Work:
    """Five rounds of Baum-Welch on one sequence."""
    X = RNG.normal(size=(length, 2))
    made = pn.HMM(n_states=4, epochs=5, tol=0.0, progress=False)
    return lambda: made.fit([X])


def profile(length: int) -> Work:
    """Every stretch of 100 steps beside every other."""
    series = torch.from_numpy(RNG.normal(size=length).cumsum())
    return lambda: matrix_profile(series, 100)


GROWTHS: dict[str, tuple[Sequence[int], Callable[[int], Work]]] = {
    "rows, dense net": ((8_000, 16_000, 32_000, 64_000, 128_000), lambda n: fit(n)),
    "columns, dense net": ((50, 100, 200, 400, 800), lambda n: fit(width=n)),
    "classes, dense net": ((10, 100, 1_000, 2_000, 4_000), lambda n: fit(8_000, classes=n)),
    "hidden units, dense net": ((128, 256, 512, 1_024), lambda n: fit(hidden=n)),
    "length, attention": (
        (256, 512, 1_024, 2_048, 4_096),
        lambda n: pass_of(MultiHeadAttention(64, 4), torch.randn(1, n, 64)),
    ),
    "length, Mamba": ((256, 512, 1_024, 2_048, 4_096), lambda n: pass_of(Mamba(64), torch.randn(1, n, 64))),
    "rows, Gaussian mixture": ((5_000, 10_000, 20_000, 40_000, 80_000), mixture),
    "length, hidden Markov model": ((2_000, 4_000, 8_000, 16_000, 32_000), chain),
    "length, matrix profile": ((2_000, 4_000, 8_000, 16_000), profile),
}


def peak_mb(name: str, size: int) -> float:
    """MB that a call takes beyond what the process holds after a call four times smaller than the least."""
    sizes, make = GROWTHS[name]
    make(sizes[0] // 4)()
    work = make(size)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark back
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1024


def alone(name: str, size: int) -> float:
    """The same in a process of its own, where no freed memory is kept from before."""
    call = [sys.executable, __file__, "--memory", name, str(size)]
    return float(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


def measured(name: str, sizes: Sequence[int], make: Callable[[int], Work], repeats: int) -> dict[str, object]:
    """Median seconds and peak memory at each size, and the orders that they grow by."""
    seconds, memory = [], []
    for size in sizes:
        work, spent = make(size), []
        work()
        for _ in range(repeats):
            started = time.perf_counter()
            work()
            spent.append(time.perf_counter() - started)
        seconds.append(statistics.median(spent))
        memory.append(alone(name, size))
    return {
        "workload": "Growth",
        "with": name,
        "sizes": [f"{s:,}".replace(",", " ") for s in sizes],
        "seconds": [round(s, 4) for s in seconds],
        "order of time": order(sizes, seconds),
        "MB": [round(m) for m in memory],
        "order of memory": order(sizes, memory) if min(memory[-3:]) >= 4 else "too small to tell",
    }


def order(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The slope of log value over log size on the upper half of the sizes."""
    upper = slice(len(sizes) // 2 - (len(sizes) < 4), None)
    return round(float(np.polyfit(np.log(sizes[upper]), np.log(np.maximum(values[upper], 1e-9)), 1)[0]), 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(GROWTHS))
    parser.add_argument("--tiny", action="store_true", help="the two least sizes, once")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    if given.memory:
        print(peak_mb(given.memory[0], int(given.memory[1])))
        return
    for name, (sizes, make) in GROWTHS.items():
        if given.only is None or name in given.only:
            told = measured(name, sizes[:2] if given.tiny else sizes, make, 1 if given.tiny else given.repeats)
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
