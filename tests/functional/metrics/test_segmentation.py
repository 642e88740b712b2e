"""Agreement of label maps by hand, by loops, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from parnassus.errors import DataError
from parnassus.evaluation.segmentation import evaluate_segmentation
from parnassus.functional.metrics.segmentation import boundary_f, boundary_scores, map_scores, pixel_confusion


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


def slow_boundary(true, said, k, tolerance, ignored):
    """The boundary F of a class, pixel by pixel."""
    height, width = true.shape

    def outline(one):
        found = []
        for y, x in np.ndindex(height, width):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [p for p in beside if 0 <= p[0] < height and 0 <= p[1] < width and true[p] != ignored]
            if one[y, x] == k and true[y, x] != ignored and any(one[p] != k for p in inside):
                found.append((y, x))
        return np.array(found).reshape(-1, 2)

    a, b = outline(true), outline(said)
    if not len(a) or not len(b):
        return 0.0 if len(a) or len(b) else np.nan
    near = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) <= tolerance
    recall, precision = near.any(1).mean(), near.any(0).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("tolerance", [1, 1.5, 3])
def test_boundary_scores_are_those_of_pixels_one_by_one(tolerance):
    draw = np.random.default_rng(4)
    for _ in range(4):
        true = draw.integers(-1, 3, (5, 4)).repeat(3, 0).repeat(4, 1)
        said = np.where(draw.random(true.shape) < 0.1, 2, np.roll(true, 1, 1)).clip(0)
        found = boundary_scores(true, said, 4, tolerance=tolerance)
        due = [slow_boundary(true, said, k, tolerance, -1) for k in range(4)]
        np.testing.assert_allclose(found, due, atol=1e-12)
        assert np.isnan(found[3])


def test_the_edge_of_a_picture_is_no_outline_and_what_is_near_grows_with_the_picture():
    true = np.zeros((300, 400), int)
    true[:, 200:] = 1
    assert boundary_scores(true, np.roll(true, 3, 1)[:, :400], 2)[1] < 1  # what rolls in has an outline of its own
    moved = np.zeros_like(true)
    moved[:, 203:] = 1
    assert boundary_scores(true, moved, 2).tolist() == [1, 1]  # 3 of 3.75 pixels
    moved[:, 203:205] = 0
    assert boundary_scores(true, moved, 2).tolist() == [0, 0]
    assert np.isnan(boundary_scores(true * 0, true * 0, 2)).all()


def test_a_mean_boundary_f_is_over_pictures_and_then_over_classes():
    draw = np.random.default_rng(5)
    true = draw.integers(3, size=(6, 4, 4)).repeat(3, 1).repeat(3, 2)
    true[0] = 1  # without an outline
    said = np.roll(true, 1, 2)
    weight = draw.random(6)
    found = evaluate_segmentation(list(true), list(said), classes=[0, 1, 2], commonest=1, sample_weight=weight)
    each = np.stack([boundary_scores(a, b, 3) for a, b in zip(true, said, strict=True)])
    due = [np.average(f[~np.isnan(f)], weights=weight[~np.isnan(f)]) for f in each.T]
    assert [row["boundary_f"] for row in found.by_class] == pytest.approx(due)
    assert found["mean_boundary_f"].value == pytest.approx(np.mean(due))
    assert found["mean_boundary_f"].baseline == 0
    assert found["mean_boundary_f"].low < np.mean(due) < found["mean_boundary_f"].high
