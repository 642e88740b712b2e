"""Boxes and average precision against COCO's own code and transformers, and published sizes of detectors."""

import contextlib
import io
import math
from typing import Any

import numpy as np
import torch

from ..functional import boxes as fb
from ..functional.augmentation.cropping import jaccard_crops
from ..functional.haar import SHAPES, haar_features
from ..functional.metrics.detection import FoundBoxes, TrueBoxes, coco_metrics, found_shapes
from ..imports import imported
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap


def _scenes() -> tuple[list[TrueBoxes], list[FoundBoxes]]:
    """Twenty pictures with boxes of all sizes, crowds among them, and what a poor detector says of them."""
    rng = np.random.default_rng(0)
    truths, found = [], []
    for _ in range(20):
        m = int(rng.integers(1, 9))
        low, size = rng.uniform(0, 300, (m, 2)), np.exp(rng.uniform(2, 5.3, (m, 2)))
        boxes, labels = np.concatenate([low, low + size], 1), rng.integers(0, 3, m)
        truths.append(TrueBoxes(boxes, labels, crowd=rng.random(m) < 0.1))
        moved = np.repeat(boxes + rng.normal(0, 0.08, (m, 4)) * np.tile(size, 2), 2, axis=0)
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        found.append(FoundBoxes(moved, rng.random(2 * m), np.repeat(labels, 2)))
    return truths, found


def _by_pycocotools(notes: list[Any], said: list[Any], *, n_pictures: int, kind: str) -> list[float]:
    """COCO's twelve numbers of boxes ("bbox") or masks ("segm") by COCO's own code."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = imported("pycocotools.coco").COCO()
        images = [{"id": i, "height": 120, "width": 120} for i in range(n_pictures)]
        coco.dataset = {"images": images, "annotations": notes, "categories": [{"id": c} for c in range(3)]}
        coco.createIndex()
        run = imported("pycocotools.cocoeval").COCOeval(coco, coco.loadRes(said), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(value) for value in run.stats]


@check("detection-map", oracle="pycocotools", tolerance=1e-6)
def coco_metrics_against_pycocotools() -> float:
    """All twelve numbers of COCO on random scenes with crowds, against the evaluation code of COCO."""
    truths, found = _scenes()
    notes = [
        {
            "id": 100 * i + k + 1,
            "image_id": i,
            "category_id": int(t.labels[k]),
            "area": float(np.prod(b[2:] - b[:2])),
            "bbox": [*b[:2], *(b[2:] - b[:2])],
            "iscrowd": int(t.crowd[k]) if t.crowd is not None else 0,
        }
        for i, t in enumerate(truths)
        for k, b in enumerate(t.boxes)
    ]
    said = [
        {"image_id": i, "category_id": int(c), "score": float(s), "bbox": [*b[:2], *(b[2:] - b[:2])]}
        for i, one in enumerate(found)
        for b, s, c in zip(*one, strict=True)
    ]
    stats = _by_pycocotools(notes, said, n_pictures=len(truths), kind="bbox")
    return max(gap(a, b) for a, b in zip(coco_metrics(truths, found).values(), stats, strict=True))


@check("instance-segmentation", oracle="pycocotools", tolerance=1e-6)
def mask_metrics_against_pycocotools() -> float:
    """All twelve numbers of COCO on twenty pictures with blobs for masks, against the evaluation code of COCO."""
    coding = imported("pycocotools.mask")
    rng = np.random.default_rng(0)
    truths, found = [], []
    notes: list[dict[str, object]] = []
    said: list[dict[str, object]] = []
    for i in range(20):
        places, extents = rng.uniform(20, 100, (5, 2)), np.exp(rng.uniform(1, 4, (5, 2)))
        moved = places + rng.normal(0, 0.2, (5, 2)) * extents
        masks, other = _blobs(places, extents), _blobs(moved, extents)
        labels, scores = rng.integers(0, 3, 5), rng.random(5)
        truths.append(TrueBoxes(np.zeros((5, 4)), labels, area=masks.sum((1, 2)).astype(float)))
        found.append(found_shapes(other, scores, labels, true=masks))
        for k in range(5):
            one, two = (coding.encode(np.asfortranarray(m[k], dtype=np.uint8)) for m in (masks, other))
            shared = {"image_id": i, "category_id": int(labels[k])}
            area, box = float(masks[k].sum()), coding.toBbox(one).tolist()
            notes.append({"id": len(notes) + 1, "segmentation": one, "area": area, "bbox": box, "iscrowd": 0} | shared)
            said.append({"segmentation": two, "score": float(scores[k])} | shared)
    stats = _by_pycocotools(notes, said, n_pictures=20, kind="segm")
    return max(gap(a, b) for a, b in zip(coco_metrics(truths, found).values(), stats, strict=True) if b > -1)


def _blobs(centres: np.ndarray, extents: np.ndarray) -> np.ndarray:
    """Ellipses as masks (n, 120, 120)."""
    at = np.mgrid[:120, :120]
    away = (at[None] - centres[:, :, None, None]) / extents[:, :, None, None]
    return np.asarray((away**2).sum(1) <= 1)


@check("box-iou", oracle="transformers", tolerance=1e-12)
def overlaps_against_transformers() -> float:
    """IoU and generalised IoU of every pair of 30 and 20 boxes, against transformers' for DETR."""
    from transformers.loss.loss_for_object_detection import box_iou, generalized_box_iou

    g = torch.Generator().manual_seed(0)
    corner = torch.rand(50, 2, generator=g, dtype=torch.float64)
    boxes = torch.cat([corner, corner + 0.1 + torch.rand(50, 2, generator=g, dtype=torch.float64)], 1)
    a, b = boxes[:30], boxes[30:]
    return max(
        gap(fb.iou(a, b), box_iou(a, b)[0]),
        gap(fb.giou(a[:, None], b[None]), generalized_box_iou(a, b)),
    )


