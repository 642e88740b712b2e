"""From states of units to states of units between neighbours, as many as the data can teach."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...functional.search_graph import best_path
from ...functional.state_tying import Pool, questions_from, tied_states
from .acoustic import Acoustic
from .topology import EDGE, Network

Sums = dict[tuple[int, str, str], list[Any]]  # by position and neighbours: frames, sums, sums of squares


def add_contexts(
    acoustic: Acoustic, x: Tensor, lengths: Sequence[int], networks: Sequence[Network], into: Sums
) -> None:
    """Add up frames about the centre by position and neighbours, along the best path of each sequence."""
    logs, table = acoustic.log_prob(x).cpu(), acoustic.table
    z = (acoustic.scaled(x) - acoustic.emissions.gaussians.centre).cpu().numpy()
    at = 0
    for network, n, own in zip(networks, lengths, logs.split(list(lengths)), strict=True):
        graph = network.graph
        arcs = best_path(graph, graph.weighted(table), own).arcs
        nodes = graph.targets[arcs]
        for node in nodes.unique().tolist():
            frames = z[at : at + n][(nodes == node).numpy()]
            occurrence = network.occurrences[int(graph.units[node])]
            key = (int(graph.density[node]), occurrence.left, occurrence.right)
            held = into.setdefault(key, [0.0, 0.0, 0.0])
            held[0] += float(len(frames))
            held[1] = held[1] + frames.sum(0)
            held[2] = held[2] + (frames**2).sum(0)
        at += n


def pools_of(sums: Sums, n_positions: int, n_features: int) -> list[Pool]:
    """The sums of each position in all its contexts."""
    keys: list[list[tuple[int, str, str]]] = [[] for _ in range(n_positions)]
    for key in sorted(sums):
        keys[key[0]].append(key)
    return [
        Pool(
            [(left, right) for _, left, right in own],
            np.array([sums[key][0] for key in own], dtype=np.float64),
            np.array([sums[key][1] for key in own]).reshape(len(own), n_features),
            np.array([sums[key][2] for key in own]).reshape(len(own), n_features),
        )
        for own in keys
    ]


def tie(acoustic: Acoustic, sums: Sums, *, n_tied: int, min_count: float) -> float:
    """Grow the trees and give each leaf its Gaussian; the log likelihood gained.

    Systems: tied-state-triphones
    """
    topology = acoustic.topology
    pools = pools_of(sums, topology.n_positions, acoustic.n_features)
    floor = float(acoustic.emissions.gaussians.least)
    middles = [pools[topology.offset[u] + topology.n_states // 2] for u in topology.units]
    means = np.array([p.sums.sum(0) / max(p.counts.sum(), 1.0) for p in middles])
    questions = [(EDGE,), *questions_from(topology.units, means)]
    trees, gained = tied_states(
        pools, questions, n_leaves=max(n_tied, topology.n_positions), min_count=min_count, floor=floor
    )
    gaussians = acoustic.regrown({"trees": trees, "n_mixtures": 1})
    n = acoustic.topology.n_densities
    counts, total, squares = np.zeros(n), np.zeros((n, acoustic.n_features)), np.zeros((n, acoustic.n_features))
    for (position, left, right), (frames, one, two) in sums.items():
        leaf = acoustic.topology.density(position, left, right)
        counts[leaf] += frames
        total[leaf] += one
        squares[leaf] += two
    gaussians.update([torch.from_numpy(a).to(gaussians.means.device) for a in (counts, total, squares)])
    return gained
