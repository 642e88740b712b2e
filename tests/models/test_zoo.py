"""Nets of the zoo: published parameter counts, layers and costs, small pictures, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import parnassus as pn
from parnassus.functional.convolution import costs
from parnassus.functional.normalization import local_response_norm
from parnassus.insight.summary import summarize
from parnassus.layers.vision import SameConv2d, SpatialPyramid, SqueezeExcitation, StochasticDepth, convolution, scaled
from parnassus.models.vision.efficientnet import compound
from parnassus.models.vision.googlenet import Inception
from parnassus.models.vision.mobilenet import InvertedResidual
from parnassus.models.vision.resnet import Block, Bottleneck, PaddedShortcut
from parnassus.registry import registry_of

pytestmark = pytest.mark.usefixtures("draws")


def made(name, *, n_outputs=1000, size=224, in_channels=3, **options):
    spec = pn.model(name, **options)
    builder = spec.builders("classifier")[0]
    settings = spec.get_params(task="classifier")
    return builder.make(in_channels=in_channels, image_size=(size, size), n_outputs=n_outputs, **settings)


def count(module):
    return sum(p.numel() for p in module.parameters())


# --- published figures; those of whole nets are in `parnassus.checks.published` ------------------------------


@pytest.mark.parametrize(("depth", "published"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_thin_residual_nets_have_the_millions_of_the_papers_table_6(depth, published):
    with torch.device("meta"):
        net = made(f"resnet{depth}", n_outputs=10, size=32)
    assert round(count(net) / 1e6, 2 if depth < 110 else 1) == published
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == depth


@pytest.mark.parametrize(
    ("name", "layers"),
    [("resnet18", 18), ("resnet34", 34), ("resnet50", 50), ("resnet101", 101), ("vgg11", 11), ("vgg19", 19)],
)
def test_1_B15_and_1_B17_and_3_B23_layers_are_as_many_as_the_name_says(name, layers):
    """Convolutions of shortcuts are not counted; Baker's prose adds up to 18 by another way."""
    with torch.device("meta"):
        net = made(name)
    shortcuts = {m for block in net.modules() if hasattr(block, "downsample") for m in block.downsample.modules()}
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) and m not in shortcuts for m in net.modules()) == layers


@pytest.mark.parametrize(
    ("name", "billions"),
    [("resnet18", 1.814), ("vgg11", 7.609), ("resnet34", 3.664), ("vgg19", 19.632062464), ("mobilenet_v1", 0.5687)],
)
def test_1_B15_and_1_B17_and_1_B18_multiply_adds_of_a_picture(name, billions):
    """Of 224 x 224 pixels. The page gives VGG-19 19.6e9 "per second", and credits skips with ResNet-34's 3.6e9."""
    with torch.device("meta"):
        net = made(name).eval()
    found = summarize(net, lambda: net(torch.zeros(1, 3, 224, 224, device="meta")))
    assert sum(layer.n_products for layer in found.layers) / 1e9 == pytest.approx(billions, rel=2e-3)


# --- blocks ---------------------------------------------------------------------------------------


def test_1_B14_a_bottleneck_has_a_seventeenth_of_two_wide_convolutions():
    with torch.device("meta"):
        block = Bottleneck(256, 64, 1, nn.Identity(), preactivation=False)
    weights = [m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d)]
    assert weights == [16_384, 36_864, 16_384]
    products = [costs(n_in, n_out, (k, k), (56, 56))[1] for n_in, n_out, k in ((256, 64, 1), (64, 64, 3), (64, 256, 1))]
    assert products == [51_380_224, 115_605_504, 51_380_224]
    assert 2 * costs(256, 256, (3, 3), (56, 56), bias=False)[0] / sum(weights) == pytest.approx(16.94, abs=0.005)


@pytest.mark.parametrize("kind", [Block, Bottleneck])
@pytest.mark.parametrize("preactivation", [False, True])
def test_a_block_whose_last_weights_are_zero_is_its_shortcut(kind, preactivation):
    block = kind(4 * kind.expansion, 4, 1, nn.Identity(), preactivation=preactivation).eval()
    nn.init.zeros_((block.conv3 if kind is Bottleneck else block.conv2).weight)
    x = torch.randn(2, 4 * kind.expansion, 6, 6)
    torch.testing.assert_close(block(x), x if preactivation else torch.relu(x))


def test_a_shortcut_without_weights_skips_pixels_and_adds_empty_channels():
    x = torch.randn(1, 3, 6, 6)
    found = PaddedShortcut(2, 5)(x)
    assert found.shape == (1, 8, 3, 3)
    assert torch.equal(found[:, :3], x[..., ::2, ::2])
    assert not found[:, 3:].any()


