"""Activations against torch's own, and derivatives against central differences."""

import math

import pytest
import torch
from torch.nn import functional as F

from parnassus.functional import activations as a

Z = torch.tensor([-30.0, -3.1, -1.2, -0.4, 0.3, 0.9, 1.7, 2.6, 25.0], dtype=torch.float64)

SMOOTH = [
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "softplus",
    "hard_tanh",
    "gelu",
    "gelu_tanh",
    "silu",
    "elu",
]


@pytest.mark.parametrize("name", SMOOTH)
def test_a_derivative_equals_central_differences(name: str) -> None:
    value, step = getattr(a, name), 1e-6
    numeric = (value(Z + step) - value(Z - step)) / (2 * step)
    assert torch.allclose(getattr(a, f"{name}_derivative")(Z), numeric, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "torchs"),
    [
        ("sigmoid", torch.sigmoid),
        ("tanh", torch.tanh),
        ("relu", F.relu),
        ("leaky_relu", F.leaky_relu),
        ("hard_tanh", F.hardtanh),
        ("elu", F.elu),
        ("gelu", lambda z: z * (1 + torch.erf(z / math.sqrt(2))) / 2),
        ("gelu_tanh", lambda z: F.gelu(z, approximate="tanh")),
        ("silu", F.silu),
        ("softplus", lambda z: torch.log1p(torch.exp(-z.abs())) + z.clamp(min=0)),
    ],
)
def test_an_activation_equals_torchs_or_its_equation(name: str, torchs) -> None:
    assert torch.allclose(getattr(a, name)(Z), torchs(Z), atol=1e-12)


@pytest.mark.parametrize(("name", "expected"), [("relu", 0.0), ("leaky_relu", 0.01), ("identity", 1.0)])
def test_the_derivative_at_the_kink_is_the_one_stated(name: str, expected: float) -> None:
    assert float(getattr(a, f"{name}_derivative")(torch.zeros(()))) == pytest.approx(expected)


def test_ties_of_the_step_go_where_they_are_sent() -> None:
    z = torch.tensor([-2.0, 0.0, 3.0])
    assert a.heaviside(z).tolist() == [0, 0, 1]
    assert a.heaviside(z, at_zero=1.0).tolist() == [0, 1, 1]
    assert a.sign(z).tolist() == [-1, -1, 1]
    assert a.sign(z, at_zero=0.0).tolist() == [-1, 0, 1]


def test_prelu_has_one_slope_or_one_a_channel() -> None:
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slope = torch.tensor([0.1, 0.25, 0.5], dtype=torch.float64)
    leaf, leaf_slope = x.clone().requires_grad_(), slope.clone().requires_grad_()
    out = a.prelu(leaf, leaf_slope)
    for channel in range(3):
        assert torch.equal(out[:, channel], F.leaky_relu(x[:, channel], float(slope[channel])))
    by_x, by_slope = torch.autograd.grad(out.sum(), [leaf, leaf_slope])
    ours_by_x, ours_by_slope = a.prelu_derivative(x, slope)
    assert torch.allclose(ours_by_x, by_x)
    assert torch.allclose(ours_by_slope.sum((0, 2)), by_slope)
    assert torch.nn.PReLU().weight.item() == 0.25


def test_softmax_is_unchanged_by_a_shift_and_its_jacobian_is_autograds() -> None:
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(a.softmax(z), a.softmax(z + 1e6), atol=1e-9)
    expected = torch.stack(
        [torch.autograd.functional.jacobian(lambda v: torch.exp(v) / torch.exp(v).sum(), row) for row in z]
    )
    assert torch.allclose(a.softmax_jacobian(z), expected, atol=1e-12)
    assert torch.allclose(a.softmax_jacobian(z).sum(-1), torch.zeros(3, 5, dtype=torch.float64), atol=1e-15)


def test_maxout_of_opposite_pieces_is_the_absolute_value() -> None:
    x = torch.tensor([[-3.0], [2.0]])
    weight = torch.tensor([[[1.0]], [[-1.0]]])
    assert a.maxout(x, weight, torch.zeros(2, 1)).tolist() == [[3.0], [2.0]]
    assert a.maxout_derivative(x, weight, torch.zeros(2, 1)).tolist() == [[[-1.0]], [[1.0]]]


def test_maxouts_slope_is_autograds() -> None:
    g = torch.Generator().manual_seed(2)
    x, weight, bias = (torch.randn(*s, generator=g, dtype=torch.float64) for s in ((6, 3), (4, 2, 3), (4, 2)))
    leaf = x.clone().requires_grad_()
    for unit in range(2):
        (expected,) = torch.autograd.grad(a.maxout(leaf, weight, bias)[:, unit].sum(), leaf)
        assert torch.allclose(a.maxout_derivative(x, weight, bias)[:, unit], expected)


def test_rbf_follows_its_equation_and_its_slope() -> None:
    g = torch.Generator().manual_seed(3)
    x, centers = (
        torch.randn(5, 3, generator=g, dtype=torch.float64),
        torch.randn(2, 3, generator=g, dtype=torch.float64),
    )
    ours = a.rbf(x, centers, width=1.5)
    for i in range(5):
        for k in range(2):
            distance = sum((float(x[i, d]) - float(centers[k, d])) ** 2 for d in range(3))
            assert float(ours[i, k]) == pytest.approx(math.exp(-distance / 1.5**2), abs=1e-12)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(a.rbf(leaf, centers, width=1.5)[:, 1].sum(), leaf)
    assert torch.allclose(a.rbf_derivative(x, centers, width=1.5)[:, 1], expected, atol=1e-12)
