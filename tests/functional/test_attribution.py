"""Maps of what answers rest on, against nets whose maps are known and against captum."""

import numpy as np
import pytest
import torch
from torch import nn

from parnassus.errors import DataError, SettingError
from parnassus.functional import attribution as a

X = torch.rand(3, 2, 6, 8, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 2, 1])


@pytest.fixture
def linear(draws):
    return nn.Sequential(nn.Flatten(), nn.Linear(96, 3))


@pytest.fixture
def conv(draws):
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip


def weights_of(linear):
    return linear[1].weight[TARGET].view(3, 2, 6, 8)


def test_of_a_linear_net_slopes_are_its_weights(linear):
    generator = torch.Generator().manual_seed(0)
    torch.testing.assert_close(a.input_slope(linear, X, TARGET), weights_of(linear).detach())
    smooth = a.smooth_slope(linear, X, TARGET, n_samples=3, generator=generator)
    torch.testing.assert_close(smooth, weights_of(linear).detach())
    found = a.integrated_gradients(linear, X, TARGET, baseline=0.25, n_steps=2)
    torch.testing.assert_close(found, (weights_of(linear) * (X - 0.25)).detach())


def test_of_a_linear_net_covering_costs_what_was_covered(linear):
    found = a.occlusion(linear, X, TARGET, patch=2, stride=2, fill=0.5)
    falls = (weights_of(linear) * (X - 0.5)).sum(1).detach()
    expected = falls.unfold(1, 2, 2).unfold(2, 2, 2).sum((-1, -2)).repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_of_a_linear_net_a_surrogate_finds_each_segments_share(linear):
    cells = a.superpixels(6, 8, 12)
    assert sorted(cells.unique().tolist()) == list(range(12))
    found = a.local_surrogate(
        linear, X, TARGET, segments=cells, n_samples=400, l2=1e-6, generator=torch.Generator().manual_seed(0)
    )
    shares = (weights_of(linear) * X).sum(1).detach()
    expected = torch.stack([torch.stack([s[cells == k].sum() for k in range(12)])[cells] for s in shares])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_integrated_gradients_are_complete(conv):
    found = a.integrated_gradients(conv, X, TARGET, baseline=0.1, n_steps=200).sum((1, 2, 3))
    gap = a.target_scores(conv(X), TARGET) - a.target_scores(conv(torch.full_like(X, 0.1)), TARGET)
    torch.testing.assert_close(found, gap.detach(), rtol=1e-3, atol=1e-4)


def maps_of(conv):
    maps = conv[:4](X)
    scores = a.target_scores(conv[4:](maps), TARGET)
    (slopes,) = torch.autograd.grad(scores.sum(), maps, retain_graph=True)
    return maps.detach(), slopes, scores.detach()


def test_grad_cam_of_a_mean_and_a_dense_layer_is_the_class_map(conv):
    maps, slopes, scores = maps_of(conv)
    own = a.class_activation_map(maps, conv[6].weight[TARGET].detach())
    torch.testing.assert_close(a.grad_cam(maps, slopes, positive=False) * maps[0, 0].numel(), own)
    torch.testing.assert_close(own.mean((1, 2)) + conv[6].bias[TARGET].detach(), scores)
    assert (a.grad_cam(maps, slopes) >= 0).all()


def test_grad_cam_plus_plus_by_loops(conv):
    maps, slopes, _ = maps_of(conv)
    n, k, h, w = maps.shape
    expected = torch.zeros(n, h, w)
    for i in range(n):
        for c in range(k):
            total = maps[i, c].sum()
            weight = 0.0
            for r in range(h):
                for s in range(w):
                    g = slopes[i, c, r, s]
                    below = 2 * g**2 + total * g**3
                    if below != 0:
                        weight += float(g**2 / below * max(float(g), 0.0))
            expected[i] += weight * maps[i, c]
    torch.testing.assert_close(a.grad_cam_plus_plus(maps, slopes), expected.relu(), rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # captum's own
def test_maps_are_captums(conv):
    attr = pytest.importorskip("captum.attr", reason="captum is not installed")
    np.testing.assert_allclose(
        a.input_slope(conv, X, TARGET).abs(), attr.Saliency(conv).attribute(X, target=TARGET).detach(), atol=1e-6
    )
    theirs = attr.IntegratedGradients(conv).attribute(X, target=TARGET, n_steps=30, method="gausslegendre")
    np.testing.assert_allclose(a.integrated_gradients(conv, X, TARGET, n_steps=30), theirs.detach(), atol=1e-6)
    theirs = attr.Occlusion(conv).attribute(X, target=TARGET, sliding_window_shapes=(2, 2, 2), strides=(2, 2, 2))
    np.testing.assert_allclose(a.occlusion(conv, X, TARGET, patch=2, stride=2), theirs[:, 0].detach(), atol=1e-6)
    theirs = attr.LayerGradCam(conv, conv[3]).attribute(X, target=TARGET, relu_attributions=True)
    maps, slopes, _ = maps_of(conv)
    np.testing.assert_allclose(a.grad_cam(maps, slopes), theirs[:, 0].detach(), atol=1e-6)


def test_of_one_output_the_first_class_is_its_negative():
    outputs = torch.tensor([[2.0], [3.0]])
    assert a.target_scores(outputs, torch.tensor([1, 0])).tolist() == [2.0, -3.0]


def test_bad_input_is_refused(linear):
    with pytest.raises(SettingError, match="patch is from 1"):
        a.occlusion(linear, X, TARGET, patch=7)
    with pytest.raises(SettingError, match="n_steps"):
        a.integrated_gradients(linear, X, TARGET, n_steps=0)
    with pytest.raises(SettingError, match="n_samples"):
        a.smooth_slope(linear, X, TARGET, n_samples=0, generator=torch.Generator())
    with pytest.raises(DataError, match="target"):
        a.target_scores(torch.zeros(2, 3), torch.zeros(3).long())
    with pytest.raises(SettingError, match="n_segments"):
        a.superpixels(2, 2, 9)
