"""What an evaluation tells of a model that says how sure it is: coverage, widths, what its weights leave open."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..functional.metrics.inputs import Floats, row_weights
from ..sampling.problems import AGREE, rhat_text
from .bootstrap import Bootstrap, interval, wilson
from .bootstrap import Numbers as Sums
from .result import Evaluation, Metric
from .statistics import means


def with_intervals(
    found: Evaluation,
    inside: Mapping[int, Floats],
    width: Floats,
    *,
    variance: Floats | None = None,
    epistemic: Floats | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
) -> Evaluation:
    """An evaluation of numbers with how often intervals held the truth, how wide they are, and the weights' share.

    Parameters
    ----------
    inside : percent that an interval is to hold -> for each row 1 where it held the truth, or the share of its outputs.
    width : of the widest of these intervals, by row.
    variance, epistemic : by row, that of a new answer, and the part of it that is due to the weights; the metric is the
        ratio of their means.

    Coverage has Wilson's interval, which is not empty at 1, of as many rows as the weights are worth.
    """
    weight = row_weights(sample_weight, len(width))
    top = max(inside)
    columns = {f"coverage_{level}": np.asarray(rows, dtype=np.float64) for level, rows in inside.items()}
    columns[f"width_{top}"] = width
    if variance is not None and epistemic is not None:
        columns |= {"variance": variance, "epistemic": epistemic}
    point, replicates = Bootstrap(weight, n_bootstrap, seed).run([means(columns)])
    for numbers in (point, replicates):
        _share(numbers)
    worth = float(weight.sum() ** 2 / np.square(weight).sum())
    metrics = []
    for name, value in point.items():
        low, high = interval(replicates.get(name), found.confidence)
        if name.startswith("coverage"):
            low, high = wilson(float(value), worth, found.confidence)
        metrics.append(Metric(name, float(value), low, high, None, higher_is_better=name.startswith("coverage")))
    notes = [*found.notes, "Coverage has the score interval of a share (Wilson)."]
    every = {**found.replicates, **replicates}
    return replace(found, metrics=[*found.metrics, *metrics], replicates=every, notes=notes)


def _share(numbers: Sums) -> None:
    if "variance" in numbers:
        whole = numbers.pop("variance")
        numbers["epistemic_share"] = numbers.pop("epistemic") / np.where(whole > 0, whole, np.nan)


def with_mutual_information(
    found: Evaluation,
    information: Floats,
    *,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
) -> Evaluation:
    """An evaluation of classes with the mean over rows of what draws of the weights disagree by, in nats."""
    weight = row_weights(sample_weight, len(information))
    point, replicates = Bootstrap(weight, n_bootstrap, seed).run([means({"mutual_information": information})])
    low, high = interval(replicates.get("mutual_information"), found.confidence)
    metric = Metric("mutual_information", float(point["mutual_information"]), low, high, None, higher_is_better=False)
    return replace(found, metrics=[*found.metrics, metric], replicates={**found.replicates, **replicates})


def with_rhat(found: Evaluation, *, answers: float, weights: float, n_chains: int, n_draws: int) -> Evaluation:
    """An evaluation with the largest R-hat of the answers and of the weights of chains; a note where they disagree."""
    metrics = [
        Metric(name, value, None, None, None, higher_is_better=False)
        for name, value in (("rhat_answers", answers), ("rhat_weights", weights))
    ]
    said = f"{n_chains} chains of {n_draws} draws of the weights"
    if answers <= AGREE:
        note = f"{said} agree on the answers (R-hat at most {AGREE})."
    else:
        note = (
            f"{said} do not agree on the answers: R-hat is {rhat_text(answers)}, at most {AGREE} where they do. What "
            f"the weights leave open may be more than is said; draw and warm up longer, or take 'vi' or 'ensemble'."
        )
    return replace(found, metrics=[*found.metrics, *metrics], notes=[*found.notes, note])
