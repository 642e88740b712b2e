"""How likely rows are, from anything, and rows drawn anew."""

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from ..data.sources import Columns
from ..errors import SettingError
from ..evaluation.result import Evaluation
from ..evaluation.unsupervised import evaluate_chances, evaluate_density
from ..objectives.probabilistic.em import EM
from ..objectives.probabilistic.mixtures import GaussianMixtureEM
from ..train.randomness import seeded
from ..train.trainer import Trainer
from .answers.using import spread, usable
from .base import Estimator
from .fitting.training import Ready
from .protocol import fitted
from .unsupervised import Unsupervised

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Density(Unsupervised):
    """The density of rows: how likely each is, which component it is of, and rows drawn from it.

    Parameters
    ----------
    n_components : of a mixture, or directions of "ppca" and "factor_analysis"; None takes the model's own.
    covariance_type : of a mixture: "full", "tied", "diag", "spherical"; None takes the model's own (full).
    n_init : how many starts are trained, side by side; the likeliest is kept. None takes the model's own (1).
    tol : training ends when an iteration gains less log-likelihood a row; None takes the model's own.
    reg_covar : what is added to variances, in squared units of the columns; None takes the model's own (1e-6).
    **training : the settings that all estimators share; see `Estimator`. `epochs` is the most iterations.

    Densities are those of the model's vector: tables keep the columns' own units unless a `codec` says otherwise, and
    columns that never vary are left out with a warning.

    Attributes: `weights_`, `means_`, `covariances_`, `converged_`, `n_iter_`, `lower_bound_` (mean log-likelihood a row
    before the last step), and the estimator's own.
    """

    default_models = {"table": "gmm", "text": "gmm", "image": "gmm"}
    options: ClassVar[tuple[str, ...]] = ("n_components", "covariance_type", "n_init", "tol", "reg_covar")

    def __init__(
        self,
        model: Any = None,
        *,
        n_components: int | None = None,
        covariance_type: str | None = None,
        n_init: int | None = None,
        tol: float | None = None,
        reg_covar: float | None = None,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.n_components, self.covariance_type, self.n_init = n_components, covariance_type, n_init
        self.tol, self.reg_covar = tol, reg_covar

    def _conclude(self, ready: Ready, trainer: Trainer, seconds: float) -> Self:
        super()._conclude(ready, trainer, seconds)
        self.n_iter_ = len(self.history_)
        return self

    # --- what was learned -------------------------------------------------------------------------

    def _mixture(self) -> GaussianMixtureEM:
        objective = fitted(self).objective_
        if not isinstance(objective, GaussianMixtureEM):
            raise SettingError(f"{self.model_name} is no mixture: it has no components; take model='gmm'")
        return objective

    @property
    def weights_(self) -> np.ndarray:
        """Each component's weight (n_components,)."""
        mixture = self._mixture()
        return mixture.weights[mixture.leader].cpu().numpy()

    @property
    def means_(self) -> np.ndarray:
        """Each component's mean (n_components, features), in the model's vector."""
        return self._mixture().leading.cpu().numpy()

    @property
    def covariances_(self) -> np.ndarray:
        """Covariances in the shape of `covariance_type`, as scikit-learn has them."""
        mixture = self._mixture()
        return mixture.covariances[mixture.leader].cpu().numpy()

    @property
    def converged_(self) -> bool:
        """Whether EM came to its end before `epochs` did."""
        objective = fitted(self).objective_
        return objective.finished if isinstance(objective, EM) else True

    @property
    def lower_bound_(self) -> float:
        """The mean log-likelihood a row of the training, before the last step."""
        mixture = self._mixture()
        return float(mixture.log_likelihood[mixture.leader])

    # --- use --------------------------------------------------------------------------------------

    def score_samples(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """ln p(x) of each row (rows,) float64; NaN for rows that `on_error="skip"` passed over."""
        objective: Any = fitted(self).objective_
        X, good = usable(self, X, on_error)
        return spread(self._asked(self._rows(X), objective.log_density), good)

    def log_density(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """`score_samples` under its own name."""
        return self.score_samples(X, on_error=on_error)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The mean log-density of rows."""
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        return float(np.average(self.score_samples(examples.X), weights=examples.weight))

    def predict_proba(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """Each component's share of each row (rows, n_components) float64."""
        X, good = usable(self, X, on_error)
        return spread(self._asked(self._rows(X), self._mixture().responsibilities), good)

    def predict(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """The likeliest component of each row (rows,) int64; of a model without components, ln p(x)."""
        if not isinstance(fitted(self).objective_, GaussianMixtureEM):
            return self.score_samples(X, on_error=on_error)
        X, good = usable(self, X, on_error)
        mixture = self._mixture()
        return spread(self._asked(self._rows(X), lambda batch: mixture.log_joint(batch["x"]).argmax(1)), good)

    def fit_predict(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> np.ndarray:
        """`fit(X)`, and the likeliest component of each row."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def transform(self, X: Any) -> np.ndarray:
        """Rows in the directions of "ppca" or "factor_analysis" (rows, n_components); for a mixture, its shares."""
        objective: Any = fitted(self).objective_
        if isinstance(objective, GaussianMixtureEM):
            return self.predict_proba(X)
        return self._asked(self._rows(X), objective.project)

    def fit_transform(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> np.ndarray:
        """`fit(X)`, and what `transform` says of these rows."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def sample(self, n: int = 1, *, seed: int | None = None) -> Any:
        """Rows drawn from the density, in the user's terms: an array of a table of numbers, else as the codec decodes.

        `seed` None takes the estimator's own; equal seeds give equal rows.
        """
        if not isinstance(n, Integral) or n < 1:
            raise SettingError(f"sample draws a whole number of rows, 1 or more; got n={n!r}")
        objective: Any = fitted(self).objective_
        generator = seeded(self.seed if seed is None else seed)
        with torch.no_grad():
            x, _ = objective.draw(n, generator)
        decode = getattr(self.codec_, "decode", None)
        return decode(x) if decode is not None and self.codec_.kind in ("table", "image") else x.numpy()

    def bic(self, X: Any) -> float:
        """The Bayesian information criterion on rows: parameters ln(rows) - 2 log-likelihood; less is better.

        Source: Schwarz 1978.
        """
        log_p = self.score_samples(X)
        objective: Any = self.objective_
        return float(objective.n_parameters * np.log(len(log_p)) - 2 * log_p.sum())

    def aic(self, X: Any) -> float:
        """Akaike's information criterion on rows: 2 parameters - 2 log-likelihood; less is better.

        Source: Akaike 1974.
        """
        objective: Any = fitted(self).objective_
        return float(2 * objective.n_parameters - 2 * self.score_samples(X).sum())

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """The mean log-density of rows with its interval, beside that of independent columns."""
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        vectors = self._asked(self._rows(examples.X), lambda b: b["x"].double())
        log_p, units = self.score_samples(examples.X), getattr(self.objective_, "of_units", None)
        if units is not None:
            return evaluate_chances(log_p, vectors, weight=examples.weight, **units)
        return evaluate_density(log_p, vectors, weight=examples.weight)

    def plot(self, X: Any = None) -> "Figure":
        """The components' ellipses over rows, for a mixture of two columns."""
        from ..insight.densities import plot_ellipses

        mixture = self._mixture()
        k, d = mixture.means.shape[1:]
        factors = mixture.shape.factors(mixture.covariances[mixture.leader], k, d)
        points = None if X is None else self._asked(self._rows(X), lambda batch: batch["x"])
        return plot_ellipses(self.means_, (factors @ factors.mT).cpu().numpy(), weights=self.weights_, points=points)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.transformer_tags = "density_estimator", TransformerTags()
        return tags

    learned = (*Estimator.learned, "n_iter_")


class GaussianMixture(Density):
    """`Density("gmm")` by the name that scikit-learn knows; `epochs` is its max_iter, `seed` its random_state."""


GaussianMixture.task = Density.task
