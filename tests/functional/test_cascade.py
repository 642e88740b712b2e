"""Integral images and Haar features by the books' numbers and by loops; a cascade that finds digits."""

from dataclasses import replace

import numpy as np
import pytest

from parnassus.data.detection.scenes import digit_scenes
from parnassus.errors import DataError, ParnassusError
from parnassus.functional import haar
from parnassus.functional.cascade import best_stump, boosted_stage, passes, scan, train_cascade
from parnassus.functional.haar import SHAPES, haar_features, integral_image, rectangle_sum


def test_j24_integral_image_and_feature_counts():
    """Jaiswal, number 24."""
    integral = integral_image(np.arange(1, 10).reshape(3, 3))
    assert integral[1:, 1:].tolist() == [[1, 3, 6], [5, 12, 21], [12, 27, 45]]
    assert rectangle_sum(integral, 1, 1, 3, 3) == 28
    counts = [len(haar_features(24, shapes=[name])) for name in SHAPES]
    assert counts == [43_200, 43_200, 27_600, 27_600, 20_736]
    assert sum(counts) == 162_336


def by_loops(picture, shape, x, y, w, h):
    across, _, signs = SHAPES[shape]
    total = 0.0
    for k, sign in enumerate(signs):
        r, c = divmod(k, across)
        total += sign * picture[y + r * h : y + (r + 1) * h, x + c * w : x + (c + 1) * w].sum()
    return total


