"""Which context-dependent states share a density: trees of questions about neighbours, grown by likelihood.

A tree is a leaf's number, or (side, units, yes, no): "is the left (or right) neighbour one of these units?" and the
two trees that follow. Trees are plain tuples, so that they can be saved as JSON.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

Tree = Any  # int, or (side, units, yes, no)
SIDES = ("left", "right")


class Pool(NamedTuple):
    """One state of one unit in all its contexts: (left, right) neighbours, frames, their sums and sums of squares."""

    contexts: list[tuple[str, str]]
    counts: np.ndarray  # (n,)
    sums: np.ndarray  # (n, features)
    squares: np.ndarray  # (n, features)


class Split(NamedTuple):
    """The best question of a node: what it gains, and the contexts that answer yes."""

    gain: float
    side: str
    units: tuple[str, ...]
    yes: np.ndarray


def gaussian_log_likelihood(counts: np.ndarray, sums: np.ndarray, squares: np.ndarray, *, floor: float) -> float:
    """The log likelihood of pooled frames under the one diagonal Gaussian that fits them best.

        L = -n/2 [ d (1 + ln 2 pi) + sum_i ln s_i^2 ],   s^2 = C(x^2)/n - (C(x)/n)^2 held above the floor

    Source: Young, Odell and Woodland 1994, eq 2 with diagonal covariances.
    """
    n = counts.sum()
    if n <= 0:
        return 0.0
    mean = sums.sum(0) / n
    variance = np.maximum(squares.sum(0) / n - mean**2, floor)
    return float(-0.5 * n * (len(mean) * (1 + math.log(2 * math.pi)) + np.log(variance).sum()))


def tied_states(
    pools: Sequence[Pool],
    questions: Sequence[tuple[str, ...]],
    *,
    n_leaves: int,
    min_count: float = 100.0,
    min_gain: float = 0.0,
    floor: float = 1e-4,
) -> tuple[list[Tree], float]:
    """A tree for each pool, leaves numbered over all of them, and the log likelihood gained.

    The node whose best question gains most is split first, over all pools, until there are `n_leaves`, or no question
    gains more than `min_gain` with `min_count` frames on both sides.

    Systems: tied-state-triphones
    Source: Young, Odell and Woodland 1994; Hifny A13.29 (named there).
    """
    nodes: list[tuple[int, np.ndarray]] = [(p, np.arange(len(pool.contexts))) for p, pool in enumerate(pools)]
    grown: dict[int, tuple[Split, int, int]] = {}
    waiting: list[tuple[float, int, Split]] = []

    def offer(node: int) -> None:
        p, own = nodes[node]
        found = best_split(pools[p], own, questions, min_count=min_count, floor=floor)
        if found is not None and found.gain > min_gain:
            heapq.heappush(waiting, (-found.gain, node, found))

    for node in range(len(pools)):
        offer(node)
    total, leaves = 0.0, len(pools)
    while waiting and leaves < n_leaves:
        _, node, split = heapq.heappop(waiting)
        p, own = nodes[node]
        grown[node] = (split, len(nodes), len(nodes) + 1)
        nodes += [(p, own[split.yes]), (p, own[~split.yes])]
        total, leaves = total + split.gain, leaves + 1
        offer(len(nodes) - 2)
        offer(len(nodes) - 1)
    numbers = iter(range(leaves))
    return [_tree(node, grown, numbers) for node in range(len(pools))], total


def _tree(node: int, grown: dict[int, tuple[Split, int, int]], numbers: Iterable[int]) -> Tree:
    if node not in grown:
        return next(iter(numbers))
    split, yes, no = grown[node]
    return (split.side, split.units, _tree(yes, grown, numbers), _tree(no, grown, numbers))


def best_split(
    pool: Pool, own: np.ndarray, questions: Sequence[tuple[str, ...]], *, min_count: float, floor: float
) -> Split | None:
    """The question that gains most among these contexts of a pool, or None where none leaves enough on both sides."""
    counts, sums, squares = pool.counts[own], pool.sums[own], pool.squares[own]
    whole = gaussian_log_likelihood(counts, sums, squares, floor=floor)
    best: Split | None = None
    for side in range(2):
        neighbours = np.array([pool.contexts[i][side] for i in own])
        for units in questions:
            yes = np.isin(neighbours, units)
            if min(counts[yes].sum(), counts[~yes].sum()) < max(min_count, 1e-9):
                continue
            parts = (gaussian_log_likelihood(counts[m], sums[m], squares[m], floor=floor) for m in (yes, ~yes))
            gain = sum(parts) - whole
            if best is None or gain > best.gain:
                best = Split(gain, SIDES[side], units, yes)
    return best


def leaf_of(tree: Tree, left: str, right: str) -> int:
    """The density that a state uses between these neighbours; contexts never seen find one too.

    >>> leaf_of(("left", ("s", "z"), 0, ("right", ("t",), 1, 2)), "a", "t")
    1
    """
    while not isinstance(tree, int):
        side, units, yes, no = tree
        tree = yes if (left if side == "left" else right) in units else no
    return tree


def questions_from(units: Sequence[str], means: np.ndarray) -> list[tuple[str, ...]]:
    """Sets of alike units: each alone, and those that merge when the nearest means (units, features) are joined.

    Where no phonetician wrote the questions, the sounds themselves do.

    >>> questions_from(["a", "b", "c"], np.array([[0.0], [5.0], [5.5]]))
    [('a',), ('b',), ('c',), ('b', 'c')]
    """
    found: list[tuple[str, ...]] = [(unit,) for unit in units]
    groups = list(zip(found, means, strict=True))
    while len(groups) > 2:
        pairs = [
            (float(((a[1] - b[1]) ** 2).sum()), i, j) for j, b in enumerate(groups) for i, a in enumerate(groups[:j])
        ]
        _, i, j = min(pairs)
        one, two = groups[i], groups[j]
        n, m = len(one[0]), len(two[0])
        merged = (tuple(sorted(one[0] + two[0])), (n * one[1] + m * two[1]) / (n + m))
        groups = [g for k, g in enumerate(groups) if k not in (i, j)] + [merged]
        found.append(merged[0])
    return found
