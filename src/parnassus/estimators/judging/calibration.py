"""A classifier's probabilities brought to say how often: fitted on rows it was not trained on, kept with the model."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data.split import k_folds
from ...errors import DataError, DataWarning, SettingError, did_you_mean
from ...functional.calibration import (
    check_both,
    isotonic,
    log_odds,
    one_against_rest,
    platt,
    temperature,
    with_isotonic,
    with_platt,
    with_temperature,
)
from ...functional.metrics.calibration import brier, expected_calibration_error, log_loss
from ..answers.using import outputs_of
from ..fitting.assembly import rows_of
from ..fitting.identity import as_kept, row_keys_of
from ..fitting.intake import Examples

if TYPE_CHECKING:
    from ..base import Estimator
    from ..classifier import Classifier

HOW = ("temperature", "platt", "isotonic")
Map = dict[str, Any]  # a fitted map: its name and its numbers


def calibrate(classifier: "Classifier", examples: Examples, how: str) -> dict[str, Any]:
    """The map fitted on these rows, and what it does to the calibration error, Brier score and log loss.

    The numbers "after" are of five folds of the rows, each judged by a map that was fitted on the other four.
    """
    if how not in HOW:
        raise SettingError(f"how is one of {', '.join(HOW)}; got {how!r}; {did_you_mean(str(how), HOW)}")
    goal = classifier.target_
    if goal.loss_kind not in ("binary", "labels"):
        raise SettingError(f"calibration is for classes without an order, one a row; this target is of {goal.kind}")
    refuse_training_rows(classifier, examples)
    scores, truth = logits_of(outputs_of(classifier, examples.X).double().numpy()), goal.indices(examples.y)
    for k, name in enumerate(goal.classes.tolist()):
        check_both(truth == k, f"rows of class {name!r}")
    judged = {"after": judge(truth, cross_fitted(how, scores, truth, examples.weight), examples.weight)}
    if classifier.objective_.probabilistic:
        judged["before"] = judge(truth, with_temperature(scores, 1.0), examples.weight)
        warn_if_worse(how, judged["before"]["log_loss"], judged["after"]["log_loss"], len(truth))
    return {"map": fitted_map(how, scores, truth, examples.weight), "n_rows": len(truth), **judged}


def refuse_training_rows(estimator: "Estimator", examples: Examples) -> None:
    """Refuses the very rows that the estimator learned from: on them it is surer than it will ever be again."""
    from ..classifier import class_weights

    weight = examples.weight
    if getattr(estimator, "class_weight", None) is not None:
        by_class = class_weights(estimator.class_weight, estimator.target_)[estimator.target_.indices(examples.y)]
        weight = by_class if weight is None else weight * by_class
    as_fitted = Examples(examples.X, examples.y, weight)
    held = estimator.data_["fingerprint"]
    if as_kept(held, rows_of(estimator, as_fitted)) == held:
        raise DataError(
            "these are the rows that the model was trained on, where it is too sure of itself; calibrate on "
            "others, such as rows that fit held out by validation=0.2"
        )
    refuse_known_rows([estimator], [examples.X], len(examples), estimator.data_["n_rows"])


def refuse_known_rows(
    learners: "Sequence[Estimator]", inputs: Sequence[Any], n: int, n_rows: int, *, drawn_with_replacement: bool = False
) -> None:
    """Refuses n rows most of which some learner has learned from, and warns of some; `inputs` are as each sees them.

    Where few different rows exist, new ones equal old ones by chance: at most as often as training rows have twins,
    which is at most twice the share of them that is not different from others. Only more than that counts.
    """
    known, chance, share = torch.zeros(n, dtype=torch.bool), 0.0, 1.0
    for learner, X in zip(learners, inputs, strict=True):
        keys = getattr(learner, "_row_keys", None)
        given = row_keys_of(learner.codec_.encode(X), n) if keys is not None else None
        if keys is None or given is None:
            continue
        known |= torch.isin(given, keys)
        different = n_rows * (1 - (1 - 1 / n_rows) ** len(keys)) if drawn_with_replacement else len(keys)
        twins = min(max(2 * (1 - len(keys.unique()) / different), 0.0), 1.0)
        chance = 1 - (1 - chance) * (1 - twins)
        share = min(1.0, len(keys) / n_rows) if len(learners) == 1 else 1.0
    found, expected = int(known.sum()), n * chance
    if found <= expected + 3 * (expected * (1 - chance)) ** 0.5:
        return
    words = f"{found} of {n} rows are rows that the model was trained on, where it is too sure of itself"
    if found - expected > n * (1 - chance) * share / 2:
        raise DataError(f"{words}; calibrate on others, such as rows that fit held out by validation=0.2")
    warnings.warn(f"{words}; leave them out of the rows to calibrate on", DataWarning, stacklevel=5)


def warn_if_worse(how: str, before: float, after: float, n_rows: int) -> None:
    """Warns where rows left out of the map are answered worse with it than without, by more than a hundredth."""
    if after <= 1.01 * before:
        return
    remedy = "calibrate on more rows" if how == "temperature" else "use how='temperature', or more rows"
    warnings.warn(
        f"calibration by {how} on {n_rows} rows makes the log loss worse, {after:.3g} in place of {before:.3g} on rows "
        f"left out of the map; {remedy}",
        DataWarning,
        stacklevel=4,
    )


def logits_of(outputs: np.ndarray) -> np.ndarray:
    """(rows, K) logits: of two classes, whose output is the second's logit, (0, z)."""
    return np.concatenate([np.zeros_like(outputs), outputs], 1) if outputs.shape[1] == 1 else outputs


def fitted_map(how: str, logits: np.ndarray, truth: np.ndarray, weight: np.ndarray | None) -> Map:
    """The map of this name; of two classes the second one's log-odds are mapped, of more each against the rest."""
    if how == "temperature":
        return {"how": how, "temperature": temperature(logits, truth, weight=weight)}
    binary = logits.shape[1] == 2
    sides = [1] if binary else range(logits.shape[1])
    fit, scores = platt if how == "platt" else isotonic, log_odds(logits)
    return {"how": how, "numbers": [list(fit(scores[:, k], truth == k, weight=weight)) for k in sides]}


def mapped(found: Map, logits: np.ndarray) -> np.ndarray:
    """Probabilities (rows, K) by a fitted map."""
    if found["how"] == "temperature":
        return with_temperature(logits, found["temperature"])
    use, scores = with_platt if found["how"] == "platt" else with_isotonic, log_odds(logits)
    if logits.shape[1] == 2:
        p = use(scores[:, 1], *found["numbers"][0])
        return np.stack([1 - p, p], 1)
    return one_against_rest(np.stack([use(scores[:, k], *n) for k, n in enumerate(found["numbers"])], 1))


def cross_fitted(how: str, logits: np.ndarray, truth: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Probabilities of each row by a map fitted without it."""
    p = np.empty_like(logits)
    for kept, held in k_folds(len(truth), min(5, len(truth)), seed=0):
        part = None if weight is None else weight[kept]
        p[held] = mapped(fitted_map(how, logits[kept], truth[kept], part), logits[held])
    return p


def judge(truth: np.ndarray, p: np.ndarray, weight: np.ndarray | None) -> dict[str, float]:
    """Calibration error (10 bins of the answer's probability), Brier score and log loss."""
    names = list(range(p.shape[1]))
    return {
        "expected_calibration_error": expected_calibration_error(truth, p, labels=names, sample_weight=weight),
        "brier": brier(truth, p, labels=names, sample_weight=weight),
        "log_loss": log_loss(truth, p, labels=names, sample_weight=weight),
    }
