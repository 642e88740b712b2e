"""Pictures as training changes them, to look at."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.detection.boxes import BoxTargets, all_checked
from parnassus.data.detection.keypoints import PointTargets, keypoints_of
from parnassus.data.detection.masks import MaskTargets
from parnassus.insight.pictures import augmented, augmented_answers, augmented_pictures

PICTURES = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)


def test_every_time_is_another_draw_and_the_same_seed_the_same_picture():
    codec = pn.Image(augment={"rotate": 40}).fit(PICTURES)
    one, two = (augmented(codec, PICTURES[:3], times=5, seed=s) for s in (0, 0))
    assert one.shape == (3, 5, 8, 8)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, two)
    assert len({one[0, i].tobytes() for i in range(5)}) == 5
    assert not np.array_equal(one, augmented(codec, PICTURES[:3], times=5, seed=1))


def test_a_codec_that_changes_nothing_has_nothing_to_show():
    with pytest.raises(pn.SettingError, match="augment"):
        augmented(pn.Image().fit(PICTURES), PICTURES)


@pytest.mark.parametrize("shape", [(2, 9, 6), (3, 6, 9, 3)])
def test_the_grid_shows_each_picture_plain_and_changed(shape):
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    figure = augmented_pictures(pn.Image(augment="light").fit(pictures), pictures, times=4)
    assert len(figure.axes) == shape[0] * 5
    np.testing.assert_array_equal(np.asarray(figure.axes[0].images[0].get_array()), pictures[0])


@pytest.mark.slow
def test_a_report_shows_them_where_training_changed_pictures(tmp_path):
    y = np.arange(30) % 2
    for augment, shown in (("light", True), (None, False)):
        clf = pn.Classifier("cnn", epochs=1, codec=pn.Image(augment=augment)).fit(PICTURES, y)
        clf.report(tmp_path / "r.html", PICTURES, y)
        assert ("as training changes them" in (tmp_path / "r.html").read_text()) == shown


# --- answers that follow --------------------------------------------------------------------------

MOVES = {"shift": 0.2, "flip": True, "rotate": 90}


def squares(n=6):
    """Dark pictures of 24 x 24 with a bright square, and where it is."""
    rng = np.random.default_rng(3)
    X, low = np.zeros((n, 24, 24), dtype=np.uint8), rng.integers(7, 11, (n, 2))
    for x, (row, column) in zip(X, low, strict=True):
        x[row : row + 6, column : column + 6] = 250
    return X, np.concatenate([low[:, ::-1], low[:, ::-1] + 6], 1).astype(float)


def test_boxes_are_drawn_where_the_changed_pictures_have_their_things():
    X, corners = squares()
    given = [{"boxes": [box], "labels": ["square"], "points": [[box[:2] + 3]]} for box in corners]
    codec, y = pn.Image(resize="pad", augment={"shift": 0.2, "flip": True}).fit(X), all_checked(given, X)
    target = BoxTargets().fit(y, codec)
    changed, moved = augmented_answers(codec, target, X, y, times=3)
    assert len(changed) == len(moved) == 18
    for picture, boxes in zip(changed, moved, strict=True):
        rows, columns = np.nonzero(picture > 100)
        if not len(boxes):  # its middle has left the picture
            assert len(rows) < 36
            continue
        assert boxes.labels.tolist() == ["square"]
        np.testing.assert_allclose(
            boxes.boxes[0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1e-3
        )
        x, y_ = boxes.points[0, 0]
        assert np.isnan(x) or picture[min(int(y_), 23), min(int(x), 23)] > 100
    assert len({boxes.boxes.tobytes() for boxes in moved}) > 6


def test_maps_and_keypoints_follow_turns_too():
    X, corners = squares()
    codec = pn.Image(resize="stretch", augment=MOVES).fit(X)
    masks = list((X > 100).astype(int) * 7)
    target = MaskTargets().fit(masks, codec)
    for picture, found in zip(*augmented_answers(codec, target, X, masks, times=3), strict=True):
        assert set(np.unique(found)) <= {0, 7, 255}
        assert ((picture > 100) == (found == 7)).mean() > 0.95  # the edge is resampled
    points = keypoints_of(corners[:, None, :2] + 3, X)
    codec = pn.Image(resize="pad", augment=MOVES).fit(X)
    target = PointTargets().fit(points, codec)
    for picture, found in zip(*augmented_answers(codec, target, X, points, times=3), strict=True):
        assert np.isnan(found).all() or picture[tuple(found[0, ::-1].clip(0, 23).astype(int))] > 100


@pytest.mark.parametrize(("make", "y"), [
    (lambda c: pn.Detector(pn.model("ssd", widths=(8, 8)), epochs=1, progress=False, codec=c),
     [([[7, 7, 13, 13]], ["a"])] * 6),
    (lambda c: pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1, codec=c),
     list((squares()[0] > 100).astype(int))),
    (lambda c: pn.KeypointFinder(pn.model("heat_unet", widths=(4, 8)), epochs=1, progress=False, codec=c),
     squares()[1][:, None, :2]),
], ids=["boxes", "masks", "keypoints"])  # fmt: skip
@pytest.mark.slow
def test_a_report_shows_answers_as_training_changes_them(make, y, tmp_path):
    X = squares()[0]
    made = make(pn.Image(resize="pad", augment={"shift": 0.1})).fit(X, y)
    made.report(tmp_path / "r.html", X, y)
    assert "Pictures as training changes them, with the answers that follow." in (tmp_path / "r.html").read_text()
