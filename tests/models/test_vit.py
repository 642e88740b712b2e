"""Vision Transformers: published sizes, patches of small pictures, other sizes, and maps of attention."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.layers.attention import kept_weights
from parnassus.models.vision.vit import ViT, n_patches, patch_for

pytestmark = pytest.mark.usefixtures("draws")
TINY = {"width": 16, "n_layers": 2, "n_heads": 2, "hidden": 24}


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "patch", "wanted"),
    [
        ("vit_ti", None, 5_717_416),
        ("vit_s", None, 22_050_664),
        ("vit_b", None, 86_567_656),
        ("vit_b", 32, 88_224_232),
        ("vit_l", None, 304_326_632),
        ("vit_l", 32, 306_535_400),
        ("vit_h", None, 632_045_800),
    ],
)
def test_the_published_numbers_of_parameters(name, patch, wanted):
    builder = pn.model.builders(name, "classifier")[0]
    with torch.device("meta"):
        net = builder.make(
            in_channels=3, image_size=(224, 224), n_outputs=1000, **builder.defaults | {"patch_size": patch}
        )
    assert count(net) == wanted


def test_without_its_head_the_base_net_has_86_million():
    with torch.device("meta"):
        assert count(ViT(in_channels=3, image_size=(224, 224), n_outputs=0)) == 85_798_656


def test_patches_are_read_row_by_row():
    net = ViT(in_channels=1, image_size=(4, 6), n_outputs=0, patch=2, **TINY)
    with torch.no_grad():
        net.patches.projection.weight.fill_(0.25)
        net.patches.projection.bias.zero_()
    x = torch.arange(24.0).view(1, 1, 4, 6)
    means = net.patches(x)[0, :, 0]
    assert means.tolist() == [3.5, 5.5, 7.5, 15.5, 17.5, 19.5]


@pytest.mark.parametrize(
    ("side", "patch"), [(224, 16), (128, 16), (96, 12), (64, 8), (32, 4), (28, 4), (8, 2), (31, 3)]
)
def test_small_pictures_get_small_patches(side, patch):
    assert patch_for((side, side), 16) == patch
    assert n_patches((side, side), patch) >= 16


def test_sides_that_are_no_multiple_are_filled_with_zeros():
    net = ViT(in_channels=1, image_size=(5, 7), n_outputs=3, patch=4, **TINY).eval()
    x = torch.randn(2, 1, 5, 7)
    whole = torch.zeros(2, 1, 8, 8)
    whole[:, :, :5, :7] = x
    torch.testing.assert_close(net(x), net(whole))


@pytest.mark.parametrize("settings", [{"pooling": "mean"}, {"stem": "hybrid"}, {}])
def test_pictures_of_another_size_are_answered(settings):
    net = ViT(in_channels=3, image_size=(8, 8), n_outputs=4, patch=4, **TINY, **settings).eval()
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 4)
    assert net(torch.randn(2, 3, 16, 12)).shape == (2, 4)


def test_a_hybrid_stem_gives_as_many_vectors_as_patches():
    net = ViT(in_channels=3, image_size=(16, 16), n_outputs=4, patch=4, stem="hybrid", **TINY)
    assert net.patches(torch.randn(2, 3, 16, 16)).shape == (2, 16, 16)


def test_attention_is_returned_on_request():
    net = ViT(in_channels=1, image_size=(8, 8), n_outputs=3, patch=4, **TINY).eval()
    with kept_weights(net) as maps, torch.no_grad():
        net(torch.randn(2, 1, 8, 8))
    assert [m[0].shape for m in maps.values()] == [(2, 2, 5, 5)] * 2


@pytest.mark.slow
def test_it_learns_which_half_is_bright():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    X = rng.uniform(0, 0.3, (240, 8, 8)).astype(np.float32)
    for picture, k in zip(X, y, strict=True):
        picture[4 * k : 4 * k + 4] += 0.7
    net = pn.model("vit_ti", n_layers=1, pooling="mean")
    clf = pn.Classifier(net, epochs=12, lr=1e-3, seed=0, codec=pn.Image()).fit(X[:180], y[:180])
    assert clf.score(X[180:], y[180:]) > 0.9


@pytest.mark.parametrize("options", [{"patch_size": 0}, {"patch_size": 9}, {"n_layers": 0}, {"pooling": "max"}])
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(pn.SettingError):
        pn.Classifier(pn.model("vit_ti", **options), epochs=1, codec=pn.Image()).fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])
