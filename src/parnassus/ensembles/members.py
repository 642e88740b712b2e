"""An ensemble's members: copies with seeds of their own, fitted together where they can be, and their answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.targets import Labels, Multilabel, Target, places
from ..errors import DataError, SettingError
from ..estimators.base import Estimator
from ..estimators.fitting.intake import Examples, take_rows
from ..estimators.fitting.together import fit_together
from ..estimators.protocol import Settings
from ..train.randomness import seed_of

SEEDS = ("seed", "random_state")


def _fit_all(estimators: Sequence[Any], parts: Sequence[dict[str, Any]]) -> list[Any]:
    """Fit each estimator on its part, keywords of `fit`; nets that can share a program are trained in one."""
    ours = [i for i, one in enumerate(estimators) if isinstance(one, Estimator)]
    fit_together([estimators[i] for i in ours], [parts[i] for i in ours])
    for one, part in zip(estimators, parts, strict=True):
        if not isinstance(one, Estimator):
            one.fit(**part)
    return list(estimators)


def copies(estimator: Any, n: int, *, seed: int) -> list[Any]:
    """n unfitted copies; each draws from a seed of its own."""
    return [reseeded(copied(estimator), seed_of(seed, "member", i)) for i in range(n)]


def copied(estimator: Any) -> Any:
    """An unfitted copy with the same settings."""
    from sklearn.base import clone

    return clone(estimator)


def reseeded(estimator: Any, seed: int) -> Any:
    """The estimator with all its seeds, those of its parts as well, set to others that follow from `seed`."""
    return _with_seeds(estimator, seed, [k for k in estimator.get_params() if _is_seed(k)])


def settled(estimator: Any, seed: int) -> Any:
    """The estimator with seeds where it has None, which would draw from the process's own random state."""
    return _with_seeds(estimator, seed, [k for k, v in estimator.get_params().items() if _is_seed(k) and v is None])


def _is_seed(name: str) -> bool:
    return name.rpartition("__")[2] in SEEDS


def _with_seeds(estimator: Any, seed: int, names: list[str]) -> Any:
    return estimator.set_params(**{name: seed_of(seed, name) for name in sorted(names)}) if names else estimator


def kind_of(estimator: Any) -> str:
    """What an estimator is: "classifier" or "regressor"."""
    from sklearn.base import is_classifier, is_regressor

    if not isinstance(estimator, type) and hasattr(estimator, "fit") and hasattr(estimator, "get_params"):
        if is_classifier(estimator):
            return "classifier"
        if is_regressor(estimator):
            return "regressor"
    raise SettingError(
        f"an ensemble is made of classifiers or of regressors, such as pn.Classifier('mlp') or a scikit-learn one; "
        f"got {estimator!r}"
    )


def takes_weight(estimator: Any) -> bool:
    """Whether `fit` takes `sample_weight`."""
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(estimator, "sample_weight"))


def part_of(estimator: Any, examples: Examples, goal: Target, rows: np.ndarray | None = None) -> dict[str, Any]:
    """The keywords of `fit` for some rows (all unless given), with answers in the form that the estimator takes."""
    y = examples.y
    if isinstance(goal, Multilabel) and not isinstance(estimator, Estimator):
        y = goal.multi_hot(y).astype(np.int64)
    part: dict[str, Any] = {"X": examples.X, "y": y}
    if examples.weight is not None:
        if not takes_weight(estimator):
            raise SettingError(
                f"sample_weight was given, and {type(estimator).__name__} takes none in fit; leave it away, or choose "
                f"a member that takes it"
            )
        part["sample_weight"] = examples.weight
    return part if rows is None else {k: take_rows(v, rows) for k, v in part.items()}


def probabilities_of(member: Any, X: Any, goal: Labels | Multilabel) -> np.ndarray:
    """What a fitted member says of rows, (n, K), in the order of all classes; 0 for those that it has not seen.

    A member without probabilities gives 1 to what it answers.
    """
    if isinstance(goal, Multilabel):
        return _label_probabilities(member, X, goal)
    if not hasattr(member, "predict_proba"):
        return goal.one_hot(member.predict(X))
    given = np.asarray(member.predict_proba(X), dtype=np.float64)
    found = np.zeros((len(given), len(goal.classes)))
    found[:, places(goal.classes, np.asarray(member.classes_), np.arange(given.shape[1]))] = given
    return found


