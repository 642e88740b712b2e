"""Detection: a training step of SSD beside the same net in a bare loop, and COCO's numbers beside pycocotools.

64 x 64 scenes of scattered digits, batches of 32; 200 pictures with 20 boxes found in each for the numbers.
Run: python benchmarks/bench_detection.py [--threads 1].
"""

import contextlib
import io

import numpy as np
import torch

import parnassus as pn
from harness import Work, arguments, compare, installed
from parnassus.data.scenes import digit_scenes
from parnassus.functional.metrics.detection import FoundBoxes, TrueBoxes, coco_metrics

SCENES, BATCH, PICTURES = 256, 32, 200


def bare_loop(detector: pn.Detector, scenes: object) -> Work:
    """One epoch of the same objective in a plain torch loop, on batches made beforehand."""
    objective = detector.objective_
    rows = detector.codec_.encode(scenes.pictures)
    truth = detector.target_.encode(scenes.boxes)
    batches = [
        detector.codec_.prepare(rows.take(i) | truth.take(i), "image") for i in torch.arange(SCENES).split(BATCH)
    ]
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-3, fused=True)

    def work() -> None:
        objective.train()
        for batch in batches:
            loss = objective.mean_loss({k: batch[k] for k in ("x", "y", "y_labels", "y_lengths")})
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return work


def judged() -> tuple[list[TrueBoxes], list[FoundBoxes]]:
    rng = np.random.default_rng(0)
    truths, found = [], []
    for _ in range(PICTURES):
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
                "images": [{"id": i} for i in range(PICTURES)],
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
    args = arguments()
    scenes = digit_scenes(SCENES)
    settings = {"batch_size": BATCH, "epochs": 1, "lr": 1e-3, "progress": False}
    first = pn.Detector("ssd", **settings).fit(scenes.pictures, scenes.boxes)
    works: dict[str, Work] = {
        "parnassus": lambda: pn.Detector("ssd", **settings).fit(scenes.pictures, scenes.boxes),
        "bare loop": bare_loop(first, scenes),
    }
    compare(f"SSD, one epoch of {SCENES} scenes, with all of fit", works, ours="parnassus", args=args)

    truths, found = judged()
    works = {"parnassus": lambda: coco_metrics(truths, found)}
    if installed("pycocotools"):
        works["pycocotools"] = by_pycocotools(truths, found)
    compare(f"COCO's numbers of {PICTURES} pictures", works, ours="parnassus", args=args)


if __name__ == "__main__":
    main()
