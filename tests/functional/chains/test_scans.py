"""The fast forms against the equations, with the kernel and without; composite chains against what they stand for."""

import math
import time

import pytest
import torch

from parnassus import kernels
from parnassus.functional import chains
from parnassus.functional.chains import scans

compiled = pytest.param(
    "on", marks=pytest.mark.skipif(kernels.load("chains") is None, reason=kernels.status()["chains"])
)


@pytest.fixture(params=[compiled, "off"])
def switch(request, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", request.param)


def drawn(seed, K, *, exits):
    g = torch.Generator().manual_seed(seed)
    whole = torch.rand(K, K + 1, generator=g, dtype=torch.float64)
    start = torch.rand(K, generator=g, dtype=torch.float64)
    rows = whole if exits else whole[:, :-1]
    rows = rows / rows.sum(1, keepdim=True)
    return start / start.sum(), rows[:, :K].contiguous(), rows[:, -1].contiguous() if exits else None, g


def by_equation(start, step, leave, logs, lengths, weight):
    parts = []
    for own in logs.split(lengths):
        model = (start.log(), step.log(), own)
        parts.append((chains.forward(*model, log_exit=leave)[1], *chains.posteriors(*model, log_exit=leave)))
    gamma = torch.cat([g * w for (_, g, _), w in zip(parts, weight, strict=True)])
    xi = sum(x.sum(0) * w for (_, _, x), w in zip(parts, weight, strict=True))
    return torch.stack([p for p, _, _ in parts]), gamma, xi


LENGTHS = [[7], [5, 5, 5], [3, 1, 9, 2, 9], [1, 1]]


@pytest.mark.parametrize("exits", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("K", [1, 2, 3, 7, 8])
def test_expectations_are_those_of_the_equations(switch, K, lengths, exits):
    start, step, leave, g = drawn(K, K, exits=exits)
    logs = torch.randn(sum(lengths), K, generator=g, dtype=torch.float64) * 4
    weight = torch.rand(len(lengths), generator=g, dtype=torch.float64)
    ends = leave.log() if exits else None
    found = chains.expectations(start, step, logs, torch.tensor(lengths), leave=leave, weight=weight)
    for one, other in zip(found, by_equation(start, step, ends, logs, lengths, weight), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("exits", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_best_paths_are_those_of_the_equations(switch, lengths, exits):
    start, step, leave, g = drawn(5, 4, exits=exits)
    logs = torch.randn(sum(lengths), 4, generator=g, dtype=torch.float64)
    paths, scores = chains.best_paths(start, step, logs, torch.tensor(lengths), leave=leave)
    ends = leave.log() if exits else None
    each = [chains.viterbi(start.log(), step.log(), own, log_exit=ends) for own in logs.split(lengths)]
    assert torch.equal(paths, torch.cat([p.states for p in each]))
    torch.testing.assert_close(scores, torch.stack([p.score for p in each]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("length", [2048, 2500, 2999])
@pytest.mark.parametrize("exits", [False, True])
def test_a_long_sequence_in_chunks_is_the_same_sequence(monkeypatch, length, exits):
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    start, step, leave, g = drawn(length, 3, exits=exits)
    logs = torch.randn(length, 3, generator=g, dtype=torch.float64) * 3
    one = torch.tensor([length])
    chunked = (
        chains.expectations(start, step, logs, one, leave=leave),
        chains.best_paths(start, step, logs, one, leave=leave),
    )
    monkeypatch.setattr(scans, "LONG", length + 1)
    whole = (
        chains.expectations(start, step, logs, one, leave=leave),
        chains.best_paths(start, step, logs, one, leave=leave),
    )
    for found, expected in zip(chunked, whole, strict=True):
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_frames_that_scaling_cannot_hold_are_done_in_logarithms(switch):
    """A left-to-right chain whose likely state is out of reach for 40 frames: e^-8000 of the largest emission."""
    step = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], dtype=torch.float64)
    start = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    logs = torch.zeros(40, 3, dtype=torch.float64)
    logs[:20, :2] = -8000.0
    logs[20:, 2] = -9000.0
    both, sizes = torch.cat([logs, logs * 0]), torch.tensor([40, 40])
    found = chains.expectations(start, step, both, sizes)
    expected = by_equation(start, step, None, both, [40, 40], [1.0, 1.0])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_an_impossible_sequence_counts_nothing_and_says_so(switch):
    step = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    logs = torch.tensor([[0.0, -math.inf], [-math.inf, 0.0], [0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    found = chains.expectations(start, step, logs, torch.tensor([2, 2]))
    assert found.log_probs.tolist() == [-math.inf, 0.0]
    assert found.gamma.tolist() == [[0, 0], [0, 0], [1, 0], [1, 0]]
    assert found.xi.tolist() == [[1, 0], [0, 0]]
    assert chains.best_paths(start, step, logs, torch.tensor([2, 2]))[1].tolist() == [-math.inf, 0.0]


def test_a_hundred_thousand_frames_stay_exact_and_take_no_time(switch):
    """Equal emissions in every state: log p is their sum, whatever the chain."""
    start, step, _, g = drawn(9, 3, exits=False)
    own = torch.randn(100_000, 1, generator=g, dtype=torch.float64) * 100
    began = time.perf_counter()
    found = chains.expectations(start, step, own.expand(-1, 3).contiguous(), torch.tensor([100_000]))
    assert time.perf_counter() - began < 2.0
    assert math.isclose(float(found.log_probs[0]), math.fsum(own[:, 0].tolist()), rel_tol=1e-10)
    torch.testing.assert_close(found.gamma.sum(1), torch.ones(100_000, dtype=torch.float64), rtol=1e-9, atol=0)


# --- composition ----------------------------------------------------------------------------------


def test_a_chain_of_chains_is_left_through_one_and_entered_through_the_next():
    """p of a word whose phones have 1 state each: every way to cut the frames, written out."""
    phones = [chains.left_to_right(1, stay=stay) for stay in (0.3, 0.6)]
    word = chains.in_series(phones)
    logs = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cuts = [
        0.3 ** (n - 1) * 0.7 * 0.6 ** (4 - n) * 0.4 * math.exp(float(logs[:n, 0].sum() + logs[n:, 1].sum()))
        for n in range(1, 5)
    ]
    start, step, leave = word.logs()
    found = chains.forward(start, step, logs, log_exit=leave)[1]
    assert math.isclose(float(found), math.log(math.fsum(cuts)), rel_tol=1e-12)


def test_sentences_of_words_follow_the_grammar():
    words = [chains.left_to_right(2), chains.left_to_right(3, stay=0.2)]
    first, follows, last = torch.tensor([0.3, 0.7]), torch.tensor([[0.1, 0.4], [0.5, 0.2]]), torch.tensor([0.5, 0.3])
    loop = chains.in_parallel(words, first=first.double(), follows=follows.double(), last=last.double())
    assert loop.n_states == 5
    rows = torch.cat([loop.transitions, loop.leave[:, None]], 1).sum(1)
    torch.testing.assert_close(rows, torch.ones(5, dtype=torch.float64))
    assert math.isclose(float(loop.start.sum()), 1.0, rel_tol=1e-6)
    assert math.isclose(float(loop.transitions[4, 0]), 0.8 * 0.5, rel_tol=1e-6)  # out of the second, into the first
    assert math.isclose(float(loop.leave[1]), 0.5 * 0.5, rel_tol=1e-6)
