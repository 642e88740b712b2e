"""Options of dense and convolutional nets: normalisers, activations, and keys that stay when all is off."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.layers.dense import ACTIVATIONS
from parnassus.models.tables.mlp import MLP
from parnassus.models.vision.cnn import ConvStack

pytestmark = pytest.mark.usefixtures("draws")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)
PICTURES = RNG.integers(0, 255, (40, 8, 8), dtype=np.uint8)
STACK = {"in_channels": 1, "image_size": (8, 8), "n_outputs": 2, "channels": (4, 6), "hidden": 8, "dropout": 0.1}


@pytest.mark.parametrize("norm", [None, "batch", "layer", "rms"])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_dense_net_trains_with_every_norm_and_activation(norm, activation, tmp_path):
    spec = pn.model("mlp", hidden=(16, 8), activation=activation, norm=norm)
    clf = pn.Classifier(spec, epochs=2, progress=False, device="cpu").fit(X, LABELS)
    clf.save(tmp_path / "a.parnassus")
    assert (pn.load(tmp_path / "a.parnassus").predict(X) == clf.predict(X)).all()


def test_a_norm_stands_between_the_layer_and_its_activation():
    kinds = [type(m) for m in MLP((3, 4, 2), norm="layer", dropout=0.5)]
    assert kinds == [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Dropout, nn.Linear]
    assert MLP((3, 4, 2), norm="batch")[0].bias is None  # the mean would take it away
    assert list(MLP((3, 4, 2)).state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "group", "standardized", "none"])
@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_a_convolutional_net_trains_with_every_norm(norm, activation):
    spec = pn.model("cnn", channels=(4, 6), hidden=8, norm=norm, activation=activation)
    clf = pn.Classifier(spec, epochs=2, progress=False, device="cpu").fit(PICTURES, np.arange(40) % 2)
    assert clf.predict(PICTURES).shape == (40,)


def test_the_keys_of_nets_of_old_files_are_as_they_were():
    with_norm = list(ConvStack(**STACK, norm="batch", activation="relu").features.state_dict())
    assert with_norm[:6] == ["0.weight", *(f"1.{k}" for k in nn.BatchNorm2d(1).state_dict())]
    spec = pn.model("cnn", normalize=False)  # the option's first name
    made = spec.builders("classifier")[0].make(in_channels=1, image_size=(8, 8), n_outputs=2, **spec.get_params())
    assert list(made.features.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert all(isinstance(m, nn.Conv2d | nn.ReLU | nn.MaxPool2d) for m in made.features)


def test_rows_of_row_normalised_nets_do_not_see_each_other_in_training():
    net = ConvStack(**STACK | {"dropout": 0.0}, norm="group", activation="relu").train()
    x = torch.randn(5, 1, 8, 8)
    torch.testing.assert_close(net(x)[:1], net(x[:1]))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (pn.model("mlp", norm="group"), ["'group'", "'layer'"]),
        (pn.model("mlp", activation="swish"), ["'swish'", "silu"]),
    ],
)
def test_unknown_options_of_dense_nets_are_refused(spec, words):
    with pytest.raises(pn.SettingError) as caught:
        pn.Classifier(spec, epochs=1, progress=False).fit(X, LABELS)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (pn.model("cnn", norm="rms"), ["'rms'", "'group'"]),
        (pn.model("cnn", norm="group", normalize=False), ["normalize=False", "'group'"]),
    ],
)
def test_unknown_options_of_convolutional_nets_are_refused(spec, words):
    with pytest.raises(pn.SettingError) as caught:
        pn.Classifier(spec, epochs=1, progress=False).fit(PICTURES, np.arange(40) % 2)
    assert all(word in str(caught.value) for word in words)
