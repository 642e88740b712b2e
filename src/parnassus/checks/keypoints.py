"""Found poses against the evaluation code of COCO."""

import contextlib
import io
from typing import Any

import numpy as np

from ..functional.metrics.detection import TrueBoxes
from ..functional.metrics.keypoints import COCO_SIGMAS, found_poses, keypoint_metrics
from ..imports import imported
from . import check, gap


@check("detection-map", oracle="pycocotools", tolerance=1e-9)
def keypoint_metrics_against_pycocotools() -> float:
    """All ten numbers of COCO's keypoints on ten pictures with three drawn subjects each, some points unknown."""
    rng = np.random.default_rng(0)
    truths, found = [], []
    notes: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for i in range(10):
        corner, side = rng.uniform(0, 200, (3, 1, 2)), np.exp(rng.uniform(3.5, 5.3, (3, 1, 1)))
        true = np.where(rng.random((3, 17, 1)) < 0.3, np.nan, corner + side * rng.random((3, 17, 2)))
        moved = np.nan_to_num(true, nan=100.0) + rng.normal(0, 0.06, (3, 17, 2)) * side
        scores, boxes = rng.random(3), np.concatenate([corner, corner + side], 2)[:, 0]
        truths.append(TrueBoxes(boxes, np.ones(3), area=side[:, 0, 0] ** 2))
        found.append(found_poses(moved, scores, np.ones(3), true=true, truths=truths[-1], sigmas=COCO_SIGMAS))
        for k in range(3):
            known = ~np.isnan(true[k, :, :1])
            own = {"image_id": i, "category_id": 1}
            box = [*corner[k, 0].tolist(), float(side[k, 0, 0]), float(side[k, 0, 0])]
            note = {"bbox": box, "area": box[2] ** 2, "iscrowd": 0, "num_keypoints": int(known.sum())}
            notes.append(own | note | {"id": len(notes) + 1, "keypoints": _flat(np.nan_to_num(true[k]), known)})
            said.append(own | {"score": float(scores[k]), "keypoints": _flat(moved[k], np.ones((17, 1)))})
    ours = keypoint_metrics(truths, found)
    return max(gap(a, b) for a, b in zip(ours.values(), _cocos(notes, said), strict=True) if b > -1)


def _flat(points: np.ndarray, known: np.ndarray) -> list[float]:
    return np.concatenate([points, 2.0 * known], 1).ravel().tolist()


def _cocos(notes: list[dict[str, Any]], said: list[dict[str, Any]]) -> list[float]:
    """map, map_50, map_75, map_medium, map_large, and the same of recall."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = imported("pycocotools.coco").COCO()
        coco.dataset = {"images": [{"id": i} for i in range(10)], "annotations": notes, "categories": [{"id": 1}]}
        coco.createIndex()
        run = imported("pycocotools.cocoeval").COCOeval(coco, coco.loadRes(said), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(value) for value in run.stats]
