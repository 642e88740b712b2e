"""Inception v2 to v4, GoogLeNet's side heads: published counts, and side heads that teach and then are silent."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.layers.vision import AuxiliaryHead, said_beside
from parnassus.models.vision import inception
from parnassus.objectives.supervised import Supervised
from parnassus.registry import registry_of

pytestmark = pytest.mark.usefixtures("draws")


def made(name, *, n_outputs=1000, size=299, in_channels=3, **options):
    spec = pn.model(name, **options)
    settings = spec.get_params(task="classifier")
    builder = spec.builders("classifier")[0]
    return builder.make(in_channels=in_channels, image_size=(size, size), n_outputs=n_outputs, **settings)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        ("inception_v3", {"auxiliary": 0.3}, 27_161_264),  # 2b A4.15; torchvision's documentation
        ("inception_v3", {}, 23_834_568),
        ("inception_v4", {}, 42_679_816),  # timm
        ("googlenet", {"norm": False, "auxiliary": 0.3}, 13_378_280),  # 2b A4.15
    ],
)
def test_parameters_are_as_many_as_published(name, options, published):
    with torch.device("meta"):
        assert count(made(name, **options)) == published


# the widths and places of the modules of BN-Inception, as figure 5 of its paper has them
MODULES = [(192, 28), (256, 28), (320, 28), *[(576, 14)] * 5, *[(1024, 7)] * 3]


def kinds(net, kind):
    return [m for m in net.modules() if isinstance(m, kind)]


@pytest.mark.slow
def test_bn_inception_has_the_table_of_its_paper():
    with torch.device("meta"):
        net = made("inception_v2", size=224).eval()
        h = torch.zeros(1, 3, 224, 224)
        shapes = [(h := module(h)).shape[1:] for module in net.features]
    assert [(n, side) for n, side, _ in shapes] == MODULES
    assert isinstance(net.features[-1].chains[3][0], nn.MaxPool2d)  # 5b alone pools by maxima
    assert count(net) == 11_194_984


@pytest.mark.slow
def test_bn_inception_has_as_many_parameters_as_two_others_count():
    """TF-Slim: 10,173,112 without the last layer; caffe's, with 128 channels behind two more pools: 11,295,240."""
    with torch.device("meta"):
        net = made("inception_v2", size=224)
        kernels = sum(m.weight.numel() for m in kinds(net, nn.Conv2d))
        channels = sum(m.num_features for m in kinds(net, nn.BatchNorm2d))
        # theirs: a separable first layer with a bias and no norm; of norms shifts, means and variances, no scales
        stem = 7 * 7 * 3 * 8 + 24 * 64 + 64
        assert kernels - 7 * 7 * 3 * 64 + stem + 3 * (channels - 64) == 10_173_112
        wide = [list(branches) for branches in inception.V2]
        for i in (6, 7):
            wide[i][3] = [inception.MEAN, inception.k(128)]
        facts = {"in_channels": 3, "image_size": (224, 224), "n_outputs": 1000}
        other = inception.InceptionNet(wide, **facts, width=1.0, dropout=0.0, padded=True, auxiliary=0.0)
        assert count(other) + sum(m.out_channels for m in kinds(other, nn.Conv2d)) == 11_295_240  # theirs have biases


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side"), [("inception_v3", 8), ("inception_v4", 8)])
def test_299_pixels_end_as_the_papers_8_by_8(name, side):
    with torch.device("meta"):
        net = made(name).eval()
        h = torch.zeros(1, 3, 299, 299)
        sizes = [(h := module(h)).shape[1:] for module in net.features]
    assert sizes[-1][1:] == (side, side)
    assert sizes[-1][0] == {"inception_v3": 2048, "inception_v4": 1536}[name]


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 32, 65, 80])
@pytest.mark.parametrize("name", ["inception_v2", "inception_v3", "inception_v4"])
def test_pictures_of_every_size_are_answered(name, size):
    net = made(name, size=size, n_outputs=3, in_channels=1, width=0.0625).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 1, size, size)).shape == (2, 3)


@pytest.mark.slow
def test_side_heads_add_their_share_in_training_and_nothing_in_use():
    net = made("googlenet", size=32, n_outputs=3, in_channels=1, width=0.125, auxiliary=0.3, dropout=0.0)
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    loss = registry_of("loss")("cross_entropy").make(task="labels")
    taught = Supervised(net, loss, kind="labels", n_outputs=3).train()
    batch = {"x": torch.randn(6, 1, 32, 32), "y": torch.arange(6) % 3}
    outputs = taught.outputs(batch)
    said = said_beside(net)
    assert [weight for _, weight in said] == [0.3, 0.3]
    cross = nn.functional.cross_entropy
    due = cross(outputs, batch["y"]) + 0.3 * sum(cross(side, batch["y"]) for side, _ in said)
    torch.testing.assert_close(taught.mean_loss(batch), due)
    assert said_beside(net) == []
    taught.eval()
    taught.outputs(batch)
    assert said_beside(net) == []


@pytest.mark.slow
def test_a_net_with_side_heads_goes_through_the_estimator():
    rng = np.random.default_rng(0)
    pictures, answers = rng.integers(0, 255, (24, 16, 16), dtype=np.uint8), np.arange(24) % 3
    spec = pn.model("inception_v3", width=0.0625, auxiliary=0.3)
    clf = pn.Classifier(spec, epochs=1, batch_size=12).fit(pictures, answers)
    assert clf.predict(pictures[:4]).shape == (4,)
    again = pn.Classifier(start=clf, freeze="features", epochs=1, batch_size=12).fit(pictures, answers % 2)
    assert {name.split(".")[0] for name in again.start_["new"]} == {"auxiliary", "head"}
    assert isinstance(again.objective_.model.auxiliary, AuxiliaryHead)


def test_weights_without_meaning_are_refused():
    for name in ("inception_v2", "inception_v4"):
        with pytest.raises(pn.SettingError, match="only v3 has a side head"):
            made(name, auxiliary=0.3)
    with pytest.raises(pn.SettingError, match="weight of the side heads"):
        made("googlenet", auxiliary=-1.0)
