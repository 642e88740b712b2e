"""ConvNeXt, BiT, Network in Network and highway nets: published counts, gates, sizes, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import parnassus as pn
from parnassus.models.vision.bit import GroupNormBlock
from parnassus.models.vision.convnext import ConvNextBlock
from parnassus.models.vision.highway import Highway

pytestmark = pytest.mark.usefixtures("draws")


def made(name, *, n_outputs=1000, size=224, in_channels=3, **options):
    spec = pn.model(name, **options)
    builder = next(b for b in spec.builders("classifier") if "in_channels" in b.facts)
    settings = spec.get_params(task="classifier")
    return builder.make(in_channels=in_channels, image_size=(size, size), n_outputs=n_outputs, **settings)


@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        # torchvision's documentation
        ("convnext_t", {}, 28_589_128), ("convnext_s", {}, 50_223_688),
        ("convnext_b", {}, 88_591_464), ("convnext_l", {}, 197_767_336),
        ("bit_resnet50", {}, 25_549_352), ("bit_resnet101", {}, 44_541_480),  # timm: 25.55M and 44.54M
        ("nin", {}, 7_595_176),  # the layers of the Caffe model, 29 MB
    ],
)  # fmt: skip
def test_parameters_are_as_many_as_published(name, options, published):
    with torch.device("meta"):
        assert sum(p.numel() for p in made(name, **options).parameters()) == published


@pytest.mark.parametrize("size", [8, 32, 65])
@pytest.mark.parametrize(
    ("name", "options"), [("convnext_t", {"width": 0.05}), ("nin", {"width": 0.1}), ("highway", {"hidden": 8})]
)
def test_pictures_of_every_size_are_answered(name, options, size):
    net = made(name, n_outputs=3, size=size, in_channels=1, **options).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 1, size, size)).shape == (2, 3)


def test_a_closed_gate_passes_and_an_open_one_transforms():
    x = torch.randn(5, 4)
    closed = Highway(nn.Linear(4, 4), nn.Linear(4, 4), bias=-50.0)
    torch.testing.assert_close(closed(x), x)
    opened = Highway(nn.Linear(4, 4), nn.Linear(4, 4), bias=50.0)
    torch.testing.assert_close(opened(x), torch.relu(opened.transform(x)))


def test_a_highway_layer_by_hand():
    """x = 2, F = relu(3 * 2 - 1) = 5, T = sigmoid(1 * 2 - 2) = 1/2: y = 3.5."""
    layer = Highway(nn.Linear(1, 1), nn.Linear(1, 1), bias=-2.0)
    with torch.no_grad():
        layer.transform.weight[:], layer.transform.bias[:], layer.gate.weight[:] = 3.0, -1.0, 1.0
        assert float(layer(torch.tensor([[2.0]]))) == pytest.approx(3.5)


@pytest.mark.slow
def test_a_deep_highway_net_learns_where_a_plain_one_of_its_depth_does_not():
    digits = load_digits()
    rows = np.flatnonzero(digits.data.std(0) > 1)
    X, y = digits.data.reshape(len(digits.data), -1)[:, rows], digits.target
    plan = {"epochs": 8, "lr": 0.003, "batch_size": 64}
    gated = pn.Classifier(pn.model("highway", n_layers=30), **plan).fit(X[:900], y[:900])
    plain = pn.Classifier(pn.model("mlp", hidden=(50,) * 31), **plan).fit(X[:900], y[:900])
    assert gated.score(X[900:], y[900:]) > plain.score(X[900:], y[900:]) + 0.2


def test_blocks_whose_scale_is_zero_are_their_shortcuts():
    block = ConvNextBlock(4, drop=0.0, scale=0.0)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(x), x)
    other = GroupNormBlock(8, 8, stride=1, groups=2)
    nn.init.zeros_(other.conv3.weight)
    y = torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(other(y), y)


def test_group_norms_see_one_row_as_they_see_it_among_others():
    net = made("bit_resnet50", n_outputs=2, size=16, in_channels=1, width=0.125).train()
    x = torch.randn(3, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[:1], net(x[:1]), rtol=1e-4, atol=1e-5)


def test_scores_of_network_in_network_are_means_of_maps():
    net = made("nin", n_outputs=3, size=32, in_channels=1, width=0.1).eval()
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(x), net[:-1](x).mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("convnext_t", {"patch_size": 0}, "patch_size is from 1"),
        ("highway", {"n_layers": 0}, "at least 1"),
        ("nin", {"width": 0.0}, "width is above 0"),
        ("bit_resnet50", {"stem": "large"}, "stem='large'"),
    ],
)
def test_settings_without_meaning_are_refused(name, options, message):
    with pytest.raises(pn.SettingError, match=message):
        made(name, **options)


def test_highway_nets_take_pictures_as_maps_and_tables_as_vectors():
    rng = np.random.default_rng(0)
    pictures = pn.Classifier(pn.model("highway", hidden=8, n_layers=3), epochs=1)
    pictures.fit(rng.integers(0, 255, (12, 8, 8), dtype=np.uint8), np.arange(12) % 2)
    table = pn.Classifier(pn.model("highway", hidden=8, n_layers=3), epochs=1)
    table.fit(rng.normal(size=(12, 3)), np.arange(12) % 2)
    assert (pictures.view_, table.view_) == ("image", "vector")