@pytest.mark.parametrize("shape", SHAPES)
def test_features_are_sums_of_light_less_dark_rectangles(shape):
    pictures = np.random.default_rng(0).random((3, 7, 7))
    features = haar_features(7, shapes=[shape])
    values = features.values(integral_image(pictures))
    across, down, _ = SHAPES[shape]
    expected = [
        [by_loops(p, shape, x, y, w, h) for p in pictures]
        for w in range(1, 7 // across + 1)
        for h in range(1, 7 // down + 1)
        for y in range(7 - h * down + 1)
        for x in range(7 - w * across + 1)
    ]
    np.testing.assert_allclose(values, np.array(expected).T, atol=1e-12)
    flat = features.values(integral_image(np.full((1, 7, 7), 3.0)))
    assert np.abs(flat).max() < 1e-9


def test_the_best_stump_is_the_best_of_all_cuts():
    rng = np.random.default_rng(1)
    values, y = rng.integers(0, 6, (40, 5)).astype(float), rng.random(40) < 0.4
    weight = rng.random(40)
    weight /= weight.sum()
    feature, cut, polarity, error = best_stump(values, values.argsort(0, kind="stable"), y, weight)
    best = min(
        weight[(p * values[:, f] < p * c) != y].sum() for f in range(5) for c in np.arange(-0.5, 7) for p in (1, -1)
    )
    assert error == pytest.approx(best)
    assert weight[(polarity * values[:, feature] < polarity * cut) != y].sum() == pytest.approx(best)


def test_boosting_lowers_the_error_of_one_stump():
    rng = np.random.default_rng(2)
    features = haar_features(4)
    x = rng.random((200, 4, 4))
    y = x[:, :2].sum((1, 2)) + x[:, :, 3].sum(1) > x[:, 2:].sum((1, 2)) + x[:, :, 0].sum(1)
    values = features.values(integral_image(x))[:, ::7]
    kept = features.take(np.arange(0, len(features), 7))
    wrong = []
    for n in (1, 25):
        stage = boosted_stage(values, y, kept, n_stumps=n, detection=0.5, false_alarm=0.0)
        scores = stage.scores(stage.features.values(integral_image(x)))
        wrong.append(((scores >= stage.votes.sum() / 2) != y).mean())
    assert wrong[1] < wrong[0] / 2


@pytest.fixture(scope="module")
def windows():
    """12 x 12 windows: digits, and what lies around them in scenes."""
    rng = np.random.default_rng(0)
    scenes = digit_scenes(120, zoom=(1.5, 1.5), n_digits=(2, 4), overlap=0.0, noise=0.03, seed=0)
    yes, no = [], []
    for picture, boxes in zip(scenes.pictures, scenes.boxes, strict=True):
        for box in boxes.boxes:
            x, y = (round(v - 6) for v in ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
            if 0 <= x <= 52 and 0 <= y <= 52:
                yes.append(picture[y : y + 12, x : x + 12])
        for x, y in rng.integers(0, 53, (12, 2)):
            middle = np.array([x + 6, y + 6])
            centres = (boxes.boxes[:, :2] + boxes.boxes[:, 2:]) / 2
            if np.abs(centres - middle).max(1).min() > 4:
                no.append(picture[y : y + 12, x : x + 12])
    return np.array(yes, dtype=float), np.array(no, dtype=float)


def test_a_cascade_passes_digits_and_few_windows_beside_them(windows):
    yes, no = windows
    cascade = train_cascade(yes[::2], no[::2], n_features=600, n_stages=4, detection=0.99)
    assert len(cascade.stages) >= 2
    assert passes(cascade, yes[1::2]).mean() > 0.9
    assert passes(cascade, no[1::2]).mean() < 0.1
    brighter = 3.0 * yes[1::2] + 17.0
    assert (passes(cascade, brighter) == passes(cascade, yes[1::2])).mean() > 0.97  # light does not matter


def test_scanning_finds_a_digit_at_its_place_and_at_twice_its_size(windows):
    yes, no = windows
    cascade = train_cascade(yes, no, n_features=600, n_stages=5, detection=0.99, false_alarm=0.3)
    rng = np.random.default_rng(3)
    picture = rng.normal(26, 8, (64, 96))
    picture[20:32, 10:22] = yes[3]
    picture[30:54, 60:84] = yes[5].repeat(2, 0).repeat(2, 1)
    boxes, scores = scan(cascade, picture)
    assert scores.tolist() == sorted(scores, reverse=True)
    for true in ([10, 20, 22, 32], [60, 30, 84, 54]):
        low, high = np.maximum(boxes[:, :2], true[:2]), np.minimum(boxes[:, 2:], true[2:])
        shared = np.clip(high - low, 0, None).prod(1)
        overlap = shared / ((boxes[:, 2:] - boxes[:, :2]).prod(1) + (true[2] - true[0]) ** 2 - shared)
        assert overlap.max() > 0.4


def test_a_scan_agrees_with_windows_cut_out_one_by_one(windows):
    yes, no = windows
    cascade = train_cascade(yes, no, n_features=300, n_stages=3)
    picture = digit_scenes(1, zoom=(1.5, 1.5), seed=9).pictures[0].astype(float)[:30, :34]
    cut = np.array([picture[y : y + 12, x : x + 12] for y in range(19) for x in range(23)])
    expected = {(x, y) for (y, x), ok in zip(np.ndindex(19, 23), passes(cascade, cut), strict=True) if ok}
    boxes, _ = scan(cascade, picture, scales=[1.0], iou_threshold=1.0)
    assert {(int(b[0]), int(b[1])) for b in boxes} == expected


def test_boxes_end_where_the_picture_does_though_it_is_shrunk_to_whole_pixels():
    rng = np.random.default_rng(0)
    cascade = train_cascade(rng.random((20, 8, 8)).tolist(), rng.random((20, 8, 8)), n_features=20, n_stages=1)
    cascade.stages[0] = replace(cascade.stages[0], threshold=-np.inf)  # everything passes
    boxes, _ = scan(cascade, rng.random((41, 53)).tolist(), scales=[1.25, 2.0], iou_threshold=1.0)
    np.testing.assert_allclose(boxes.max(0)[2:], [53, 41])
    assert boxes.min() == 0


def test_features_are_looked_up_in_pieces(monkeypatch):
    features, pictures = haar_features(6), np.random.default_rng(0).random((7, 6, 6))
    whole = features.values(integral_image(pictures))
    places = features.values(integral_image(pictures[0]), np.zeros(5, int), np.zeros(5, int))
    monkeypatch.setattr(haar, "LOOKED_UP", 3 * features.rows.size)
    np.testing.assert_array_equal(features.values(integral_image(pictures)), whole)
    again = features.values(integral_image(pictures[0]), np.zeros(5, int), np.zeros(5, int))
    np.testing.assert_array_equal(again, places)
    np.testing.assert_allclose(places, whole[[0] * 5], atol=1e-12)


def test_windows_of_another_shape_are_refused():
    with pytest.raises(DataError, match="square windows"):
        train_cascade(np.zeros((20, 8, 8)), np.zeros((20, 9, 9)))
    with pytest.raises(DataError, match="at least 10"):
        train_cascade(np.zeros((3, 8, 8)), np.zeros((20, 8, 8)))


@pytest.mark.parametrize(("picture", "how", "words"), [
    (np.zeros((9, 9, 3)), {}, r"grey, \(height, width\); got shape \(9, 9, 3\)"),
    (np.full((9, 9), np.nan), {}, "finite and grey"),
    (np.zeros((9, 9)), {"scales": [1.0, 0.0]}, "factors above 0"),
    (np.zeros((9, 9)), {"step": 0}, "step is a whole number"),
])  # fmt: skip
def test_what_cannot_be_scanned_is_refused(picture, how, words):
    rng = np.random.default_rng(0)
    cascade = train_cascade(rng.random((20, 4, 4)) + np.eye(4), rng.random((20, 4, 4)), n_features=20)
    with pytest.raises(ParnassusError, match=words):
        scan(cascade, picture, **how)
