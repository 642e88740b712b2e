"""Maps, filters, exciting pictures, hidden units and gates of fitted nets."""

import copy

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.insight.attention import attention_maps
from parnassus.insight.attribution import WAYS, attribute
from parnassus.insight.gates import gate_trace
from parnassus.insight.units import (
    exciting_picture,
    feature_maps,
    filters,
    hidden_units,
    layers_of,
    nearest_pictures,
    tiles,
)

pytestmark = pytest.mark.slow

OF_CONVOLUTIONS = [way for way in WAYS if way not in ("cam", "rollout")]


def corners(n=240, seed=0):
    """Noise with a bright square in the upper left ("left") or the lower right ("right")."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 90, (n, 16, 16)).astype(np.uint8)
    y = np.array(["left", "right"])[rng.integers(0, 2, n)]
    for picture, where in zip(pictures, y, strict=True):
        at = 2 if where == "left" else 10
        picture[at : at + 4, at : at + 4] = 230
    return pictures, y


@pytest.fixture(scope="module")
def fitted():
    with torch.random.fork_rng():
        pictures, y = corners()
        y = np.where(pictures[:, 0, 0] < 8, "neither", y)  # three classes, so that each has an output
        pictures[y == "neither"] = 40
        net = pn.Classifier(pn.model("cnn", channels=(8, 8), hidden=16), epochs=12).fit(pictures, y)
    assert net.score(*corners(seed=1)) > 0.9
    return net


@pytest.mark.parametrize("how", OF_CONVOLUTIONS)
def test_maps_lie_on_the_square_that_decides(fitted, how):
    pictures, y = corners(24, seed=2)
    options = {"n_samples": 200, "n_segments": 16} if how == "lime" else {"patch": 4} if how == "occlusion" else {}
    found = attribute(fitted, pictures, how=how, target=y, **options)
    assert found.maps.shape == (24, 16, 16)
    maps = np.abs(found.maps) if how == "integrated_gradients" else np.maximum(found.maps, 0)
    inside = np.zeros((24, 16, 16), bool)
    for mask, where in zip(inside, y, strict=True):
        at = 2 if where == "left" else 10
        mask[max(0, at - 2) : at + 6, max(0, at - 2) : at + 6] = True
    share = (maps * inside).sum() / maps.sum()
    assert share > 1.5 * inside.mean()
    assert found.plot().axes


@pytest.mark.parametrize("how", OF_CONVOLUTIONS)
def test_random_weights_change_the_map(fitted, how):
    pictures, _ = corners(6, seed=3)
    other = copy.deepcopy(fitted)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for p in other.objective_.model.parameters():
            p.copy_(torch.randn_like(p) * p.std(unbiased=False).clamp(min=0.05))
    options = {"n_samples": 60} if how == "lime" else {}
    one, two = (attribute(net, pictures, how=how, target="left", **options).maps.ravel() for net in (fitted, other))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.8


def test_class_maps_are_of_nets_that_average():
    pictures, y = corners(60)
    net = pn.Classifier(pn.model("resnet20", width=0.25), epochs=2).fit(pictures, y)
    found = attribute(net, pictures[:4], how="cam", target="right")
    assert found.maps.shape == (4, 16, 16)
    assert found.targets == ["right"] * 4
    lenet = pn.Classifier("lenet", epochs=1).fit(pictures, y)
    with pytest.raises(SettingError, match="grad_cam"):
        attribute(lenet, pictures[:2], how="cam")


@pytest.mark.parametrize("pooling", ["class", "mean"])
def test_rollout_lays_the_attentions_of_a_net_of_patches_over_the_picture(pooling):
    """Each patch's share by the product of (A + I) / 2, written out; other weights give other maps."""
    pictures, y = corners(24)
    spec = pn.model("vit_ti", n_layers=2, patch_size=4, pooling=pooling)
    net = pn.Classifier(spec, epochs=1, progress=False).fit(pictures, y)
    found = attribute(net, pictures[:3], how="rollout")
    assert found.maps.shape == (3, 16, 16)
    assert found.targets == net.predict(pictures[:3]).tolist()
    assert len(found.plot().axes) == 6

    first, second = (weights.mean(1) for weights in attention_maps(net, pictures[:3]).maps.values())
    both = (second + np.eye(first.shape[1])) @ (first + np.eye(first.shape[1])) / 4
    shares = (both[:, 0, 1:] if pooling == "class" else both.mean(1)).reshape(3, 4, 4)
    middles = found.maps.reshape(3, 4, 4, 4, 4)[:, :, 1:3, :, 1:3].mean(
        (2, 4)
    )  # of bilinear maps: an eighth of a neighbour
    by_hand = np.pad(shares, ((0, 0), (1, 1), (1, 1)), mode="edge")
    along = (by_hand[:, :-2] + 14 * by_hand[:, 1:-1] + by_hand[:, 2:]) / 16
    expected = (along[:, :, :-2] + 14 * along[:, :, 1:-1] + along[:, :, 2:]) / 16
    np.testing.assert_allclose(middles, expected, atol=1e-6)

    other = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in other.objective_.model.encoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    assert np.abs(attribute(other, pictures[:3], how="rollout").maps - found.maps).max() > 1e-3


