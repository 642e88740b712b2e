"""A classifier's probabilities brought to say how often: fitted on rows it was not trained on, kept with the model."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.split import k_folds
from ..errors import DataError, SettingError, did_you_mean
from ..functional.calibration import (
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
from ..functional.metrics.calibration import brier, expected_calibration_error, log_loss
from .assembly import rows_of
from .identity import fingerprint
from .intake import Examples
from .using import outputs_of

if TYPE_CHECKING:
    from .base import Estimator
    from .classifier import Classifier

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
    return {"map": fitted_map(how, scores, truth, examples.weight), "n_rows": len(truth), **judged}


def refuse_training_rows(estimator: "Estimator", examples: Examples) -> None:
    """Refuses the very rows that the estimator learned from: on them it is surer than it will ever be again."""
    from .classifier import class_weights

    weight = examples.weight
    if getattr(estimator, "class_weight", None) is not None:
        by_class = class_weights(estimator.class_weight, estimator.target_)[estimator.target_.indices(examples.y)]
        weight = by_class if weight is None else weight * by_class
    as_fitted = Examples(examples.X, examples.y, weight)
    if fingerprint(rows_of(estimator, as_fitted)) == estimator.data_["fingerprint"]:
        raise DataError(
            "these are the rows that the model was trained on, where it is too sure of itself; calibrate on "
            "others, such as rows that fit held out by validation=0.2"
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
