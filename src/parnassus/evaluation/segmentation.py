"""How good maps of classes are, with intervals over pictures, beside always saying the commonest class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.counts import fraction
from ..functional.metrics.inputs import Floats, row_weights
from ..functional.metrics.segmentation import boundary_scores, map_scores, mean_of_known, pixel_confusion
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

NAMES = ("mean_iou", "mean_dice", "pixel_accuracy", "mean_accuracy", "mean_boundary_f")


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
    """Mean IoU, mean Dice, pixel accuracy, mean class accuracy and mean boundary F of maps of class places (-1 does
    not count).

    Pixels of all pictures are counted together; the boundary F of a class is a mean over the pictures that have an
    outline of it. Intervals are over pictures, drawn whole, also those of each class. The baseline has no outlines.
    """
    k = len(classes)
    tables = np.stack([pixel_confusion(a, b, k) for a, b in zip(true, said, strict=True)]).reshape(-1, k * k)
    outlines = np.stack([boundary_scores(a, b, k) for a, b in zip(true, said, strict=True)])
    there = np.isfinite(outlines)
    held = np.where(there, outlines, 0.0)
    weight = row_weights(sample_weight, len(tables))

    def scores(weights: Floats) -> Numbers:
        found = map_scores((weights.T @ tables).reshape(-1, k, k))
        edges = fraction(weights.T @ held, weights.T @ there, np.nan)
        each = {"iou": found.iou, "dice": found.dice, "boundary_f": edges}
        own = {f"{name} {i}": values[:, i] for name, values in each.items() for i in range(k)}
        return {name: getattr(found, name) for name in NAMES[:-1]} | {NAMES[-1]: mean_of_known(edges)} | own

    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(scores, n_passes=k)])
    whole = (weight @ tables).reshape(k, k)
    constant = np.zeros_like(whole)
    constant[:, commonest] = whole.sum(1)
    several = ((tables.reshape(-1, k, k).sum(2) > 0).sum(1) > 1).any()  # classes, between which outlines lie
    baseline = map_scores(constant)._asdict() | {NAMES[-1]: 0.0 if several else np.nan}
    metrics = []
    for name in NAMES:
        low, high = interval(replicates.get(name), confidence)
        base = float(baseline[name])
        metrics.append(Metric(name, float(point[name]), low, high, base, higher_is_better=True))
    by_class: list[dict[str, Any]] = []
    for i, name in enumerate(classes):
        row: dict[str, Any] = {"name": str(name)}
        for key in ("iou", "dice", "boundary_f"):
            low, high = interval(replicates.get(f"{key} {i}"), confidence)
            row |= {key: float(point[f"{key} {i}"]), f"{key}_low": low, f"{key}_high": high}
        by_class.append(row | {"pixels": float(whole[i].sum())})
    return Evaluation(
        "multiclass", metrics, len(tables), f"always class {classes[commonest]}", [str(c) for c in classes], by_class,
        whole.tolist(), confidence=confidence, replicates={k: v for k, v in replicates.items() if k in NAMES},
        rows=bootstrap.fingerprint(tables.reshape(-1, k, k).sum(2)),
    )  # fmt: skip
