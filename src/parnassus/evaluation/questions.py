"""How well questions are answered, with intervals over questions, beside the answer that training held most."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.inputs import row_weights
from ..functional.metrics.questions import answer_f1, best_of, exact_answer
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .result import Evaluation, Metric

SCORES = {"exact_match": exact_answer, "f1": answer_f1}


def evaluate_questions(
    true: Sequence[Sequence[str]],
    said: Sequence[str],
    *,
    commonest: str,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Exact match and F1 of words, each the best over a question's right answers; a question without one is due "".

    Where some questions have an answer and some have none, `by_class` has a row for each kind.
    """
    weight = row_weights(sample_weight, len(true))
    each, constant = (scores_of(true, answers) for answers in (said, [commonest] * len(true)))

    def scores(weights: np.ndarray) -> Numbers:
        return {name: values @ weights / weights.sum(0) for name, values in each.items()}

    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run([Statistic(scores)])
    metrics = []
    for name, trivial in constant.items():
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, float(trivial @ weight / weight.sum()), True))
    answered = np.array([bool(texts) for texts in true])
    by_class: list[dict[str, Any]] = []
    for title, part in (("with an answer", answered), ("without an answer", ~answered)):
        if 0 < weight[part].sum() < weight.sum():
            own = {name: float(v[part] @ weight[part] / weight[part].sum()) for name, v in each.items()}
            by_class.append({"name": title, **own, "questions": float(weight[part].sum())})
    task: Any = "question answering"
    words = f"always {commonest!r:.60}" if commonest else "never an answer"
    texts = "\n".join("\t".join(one) for one in true)
    return Evaluation(
        task, metrics, len(true), words, [row["name"] for row in by_class], by_class, confidence=confidence,
        replicates=replicates, rows=bootstrap.fingerprint(np.frombuffer(texts.encode(), dtype=np.uint8)),
    )  # fmt: skip


def scores_of(true: Sequence[Sequence[str]], said: Sequence[str]) -> dict[str, np.ndarray]:
    """The scores of each question (n,) by name."""
    return {
        name: np.array([best_of(score, texts, one) for texts, one in zip(true, said, strict=True)])
        for name, score in SCORES.items()
    }
