"""Maps of classes: learned, saved, resized there and back, augmented, judged, and refused."""

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from sklearn.exceptions import NotFittedError

import parnassus as pn
from parnassus.data.detection.masks import MaskTargets, into_frame, out_of_frame
from parnassus.errors import DataError, FileError, SettingError

pytestmark = pytest.mark.slow


def disks(n=60, size=24, seed=0):
    """Noise with a bright disk (class 3) or a dim one (class 7) on ground (class 0)."""
    rng = np.random.default_rng(seed)
    pictures, masks = rng.integers(0, 60, (n, size, size)).astype(np.uint8), np.zeros((n, size, size), np.uint8)
    rows, columns = np.indices((size, size))
    for picture, mask in zip(pictures, masks, strict=True):
        row, column = rng.integers(6, size - 6, 2)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < 25
        bright = rng.random() < 0.5
        picture[inside] = (220 if bright else 120) + rng.integers(0, 25, inside.sum())
        mask[inside] = 3 if bright else 7
    return pictures, masks


@pytest.fixture(scope="module")
def fitted():
    return pn.Segmenter(pn.model("u_net", widths=(8, 16)), epochs=12, lr=0.01).fit(*disks())


def test_disks_are_found_pixel_by_pixel(fitted):
    X, y = disks(seed=1)
    found = fitted.predict(X)
    assert found[0].shape == (24, 24)
    assert set(np.unique(np.stack(found))) <= {0, 3, 7}
    assert fitted.score(X, y) > 0.85
    told = fitted.evaluate(X, y, n_bootstrap=100)
    assert told["mean_iou"].low < told["mean_iou"].value < told["mean_iou"].high
    assert told["mean_iou"].baseline < 0.35
    assert [row["name"] for row in told.by_class] == ["0", "3", "7"]
    assert "Mean IoU" in told.table()
    assert fitted.predict_proba(X[:2]).shape == (2, 24, 24, 3)


def test_a_saved_segmenter_says_the_same(fitted, tmp_path):
    X, _ = disks(4, seed=2)
    fitted.save(tmp_path / "s.parnassus")
    again = pn.load(tmp_path / "s.parnassus")
    for a, b in zip(fitted.predict(X), again.predict(X), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["fcn", "segnet", "deeplab"])
def test_other_nets_learn_too(name):
    X, y = disks(40)
    net = pn.Segmenter(pn.model(name, widths=(8, 16, 16)), epochs=12, lr=0.01).fit(X, y)
    assert net.score(X, y) > 0.45 > net.evaluate(X, y, n_bootstrap=0)["mean_iou"].baseline


@pytest.mark.parametrize("how", ["pad", "stretch"])
def test_pictures_of_several_sizes_get_maps_of_their_own_size(how):
    X, y = disks(12, seed=3)
    pictures = [p[:20] if i % 2 else p for i, p in enumerate(X)]
    masks = [m[:20] if i % 2 else m for i, m in enumerate(y)]
    net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=2, codec=pn.Image(size=(24, 24), resize=how)).fit(
        pictures, masks
    )
    assert [m.shape for m in net.predict(pictures)] == [m.shape for m in masks]


@pytest.mark.parametrize(("size", "frame"), [((10, 20), (16, 16)), ((20, 10), (16, 16)), ((8, 8), (16, 16))])
@pytest.mark.parametrize("how", ["pad", "stretch"])
def test_a_map_comes_back_from_its_frame(size, frame, how):
    blocks = np.kron(np.arange(4).reshape(2, 2), np.ones((size[0] // 2, size[1] // 2), int))
    framed = into_frame(blocks, frame, how)
    assert framed.shape == frame
    back = out_of_frame(framed, size, how)
    assert (back == blocks).mean() > 0.8
    assert ((framed == -1).any()) == (how == "pad" and size[0] != size[1])


def test_pixels_without_a_class_are_neither_learned_nor_judged():
    X, y = disks(20)
    holed = y.copy()
    holed[:, :5] = 255
    net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1).fit(X, holed)
    assert net.classes_.tolist() == [0, 3, 7]
    told = net.evaluate(X, holed, n_bootstrap=0)
    assert np.sum(told.confusion) == (holed != 255).sum()
    with pytest.raises(DataError, match=r"class \[255\]"):
        pn.Segmenter(pn.model("u_net", widths=(4, 8)), ignored=None, epochs=1).fit(X, y).evaluate(X, holed)


def test_masks_move_with_their_pictures():
    X, y = disks(6)
    codec = pn.Image(augment={"flip": True, "rotate": 90, "shift": 0.2}).fit(X)
    target = MaskTargets().fit(list(y), codec)
    rows = codec.encode(X)
    batch = target.cut({**rows.take(torch.arange(6)), **target.encode(list(y)).take(torch.arange(6))})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        moved = codec.prepare(batch, "image", training=True)
    pixels = (moved["x"] * codec.std + codec.mean)[:, 0]
    assert (moved["y"] == -100).any()  # what came in from beyond the edge
    assert pixels[moved["y"] == 0].mean() < 60
    assert pixels[moved["y"] > 0].mean() > 110
    assert not torch.equal(moved["y"], batch["y"])
    assert set(moved["y"].unique().tolist()) <= {-100, 0, 1, 2}


def test_folders_of_files_are_read_in_the_order_of_their_names(tmp_path):
    X, y = disks(6)
    for folder in ("pictures", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(6):
        Pillow.fromarray(X[i]).save(tmp_path / "pictures" / f"{i}.png")
        Pillow.fromarray(y[i]).save(tmp_path / "masks" / f"{i}.png")
    net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1)
    from_files = net.fit(str(tmp_path / "pictures"), str(tmp_path / "masks")).predict(X)
    from_arrays = net.fit(list(X), list(y)).predict(X)
    np.testing.assert_array_equal(np.stack(from_files), np.stack(from_arrays))


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda X, y: (X, y[:5]), DataError, "5 masks for 8 pictures"),
    (lambda X, y: (X, y[:, :20]), DataError, "mask 0 is 20 x 24 and its picture 24 x 24"),
    (lambda X, y: (X, y / 2), DataError, "whole class numbers"),
    (lambda X, y: (X, y * 0), DataError, "two or more"),
    (lambda X, y: (X, "nowhere"), FileError, "no folder"),
    (lambda X, y: (X[:0], y[:0]), DataError, "no pictures"),
    (lambda X, y: (X, None), DataError, "no masks"),
])  # fmt: skip
def test_masks_that_do_not_fit_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1).fit(*make(*disks(8)))


