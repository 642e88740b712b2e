"""Search and counts on a graph: the best path, the n best word strings, the expected counts of Baum-Welch.

Everything is in logarithms, float64. `weights` are the graph's arcs with trained probabilities put in
(`graph.weighted(table)`), `log_emissions` (frames, densities).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ... import kernels
from .composition import SearchGraph


class Found(NamedTuple):
    """The arc by which each frame's node was entered (frames,), and log p(x, path); -inf and no arcs for no path."""

    arcs: Tensor
    score: float


class Counts(NamedTuple):
    """log p(x), how much each density has of each frame (frames, densities), how often each arc is taken (arcs,)."""

    log_prob: float
    gamma: Tensor
    arcs: Tensor


def best_path(graph: SearchGraph, weights: Tensor, log_emissions: Tensor, *, beam: float = math.inf) -> Found:
    """The most probable way from the entry to the exit; nodes that fall `beam` behind a frame's best are given up.

        delta_t(j) = max_i [delta_{t-1}(i) a_ij] b_j(x_t)  for what emits;   delta_t(j) = max_i delta_t(i) a_ij  else

    Systems: viterbi, asr-map-decision
    Source: Hifny A13.16, eqs 13.75 and 13.76 (the best path stands for the sum over paths); A13.21.
    """
    logs = log_emissions.double().contiguous()
    kernel = kernels.load("graphs") if logs.device.type == "cpu" else None
    if kernel is None:
        return _best_path_twin(graph, weights, logs, beam)
    path, score = torch.full((len(logs),), -1), torch.empty(1, dtype=torch.float64)
    kernel.viterbi(graph.first, graph.sources, weights, graph.density, graph.n_emitting, logs, beam, path, score)
    found = float(score)
    return Found(path if math.isfinite(found) else path[:0], found)


def expected_counts(graph: SearchGraph, weights: Tensor, log_emissions: Tensor) -> Counts:
    """What embedded Baum-Welch needs of one utterance, summed over all ways through the graph of its transcript.

    Systems: forward-algorithm, backward-algorithm, baum-welch
    Source: Hifny A13.19, A13.20 and A13.22.
    """
    logs = log_emissions.double().contiguous()
    kernel = kernels.load("graphs") if logs.device.type == "cpu" else None
    if kernel is None:
        return _expected_counts_twin(graph, weights, logs)
    gamma, counts = torch.zeros_like(logs), torch.zeros_like(weights)
    log_prob = torch.empty(1, dtype=torch.float64)
    kernel.expectations(
        graph.first, graph.sources, weights, graph.density, graph.n_emitting, logs, gamma, counts, log_prob
    )
    return Counts(float(log_prob), gamma, counts)


# --- the twins ------------------------------------------------------------------------------------


def _levels(graph: SearchGraph) -> list[tuple[int, int]]:
    """Runs of joints that do not lead to each other, in order."""
    first, sources = graph.first.tolist(), graph.sources.tolist()
    runs, begin = [], graph.n_emitting + 1
    for j in range(begin, graph.n_nodes):
        if any(begin <= s < j for s in sources[first[j] : first[j + 1]]):
            runs.append((begin, j))
            begin = j
    return [*runs, (begin, graph.n_nodes)]


def _pull(graph: SearchGraph, scores: np.ndarray, low: int, high: int, into: np.ndarray, combine: np.ufunc) -> None:
    """What comes into nodes low to high - 1, of the scores of their arcs (those of `first[low]` on)."""
    first = graph.first.numpy()[low : high + 1]
    has = np.diff(first) > 0
    into[low:high] = -np.inf
    if has.any():
        into[low:high][has] = combine.reduceat(scores, first[:-1][has] - first[0])


def _swept(graph: SearchGraph, weights: Tensor, logs: Tensor, combine: np.ufunc, beam: float) -> np.ndarray:
    """Scores of all nodes before the first frame and after each (frames + 1, nodes)."""
    w, sources, first = weights.numpy(), graph.sources.numpy(), graph.first.numpy()
    n, levels, emitted = graph.n_emitting, _levels(graph), logs.numpy()
    values = np.full((len(emitted) + 1, graph.n_nodes), -np.inf)
    values[0, 0] = 0
    columns = graph.density.numpy()[1 : n + 1]
    with np.errstate(invalid="ignore"):
        for t in range(len(values)):
            own = values[t]
            if t:
                arcs = slice(first[1], first[n + 1])
                _pull(graph, values[t - 1][sources[arcs]] + w[arcs], 1, n + 1, own, combine)
                own[1 : n + 1] += emitted[t - 1, columns]
                own[1 : n + 1][own[1 : n + 1] < own[1 : n + 1].max() - beam] = -np.inf
            for low, high in levels:
                arcs = slice(first[low], first[high])
                _pull(graph, own[sources[arcs]] + w[arcs], low, high, own, combine)
    return values


