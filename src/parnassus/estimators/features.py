"""Which columns to keep: a step of a pipeline, so that folds choose from their own training rows."""

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from ..data.answers import answer_array
from ..data.tables.table import Table
from ..data.vectors import vectors
from ..errors import DataError, SettingError, did_you_mean
from ..imports import imported
from .fitting.intake import count_rows, split_target
from .judging.comparison import guessed_task

METHODS = ("mutual_information", "variance_ratio", "elimination")


class SelectColumns(TransformerMixin, BaseEstimator):
    """The columns of a table that tell most about y, in their order; a frame stays a frame.

    Choosing columns from all rows before cross-validation makes its scores too good. As a step of
    `sklearn.pipeline.Pipeline` in front of an estimator the choice is made anew in each fold.

    Parameters
    ----------
    n_columns : how many to keep.
    method : "mutual_information" of each column with y, also where the relation is no line; "variance_ratio", the F
        test of a linear relation; "elimination", which drops the column that a model needs least, and fits it again.
    model : for "elimination", a scikit-learn model with coefficients or importances; None takes boosted trees.
    codec : how columns become numbers; None is `pn.Table()`. A column of categories counts as the sum of its features.
    seed : of the estimates and of the trees.

    Attributes: `scores_` (by column; for "elimination" minus the round it was dropped in), `support_`, `names_`.

    Systems: feature-selection
    Source: Martinez-Ramon 3.5.4, example 3.5.2; scikit-learn's SelectKBest and RFE do the work.
    """

    def __init__(
        self,
        n_columns: int = 10,
        *,
        method: str = "mutual_information",
        model: Any = None,
        codec: Table | None = None,
        seed: int = 0,
    ) -> None:
        self.n_columns, self.method, self.model, self.codec, self.seed = n_columns, method, model, codec, seed

    def fit(self, X: Any, y: Any) -> Self:
        """Score the columns by how much they tell about y."""
        if self.method not in METHODS:
            raise SettingError(f"no method {self.method!r} to select columns by; {did_you_mean(self.method, METHODS)}")
        codec = (Table() if self.codec is None else copy.deepcopy(self.codec)).fit(X)
        if not 1 <= self.n_columns <= codec.n_columns:
            raise DataError(f"n_columns={self.n_columns} cannot be kept of {codec.n_columns} columns")
        x, answers = np.asarray(vectors(codec, X), dtype=np.float64), answer_array(y)
        owners = owners_of(codec)
        if self.method == "elimination":
            self.scores_ = self._eliminated(x, answers, owners, codec.n_columns)
        else:
            self.scores_ = np.bincount(owners, weights=self._told(x, answers), minlength=codec.n_columns)
        kept = np.sort(np.argsort(-self.scores_, kind="stable")[: self.n_columns])
        self.support_ = np.isin(np.arange(codec.n_columns), kept)
        names = codec.feature_names
        self.names_ = [names[i] if names is not None else i for i in kept.tolist()]
        return self

    def transform(self, X: Any) -> Any:
        """The chosen columns of X, in their order."""
        if count_rows(X) and isinstance(X, list):
            X = np.array(X)
        if all(isinstance(name, str) for name in self.names_) and hasattr(X, "columns"):
            return split_target(X, self.names_)[1]
        return X[:, self.support_]

    def get_support(self, indices: bool = False) -> np.ndarray:
        """Which columns were chosen: a mask, or their numbers."""
        return np.flatnonzero(self.support_) if indices else self.support_

    def _told(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How much each feature tells about y."""
        imported("sklearn.feature_selection")
        from sklearn import feature_selection as fs

        classes = guessed_task(y) == "classifier"
        if self.method == "mutual_information":
            measure = fs.mutual_info_classif if classes else fs.mutual_info_regression
            return measure(x, y, random_state=self.seed)
        return (fs.f_classif if classes else fs.f_regression)(x, y)[0]

    def _eliminated(self, x: np.ndarray, y: np.ndarray, owners: np.ndarray, n_columns: int) -> np.ndarray:
        """0 for the columns that are left, and before them -1, -2, ... in the order they were dropped, last first."""
        from sklearn.base import clone

        model = self.model if self.model is not None else _boosted(y, self.seed)
        left, scores = list(np.unique(owners)), np.full(n_columns, -float(n_columns))
        while len(left) > self.n_columns:
            here = np.isin(owners, left)
            weight = _importances(clone(model).fit(x[:, here], y))
            told = np.bincount(owners[here], weights=weight, minlength=n_columns)
            least = min(left, key=lambda j: told[j])
            scores[least] = self.n_columns - len(left)
            left.remove(least)
        scores[left] = 0.0
        return scores


def owners_of(codec: Table) -> np.ndarray:
    """The column number of each feature of a fitted table's vector."""
    features = codec.schema.features
    numbers = [features[i][0] for i in [*codec.kept.tolist(), *codec.flagged]]
    return np.array(numbers + [j for j in codec.grouped for _ in codec.schema.specs[j]["levels"]])


def _boosted(y: np.ndarray, seed: int) -> Any:
    imported("sklearn.ensemble")
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    return (GradientBoostingClassifier if guessed_task(y) == "classifier" else GradientBoostingRegressor)(
        random_state=seed
    )


def _importances(model: Any) -> np.ndarray:
    """Squared coefficients, summed over outputs, or squared importances, as scikit-learn's RFE ranks by."""
    if hasattr(model, "coef_"):
        return np.square(np.atleast_2d(model.coef_)).sum(0)
    return np.square(model.feature_importances_)
