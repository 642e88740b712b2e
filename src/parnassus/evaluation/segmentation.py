"""How good maps of classes are, with intervals over pictures, beside always saying the commonest class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.inputs import Floats, row_weights
from ..functional.metrics.segmentation import map_scores, pixel_confusion
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

NAMES = ("mean_iou", "mean_dice", "pixel_accuracy", "mean_accuracy")


def evaluate_segmentation(
    true: Sequence[np.ndarray],
    said: Sequence[np.ndarray],
    *,
    classes: Sequence[Any],
    commonest: int,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 500,
    confidence: float = 0.95,
) -> Evaluation:
    """Mean IoU, mean Dice, pixel accuracy and mean class accuracy of maps of class places (-1 does not count).

    Pixels of all pictures are counted together; intervals are over pictures, drawn whole, also those of the IoU and
    Dice of each class.
    """
    k = len(classes)
    tables = np.stack([pixel_confusion(a, b, k) for a, b in zip(true, said, strict=True)]).reshape(-1, k * k)
    weight = row_weights(sample_weight, len(tables))

    def scores(weights: Floats) -> Numbers:
        found = map_scores((weights.T @ tables).reshape(-1, k, k))
        own = {f"{name} {i}": getattr(found, name)[:, i] for name in ("iou", "dice") for i in range(k)}
        return {name: getattr(found, name) for name in NAMES} | own

    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(scores, n_passes=k)])
    whole = (weight @ tables).reshape(k, k)
    constant = np.zeros_like(whole)
    constant[:, commonest] = whole.sum(1)
    baseline = map_scores(constant)
    metrics = []
    for name in NAMES:
        low, high = interval(replicates.get(name), confidence)
        base = float(getattr(baseline, name))
        metrics.append(Metric(name, float(point[name]), low, high, base, higher_is_better=True))
    found = map_scores(whole)
    by_class: list[dict[str, Any]] = []
    for i, name in enumerate(classes):
        row: dict[str, Any] = {"name": str(name)}
        for key in ("iou", "dice"):
            low, high = interval(replicates.get(f"{key} {i}"), confidence)
            row |= {key: float(getattr(found, key)[i]), f"{key}_low": low, f"{key}_high": high}
        by_class.append(row | {"pixels": float(whole[i].sum())})
    return Evaluation(
        "multiclass", metrics, len(tables), f"always class {classes[commonest]}", [str(c) for c in classes], by_class,
        whole.tolist(), confidence=confidence, replicates={k: v for k, v in replicates.items() if k in NAMES},
        rows=bootstrap.fingerprint(tables.reshape(-1, k, k).sum(2)),
    )  # fmt: skip