def test_rollout_is_of_nets_of_patches_and_of_no_answer(fitted):
    pictures, _ = corners(12)
    with pytest.raises(SettingError, match=r"how='rollout' is of nets that attend to patches, such as 'vit_ti'"):
        attribute(fitted, pictures[:2], how="rollout")
    with pytest.raises(SettingError, match="whatever the answer is: leave target, layer and options out"):
        attribute(fitted, pictures[:2], how="rollout", target="left")


def test_own_answers_are_explained_unless_another_is_named(fitted):
    pictures, _ = corners(5, seed=4)
    found = attribute(fitted, pictures, how="saliency")
    assert found.targets == list(fitted.predict(pictures))
    again = attribute(fitted, pictures, how="saliency", target=list(fitted.predict(pictures)))
    np.testing.assert_array_equal(found.maps, again.maps)


@pytest.mark.parametrize(("call", "words"), [
    (lambda net, X: attribute(net, X, how="gradcam"), "did you mean 'grad_cam'"),
    (lambda net, X: attribute(net, X, target="up"), "no answer 'up'"),
    (lambda net, X: attribute(net, X, target=["left"]), "1 entries for 3"),
    (lambda net, X: attribute(net, X, layer="conv9"), "no layer"),
    (lambda net, X: attribute(net, X, how="saliency", patch=3), "patch"),
    (lambda net, X: exciting_picture(net), "name what to excite"),
    (lambda net, X: exciting_picture(net, layer=conv_of(net), channel=99, n_steps=1), "has 8 channels"),
    (lambda net, X: nearest_pictures(net, X, X, n=9), "n is from 1"),
    (lambda net, X: gate_trace(net, X), "no LSTM"),
])  # fmt: skip
def test_bad_input_is_refused(fitted, call, words):
    with pytest.raises(SettingError, match=words):
        call(fitted, corners(3)[0])


def test_estimators_of_other_data_are_told_what_to_give():
    table = pn.Classifier("mlp", epochs=1).fit(np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2)
    with pytest.raises(SettingError, match="of pictures"):
        attribute(table, np.zeros((2, 3)))
    with pytest.raises(SettingError, match="of pictures"):
        exciting_picture(table, target=1)


def conv_of(net):
    return next(name for name, kind in layers_of(net).items() if kind == "Conv2d")


def test_filters_and_maps_are_those_of_the_layer(fitted):
    first = next(m for m in fitted.objective_.model.modules() if isinstance(m, torch.nn.Conv2d))
    np.testing.assert_array_equal(filters(fitted), first.weight.detach().numpy().astype(np.float64))
    pictures, _ = corners(2)
    found = feature_maps(fitted, pictures, layer=conv_of(fitted))
    rows = fitted.codec_.encode(pictures)
    x = fitted.codec_.prepare(rows.take(torch.arange(2)), fitted.view_)["x"]
    with torch.no_grad():
        np.testing.assert_allclose(found, first(x), atol=1e-5)
    assert len(tiles(found[0], title="maps").axes) >= 8
    assert tiles(filters(fitted)).axes


@pytest.mark.parametrize("aim", [
    {"target": "left"}, {"target": "right", "probability": True}, {"channel": 1}, {"channel": 1, "place": (3, 3)}, {},
])  # fmt: skip
def test_an_exciting_picture_excites(fitted, aim):
    layer = {} if "target" in aim else {"layer": conv_of(fitted)}
    found = exciting_picture(fitted, n_steps=60, **aim, **layer)
    assert found.shape == (16, 16)
    assert found.dtype == np.uint8
    grey = np.full((16, 16), 45, np.uint8)
    if "target" in aim:
        column = list(fitted.classes_).index(aim["target"])
        p = fitted.predict_proba(np.stack([found, grey]))[:, column]
        assert p[0] > max(0.6, p[1] + 0.2)
    else:
        maps = feature_maps(fitted, np.stack([found, grey]), layer=layer["layer"])
        chosen = maps if "channel" not in aim else maps[:, 1]
        value = chosen[:, 3, 3] if "place" in aim else (chosen**2 if not aim else chosen).reshape(2, -1).mean(1)
        assert value[0] > value[1]


