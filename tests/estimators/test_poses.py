"""Detector with keypoints: poses that are found, judged by pycocotools' numbers, moved with pictures, and refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import parnassus as pn
from parnassus.data.detection.boxes import all_checked
from parnassus.data.detection.coco import read_coco, write_coco
from parnassus.functional.metrics.keypoints import COCO_SIGMAS, keypoint_metrics
from parnassus.insight.pictures import augmented_answers

pytestmark = pytest.mark.slow

SIZE = 32
RCNN = pn.model("keypoint_rcnn", widths=(16, 24), hidden=32, point_widths=(16,), anchor_scale=2.5, n_regions=16)


def scenes(n, seed=0):
    """One or two grey slabs a picture; their points are two corners, and a bright dot that a quarter of them lack."""
    rng = np.random.default_rng(seed)
    pictures, found = rng.integers(0, 30, (n, SIZE, SIZE)).astype(np.uint8), []
    for picture in pictures:
        boxes, points = [], []
        for half in range(rng.integers(1, 3)):
            wide, high = (int(v) for v in rng.integers(9, 15, 2))
            x, y = int(rng.integers(0, SIZE - wide + 1)), 16 * half + int(rng.integers(0, 17 - high))
            picture[y : y + high, x : x + wide] = 120
            dot = [np.nan, np.nan]
            if rng.random() < 0.75:
                at_x, at_y = int(rng.integers(x, x + wide - 2)), int(rng.integers(y, y + high - 2))
                picture[at_y : at_y + 3, at_x : at_x + 3] = 250
                dot = [at_x + 1.5, at_y + 1.5]
            boxes.append([x, y, x + wide, y + high])
            points.append([[x, y], [x + wide, y + high], dot])
        found.append({"boxes": np.array(boxes, float), "labels": ["slab"] * len(boxes), "points": np.array(points)})
    return pictures, found


X, Y = scenes(96)
NEW, TRUE = scenes(32, seed=1)


@pytest.fixture(scope="module")
def trained():
    codec = pn.Image(size=SIZE, resize="pad")
    return pn.Detector(RCNN, codec=codec, epochs=10, batch_size=8, lr=6e-3, schedule="cosine", progress=False).fit(X, Y)


def test_keypoints_are_found_in_the_picture_s_own_pixels(trained, tmp_path):
    judged = trained.evaluate(NEW, TRUE, n_bootstrap=20)
    assert judged["map_50"].value > 0.85
    assert judged["pose_map_50"].value > 0.8
    assert judged["pose_map"].low <= judged["pose_map"].value <= judged["pose_map"].high + 1e-9
    off = []
    found = trained.predict(NEW, threshold=0.5)
    for true, said in zip(TRUE, found, strict=True):
        for box, points in zip(said.boxes, said.points, strict=True):
            at = np.abs(true["boxes"] - box).sum(1).argmin()
            off.append(np.linalg.norm(true["points"][at] - points, axis=1))
    corner, far, dot = np.nanmedian(off, axis=0)
    assert corner < 1.5
    assert far < 1.5
    assert dot < 1.5
    twice = trained.predict(NEW[:3].repeat(2, 1).repeat(2, 2), threshold=0.5)
    for one, other in zip(twice, found, strict=False):
        if len(one) == len(other):
            np.testing.assert_allclose(one.points / 2, other.points, atol=1.5)
    trained.save(tmp_path / "p.parnassus")
    assert pn.load(tmp_path / "p.parnassus").predict(NEW, threshold=0.5) == found


def test_a_report_of_poses_has_their_numbers_and_dots(trained, tmp_path):
    trained.report(tmp_path / "r.html", NEW, TRUE)
    assert "mAP of poses at OKS 0.5" in (tmp_path / "r.html").read_text()
    figure = trained.draw(NEW, TRUE, n_most=2)
    assert len(figure.axes[0].collections) == len(TRUE[0]["labels"]) + len(trained.predict(NEW[:1])[0])


def test_evaluation_is_that_of_cocos_code(trained):
    pytest.importorskip("pycocotools", reason="pycocotools is not installed, and it is the oracle")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    found = trained.predict(NEW, threshold=0.01)
    notes, said = [], []
    for i, true in enumerate(TRUE):
        for box, points in zip(true["boxes"], true["points"], strict=True):
            there = ~np.isnan(points[:, :1])
            flat = np.concatenate([np.where(there, points, 0), 2 * there], 1).flatten().tolist()
            x1, y1, x2, y2 = box.tolist()
            notes.append({"id": len(notes) + 1, "image_id": i, "category_id": 1, "iscrowd": 0, "keypoints": flat,
                          "num_keypoints": int(there.sum()), "bbox": [x1, y1, x2 - x1, y2 - y1],
                          "area": (x2 - x1) * (y2 - y1)})  # fmt: skip
        for points, score in zip(found[i].points, found[i].scores, strict=True):
            flat = np.concatenate([points, np.ones((3, 1))], 1).flatten().tolist()
            said.append({"image_id": i, "category_id": 1, "keypoints": flat, "score": float(score)})
    theirs = COCO()
    theirs.dataset = {"images": [{"id": i} for i in range(len(TRUE))], "categories": [{"id": 1, "name": "slab"}],
                      "annotations": notes}  # fmt: skip
    theirs.createIndex()
    judge = COCOeval(theirs, theirs.loadRes(said), "keypoints")
    judge.params.kpt_oks_sigmas = np.full(3, COCO_SIGMAS.mean())
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    ours = trained.evaluate(NEW, TRUE, n_bootstrap=0)
    assert ours["pose_map"].value == pytest.approx(judge.stats[0], abs=1e-6)
    assert ours["pose_map_50"].value == pytest.approx(judge.stats[1], abs=1e-6)
    assert ours["pose_map_75"].value == pytest.approx(judge.stats[2], abs=1e-6)
    assert ours["pose_mar_20"].value == pytest.approx(judge.stats[5], abs=1e-6)


def test_keypoints_follow_what_is_done_to_training_pictures():
    model = pn.Detector(RCNN, epochs=1, progress=False, augment={"shift": 0.15})
    batch = model.fit(X[:32], Y[:32]).target_.encode(model._examples(X[:32], Y[:32]).y).take(torch.arange(32))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rows = model.codec_.encode(X[:32]).take(torch.arange(32))
        moved = model.codec_.prepare(rows | batch, "image", training=True)
    assert not torch.equal(moved["y_points"], batch["y_points"])
    shown = (moved["x"] * model.codec_.std + model.codec_.mean)[:, 0]
    bright, n = 0.0, 0
    for i, n_boxes in enumerate(moved["y_lengths"].tolist()):
        for x, y, there in moved["y_points"][i, :n_boxes, 2].tolist():
            if there and 1 < x < SIZE - 1 and 1 < y < SIZE - 1:
                bright, n = bright + float(shown[i, int(y), int(x)] > 180), n + 1
    assert n > 10
    assert bright / n > 0.9


def test_a_picture_without_boxes_is_learned_from_as_one_in_which_there_is_nothing():
    nothing = {"boxes": np.zeros((0, 4)), "labels": [], "points": np.zeros((0, 3, 2))}
    model = pn.Detector(RCNN, epochs=1, progress=False).fit(X[:5], [*Y[:3], nothing, None])
    taken = model.target_.encode(model._examples(X[:5], [*Y[:3], nothing, None]).y).take(torch.tensor([3, 0, 4]))
    assert taken["y_points"].shape[2:] == (3, 3)
    assert taken["y_lengths"].tolist() == [0, len(Y[0]["labels"]), 0]


def test_a_file_of_coco_brings_its_keypoints(tmp_path):
    notes = []
    for i, true in enumerate(TRUE[:2]):
        Pillow.fromarray(NEW[i]).save(tmp_path / f"{i}.png")
        for box, points in zip(true["boxes"], true["points"], strict=True):
            there = ~np.isnan(points[:, :1])
            flat = np.concatenate([np.where(there, points, 0), 2 * there], 1).flatten().tolist()
            x1, y1, x2, y2 = box.tolist()
            notes.append({"id": len(notes), "image_id": i, "category_id": 1, "keypoints": flat,
                          "bbox": [x1, y1, x2 - x1, y2 - y1]})  # fmt: skip
    tree = {"images": [{"id": i, "file_name": f"{i}.png"} for i in range(2)], "annotations": notes,
            "categories": [{"id": 1, "name": "slab", "keypoints": ["near", "far", "dot"]}]}  # fmt: skip
    (tmp_path / "all.json").write_text(json.dumps(tree))
    files, found = read_coco(tmp_path / "all.json", points=True)
    for one, true in zip(found, TRUE, strict=False):
        np.testing.assert_array_equal(one.points, true["points"])
    assert pn.Detector(RCNN, epochs=1, progress=False).fit(files, found).target_.n_points == 3
    written = write_coco(tmp_path / "again.json", files, found)
    assert all(a == b for a, b in zip(read_coco(written, points=True)[1], found, strict=True))


@pytest.mark.parametrize(("given", "words"), [
    (lambda one: one | {"points": one["points"] + 40}, ["picture 0", "keypoint 0 of box 0", "outside its picture"]),
    (lambda one: one | {"points": one["points"][:, :, 0]}, ["picture 0", "(n, k, 2)"]),
    (lambda one: one | {"points": one["points"][:0]}, ["picture 0", "0 points", "one of each a box"]),
    (lambda one: one | {"points": np.concatenate([one["points"], np.full((len(one["points"]), 3, 1), 7)], 2)},
     ["picture 0", "keypoint 0 of box 0", "visibility"]),
    (lambda one: one | {"points": one["points"][:, :2]}, ["3 keypoints and others' 2"]),
    (lambda one: {k: one[k] for k in ("boxes", "labels")}, ["3 keypoints and others' none"]),
])  # fmt: skip
def test_keypoints_that_cannot_be_are_refused(given, words):
    with pytest.raises(pn.DataError) as caught:
        pn.Detector(RCNN, epochs=1, progress=False).fit(X[:2], [given(Y[0]), Y[1]])
    assert all(word in str(caught.value) for word in words), caught.value


def test_points_of_boxes_change_sides_with_their_mirrored_pictures(tmp_path):
    pictures = [Pillow.fromarray(x) for x in X[:2]]
    for i, one in enumerate(pictures):
        one.save(tmp_path / f"{i}.png")
    known = [replace(one, points=one.points, point_names=("left", "right", "dot")) for one in all_checked(Y[:2], X[:2])]
    write_coco(tmp_path / "all.json", [tmp_path / f"{i}.png" for i in range(2)], known)
    files, found = read_coco(tmp_path / "all.json", points=True)
    assert found[0].point_names == ("left", "right", "dot")
    model = pn.Detector(RCNN, epochs=1, progress=False, augment={"flip": True}).fit(tmp_path / "all.json")
    assert model.codec_.augmentation.flip_pairs == ((0, 1),)
    changed, moved = augmented_answers(model.codec_, model.target_, files, all_checked(found, files), times=12)
    wide, seen = X.shape[2], 0
    for i, one in enumerate(moved):
        true = found[i // 12]
        turned = not np.array_equal(changed[i], X[i // 12])
        seen += turned
        x = true.points[..., 0]
        due = np.stack([wide - x[:, 1], wide - x[:, 0], wide - x[:, 2]], 1) if turned else x
        np.testing.assert_allclose(one.points[..., 0], due, atol=1e-4)
    assert 4 < seen < 20


def test_a_model_of_keypoints_wants_their_sides_told_and_others_say_that_they_leave_them():
    bare = [(one["boxes"], one["labels"]) for one in Y[:8]]
    with pytest.raises(pn.DataError, match="these boxes have none"):
        pn.Detector(RCNN, epochs=1, progress=False).fit(X[:8], bare)
    with pytest.raises(pn.SettingError, match="left points right ones"):
        pn.Detector(RCNN, epochs=1, progress=False, augment={"flip": True}).fit(X[:8], Y[:8])
    told = {"flip": True, "flip_pairs": [(0, 1)]}
    assert pn.Detector(RCNN, epochs=1, progress=False, augment=told).fit(X[:8], Y[:8]).target_.n_points == 3
    ssd = pn.Detector(pn.model("ssd", widths=(8, 8)), epochs=1, progress=False)
    with pytest.warns(pn.DataWarning, match="'keypoint_rcnn' learns both"):
        ssd.fit(X[:8], Y[:8])


def test_numbers_of_poses_are_those_of_the_metric(trained):
    from parnassus.evaluation.detection import poses_of

    found = trained.predict(NEW, threshold=0.01)
    pairs = [poses_of(true, said) for true, said in zip(trained._examples(NEW, TRUE).y, found, strict=True)]
    due = keypoint_metrics([one for one, _ in pairs], [one for _, one in pairs])
    assert trained.evaluate(NEW, TRUE, n_bootstrap=0)["pose_map"].value == pytest.approx(due["map"], abs=1e-12)
