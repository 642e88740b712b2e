"""Words looked for in a stream of frames: their chains of states beside a filler that takes any frame."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .composition import GraphBuilder, SearchGraph
from .recursions import best_path


class Spot(NamedTuple):
    """A word by its number, its first frame and the one behind its last, and its score: 0 at best."""

    word: int
    start: int
    end: int
    score: float


def spotted(graph: SearchGraph, weights: Tensor, log_scores: Tensor, owners: Tensor, *, threshold: float) -> list[Spot]:
    """Where words stand in frames, of log_scores (frames, densities): by the best way through words and filler.

        filler_t = max_k log b_k(x_t) + threshold
        score = mean over the word's frames of (log a_t + log b_t(x_t) - max_k log b_k(x_t))

    So words stand where their score is above the threshold, a number below 0, and none overlaps another.

    Parameters
    ----------
    graph : words and a filler, whose density is the one behind the last of `log_scores`.
    weights : its arcs with trained probabilities put in.
    owners : the word that a node is of (nodes,), -1 for none.

    Source: Bourlard, D'hoore and Boite 1994 (a filler made of the best scores of each frame).
    """
    logs = log_scores.double().cpu()
    best = logs.max(1).values
    arcs = best_path(graph, weights, torch.cat([logs, best[:, None] + threshold], 1)).arcs
    own, nodes = owners[graph.targets[arcs]].tolist(), graph.targets[arcs]
    begins = (graph.words[arcs] >= 0).tolist()
    each = weights[arcs].cpu() + logs.gather(1, graph.density[nodes][:, None].clamp(max=logs.shape[1] - 1))[:, 0] - best
    found: list[Spot] = []
    for t, word in enumerate(own):
        if word < 0:
            continue
        if begins[t] or not t or own[t - 1] != word:
            found.append(Spot(word, t, t, 0.0))
        found[-1] = found[-1]._replace(end=t + 1)
    return [s._replace(score=float(each[s.start : s.end].mean())) for s in found]


def spelled_words(words: Sequence[Sequence[int]], n_units: int, *, space: int | None = None) -> SearchGraph:
    """The graph of words as strings of units, in frames that say a unit or nothing (0, the blank), and of a filler.

    Blanks may stand between units and must between equal ones. With a `space` a word begins and ends at one, or at an
    end of the frames, so that it is not found inside another. Nodes name their word in `units`.
    """
    builder = GraphBuilder()
    hub, begin, done = builder.joint(), builder.joint(), builder.joint()
    filler = _staying(builder, n_units)
    for source, target in ((builder.entry, hub), (hub, filler), (filler, hub), (hub, builder.exit)):
        builder.arc(source, target)
    if space is None:
        builder.arc(hub, begin)
        builder.arc(done, hub)
    else:
        gap, before, after = (_staying(builder, unit) for unit in (space, 0, 0))
        pairs = [(builder.entry, begin), (builder.entry, before), (before, begin), (hub, gap), (done, gap), (gap, hub)]
        pairs += [(gap, before), (gap, begin), (done, after), (after, gap), (done, builder.exit)]
        for source, target in [*pairs, (after, builder.exit)]:
            builder.arc(source, target)
    for number, units in enumerate(words):
        last = begin
        for i, unit in enumerate(units):
            node = _staying(builder, unit, owner=number)
            if i:
                blank = _staying(builder, 0, owner=number)
                builder.arc(last, blank)
                builder.arc(blank, node)
            if not i or unit != units[i - 1]:
                builder.arc(last, node, word=-1 if i else number)
            last = node
        builder.arc(last, done)
    return builder.build()


def _staying(builder: GraphBuilder, density: int, *, owner: int = -1) -> int:
    node = builder.state(density, unit=owner)
    builder.arc(node, node)
    return node
