"""Average precision: COCO's own code on random scenes with crowds, and VOC's by hand."""

import contextlib
import io

import numpy as np
import pytest

from parnassus.functional.metrics.detection import (
    FoundBoxes,
    TrueBoxes,
    average_precision,
    coco_metrics,
    found_shapes,
    match_detections,
    match_detections_voc,
    precision_area,
    precision_recall,
)

NAMES = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100",
         "mar_small", "mar_medium", "mar_large"]  # fmt: skip


def scenes(seed, n=30, classes=3, *, crowds=0.0, ties=False, most=8):
    """Random true boxes of all sizes, and detections that are moved copies of them beside some of nothing."""
    rng = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(n):
        m = int(rng.integers(0, most))
        low, size = rng.uniform(0, 300, (m, 2)), np.exp(rng.uniform(2, 5.3, (m, 2)))
        boxes, labels = np.concatenate([low, low + size], 1), rng.integers(0, classes, m)
        truths.append(TrueBoxes(boxes, labels, crowd=rng.random(m) < crowds))
        again = rng.integers(0, m, 2 * m) if m else np.zeros(0, dtype=int)
        moved = boxes[again] + rng.normal(0, 0.08, (len(again), 4)) * np.tile(size[again], 2)
        corner = rng.uniform(0, 300, (3, 2))
        moved = np.concatenate([moved, np.concatenate([corner, corner + rng.uniform(5, 90, (3, 2))], 1)])
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        said = np.concatenate([labels[again], rng.integers(0, classes, 3)])
        scores = rng.random(len(said))
        found.append(FoundBoxes(moved, scores.round(1) if ties else scores, said))
    return truths, found


def by_pycocotools(truths, found):
    """The twelve numbers of COCO's own code."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed, and it is the oracle")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = sorted({int(c) for t in truths for c in t.labels})
    notes = []
    for i, true in enumerate(truths):
        for k, (box, label) in enumerate(zip(true.boxes, true.labels, strict=True)):
            w, h = box[2] - box[0], box[3] - box[1]
            notes.append({"id": len(notes) + 1, "image_id": i, "category_id": int(label), "area": w * h,
                          "bbox": [*box[:2], w, h], "iscrowd": int(true.crowd[k])})  # fmt: skip
    said = [
        {"image_id": i, "category_id": int(c), "score": s, "bbox": [*b[:2], b[2] - b[0], b[3] - b[1]]}
        for i, one in enumerate(found)
        for b, s, c in zip(*one, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": i} for i in range(len(truths))], "annotations": notes,
                        "categories": [{"id": c} for c in labels]}  # fmt: skip
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(said), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {name: value if value > -1 else float("nan") for name, value in zip(NAMES, run.stats, strict=True)}


@pytest.mark.parametrize(
    ("seed", "more"),
    [(0, {}), (1, {"crowds": 0.3}), (2, {"classes": 1, "most": 40}), (3, {"ties": True}), (4, {"n": 2, "most": 3})],
)
def test_the_twelve_numbers_are_those_of_pycocotools(seed, more):
    truths, found = scenes(seed, **more)
    expected = by_pycocotools(truths, found)
    ours = coco_metrics(truths, found)
    assert list(ours) == NAMES
    for name in NAMES:
        assert ours[name] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), name


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def test_a_perfect_detector_scores_one_and_a_silent_one_none():
    truths, _ = scenes(7)
    right = [FoundBoxes(t.boxes, np.ones(len(t.labels)), t.labels) for t in truths]
    silent = [FoundBoxes(boxes(), np.zeros(0), np.zeros(0, dtype=int)) for _ in truths]
    assert coco_metrics(truths, right)["map"] == pytest.approx(1.0)
    assert coco_metrics(truths, silent)["map"] == 0.0
    assert np.isnan(coco_metrics([TrueBoxes(boxes(), np.zeros(0, dtype=int))], silent[:1])["map"])


def test_average_precision_of_three_detections_is_what_one_gets_by_hand():
    """Right, wrong, right of two boxes: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1."""
    truth = [TrueBoxes(boxes((0, 0, 10, 10), (20, 0, 30, 10)), np.array([1, 1]))]
    said = boxes((0, 0, 10, 10), (50, 50, 60, 60), (20, 0, 30, 10))
    found = [FoundBoxes(said, np.array([0.9, 0.8, 0.7]), np.array([1, 1, 1]))]
    matches = match_detections(truth, found, 1, thresholds=[0.5])
    precision, recall, last = precision_recall(matches)
    assert precision[0] == pytest.approx([1, 1 / 2, 2 / 3])
    assert recall[0].tolist() == [0.5, 0.5, 1.0]
    assert last[0] == 1.0
    assert average_precision(matches)[0] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert average_precision(matches, recalls=np.linspace(0, 1, 11))[0] == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    assert precision_area(matches)[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_voc_looks_at_the_closest_box_alone_and_coco_at_the_closest_that_is_free():
    truth = [TrueBoxes(boxes((0, 0, 10, 10), (0, 2, 10, 12)), np.array([1, 1]))]
    found = [FoundBoxes(boxes((0, 0, 10, 10), (0, 0.5, 10, 10.5)), np.array([0.9, 0.8]), np.array([1, 1]))]
    assert match_detections(truth, found, 1, thresholds=[0.5]).correct.tolist() == [[True, True]]
    assert match_detections_voc(truth, found, 1).correct.tolist() == [[True, False]]


def test_a_difficult_box_makes_a_detection_neither_right_nor_wrong():
    truth = [TrueBoxes(boxes((0, 0, 10, 10), (40, 0, 50, 10)), np.array([1, 1]), ignored=np.array([True, False]))]
    found = [FoundBoxes(boxes((0, 0, 10, 10), (40, 0, 50, 10)), np.array([0.9, 0.8]), np.array([1, 1]))]
    for matches in (match_detections_voc(truth, found, 1), match_detections(truth, found, 1, thresholds=[0.5])):
        assert matches.ignored.tolist() == [[True, False]]
        assert average_precision(matches)[0] == pytest.approx(1.0)


def test_a_picture_of_weight_two_counts_as_two_pictures():
    truths, found = scenes(5, n=6, classes=1)
    once = match_detections([*truths, truths[0]], [*found, found[0]], 0)
    weighted = match_detections(truths, found, 0)
    weight = np.array([2.0, 1, 1, 1, 1, 1])
    assert precision_area(weighted, weight=weight) == pytest.approx(precision_area(once), abs=1e-9)


def shapes(seed, n=20, size=160):
    """Blobs of all sizes as true masks, moved copies of them as found ones, and both as run lengths of pycocotools."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]

    def blob(y, x, high, wide):
        return ((rows - y) / high) ** 2 + ((columns - x) / wide) ** 2 <= 1

    pictures = []
    for _ in range(n):
        m = int(rng.integers(0, 6))
        at, extent = rng.uniform(20, 140, (m, 2)), np.exp(rng.uniform(1, 4.2, (m, 2)))
        true = [blob(*a, *e) for a, e in zip(at, extent, strict=True)]
        moved = [blob(*(a + rng.normal(0, 0.15, 2) * e), *e) for a, e in zip(at, extent, strict=True) for _ in range(2)]
        true, moved = (np.array(part, dtype=bool).reshape(-1, size, size) for part in (true, moved))
        labels = rng.integers(0, 3, m)
        pictures.append((true, labels, rng.random(m) < 0.15, moved, rng.random(2 * m), np.repeat(labels, 2)))
    return pictures


