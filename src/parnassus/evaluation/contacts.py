"""How many of the pairs said to touch do touch, with intervals over chains, beside what separation alone says."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..functional.contacts import NEAREST, separation_scores, top_precision
from ..functional.metrics.inputs import row_weights
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

PARTS = {"precision_l": 1, "precision_l2": 2, "precision_l5": 5}  # the best L, L / 2 and L / 5 pairs


def evaluate_contacts(
    true: Sequence[np.ndarray],
    said: Sequence[np.ndarray],
    *,
    shares: Tensor,
    least: int = NEAREST,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Precision of the best L, L/2 and L/5 pairs of scores (n, n) a chain, a mean over chains, at least one pair each.

    A metric whose `true` chains hold fewer contacts than pairs are taken cannot reach 1; a note says the most there is.
    `shares` are those of contacts by separation in training, which the baseline scores pairs by.
    """
    maps = [torch.from_numpy(np.asarray(one, dtype=bool)) for one in true]
    scores = [torch.from_numpy(np.asarray(one, dtype=np.float64)) for one in said]
    plain = [separation_scores(len(one), shares.double()) for one in maps]
    found, trivial, most = (_precisions(s, maps, least) for s in (scores, plain, [one.double() for one in maps]))

    def compute(weights: np.ndarray) -> Numbers:
        means = found.T @ weights / weights.sum(0)
        return dict(zip(PARTS, means, strict=True))

    bootstrap = Bootstrap(row_weights(None, len(maps)), n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(compute)])
    metrics = []
    for k, name in enumerate(PARTS):
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, float(trivial[:, k].mean()), True))
    note = "The most that contacts there are allow: " + ", ".join(
        f"{metric.title} {value:.4f}" for metric, value in zip(metrics, most.mean(0), strict=True)
    )
    return Evaluation(
        "contacts", metrics, len(maps), "the share of contacts at each separation in training",  # type: ignore[arg-type]
        confidence=confidence, replicates=replicates, notes=[note + "."],
        rows=bootstrap.fingerprint(*(one.numpy() for one in maps)),
    )  # fmt: skip


def _precisions(scores: Sequence[Tensor], maps: Sequence[Tensor], least: int) -> np.ndarray:
    """(chains, 3): of each chain the precision of its best L, L / 2 and L / 5 pairs."""
    rows = zip(scores, maps, strict=True)
    parts = PARTS.values()
    return np.array([[top_precision(s, c, n_top=max(len(c) // k, 1), least=least) for k in parts] for s, c in rows])
