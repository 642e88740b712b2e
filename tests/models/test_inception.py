"""Inception v3 and v4, GoogLeNet's side heads: published counts, and side heads that teach and then are silent."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.layers.vision import AuxiliaryHead, said_beside
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


@pytest.mark.parametrize(("name", "side"), [("inception_v3", 8), ("inception_v4", 8)])
def test_299_pixels_end_as_the_papers_8_by_8(name, side):
    with torch.device("meta"):
        net = made(name).eval()
        h = torch.zeros(1, 3, 299, 299)
        sizes = [(h := module(h)).shape[1:] for module in net.features]
    assert sizes[-1][1:] == (side, side)
    assert sizes[-1][0] == {"inception_v3": 2048, "inception_v4": 1536}[name]


@pytest.mark.parametrize("size", [8, 32, 65, 80])
@pytest.mark.parametrize("name", ["inception_v3", "inception_v4"])
def test_pictures_of_every_size_are_answered(name, size):
    net = made(name, size=size, n_outputs=3, in_channels=1, width=0.0625).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 1, size, size)).shape == (2, 3)


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
    with pytest.raises(pn.SettingError, match="v4 has no side head"):
        made("inception_v4", auxiliary=0.3)
    with pytest.raises(pn.SettingError, match="weight of the side heads"):
        made("googlenet", auxiliary=-1.0)
