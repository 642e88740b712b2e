"""Detection: SSD and Mask R-CNN beside the same nets in a bare loop, and COCO's numbers beside pycocotools.

64 x 64 scenes of scattered digits, batches of 32 (Mask R-CNN: 8, a quarter of the scenes); 200 pictures with 20 boxes
found in each for the numbers. Run: python benchmarks/bench_detection.py [--threads 1] [--tiny].
"""

import argparse
import contextlib
import io

import numpy as np
import torch

import parnassus as pn
from harness import Work, arguments, compare, installed
from parnassus.data.detection.boxes import all_checked
from parnassus.data.detection.object_masks import things_of_map
from parnassus.data.detection.scenes import digit_scenes
from parnassus.functional.metrics.detection import FoundBoxes, TrueBoxes, coco_metrics

SCENES, BATCH, PICTURES = 256, 32, 200
TINY = 8  # the share of all sizes that --tiny takes


def bare_loop(detector: pn.Detector, pictures: np.ndarray, boxes: list) -> Work:
    """One epoch of the same objective in a plain torch loop, on batches made beforehand."""
    objective = detector.objective_
    rows = detector.codec_.encode(pictures)
    truth = detector.target_.encode(all_checked(boxes, pictures))
    batches = [
        detector.codec_.prepare(rows.take(i) | truth.take(i), "image")
        for i in torch.arange(len(pictures)).split(detector.batch_size)
    ]
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-3, fused=True)

    def work() -> None:
        objective.train()
        for batch in batches:
            loss = objective.mean_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return work


def trained(model: object, pictures: np.ndarray, boxes: list, args: argparse.Namespace, *, batch_size: int) -> None:
    """One epoch of a detector with all that fit does, and of the same objective in a bare loop."""
    settings = {"batch_size": batch_size, "epochs": 1, "lr": 1e-3, "progress": False}
    first = pn.Detector(model, **settings).fit(pictures, boxes)
    works: dict[str, Work] = {
        "parnassus": lambda: pn.Detector(model, **settings).fit(pictures, boxes),
        "bare loop": bare_loop(first, pictures, boxes),
    }
    name = getattr(model, "name", model)
    compare(f"{name}, one epoch of {len(pictures)} scenes, with all of fit", works, ours="parnassus", args=args)


def judged(n: int) -> tuple[list[TrueBoxes], list[FoundBoxes]]:
    rng = np.random.default_rng(0)
    truths, found = [], []
    for _ in range(n):
        low = rng.uniform(0, 300, (10, 2))
        boxes = np.concatenate([low, low + np.exp(rng.uniform(2, 5, (10, 2)))], 1)
        labels = rng.integers(0, 10, 10)
        truths.append(TrueBoxes(boxes, labels))
        found.append(FoundBoxes(np.repeat(boxes, 2, 0) + rng.normal(0, 2, (20, 4)), rng.random(20), labels.repeat(2)))
    return truths, found


def by_pycocotools(truths: list[TrueBoxes], found: list[FoundBoxes]) -> Work:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def boxes_of(boxes: np.ndarray) -> list[list[float]]:
        return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).tolist()

    notes = [
        {"id": 100 * i + k + 1, "image_id": i, "category_id": int(c), "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
        for i, t in enumerate(truths)
        for k, (b, c) in enumerate(zip(boxes_of(t.boxes), t.labels, strict=True))
    ]
    said = [
        {"image_id": i, "category_id": int(c), "bbox": b, "score": float(s)}
        for i, f in enumerate(found)
        for b, s, c in zip(boxes_of(f.boxes), f.scores, f.labels, strict=True)
    ]

    def work() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO()
            coco.dataset = {
                "images": [{"id": i} for i in range(len(truths))],
                "annotations": notes,
                "categories": [{"id": c} for c in range(10)],
            }
            coco.createIndex()
            run = COCOeval(coco, coco.loadRes([dict(one) for one in said]), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()

    return work


def main() -> None:
    args = arguments(tiny="an eighth of all sizes, to see that it runs")
    n_scenes, n_pictures = (n // TINY if args.tiny else n for n in (SCENES, PICTURES))
    scenes = digit_scenes(n_scenes)
    trained("ssd", scenes.pictures, scenes.boxes, args, batch_size=BATCH)
    n = n_scenes // 4
    things = [things_of_map(m, one.labels) for m, one in zip(scenes.instances[:n], scenes.boxes[:n], strict=True)]
    trained("mask_rcnn", scenes.pictures[:n], things, args, batch_size=BATCH // 4)

    truths, found = judged(n_pictures)
    works: dict[str, Work] = {"parnassus": lambda: coco_metrics(truths, found)}
    if installed("pycocotools"):
        works["pycocotools"] = by_pycocotools(truths, found)
    compare(f"COCO's numbers of {n_pictures} pictures", works, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
