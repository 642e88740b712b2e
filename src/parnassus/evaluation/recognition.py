"""How many words and characters a recogniser gets wrong, with intervals over recordings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.edit_distance import align
from ..functional.metrics.counts import fraction
from ..functional.metrics.inputs import Floats, row_weights
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric


def evaluate_recognition(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    commonest: str,
    unknown: Sequence[tuple[int, int]] | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Word and character error rates with bootstrap intervals over recordings, and what kinds of errors there are.

    The baseline answers `commonest`, the commonest transcript of training, or nothing at all where that is better.
    Rates are errors over the length of all references together; a resample draws whole recordings. `unknown` says of
    each reference how many words, and how many characters of them, the recogniser cannot write: the table counts them.

    Systems: word-error-rate
    """
    if len(references) != len(hypotheses):
        raise DataError(f"{len(references)} references and {len(hypotheses)} hypotheses; give one for each")
    if not any(text.split() for text in references):
        raise DataError("all references are empty, so an error rate means nothing; give some that say something")
    counts = {unit: _counts(references, hypotheses, unit) for unit in ("word", "character")}
    exact = np.array([said == heard for said, heard in zip(references, hypotheses, strict=True)], dtype=np.float64)
    bootstrap = Bootstrap(row_weights(sample_weight, len(references)), n_bootstrap, seed)
    point, replicates = bootstrap.run([_rates(counts, exact)])
    trivial = _baseline(references, commonest, bootstrap.weight)
    strange = np.array(unknown or [(0, 0)] * len(references), dtype=np.float64).T @ bootstrap.weight
    metrics = []
    for name in point:
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, trivial[name], name == "exact_match"))
    task: Any = "recognition"
    return Evaluation(
        task,
        metrics,
        len(references),
        f"always answering the commonest transcript of training, {commonest[:40]!r}, or nothing",
        by_class=[
            _row(unit, counts[unit], bootstrap.weight) | {"unknown": float(n)}
            for unit, n in zip(counts, strange, strict=True)
        ],
        confidence=confidence,
        replicates={m.name: replicates[m.name] for m in metrics if m.name in replicates},
        rows=bootstrap.fingerprint(np.frombuffer("\n".join(references).encode(), dtype=np.uint8)),
    )


def _counts(references: Sequence[str], hypotheses: Sequence[str], unit: str) -> Floats:
    """Substitutions, deletions, insertions and length of each reference, (4, rows)."""
    rows = []
    for said, heard in zip(references, hypotheses, strict=True):
        one, other = (t.split() if unit == "word" else list(t) for t in (said, heard))
        found = align(one, other)
        rows.append((found.n_substitutions, found.n_deletions, found.n_insertions, len(one)))
    return np.array(rows, dtype=np.float64).T


def _rates(counts: dict[str, Floats], exact: Floats) -> Statistic:
    """Error rates and the share of transcripts without any error, as functions of row weights."""

    def compute(weights: Floats) -> Numbers:
        found: Numbers = {}
        for unit, held in counts.items():
            found[f"{unit}_error_rate"] = fraction(held[:3].sum(0) @ weights, held[3] @ weights, np.nan)
        return found | {"exact_match": fraction(exact @ weights, weights.sum(0), np.nan)}

    return Statistic(compute)


def _baseline(references: Sequence[str], commonest: str, weight: Floats) -> dict[str, float]:
    """The better of two constant answers, by name of the metric."""
    found: dict[str, list[float]] = {}
    for answer in (commonest, ""):
        said = [answer] * len(references)
        exact = np.array([text == answer for text in references], dtype=np.float64)
        counts = {unit: _counts(references, said, unit) for unit in ("word", "character")}
        for name, value in _rates(counts, exact).compute(weight[:, None]).items():
            found.setdefault(name, []).append(float(value[0]))
    return {name: max(values) if name == "exact_match" else min(values) for name, values in found.items()}


def _row(unit: str, held: Floats, weight: Floats) -> dict[str, Any]:
    """One line of the table of errors."""
    substitutions, deletions, insertions, length = (float(v) for v in held @ weight)
    return {
        "name": f"{unit}s",
        "substitutions": substitutions,
        "deletions": deletions,
        "insertions": insertions,
        "said": length,
    }
