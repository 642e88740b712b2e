"""Normalisers against torch's own, and their slopes in closed form against autograd."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from parnassus.functional import normalization as n


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, GAMMA, BETA = drawn(5, 6, 4, 3), drawn(6, seed=1), drawn(6, seed=2)


def test_each_is_torchs() -> None:
    close = torch.testing.assert_close
    close(n.batch_norm(X, GAMMA, BETA), F.batch_norm(X, None, None, GAMMA, BETA, training=True))
    close(n.batch_norm(X[..., 0, 0], GAMMA), F.batch_norm(X[..., 0, 0], None, None, GAMMA, training=True))
    close(n.instance_norm(X, GAMMA, BETA), F.instance_norm(X, weight=GAMMA, bias=BETA))
    for groups in (1, 2, 3, 6):
        close(n.group_norm(X, groups, GAMMA, BETA), F.group_norm(X, groups, GAMMA, BETA))
    rows = X.movedim(1, -1)
    close(n.layer_norm(rows, GAMMA, BETA), F.layer_norm(rows, (6,), GAMMA, BETA))
    close(n.rms_norm(rows, GAMMA), F.rms_norm(rows, (6,), GAMMA, eps=1e-5))


def test_prediction_uses_the_running_statistics_of_torch() -> None:
    torchs = nn.BatchNorm2d(6, dtype=torch.float64)
    running = n.Statistics(torch.zeros(6).double(), torch.ones(6).double())
    for seed in range(3):
        torchs(drawn(5, 6, 4, 3, seed=seed))
        running = n.running_statistics(running, drawn(5, 6, 4, 3, seed=seed), momentum=0.1, of="new")
    torch.testing.assert_close(running.mean, torchs.running_mean)
    torch.testing.assert_close(running.variance, torchs.running_var)
    torch.testing.assert_close(n.batch_norm_at_prediction(X, running), torchs.eval()(X))


def test_the_two_momentums_are_one_rule() -> None:
    start = n.Statistics(drawn(6), drawn(6).abs())
    new = n.running_statistics(start, X, momentum=0.1, of="new")
    old = n.running_statistics(start, X, momentum=0.9, of="old")
    torch.testing.assert_close(new, old)


@pytest.mark.parametrize("dims", [(0, 2, 3), (1, 2, 3), (2, 3), (1,)], ids=["batch", "layer", "instance", "features"])
def test_the_shared_slope_is_autograds(dims: tuple[int, ...]) -> None:
    x, slope = X.clone().requires_grad_(), drawn(*X.shape, seed=3)
    normed, root = n.standardize(x, dims)
    (expected,) = torch.autograd.grad(normed, x, slope)
    torch.testing.assert_close(n.standardize_backward(slope, normed, root, dims), expected)


def test_the_slope_of_rms_norm_is_autograds() -> None:
    x, slope = X.clone().requires_grad_(), drawn(*X.shape, seed=3)
    (expected,) = torch.autograd.grad(n.rms_norm(x), x, slope)
    torch.testing.assert_close(n.rms_norm_backward(slope, X), expected)


def test_the_jacobians_are_autograds() -> None:
    x = drawn(7)
    expected = torch.autograd.functional.jacobian(lambda v: n.layer_norm(v, eps=1e-3), x)
    torch.testing.assert_close(n.layer_norm_jacobian(x, eps=1e-3), expected)
    torch.testing.assert_close(n.layer_norm_jacobian(x).sum(1), torch.zeros(7).double())
    expected = torch.autograd.functional.jacobian(lambda v: n.rms_norm(v, eps=1e-3), x)
    torch.testing.assert_close(n.rms_norm_jacobian(x, eps=1e-3), expected)
    assert n.layer_norm_jacobian(drawn(2, 3, 7)).shape == (2, 3, 7, 7)


def test_a_constant_added_to_a_channel_is_forgotten_by_its_mean_and_kept_by_rms() -> None:
    shifted = X + drawn(6, 1, 1, seed=4)
    torch.testing.assert_close(n.batch_norm(shifted), n.batch_norm(X))
    assert not torch.allclose(n.rms_norm(X + 3), n.rms_norm(X))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_local_response_norm_is_torchs_up_to_the_named_mean(size: int) -> None:
    torchs = F.local_response_norm(X, size, alpha=0.3, beta=0.6, k=1.5)
    torch.testing.assert_close(n.local_response_norm(X, size=size, alpha=0.3, beta=0.6, k=1.5, over="mean"), torchs)
    summed = n.local_response_norm(X, size=size, alpha=0.3 / size, beta=0.6, k=1.5, over="sum")
    torch.testing.assert_close(summed, torchs)


def test_standardised_weights_have_mean_0_and_variance_1_a_unit() -> None:
    w = n.weight_standardize(drawn(6, 3, 5, 5) * 4 + 2, eps=0.0)
    torch.testing.assert_close(w.mean((1, 2, 3)), torch.zeros(6).double())
    torch.testing.assert_close(w.var((1, 2, 3), correction=0), torch.ones(6).double())


def test_a_spectrally_normed_weight_stretches_nothing_and_iteration_finds_its_norm() -> None:
    w = drawn(6, 3, 2, 2)
    assert torch.linalg.svdvals(n.spectral_norm(w).flatten(1))[0].item() == pytest.approx(1)
    found, _ = n.power_iteration(w, drawn(6, seed=5), n_steps=200)
    assert found.item() == pytest.approx(torch.linalg.svdvals(w.flatten(1))[0].item())
    torch.testing.assert_close(n.spectral_norm(w), w / found)


def test_adaptive_norm_gives_maps_the_styles_mean_and_spread() -> None:
    scale, shift = drawn(5, 6, seed=6).abs() + 0.1, drawn(5, 6, seed=7)
    styled = n.adaptive_instance_norm(X, scale, shift, eps=0.0)
    torch.testing.assert_close(styled.mean((2, 3)), shift)
    torch.testing.assert_close(styled.std((2, 3), correction=0), scale)
