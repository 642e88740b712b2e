"""Pictures as training changes them, to look at."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.insight.pictures import augmented, augmented_pictures

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
