"""Patterns in series: the matrix profile beside STUMPY's, warped distances beside dtaidistance's C and aeon.

The targets are 4 times STUMPY's pace at 20,000 points, and 1.5 times the others' for 200 x 200 series. Warped distances
of frames with many features are in bench_recognition.py.
Run: python benchmarks/bench_patterns.py [--threads 1] [--tiny]. PARNASSUS_KERNELS=off measures the twin.
"""

import argparse
import sys

import numpy as np
import torch

from harness import Work, arguments, compare, installed
from parnassus.functional.changes import best_cuts
from parnassus.functional.dtw import dtw_distances
from parnassus.functional.subsequences import matrix_profile

TINY = "--tiny" in sys.argv
if TINY:
    sys.argv.remove("--tiny")
POINTS, WINDOW = (500, 20) if TINY else (20_000, 100)
N, LENGTH = (5, 20) if TINY else (200, 200)


def warping(args: argparse.Namespace) -> None:
    """DTW of all pairs of two sets of series, squared differences."""
    rng = np.random.default_rng(0)
    X, Y = (rng.normal(size=(N, LENGTH)).cumsum(1) for _ in range(2))
    ours = [torch.from_numpy(x[:, None]) for x in X], [torch.from_numpy(y[:, None]) for y in Y]
    works: dict[str, Work] = {"parnassus": lambda: dtw_distances(*ours, squared=True)}
    if installed("dtaidistance"):
        from dtaidistance import dtw

        both, block = [*X, *Y], ((0, N), (N, 2 * N))
        works["dtaidistance"] = lambda: dtw.distance_matrix_fast(both, block=block, parallel=args.threads > 1)
        assert np.isclose(dtw.distance_fast(X[0], Y[0]) ** 2, float(works["parnassus"]()[0, 0]))
    if installed("aeon"):
        from aeon.distances import dtw_pairwise_distance

        works["aeon"] = lambda: dtw_pairwise_distance(X, Y)
    compare(f"dtw {N} x {N} series of {LENGTH}", works, ours="parnassus", args=args)


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

    warping(args)

    steps = np.repeat(np.random.default_rng(1).normal(0, 5, 20), 100) + np.random.default_rng(2).normal(size=2000)
    works = {"parnassus": lambda: best_cuts(steps, least=2)}
    if installed("ruptures"):
        import ruptures

        works["ruptures"] = lambda: ruptures.Pelt(model="l2", min_size=2, jump=1).fit(steps).predict(pen=23)
    compare("cuts of 2,000 steps", works, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
