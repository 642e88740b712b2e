"""What any fitted estimator says of rows, on one scale, and how good that is: classes, sets of labels, numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...data.answers import number_array
from ...data.targets import Labels, Multilabel, target_for
from ...errors import DataError
from ...evaluation.classification import evaluate_classification
from ...evaluation.multilabel import evaluate_multilabel
from ...evaluation.regression import evaluate_regression
from ...evaluation.result import Evaluation
from ..answers.using import outputs_of
from ..base import Estimator
from ..fitting.intake import Examples


@dataclass
class Outcome:
    """What one fitted estimator says of some rows: row numbers, outputs (rows, ...) and the rows it learned from."""

    rows: np.ndarray
    outputs: Any
    train: np.ndarray
    threshold: Any = 0.5
    scores_only: bool = False


class Judge:
    """The answers of all rows, coded once, and the metrics that fit them."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    @property
    def labels(self) -> np.ndarray | None:
        """Class numbers (n,) to stratify by, where there is one class a row."""
        return None

    def ask(self, estimator: Any, rows: np.ndarray, train: np.ndarray) -> Outcome:
        """What the estimator says of rows, with the estimator itself where its task alone knows how to judge it."""
        return Outcome(rows, estimator, train)

    def evaluate(self, outcome: Outcome, *, seed: int = 0, n_bootstrap: int = 1000) -> Evaluation | None:
        """Metrics of what was said, with intervals beside the trivial baseline's; None where only a score is known."""
        part = self.examples.take(outcome.rows)
        return outcome.outputs.evaluate(part.X, part.y) if hasattr(outcome.outputs, "evaluate") else None

    def metrics(self, outcome: Outcome) -> dict[str, float]:
        """Metrics by name."""
        found = self.evaluate(outcome, n_bootstrap=0)
        if found is not None:
            return {m.name: m.value for m in found.metrics}
        part = self.examples.take(outcome.rows)
        return {"score": float(outcome.outputs.score(part.X, part.y))}

    def right(self, outcome: Outcome) -> np.ndarray:
        """Which rows are answered right (rows,); for those that have a right answer."""
        raise NotImplementedError

    def answers(self, outcome: Outcome) -> np.ndarray:
        """Class numbers or numbers (rows, ...), as the estimator would answer."""
        return np.asarray(outcome.outputs)

    def _weight(self, rows: np.ndarray) -> np.ndarray | None:
        return None if self.examples.weight is None else self.examples.weight[rows]


class LabelJudge(Judge):
    """One class a row: outputs are probabilities (rows, K) in the order of `classes`."""

    def __init__(self, examples: Examples, goal: Labels) -> None:
        super().__init__(examples)
        self.classes = goal.fit(examples.y).classes
        self.codes = goal.indices(examples.y)
        self.place = {c: i for i, c in enumerate(self.classes.tolist())}

    @property
    def labels(self) -> np.ndarray:
        return self.codes

    def ask(self, estimator: Any, rows: np.ndarray, train: np.ndarray) -> Outcome:
        X = self.examples.take(rows).X
        if isinstance(estimator, Estimator):
            own = estimator.target_.classes
            said = estimator.target_.probabilities(outputs_of(estimator, X))
            scores_only, threshold = not estimator.objective_.probabilistic, getattr(estimator, "threshold_", 0.5)
        else:
            own, threshold = estimator.classes_, getattr(estimator, "threshold_", 0.5)
            said, scores_only = _said(estimator, X)
        outputs = np.zeros((len(rows), len(self.classes)))
        outputs[:, [self.place[c] for c in np.asarray(own).tolist()]] = said
        threshold = threshold if len(own) == 2 and len(self.classes) == 2 else 0.5
        return Outcome(rows, outputs, train, threshold, scores_only)

    def evaluate(self, outcome: Outcome, *, seed: int = 0, n_bootstrap: int = 1000) -> Evaluation:
        found = evaluate_classification(
            self.codes[outcome.rows],
            outcome.outputs,
            classes=self.classes.tolist(),
            prior=np.bincount(self.codes[outcome.train], minlength=len(self.classes)),
            threshold=outcome.threshold,
            sample_weight=self._weight(outcome.rows),
            seed=seed,
            n_bootstrap=n_bootstrap,
        )
        return found.of_scores() if outcome.scores_only else found

    def answers(self, outcome: Outcome) -> np.ndarray:
        if len(self.classes) == 2:
            return (outcome.outputs[:, 1] >= outcome.threshold).astype(np.int64)
        return outcome.outputs.argmax(1)

    def right(self, outcome: Outcome) -> np.ndarray:
        return self.answers(outcome) == self.codes[outcome.rows]