def test_a_dream_goes_on_from_a_picture(fitted):
    picture = corners(1)[0][0]
    dream = exciting_picture(fitted, layer=conv_of(fitted), start=picture, n_steps=5, blur=0.0, jitter=0)
    assert 0 < np.abs(dream.astype(int) - picture).mean() < 60


def test_hidden_units_of_tables_and_their_redundancy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    net = pn.Classifier(pn.model("mlp", hidden=(6,)), epochs=5).fit(X, X[:, 0] > 0)
    found = hidden_units(net, X)
    linear = [m for m in net.objective_.model.modules() if isinstance(m, torch.nn.Linear)]
    rows = net.codec_.prepare(net.codec_.encode(X).take(torch.arange(80)), net.view_)["x"]
    with torch.no_grad():
        np.testing.assert_allclose(found.values, linear[0](rows).relu(), atol=1e-5)
    np.testing.assert_allclose(found.mean, found.values.mean(0))
    assert found.correlation.shape == (6, 6)
    assert 0 <= found.redundancy <= 1
    assert found.plot().axes


def test_like_pictures_are_near(fitted):
    pictures, y = corners(60, seed=5)
    found = nearest_pictures(fitted, pictures, pictures[:10], n=6)
    assert (found[:, 0] == np.arange(10)).all()
    assert (y[found[:, 1:]] == y[:10, None]).mean() > 0.9


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gates_make_the_state_that_the_net_has(name):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 3)) for n in (5, 8, 6, 8)] * 6
    net = pn.Classifier(pn.model(name, hidden=4), epochs=1).fit(sequences, np.arange(24) % 2)
    found = gate_trace(net, sequences[:4])
    assert found.lengths.tolist() == [5, 8, 6, 8]
    cell = next(m for m in net.objective_.model.modules() if isinstance(m, torch.nn.LSTM | torch.nn.GRU))
    rows = net.codec_.encode(sequences[:4])
    x = net.codec_.prepare(rows.take(torch.arange(4)), net.view_)["x"]
    with torch.no_grad():
        h, _ = cell(x)
    for row, n in enumerate((5, 8, 6, 8)):
        np.testing.assert_allclose(found.gates["state"][row, :n], h[row, :n], atol=1e-5)
    names = {"lstm": {"input", "forget", "cell input", "output", "cell", "state"},
             "gru": {"reset", "update", "new", "state"}}[name]  # fmt: skip
    assert set(found.gates) == names
    assert len(found.plot(1).axes) == len(names)


def test_labels_of_which_a_picture_has_several_are_explained_by_name():
    """Two squares, each its own label: the share of a label lies on its own square."""
    rng = np.random.default_rng(0)
    there = rng.random((240, 2)) < 0.5
    pictures = rng.integers(0, 90, (240, 16, 16)).astype(np.uint8)
    pictures[there[:, 0], 2:6, 2:6] = 230
    pictures[there[:, 1], 10:14, 10:14] = 230
    labels = [[name for name, on in zip(("low", "up"), row, strict=True) if on] for row in there[:, ::-1]]
    net = pn.Classifier(pn.model("cnn", channels=(8, 8), hidden=16), epochs=12, progress=False).fit(pictures, labels)
    both = pictures[there.all(1)][:4]
    up, low = (attribute(net, both, how="integrated_gradients", target=name) for name in ("up", "low"))
    assert (up.targets, low.targets) == (["up"] * 4, ["low"] * 4)
    corner, other = slice(2, 6), slice(10, 14)
    assert (up.maps[:, corner, corner].sum((1, 2)) > up.maps[:, other, other].sum((1, 2))).all()
    assert (low.maps[:, other, other].sum((1, 2)) > low.maps[:, corner, corner].sum((1, 2))).all()
    assert set(attribute(net, both, how="saliency").targets) <= {"low", "up"}
    with pytest.raises(SettingError, match="no answer 'middle'; choose one of low, up"):
        attribute(net, both, target="middle")
