"""Patterns in series: the matrix profile beside STUMPY's; the target is 4 times its pace at 20,000 points.

Run: python benchmarks/bench_patterns.py [--threads 1]. PARNASSUS_KERNELS=off measures the twin.
Warped distances of all pairs are in bench_recognition.py.
"""

import numpy as np
import torch

from harness import Work, arguments, compare, installed
from parnassus.functional.changes import best_cuts
from parnassus.functional.subsequences import matrix_profile

POINTS, WINDOW = 20_000, 100


def main() -> None:
    args = arguments()
    walk = np.random.default_rng(0).normal(size=POINTS).cumsum()
    series = torch.from_numpy(walk)
    works: dict[str, Work] = {"parnassus": lambda: matrix_profile(series, WINDOW)}
    if installed("stumpy"):
        import numba
        import stumpy

        numba.set_num_threads(args.threads)
        works["stumpy"] = lambda: stumpy.stump(walk, WINDOW)
    compare(f"matrix profile of {POINTS} points, window {WINDOW}", works, ours="parnassus", args=args)

    steps = np.repeat(np.random.default_rng(1).normal(0, 5, 20), 100) + np.random.default_rng(2).normal(size=2000)
    works = {"parnassus": lambda: best_cuts(steps, least=2)}
    if installed("ruptures"):
        import ruptures

        works["ruptures"] = lambda: ruptures.Pelt(model="l2", min_size=2, jump=1).fit(steps).predict(pen=23)
    compare("cuts of 2,000 steps", works, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
