"""The engine's nodes: slopes of arithmetic with broadcasting against torch, shared nodes, and refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from parnassus.byhand.autodiff import Variable
from parnassus.errors import DataError, SettingError

RNG = np.random.default_rng(0)
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("name", list(ARITHMETIC))
@settings(max_examples=25, deadline=None, derandomize=True)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4))
def test_arithmetic_of_shapes_that_broadcast_is_torchs(name: str, shapes: Any) -> None:
    a, b = (RNG.uniform(1, 2, s) for s in shapes.input_shapes)
    ours, theirs = [Variable(v) for v in (a, b)], [torch.tensor(v, requires_grad=True) for v in (a, b)]
    y, t = ARITHMETIC[name](*ours), ARITHMETIC[name](*theirs)
    seed = RNG.normal(size=y.shape)
    y.backward(seed)
    t.backward(torch.tensor(seed))
    assert np.allclose(y.value, t.detach(), rtol=0, atol=1e-12)
    for own, tensor in zip(ours, theirs, strict=True):
        assert own.grad is not None
        assert own.grad.shape == own.shape
        assert np.allclose(own.grad, tensor.grad, rtol=0, atol=1e-10)


SHAPED: dict[str, Callable[[Any], Any]] = {
    "sum of all": lambda x: x.sum() ** 2,
    "sum of an axis": lambda x: (x.sum(1) ** 2).sum(),
    "mean of all": lambda x: x.mean() ** 3,
    "mean of an axis": lambda x: (x.mean(0) ** 2).sum(),
    "reshape": lambda x: (x.reshape(6, -1) ** 2)[1:4].sum(),
    "transpose": lambda x: (x.T[0] ** 3).sum(),
    "a slice": lambda x: (x[:, 1:3] * x[:, :2]).sum(),
    "rows taken twice": lambda x: (x[[0, 0, 2]] ** 2).sum(),
    "negation": lambda x: (-x * x).sum(),
    "numbers on the left": lambda x: (2.0 - 3.0 / x + 1.0 * x).sum(),
    "powers": lambda x: (x**-1.5).sum(),
}


@pytest.mark.parametrize("name", list(SHAPED))
def test_sums_shapes_and_indices_are_torchs(name: str) -> None:
    x = RNG.uniform(1, 2, (3, 4))
    ours, theirs = Variable(x), torch.tensor(x, requires_grad=True)
    y, t = SHAPED[name](ours), SHAPED[name](theirs)
    y.backward()
    t.backward()
    assert y.value == pytest.approx(t.item(), rel=1e-12)
    assert np.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_greatest_gets_the_slope(axis: int | None) -> None:
    x = RNG.normal(size=(3, 4))
    ours, theirs = Variable(x), torch.tensor(x, requires_grad=True)
    (ours.max(axis) ** 2).sum().backward()
    t = theirs.max() if axis is None else theirs.max(axis).values
    (t**2).sum().backward()
    assert np.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-12)


def test_a_node_used_many_times_gets_the_sum_over_its_paths() -> None:
    x = Variable(2.0)
    y = x * x + x
    for _ in range(40):  # 2^40 paths, walked once
        y = y + y
    y.backward()
    assert x.grad == 5 * 2.0**40


def test_a_deep_graph_needs_no_deep_stack() -> None:
    x = y = Variable(1.0)
    for _ in range(5000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1


def test_a_second_call_overwrites_the_first() -> None:
    x = Variable(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 6


def test_arrays_may_stand_on_the_left() -> None:
    x = Variable([1.0, 2.0])
    y = np.array([3.0, 4.0]) * x
    assert isinstance(y, Variable)
    assert (np.ones((1, 2)) @ x.reshape(2, 1)).value.tolist() == [[3.0]]


def test_backward_of_several_numbers_is_refused() -> None:
    with pytest.raises(SettingError, match=r"single number; this has shape \(3,\).*sum or mean"):
        (Variable([1.0, 2.0, 3.0]) * 2).backward()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda a, b: a + b, r"\+: shapes \(2, 3\) and \(2, 4\) do not go together"),
        (lambda a, b: a @ b, r"matmul: shapes \(2, 3\) and \(2, 4\) do not go together"),
        (lambda a, b: a.reshape(5), r"\(2, 3\) holds 6 numbers, which \(5,\) does not"),
        (lambda a, b: a.backward(np.ones(3)), r"seed has shape \(3,\); the slope by this has shape \(2, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(wrong: Callable[[Any, Any], Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        wrong(Variable(np.ones((2, 3))), Variable(np.ones((2, 4))))
