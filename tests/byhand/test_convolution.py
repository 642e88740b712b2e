"""Convolution and pooling by hand: every form against torch on random sizes, and the forms against each other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from parnassus.byhand import convolution as by
from parnassus.errors import DataError

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SETTINGS = settings(max_examples=30, deadline=None, derandomize=True)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, tuple[int, int]]]:
    kernel, stride, dilation = draw(PAIRS), draw(PAIRS), draw(PAIRS)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    n, n_in, n_out = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    reach = [d * (f - 1) + 1 for d, f in zip(dilation, kernel, strict=True)]
    size = [draw(st.integers(max(1, r - 2 * p), r + 5)) for r, p in zip(reach, padding, strict=True)]
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    x, w = rng.normal(size=(n, n_in, *size)), rng.normal(size=(n_out, n_in, *kernel))
    return x, w, rng.normal(size=n_out), {"stride": stride, "padding": padding, "dilation": dilation}


@SETTINGS
@given(convolutions())
def test_every_form_of_a_convolution_is_torchs(case: tuple) -> None:
    x, w, b, how = case
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    z = torch.nn.functional.conv2d(tx, tw, tb, **how)
    delta = np.random.default_rng(0).normal(size=z.shape)
    z.backward(torch.tensor(delta))
    assert np.allclose(by.correlate(x, w, b, **how).z, z.detach(), rtol=0, atol=1e-10)
    assert np.allclose(by.correlate_direct(x, w, b, **how), z.detach(), rtol=0, atol=1e-10)
    for form in (by.correlate_backward, by.correlate_backward_rot180):
        slopes = form(delta, x, w, **how)
        for found, wanted in zip((slopes.by_x, slopes.by_w, slopes.by_b), (tx, tw, tb), strict=True):
            assert found.shape == wanted.shape
            assert np.allclose(found, wanted.grad, rtol=0, atol=1e-10)


@SETTINGS
@given(convolutions(), st.booleans())
def test_pools_are_torchs(case: tuple, maximum: bool) -> None:
    x, w, _, how = case
    size, stride = w.shape[2:], how["stride"]
    padding = tuple(min(p, f // 2) for p, f in zip(how["padding"], size, strict=True))  # torch allows half a window
    if any(n + 2 * p < f for n, p, f in zip(x.shape[2:], padding, size, strict=True)):
        return
    tx = torch.tensor(x, requires_grad=True)
    theirs = torch.nn.functional.max_pool2d if maximum else torch.nn.functional.avg_pool2d
    z = theirs(tx, size, stride, padding)
    delta = np.random.default_rng(0).normal(size=z.shape)
    z.backward(torch.tensor(delta))
    ours = by.max_pool if maximum else by.average_pool
    back = by.max_pool_backward if maximum else by.average_pool_backward
    assert np.allclose(ours(x, size, stride=stride, padding=padding).z, z.detach(), rtol=0, atol=1e-12)
    assert np.allclose(back(delta, x, size, stride=stride, padding=padding), tx.grad, rtol=0, atol=1e-12)


def test_a_dilated_max_pool_is_torchs() -> None:
    x = np.random.default_rng(1).normal(size=(2, 2, 7, 8))
    tx = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.max_pool2d(tx, (2, 3), 2, 1, (2, 1))
    z.sum().backward()
    how = {"stride": 2, "padding": 1, "dilation": (2, 1)}
    assert np.allclose(by.max_pool(x, (2, 3), **how).z, z.detach())
    assert np.allclose(by.max_pool_backward(np.ones(z.shape), x, (2, 3), **how), tx.grad)


def test_equal_maxima_send_the_slope_to_the_first_alone() -> None:
    assert by.max_pool_backward([[[[5.0]]]], np.ones((1, 1, 2, 2)), 2).tolist() == [[[[5, 0], [0, 0]]]]


def test_a_true_convolution_commutes() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(1, 1, 3, 4)), rng.normal(size=(1, 1, 2, 3))
    full = by.convolve(a, b, padding=(1, 2))
    assert np.allclose(full, by.convolve(b, a, padding=(2, 3)))


@pytest.mark.parametrize(
    ("x", "w", "said"),
    [
        (np.ones((1, 2, 4, 4)), np.ones((1, 3, 2, 2)), r"kernels \(1, 3, 2, 2\) do not fit pictures \(1, 2, 4, 4\)"),
        (np.ones((4, 4)), np.ones((1, 1, 2, 2)), r"pictures are \(n, channels, height, width\); got shape \(4, 4\)"),
        (np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)), r"a window of \(3, 3\) does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shapes(x: np.ndarray, w: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        by.correlate(x, w)