@check("box-formats", "box-offset-codec", oracle="(book)", tolerance=1e-6)
def offsets_of_a_worked_example() -> float:
    """Centre (6, 4), size (12, 8), from the anchor (5, 5), (10, 10): (1, -1, 0.9116078, -1.1157178) by variances."""
    anchor, truth = (fb.corners_of(torch.tensor(b, dtype=torch.float64)) for b in ([5.0, 5, 10, 10], [6.0, 4, 12, 8]))
    code = fb.encode_offsets(truth, anchor, variances=fb.SSD_VARIANCES)
    wanted = torch.tensor([1, -1, 5 * math.log(1.2), 5 * math.log(0.8)], dtype=torch.float64)
    return gap(code, wanted)


@check("ssd", "anchor-boxes", oracle="(published)", tolerance=0)
def ssd300_has_8732_boxes_and_35641826_parameters() -> float:
    """SSD300 on VGG-16 with 90 classes: its default boxes and its parameters."""
    (builder,) = model.builders("ssd", "detector")
    with kept_random(torch.device("cpu"), 0):
        facts = {"in_channels": 3, "image_size": (300, 300), "n_outputs": 90}
        made = builder.make(**facts, **dict(builder.defaults) | {"backbone": "vgg16"})
    n = sum(p.numel() for p in made.parameters())
    return gap([len(made.anchors), n], [8732, 35_641_826])


@check("viola-jones", oracle="(published)", tolerance=0)
def haar_features_of_a_window_of_24() -> float:
    """162,336 features in a window of 24 pixels, 43,200, 43,200, 27,600, 27,600 and 20,736 by shape."""
    counts = [len(haar_features(24, shapes=[name])) for name in SHAPES]
    return gap(counts, [43_200, 43_200, 27_600, 27_600, 20_736])


@check("faster-rcnn", "instance-segmentation", oracle="(published)", tolerance=0)
def parameters_of_nets_on_resnet50() -> float:
    """Faster and Mask R-CNN, RetinaNet and FCOS on ResNet-50 for COCO: 41,755,286, 44,401,393, 34,014,999, 32,269,600.

    With a head of 17 keypoints in place of masks, for people alone: 59,137,258. The published nets freeze their batch
    normalisation, which is not counted.
    """
    published = (
        ("faster_rcnn", 90, {"hidden": 1024}, 41_755_286),
        ("mask_rcnn", 90, {"hidden": 1024, "mask_widths": (256,) * 4}, 44_401_393),
        ("keypoint_rcnn", 1, {"hidden": 1024, "point_widths": (512,) * 8}, 59_137_258),
        ("retinanet", 91, {"depth": 4}, 34_014_999),
        ("fcos", 91, {"depth": 4}, 32_269_600),
    )
    away = 0.0
    for name, n_outputs, options, wanted in published:
        (builder,) = model.builders(name, "detector")
        facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": n_outputs, "n_points": 17}
        facts = {name: value for name, value in facts.items() if name in builder.facts}
        with kept_random(torch.device("cpu"), 0):
            made = builder.make(**facts, **dict(builder.defaults) | {"backbone": "resnet50"} | options)
        norms = [m for m in made.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        frozen = sum(p.numel() for m in norms for p in m.parameters())
        away += gap(sum(p.numel() for p in made.parameters()) - frozen, wanted)
    return away


@check("jaccard-crop", oracle="pycocotools", tolerance=0)
def crops_that_keep_enough_of_a_box() -> float:
    """Of 300 crops that had to share 0.1 to 0.9 with some box, how many share less by COCO's own code."""
    mask = imported("pycocotools.mask")
    rng = np.random.default_rng(0)
    low, size = rng.uniform(0, 60, (300, 2, 2)), rng.uniform(10, 40, (300, 2, 2))
    corners = torch.from_numpy(np.concatenate([low, low + size], 2))
    least = torch.from_numpy(rng.choice([0.1, 0.3, 0.5, 0.7, 0.9], 300))
    counts, generator = torch.full((300,), 2), torch.Generator().manual_seed(0)
    regions = jaccard_crops(corners, counts, size=(100, 100), least=least, generator=generator).numpy()
    wrong, whole = 0, np.array([0.0, 0.0, 100.0, 100.0])
    for region, row, due in zip(regions, corners.numpy(), least.numpy(), strict=True):
        sides = [np.concatenate([r[:2], r[2:] - r[:2]])[None] for r in (region, *row)]
        best = max(float(mask.iou(sides[0], side, [0])[0, 0]) for side in sides[1:])
        wrong += best < due - 1e-9 and not np.array_equal(region, whole)
    return float(wrong + (np.abs(regions - whole).max(1) == 0).all())