def test_vgg_c_is_vgg_16_whose_third_convolutions_are_1_x_1():
    """Simonyan and Zisserman, tables 1 and 2: 134 million; 8 taps of each of three kernels fewer than D."""
    with torch.device("meta"):
        net = made("vgg16", pointwise=True)
        fewer = 8 * (256 * 256 + 2 * 512 * 512)
        assert count(net) == count(made("vgg16")) - fewer == 138_357_544 - fewer
    assert round(count(net) / 1e6) == 134
    assert [m.kernel_size[0] for m in net.modules() if isinstance(m, nn.Conv2d)] == [3, 3, 3, 3, *[3, 3, 1] * 3]
    with pytest.raises(pn.SettingError, match="configuration C of the paper, which has 16 layers; take 'vgg16'"):
        made("vgg19", pointwise=True, size=32)


def test_a_lrn_is_vgg_11_with_local_response_normalisation_behind_its_first_layer():
    """Divided by (2 + 1e-4 of the mean of 5 squares)^0.75, as Caffe does, which the paper used; no more parameters."""
    with torch.device("meta"):
        assert count(made("vgg11", response=True)) == count(made("vgg11")) == 132_863_336
    small = {"size": 32, "n_outputs": 3, "width": 0.125, "head": 8}
    net, plain = made("vgg11", response=True, **small).eval(), made("vgg11", **small).eval()
    plain.load_state_dict(dict(zip(plain.state_dict(), net.state_dict().values(), strict=True)))
    x = 100 * torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        h = torch.relu(plain.features[0](x))
        due = local_response_norm(h, size=5, alpha=1e-4, beta=0.75, k=2.0, over="mean")
        assert (due - h / 2**0.75).abs().max() > 0.1
        torch.testing.assert_close(net.features[:3](x), due)
        torch.testing.assert_close(net(x), plain.classifier(plain.features[2:](due).flatten(1)))


def test_1_B12_and_3_B23_and_1_B68_an_inception_module():
    with torch.device("meta"):
        module = Inception(192, (64, 96, 128, 16, 32, 32))
        found = module(torch.zeros(1, 192, 28, 28))
    assert count(module) == 163_696
    assert found.shape == (1, 256, 28, 28)
    whole = costs(192, 32, (5, 5), (28, 28), bias=False)[1]
    reduced = costs(192, 16, (1, 1), (28, 28), bias=False)[1] + costs(16, 32, (5, 5), (28, 28), bias=False)[1]
    assert (whole, reduced) == (120_422_400, 12_443_648)
    # without reducers: 3 x 3 and 5 x 5 straight from 192 channels, and no 1 x 1 after the pool
    plain = sum(costs(192, n, (k, k), (1, 1))[0] for n, k in ((64, 1), (128, 3), (32, 5)))
    assert plain == 387_296


def test_2b_B11_three_small_kernels_against_one_large():
    for n, k in ((2, 5), (3, 7)):
        small, large = n * costs(64, 64, (3, 3), (1, 1), bias=False)[0], costs(64, 64, (k, k), (1, 1), bias=False)[0]
        assert (small, large) == {2: (73_728, 102_400), 3: (110_592, 200_704)}[n]


