"""Search graphs against all paths written out, and the kernel against its twin."""

import itertools
import math

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.chains import Chain, in_series, left_to_right, recursions
from parnassus.functional.search_graph import GraphBuilder, SearchGraph, best_path, expected_counts, n_best_words
from parnassus.functional.search_graph.recursions import _best_path_twin, _expected_counts_twin


def words_in_a_loop() -> SearchGraph:
    """Three words of 1, 2 and 2 states (densities 0 to 4), any after any; 0.4 to end after each."""
    g = GraphBuilder()
    loop, end = g.joint(), g.joint()
    g.arc(g.entry, loop)
    g.arc(end, loop, math.log(0.6))
    g.arc(end, g.exit, math.log(0.4))
    density = 0
    for word, n in enumerate((1, 2, 2)):
        before = loop
        for s in range(n):
            state = g.state(density, unit=word)
            g.arc(before, state, math.log(0.5 if s else (0.5, 0.3, 0.2)[word]), word=-1 if s else word)
            g.arc(state, state, math.log(0.5))
            before, density = state, density + 1
        g.arc(before, end, math.log(0.5))
    return g.build()


def all_ways(graph: SearchGraph, logs: torch.Tensor) -> list[tuple[float, tuple[int, ...], list[int]]]:
    """Score, words and nodes of every way through the graph, by following arcs one at a time."""
    arcs = list(
        zip(graph.sources.tolist(), graph.targets.tolist(), graph.weights.tolist(), graph.words.tolist(), strict=True)
    )
    found, open_ = [], [(0, 0, 0.0, (), [])]
    while open_:
        node, t, score, words, nodes = open_.pop()
        if node == graph.n_nodes - 1 and t == len(logs):
            found.append((score, words, nodes))
        for source, target, weight, word in arcs:
            if source != node:
                continue
            said = (*words, word) if word >= 0 else words
            if graph.density[target] < 0:
                open_.append((target, t, score + weight, said, nodes))
            elif t < len(logs):
                emitted = float(logs[t, graph.density[target]])
                open_.append((target, t + 1, score + weight + emitted, said, [*nodes, target]))
    return found


@pytest.fixture
def logs() -> torch.Tensor:
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture(params=["kernel", "twin"])
def way(request, monkeypatch):
    if request.param == "twin":
        monkeypatch.setenv("PARNASSUS_KERNELS", "off")


def test_the_best_path_is_the_best_of_all_ways(logs, way):
    graph = words_in_a_loop()
    score, words, nodes = max(all_ways(graph, logs))
    found = best_path(graph, graph.weights, logs)
    assert found.score == pytest.approx(score, abs=1e-12)
    assert graph.targets[found.arcs].tolist() == nodes
    own = graph.words[found.arcs]
    assert tuple(own[own >= 0].tolist()) == words


def test_expected_counts_are_sums_over_all_ways(logs, way):
    graph = words_in_a_loop()
    ways = all_ways(graph, logs)
    total = torch.logsumexp(torch.tensor([s for s, _, _ in ways], dtype=torch.float64), 0)
    gamma = torch.zeros_like(logs)
    for score, _, nodes in ways:
        for t, node in enumerate(nodes):
            gamma[t, graph.density[node]] += math.exp(score - total)
    found = expected_counts(graph, graph.weights, logs)
    assert found.log_prob == pytest.approx(float(total), abs=1e-12)
    torch.testing.assert_close(found.gamma, gamma, atol=1e-12, rtol=0)
    assert float(found.arcs[graph.targets == graph.n_nodes - 1].sum()) == pytest.approx(1)  # a way ends once
    emitting = (graph.targets >= 1) & (graph.targets <= graph.n_emitting)
    assert float(found.arcs[emitting].sum()) == pytest.approx(len(logs))  # a frame is entered once


def test_the_n_best_strings_are_those_of_all_ways(logs):
    graph = words_in_a_loop()
    best: dict[tuple[int, ...], float] = {}
    for score, words, _ in all_ways(graph, logs):
        best[words] = max(score, best.get(words, -math.inf))
    expected = sorted(best.items(), key=lambda pair: -pair[1])[:5]
    found = n_best_words(graph, graph.weights, logs, n=5)
    assert [words for words, _ in found] == [words for words, _ in expected]
    assert [s for _, s in found] == pytest.approx([s for _, s in expected], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_kernel_and_twin_agree_on_longer_sequences(seed):
    graph = words_in_a_loop()
    logs = 5 * torch.randn(80, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    one, two = best_path(graph, graph.weights, logs, beam=12.0), _best_path_twin(graph, graph.weights, logs, 12.0)
    assert one.score == pytest.approx(two.score)
    assert torch.equal(one.arcs, two.arcs)
    counts, twin = expected_counts(graph, graph.weights, logs), _expected_counts_twin(graph, graph.weights, logs)
    assert counts.log_prob == pytest.approx(twin.log_prob)
    torch.testing.assert_close(counts.gamma, twin.gamma)
    torch.testing.assert_close(counts.arcs, twin.arcs)


def test_a_graph_of_one_chain_is_that_chain(way):
    chain = in_series([left_to_right(2, stay=0.7), left_to_right(1, stay=0.4)])
    g = GraphBuilder()
    before, leave = g.entry, 0.0
    for density, stay in enumerate((0.7, 0.7, 0.4)):
        state = g.state(density)
        g.arc(before, state, leave)
        g.arc(state, state, math.log(stay))
        before, leave = state, math.log(1 - stay)
    g.arc(before, g.exit, leave)
    graph = g.build()
    logs = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start, step, end = Chain(*chain).logs()
    assert best_path(graph, graph.weights, logs).score == pytest.approx(
        float(recursions.viterbi(start, step, logs, log_exit=end).score)
    )
    gamma, _ = recursions.posteriors(start, step, logs, log_exit=end)
    torch.testing.assert_close(expected_counts(graph, graph.weights, logs).gamma, gamma)


def test_too_few_frames_have_no_path(way):
    g = GraphBuilder()
    nodes = [g.state(0), g.state(0), g.state(0)]
    for one, two in itertools.pairwise([g.entry, *nodes, g.exit]):
        g.arc(one, two)
    graph = g.build()
    assert graph.shortest() == 3
    found = best_path(graph, graph.weights, torch.zeros(2, 1))
    assert found.score == -math.inf
    assert len(found.arcs) == 0
    assert expected_counts(graph, graph.weights, torch.zeros(2, 1)).log_prob == -math.inf
    assert n_best_words(graph, graph.weights, torch.zeros(2, 1), n=2) == []


def test_a_narrow_beam_keeps_the_frame_by_frame_best(logs, way):
    graph = words_in_a_loop()
    full, narrow = (best_path(graph, graph.weights, logs, beam=b).score for b in (math.inf, 0.0))
    assert narrow <= full


def test_joints_that_go_round_without_a_frame_are_refused():
    g = GraphBuilder()
    a, b = g.joint(), g.joint()
    g.arc(a, b)
    g.arc(b, a)
    with pytest.raises(SettingError, match="goes round"):
        g.build()


def test_trained_probabilities_are_put_beside_fixed_weights():
    g = GraphBuilder()
    state = g.state(0)
    g.arc(g.entry, state, -1.0)
    g.arc(state, state, kind=0)
    g.arc(state, g.exit, -0.5, kind=1)
    graph = g.build()
    table = torch.tensor([0.7, 0.3], dtype=torch.float64).log()
    assert sorted(graph.weighted(table).tolist()) == pytest.approx(sorted([-1.0, math.log(0.7), math.log(0.3) - 0.5]))
