"""Agreement of label maps by hand, by loops, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from parnassus.errors import DataError
from parnassus.functional.metrics.segmentation import boundary_f, map_scores, pixel_confusion


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    true, said = rng.integers(0, 4, (2, 3, 20, 30))
    table = pixel_confusion(true, said, 4)
    assert (table == confusion_matrix(true.ravel(), said.ravel())).all()
    found = map_scores(table)
    np.testing.assert_allclose(found.iou, jaccard_score(true.ravel(), said.ravel(), average=None), atol=1e-12)
    np.testing.assert_allclose(found.dice, 2 * found.iou / (1 + found.iou), atol=1e-12)
    assert float(found.pixel_accuracy) == pytest.approx((true == said).mean())
    assert float(found.mean_accuracy) == pytest.approx(np.mean([(said[true == k] == k).mean() for k in range(4)]))


def test_classes_that_neither_map_holds_are_no_part_of_the_mean():
    found = map_scores(pixel_confusion([[0, 0], [2, 2]], [[0, 0], [2, 0]], 3))
    assert np.isnan(found.iou[1])
    assert float(found.mean_iou) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_pixels_without_a_class_do_not_count():
    assert pixel_confusion([[-1, 1]], [[0, 1]], 2).sum() == 1
    with pytest.raises(DataError, match="outside 0 to 1"):
        pixel_confusion([[3]], [[0]], 2)
    with pytest.raises(DataError, match="shapes"):
        pixel_confusion([[0, 1]], [[0]], 2)
    with pytest.raises(DataError, match="confusion matrix"):
        map_scores([1.0, 2.0])


def test_outlines_are_compared_within_a_distance():
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    assert boundary_f(square, square) == 1.0
    moved = np.roll(square, 3, 1)
    assert 0 < boundary_f(square, moved, tolerance=1) < 1
    assert boundary_f(square, moved, tolerance=3) == 1.0
    assert boundary_f(~square & square, square & ~square) == 1.0
    with pytest.raises(DataError, match="two of"):
        boundary_f(square, square[:3])


def test_outlines_are_of_one_class():
    maps = np.zeros((6, 6), int)
    maps[1:3, 1:3], maps[4:, 4:] = 1, 2
    with pytest.raises(DataError, match=r"a mask holds \[0, 1, 2\]; give booleans, such as map == k"):
        boundary_f(maps, maps)
    with pytest.raises(DataError, match=r"shares >= 0\.5"):
        boundary_f(maps == 1, np.where(maps == 1, 0.9, 0.2))
    assert boundary_f(255 * (maps == 1), (maps == 1).astype(float)) == 1
