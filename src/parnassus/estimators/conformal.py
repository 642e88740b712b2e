"""Intervals and sets that hold the true answer with a probability that is guaranteed, around any fitted estimator."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from .. import store
from ..data.answers import shown
from ..data.sources import Columns
from ..data.split import Split, k_folds, random_split, stratified_split
from ..data.targets import Labels, number_array, target_for
from ..errors import DataError, SettingError, did_you_mean
from ..functional.conformal import (
    aps_scores,
    conformal_quantile,
    conformal_rank,
    lac_scores,
    quantile_scores,
    residual_scores,
)
from .base import Estimator
from .fitting.intake import Examples, as_learned, examples_of, inputs_of, take_rows
from .judging.calibration import refuse_known_rows, refuse_training_rows
from .judging.contenders import copies, fit_all
from .protocol import Settings, not_fitted_error
from .saving import plain, rebuilt, rich, tree_of

INTERVALS = ("absolute", "normalised", "quantile")
SETS = ("lac", "aps")
FOLDS = 5  # by which the second model of "normalised" sees errors on rows that were not learned from


class Conformal(Settings):
    """An estimator with intervals (regressors) or sets (classifiers) that hold the truth at least `level` of the time.

    Parameters
    ----------
    estimator : a Classifier, a Regressor, or a scikit-learn estimator; `fit` learns a copy of it.
    level : the probability that the true answer lies inside, over new rows and draws of the rows calibrated on.
    how : intervals: "absolute" (one width), "normalised" (as wide as a second model finds a row uncertain) or
        "quantile" (a regressor of the loss "quantile", its interval widened or narrowed). Sets: "lac" (the smallest)
        or "aps" (larger where a row is hard; the likeliest class always). None: "quantile" where quantiles are
        learned, else "absolute"; "lac".
    calibration : the share of rows that `fit` keeps from the model and calibrates on.
    seed : of the rows kept.

    With several columns of y each has its own guarantee. Attributes: `estimator_`, `quantile_` (the score that holds),
    `n_calibration_`.

    Source: Vovk, Gammerman and Shafer 2005; Lei et al. 2018; Romano, Patterson and Candes 2019; see
    `functional.conformal`.
    """

    roles: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, estimator: Any, *, level: float = 0.9, how: str | None = None, calibration: float = 0.2, seed: int = 0
    ) -> None:
        self.estimator, self.level, self.how = estimator, level, how
        self.calibration, self.seed = calibration, seed

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, target: Columns | None = None) -> Self:
        """Fit a copy of the estimator on some of the rows, and calibrate on the others."""
        from sklearn.base import clone

        self._check_estimator()
        examples = examples_of(X, y, target=target)
        if not 0 < self.calibration < 1:
            raise SettingError(f"calibration is a share of the rows, between 0 and 1; got {self.calibration!r}")
        kept, held = self._split(examples)
        conformal_rank(len(held), self.level)  # before the fit, which may be long
        train = examples.take(kept)
        self.target_name_ = target
        self.estimator_, self.scale_ = clone(self.estimator), None
        self.estimator_.fit(train.X, train.y)
        if self._how() == "normalised":
            self.scale_ = self._spread(train)
        return self._calibrate(examples.take(held))

    def calibrate(self, X: Any, y: Any = None, *, target: Columns | None = None) -> Self:
        """Calibrate around the estimator as it is, fitted before on other rows than these."""
        self._check_estimator()
        self.estimator_, self.scale_, self.target_name_ = self.estimator, None, target
        if self._how() == "normalised":
            raise SettingError("how='normalised' learns a second model; call fit, which keeps rows for it")
        examples = examples_of(X, y, target=target)
        conformal_rank(len(examples), self.level)
        if hasattr(self.estimator_, "data_"):
            refuse_training_rows(self.estimator_, examples)
        elif hasattr(self.estimator_, "members_"):
            _refuse_rows_of_members(self.estimator_, examples)
        return self._calibrate(examples)

    def _check_estimator(self) -> None:
        given = self.estimator
        if isinstance(given, type) or not (hasattr(given, "fit") and hasattr(given, "predict")):
            came = f"the class {given.__name__}" if isinstance(given, type) else repr(given)
            raise SettingError(
                f"estimator is an estimator of parnassus, such as pn.Regressor('mlp'), or of scikit-learn; got {came}"
            )

    def _split(self, examples: Examples) -> Split:
        """Rows to learn from and to calibrate on; where there is one class a row, each class is among both."""
        from sklearn.base import is_classifier

        goal = target_for(examples.y, "classifier") if is_classifier(self.estimator) else None
        if not isinstance(goal, Labels) or examples.y is None:
            return random_split(len(examples), self.calibration, seed=self.seed)
        codes = goal.fit(examples.y).indices(examples.y)
        counts, n_held = np.bincount(codes), round(self.calibration * len(codes))
        if counts.min() < 2:
            raise DataError(
                f"class {goal.classes[counts.argmin()].item()!r} has {counts.min()} row, and one is needed to learn "
                "from and one to calibrate on; add rows of it, or leave it out"
            )
        if not len(counts) <= n_held <= len(codes) - len(counts):
            raise DataError(
                f"{len(counts)} classes need {len(counts)} rows to learn from and to calibrate on; "
                f"calibration={self.calibration} of {len(codes)} rows leaves {len(codes) - n_held} and {n_held}; "
                "give more rows, or another share"
            )
        return stratified_split(codes, self.calibration, seed=self.seed)

    def _calibrate(self, examples: Examples) -> Self:
        self.n_calibration_ = len(examples)
        self.quantile_ = conformal_quantile(self._scores(examples), self.level)
        return self

    def _how(self) -> str:
        """The kind of score, which must fit the estimator."""
        estimator, how = self.estimator_, self.how
        if hasattr(estimator, "classes_"):
            known: tuple[str, ...] = SETS
            if not _gives_one_class(estimator):
                raise SettingError("conformal sets need a classifier of one class a row that gives probabilities")
        else:
            known = INTERVALS if _learns_quantiles(estimator) else INTERVALS[:2]
        if how is not None and how not in known:
            raise SettingError(
                f"how={how!r} does not fit {type(estimator).__name__}: one of {', '.join(known)}, or None; "
                + ("quantiles are learned with loss='quantile'" if how == "quantile" else did_you_mean(how, known))
            )
        return how or ("quantile" if "quantile" in known else known[0])

    def _spread(self, train: Examples) -> Any:
        """A second model, of the logarithm of errors on rows that a copy of the first one did not learn from.

        Errors on a model's own training rows say where it overfits, not where it errs. Only the shape matters here.
        """
        from sklearn.base import clone

        splits = k_folds(len(train), FOLDS, seed=self.seed)
        fits = copies(self.estimator, FOLDS)
        fit_all(fits, [train.take(kept) for kept, _ in splits], seed=self.seed)
        y = number_array(train.y)
        error = np.empty(y.shape)
        for fitted, (_, left) in zip(fits, splits, strict=True):
            error[left] = np.abs(y[left] - fitted.predict(take_rows(train.X, left)))
        floor = 1e-3 * max(float(error.mean()), 1e-300)
        return clone(self.estimator).fit(train.X, np.log(error + floor))

    def _scores(self, examples: Examples) -> np.ndarray:
        """How strange each row's true answer is."""
        how = self._how()
        if how in SETS:
            scores = self._class_scores(self.estimator_.predict_proba(examples.X))
            return scores[np.arange(len(scores)), self._class_numbers(examples.y)]
        y = number_array(examples.y)
        if how == "quantile":
            ends = self.estimator_.predict_interval(examples.X)
            return quantile_scores(y, ends[..., 0], ends[..., 1])
        return residual_scores(y, self.estimator_.predict(examples.X), self._scale(examples.X))

    def _scale(self, X: Any) -> Any:
        return 1.0 if self.scale_ is None else np.exp(self.scale_.predict(X))

    def _class_scores(self, probability: np.ndarray) -> np.ndarray:
        return (aps_scores if self._how() == "aps" else lac_scores)(probability)

    def _class_numbers(self, y: Any) -> np.ndarray:
        goal = getattr(self.estimator_, "target_", None)
        if goal is not None:
            return goal.indices(y)
        known, given = np.asarray(self.estimator_.classes_), np.asarray(y)
        at = np.searchsorted(known, given).clip(max=len(known) - 1)
        if (known[at] != given).any():
            raise DataError(
                f"label {given[known[at] != given].tolist()[0]!r} was not seen by fit; it saw {shown(known)}"
            )
        return at

    # --- use --------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """What the estimator answers."""
        return self._ready().predict(self._inputs(X))

    def predict_interval(self, X: Any) -> np.ndarray:
        """Lower and upper ends (rows, 2), or (rows, outputs, 2), that hold the answer with probability `level`."""
        estimator, X = self._ready(), self._inputs(X)
        how = self._how()
        if how in SETS:
            raise SettingError(f"{type(estimator).__name__} answers classes; ask for predict_set")
        if how == "quantile":
            ends = estimator.predict_interval(X)
            low, high = ends[..., 0] - self.quantile_, ends[..., 1] + self.quantile_
            middle = (low + high) / 2  # a narrowed interval may turn inside out, and is then a point
            return np.stack([np.minimum(low, middle), np.maximum(high, middle)], -1)
        centre, reach = estimator.predict(X), self.quantile_ * self._scale(X)
        return np.stack([centre - reach, centre + reach], -1)

    def predict_set(self, X: Any) -> list[list]:
        """The classes of each row that hold the answer with probability `level`, likeliest first."""
        if self._ready() and self._how() not in SETS:
            raise SettingError(f"{type(self.estimator_).__name__} answers numbers; ask for predict_interval")
        p = self.estimator_.predict_proba(self._inputs(X))
        names = np.asarray(self.estimator_.classes_).tolist()
        rows = zip(np.argsort(-p, axis=1, kind="stable").tolist(), self._members(p), strict=True)
        return [[names[k] for k in order if inside[k]] for order, inside in rows]

    def _members(self, probability: np.ndarray) -> np.ndarray:
        """Which classes are in each row's set (rows, K), bool."""
        inside = self._class_scores(probability) <= self.quantile_
        if self._how() == "aps":
            inside[np.arange(len(inside)), probability.argmax(1)] = True
        return inside

    def score(self, X: Any, y: Any = None, *, target: Columns | None = None) -> float:
        """The estimator's own score of its answers, such as accuracy or R squared."""
        estimator, examples = self._ready(), self._asked(X, y, target)
        if not hasattr(estimator, "score"):
            raise SettingError(f"{type(estimator).__name__} has no score; ask for coverage")
        return float(estimator.score(examples.X, examples.y))

    def _asked(self, X: Any, y: Any, target: Columns | None) -> Examples:
        learned = self.target_name_
        return examples_of(X, y, target=learned if y is None and target is None else as_learned(target, learned))

    def coverage(self, X: Any, y: Any = None, *, target: Columns | None = None) -> dict[str, float]:
        """The share of rows whose answer lies inside ("coverage"), and the mean width or number of classes ("size")."""
        self._ready()
        examples = self._asked(X, y, target)
        if self._how() in SETS:
            inside = self._members(self.estimator_.predict_proba(examples.X))
            held, size = inside[np.arange(len(inside)), self._class_numbers(examples.y)], inside.sum(1)
        else:
            ends, answers = self.predict_interval(examples.X), number_array(examples.y)
            held, size = (ends[..., 0] <= answers) & (answers <= ends[..., 1]), ends[..., 1] - ends[..., 0]
        return {"coverage": float(held.mean()), "size": float(size.mean())}

    # --- save -------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> Self:
        """Write one file that `pn.load` reads: the estimator and what was calibrated."""
        parts = {"estimator_": self._ready(), "scale_": self.scale_}
        for part in parts.values():
            if part is not None and not isinstance(part, Estimator):
                raise DataError(
                    f"cannot save a Conformal around a {type(part).__name__}: save that by its own means, "
                    f"and calibrate again where it is used"
                )
        told = {"level": self.level, "how": self.how, "calibration": self.calibration, "seed": self.seed}
        learned = {k: plain(getattr(self, k)) for k in ("quantile_", "n_calibration_", "target_name_")}
        trees = {k: part and tree_of(part) for k, part in parts.items()}
        store.save(path, {"estimator": "Conformal", "params": told, "learned": learned, **trees})
        return self

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """What `save` wrote; the estimator inside is the fitted one."""
        inside = rebuilt(tree["estimator_"])
        self = cls(inside, **tree["params"])
        self.estimator_, self.scale_ = inside, tree["scale_"] and rebuilt(tree["scale_"])
        for name, value in tree["learned"].items():
            setattr(self, name, rich(value))
        return self

    def _ready(self) -> Any:
        """The estimator inside, once there is something to hold it to."""
        if not hasattr(self, "quantile_"):
            raise not_fitted_error()("This Conformal instance is not fitted yet; call fit, or calibrate")
        return self.estimator_

    def _inputs(self, X: Any) -> Any:
        return inputs_of(X, self.target_name_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "quantile_")


def _refuse_rows_of_members(ensemble: Any, examples: Examples) -> None:
    """Refuses rows that an ensemble's members learned from, each asked for the columns that it sees."""
    members = [(i, m) for i, m in enumerate(ensemble.members_) if hasattr(m, "_row_keys")]
    seen = getattr(ensemble, "_seen", lambda X, member: X)
    refuse_known_rows(
        [m for _, m in members],
        [seen(examples.X, i) for i, _ in members],
        len(examples),
        getattr(ensemble, "n_rows_", len(examples)),
        drawn_with_replacement=bool(getattr(ensemble, "replace", False)),
    )


def _learns_quantiles(estimator: Any) -> bool:
    return getattr(getattr(estimator, "target_", None), "kind", None) == "quantiles"


def _gives_one_class(estimator: Any) -> bool:
    several = getattr(getattr(estimator, "target_", None), "kind", None) == "multilabel"
    return hasattr(estimator, "predict_proba") and not several and np.ndim(estimator.classes_[0]) == 0
