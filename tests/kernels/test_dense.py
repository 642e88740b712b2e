"""The compiled loops of dense nets against torch's operators, and against what a training gives without them."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import parnassus as pn
from parnassus import kernels
from parnassus.functional import criteria
from parnassus.layers import dense

compiled = pytest.mark.skipif(kernels.load("dense") is None, reason=kernels.status()["dense"])
IGNORED = -100


def by_torch(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    z = logits.double().clone().requires_grad_()
    loss = F.cross_entropy(z, y)
    loss.backward()
    return loss.detach(), z.grad


@compiled
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize(("n", "n_classes"), [(1, 2), (7, 3), (64, 10), (65, 10), (128, 64), (1000, 2)])
def test_cross_entropy_and_its_slope_are_torchs(n, n_classes, by_class, draws):
    logits = torch.randn(n_classes, n).t() * 6 if by_class else torch.randn(n, n_classes) * 6
    y = torch.randint(0, n_classes, (n,))
    if n > 1:
        y[::3] = IGNORED
    slope = torch.empty_like(logits)
    loss = kernels.load("dense").cross_entropy(logits, y, slope)
    expected, by_logits = by_torch(logits, y)
    assert math.isclose(float(loss), float(expected), rel_tol=1e-6, abs_tol=1e-7)
    assert torch.allclose(slope.double(), by_logits, atol=1e-6 / n)
    assert slope.stride() == logits.stride()


@compiled
@pytest.mark.parametrize("by_class", [False, True])
def test_several_nets_have_each_its_own_mean(by_class, draws):
    logits = torch.randn(3, 4, 70).mT if by_class else torch.randn(3, 70, 4)
    y = torch.randint(0, 4, (3, 70))
    y[1, ::2] = IGNORED
    slope = torch.empty_like(logits)
    losses = kernels.load("dense").cross_entropy(logits, y, slope)
    for i in range(3):
        expected, by_logits = by_torch(logits[i], y[i])
        assert math.isclose(float(losses[i]), float(expected), rel_tol=1e-6)
        assert torch.allclose(slope[i].double(), by_logits, atol=1e-7)


@compiled
@pytest.mark.parametrize(
    "row", [[1e4, -1e4, 0.0], [1.0, -math.inf, 2.0], [math.nan, 1.0, 2.0], [1.0, math.nan, 2.0], [math.inf, 1.0, 2.0]]
)
def test_extreme_logits_give_what_torch_gives(row):
    logits, y = torch.tensor([row]), torch.tensor([2])
    slope = torch.empty_like(logits)
    loss = kernels.load("dense").cross_entropy(logits, y, slope)
    expected, by_logits = by_torch(logits, y)
    assert torch.allclose(loss.double(), expected, equal_nan=True)
    assert torch.allclose(slope.double(), by_logits, atol=1e-7, equal_nan=True)


@compiled
@pytest.mark.parametrize("label", [3, -1])
def test_a_label_that_is_none_is_refused_before_memory_is_read(label):
    logits = torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match=f"label {label} of row 1 is not one of 0 to 2"):
        kernels.load("dense").cross_entropy(logits, torch.tensor([0, label]), torch.empty_like(logits))


@compiled
def test_rows_that_are_all_ignored_lose_nothing():
    logits = torch.ones(2, 3)
    slope = torch.empty_like(logits)
    assert kernels.load("dense").cross_entropy(logits, torch.tensor([IGNORED, IGNORED]), slope) == 0
    assert not slope.any()


@compiled
@pytest.mark.parametrize("n", [1, 64, 130])
def test_the_rectified_slope_and_its_sum_are_torchs(n, draws):
    slope, h = torch.randn(n, 37), torch.randn(n, 37).relu()
    h[0, 0] = math.nan
    ours, total = slope.clone(), torch.empty(37)
    kernels.load("dense").rectified(ours, h, total)
    expected = torch.ops.aten.threshold_backward(slope, h, 0.0)
    assert torch.equal(ours, expected)
    assert torch.allclose(total, expected.double().sum(0).float(), atol=1e-5)


@compiled
def test_a_training_without_the_compiled_loops_ends_at_the_same_weights(monkeypatch, draws):
    X, y = torch.randn(200, 5).numpy(), ["ab"[i] if i < 2 else "c" for i in torch.randint(0, 3, (200,)).tolist()]

    def weights() -> Tensor:
        classifier = pn.Classifier(pn.model("mlp", hidden=(16, 8)), epochs=3).fit(X, y)
        return torch.cat([p.flatten() for p in classifier.objective_.parameters()])

    fast = weights()
    monkeypatch.setattr(criteria, "_compiled", lambda: None)
    monkeypatch.setattr(dense, "rectified", lambda: None)
    assert torch.allclose(fast, weights(), atol=1e-5)
