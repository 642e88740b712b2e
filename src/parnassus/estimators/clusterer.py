"""Groups of rows, from anything."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import torch

from ..data.rows import Rows
from ..data.sources import Columns
from ..errors import DataWarning, SettingError
from ..evaluation.result import Evaluation
from ..evaluation.unsupervised import evaluate_clusters
from ..objectives.probabilistic.clusters import Lloyd, MiniBatchKMeans
from ..registry import Spec
from ..train.trainer import Trainer
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import model_of
from .fitting.training import Ready
from .protocol import fitted
from .unsupervised import Unsupervised

COMPARED = 16_384  # rows whose nearest centers are looked for at once


class Clusterer(Unsupervised):
    """A group for each row, found without answers.

    Parameters
    ----------
    n_clusters : how many groups; None takes the model's own (8).
    n_init : how many starts are trained, side by side; the best is kept. None takes the model's own (1).
    init : how centers start, where the model has them: "k-means++", "random" rows, or the centers themselves
        (n_clusters, features). None takes the model's own.
    **training : the settings that all estimators share; see `Estimator`. `epochs` is the most iterations.

    Attributes: `cluster_centers_` (n_clusters, features), `labels_` (rows of the training), `inertia_`, `n_iter_`.
    Centers and distances are in the model's vector: the columns' own units, categories as unit vectors; a `codec` such
    as `pn.Table(scaling="standard")` weighs columns alike.
    """

    default_models = {"table": "kmeans", "text": "kmeans", "image": "kmeans"}
    options: ClassVar[tuple[str, ...]] = ("n_clusters", "n_init")

    labels_: np.ndarray
    inertia_: float

    def __init__(
        self, model: Any = None, *, n_clusters: int | None = None, n_init: int | None = None, **training: Any
    ) -> None:
        super().__init__(model, **training)
        self.n_clusters, self.n_init = n_clusters, n_init

    def spec(self, role: str, given: Any) -> Any:
        """A name or a Spec as a Spec of its own; a mixture's components are its clusters, `init` starts the centers."""
        if role == "initializer":
            return None if self._starts_centers() else super().spec(role, given)
        if role != "model":
            return super().spec(role, given)
        found = Estimator.spec(self, role, given)
        known = found.defaults(self.task)
        counted = "n_clusters" if "n_clusters" in known else "n_components"
        values: dict[str, Any] = {counted: self.n_clusters, "n_init": self.n_init}
        if "centers" in known and self.init is not None:
            values |= {"init": self.init} if isinstance(self.init, str) else {"centers": rows_of_centers(self.init)}
        return found.set_params(**{name: value for name, value in values.items() if value is not None})

    def _starts_centers(self) -> bool:
        given = model_of(self)
        return isinstance(given, str | Spec) and "centers" in self.spec("model", given).defaults(self.task)

    def _conclude(self, ready: Ready, trainer: Trainer, seconds: float) -> Self:
        super()._conclude(ready, trainer, seconds)
        objective: Any = self.objective_
        self.n_iter_ = len(self.history_)
        vars(self).pop("inertia_", None)
        if isinstance(objective, Lloyd | MiniBatchKMeans):
            self.labels_, self.inertia_ = self._nearest(ready.rows, objective)
            held, asked = len(np.unique(self.labels_)), len(objective.leading)
            if held < asked:
                warnings.warn(
                    f"{asked} clusters were asked for, and {held} hold all {len(self.labels_)} rows; lower n_clusters "
                    f"to {held}, or look whether the rows differ",
                    DataWarning,
                    stacklevel=4,
                )
        else:
            self.labels_ = self._asked(ready.rows, self._label)
        return self

    def _nearest(self, rows: Rows, objective: Lloyd | MiniBatchKMeans) -> tuple[np.ndarray, float]:
        """The nearest center of each row, and the sum of squared distances to them as rows count; in one pass."""

        def both(batch: Any) -> torch.Tensor:
            labels, squares = objective.nearest(batch)
            return torch.stack([labels.double(), squares * batch.get("weight", 1)], 1)

        found = self._asked(rows, both, at_once=COMPARED)
        return found[:, 0].astype(np.int64), float(found[:, 1].sum())

    def _label(self, batch: Any) -> Any:
        objective: Any = self.objective_
        named = getattr(objective, "labels", None)
        return objective.outputs(batch).argmax(1) if named is None else named(batch)

    @property
    def cluster_centers_(self) -> np.ndarray:
        """(n_clusters, features) float64, in the model's vector."""
        objective: Any = fitted(self).objective_
        centers = getattr(objective, "leading", None)
        if centers is None:
            raise SettingError(f"{self.model_name} has no centers; k-means and mixtures have")
        return centers.cpu().numpy()

    def predict(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """The group of each row (rows,) int64; None for rows that `on_error="skip"` passed over."""
        X, good = usable(self, X, on_error)
        return spread(self._asked(self._rows(X), self._label), good)

    def fit_predict(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> np.ndarray:
        """`fit(X)`, and the group of each row it learned from."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def transform(self, X: Any) -> np.ndarray:
        """The distance of each row to each center (rows, n_clusters) float64."""
        objective: Any = fitted(self).objective_
        if not hasattr(objective, "distances"):
            raise SettingError(f"{self.model_name} has no centers to measure distances to; take 'kmeans'")
        return self._asked(self._rows(X), objective.distances)

    def fit_transform(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> np.ndarray:
        """`fit(X)`, and the distance of each row to each center."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """Minus the inertia of these rows: minus the sum of squared distances to the nearest centers."""
        objective: Any = fitted(self).objective_
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        each = getattr(objective, "inertia", None)
        rows = self._rows(examples.X)
        values = -self._asked(rows, each) if each is not None else self._asked(rows, objective.log_density)
        return float(values.sum() if examples.weight is None else values @ examples.weight)

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """How far apart the groups are on rows: silhouette, and the mean squared distance to the nearest center."""
        objective: Any = fitted(self).objective_
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        rows = self._rows(examples.X)
        squares = self._asked(rows, objective.inertia) if hasattr(objective, "inertia") else None
        vectors = self._asked(rows, lambda b: b["x"].double())
        labels = self._asked(rows, self._label)
        return evaluate_clusters(labels, squares, vectors, seed=self.seed, weight=examples.weight)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.transformer_tags = "clusterer", TransformerTags()
        return tags

    learned = (*Estimator.learned, "inertia_", "n_iter_")


def rows_of_centers(given: Any) -> tuple[tuple[float, ...], ...]:
    """First centers, an array (n_clusters, features), as an option holds them."""
    try:
        centers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        centers = np.empty(0)
    if centers.ndim != 2 or not np.isfinite(centers).all():
        raise SettingError(f"init is 'k-means++', 'random' or finite centers (n_clusters, features); got {given!r}")
    return tuple(map(tuple, centers.tolist()))


class KMeans(Clusterer):
    """`Clusterer("kmeans")` by the name that scikit-learn knows; `epochs` is its max_iter, `seed` its random_state."""


KMeans.task = Clusterer.task
