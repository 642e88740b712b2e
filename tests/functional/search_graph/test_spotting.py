"""Words in a stream of frames: the best way through words and filler by trying all, and words inside others."""

import functools
import itertools
import math

import pytest
import torch

from parnassus.functional.search_graph import spelled_words, spotted

THRESHOLD = -0.7


def chains(units, n):
    """Every string of n states that says the units: each at least once, blanks between, of equal ones at least one."""
    states = [s for i, u in enumerate(units) for s in ([("blank", i)] if i else []) + [(u, i)]]
    for path in itertools.combinations_with_replacement(range(len(states)), n):
        needed = {k for k, (u, _) in enumerate(states) if u != "blank"}
        needed |= {k for k, (u, i) in enumerate(states) if u == "blank" and units[i] == units[i - 1]}
        if needed <= set(path):
            yield [0 if states[k][0] == "blank" else states[k][0] for k in path]


def by_trying(logs, words, threshold):
    """The spots of the best way, words and filler frames in any order."""
    best = logs.max(1).values

    @functools.cache
    def within(number, start, end):
        ways = [
            sum(float(logs[start + t, u]) for t, u in enumerate(path)) for path in chains(words[number], end - start)
        ]
        return max(ways, default=-math.inf)

    @functools.cache
    def from_frame(t):
        if t == len(logs):
            return 0.0, ()
        rest, spots = from_frame(t + 1)
        found = [(float(best[t]) + threshold + rest, spots)]
        for number in range(len(words)):
            for end in range(t + 1, len(logs) + 1):
                rest, spots = from_frame(end)
                found.append((within(number, t, end) + rest, ((number, t, end), *spots)))
        return max(found)

    return [
        (number, s, e, (within(number, s, e) - float(best[s:e].sum())) / (e - s)) for number, s, e in from_frame(0)[1]
    ]


@pytest.mark.parametrize("seed", range(4))
def test_spots_are_those_of_the_best_of_all_ways(seed):
    logs = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).log_softmax(1)
    words = [(1, 2), (3, 3), (2,)]
    graph = spelled_words(words, 4)
    found = spotted(graph, graph.weights, logs, graph.units, threshold=THRESHOLD)
    wanted = by_trying(logs, words, THRESHOLD)
    assert [tuple(s)[:3] for s in found] == [w[:3] for w in wanted]
    assert [s.score for s in found] == pytest.approx([w[3] for w in wanted])
    assert any(wanted)


def said(text, alphabet="_ abc", sure=0.9):
    """Log probabilities in which each frame is almost sure of its letter."""
    p = torch.full((len(text), len(alphabet)), (1 - sure) / (len(alphabet) - 1), dtype=torch.float64)
    p[torch.arange(len(text)), torch.tensor([alphabet.index(c) for c in text])] = sure
    return p.log()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("aab_", [(0, 3)]),
        ("_ab", [(1, 3)]),
        ("c  ab ", [(3, 5)]),
        ("ca_b c", []),  # inside another word
        ("abc ab", [(4, 6)]),
        ("a_b_ _ab", [(0, 3), (6, 8)]),
        ("ab ab", [(0, 2), (3, 5)]),  # one space ends a word and begins the next
    ],
)
def test_a_word_is_not_found_inside_another(text, places):
    graph = spelled_words([(2, 3)], 5, space=1)
    found = spotted(graph, graph.weights, said(text), graph.units, threshold=-0.5)
    assert [(s.start, s.end) for s in found] == places
    assert all(s.score == pytest.approx(0.0) for s in found)


def test_nothing_is_found_below_the_threshold():
    logs = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]], dtype=torch.float64).log()
    graph = spelled_words([(1, 2)], 3)
    (spot,) = spotted(graph, graph.weights, logs, graph.units, threshold=math.log(0.3 / 0.5) - 0.01)
    assert spot.score == pytest.approx(math.log(0.3 / 0.5))
    assert spotted(graph, graph.weights, logs, graph.units, threshold=math.log(0.3 / 0.5) + 0.01) == []