class MultilabelJudge(Judge):
    """Any number of labels a row: outputs are probabilities (rows, labels)."""

    def __init__(self, examples: Examples, goal: Multilabel) -> None:
        super().__init__(examples)
        self.goal = goal.fit(examples.y)
        self.hot = self.goal.multi_hot(examples.y)

    def ask(self, estimator: Any, rows: np.ndarray, train: np.ndarray) -> Outcome:
        X = self.examples.take(rows).X
        if not isinstance(estimator, Estimator):
            return Outcome(rows, self.goal.multi_hot(estimator.predict(X)).astype(float), train, 0.5, scores_only=True)
        own = estimator.target_
        assert isinstance(own, Multilabel)
        outputs = np.zeros((len(rows), len(self.goal.labels)))
        place = {label: i for i, label in enumerate(self.goal.labels.tolist())}
        outputs[:, [place[label] for label in own.labels.tolist()]] = own.probabilities(outputs_of(estimator, X))
        threshold = getattr(estimator, "threshold_", 0.5)
        return Outcome(rows, outputs, train, threshold if np.ndim(threshold) == 0 else 0.5)

    def evaluate(self, outcome: Outcome, *, seed: int = 0, n_bootstrap: int = 1000) -> Evaluation:
        found = evaluate_multilabel(
            self.hot[outcome.rows],
            outcome.outputs,
            labels=self.goal.labels.tolist(),
            prior=self.hot[outcome.train].mean(0),
            thresholds=outcome.threshold,
            sample_weight=self._weight(outcome.rows),
            seed=seed,
            n_bootstrap=n_bootstrap,
        )
        return found.of_scores() if outcome.scores_only else found

    def answers(self, outcome: Outcome) -> np.ndarray:
        return (outcome.outputs >= outcome.threshold).astype(np.int64)

    def right(self, outcome: Outcome) -> np.ndarray:
        return (self.answers(outcome) == self.hot[outcome.rows]).all(1)


class NumberJudge(Judge):
    """Quantities: outputs are predictions (rows,) or (rows, m) in the user's units."""

    def __init__(self, examples: Examples) -> None:
        super().__init__(examples)
        self.y = number_array(examples.y)

    def ask(self, estimator: Any, rows: np.ndarray, train: np.ndarray) -> Outcome:
        said = np.asarray(estimator.predict(self.examples.take(rows).X), dtype=np.float64)
        return Outcome(rows, said.reshape(self.y[rows].shape), train)

    def evaluate(self, outcome: Outcome, *, seed: int = 0, n_bootstrap: int = 1000) -> Evaluation:
        learned = self.y[outcome.train]
        n = 1 if self.y.ndim == 1 else self.y.shape[1]
        return evaluate_regression(
            self.y[outcome.rows],
            outcome.outputs,
            names=["y"] if n == 1 else [f"y{i}" for i in range(n)],
            train_mean=learned.mean(0),
            train_median=np.median(learned, 0),
            sample_weight=self._weight(outcome.rows),
            seed=seed,
            n_bootstrap=n_bootstrap,
        )


def judge_for(task: str, examples: Examples) -> Judge:
    """What judges a task's answers."""
    if task not in ("classifier", "regressor"):
        return Judge(examples)
    if examples.y is None:
        raise DataError(f"a {task} is judged by answers; give y, or target= with the name of their column")
    if task == "regressor":
        return NumberJudge(examples)
    goal = target_for(examples.y, task)
    return MultilabelJudge(examples, goal) if isinstance(goal, Multilabel) else LabelJudge(examples, goal)  # type: ignore[arg-type]


def _said(estimator: Any, X: Any) -> tuple[np.ndarray, bool]:
    """Probabilities (rows, K) of an estimator in scikit-learn's manner, and whether they are made of scores alone.

    The largest is always what `predict` answers: some estimators' probabilities do not agree with it.
    """
    places = {c: i for i, c in enumerate(np.asarray(estimator.classes_).tolist())}
    answered = np.array([places[c] for c in np.asarray(estimator.predict(X)).tolist()])
    n = len(places)
    scores = estimator.decision_function(X) if hasattr(estimator, "decision_function") else None
    if hasattr(estimator, "predict_proba"):
        said, scores_only = np.array(estimator.predict_proba(X), dtype=np.float64), False
    elif scores is not None and (np.ndim(scores) == 1 or scores.shape[1] == n):
        z = torch.as_tensor(np.asarray(scores, dtype=np.float64))
        said = (torch.stack([(-z).sigmoid(), z.sigmoid()], 1) if z.ndim == 1 else z.softmax(1)).numpy()
        scores_only = True
    else:
        said, scores_only = np.eye(n)[answered], True
    every = np.arange(len(said))
    if n == 2:  # an even chance is answered with the second class
        said[(said[:, 1] == 0.5) & (answered == 0)] = np.nextafter(0.5, 1), np.nextafter(0.5, 0)
    largest = (said[:, 1] >= 0.5).astype(np.int64) if n == 2 else said.argmax(1)
    off = largest != answered
    said[every[off], largest[off]], said[every[off], answered[off]] = (
        said[every[off], answered[off]],
        said[every[off], largest[off]],
    )
    tied = said.argmax(1) != answered
    said[every[tied], answered[tied]] = np.nextafter(said[every[tied], answered[tied]], 1)
    return said, scores_only
