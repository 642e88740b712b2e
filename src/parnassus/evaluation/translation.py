"""How near what was written is to what was due: BLEU, chrF and exact answers, with intervals over rows."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataWarning, SettingError, did_you_mean
from ..functional.metrics.inputs import row_weights
from ..functional.metrics.translation import bleu, bleu_counts, bleu_of_counts, chrf, chrf_counts, chrf_of_counts
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

METRICS = ("bleu", "chrf", "chrf++", "exact")


def check_metric(metric: str, sample_weight: object) -> None:
    """Refuse a name that is none of METRICS, and weights, which a score of the whole has no use for."""
    if metric not in METRICS:
        raise SettingError(f"metric={metric!r}; {did_you_mean(metric, METRICS)}")
    if sample_weight is not None:
        raise SettingError("BLEU counts all rows alike; leave sample_weight out, or see evaluate")


def score_of_texts(references: Sequence[str], hypotheses: Sequence[str], metric: str) -> float:
    """One number for all rows: "bleu", "chrf" or "chrf++", 0 to 100, or the share of "exact" answers.

    >>> score_of_texts(["a b"], ["a b"], "exact")
    1.0
    """
    if metric == "exact":
        return sum(a == b for a, b in zip(hypotheses, references, strict=True)) / len(references)
    if metric == "bleu":
        found = bleu(hypotheses, references)
        if not found.totals[-1]:
            warnings.warn(
                "no text that was written has 4 words, so BLEU is 0 whatever they say; take metric='chrf' or 'exact'",
                DataWarning,
                stacklevel=3,
            )
        return found.score
    return chrf(hypotheses, references, n_words=2 * (metric == "chrf++"))


def evaluate_translation(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    sources: Sequence[str] | None = None,
    commonest: str,
    tokenize: str = "13a",
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """BLEU and chrF of the whole, and the share of exact answers, with bootstrap intervals over rows.

    The baseline says the source again, where texts are written of texts, or `commonest`, whichever is better. A
    resample draws whole rows; weights count a row's n-grams so many times. Without a reference of four words there is
    no BLEU.

    Systems: bleu
    """
    found = _statistic(references, hypotheses, tokenize)
    bootstrap = Bootstrap(row_weights(sample_weight, len(references)), n_bootstrap, seed)
    point, replicates = bootstrap.run([found])
    trivial: dict[str, float] = {}
    for said in ([] if sources is None else [list(sources)]) + [[commonest] * len(references)]:
        each = _statistic(references, said, tokenize).compute(bootstrap.weight[:, None])
        trivial = {name: max(float(value[0]), trivial.get(name, 0.0)) for name, value in each.items()}
    short = not bleu(references, references, tokenize=tokenize).totals[-1]
    metrics = []
    for name in [name for name in point if not (short and name == "bleu")]:
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, trivial[name], True))
    task: Any = "translation"
    return Evaluation(
        task,
        metrics,
        len(references),
        ("" if sources is None else "the source said again, or ")
        + f"always the commonest target of training, {commonest[:40]!r}",
        confidence=confidence,
        notes=["no text that was due has 4 words, which BLEU counts: it is left out"] if short else [],
        replicates={m.name: replicates[m.name] for m in metrics if m.name in replicates},
        rows=bootstrap.fingerprint(np.frombuffer("\n".join(references).encode(), dtype=np.uint8)),
    )


def _statistic(references: Sequence[str], hypotheses: Sequence[str], tokenize: str) -> Statistic:
    """The three numbers as functions of row weights (rows, resamples)."""
    words = bleu_counts(hypotheses, references, tokenize=tokenize)
    signs = chrf_counts(hypotheses, references)
    exact = np.array([said == due for said, due in zip(hypotheses, references, strict=True)], dtype=np.float64)

    def compute(weights: np.ndarray) -> Numbers:
        columns = weights.T
        bleus = [bleu_of_counts(counts).score for counts in columns @ words]
        chrfs = [chrf_of_counts(counts) for counts in np.tensordot(columns, signs, 1)]
        return {
            "bleu": np.array(bleus),
            "chrf": np.array(chrfs),
            "exact_match": (exact @ weights) / np.maximum(weights.sum(0), 1e-300),
        }

    return Statistic(compute)
