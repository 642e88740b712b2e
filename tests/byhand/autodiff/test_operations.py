"""The engine's functions against torch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from parnassus.byhand import autodiff as ad
from parnassus.errors import DataError

RNG = np.random.default_rng(0)
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "exp": (ad.exp, torch.exp),
    "log": (ad.log, torch.log),
    "sqrt": (ad.sqrt, torch.sqrt),
    "tanh": (ad.tanh, torch.tanh),
    "sigmoid": (ad.sigmoid, torch.sigmoid),
    "relu": (lambda x: ad.relu(x - 1.5), lambda x: torch.relu(x - 1.5)),
    "softmax": (ad.softmax, lambda x: torch.softmax(x, -1)),
    "log_softmax": (lambda x: ad.log_softmax(x, 0), lambda x: torch.log_softmax(x, 0)),
}


def assert_same(ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray) -> None:
    variables = [ad.Variable(a) for a in arrays]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, t = ours(*variables), theirs(*tensors)
    assert y.shape == t.shape
    seed = np.random.default_rng(1).normal(size=y.shape)
    y.backward(seed)
    t.backward(torch.tensor(seed))
    assert np.allclose(y.value, t.detach(), rtol=0, atol=1e-10)
    for v, tensor in zip(variables, tensors, strict=True):
        assert np.allclose(v.grad, tensor.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", list(UNARY))
def test_functions_of_one_array_are_torchs(name: str) -> None:
    assert_same(*UNARY[name], RNG.uniform(1, 2, (3, 5)))


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 2)), ((3,), (3, 4)),
     ((2, 3), (3,)), ((3,), (3,)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,))],
)  # fmt: skip
def test_products_of_all_ranks_are_torchs(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert_same(ad.matmul, torch.matmul, RNG.normal(size=a), RNG.normal(size=b))


def test_parts_are_joined_and_stacked_as_torch_does() -> None:
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 5))
    assert_same(lambda x, y: ad.concatenate([x, y, x], 1), lambda x, y: torch.cat([x, y, x], 1), a, b)
    assert_same(lambda x, y: ad.stack([x, y], 1), lambda x, y: torch.stack([x, y], 1), a, a + 1)
    assert_same(lambda x, y: ad.stack([x, y], -1), lambda x, y: torch.stack([x, y], -1), a, a + 1)


def test_the_greater_of_two_is_torchs() -> None:
    assert_same(ad.maximum, torch.maximum, RNG.normal(size=(3, 4)), RNG.normal(size=4))


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_and_pools_are_torchs(stride: int) -> None:
    x, w = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(4, 3, 3, 2))
    how = {"stride": stride, "padding": 1}
    f = torch.nn.functional
    assert_same(lambda a, b: ad.conv2d(a, b, **how), lambda a, b: f.conv2d(a, b, **how), x, w)
    assert_same(lambda a: ad.max_pool2d(a, 2, stride=stride), lambda a: f.max_pool2d(a, 2, stride), x)
    assert_same(lambda a: ad.average_pool2d(a, 2, stride=stride), lambda a: f.avg_pool2d(a, 2, stride), x)


def test_parts_that_differ_beside_the_axis_are_refused() -> None:
    with pytest.raises(DataError, match=r"\[\(2, 3\), \(4, 4\)\] differ beside axis 0"):
        ad.concatenate([np.ones((2, 3)), np.ones((4, 4))])