def masks_by_pycocotools(pictures):
    """The twelve numbers of COCO's own code, of masks."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed, and it is the oracle")
    from pycocotools import mask as coding
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    notes, said = [], []
    for i, (true, labels, crowd, moved, scores, again) in enumerate(pictures):
        for one, label, many in zip(true, labels, crowd, strict=True):
            runs = coding.encode(np.asfortranarray(one, dtype=np.uint8))
            note = {"id": len(notes) + 1, "image_id": i, "category_id": int(label), "segmentation": runs}
            box = coding.toBbox(runs).tolist()
            notes.append(note | {"area": float(one.sum()), "bbox": box, "iscrowd": int(many)})
        for one, score, label in zip(moved, scores, again, strict=True):
            runs = coding.encode(np.asfortranarray(one, dtype=np.uint8))
            said.append({"image_id": i, "category_id": int(label), "score": float(score), "segmentation": runs})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": i, "height": 160, "width": 160} for i in range(len(pictures))],
                        "annotations": notes, "categories": [{"id": c} for c in range(3)]}  # fmt: skip
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(said), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [value if value > -1 else float("nan") for value in run.stats]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_twelve_numbers_of_masks_are_those_of_pycocotools(seed):
    pictures = shapes(seed)
    truths, found = [], []
    for true, labels, crowd, moved, scores, again in pictures:
        areas = true.sum((1, 2)).astype(float)
        truths.append(TrueBoxes(np.zeros((len(true), 4)), labels, crowd=crowd, area=areas))
        found.append(found_shapes(moved, scores, again, true=true, crowd=crowd))
    ours = coco_metrics(truths, found, labels=[0, 1, 2])
    assert 0.2 < ours["map"] < 0.95
    assert list(ours.values()) == pytest.approx(masks_by_pycocotools(pictures), abs=1e-9, nan_ok=True)