def test_settings_that_cannot_be_are_refused(fitted, tmp_path):
    X, y = disks(8)
    with pytest.raises(SettingError, match="crop"):
        pn.Segmenter(epochs=1, codec=pn.Image(size=16, resize="crop")).fit(X, y)
    with pytest.raises(SettingError, match="jaccard_crop"):
        pn.Segmenter(epochs=1, codec=pn.Image(augment={"jaccard_crop": 1})).fit(X, y)
    with pytest.raises(SettingError, match="masks as y"):
        fitted.evaluate(X)
    with pytest.raises(DataError, match="fit has seen no pixel"):
        fitted.evaluate(X, np.where(y == 3, 9, y))
    colour = tmp_path / "m.png"
    Pillow.fromarray(np.zeros((24, 24, 3), np.uint8)).save(colour)
    with pytest.raises(DataError, match="mode RGB"):
        fitted.evaluate(X[:1], [colour])


def test_maps_are_drawn(fitted):
    X, y = disks(3)
    assert len(fitted.draw(X, y).axes) == 9
    assert len(fitted.draw(X).axes) == 6


def test_a_report_has_maps_numbers_by_class_with_intervals_and_the_worst_pictures(fitted, tmp_path):
    X, y = disks(12)
    found = fitted.report(tmp_path / "r.html", X, y)
    for row in found.by_class:
        for key in ("iou", "dice", "boundary_f"):
            assert row[f"{key}_low"] <= row[key] <= row[f"{key}_high"]
        assert row["dice"] == pytest.approx(2 * row["iou"] / (1 + row["iou"]))
    assert set(found.replicates) == {"mean_iou", "mean_dice", "pixel_accuracy", "mean_accuracy", "mean_boundary_f"}
    page = (tmp_path / "r.html").read_text()
    for words in (
        "interval of IoU",
        "interval of Dice",
        "interval of boundary F",
        "the maps found and the true ones",
        "Mean Dice",
    ):
        assert words in page
    worst = fitted.worst(fitted._examples(X, y), 3)
    wrong = [float((a != b).mean()) for a, b in zip(fitted.predict(X), y, strict=True)]
    assert [row for row, *_ in worst] == [int(i) for i in np.argsort(-np.array(wrong), kind="stable")[:3] if wrong[i]]
    with pytest.raises(SettingError, match="give the masks as y"):
        fitted.report(tmp_path / "r.html", X)
    with pytest.raises(SettingError, match="rows that training has not seen"):
        fitted.report(tmp_path / "r.html")


@pytest.mark.parametrize("kind", [pn.Segmenter, pn.Detector, pn.Classifier])
def test_a_report_of_what_is_not_fitted_is_refused_as_such(kind, tmp_path):
    with pytest.raises(NotFittedError, match="call fit first"):
        kind().report(tmp_path / "page.html")


def test_no_class_is_held_out_alone():
    X, y = disks(20)
    rare = np.where(y == 7, 0, y)
    rare[4] = y[4]
    rare[4, :3, :3] = 9  # of one picture
    for seed in range(6):
        net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1, seed=seed).fit(X, rare, validation=0.5)
        assert 9 in net.classes_
        assert not any((one == 9).any() for one in net.held_.y)
    assert len(pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1, patience=2).fit(X, y).held_) == 2
