"""Scans: pairwise composition, the selective scan compiled and not, and Mamba-2's chunks, all against slow loops."""

import pytest
import torch
from torch.nn.functional import softplus

from parnassus import kernels
from parnassus.errors import DataError
from parnassus.functional import statespace as ss
from parnassus.functional.independent import independent_scan
from parnassus.functional.statespace import selective


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def given(batch, time, channels, n, dtype=torch.float64):
    a = -torch.exp(drawn(channels, n, seed=2, dtype=dtype))
    steps = softplus(drawn(batch, time, channels, seed=1, dtype=dtype))
    b, c = (drawn(batch, time, n, seed=s, dtype=dtype) for s in (3, 4))
    return drawn(batch, time, channels, dtype=dtype), steps, a, b, c, drawn(batch, channels, n, seed=5, dtype=dtype)


def values_and_slopes(run, inputs):
    """Outputs, the last state, and the slopes of a weighted sum of both by every input."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    y, last = run(*leaves)
    total = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() + last.square().sum()
    return [y.detach(), last.detach(), *torch.autograd.grad(total, leaves)]


@pytest.mark.parametrize("time", [1, 2, 3, 7, 8, 21])
def test_every_scan_gives_the_states_of_the_loop(time):
    a, b = drawn(2, time, 3), drawn(2, time, 3, seed=1)
    wanted = ss.stepwise(a, b)
    torch.testing.assert_close(ss.doubling_scan(a, b)[1], wanted)
    torch.testing.assert_close(ss.doubling_scan(a, b)[0], a.cumprod(1))
    torch.testing.assert_close(ss.frugal_scan(a, b), wanted)
    h = drawn(2, 3, seed=2)
    torch.testing.assert_close(ss.linear_scan(a, b, h), ss.stepwise(a, b, h))


def test_composition_is_associative_and_not_commutative():
    one, two, three = ((drawn(4, seed=s), drawn(4, seed=s + 9)) for s in range(3))
    left = ss.composed(ss.composed(one, two), three)
    torch.testing.assert_close(left, ss.composed(one, ss.composed(two, three)))
    assert not torch.allclose(ss.composed(one, two)[1], ss.composed(two, one)[1])


def test_slopes_of_a_complex_scan_are_those_of_the_loop():
    a, b = (torch.complex(drawn(2, 9, 3, seed=s), drawn(2, 9, 3, seed=s + 5)) for s in (0, 1))
    h = torch.complex(drawn(2, 3), drawn(2, 3, seed=1))
    leaves = [v.requires_grad_() for v in (a, b, h)]
    weight = drawn(2, 9, 3, seed=7)
    found = [
        torch.autograd.grad((run(*leaves).real * weight).sum() + run(*leaves).imag.square().sum(), leaves)
        for run in (ss.linear_scan, ss.stepwise)
    ]
    torch.testing.assert_close(*found)


def test_a_decay_that_is_the_same_at_every_step_may_be_given_once():
    a, b = torch.tensor([0.5, 0.9], dtype=torch.float64, requires_grad=True), drawn(3, 11, 2)
    fast = torch.autograd.grad(ss.linear_scan(a, b).square().sum(), a)
    slow = torch.autograd.grad(ss.stepwise(a.expand_as(b), b).square().sum(), a)
    torch.testing.assert_close(fast, slow)


SIZES = [(2, 150, 7, 3), (1, 1, 1, 1), (2, 33, 16, 5), (1, 64, 150, 4)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("held", [1, 1 << 19])
def test_the_twin_in_torch_is_the_loop_with_its_slopes(size, held, monkeypatch):
    monkeypatch.setattr(selective, "HELD", held)  # chunks of 8 steps, or of many
    inputs = given(*size)
    for found, wanted in zip(
        values_and_slopes(ss.selective_scan, inputs), values_and_slopes(ss.selective_loop, inputs), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.skipif(kernels.load("scan") is None, reason=kernels.status()["scan"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_compiled_scan_is_the_loop_with_its_slopes(size):
    inputs = given(*size)
    wanted = values_and_slopes(ss.selective_loop, inputs)
    found = values_and_slopes(selective.CompiledScan.apply, [x.float() for x in inputs])
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).abs().max() <= 2e-6 * other.abs().max()


@pytest.mark.skipif(kernels.load("scan") is None, reason=kernels.status()["scan"])
def test_the_number_of_threads_changes_no_bit():
    inputs, before, found = given(3, 70, 300, 4, dtype=torch.float32), torch.get_num_threads(), []
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found.append(values_and_slopes(selective.CompiledScan.apply, inputs))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("switch", ["on", "off"])
def test_float32_goes_through_either_and_what_is_no_number_stays_none(switch, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", switch)
    inputs = list(given(1, 5, 2, 3, dtype=torch.float32))
    wanted = ss.selective_loop(*inputs)
    torch.testing.assert_close(ss.selective_scan(*inputs), wanted, rtol=1e-5, atol=1e-6)
    inputs[1] = inputs[1].clone()
    inputs[1][0, 3, 1] = torch.nan
    y, last = ss.selective_scan(*inputs)
    assert y[0, 3:, 1].isnan().all()
    assert last[0, 1].isnan().all()
    assert y[0, :3].isfinite().all()
    assert y[0, :, 0].isfinite().all()
    far = inputs[0], torch.full_like(inputs[1], 300.0), inputs[2], inputs[3], inputs[4], inputs[5]
    torch.testing.assert_close(ss.selective_scan(*far), ss.selective_loop(*far), rtol=1e-5, atol=1e-4)


def test_states_of_half_precision_are_kept_in_float32_and_any_number_of_them():
    inputs = given(1, 30, 2, 3, dtype=torch.float32)
    half = [x.bfloat16() for x in inputs]
    y, last = ss.selective_scan(*half)
    wanted, end = ss.selective_loop(*(x.float() for x in half))
    assert (y.dtype, last.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(last, end, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(y, wanted.bfloat16())
    many = given(1, 3, 1, 300, dtype=torch.float32)  # more than the compiled loop takes
    torch.testing.assert_close(ss.selective_scan(*many), ss.selective_loop(*many), rtol=1e-4, atol=1e-5)


def test_the_summed_form_is_the_recurrence():
    a, b, c, x = drawn(9, 2).sigmoid(), drawn(9, 2, seed=1), drawn(9, 2, seed=2), drawn(9, seed=3)
    torch.testing.assert_close(ss.summed_form(a, b, c, x), ss.discrete_scan(a, b, c, x))


def test_shapes_that_do_not_fit_are_refused_by_name():
    u, delta, a, b, c, _ = given(2, 5, 3, 4)
    with pytest.raises(DataError, match=r"with u \(2, 5, 3\) b is \(2, 5, 4\); got \(2, 4, 4\)"):
        ss.selective_scan(u, delta, a, b[:, :4], c)
    with pytest.raises(DataError, match="at least one step"):
        ss.selective_scan(u[:, :0], delta[:, :0], a, b[:, :0], c[:, :0])


@pytest.mark.parametrize("time", [1, 5, 8, 19])
@pytest.mark.parametrize("groups", [1, 2])
def test_chunks_of_mamba_2_are_the_loop_with_its_slopes(time, groups):
    heads, p, n = 4, 3, 5
    inputs = [
        drawn(2, time, heads, p),
        softplus(drawn(2, time, heads, seed=1)),
        -drawn(heads, seed=2).exp(),
        drawn(2, time, groups, n, seed=3),
        drawn(2, time, groups, n, seed=4),
        drawn(2, heads, p, n, seed=5),
    ]
    found = values_and_slopes(lambda *x: ss.ssd_chunked(*x, chunk=8), inputs)
    for one, other in zip(found, values_and_slopes(ss.ssd_loop, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ss.ssd_chunked(*inputs[:5])[0], ss.ssd_loop(*inputs[:5])[0])


def test_one_head_of_mamba_2_is_the_selective_scan_with_one_decay():
    u, delta, _, b, c, _ = given(2, 12, 3, 4)
    a, delta = torch.tensor([-0.7], dtype=torch.float64), delta[..., :1]
    wide, _ = ss.selective_scan(u, delta.expand_as(u), a.expand(3, 4), b, c)
    found, _ = ss.ssd_chunked(u[:, :, None], delta, a, b[:, :, None], c[:, :, None])
    torch.testing.assert_close(found[:, :, 0], wide)


def test_no_steps_at_all_are_refused_in_words():
    none = drawn(2, 0, 3)
    for run in (
        lambda: ss.frugal_scan(none, none),
        lambda: ss.linear_scan(none, none, drawn(2, 3)),
        lambda: ss.fft_convolution(none.transpose(1, 2), drawn(3, 0)),
        lambda: independent_scan(none, drawn(3)),
    ):
        with pytest.raises(DataError, match="at least one step; got none"):
            run()
