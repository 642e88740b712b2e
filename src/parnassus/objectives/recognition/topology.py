"""Units, their states and the graphs that sentences and grammars make of them."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...data.audio.commands import Phrase
from ...data.audio.lexicon import Lexicon
from ...functional.search_graph import Found, GraphBuilder, SearchGraph
from ...functional.state_tying import Tree, leaf_of

SILENCE = "<silence>"
EDGE = "#"  # the neighbour of a word's first and last unit: contexts end at a word's edge
HALF = math.log(0.5)


class Occurrence(NamedTuple):
    """A unit where it stands in a graph: its word (-1 for silence) and its neighbours in the word."""

    unit: str
    word: int
    left: str
    right: str

    @property
    def first(self) -> bool:
        """Whether it begins its word."""
        return self.left == EDGE


class Network(NamedTuple):
    """A search graph, and the unit behind each occurrence in it."""

    graph: SearchGraph
    occurrences: list[Occurrence]

    def spans(self, found: Found) -> list[tuple[Occurrence, int, int]]:
        """Each unit of a path with its first frame and the one behind its last."""
        graph, arcs = self.graph, found.arcs
        own, before = graph.units[graph.targets[arcs]], graph.units[graph.sources[arcs]]
        starts = (own != before).nonzero()[:, 0].tolist()
        ends = [*starts[1:], len(arcs)]
        return [(self.occurrences[int(own[s])], s, e) for s, e in zip(starts, ends, strict=True)]

    def words(self, found: Found) -> list[int]:
        """The words of a path."""
        own = self.graph.words[found.arcs]
        return own[own >= 0].tolist()


class Topology:
    """Left-to-right chains of states for every unit and for silence, and words made of them.

    Each unit has `n_states` states in a row, silence `n_silence`; a state is a position among all, which has a
    probability to stay and, by `trees`, a density that may depend on the unit's neighbours in the word.

    Source: Hifny A13.17 (three emitting states a phone; words and sentences are chains of units) and A13.29.
    """

    def __init__(self, lexicon: Lexicon, *, n_states: int, n_silence: int, trees: Sequence[Tree] | None = None) -> None:
        self.lexicon, self.n_states, self.n_silence = lexicon, n_states, n_silence
        self.units, self.words = lexicon.units, list(lexicon)
        self.number = {word: i for i, word in enumerate(self.words)}
        self.offset = {unit: i * n_states for i, unit in enumerate(self.units)} | {SILENCE: len(self.units) * n_states}
        self.n_positions = len(self.units) * n_states + n_silence
        self.trees = list(trees) if trees is not None else None
        self.names = [f"{u}.{s}" for u in [*self.units, SILENCE] for s in range(self.states_of(u))]
        self._sentences: dict[tuple[str, ...], Network] = {}

    def states_of(self, unit: str) -> int:
        """How many states a unit has."""
        return self.n_silence if unit == SILENCE else self.n_states

    @property
    def n_densities(self) -> int:
        return self.n_positions if self.trees is None else 1 + max(_leaves(self.trees))

    def density(self, position: int, left: str, right: str) -> int:
        """The density of a state between these neighbours."""
        return position if self.trees is None else leaf_of(self.trees[position], left, right)

    # --- graphs -----------------------------------------------------------------------------------

    def sentence(self, words: Sequence[str]) -> Network:
        """The graph of a transcript: every pronunciation of each word, and silence that may stand between."""
        key = tuple(words)
        if key not in self._sentences:
            draft = Draft(self)
            end = draft.pause(draft.builder.entry)
            for word in words:
                end = draft.pause(draft.word(end, word))
            draft.builder.arc(end, draft.builder.exit)
            self._sentences[key] = draft.network()
        return self._sentences[key]

    def loop(self, probabilities: Mapping[str, float], last: float, *, penalty: float = 0.0) -> Network:
        """Any word after any: each by its probability, a sentence ends after a word with probability `last`."""
        draft = Draft(self)
        builder = draft.builder
        start, back = builder.joint(), builder.joint()
        builder.arc(draft.pause(builder.entry), start)
        for word, p in probabilities.items():
            draft.word(start, word, weight=math.log(p) + penalty, end=back)
        after = draft.pause(back)
        builder.arc(after, start, math.log(1 - last))
        builder.arc(after, builder.exit, math.log(last))
        return draft.network()

    def bigram(
        self, first: Sequence[float], follows: Sequence[Sequence[float]], last: Sequence[float], *, penalty: float = 0.0
    ) -> Network:
        """Each word by what stands before it; probabilities by words' numbers, rows of [follows, last] sum to 1."""
        draft = Draft(self)
        builder = draft.builder
        entry = draft.pause(builder.entry)
        starts = [builder.joint() for _ in self.words]
        for i, word in enumerate(self.words):
            after = draft.pause(draft.word(starts[i], word, weight=penalty))
            if first[i] > 0:
                builder.arc(entry, starts[i], math.log(first[i]))
            if last[i] > 0:
                builder.arc(after, builder.exit, math.log(last[i]))
            for j, p in enumerate(follows[i]):
                if p > 0:
                    builder.arc(after, starts[j], math.log(p))
        return draft.network()

    def keywords(self, phrases: Sequence[Sequence[str]]) -> tuple[Network, Tensor]:
        """Phrases of words beside a filler, whose density is one more than all; and the phrase of each node, or -1."""
        draft = Draft(self)
        builder, owners = draft.builder, list[int]()
        hub, back, filler = builder.joint(), builder.joint(), builder.state(self.n_densities)
        for source, target in ((builder.entry, hub), (hub, filler), (filler, filler), (filler, back), (back, hub)):
            builder.arc(source, target)
        builder.arc(back, builder.exit)
        for number, words in enumerate(phrases):
            end = draft.word(hub, words[0], end=None if len(words) > 1 else back)
            for word in words[1:]:
                start, end, ways = draft.pause(end), builder.joint(), self.lexicon[word]
                for way in ways:
                    draft.units(way, start, end, word=-1, weight=-math.log(len(ways)))
            if len(words) > 1:
                builder.arc(end, back)
            owners += [number] * (len(draft.occurrences) - len(owners))
        network = draft.network()
        units = network.graph.units
        owned = torch.tensor(owners)[units.clamp(min=0)]
        return network, torch.where(units >= 0, owned, -1)

    def sentences(self, allowed: Sequence[Sequence[str]]) -> Network:
        """One of these sentences, all alike probable."""
        draft = Draft(self)
        builder = draft.builder
        entry, weight = draft.pause(builder.entry), -math.log(len(allowed))
        for words in allowed:
            end = builder.joint()
            builder.arc(entry, end, weight)
            for word in words:
                end = draft.pause(draft.word(end, word))
            builder.arc(end, builder.exit)
        return draft.network()

    def commands(self, tree: Phrase, *, penalty: float = 0.0) -> Network:
        """What a grammar of commands allows: alternatives alike probable, 1/2 to leave out or say again."""
        draft = Draft(self)
        end = draft.tree(tree, draft.pause(draft.builder.entry), penalty)
        draft.builder.arc(end, draft.builder.exit)
        return draft.network()


