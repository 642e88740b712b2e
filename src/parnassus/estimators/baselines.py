"""The classical models of scikit-learn by name, fed by this library's codecs: tables, texts and pictures alike."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from ..data.codec import Codec, codec_for, form_of
from ..data.vectors import vectors
from ..errors import SettingError, did_you_mean
from ..imports import imported

MANY = 10_000  # rows from which boosting bins its columns first
LADDER = {
    "classifier": ("dummy", "naive_bayes", "logistic_regression", "random_forest", "gradient_boosting"),
    "regressor": ("dummy", "ridge", "random_forest", "gradient_boosting"),
}
NAMES = {
    "classifier": (
        "dummy",
        "naive_bayes",
        "logistic_regression",
        "svm",
        "nearest_neighbours",
        "decision_tree",
        "random_forest",
        "gradient_boosting",
    ),
    "regressor": (
        "dummy",
        "mean",
        "median",
        "linear_regression",
        "ridge",
        "svm",
        "nearest_neighbours",
        "decision_tree",
        "random_forest",
        "gradient_boosting",
    ),
}


class Vectors(TransformerMixin, BaseEstimator):
    """A step of a scikit-learn pipeline that turns raw rows into vectors, learned from the training rows alone.

    Parameters
    ----------
    codec : how, such as `pn.Table(missing="median")`; None learns it from X.
    """

    def __init__(self, codec: Codec | None = None) -> None:
        self.codec = codec

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the codec."""
        import copy

        self.codec_ = (codec_for(X) if self.codec is None else copy.deepcopy(self.codec)).fit(X)
        self.n_features_out_ = self.codec_.views()["vector"]["in_features"]
        return self

    def transform(self, X: Any) -> Any:
        """(rows, features): an array, and of texts a sparse matrix."""
        return vectors(self.codec_, X)


def baseline(name: str, *, task: str, X: Any, y: Any = None, codec: Codec | None = None, seed: int = 0) -> Any:
    """An unfitted pipeline: raw rows to vectors, and the model of this name.

    "naive_bayes" counts words in texts and is Gaussian elsewhere; "svm" has the RBF kernel; "gradient_boosting" bins
    its columns from 10,000 rows on.

    Systems: svm, mean-regressor
    Source: Baker 1.1 and 7.2, Martinez-Ramon 3.5.5 and 6.2.1: the comparators that a net is held against.
    """
    imported("sklearn.pipeline")
    from sklearn.pipeline import Pipeline

    known = NAMES.get(task)
    if known is None:
        raise SettingError(f"baselines are for a classifier or a regressor; got the task {task!r}")
    if name not in known:
        raise SettingError(f"no baseline {name!r} for a {task}; {did_you_mean(name, known)}")
    text, many = form_of(X) == "strings", len(X) >= MANY
    if task == "classifier":
        model = _classifier(name, text=text, many=many, seed=seed)
    else:
        model = _regressor(name, many=many and not text, several=np.ndim(y) == 2, seed=seed)
    return Pipeline([("vectors", Vectors(codec)), (name, model)])


def _classifier(name: str, *, text: bool, many: bool, seed: int) -> Any:
    imported("sklearn.ensemble")
    from sklearn import dummy, ensemble, linear_model, naive_bayes, neighbors, svm, tree

    boosting = ensemble.HistGradientBoostingClassifier if many and not text else ensemble.GradientBoostingClassifier
    makers = {
        "dummy": lambda: dummy.DummyClassifier(strategy="prior"),
        "naive_bayes": lambda: naive_bayes.MultinomialNB() if text else naive_bayes.GaussianNB(),
        "logistic_regression": lambda: linear_model.LogisticRegression(max_iter=1000),
        "svm": lambda: svm.SVC(random_state=seed),
        "nearest_neighbours": neighbors.KNeighborsClassifier,
        "decision_tree": lambda: tree.DecisionTreeClassifier(random_state=seed),
        "random_forest": lambda: ensemble.RandomForestClassifier(random_state=seed),
        "gradient_boosting": lambda: boosting(random_state=seed),
    }
    return makers[name]()


def _regressor(name: str, *, many: bool, several: bool, seed: int) -> Any:
    imported("sklearn.ensemble")
    from sklearn import compose, dummy, ensemble, linear_model, multioutput, neighbors, preprocessing, svm, tree

    boosting = ensemble.HistGradientBoostingRegressor if many else ensemble.GradientBoostingRegressor
    makers = {
        "dummy": dummy.DummyRegressor,
        "mean": dummy.DummyRegressor,
        "median": lambda: dummy.DummyRegressor(strategy="median"),
        "linear_regression": linear_model.LinearRegression,
        "ridge": linear_model.Ridge,
        "svm": lambda: compose.TransformedTargetRegressor(svm.SVR(), transformer=preprocessing.StandardScaler()),
        "nearest_neighbours": neighbors.KNeighborsRegressor,
        "decision_tree": lambda: tree.DecisionTreeRegressor(random_state=seed),
        "random_forest": lambda: ensemble.RandomForestRegressor(random_state=seed),
        "gradient_boosting": lambda: boosting(random_state=seed),
    }
    made = makers[name]()
    return multioutput.MultiOutputRegressor(made) if several and name in ("svm", "gradient_boosting") else made
