"""How many entities, or tags, of rows are right, with intervals over rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.inputs import row_weights
from ..functional.metrics.tagging import entity_counts, scores_of
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric


def evaluate_tagging(
    true: Sequence[Sequence[str]],
    said: Sequence[Sequence[str]],
    *,
    commonest: str,
    plain: bool,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Precision, recall and F1 of entities (of schemes that have them) and the accuracy of tags.

    `by_class` has a row an entity, or where tags are plain one a tag; the confusion is of tokens, by their tags. The
    baseline gives every token the commonest tag of training. A resample draws whole rows.
    """
    constant = [[commonest] * len(row) for row in true]
    bootstrap = Bootstrap(row_weights(sample_weight, len(true)), n_bootstrap, seed)
    point, replicates = bootstrap.run([_statistic(true, said, plain)])
    trivial = _statistic(true, constant, plain).compute(bootstrap.weight[:, None])
    metrics = []
    for name in point:
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, float(trivial[name][0]), True))
    by_class: list[dict[str, Any]] = []
    if not plain:
        found = scores_of(entity_counts(true, said))
        by_class = [
            {"name": name, "precision": s.precision, "recall": s.recall, "f1": s.f1, "entities": s.n_true}
            for name, s in found.items()
            if name
        ]
    names, counts = confused(true, said, bootstrap.weight)
    by_class = by_class or of_tags(names, counts)
    task: Any = "tagging"
    return Evaluation(
        task, metrics, len(true), f"always the tag {commonest!r}", names, by_class, counts.tolist(),
        confidence=confidence, replicates=replicates,
        rows=bootstrap.fingerprint(np.frombuffer("\n".join(" ".join(row) for row in true).encode(), dtype=np.uint8)),
    )  # fmt: skip


def confused(
    true: Sequence[Sequence[str]], said: Sequence[Sequence[str]], weight: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """The tags there are, and the tokens of each (rows) that got each (columns), counted by their rows' weights."""
    names = sorted({tag for row in (*true, *said) for tag in row})
    at = {name: i for i, name in enumerate(names)}
    due, came = (np.array([at[tag] for row in rows for tag in row]) for rows in (true, said))
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (due, came), np.repeat(weight, [len(row) for row in true]))
    return names, counts


def of_tags(names: Sequence[str], counts: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each tag of a confusion, and how many tokens are due and said."""
    right, due, came = counts.diagonal(), counts.sum(1), counts.sum(0)
    shares = {"precision": right / np.maximum(came, 1e-300), "recall": right / np.maximum(due, 1e-300)}
    shares["f1"] = 2 * right / np.maximum(due + came, 1e-300)
    columns = {**shares, "tokens": due, "said": came}
    return [{"name": name} | {key: float(c[i]) for key, c in columns.items()} for i, name in enumerate(names)]


def _statistic(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]], plain: bool) -> Statistic:
    """The numbers as functions of row weights (rows, resamples)."""
    right = np.array([sum(a == b for a, b in zip(t, s, strict=True)) for t, s in zip(true, said, strict=True)])
    sizes = np.array([len(row) for row in true])
    counts = np.zeros((len(true), 3))
    if not plain:
        counts = np.array([entity_counts([t], [s])[""] for t, s in zip(true, said, strict=True)], dtype=np.float64)

    def compute(weights: np.ndarray) -> Numbers:
        accuracy = (right @ weights) / np.maximum(sizes @ weights, 1e-300)
        if plain:
            return {"accuracy": accuracy}
        n, given, due = counts.T @ weights
        return {
            "f1": 2 * n / np.maximum(given + due, 1e-300),
            "precision": n / np.maximum(given, 1e-300),
            "recall": n / np.maximum(due, 1e-300),
            "accuracy": accuracy,
        }

    return Statistic(compute)
