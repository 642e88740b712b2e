"""Layers of units of 0 and 1: sums of rows against matrix products, draws against probabilities and their twin."""

import pytest
import torch

from parnassus import kernels
from parnassus.functional.energy import Machine, contrastive_slopes, hidden_probability
from parnassus.functional.energy import units as functions
from parnassus.functional.energy.units import contrast, draw_units, draw_units_twin, pulled, pulled_twin

needs_kernel = pytest.mark.skipif(functions._compiled() is None, reason=kernels.status()["units"])
SIZES = [(1, 1, 1), (3, 5, 2), (64, 64, 64), (65, 130, 70), (130, 63, 16)]


@pytest.fixture(params=["kernel", "twin"])
def either(request, monkeypatch):
    if request.param == "twin":
        monkeypatch.setattr(functions, "_compiled", lambda: None)
    elif functions._compiled() is None:
        pytest.skip(kernels.status()["units"])


def rows(n, d, share=0.3):
    return (torch.rand(n, d) < share).float()


def slopes(d, m):
    return [torch.full(shape, torch.nan) for shape in ((d, m), (d,), (m,))]


@pytest.mark.parametrize(("n", "d", "m"), SIZES)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_a_layer_says_is_the_equation(draws, either, n, d, m, share):
    v, machine = rows(n, d, share), Machine(torch.randn(d, m), torch.randn(d), torch.randn(m))
    expected = hidden_probability(v.double(), Machine(*(t.double() for t in machine[:3])))
    torch.testing.assert_close(pulled(v, machine.w, machine.c).double(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("n", "d", "m"), SIZES)
@pytest.mark.parametrize("n_chains", [1, 70])
def test_the_contrast_is_the_equation(draws, either, n, d, m, n_chains):
    v, again = rows(n, d), rows(n_chains, d, 0.6)
    machine = Machine(torch.randn(d, m), torch.randn(d), torch.randn(m))
    found = slopes(d, m)
    contrast(v, hidden_probability(v, machine), again, hidden_probability(again, machine), found)
    wide = contrastive_slopes(v.double(), again.double(), Machine(*(t.double() for t in machine[:3])))
    for ours, exact in zip(found, wide, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=2e-5, atol=2e-6)


def test_rows_with_weights_count_by_them(draws, either):
    v, again, weight = rows(9, 5), rows(9, 5), torch.rand(9)
    machine = Machine(torch.randn(5, 4), torch.randn(5), torch.randn(4))
    found = slopes(5, 4)
    contrast(v, hidden_probability(v, machine), again, hidden_probability(again, machine), found, weight=weight)
    for ours, exact in zip(found, contrastive_slopes(v, again, machine, weight=weight), strict=True):
        torch.testing.assert_close(ours, exact)


@needs_kernel
@pytest.mark.parametrize("odd", [0.5, 2.0, -1.0, torch.nan, torch.inf, 1.0000001])
def test_rows_of_other_numbers_go_by_products(draws, odd):
    v, w, c = rows(70, 66), torch.randn(66, 3), torch.randn(3)
    v[69, 65] = odd
    out = torch.full((70, 3), 7.0)
    assert not functions._compiled().pulled(v, w, c, out)
    assert bool((out == 7).all())
    torch.testing.assert_close(pulled(v, w, c), pulled_twin(v, w, c), equal_nan=True)
    found, other = slopes(66, 3), slopes(66, 3)
    h = torch.rand(70, 3)
    contrast(v, h, rows(70, 66), h, found)
    assert not functions._compiled().contrast(rows(70, 66), h, v, h, *other)


@needs_kernel
@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 2), (4, 7), (5, 300)])
def test_the_kernel_draws_what_its_twin_draws(draws, n, m):
    p, seeds = torch.rand(n, m), torch.empty(n, dtype=torch.int64).random_()
    assert torch.equal(draw_units(p, seeds, torch.empty(n, m)), draw_units_twin(p, seeds, torch.empty(n, m)))


def test_units_are_on_as_often_as_they_should_be_and_on_their_own(draws, either):
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).repeat(20000, 1)
    drawn = draw_units(p, torch.arange(20000), torch.empty_like(p)).double()
    assert set(drawn.flatten().tolist()) == {0.0, 1.0}
    exact = p[0].double()
    assert bool(((drawn.mean(0) - exact).abs() <= 4.5 * (exact * (1 - exact) / 20000).sqrt()).all())
    seen = drawn[:, 1:4] - exact[1:4]
    off = (seen.T @ seen / 20000).fill_diagonal_(0)  # among the units of a row
    assert float(off.abs().max()) < 4.5 * 0.25 / 20000**0.5
    assert float((seen[1:] * seen[:-1]).mean(0).abs().max()) < 4.5 * 0.25 / 20000**0.5  # and those of the next


def test_a_row_is_drawn_by_its_seed_wherever_it_stands(draws, either):
    p, seeds = torch.rand(6, 9), torch.empty(6, dtype=torch.int64).random_()
    whole = draw_units(p, seeds, torch.empty_like(p))
    part = draw_units(p[1::2].contiguous(), seeds[1::2], torch.empty(3, 9))
    assert torch.equal(part, whole[1::2])
