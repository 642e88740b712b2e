"""Ours against peers, interleaved in one process: A B C A B C ..., medians and ratios, JSON lines.

A workload is a dict from name to function; each is run once unmeasured (caches, compilers), then `repeats` times in
turn. Peers that are not installed are named on standard error with what to install, and left out.
"""

import argparse
import gc
import importlib.util
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

Work = Callable[[], object]


def arguments(**flags: str) -> argparse.Namespace:
    """Flags that every benchmark takes, and those of one alone, which are said or not: their names and words."""
    parser = argparse.ArgumentParser()
    for name, words in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=words)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names to run")
    return parser.parse_args()


def installed(package: str) -> bool:
    """Whether a peer is there; says what to install where it is not."""
    if importlib.util.find_spec(package) is None:
        print(f"peer {package} is not installed: pip install -r benchmarks/peers.txt", file=sys.stderr)
        return False
    return True


def compare(workload: str, works: dict[str, Work], *, ours: str, args: argparse.Namespace) -> dict[str, float]:
    """Run, print one JSON line a competitor, and return the medians: of the clock, or of `args.processor` time."""
    import torch
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    now = time.process_time if getattr(args, "processor", False) else time.perf_counter
    torch.set_num_threads(args.threads)
    works = {k: w for k, w in works.items() if not args.only or k in args.only}
    times: dict[str, list[float]] = {name: [] for name in works}
    first: dict[str, float] = {}
    with threadpool_limits(args.threads):
        for turn in range(args.repeats + 1):
            for name, work in works.items():
                gc.collect()
                start = now()
                work()
                spent = now() - start
                if turn:
                    times[name].append(spent)
                else:
                    first[name] = spent
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    for name, spent in times.items():
        line = {
            "workload": workload,
            "who": name,
            "median_s": round(medians[name], 4),
            "min_s": round(min(spent), 4),
            "first_s": round(first[name], 4),
            "times_ours": round(medians[name] / medians.get(ours, medians[name]), 3),
            "threads": args.threads,
        }
        print(json.dumps(line), flush=True)
    return medians


def lightning_trainer(epochs: int = 1) -> Any:
    """Lightning's trainer on the CPU, which writes and prints nothing."""
    import lightning

    return lightning.Trainer(
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
