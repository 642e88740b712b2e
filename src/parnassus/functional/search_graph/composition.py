"""Nodes and arcs of a search graph, and the putting together of one."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import SettingError

ENTRY = 0


class SearchGraph(NamedTuple):
    """A network of hidden Markov models: nodes that emit, nodes that do not, arcs between them.

    Node 0 is the entry, nodes 1 to n_emitting emit by `density[node]`, a column of the emissions (-1 elsewhere), the
    others do not emit, each later than those it is reached from; the last is the exit. Arcs lie by target: those into
    node j are `first[j]` to `first[j + 1]`. `weights` are logarithms of what is fixed (grammar, pronunciations);
    `kinds` name for each arc a trained probability that is put beside it, -1 for none. `words` is the word that an arc
    begins, -1 for none, and `units` (nodes,) the occurrence of a unit that a node belongs to, -1 for none.

    Source: Hifny A13.17 (composite models with entry and exit states); Young, Russell and
        Thornton 1989 (token passing).
    """

    density: Tensor
    first: Tensor
    sources: Tensor
    targets: Tensor
    weights: Tensor
    kinds: Tensor
    words: Tensor
    units: Tensor
    n_emitting: int

    @property
    def n_nodes(self) -> int:
        return len(self.density)

    def weighted(self, table: Tensor) -> Tensor:
        """Arc weights (arcs,) with the trained log probabilities `table` put in."""
        trained = torch.where(self.kinds >= 0, table[self.kinds.clamp(min=0)], 0.0)
        return self.weights + trained

    def shortest(self) -> int:
        """The fewest frames that a way from the entry to the exit takes."""
        far = 1 << 40
        cost = [far] * self.n_nodes
        cost[ENTRY] = 0
        first, sources = self.first.tolist(), self.sources.tolist()
        changed = True
        while changed:
            changed = False
            for j in range(1, self.n_nodes):
                least = min((cost[sources[a]] for a in range(first[j], first[j + 1])), default=far)
                least += 1 if j <= self.n_emitting else 0
                if least < cost[j]:
                    cost[j], changed = least, True
        return cost[-1]


class GraphBuilder:
    """Collects nodes and arcs in any order; `build` numbers them.

    `joint()` is a new node that does not emit, `state(density, unit)` one that emits; `entry` and `exit` are there.
    """

    def __init__(self) -> None:
        self.density: list[int] = [-1, -1]
        self.unit: list[int] = [-1, -1]
        self.entry, self.exit = 0, 1
        self.arcs: list[tuple[int, int, float, int, int]] = []

    def joint(self) -> int:
        """A node that does not emit."""
        self.density.append(-1)
        self.unit.append(-1)
        return len(self.density) - 1

    def state(self, density: int, *, unit: int = -1) -> int:
        """A node that emits by this density, of this occurrence of a unit."""
        self.density.append(density)
        self.unit.append(unit)
        return len(self.density) - 1

    def arc(self, source: int, target: int, weight: float = 0.0, *, kind: int = -1, word: int = -1) -> None:
        """A way from one node to another."""
        self.arcs.append((source, target, weight, kind, word))

    def build(self) -> SearchGraph:
        """The graph with nodes and arcs in order.

        Raises
        ------
        SettingError : joints that lead back to themselves without a frame in between.
        """
        order = self._order()
        place = {node: i for i, node in enumerate(order)}
        arcs = sorted((place[t], place[s], i) for i, (s, t, *_) in enumerate(self.arcs))
        given = [self.arcs[i] for _, _, i in arcs]
        targets = torch.tensor([t for t, _, _ in arcs], dtype=torch.int64)
        into = torch.bincount(targets, minlength=len(order))
        first = torch.cat([into.new_zeros(1), into.cumsum(0)])
        return SearchGraph(
            density=torch.tensor([self.density[n] for n in order]),
            first=first,
            sources=torch.tensor([s for _, s, _ in arcs], dtype=torch.int64),
            targets=targets,
            weights=torch.tensor([a[2] for a in given], dtype=torch.float64),
            kinds=torch.tensor([a[3] for a in given], dtype=torch.int64),
            words=torch.tensor([a[4] for a in given], dtype=torch.int64),
            units=torch.tensor([self.unit[n] for n in order]),
            n_emitting=sum(d >= 0 for d in self.density),
        )

    def _order(self) -> list[int]:
        """The entry, what emits, joints each after those before it, the exit."""
        joints = [n for n, d in enumerate(self.density) if d < 0 and n not in (self.entry, self.exit)]
        level = dict.fromkeys(joints, 0)
        between = [(s, t) for s, t, *_ in self.arcs if s in level and t in level]
        for _ in range(len(joints) + 1):
            raised = False
            for s, t in between:
                if level[t] <= level[s]:
                    level[t], raised = level[s] + 1, True
            if not raised:
                break
        else:
            raise SettingError("the grammar goes round without a word: a joint leads back to itself with no state")
        emitting = [n for n, d in enumerate(self.density) if d >= 0]
        return [self.entry, *emitting, *sorted(joints, key=level.__getitem__), self.exit]
