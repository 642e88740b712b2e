"""Ten crops, mirror images and turns: the places, the mean, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.estimators.judging.views import predict_views
from parnassus.functional.augmentation.views import ten_crops, views_of

DIGITS = load_digits()
X, Y = (DIGITS.images * 15).astype(np.uint8), DIGITS.target


@pytest.fixture(scope="module")
def clf():
    return pn.Classifier("cnn", epochs=4).fit(X[:500], Y[:500])


def test_ten_crops_are_corners_centre_and_their_mirror_images():
    x = torch.arange(2 * 256 * 256.0).view(1, 2, 256, 256)
    found = ten_crops(x, (224, 224))
    assert found.shape == (10, 1, 2, 224, 224)
    assert torch.equal(found[0], x[..., :224, :224])
    assert torch.equal(found[3], x[..., 32:, 32:])
    assert torch.equal(found[4], x[..., 16:240, 16:240])
    assert torch.equal(found[5:], found[:5].flip(-1))


def test_views_of_the_whole_picture_are_the_picture(clf):
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = views_of(x, "ten-crop", share=1.0)
    torch.testing.assert_close(found[0], x)
    torch.testing.assert_close(views_of(x, "turns")[2], x.flip(-1, -2))


def test_the_answer_is_the_mean_over_views(clf):
    pictures = X[500:540]
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    due = (clf.predict_proba(pictures) + clf.predict_proba(mirrored)) / 2
    np.testing.assert_allclose(predict_views(clf, pictures, views="mirror"), due, atol=1e-6)


def test_ten_crops_of_digits_still_tell_them(clf):
    said = predict_views(clf, X[500:900], share=0.95)
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-6)
    assert (clf.classes_[said.argmax(1)] == Y[500:900]).mean() > 0.8


def test_what_has_no_meaning_is_refused(clf):
    with pytest.raises(pn.SettingError, match="no views 'crop'"):
        predict_views(clf, X[:2], views="crop")
    with pytest.raises(pn.SettingError, match="share is"):
        predict_views(clf, X[:2], share=0)
    with pytest.raises(pn.SettingError, match="square pictures"):
        views_of(torch.zeros(1, 1, 4, 6), "turns")
    with pytest.raises(pn.SettingError, match="as pictures"):
        predict_views(pn.Classifier("mlp", epochs=1).fit(X[:50], Y[:50]), X[:2])
