"""Speech recognition by classical means: dynamic time warping against dtaidistance, and decoding in real time.

DTW: 40 x 40 sequences of 100 frames x 39 features, squared distances, no band, float64 on both sides. Decoding: a
grammar of 10 words x 12 states with pauses over 1,000 frames of scores, kernel against twin; the line gives the seconds
that a second of speech (100 frames) takes. PARNASSUS_KERNELS=off measures the twins.
"""

import argparse
import math
import time

import numpy as np
import torch

from harness import arguments, compare, installed
from parnassus.data.audio.lexicon import whole
from parnassus.functional.dtw import dtw_distances
from parnassus.functional.search_graph import best_path
from parnassus.functional.search_graph.recursions import _best_path_twin
from parnassus.objectives.recognition.topology import Topology, table_of

N, LENGTH, WIDTH = 40, 100, 39
FRAMES = 1000


def warping(args: argparse.Namespace) -> None:
    """DTW of all pairs of two sets."""
    rng = np.random.default_rng(0)
    X, Y = (list(rng.normal(size=(N, LENGTH, WIDTH))) for _ in range(2))
    ours = [torch.from_numpy(x) for x in X], [torch.from_numpy(y) for y in Y]
    sides = {"ours": lambda: dtw_distances(*ours, squared=True)}
    if installed("dtaidistance"):
        from dtaidistance import dtw_ndim

        both, block = X + Y, ((0, N), (N, 2 * N))  # all pairs in one call of its C library
        sides["dtaidistance"] = lambda: dtw_ndim.distance_matrix_fast(both, WIDTH, block=block, parallel=False)
        theirs = dtw_ndim.distance_fast(X[0], Y[0])
        assert math.isclose(theirs, math.sqrt(float(sides["ours"]()[0, 0])), rel_tol=1e-9)
    compare(f"dtw {N} x {N} of {LENGTH} x {WIDTH}", sides, ours="ours", args=args)


def decoding() -> None:
    """The best path through a loop of words."""
    words = [f"w{i}" for i in range(10)]
    topology = Topology(whole(words), n_states=12, n_silence=3)
    network = topology.loop(dict.fromkeys(words, 0.1), 0.2)
    weights = network.graph.weighted(table_of(torch.full((topology.n_positions,), 0.7, dtype=torch.float64)))
    logs = 10 * torch.randn(FRAMES, topology.n_densities, generator=torch.Generator().manual_seed(0)).double()
    for name, search in (("kernel", best_path), ("twin", lambda *a: _best_path_twin(*a, math.inf))):
        search(network.graph, weights, logs[:10])
        started = time.perf_counter()
        search(network.graph, weights, logs)
        print(f"decoding, {name}: {(time.perf_counter() - started) / (FRAMES / 100):.5f} s a second of speech")


if __name__ == "__main__":
    warping(arguments())
    decoding()
