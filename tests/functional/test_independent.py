"""Units that see their own past alone: all steps at once, in torch and compiled, are the loop over time."""

import pytest
import torch

from parnassus import kernels
from parnassus.functional.independent import (
    CompiledScan,
    IndependentScan,
    clipped,
    independent_scan,
    independent_stepwise,
)
from parnassus.layers.cells import Cell, IndRNN

WAYS = [
    IndependentScan,
    pytest.param(
        CompiledScan,
        marks=pytest.mark.skipif(kernels.load("indrnn") is None, reason=kernels.status()["indrnn"]),
    ),
]


def given(time, n=5, *, dtype=torch.float64):
    g = torch.Generator().manual_seed(time)
    a = torch.randn(3, time, n, generator=g, dtype=dtype)
    u = torch.tensor([1.0, 0.5, 0.0, -0.9, 1.01], dtype=dtype).repeat(-(-n // 5))[:n]
    return a, u, torch.rand(3, n, generator=g, dtype=dtype)


def test_three_steps_by_hand():
    """1; .5 + 1; max(0, .75 - 3); 2."""
    found = independent_scan(torch.tensor([[[1.0], [1.0], [-3.0], [2.0]]]), torch.tensor([0.5]))
    assert found.flatten().tolist() == [1.0, 1.5, 0.0, 2.0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("time", [1, 2, 3, 8, 37])
def test_states_and_slopes_are_those_of_the_loop(way, time):
    parts = [x.requires_grad_() for x in given(time)]
    others = [x.detach().clone().requires_grad_() for x in parts]
    towards = torch.randn(3, time, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, wanted = way.apply(*parts), independent_stepwise(*others)
    torch.testing.assert_close(found, wanted)
    (found * towards).sum().backward()
    (wanted * towards).sum().backward()
    for one, other in zip(parts, others, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("way", WAYS)
def test_many_units_and_steps_in_single_precision(way):
    a, u, h = given(300, 140, dtype=torch.float32)  # more units than a piece of the compiled loop
    u = u.clamp(-1, 1)
    wanted = independent_stepwise(a.double(), u.double(), h.double())
    torch.testing.assert_close(way.apply(a, u, h).double(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_number_stays_none(way):
    a, u, h = given(4)
    a[0, 1, 1] = float("nan")
    found = way.apply(a, u, h)
    assert found[0, 1:, 1].isnan().all()
    assert found[1:].isfinite().all()


def test_composing_two_clipped_maps_is_doing_one_after_the_other():
    g = torch.Generator().manual_seed(0)
    x = torch.linspace(-5, 5, 41, dtype=torch.float64)
    for _ in range(20):
        maps = []
        for _ in range(2):
            p, q, low, more = torch.randn(4, 1, generator=g, dtype=torch.float64)
            maps.append((p, q, low, low + more.abs()))
        p, q, low, high = clipped(*maps)
        step = x
        for slope, offset, least, most in maps:
            step = torch.minimum(torch.maximum(slope * step + offset, least), most)
        torch.testing.assert_close(torch.minimum(torch.maximum(p * x + q, low), high), step)


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("switch", ["on", "off"])
def test_the_cell_runs_as_its_steps_do_from_any_state(monkeypatch, switch):
    monkeypatch.setenv("PARNASSUS_KERNELS", switch)
    cell, x = IndRNN(3, 4, span=6).double(), torch.randn(2, 7, 3, dtype=torch.float64)
    cell.u.data = torch.tensor([2.0, 0.3, -3.0, 1.0], dtype=torch.float64)  # two beyond what the span bears
    looped, last = Cell.run(cell, x)
    found, end = cell.run(x)
    torch.testing.assert_close(found, looped)
    torch.testing.assert_close(end, last)
    _, middle = cell.run(x[:, :3])
    torch.testing.assert_close(cell.run(x[:, 3:], middle)[0], looped[:, 3:])
