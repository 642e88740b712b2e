"""The books' image sets: their figures, and stand-ins that go where they would go."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.images.image_sets import IMAGE_SETS, TASKS, image_set


@pytest.mark.parametrize(
    ("name", "n", "n_classes"),
    [("cifar-100", 60_000, 100), ("mnist", 70_000, 10), ("fashion-mnist", 70_000, 10), ("lfw", 13_233, 5_749),
     ("patch-camelyon", 327_680, 2), ("dota", 11_268, 18), ("coco", 330_000, 80)],
)  # fmt: skip
def test_1_B36_pictures_and_classes_are_those_of_the_table(name, n, n_classes):
    assert (image_set(name).n, image_set(name).n_classes) == (n, n_classes)


@pytest.mark.parametrize("name", sorted(IMAGE_SETS))
def test_a_stand_in_has_the_form_of_its_set(name):
    one = image_set(name)
    assert one.task in TASKS
    assert one.licence
    pictures, answers = one.stand_in(6, size=None if one.size != (1024, 2048) else 32)
    height, width = one.size if one.size and one.task == "classes" else pictures.shape[1:3]
    assert pictures.shape == (6, height, width, *([3] if one.channels == 3 else []))
    assert pictures.dtype == np.uint8
    assert len(answers) == 6
    again = one.stand_in(6, size=None if one.size != (1024, 2048) else 32)[0]
    assert np.array_equal(again, pictures)


def test_a_stand_in_is_learned():
    pictures, labels = image_set("cifar-10").stand_in(240, size=16)
    clf = pn.Classifier("cnn", epochs=4, batch_size=32).fit(pictures[:200], labels[:200])
    assert clf.score(pictures[200:], labels[200:]) > 0.8


def test_an_unknown_set_is_refused_with_the_nearest_name():
    with pytest.raises(pn.SettingError, match="did you mean 'cifar-10'"):
        image_set("cifar10")
    with pytest.raises(pn.SettingError, match="at least one picture"):
        image_set("mnist").stand_in(0)
