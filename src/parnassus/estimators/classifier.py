"""Classes, or sets of labels, from anything."""

from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import numpy as np

from ..data.sources import Columns
from ..data.targets import Labels, Multilabel
from ..errors import DataError, SettingError
from ..evaluation.classification import evaluate_classification
from ..evaluation.multilabel import evaluate_multilabel
from ..evaluation.ordinal import with_rank_error
from ..evaluation.result import Evaluation
from ..evaluation.thresholds import tune_threshold
from ..train.trainer import Trainer
from .answers.choosing import likeliest, share_chosen
from .answers.using import asked, hidden_of, outputs_of, spread, usable
from .base import Estimator
from .fitting.heads import goal_of
from .fitting.intake import Examples, examples_of
from .fitting.teaching import refuse_parts
from .fitting.training import Ready
from .fitting.unlabelled import teach_without_labels
from .judging.doubt import class_samples_of, with_doubt_of_classes
from .judging.uncertainty import Uncertainty, of_classes
from .protocol import fitted


class Classifier(Estimator):
    """One class a row, or any number of labels where y holds lists of labels or a matrix of 0 and 1.

    Parameters
    ----------
    class_weight : None, "balanced" (each class counts alike), or a dict from class to weight.
    threshold : the probability at which the second of two classes, or a label, is answered; or a metric ("f1",
        "balanced_accuracy", "accuracy", "f1_micro") for which it is tuned on the validation rows.
    start : what to start from instead of drawn weights: a fitted estimator, the path of a saved one or of a folder
        that `pn.hub` reads, or an nn.Module. Its codec is taken too; a head of other classes is drawn anew. Of an
        Embedder the vocabulary is taken, and its vectors begin the embedding of a net of ids.
    freeze : what stays as it is: "body" (all but the head), a number of layers from the input, or names such as
        "stages.0" or "*.bn1.*".
    unfreeze : the epoch from which everything trains, or a dict from epochs to names that join then.
    rate_decay : what multiplies the learning rate from each layer to the one below it.
    teacher : a fitted classifier, or the path of one, whose probabilities are learned beside the labels.
    temperature : what the teacher's logarithms are divided by; larger ones tell more of how alike wrong classes are.
    teacher_share : how much the teacher counts, from 0 to 1, beside the labels.
    **training : the settings that all estimators share; see `Estimator`.

    Attributes: `classes_`, `threshold_`, `start_`, `history_`, `n_features_in_`, `feature_names_in_`.

    Systems: estimator-api, output-head-rule, decision-rules
    Source: Hifny A5.5, A6.7 and A7.7: probability at least one half, the largest score, a sigmoid for each label.
    """

    default_models = {"image": "cnn", "video": "cnn_lstm", "speech": "tdnn", "sequences": "gru"}

    def __init__(
        self,
        model: Any = None,
        *,
        class_weight: Any = None,
        threshold: Any = 0.5,
        start: Any = None,
        freeze: int | str | tuple[str, ...] = (),
        unfreeze: Any = None,
        rate_decay: float = 1.0,
        teacher: Any = None,
        temperature: float = 2.0,
        teacher_share: float = 0.5,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.class_weight, self.threshold = class_weight, threshold
        self.start, self.freeze, self.unfreeze, self.rate_decay = start, freeze, unfreeze, rate_decay
        self.teacher, self.temperature, self.teacher_share = teacher, temperature, teacher_share

    # --- fit --------------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None,
        sample_weight: Any = None, unlabelled: Any = None,
    ) -> Self:  # fmt: skip
        """Learn from rows X and their labels y.

        Parameters
        ----------
        X : an array, frame, list of texts or pictures, or a path: a CSV or Parquet file (with `target`), or a folder
            with a folder of pictures for each class.
        y : labels (rows,): strings, integers or booleans; lists of labels, or 0 and 1 (rows, labels).
        target : the column of X that holds the answers, or several, in place of y.
        validation : a fraction to hold out, (X, y), or a path; watched by `patience` and used for the threshold.
        sample_weight : how much each row counts (rows,).
        unlabelled : more rows like X whose labels nobody knows, for a model that learns from them ("vae_m2").

        Raises
        ------
        DataError : the data break a contract; the message names the row, column or file and the remedy.
        """
        ready = self._take(X, y, target=target, validation=validation, sample_weight=sample_weight)
        if unlabelled is not None:
            teach_without_labels(self, unlabelled, ready.device)
        return self._train(ready)

    def partial_fit(self, X: Any, y: Any, *, classes: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these rows, going on from where the last call ended; the first one names all `classes`.

        How X becomes numbers is learned from the first call's rows.
        """
        if self.class_weight is not None or isinstance(self.threshold, str):
            raise SettingError(
                "class_weight and a threshold to tune need all rows at once, which partial_fit has not; "
                "give sample_weight, and threshold as a number"
            )
        refuse_parts(self)
        first = not hasattr(self, "objective_")
        examples = examples_of(X, y, sample_weight=sample_weight, memory=self.memory)
        goal = None
        if first:
            goal = goal_of(self, examples.y if classes is None else classes)
            goal.fit(examples.y if classes is None else classes)
        vars(self).pop("calibration_", None)
        self._partial_fit(examples, goal)
        if first:
            self.threshold_ = self._threshold()
        return self

    def _take(self, X: Any, y: Any, *, target: Any = None, validation: Any = None, sample_weight: Any = None) -> Ready:
        vars(self).pop("calibration_", None)
        examples, goal, labels = self._intake(X, y, target, sample_weight)
        if validation is None and isinstance(self.threshold, str):
            validation = 0.2
        if self.class_weight is not None and isinstance(validation, tuple) and len(validation) in (2, 3):
            held, answers, *given = validation  # weighted as a fraction of the training rows would be
            weight = class_weights(self.class_weight, cast(Labels, goal))[cast(Labels, goal).indices(answers)]
            validation = held, answers, weight * (1 if not given or given[0] is None else given[0])
        return self._ready(examples, goal, validation, labels)

    def _conclude(self, ready: Ready, trainer: Trainer, seconds: float) -> Self:
        super()._conclude(ready, trainer, seconds)
        self.threshold_ = self._threshold()
        return self

    def _intake(self, X: Any, y: Any, target: Columns | None, sample_weight: Any) -> tuple[Examples, Any, Any]:
        """The examples, their target codec, and class numbers to stratify by where there is one class a row."""
        examples = examples_of(X, y, target=target, sample_weight=sample_weight, memory=self.memory)
        goal = goal_of(self, examples.y)
        labels = goal.fit(examples.y).indices(examples.y) if isinstance(goal, Labels) else None
        if self.class_weight is not None:
            if labels is None:
                raise SettingError("class_weight is for one class a row; for several labels use threshold")
            weight = class_weights(self.class_weight, cast(Labels, goal))[labels]
            examples.weight = weight if examples.weight is None else weight * examples.weight
        return examples, goal, labels

    def _threshold(self) -> Any:
        """The threshold as given, or tuned on the validation rows."""
        if not isinstance(self.threshold, str):
            return checked_threshold(self.threshold, self.target_)
        kind = fitted(self).target_.loss_kind
        if kind in ("labels", "ordinal"):
            raise SettingError("a threshold is tuned for two classes, or for several labels a row; leave threshold=0.5")
        held = self.held_
        assert held is not None  # fit holds rows out where a threshold is to be tuned
        probability = self._probabilities(held.X)
        if kind == "binary":
            truth = self.target_.indices(held.y)
            if len(np.unique(truth)) < 2:
                raise DataError(
                    f"the validation rows hold {held.y[:1]!r} and its like alone; a threshold is tuned on rows of "
                    "both classes: give others, or a fraction"
                )
            return float(tune_threshold(truth, probability[:, 1], metric=self.threshold))  # type: ignore[arg-type]
        truth = self.target_.multi_hot(held.y)
        return np.asarray(tune_threshold(truth, probability, metric=self.threshold)).tolist()  # type: ignore[arg-type]

    def calibrate(
        self,
        X: Any = None,
        y: Any = None,
        *,
        how: str = "temperature",
        target: Columns | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Map the probabilities to frequencies on rows that training has not seen; by default the validation rows.

        `how` is "temperature" (one number, the answers stay), "platt" (a sigmoid) or "isotonic" (steps; many rows). The
        map is saved with the model and forgotten by `fit`; `calibration_` holds it, with the metrics before and after.
        """
        examples = fitted(self).held_ if X is None else asked(self, X, y, target, sample_weight)
        if examples is None:
            raise SettingError("calibrate() takes the rows that fit held out, and there are none; give X and y")
        from .judging.calibration import calibrate

        self.calibration_ = calibrate(self, examples, how)
        if isinstance(self.threshold, str) and self.held_ is not None:
            self.threshold_ = self._threshold()
        return self

    # --- use --------------------------------------------------------------------------------------

    @property
    def classes_(self) -> np.ndarray:
        target = fitted(self).target_
        return target.labels if isinstance(target, Multilabel) else target.classes

    @property
    def predict_proba(self) -> Callable[..., np.ndarray]:
        """Probabilities of rows, `predict_proba(X, on_error="raise")`; absent where the model gives scores alone."""
        if hasattr(self, "objective_") and not (self.objective_.probabilistic or hasattr(self, "calibration_")):
            raise AttributeError(f"{self.model_name!r} gives scores and no probabilities; see decision_function")
        return self._predict_proba

    def _predict_proba(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """(rows, classes) float64; with several labels a row, (rows, labels), each on its own.

        `on_error="skip"` gives NaN for rows that cannot be used, says which, and keeps the reasons in `skipped_`.
        """
        X, good = usable(self, X, on_error)
        return spread(self._probabilities(X), good)

    def _probabilities(self, X: Any) -> np.ndarray:
        outputs = outputs_of(self, X)
        if not hasattr(self, "calibration_"):
            return self.target_.probabilities(outputs)
        from .judging.calibration import logits_of, mapped

        return mapped(self.calibration_["map"], logits_of(outputs.double().numpy()))

    def uncertainty(self, X: Any) -> Uncertainty:
        """Entropies of rows after a fit with `inference`: total, of the data, and what is due to the weights.

        (rows,) each; where a row has several labels, those of each label, (rows, labels).
        """
        return of_classes(self, usable(self, X, "raise")[0])

    def predict_samples(self, X: Any, n: int = 100, *, seed: int = 0) -> np.ndarray:
        """n labels a row as new rows would show them, after a fit with `inference`: (n, rows), each by one draw.

        Where a row has several labels 1 for each that is there and 0 for the rest, (n, rows, labels).
        """
        return class_samples_of(self, usable(self, X, "raise")[0], n, seed)

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores before the decision: (rows,) for two classes, else (rows, classes)."""
        scores = outputs_of(self, X).double().numpy()
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def features(self, X: Any) -> np.ndarray:
        """What the last layer is given of rows, (rows, features): the net without its head."""
        return hidden_of(self, usable(self, X, "raise")[0])

    def predict(self, X: Any, *, on_error: str = "raise") -> Any:
        """Labels in the form that `fit` was given; None for rows that `on_error="skip"` passed over."""
        X, good = usable(self, X, on_error)
        answers = self.target_.decide(self._probabilities(X), threshold=self.threshold_)
        return spread(answers, good)

    def choose(self, prompt: str, choices: Sequence[str]) -> str:
        """Multiple choice: the text whose pair with the prompt is likeliest to be of the second of two classes.

        Such pairs, wrong (0) and right (1), are made of questions by `data.text.choices.pairs_of_choices`.
        """
        return likeliest(self, prompt, choices)

    def cloze(self, prompts: Sequence[str], answers: Sequence[str], choices: Sequence[Sequence[str]]) -> float:
        """The share of prompts whose answer is chosen among its choices."""
        return share_chosen(self.choose, prompts, answers, choices)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The share of rows answered right; with several labels a row, of rows with every label right."""
        examples = asked(self, X, y, target, sample_weight)
        answers = self.predict(examples.X)
        goal = self.target_
        if isinstance(goal, Multilabel):
            right = (goal.multi_hot(answers) == goal.multi_hot(examples.y)).all(1)
        else:
            right = np.asarray(answers) == goal.labels_like(examples.y)
        return float(np.average(right, weights=examples.weight))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Metrics with intervals beside the trivial baseline's, on rows that training has not seen."""
        examples = asked(self, X, y, target, sample_weight)
        found = judged(self, examples, self._probabilities(examples.X))
        found = with_doubt_of_classes(self, examples, found)
        return found if self.objective_.probabilistic or hasattr(self, "calibration_") else found.of_scores()

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags(multi_label=True)
        tags.target_tags.required = True
        return tags

    learned = (*Estimator.learned, "threshold_", "calibration_", "start_")


def judged(estimator: Classifier, examples: Examples, probability: np.ndarray) -> Evaluation:
    """What probabilities of rows are worth, by the kind of target."""
    goal, weight = estimator.target_, examples.weight
    if isinstance(goal, Multilabel):
        found = evaluate_multilabel(
            goal.multi_hot(examples.y),
            probability,
            labels=goal.labels.tolist(),
            prior=goal.counts / goal.n_rows,
            thresholds=estimator.threshold_,
            sample_weight=weight,
            seed=estimator.seed,
        )
    else:
        found = evaluate_classification(
            goal.indices(examples.y),
            probability,
            classes=goal.classes.tolist(),
            prior=goal.counts,
            threshold=0.5 if goal.loss_kind == "labels" else estimator.threshold_,
            sample_weight=weight,
            seed=estimator.seed,
        )
    if goal.loss_kind == "ordinal" and len(goal.classes) > 2:
        found = with_rank_error(
            found, goal.indices(examples.y), probability, prior=goal.counts, sample_weight=weight, seed=estimator.seed
        )
    return found


def class_weights(given: Any, goal: Labels) -> np.ndarray:
    """One weight a class, in the order of `goal.classes`, from what the setting `class_weight` holds."""
    if given == "balanced":
        return goal.counts.sum() / (len(goal.classes) * goal.counts)
    if not isinstance(given, dict):
        raise SettingError(f"class_weight is None, 'balanced' or a dict, class to weight; got {given!r}")
    known = goal.classes.tolist()
    unknown = [c for c in given if c not in known]
    if unknown:
        raise SettingError(f"class_weight names {unknown}, which y does not hold; y holds {known[:20]}")
    weights = np.array([float(given.get(c, 1.0)) for c in known])
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise SettingError(f"class weights are finite and not negative; got {given!r}")
    return weights


def checked_threshold(given: Any, goal: Any) -> Any:
    """A threshold as a number, or a list of one a label; what is no probability is refused."""
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not ((values >= 0) & (values <= 1)).all():
        raise SettingError(f"threshold is a probability in [0, 1], or a metric's name; got {given!r}")
    n = goal.facts()["n_outputs"]
    if values.ndim and (goal.loss_kind != "multilabel" or values.shape != (n,)):
        raise SettingError(
            f"threshold is one probability, or one a label of several; got {values.shape} for {n} outputs"
        )
    return values.tolist()
