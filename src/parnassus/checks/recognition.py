"""Speech recognition by classical means against distances by scipy, densities by scipy, and all ways written out."""

import math

import numpy as np
import torch

from ..functional.dtw import dtw_distances
from ..functional.search_graph import GraphBuilder, best_path, expected_counts
from ..functional.state_tying import Pool, tied_states
from . import check, gap


def _ways(n_frames: int, logs: np.ndarray, stay: tuple[float, ...]) -> list[float]:
    """The score of each way through a row of states, each written out by how long it stays where."""
    found = []

    def go(state: int, t: int, score: float) -> None:
        for last in range(t, n_frames):
            score += logs[last, state] + (math.log(stay[state]) if last > t else 0.0)
            done = score + math.log(1 - stay[state])
            if state + 1 < len(stay):
                go(state + 1, last + 1, done)
            elif last == n_frames - 1:
                found.append(done)

    go(0, 0, 0.0)
    return found


@check("asr-map-decision", "forward-algorithm", "viterbi", oracle="(closed form)", tolerance=1e-10)
def a_search_graph_against_all_ways() -> float:
    """Best path and total probability of 8 frames through either of two words, against every way written out."""
    logs = np.random.default_rng(0).normal(size=(8, 5))
    words = ((0.5, (0, 1, 2), (0.6, 0.7, 0.4)), (0.5, (3, 4), (0.9, 0.3)))
    g = GraphBuilder()
    scores: list[float] = []
    for number, (prior, columns, stay) in enumerate(words):
        before, leave = g.entry, math.log(prior)
        for i, (column, share) in enumerate(zip(columns, stay, strict=True)):
            state = g.state(column)
            g.arc(before, state, leave, word=-1 if i else number)
            g.arc(state, state, math.log(share))
            before, leave = state, math.log(1 - share)
        g.arc(before, g.exit, leave)
        scores += [math.log(prior) + s for s in _ways(8, logs[:, columns], stay)]
    graph, emitted = g.build(), torch.from_numpy(logs)
    best = best_path(graph, graph.weights, emitted).score
    total = expected_counts(graph, graph.weights, emitted).log_prob
    return max(gap(best, max(scores)), gap(total, np.logaddexp.reduce(scores)))


@check("tied-state-triphones", oracle="scipy", tolerance=1e-8)
def a_split_of_contexts_against_fitted_gaussians() -> float:
    """The log likelihood that one question gains, against densities of normal distributions fitted to the frames."""
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    frames = {("a", "#"): rng.normal(0, 1, (30, 2)), ("b", "#"): rng.normal(2, 2, (50, 2))}

    def fitted(x: np.ndarray) -> float:
        return float(norm.logpdf(x, x.mean(0), x.std(0)).sum())

    each = list(frames.values())
    pool = Pool(
        list(frames),
        np.array([float(len(x)) for x in each]),
        np.array([x.sum(0) for x in each]),
        np.array([(x**2).sum(0) for x in each]),
    )
    _, gained = tied_states([pool], [("a",)], n_leaves=2, min_count=1)
    return gap(gained, sum(map(fitted, each)) - fitted(np.concatenate(each)))


@check("pattern-matching", oracle="scipy", tolerance=1e-9)
def warping_against_all_matchings() -> float:
    """The total cost of dynamic time warping of 6 and 5 frames, against every matching, local costs by scipy."""
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    cost = cdist(x, y)
    best, open_ = math.inf, [(0, 0, 0.0)]
    while open_:
        i, j, total = open_.pop()
        total += float(cost[i, j])
        if (i, j) == (5, 4):
            best = min(best, total)
        open_ += [(a, b, total) for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)) if a < 6 and b < 5]
    return gap(dtw_distances([torch.from_numpy(x)], [torch.from_numpy(y)])[0, 0], best)