def _label_probabilities(member: Any, X: Any, goal: Multilabel) -> np.ndarray:
    if not hasattr(member, "predict_proba"):
        return np.asarray(member.predict(X), dtype=np.float64)
    given = member.predict_proba(X)
    if isinstance(given, list):  # trees and forests give each label's (n, classes), with one column where all are alike
        pairs = zip(given, member.classes_, strict=True)
        return np.stack([p[:, list(c).index(1)] if 1 in c else np.zeros(len(p)) for p, c in pairs], 1)
    if not isinstance(member, Estimator):
        return np.asarray(given, dtype=np.float64)
    found = np.zeros((len(given), len(goal.labels)))
    found[:, places(goal.labels, member.classes_, np.arange(given.shape[1]))] = given
    return found


def thresholds_of(member: Any, goal: Labels | Multilabel) -> np.ndarray:
    """Where a fitted member begins to answer the second of two classes, (), or each label, (L,); NaN for those unseen.

    One half for members that are not ours.
    """
    inner = last_of(member)
    given = np.asarray(getattr(inner, "threshold_", 0.5) if isinstance(inner, Settings) else 0.5, dtype=np.float64)
    if isinstance(goal, Labels):
        return given
    found = np.full(len(goal.labels), np.nan)
    ours = isinstance(member, Estimator)  # the others are given all labels
    found[places(goal.labels, member.classes_, np.arange(len(member.classes_))) if ours else slice(None)] = given
    return found


def mean_threshold(members: Sequence[Any], goal: Labels | Multilabel) -> Any:
    """The mean of the fitted members' thresholds: a number, or a list of one a label."""
    each = np.stack([thresholds_of(member, goal) for member in members])
    known = ~np.isnan(each)
    mean = np.where(known, each, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known.any(0), mean, 0.5).tolist()


def refuse_thresholds(parts: dict[str, Any], remedy: str) -> None:
    """Refuses members that answer from another threshold than one half, where probabilities alone are used."""
    for name, part in parts.items():
        if moved(part):
            raise SettingError(
                f"member {name!r} has a threshold of its own, and its probabilities alone count; {remedy}"
            )


def moved(estimator: Any) -> bool:
    """Whether an unfitted estimator of ours is set to answer from another threshold than one half."""
    one = last_of(estimator)
    if not isinstance(one, Settings):
        return False
    inner = getattr(one, "decides", "")  # an ensemble's threshold is that of its members, or its last estimator
    if inner:
        return moved(getattr(one, inner))
    threshold = getattr(one, "threshold", 0.5)
    return isinstance(threshold, str) or bool(np.any(np.asarray(threshold) != 0.5))


def last_of(estimator: Any) -> Any:
    """A pipeline's last step, which answers for it; any other estimator itself."""
    return last_of(estimator.steps[-1][1]) if getattr(estimator, "steps", None) else estimator


def class_numbers_of(member: Any, X: Any, goal: Labels) -> np.ndarray:
    """What a fitted member answers, as class numbers (n,)."""
    return goal.indices(member.predict(X))


def numbers_of(member: Any, X: Any) -> np.ndarray:
    """What a fitted member predicts, (n, outputs) float64."""
    given = np.asarray(member.predict(X), dtype=np.float64)
    return given[:, None] if given.ndim == 1 else given


def check_share(name: str, value: Any) -> float:
    """A number in (0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value <= 1:
        raise SettingError(f"{name} is a share in (0, 1]; got {value!r}")
    return float(value)


def check_rate(value: Any) -> float:
    """A number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise SettingError(f"rate is a number above 0; got {value!r}")
    return float(value)


def n_columns_of(X: Any) -> int:
    """The columns of a table."""
    if len(getattr(X, "shape", ())) != 2:
        raise SettingError(f"columns below 1 takes columns of a table; X is a {type(X).__name__}: leave columns=1.0")
    return int(X.shape[1])


def take_columns(X: Any, columns: np.ndarray) -> Any:
    """Some columns of a table, in the form it came."""
    if hasattr(X, "iloc"):
        return X.iloc[:, columns]
    if hasattr(X, "columns"):
        return X[[X.columns[i] for i in columns.tolist()]]
    if n_columns_of(X) <= columns.max():
        raise DataError(f"X has {X.shape[1]} columns, and fit saw {columns.max() + 1} or more; give the same columns")
    return X[:, columns]
