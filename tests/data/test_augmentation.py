"""Random changes of training pictures: drawn within their bounds, in training only, the same for the same seed."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.images import augmentation as module
from parnassus.data.images.augmentation import (
    OPERATIONS,
    PRESETS,
    Augmentation,
    augmentation,
    crops,
    erased,
    one_of_fourteen,
)
from parnassus.functional.augmentation import geometry
from parnassus.train.randomness import kept_random

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 12, 10, 3), dtype=np.uint8)
ALL = {
    "flip": True,
    "flip_vertical": True,
    "rotate": 20,
    "shift": 0.1,
    "zoom": 0.2,
    "shear": 10,
    "perspective": 0.1,
    "crop": 0.5,
    "fill": "reflect",
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
    "hue": 0.1,
    "pca": 0.1,
    "elastic": 8.0,
    "elastic_sigma": 3.0,
    "blur": 1.0,
    "noise": 0.05,
    "erase": 0.5,
    "randaugment": 2,
}


@pytest.fixture(autouse=True)
def seeded():
    with kept_random(CPU, 0):
        yield


def pictures(n=200, channels=3):
    return torch.rand(n, channels, 12, 10, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "strength"), [(k, v) for k, v in ALL.items() if k not in ("fill", "elastic_sigma", "pca")]
)
def test_every_setting_changes_pictures_and_keeps_their_shape_and_range(name, strength):
    x = pictures()
    changed = augmentation({name: strength})(x)
    assert changed.shape == x.shape
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    assert (changed - x).abs().amax((1, 2, 3)).gt(1e-3).float().mean() > 0.3


def test_nothing_asked_changes_nothing():
    x = pictures()
    assert torch.equal(Augmentation()(x), x)
    assert augmentation(None) is None


def test_half_of_the_pictures_are_flipped():
    x = pictures(2000)
    flipped = augmentation({"flip": True})(x)
    mirrored = (flipped - x.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    same = (flipped - x).abs().amax((1, 2, 3)) < 1e-5
    assert bool((mirrored ^ same).all())
    assert abs(float(mirrored.float().mean()) - 0.5) < 0.05  # 4.5 standard deviations


def test_moves_stay_within_what_was_asked():
    asked = augmentation({"rotate": 30, "zoom": 0.5})
    linear = asked.matrices(5000, (20, 20), CPU)[:, :2, :2]
    zoom = torch.linalg.det(linear).sqrt()
    assert 1 / 1.5 - 1e-4 <= float(zoom.min()) < 0.68
    assert 1.48 < float(zoom.max()) <= 1.5 + 1e-4
    assert abs(float(zoom.log().mean())) < 0.02  # as many grow as shrink
    angle = torch.rad2deg(torch.atan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert 29 < float(angle.abs().max()) <= 30.01
    shifted = augmentation({"shift": 0.25}).matrices(5000, (20, 40), CPU)[:, :2, 2]
    assert 9.8 < float(shifted[:, 0].abs().max()) <= 10
    assert 4.9 < float(shifted[:, 1].abs().max()) <= 5


def test_crops_lie_inside_and_have_the_areas_asked_for():
    boxes = crops(5000, (30, 40), 0.2, CPU)
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 40 + 1e-3
    assert boxes[:, 3].max() <= 30 + 1e-3
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    share = width * height / 1200
    assert float(share.min()) >= 0.2 - 1e-4
    assert float(share.max()) <= 1 + 1e-4
    inner = share < 0.5  # where no edge cuts a side
    assert float((width / height)[inner].max()) <= 4 / 3 + 1e-3
    assert float((width / height)[inner].min()) >= 3 / 4 - 1e-3


def test_erasing_hits_as_often_as_asked_and_stays_in_one_rectangle():
    x = torch.zeros(2000, 1, 20, 20)
    hit = erased(x, 0.3).ne(0)[:, 0]
    often = hit.any(2).any(1)
    assert abs(float(often.float().mean()) - 0.3) < 0.05
    area = hit[often].sum((1, 2)).float()
    rows, columns = hit[often].any(2).sum(1), hit[often].any(1).sum(1)
    assert torch.equal(area, (rows * columns).float())
    assert float(area.max()) <= 0.37 * 400


@pytest.mark.parametrize("i", range(len(OPERATIONS)))
def test_operations_of_strength_0_are_gentle_and_of_strength_1_are_not(i):
    x = pictures(20)
    gentle = (OPERATIONS[i](x, 0.0)[0] - x).abs().mean()
    strong = (OPERATIONS[i](x, 1.0)[0] - x).abs().mean()
    assert gentle <= strong + 1e-6
    if i not in (0, 1, 2):  # identity, and two that know no strength
        assert gentle < 0.01
        assert strong > 0.02


def test_randaugment_draws_an_operation_for_each_picture(monkeypatch):
    operations = [lambda x, s, v=v: (x * 0 + v, None) for v in range(4)]
    monkeypatch.setattr(module, "OPERATIONS", operations)
    counts = one_of_fourteen(torch.zeros(4000, 1, 2, 2), 1.0)[0][:, 0, 0, 0].long().bincount()
    assert counts.tolist() == pytest.approx([1000] * 4, abs=130)


def test_pictures_are_changed_in_training_only_and_the_codec_is_saved_with_its_settings():
    codec = pn.Image(augment=ALL).fit(PIXELS)
    batch = codec.encode(PIXELS).take(torch.arange(8))
    plain = pn.Image().fit(PIXELS)
    assert torch.equal(codec.prepare(batch, "image")["x"], plain.prepare(batch, "image")["x"])
    changed = codec.prepare(batch, "image", training=True)["x"]
    assert changed.shape == (8, 3, 12, 10)
    assert not torch.allclose(changed, codec.prepare(batch, "image")["x"], atol=0.1)
    again = pn.Image.from_state(codec.state())
    assert again.augmentation == codec.augmentation
    with kept_random(CPU, 5):
        first = codec.prepare(batch, "vector", training=True)["x"]
    with kept_random(CPU, 5):
        torch.testing.assert_close(first, again.prepare(batch, "vector", training=True)["x"])


@pytest.mark.parametrize("size", [(12, 10), (7, 9), (33, 50)])
@pytest.mark.parametrize("asked", [{"flip": True, "shift": 0.2}, {"flip_vertical": True}])
def test_bytes_that_are_shifted_and_flipped_are_what_resampled_floats_are(size, asked):
    x = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (9, 3, *size), dtype=np.uint8))
    change = augmentation(asked)
    assert change.copies(size)
    with kept_random(CPU, 3):
        matrix = change.matrices(9, size, CPU).double()
    unit = torch.tensor([[2 / size[1], 0, -1], [0, 2 / size[0], -1], [0, 0, 1]], dtype=torch.float64)
    at = geometry.looked_up(unit @ torch.linalg.inv(matrix), *size)
    expected = torch.nn.functional.grid_sample(x.double(), at, align_corners=False)
    with kept_random(CPU, 3):
        moved = change(x)
    assert moved.dtype == torch.uint8
    torch.testing.assert_close(moved.double(), expected, atol=0.02, rtol=0)
    codec = pn.Image(augment=asked).fit(x.permute(0, 2, 3, 1).numpy())
    with kept_random(CPU, 3):
        prepared = codec.prepare({"x": x}, "image", training=True)["x"]
    assert torch.equal(prepared, (moved.float() - codec.mean) / codec.std)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"flip", "flip_vertical", "shift", "elastic_sigma"}))
def test_what_does_more_than_shift_and_flip_does_not_copy_bytes(name):
    assert not augmentation({"flip": True, name: ALL[name]}).copies((12, 10))


def test_shifts_of_less_than_a_pixel_do_not_copy_bytes():
    assert not augmentation({"shift": 0.05}).copies((12, 10))
    assert augmentation({"shift": 0.1}).copies((12, 10))


def test_colour_axes_are_those_of_the_training_pictures():
    codec = pn.Image(augment={"pca": 0.1}).fit(PIXELS)
    pixels = PIXELS.reshape(-1, 3) / 255
    np.testing.assert_allclose((codec.axes @ codec.axes.T).numpy(), np.cov(pixels.T, bias=True), atol=1e-6)


@pytest.mark.parametrize("preset", [*PRESETS, {"randaugment": 2}, ALL])
def test_a_classifier_learns_from_changed_pictures_and_loads(tmp_path, preset):
    y = PIXELS[:, 0, 0, 0] > 127
    X = PIXELS[..., 0] if preset != ALL else PIXELS
    settings = {"epochs": 2, "batch_size": 8, "codec": pn.Image(augment=preset)}
    classifier = pn.Classifier("cnn", **settings).fit(X, y)
    again = pn.Classifier("cnn", **settings).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), again.predict_proba(X))
    plain = pn.Classifier("cnn", epochs=2, batch_size=8).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), classifier.predict_proba(X))
    classifier.save(tmp_path / "m.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "m.parnassus").predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("heavy", "augment='heavy'"),
        ({"flp": True}, "no setting 'flp'.*flip"),
        ({"flip": 0.5}, "flip is True or False; got 0.5"),
        ({"rotate": -3}, "rotate is a number from 0 to 180; got -3"),
        ({"hue": 0.6}, "hue is a number from 0 to 0.5"),
        ({"noise": float("nan")}, "noise is a number"),
        ({"randaugment": 1.5}, "randaugment counts operations, a whole number; got 1.5"),
        ({"crop": 0}, "crop is a share of the area"),
        ({"fill": "wrap"}, "fill='wrap'"),
        ({"elastic": 3, "elastic_sigma": 0}, "elastic_sigma is above 0"),
        (3, "augment is one of shift-flip"),
    ],
)
def test_what_is_no_augmentation_is_refused(given, message):
    with pytest.raises(pn.SettingError, match=message):
        pn.Image(augment=given)


@pytest.mark.parametrize("name", ["cutout", "mixup", "cutmix"])
def test_augmentation_points_to_what_is_a_regularizer(name):
    with pytest.raises(pn.SettingError, match=f"which is a regularizer: regularizers='{name}'"):
        pn.Image(augment={name: 0.5})
