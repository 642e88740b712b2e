"""How good found keypoints are, with intervals over pictures, beside the mean place of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..data.detection.keypoints import Points
from ..functional.metrics.inputs import Floats, row_weights
from ..functional.metrics.keypoints import keypoint_distances
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

SHARES = {"pck_10": 0.1, "pck_20": 0.2, "pck_5": 0.05}


def evaluate_keypoints(
    true: Sequence[Points],
    found: np.ndarray,
    *,
    mean_points: np.ndarray,
    names: Sequence[str] = (),
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 500,
    confidence: float = 0.95,
) -> Evaluation:
    """PCK at 10, 20 and 5 % of each subject's scale, and the mean distance in pixels; intervals are over pictures.

    The scale is the longer side of the box around a picture's known points, and of the picture where that is nothing.
    The baseline answers `mean_points` (k, 2), in shares of a picture.
    """
    points = np.stack([one.points for one in true])
    scale = np.array([scale_of(one) for one in true])
    constant = np.stack([mean_points * one.size[::-1] for one in true])
    weight = row_weights(sample_weight, len(true))
    parts, base = (counted(keypoint_distances(points, said), scale) for said in (found, constant))

    def scores(weights: Floats) -> Numbers:
        return {name: weights.T @ a / np.maximum(weights.T @ b, 1e-12) for name, (a, b) in summed(parts).items()}

    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(scores, n_passes=points.shape[1])])
    metrics = []
    for name, (over, under) in summed(base).items():
        low, high = interval(replicates.get(name), confidence)
        trivial = float(weight @ over / (weight @ under))
        metrics.append(Metric(name, float(point[name]), low, high, trivial, higher_is_better=name != "mean_distance"))
    by_class: list[dict[str, Any]] = []
    for i in range(points.shape[1]):
        own = {name: (over[:, i], under[:, i]) for name, (over, under) in parts.items()}
        row = {name: float(weight @ a / (weight @ b)) for name, (a, b) in own.items() if weight @ b}
        by_class.append(
            {"name": names[i] if names else f"keypoint {i}", **row, "points": float(weight @ parts["pck_10"][1][:, i])}
        )
    task: Any = "keypoints"
    return Evaluation(
        task, metrics, len(true), "the mean place of each keypoint", by_class=by_class, confidence=confidence,
        replicates=replicates, rows=bootstrap.fingerprint(np.nan_to_num(points, nan=-1.0).reshape(len(true), -1)),
    )  # fmt: skip


def scale_of(one: Points) -> float:
    """The longer side of the box around the known points; of the picture, where they are one place or none."""
    known = one.points[~np.isnan(one.points).any(1)]
    side = float((known.max(0) - known.min(0)).max()) if len(known) else 0.0
    return side or float(max(one.size))


def counted(distance: Floats, scale: Floats) -> dict[str, tuple[Floats, Floats]]:
    """For each number what is added up and what it is divided by, (n, k) both."""
    there = (~np.isnan(distance)).astype(np.float64)
    apart = np.nan_to_num(distance)
    near = {name: there * (apart <= share * scale[:, None]) for name, share in SHARES.items()}
    return {name: (part, there) for name, part in near.items()} | {"mean_distance": (apart * there, there)}


def summed(parts: dict[str, tuple[Floats, Floats]]) -> dict[str, tuple[Floats, Floats]]:
    """The same over all keypoints of each picture (n,)."""
    return {name: (over.sum(1), under.sum(1)) for name, (over, under) in parts.items()}
