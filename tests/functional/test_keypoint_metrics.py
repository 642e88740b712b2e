"""Distances, PCK and OKS of keypoints, and COCO's ten numbers beside pycocotools'."""

import contextlib
import io

import numpy as np
import pytest

from parnassus.errors import DataError
from parnassus.functional.metrics import keypoints as k
from parnassus.functional.metrics.detection import TrueBoxes


def test_pck_counts_those_within_reach_among_those_that_are_there():
    true = np.array([[[0.0, 0.0], [10.0, 0.0], [np.nan, np.nan]], [[5.0, 5.0], [5.0, 6.0], [5.0, 7.0]]])
    found = true + np.array([[[3.0, 4.0], [0.0, 1.9], [0, 0]], [[0.0, 0.5], [0.0, 0.0], [0.0, 0.0]]])
    assert k.keypoint_distances(true, np.nan_to_num(found)).round(3).tolist()[0][:2] == [5.0, 1.9]
    reach = {"scale": [10.0, 2.0], "share": 0.2}  # 2 pixels, and 0.4
    assert k.correct_keypoints(true, np.nan_to_num(found), **reach) == 3 / 5
    assert np.isnan(k.correct_keypoints(true * np.nan, np.nan_to_num(found), **reach))


def test_likeness_is_one_where_all_is_equal_and_falls_with_the_square_of_the_distance():
    true = np.array([[[10.0, 10.0], [30.0, 50.0]]])
    assert k.keypoint_similarity(true, true, area=[400.0], sigmas=0.05).item() == 1.0
    moved = true + [[[3.0, 0.0], [0.0, 0.0]]]
    due = (np.exp(-9 / (2 * 400 * 0.01)) + 1) / 2
    assert k.keypoint_similarity(moved, true, area=[400.0], sigmas=0.05).item() == pytest.approx(due)
    half = np.array([[[10.0, 10.0], [np.nan, np.nan]]])  # what is not there does not count
    assert k.keypoint_similarity(true, half, area=[400.0], sigmas=0.05).item() == 1.0
    assert k.keypoint_similarity(true, half * np.nan, area=[400.0], sigmas=0.05).item() == 0.0


@pytest.mark.parametrize(("true", "found"), [
    (np.zeros((2, 3, 2)), np.zeros((2, 4, 2))), (np.zeros((2, 3)), np.zeros((2, 3))),
])  # fmt: skip
def test_shapes_that_do_not_belong_together_are_refused(true, found):
    with pytest.raises(DataError, match="one for one"):
        k.keypoint_distances(true, found)
    with pytest.raises((DataError, ValueError)):
        k.keypoint_similarity(found, true, area=np.ones(2), sigmas=0.1)


def crowded(seed, n_pictures=12):
    """True and found poses of 17 points of made subjects, small to large; some points, and some subjects, unknown."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(n_pictures):
        m = int(rng.integers(1, 5))
        side = np.exp(rng.uniform(3, 5.3, m))
        corner = rng.uniform(0, 300, (m, 2))
        true = corner[:, None] + rng.random((m, 17, 2)) * side[:, None, None]
        true = np.where(rng.random((m, 17, 1)) < 0.3, np.nan, true)
        true[rng.random(m) < 0.2] = np.nan
        boxes = np.concatenate([corner, corner + side[:, None]], 1)
        again = np.repeat(np.nan_to_num(true, nan=150.0), 3, 0)
        spread = np.repeat(side, 3) * rng.choice([0.01, 0.1], len(again))
        found = again + rng.normal(size=again.shape) * spread[:, None, None]
        pictures.append((true, boxes, side**2 * 0.7, found, rng.random(len(found))))
    return pictures


def ours(pictures):
    truths, found = [], []
    for true, boxes, area, said, scores in pictures:
        unknown = np.isnan(true).any(-1).all(-1)
        truths.append(TrueBoxes(boxes, np.ones(len(true)), ignored=unknown, area=area))
        labels = np.ones(len(said))
        found.append(k.found_poses(said, scores, labels, true=true, truths=truths[-1], sigmas=k.COCO_SIGMAS))
    return truths, found


def judge(pictures):
    coco_of = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed: pip install pycocotools")
    from pycocotools.cocoeval import COCOeval

    notes, said = [], []
    for i, (true, boxes, area, found, scores) in enumerate(pictures):
        for points, box, size in zip(true, boxes, area, strict=True):
            known = ~np.isnan(points).any(-1)
            flat = np.concatenate([np.nan_to_num(points), 2.0 * known[:, None]], 1).ravel().tolist()
            corner = [*box[:2], *(box[2:] - box[:2])]
            notes.append(
                {"id": len(notes) + 1, "image_id": i, "category_id": 1, "keypoints": flat,
                 "num_keypoints": int(known.sum()), "bbox": [float(v) for v in corner], "area": float(size),
                 "iscrowd": 0}
            )  # fmt: skip
        for points, score in zip(found, scores, strict=True):
            flat = np.concatenate([points, np.ones((17, 1))], 1).ravel().tolist()
            said.append({"image_id": i, "category_id": 1, "keypoints": flat, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_of.COCO()
        images = [{"id": i} for i in range(len(pictures))]
        coco.dataset = {"images": images, "annotations": notes, "categories": [{"id": 1}]}
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(said), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run


@pytest.mark.parametrize("seed", range(3))
def test_cocos_ten_numbers_of_keypoints_are_pycocotools(seed):
    pictures = crowded(seed)
    run = judge(pictures)
    names = ["map", "map_50", "map_75", "map_medium", "map_large", "mar", "mar_50", "mar_75", "mar_medium", "mar_large"]
    numbers = k.keypoint_metrics(*ours(pictures))
    assert 0.05 < numbers["map"] < 0.95
    np.testing.assert_allclose([numbers[name] for name in names], run.stats, atol=1e-9)


def test_likenesses_are_pycocotools_where_points_and_where_subjects_are_unknown():
    pictures = crowded(5)
    run = judge(pictures)
    _, found = ours(pictures)
    for i, said in enumerate(found):
        order = np.argsort(-said.scores, kind="stable")
        np.testing.assert_allclose(said.overlaps[order], run.ious[i, 1], atol=1e-9)