class Draft:
    """A graph in the making."""

    def __init__(self, topology: Topology) -> None:
        self.topology, self.builder = topology, GraphBuilder()
        self.occurrences: list[Occurrence] = []

    def network(self) -> Network:
        """The graph that was drawn."""
        return Network(self.builder.build(), self.occurrences)

    def pause(self, start: int) -> int:
        """A joint that is reached at once, or by way of silence."""
        if not self.topology.n_silence:
            return start
        end = self.builder.joint()
        self.builder.arc(start, end, HALF)
        self.units([SILENCE], start, end, word=-1, weight=HALF)
        return end

    def word(self, start: int, word: str, *, weight: float = 0.0, end: int | None = None) -> int:
        """The joint behind all pronunciations of a word."""
        end = self.builder.joint() if end is None else end
        ways = self.topology.lexicon[word]
        for way in ways:
            self.units(way, start, end, word=self.topology.number[word], weight=weight - math.log(len(ways)))
        return end

    def tree(self, tree: Phrase, start: int, penalty: float) -> int:
        """The joint behind all that a tree of a grammar of commands stands for."""
        kind, *below = tree
        if kind == "word":
            return self.pause(self.word(start, below[0], weight=penalty))
        if kind == "slot":
            return self.tree(below[1], start, penalty)
        if kind == "row":
            for inner in below:
                start = self.tree(inner, start, penalty)
            return start
        builder = self.builder
        end = builder.joint()
        if kind == "again":
            first = builder.joint()
            builder.arc(start, first)
            last = self.tree(below[0], first, penalty)
            builder.arc(last, first, HALF)
            builder.arc(last, end, HALF)
            return end
        if kind == "maybe":
            builder.arc(start, end, HALF)
        weight = HALF if kind == "maybe" else -math.log(len(below))
        for inner in below:
            first = builder.joint()
            builder.arc(start, first, weight)
            builder.arc(self.tree(inner, first, penalty), end)
        return end

    def units(self, units: Sequence[str], start: int, end: int, *, word: int, weight: float) -> None:
        """Draw the states of units in a row between two joints."""
        topology, builder = self.topology, self.builder
        n = topology.n_positions
        before, leaving, begins = start, -1, word
        for i, unit in enumerate(units):
            left = units[i - 1] if i else EDGE
            right = units[i + 1] if i + 1 < len(units) else EDGE
            self.occurrences.append(Occurrence(unit, word, left, right))
            for s in range(topology.states_of(unit)):
                position = topology.offset[unit] + s
                node = builder.state(topology.density(position, left, right), unit=len(self.occurrences) - 1)
                builder.arc(before, node, weight, kind=leaving, word=begins)
                builder.arc(node, node, kind=position)
                before, leaving, begins, weight = node, n + position, -1, 0.0
        builder.arc(before, end, kind=leaving)


def bigram_of(sentences: Sequence[Sequence[str]], words: Sequence[str]) -> tuple[list[float], Any, list[float]]:
    """First, following and last probabilities of words, one added to every count."""
    number = {word: i for i, word in enumerate(words)}
    n = len(words)
    counts = torch.ones(n + 1, n + 1, dtype=torch.float64)  # from (the start last), to (the end last)
    counts[n, n] = 0
    for sentence in sentences:
        way = [n, *(number[word] for word in sentence), n]
        for one, two in itertools.pairwise(way):
            counts[one, two] += 1
    shares = counts / counts.sum(1, keepdim=True)
    return shares[n, :n].tolist(), shares[:n, :n].tolist(), shares[:n, n].tolist()


def table_of(stay: Tensor) -> Tensor:
    """Log probabilities by kind: to stay in each position, then to leave each."""
    return torch.cat([stay.log(), torch.log1p(-stay)])


def _leaves(trees: Sequence[Tree]) -> list[int]:
    found, open_ = [], list(trees)
    while open_:
        tree = open_.pop()
        if isinstance(tree, int):
            found.append(tree)
        else:
            open_ += tree[2:]
    return found
