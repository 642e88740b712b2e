"""Quantities from anything."""

from typing import Any, Self, cast

import numpy as np

from ..data.gaussians import Gaussians
from ..data.quantiles import Quantiles
from ..data.sources import Columns
from ..data.targets import Numbers, number_array
from ..errors import SettingError
from ..evaluation.regression import evaluate_regression
from ..evaluation.result import Evaluation
from ..functional.metrics import r2
from ..objectives.bayes.posterior import Posterior
from ..objectives.bayes.predictive import SolvedNumbers
from .answers.using import asked, hidden_of, outputs_of, spread, usable
from .base import Estimator
from .fitting.heads import goal_of
from .fitting.intake import examples_of
from .fitting.teaching import refuse_parts
from .fitting.training import Ready
from .judging.doubt import with_doubt_of_numbers
from .judging.uncertainty import Uncertainty, interval_of, of_numbers, samples_of
from .protocol import fitted


class Regressor(Estimator):
    """One or several numbers a row, in the units that `fit` was given.

    Parameters
    ----------
    start : what to start from instead of drawn weights: a fitted estimator, the path of a saved one or of a folder
        that `pn.hub` reads, or an nn.Module. Its codec is taken too; a head of other classes is drawn anew. Of an
        Embedder the vocabulary is taken, and its vectors begin the embedding of a net of ids.
    freeze : what stays as it is: "body" (all but the head), a number of layers from the input, or names such as
        "stages.0" or "*.bn1.*".
    unfreeze : the epoch from which everything trains, or a dict from epochs to names that join then.
    rate_decay : what multiplies the learning rate from each layer to the one below it.
    **training : the settings that all estimators share; see `Estimator`.

    Attributes: `start_`, `history_`, `n_features_in_`, `feature_names_in_`.
    """

    default_models = {"image": "cnn", "video": "cnn_lstm", "speech": "tdnn", "sequences": "gru"}

    def __init__(
        self,
        model: Any = None,
        *,
        start: Any = None,
        freeze: int | str | tuple[str, ...] = (),
        unfreeze: Any = None,
        rate_decay: float = 1.0,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.start, self.freeze, self.unfreeze, self.rate_decay = start, freeze, unfreeze, rate_decay

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from rows X and their numbers y (rows,) or (rows, outputs).

        Parameters
        ----------
        X : an array, frame, list of texts or pictures, or a path to a CSV or Parquet file (with `target`).
        target : the column of X that holds the answers, or several, in place of y.
        validation : a fraction to hold out, (X, y), or a path; watched by `patience`.
        sample_weight : how much each row counts (rows,).

        Raises
        ------
        DataError : the data break a contract; the message names the row, column or file and the remedy.
        """
        return self._train(self._take(X, y, target=target, validation=validation, sample_weight=sample_weight))

    def _take(self, X: Any, y: Any, *, target: Any = None, validation: Any = None, sample_weight: Any = None) -> Ready:
        examples = examples_of(X, y, target=target, sample_weight=sample_weight, memory=self.memory)
        number_array(examples.y)
        return self._ready(examples, self._goal(), validation, None)

    def partial_fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """One pass over these rows, going on from where the last call ended.

        How X and y become numbers is learned from the first call's rows.
        """
        refuse_parts(self)
        examples = examples_of(X, y, sample_weight=sample_weight, memory=self.memory)
        goal = None if hasattr(self, "objective_") else self._goal().fit(examples.y)
        self._partial_fit(examples, goal)
        return self

    def _goal(self) -> Numbers:
        """The target codec, unfitted: numbers as they are where the loss takes their logarithms, else standardised."""
        return cast(Numbers, goal_of(self, None))

    def features(self, X: Any) -> np.ndarray:
        """What the last layer is given of rows, (rows, features): the net without its head."""
        return hidden_of(self, usable(self, X, "raise")[0])

    def predict(self, X: Any, *, on_error: str = "raise", return_std: bool = False) -> Any:
        """(rows,) or (rows, outputs) float64; NaN for rows that `on_error="skip"` passed over.

        With `return_std`, after a fit with `inference`, with loss="gaussian_nll", or of a model that knows its doubt
        ("gaussian_process"), also the standard deviation of a new answer, noise included.
        """
        X, good = usable(self, X, on_error)
        found = spread(self.target_.decode(outputs_of(self, X)), good)
        return (found, spread(of_numbers(self, X).total, good)) if return_std else found

    def predict_samples(self, X: Any, n: int = 100, *, seed: int = 0) -> np.ndarray:
        """n answers a row as new data would show them, noise included: (n, rows, ...); for what `return_std` is for."""
        return samples_of(self, usable(self, X, "raise")[0], n, seed)

    def uncertainty(self, X: Any) -> Uncertainty:
        """Standard deviations of rows: total, of the noise, and of what is not known; for what `return_std` is for."""
        return of_numbers(self, usable(self, X, "raise")[0])

    def predict_quantiles(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """The learned quantiles of rows, ascending: (rows, quantiles), or (rows, outputs, quantiles).

        For `loss=pn.loss("quantile", quantiles=(0.1, 0.5, 0.9))`. Where a model's quantiles cross they are sorted.
        """
        if not isinstance(fitted(self).target_, Quantiles):
            raise SettingError(
                f"quantiles are learned with loss=pn.loss('quantile'); this model has loss={self.loss!r}"
            )
        X, good = usable(self, X, on_error)
        return spread(self.target_.levels(outputs_of(self, X)), good)

    def predict_interval(self, X: Any, *, level: float | None = None, on_error: str = "raise") -> np.ndarray:
        """Lower and upper ends from learned quantiles: (rows, 2), or (rows, outputs, 2).

        `level` is the share they should hold: 0.8 lies between the quantiles 0.1 and 0.9, which must have been learned;
        None takes the outermost two. How many answers really lie inside is for `pn.Conformal` to guarantee.
        Where `return_std` can be had the ends are those of the predictive distribution, for 0.95 if no level is given.
        """
        if isinstance(fitted(self).objective_, Posterior | SolvedNumbers) or isinstance(self.target_, Gaussians):
            X, good = usable(self, X, on_error)
            return spread(interval_of(self, X, level), good)
        found = self.predict_quantiles(X, on_error=on_error)
        return found[..., list(self.target_.ends(level))]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """R squared: 1 is perfect, 0 is what the mean of y scores."""
        examples = asked(self, X, y, target, sample_weight)
        return float(r2(number_array(examples.y), self.predict(examples.X), sample_weight=examples.weight))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Metrics with intervals beside the trivial baseline's, on rows that training has not seen."""
        examples = asked(self, X, y, target, sample_weight)
        goal = self.target_
        n = len(goal.mean)
        found = evaluate_regression(
            number_array(examples.y),
            self.predict(examples.X),
            names=[f"y{i}" for i in range(n)] if n > 1 else ["y"],
            train_mean=goal.mean,
            train_median=goal.median,
            sample_weight=examples.weight,
            seed=self.seed,
        )
        return with_doubt_of_numbers(self, examples, found)

    learned = (*Estimator.learned, "start_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        tags.target_tags.required = tags.target_tags.multi_output = True
        return tags