def _best_path_twin(graph: SearchGraph, weights: Tensor, logs: Tensor, beam: float) -> Found:
    values = _swept(graph, weights, logs, np.maximum, beam)
    score = float(values[-1, -1])
    if not math.isfinite(score):
        return Found(torch.empty(0, dtype=torch.int64), score)
    w, sources, first = weights.numpy(), graph.sources.numpy(), graph.first.numpy()
    path, t, node = np.empty(len(logs), dtype=np.int64), len(logs), graph.n_nodes - 1
    while t:
        emits = node <= graph.n_emitting
        arcs = slice(first[node], first[node + 1])
        a = int(first[node] + (values[t - emits][sources[arcs]] + w[arcs]).argmax())
        if emits:
            t -= 1
            path[t] = a
        node = int(sources[a])
    return Found(torch.from_numpy(path), score)


def _expected_counts_twin(graph: SearchGraph, weights: Tensor, logs: Tensor) -> Counts:
    alpha = _swept(graph, weights, logs, np.logaddexp, math.inf)
    total = alpha[-1, -1]
    gamma, counts = np.zeros(logs.shape), np.zeros(len(weights))
    if not math.isfinite(total):
        return Counts(float(total), torch.from_numpy(gamma), torch.from_numpy(counts))
    w, sources, targets = weights.numpy(), graph.sources.numpy(), graph.targets.numpy()
    first, n, emitted = graph.first.numpy(), graph.n_emitting, logs.numpy()
    columns = graph.density.numpy()[1 : n + 1]
    beta = np.full(graph.n_nodes, -np.inf)
    beta[-1] = 0
    arcs = slice(first[1], first[n + 1])
    for t in range(len(emitted), -1, -1):
        for low, high in reversed(_levels(graph)):
            own = slice(first[low], first[high])
            rest = w[own] + beta[targets[own]]
            np.logaddexp.at(beta, sources[own], rest)
            counts[own] += np.exp(alpha[t][sources[own]] + rest - total)
        if not t:
            break
        np.add.at(gamma[t - 1], columns, np.exp(alpha[t, 1 : n + 1] + beta[1 : n + 1] - total))
        rest = w[arcs] + (emitted[t - 1, columns] + beta[1 : n + 1])[targets[arcs] - 1]
        counts[arcs] += np.exp(alpha[t - 1][sources[arcs]] + rest - total)
        beta = np.full(graph.n_nodes, -np.inf)
        np.logaddexp.at(beta, sources[arcs], rest)
    return Counts(float(total), torch.from_numpy(gamma), torch.from_numpy(counts))


# --- several answers ------------------------------------------------------------------------------


def n_best_words(
    graph: SearchGraph, weights: Tensor, log_emissions: Tensor, *, n: int, beam: float = math.inf
) -> list[tuple[tuple[int, ...], float]]:
    """The n word strings with the best paths, best first, each with its path's score; fewer where fewer are possible.

    A node keeps its n best tokens that differ in their words, so without a beam the answer is exact.

    Systems: nbest-lattice
    Source: Young, Russell and Thornton 1989 (token passing); Hifny A13.28 (named there).
    """
    w, logs = weights.tolist(), log_emissions.double().tolist()
    into = _arcs_by_node(graph, w)
    density, emitting = graph.density.tolist(), graph.n_emitting
    before: list[dict[tuple[int, ...], float]] = [{} for _ in range(graph.n_nodes)]
    before[0][()] = 0.0
    for j in range(emitting + 1, graph.n_nodes):
        before[j] = _merged(into[j], before, n)
    for frame in logs:
        now: list[dict[tuple[int, ...], float]] = [{} for _ in range(graph.n_nodes)]
        for j in range(1, emitting + 1):
            now[j] = {words: s + frame[density[j]] for words, s in _merged(into[j], before, n).items()}
        most = max((s for tokens in now for s in tokens.values()), default=-math.inf)
        for j in range(1, emitting + 1):
            now[j] = {words: s for words, s in now[j].items() if s >= most - beam and s > -math.inf}
        for j in range(emitting + 1, graph.n_nodes):
            now[j] = _merged(into[j], now, n)
        before = now
    return sorted(before[-1].items(), key=lambda token: -token[1])


def _arcs_by_node(graph: SearchGraph, w: list[float]) -> list[list[tuple[int, float, int]]]:
    """Source, weight and word of the arcs into each node."""
    sources, words, first = graph.sources.tolist(), graph.words.tolist(), graph.first.tolist()
    return [[(sources[a], w[a], words[a]) for a in range(first[j], first[j + 1])] for j in range(graph.n_nodes)]


def _merged(
    arcs: list[tuple[int, float, int]], tokens: list[dict[tuple[int, ...], float]], n: int
) -> dict[tuple[int, ...], float]:
    """The n best tokens that come in, each word string once."""
    own: dict[tuple[int, ...], float] = {}
    for source, weight, word in arcs:
        for words, score in tokens[source].items():
            longer = words if word < 0 else (*words, word)
            if score + weight > own.get(longer, -math.inf):
                own[longer] = score + weight
    if len(own) <= n:
        return own
    kept = sorted(own, key=own.__getitem__, reverse=True)[:n]
    return {words: own[words] for words in kept}
