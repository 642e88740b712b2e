"""Search graphs that an n-gram model of words and hot words weigh."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import SettingError
from ...functional.fusion import Tables, hot_scorer, scorer_of, tables
from ...functional.ngrams import NGrams
from .topology import Draft, Network, Topology

FREE = ("loop", "bigram")  # grammars that allow any word after any: an n-gram model may stand in their place


def weighed_network(
    network: Network,
    topology: Topology,
    grammar: Any,
    *,
    language_model: NGrams | None,
    language_weight: float,
    hot_words: Sequence[str] | Mapping[str, float],
    penalty: float,
) -> Network:
    """The graph with its words weighed: by an n-gram model in place of the grammar, and by what hot words gain.

    Raises
    ------
    SettingError : an n-gram model, or a hot phrase of several words, beside a grammar that says what may be said; hot
        words outside the lexicon.
    """
    names = ["", *topology.words]
    if language_model is None:
        return hotter(network, names, hot_words)
    if grammar not in FREE:
        raise SettingError(
            f"language_model weighs any words after any, and grammar={str(grammar)[:60]!r} says what may be said; "
            "leave one of them out"
        )
    scorer = scorer_of(
        names, "words", language_model=language_model, language_weight=language_weight, bonus=penalty,
        hot_words=hot_words,
    )  # fmt: skip
    written = tables(scorer, len(names))
    if written is None:
        raise SettingError(
            f"the n-gram model of order {language_model.order} has too many contexts for a search graph of "
            f"{len(topology.words)} words; take a lower order"
        )
    return by_tables(topology, written)


def hotter(network: Network, names: Sequence[str], hot_words: Sequence[str] | Mapping[str, float]) -> Network:
    """The graph whose arcs into hot words have what these gain added."""
    graph, found = network.graph, hot_scorer(names, "words", hot_words).words
    weights = graph.weights.clone()
    for word, gain in found.items():
        if len(word) > 1:
            said = " ".join(names[i] for i in word)
            raise SettingError(
                f"the hot word {said!r} is a phrase; without a language_model, such as NGrams(2).fit(texts), hot words "
                "of this recogniser are single words"
            )
        weights[graph.words == word[0] - 1] += gain
    return network._replace(graph=graph._replace(weights=weights))


def by_tables(topology: Topology, written: Tables) -> Network:
    """Any word after any, weighed by the states of a scorer of words; a sentence has at least one word."""
    draft = Draft(topology)
    builder = draft.builder
    first, *states = (builder.joint() for _ in range(len(written.end) + 1))
    builder.arc(draft.pause(builder.entry), first)
    starts: dict[tuple[int, int], int] = {}
    gains, following = written.gain.tolist(), written.following.tolist()
    for source, number in [(first, 0), *((state, i) for i, state in enumerate(states))]:
        for word, name in enumerate(topology.words, 1):
            key = word, following[number][word]
            if key not in starts:
                starts[key] = builder.joint()
                builder.arc(draft.pause(draft.word(starts[key], name)), states[key[1]])
            builder.arc(source, starts[key], gains[number][word])
    for state, end in zip(states, written.end.tolist(), strict=True):
        builder.arc(state, builder.exit, end)
    return draft.network()
