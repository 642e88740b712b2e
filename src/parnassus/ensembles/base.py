"""What every ensemble shares: settings that reach into its members, raw data to examples, answers, one file."""

import os
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from ..data.sources import Columns
from ..data.targets import Labels, Multilabel, Numbers, Target, number_array, target_for
from ..errors import DataError, SettingError, check_count
from ..estimators.fitting.intake import Examples, as_learned, examples_of, inputs_of
from ..estimators.protocol import Settings, fitted
from ..evaluation.classification import evaluate_classification
from ..evaluation.multilabel import evaluate_multilabel
from ..evaluation.regression import evaluate_regression
from ..evaluation.result import Evaluation
from ..functional.metrics import r2
from .members import kind_of, mean_threshold, numbers_of, probabilities_of

Named = dict[str, Any]


class Ensemble(Settings):
    """Several estimators that answer as one. The constructor stores, `fit` learns, learned things end in `_`.

    It is a classifier where its members are, else a regressor. Members are copies; what was given stays unfitted.
    """

    kinds: ClassVar[dict[str, type["Ensemble"]]] = {}
    roles = ()
    learned: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_rows_", "target_name_", "threshold_")
    others: ClassVar[tuple[str, ...]] = ()  # fitted estimators beside the members
    decides: ClassVar[str] = ""  # the setting whose estimator has the threshold; one half where there is none
    several: ClassVar[bool] = True  # whether it takes several labels or numbers a row

    members_: list[Any]
    target_: Any
    target_name_: Columns | None
    n_rows_: int
    threshold_: Any = 0.5  # one number, or a list of one a label

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        Ensemble.kinds[cls.__name__] = cls

    # --- settings ---------------------------------------------------------------------------------

    def _parts(self) -> Named:
        """The estimators given, by the name under which their settings are reached."""
        given = getattr(self, "estimator", None)
        return {} if given is None else {"estimator": given}

    def _made_of(self) -> list[Any]:
        """The estimators given, or the one taken in their place."""
        return list(self._parts().values())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Settings by name; `deep` adds those of the estimators, as `name__setting`."""
        params = super().get_params(deep=False)
        for name, part in self._parts().items() if deep else ():
            if hasattr(part, "get_params") and not isinstance(part, type):
                params |= {name: part} | {f"{name}__{k}": v for k, v in part.get_params().items()}
        return params

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None) -> Self:
        """Learn from rows X and their answers y.

        Parameters
        ----------
        X : what the members take: an array, a frame, a list of texts or pictures, or a path (with `target`).
        y : labels or numbers (rows,), lists of labels, or several numbers a row.
        target : the column of X that holds the answers, or several, in place of y.
        sample_weight : how much each row counts (rows,).

        Raises
        ------
        SettingError : a setting, or a member, cannot do what is asked.
        DataError : the data break a contract; the message names the row, column or file and the remedy.
        """
        for name in [k for k in vars(self) if k.endswith("_") and not k.startswith("_")]:
            delattr(self, name)
        check_count("seed", self._seed(), least=0)
        examples = examples_of(X, y, target=target, sample_weight=sample_weight)
        if examples.y is None:
            raise DataError(
                "no answers: this ensemble requires y to be passed, but the target y is None; or name target"
            )
        examples.X = _in_rows(examples.X)
        goal = target_for(examples.y, self._kind()).fit(examples.y)
        examples.y = _canonical(examples.y, goal)
        members = self._fit(examples, goal)
        self._name_features(examples.X)
        self.target_, self.n_rows_ = goal, len(examples)
        self.target_name_ = getattr(examples.source, "target", None) or examples.target
        self.threshold_ = self._threshold(members, goal)
        self.members_ = members
        return self

    def _threshold(self, members: list[Any], goal: Any) -> Any:
        """The mean of the thresholds of those that decide."""
        if not self.decides or isinstance(goal, Numbers):
            return 0.5
        return mean_threshold([getattr(self, name) for name in self.others] or members, goal)

    def _seed(self) -> int:
        return getattr(self, "seed", 0)

    def _kind(self) -> str:
        """Whether this is a "classifier" or a "regressor"."""
        return kind_of(next(iter(self._parts().values()), None))

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        """The fitted members."""
        raise NotImplementedError

    def _name_features(self, X: Any) -> None:
        """What scikit-learn wants to know of a table's columns."""
        if len(getattr(X, "shape", ())) == 2 or (isinstance(X, list) and X and isinstance(X[0], list | tuple)):
            self.n_features_in_ = int(np.shape(X)[1])
        names = list(getattr(X, "columns", []))
        if names and all(isinstance(n, str) for n in names):
            self.feature_names_in_ = np.array(names, dtype=object)

    # --- use --------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_")

    @property
    def classes_(self) -> np.ndarray:
        goal = fitted(self).target_
        if isinstance(goal, Numbers):
            raise AttributeError("an ensemble of regressors has no classes")
        return goal.labels if isinstance(goal, Multilabel) else goal.classes

    def _inputs(self, X: Any) -> Any:
        return _in_rows(inputs_of(X, fitted(self).target_name_))

    @property
    def predict_proba(self) -> Callable[[Any], np.ndarray]:
        """Probabilities of rows, `predict_proba(X)`: (rows, classes) float64; absent where numbers are predicted."""
        if self._kind() != "classifier":
            raise AttributeError(f"this {type(self).__name__} predicts numbers, and has no probabilities")
        return self._predict_proba

    def _predict_proba(self, X: Any) -> np.ndarray:
        return self._probabilities(self._inputs(X)).clip(0, 1)

    def predict(self, X: Any) -> Any:
        """Labels in the form that `fit` was given, or numbers in its units.

        The likeliest class; the second of two where its probability is `threshold_` or more, a label alike.
        """
        return self._answers(self._inputs(X))

    def _answers(self, X: Any) -> Any:
        goal = self.target_
        if isinstance(goal, Numbers):
            numbers = self._numbers(X)
            return numbers[:, 0] if goal.flat else numbers
        return goal.decide(self._probabilities(X), threshold=self.threshold_)

    def _probabilities(self, X: Any) -> np.ndarray:
        """(n, K): the mean of the members' probabilities."""
        return np.mean([probabilities_of(m, X, self.target_) for m in self.members_], axis=0)

    def _numbers(self, X: Any) -> np.ndarray:
        """(n, outputs): the mean of the members' predictions."""
        return np.mean([numbers_of(m, X) for m in self.members_], axis=0)

    def _asked(self, X: Any, y: Any, target: Columns | None, sample_weight: Any) -> Examples:
        learned = fitted(self).target_name_
        target = learned if y is None and target is None else as_learned(target, learned)
        return examples_of(X, y, target=target, sample_weight=sample_weight)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The share of rows answered right (with several labels a row, every label), or R squared of numbers."""
        examples, goal = self._asked(X, y, target, sample_weight), self.target_
        answers = self._answers(examples.X)
        if isinstance(goal, Numbers):
            return float(r2(number_array(examples.y), answers, sample_weight=examples.weight))
        if isinstance(goal, Multilabel):
            right = (goal.multi_hot(answers) == goal.multi_hot(examples.y)).all(1)
        else:
            right = np.asarray(answers) == goal.labels_like(examples.y)
        return float(np.average(right, weights=examples.weight))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Metrics with intervals beside the trivial baseline's, on rows that training has not seen."""
        examples, goal = self._asked(X, y, target, sample_weight), self.target_
        shared: dict[str, Any] = {"sample_weight": examples.weight, "seed": self._seed()}
        if isinstance(goal, Numbers):
            truth, n = number_array(examples.y), len(goal.mean)
            names = [f"y{i}" for i in range(n)] if n > 1 else ["y"]
            shared |= {"train_mean": goal.mean, "train_median": goal.median}
            return evaluate_regression(truth, self._answers(examples.X), names=names, **shared)
        probability = self._probabilities(examples.X)
        if isinstance(goal, Multilabel):
            truth, shared = goal.multi_hot(examples.y), shared | {"prior": goal.counts / goal.n_rows}
            return evaluate_multilabel(
                truth, probability, labels=goal.labels.tolist(), thresholds=self.threshold_, **shared
            )
        truth, names = goal.indices(examples.y), goal.classes.tolist()
        shared["threshold"] = self.threshold_ if goal.loss_kind == "binary" else 0.5
        return evaluate_classification(truth, probability, classes=names, prior=goal.counts, **shared)

    def report(
        self,
        path: str | os.PathLike,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        title: str = "",
        data: str = "the data",
    ) -> Evaluation:
        """Write one HTML page on how good the ensemble is on rows X, y, and return the numbers."""
        from .reporting import write_report

        examples = self._asked(X, y, target, sample_weight)
        evaluation = self.evaluate(examples.X, examples.y, sample_weight=examples.weight)
        write_report(self, path, examples, evaluation, title=title, data=data)
        return evaluation

    def save(self, path: str | os.PathLike) -> Self:
        """Write one file that `pn.load` reads, members and all; no pickle. Members of scikit-learn are refused."""
        from .saving import save

        save(fitted(self), path)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags, get_tags

        tags, inner = super().__sklearn_tags__(), [get_tags(one) for one in self._made_of()]
        tags.target_tags.required = True
        tags.input_tags.allow_nan = all(one.input_tags.allow_nan for one in inner)
        tags.estimator_type = self._kind()
        if tags.estimator_type == "classifier":
            several = self.several and all(t.classifier_tags and t.classifier_tags.multi_label for t in inner)
            tags.classifier_tags = ClassifierTags(multi_label=several)
        else:
            tags.regressor_tags = RegressorTags()
            tags.target_tags.multi_output = self.several and all(t.target_tags.multi_output for t in inner)
        return tags


def refuse_several(ensemble: Ensemble, goal: Target) -> None:
    """Refuses several labels or numbers a row."""
    if isinstance(goal, Multilabel) or (isinstance(goal, Numbers) and not goal.flat):
        what = "labels" if isinstance(goal, Multilabel) else "numbers"
        raise SettingError(
            f"{type(ensemble).__name__} takes one answer a row, and y holds several {what}; take one of its columns, "
            f"or another ensemble, such as pn.Bagging"
        )


def _canonical(y: Any, goal: Target) -> Any:
    """Answers as an array of the user's own type; several labels a row stay as they came."""
    if isinstance(goal, Labels):
        return goal.classes[goal.indices(y)]
    return number_array(y) if isinstance(goal, Numbers) else y


def _in_rows(X: Any) -> Any:
    """X in a form that rows can be taken of."""
    if hasattr(X, "tocsr"):
        raise DataError(
            "sparse input is not supported; give X.toarray(), or texts to members that encode them, such as a Pipeline"
        )
    return np.asarray(X) if hasattr(X, "__array__") and not hasattr(X, "__getitem__") else X