def test_2b_B15_channels_of_a_dense_block():
    """Layer l sees k_0 + k (l - 1) maps: 64 + 32 * 5 before the sixth; a transition keeps half."""
    with torch.device("meta"):
        net = made("densenet121")
    seen = [m.num_features for m in net.features.modules() if isinstance(m, nn.BatchNorm2d)]
    assert 64 + 32 * 5 in seen
    ends = [m.out_channels for m in net.features.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert [n for n in ends if n != 128] == [256, 512]  # 128 is both a layer's middle and the first transition
    assert net.head[-1].in_features == 1024


def test_an_inverted_residual_adds_where_shapes_agree():
    same, other = InvertedResidual(8, 8, stride=1, expansion=6).eval(), InvertedResidual(8, 12, stride=2, expansion=6)
    x = torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(same(x), x + same.body(x))
    assert other(x).shape == (2, 12, 3, 3)


def test_gates_scale_channels():
    gate = SqueezeExcitation(6, 2)
    x = torch.randn(3, 6, 5, 4)
    scale = gate(x) / x
    torch.testing.assert_close(scale, scale[..., :1, :1].expand_as(x))
    assert 0 < float(scale.detach().min()) < float(scale.detach().max()) < 1
    assert count(gate) == 2 * 6 * 2 + 2 + 6


def test_efficientnets_grow_by_two_and_stay_round():
    depth, width, resolution = compound(1.0)
    assert depth * width**2 * resolution**2 == pytest.approx(1.92, abs=0.005)  # the paper's constraint is "about 2"
    assert [scaled(1.1, n) for n in (16, 24, 32, 40)] == [16, 24, 32, 48]


def test_branches_are_left_out_in_training_as_often_as_asked():
    drop, x = StochasticDepth(0.25), torch.ones(4000, 1, 1, 1)
    found = drop.train()(x)
    assert set(found.unique().tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
    assert float(found.mean()) == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(x), x)


def test_tensorflows_same_padding_gives_its_sizes_and_values():
    layer = SameConv2d(1, 1, 3, stride=2, bias=False)
    layer.weight.data[:] = -1.0
    layer.weight.data[0, 0, 1, 1] = 8
    x = torch.tensor([[1.0, 4, 1, 1, 2], [4, 3, 1, 2, 1], [5, 2, 2, 2, 5], [1, 3, 2, 4, 3]])[None, None]
    assert layer(x)[0, 0].tolist() == [[17, -9, -4], [-2, 3, 13]]  # 4 B34


def test_small_parts_keep_sizes():
    assert convolution(3, 8, 3)(torch.zeros(2, 3, 7, 7)).shape == (2, 8, 7, 7)
    assert SpatialPyramid((1, 2))(torch.rand(2, 3, 9, 5)).shape == (2, 15)


# --- through the estimators -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet20", {}), ("resnet18", {"width": 0.125}), ("vgg11", {"width": 0.125, "head": 16}),
     ("xception", {"width": 0.05}), ("mobilenet_v2", {"width": 0.25}),
     ("densenet121", {"growth": 4}), ("googlenet", {"width": 0.125}),
     ("efficientnet_b0", {"width": 0.25}), ("alexnet", {"width": 0.25, "head": 16})],
)  # fmt: skip
@pytest.mark.parametrize("size", [8, 32, 65])
def test_pictures_of_every_size_are_answered(name, options, size):
    net = made(name, n_outputs=3, size=size, in_channels=1, **options).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 1, size, size)).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least", "options"), [
    ("zfnet", 1, {"width": 0.1, "head": 4}), ("alexnet", 1, {"width": 0.1, "head": 4}),
    ("densenet121", 8, {"growth": 2}), ("densenet121", 29, {"growth": 2, "stem": "paper"}),
    ("googlenet", 4, {"width": 0.1}), ("googlenet", 31, {"width": 0.1, "stem": "paper"}),
    ("googlenet", 2, {"width": 0.1, "origin": "torch"}),
    ("googlenet", 15, {"width": 0.1, "origin": "torch", "stem": "paper"}),
])  # fmt: skip
def test_of_each_picture_something_is_left_or_it_is_refused_in_words(name, least, options):
    with torch.device("meta"):
        for size in {least, 31, 64, 68, 72, 73} - set(range(least)):
            x = torch.zeros(2, 1, size, size)
            assert made(name, n_outputs=3, size=size, in_channels=1, **options).eval()(x).shape == (2, 3)
    if least > 1:
        with pytest.raises(pn.SettingError, match=f"at least {least} pixels a side.*{least - 1} x {least - 1}"):
            made(name, n_outputs=3, size=least - 1, in_channels=1, **options)


@pytest.mark.slow
def test_resnet20_learns_digits():
    digits = load_digits()
    pictures = (digits.images * 15).astype(np.uint8)
    clf = pn.Classifier("resnet20", epochs=3, batch_size=32, lr=0.005).fit(pictures[:700], digits.target[:700])
    assert clf.score(pictures[700:1200], digits.target[700:1200]) > 0.8


def test_names_of_sizes_are_models_of_one_function():
    names = [n for n in registry_of("model").names("classifier") if n.startswith("resnet") and n[6:].isdigit()]
    assert sorted(names, key=lambda n: int(n[6:])) == [
        f"resnet{n}" for n in (18, 20, 32, 34, 44, 50, 56, 101, 110, 152)
    ]
    assert "depth" not in pn.model("resnet18").get_params()
    with pytest.raises(pn.SettingError, match="resnet18"):
        pn.Classifier("resnet19").fit(np.zeros((4, 8, 8), dtype=np.uint8), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet18", {"stem": "large"}, "stem='large'"),
        ("resnet20", {"stem": "paper"}, "starts gently"),
        ("resnet18", {"width": 0.0}, "width is above 0"),
        ("vgg11", {"head": 0}, "head is at least 1"),
        ("alexnet", {"variant": "three"}, "variant='three'"),
        ("densenet121", {"compression": 1.5}, "compression in"),
        ("mobilenet_v1", {"dropout": 1.0}, "dropout in"),
    ],
)
def test_settings_without_meaning_are_refused(name, options, message):
    with pytest.raises(pn.SettingError, match=message):
        made(name, **options)
