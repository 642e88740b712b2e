"""The compiled recursions against sums over every path and against the twin, in groups and pieces of any size."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from parnassus import kernels
from parnassus.functional.chains import expectations

pytestmark = pytest.mark.skipif(kernels.load("chains") is None, reason=kernels.status()["chains"])


def drawn(k: int, n_frames: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """start, transitions, leave and log emissions, states first in memory as emissions give them."""
    g = torch.Generator().manual_seed(k)
    whole = torch.rand(k, k + 1, generator=g).double() + 0.01
    whole = whole / whole.sum(1, keepdim=True)
    start = torch.rand(k, generator=g).double()
    logs = (torch.randn(k, n_frames, generator=g).double() * 4).T
    return start / start.sum(), whole[:, :k].contiguous(), whole[:, k].contiguous(), logs


def by_every_path(start: Tensor, step: Tensor, leave: Tensor, logs: Tensor) -> tuple[float, Tensor, Tensor]:
    """p(x), gamma and the sum of xi of one short sequence, by the sum over all paths."""
    n, k = logs.shape
    total, gamma, xi = 0.0, torch.zeros(n, k).double(), torch.zeros(k, k).double()
    for path in itertools.product(range(k), repeat=n):
        p = float(start[path[0]] * leave[path[-1]]) * math.exp(sum(float(logs[t, s]) for t, s in enumerate(path)))
        for a, b in itertools.pairwise(path):
            p *= float(step[a, b])
        total += p
        for t, s in enumerate(path):
            gamma[t, s] += p
        for a, b in itertools.pairwise(path):
            xi[a, b] += p
    return total, gamma / total, xi / total


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_expectations_are_sums_over_every_path(k):
    lengths = torch.tensor([4, 1, 3, 5, 2, 4] if k < 4 else [3, 1, 4])
    start, step, leave, logs = drawn(k, int(lengths.sum()))
    found = expectations(start, step, logs, lengths, leave=leave)
    each = [by_every_path(start, step, leave, own) for own in logs.split(lengths.tolist())]
    expected = [math.log(p) for p, _, _ in each]
    torch.testing.assert_close(found.log_probs, torch.tensor(expected, dtype=torch.float64), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.gamma, torch.cat([g for _, g, _ in each]), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.xi, sum(x for _, _, x in each), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lengths", [[3] * 9, list(range(1, 40)), [5000], [1] * 600, [4097, 3, 9000, 1, 2]])
@pytest.mark.parametrize("k", [2, 6, 7, 8, 16])
def test_groups_and_pieces_of_any_size_are_the_twins(monkeypatch, k, lengths):
    sizes = torch.tensor(lengths)
    weight = torch.linspace(0.5, 2, len(lengths)).double()
    start, step, leave, logs = drawn(k, sum(lengths))
    found = expectations(start, step, logs, sizes, leave=leave, weight=weight)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    for one, other in zip(found, expectations(start, step, logs, sizes, leave=leave, weight=weight), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("lengths", [[9000], [30] * 300])
def test_the_number_of_threads_changes_no_bit(lengths):
    start, step, leave, logs = drawn(5, sum(lengths))
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found.append(expectations(start, step, logs, torch.tensor(lengths), leave=leave))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("gap", [100.0, 300.0, 600.0, 2000.0])
def test_what_the_past_and_the_future_hold_apart_is_joined_in_logarithms(switch, gap):
    """Two states: the past says the first, the future the second, and a path must cross where that costs e^-gap."""
    step = torch.tensor([[0.5, 0.5], [0.0, 1.0]]).double()
    start = torch.tensor([1.0, 0.0]).double()
    logs = torch.zeros(12, 2).double()
    logs[:6, 1], logs[6:, 0] = 0.0, -gap
    logs[3, 0] = -gap
    found = expectations(start, step, logs, torch.tensor([12]))
    p, gamma, xi = by_every_path(start, step, torch.ones(2).double(), logs)
    assert math.isclose(float(found.log_probs[0]), math.log(p), rel_tol=1e-12)
    torch.testing.assert_close(found.gamma, gamma, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.xi, xi, rtol=1e-9, atol=1e-12)


@pytest.fixture(params=["on", "off"])
def switch(request, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", request.param)
