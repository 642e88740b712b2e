"""What is odd in a series: a score and a verdict for every step."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from .. import store
from ..data.timeseries.strand import Strand, strand_of
from ..errors import DataError, SettingError, check_count, did_you_mean
from ..evaluation.classification import evaluate_classification
from ..evaluation.result import Evaluation
from ..functional.subsequences import matrix_profile
from ..objectives.probabilistic.mixtures import GaussianMixtureEM
from .autoencoder import Autoencoder
from .base import Estimator
from .density import Density
from .forecaster import Forecaster
from .judging.residuals import one_step_errors
from .protocol import Settings, fitted
from .saving import plain, rebuilt, rich, tree_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("matrix_profile", "forecast", "autoencoder", "density")
NO_PROBABILITIES = ("log_loss", "brier", "expected_calibration_error")  # scores are in order, and say no more
ROWS = 2000  # windows that a model learns from at most


@dataclass(frozen=True)
class Anomalies:
    """The odd stretches of a series, the oddest first.

    Attributes
    ----------
    starts, ends : the times of their first and last steps; peaks : of their worst; scores : the score there.
    steps : (time,) the score of every step, NaN where there is none; odd : which of them are odd.
    """

    starts: np.ndarray
    ends: np.ndarray
    peaks: np.ndarray
    scores: np.ndarray
    steps: np.ndarray
    odd: np.ndarray
    threshold: float
    series: np.ndarray
    times: np.ndarray

    def table(self) -> Any:
        """A pandas frame, a row a stretch: start, end, peak, score."""
        import pandas as pd

        return pd.DataFrame({"start": self.starts, "end": self.ends, "peak": self.peaks, "score": self.scores})

    def by_step(self) -> Any:
        """A pandas frame, a row a step: time, value, score, and whether it is odd, 0 or 1."""
        import pandas as pd

        held = {"time": self.times, "value": self.series, "score": self.steps, "odd": self.odd.astype(int)}
        return pd.DataFrame(held)

    def __str__(self) -> str:
        head = f"{len(self.starts)} odd stretches among {len(self.series):,} steps (score above {self.threshold:.4g})"
        rows = [
            f"  {a} to {b}: score {s:.4g} at {p}"
            for a, b, s, p in self.table()[["start", "end", "score", "peak"]].itertuples(index=False)
        ]
        return "\n".join([head, *rows[:10], *([f"  and {len(rows) - 10} more"] if len(rows) > 10 else [])])

    def plot(self) -> "Figure":
        """The series with its odd stretches marked, and the score of every step beside the threshold."""
        from ..insight.patterns import anomalies_on_series

        return anomalies_on_series(self.series, self.times, self.steps, self.odd, self.threshold)


COLUMNS = ("target", "time", "series", "past", "known", "frequency")  # settings that speak of a frame


class AnomalyDetector(Settings):
    """Steps of a series that are unlike what it usually does.

    Parameters
    ----------
    method : "matrix_profile" (distance of a stretch to its nearest neighbour in the series of fit), "forecast" (error
        of a one-step forecast, in robust deviations), "autoencoder" (error of a rebuilt stretch), "density" (how
        unlikely a stretch is). Or an estimator with settings of its own: `pn.Forecaster("lstm", horizon=1)`,
        `pn.Autoencoder("lstm_ae", epochs=50)`, `pn.Density("gmm", n_components=5)`.
    window : steps of a stretch; None takes 30, or less in a short series. A forecaster says its own by `history`.
    quantile : the share of the steps of fit whose score does not lie above the threshold; 1 takes the largest of them,
        so that none is odd. Below 1 the oddest steps are, even where more than the rest of them share one score.
    threshold : a score above which a step is odd, in place of `quantile`.

    "matrix_profile" looks at shapes alone: stretches are z-normalised, so that another level or size is not odd to it;
    "forecast", "density" and "autoencoder" see those too.

    A stretch lends its score to the steps that it covers: a step's is the least of them, so that what is near an odd
    step is not odd itself. An autoencoder's error is known step by step, and is averaged over the stretches.

    A component of a mixture that stands for fewer stretches than two odd steps touch does not count as usual, so that a
    series may be fitted with what is odd in it.

    Attributes: `threshold_`, `window_`, `estimator_` (None for "matrix_profile").

    Systems: series-anomaly
    Source: Baker 6.2.5 (residuals and discords); Martinez-Ramon example 7.4.1 and problem 5.10, with a threshold that
    can be set, and the window itself as the autoencoder's target (F7-22).
    """

    task = "anomaly_detector"
    usual_: np.ndarray | None = None  # which components of a mixture count
    roles: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        method: Any = "matrix_profile",
        *,
        window: int | None = None,
        quantile: float = 0.99,
        threshold: float | None = None,
        seed: int = 0,
    ) -> None:
        self.method, self.window, self.quantile, self.threshold, self.seed = method, window, quantile, threshold, seed

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, **reading: Any) -> Self:
        """Learn what is usual from one series X; y is not used.

        reading: how X is read: `target`, `time`, `missing`, ... as in `pn.Forecaster`.
        """
        self._check()
        for name in [k for k in vars(self) if k.endswith("_")]:
            delattr(self, name)
        strand = strand_of(X, **reading)
        y_, n = strand.y.numpy(), len(strand.y)
        window = min(30, n // 4) if self.window is None else self.window
        if window < 2 or n < 2 * window:
            raise DataError(f"the series has {n} steps; two windows of {max(window, 2)} need {2 * max(window, 2)}")
        self.window_, self.series_, self.reading_ = window, y_, dict(reading)
        self.estimator_ = self._made()
        if isinstance(self.estimator_, Forecaster):
            if self.estimator_.history is None and self.window is not None:
                self.estimator_.set_params(history=window)
            errors = one_step_errors(self.estimator_.fit(y_))[0][1]
            self.center_ = float(np.median(errors))
            self.spread_ = float(np.median(np.abs(errors - self.center_)) / 0.6744897501960817) or float(errors.std())
            if not self.spread_ > 0:
                raise DataError("every one-step forecast of the series is exact, so no error is usual")
        elif self.estimator_ is not None:
            rows = self._rows(y_)
            self.estimator_.fit(self._stretches(rows[:: max(1, -(-len(rows) // ROWS))]))
            self.usual_ = _usual_parts(self.estimator_, len(rows), window)
        usual = self._scores(strand, self_too=True)
        usual = usual[np.isfinite(usual)]
        self.threshold_ = _threshold(usual, self.quantile) if self.threshold is None else float(self.threshold)
        return self

    def _check(self) -> None:
        if isinstance(self.method, str) and self.method not in METHODS:
            raise SettingError(f"method={self.method!r}; {did_you_mean(self.method, METHODS)}")
        if not isinstance(self.method, str | Forecaster | Autoencoder | Density):
            raise SettingError(
                f"method is one of {', '.join(METHODS)}, or a Forecaster, Autoencoder or Density; got {self.method!r}"
            )
        if self.window is not None:
            check_count("window", self.window, least=2)
        given = self.threshold
        if given is not None and (isinstance(given, bool) or not isinstance(given, int | float) or given != given):
            raise SettingError(f"threshold is a score, or None; got {self.threshold!r}")
        share = self.quantile
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise SettingError(f"quantile is a share of the steps in (0, 1]; got {self.quantile!r}")

    def _made(self) -> Any:
        """A fresh estimator by the method's name, or a copy of the one given."""
        if isinstance(self.method, Estimator):
            return type(self.method)(**self.method.get_params(deep=False))
        if self.method == "forecast":
            return Forecaster("ridge", horizon=1, seed=self.seed)
        if self.method == "autoencoder":
            return Autoencoder("lstm_ae", epochs=30, seed=self.seed)
        if self.method == "density":
            return Density("gmm", n_components=3, reg_covar=1e-4, seed=self.seed)
        return None

    def _rows(self, y: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(y, self.window_)

    def _stretches(self, rows: np.ndarray) -> Any:
        """Windows (n, window) as the estimator takes them."""
        return list(rows[:, :, None].copy()) if isinstance(self.estimator_, Autoencoder) else rows.copy()

    # --- use --------------------------------------------------------------------------------------

    def _scores(self, strand: Strand, *, self_too: bool = False) -> np.ndarray:
        y, made = strand.y.numpy(), self.estimator_
        if isinstance(made, Forecaster):
            at, errors = one_step_errors(made, None if self_too else y)[0]
            score = np.full(len(y), np.nan)
            score[at] = np.abs(errors - self.center_) / self.spread_
            return score
        if isinstance(made, Autoencoder):
            rows = self._rows(y)
            again = np.asarray(made.reconstruct(self._stretches(rows)))[:, :, 0]
            return _mean_of_windows(np.abs(again - rows), len(y))
        if made is not None:
            return _least_of_windows(-self._log_density(self._stretches(self._rows(y))), self.window_)
        own = torch.from_numpy(self.series_)
        found = matrix_profile(strand.y, self.window_, other=None if self_too else own)
        return _least_of_windows(found.distance.numpy(), self.window_)

    def _log_density(self, rows: np.ndarray) -> np.ndarray:
        """ln p of windows (n,), by the usual components alone."""
        said = np.asarray(self.estimator_.score_samples(rows))
        if self.usual_ is None:
            return said
        share = self.estimator_.predict_proba(rows)[:, self.usual_].sum(1)
        return said + np.log(np.maximum(share, np.finfo(np.float64).tiny))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "threshold_")

    def _asked(self, X: Any) -> tuple[Strand, np.ndarray]:
        fitted(self)
        bare = isinstance(X, np.ndarray | torch.Tensor | list | tuple)  # steps alone, also after a frame
        strand = strand_of(X, **{k: v for k, v in self.reading_.items() if not bare or k not in COLUMNS})
        y = strand.y.numpy()
        if len(y) < self.window_:
            raise DataError(f"X has {len(y)} steps, fewer than the window of {self.window_}")
        return strand, self._scores(strand, self_too=np.array_equal(y, self.series_))

    def anomaly_score(self, X: Any) -> np.ndarray:
        """How odd each step of X is (time,), a frame or its values; NaN where a forecast has no history yet."""
        return self._asked(X)[1]

    def predict(self, X: Any) -> np.ndarray:
        """Whether each step is odd (time,) bool: its score is above `threshold_`."""
        return self._asked(X)[1] > self.threshold_

    def find(self, X: Any) -> Anomalies:
        """The odd stretches of X: steps that are odd one after the other, the worst first."""
        strand, score = self._asked(X)
        odd = score > self.threshold_
        edges = np.flatnonzero(np.diff(np.concatenate([[0], odd.astype(int), [0]])))
        spans = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
        spans.sort(key=lambda span: -float(score[span[0] : span[1]].max()))
        peaks = np.array([a + int(score[a:b].argmax()) for a, b in spans], dtype=int)
        starts, ends = (np.array([s[i] for s in spans], dtype=int) for i in (0, 1))
        t = strand.times
        return Anomalies(
            t[starts], t[ends - 1], t[peaks], score[peaks], score, odd, self.threshold_, strand.y.numpy(), t
        )

    def evaluate(self, X: Any, y: ArrayLike) -> Evaluation:
        """Precision, recall, F1 and the curves against y (time,), 1 or True where a step is odd; others are usual."""
        _, score = self._asked(X)
        truth = np.asarray(y)
        if truth.shape != score.shape or not np.isin(truth, (0, 1)).all():
            raise DataError(f"y says of each of the {len(score)} steps whether it is odd, 0 or 1; got {truth.shape}")
        if len(np.unique(truth)) < 2:
            raise DataError("y holds one kind of step alone; precision and recall need odd steps and usual ones")
        level = np.nan_to_num(score, nan=-np.inf)
        share = _as_shares(level, self.threshold_)
        prior = [1 - truth.mean(), truth.mean()]
        both = np.stack([1 - share, share], 1)
        found = evaluate_classification(truth.astype(int), both, classes=["usual", "odd"], prior=prior, seed=self.seed)
        found.metrics = [m for m in found.metrics if m.name not in NO_PROBABILITIES]
        found.curves.pop("calibration", None)
        return found

    # --- one file ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write the settings, the estimator and what is usual to one file, which `pn.load` reads."""
        store.save(path, self.to_tree())

    def to_tree(self) -> dict[str, Any]:
        """What the file holds."""
        fitted(self)
        params = self.get_params(deep=False)
        if isinstance(self.method, Estimator):
            own = {k: plain(v) for k, v in self.method.get_params(deep=False).items()}
            params["method"] = {"unfitted": [type(self.method).__name__, own]}
        learned = ("window_", "series_", "threshold_", "center_", "spread_", "reading_", "usual_")
        return {
            "estimator": type(self).__name__,
            "params": {k: v if k == "method" else plain(v) for k, v in params.items()},
            "learned": {k: plain(getattr(self, k)) for k in learned if hasattr(self, k)},
            "inner": None if self.estimator_ is None else tree_of(self.estimator_),
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """The detector that `to_tree` took apart."""
        params = {k: v if k == "method" else rich(v) for k, v in tree["params"].items()}
        if isinstance(params["method"], dict):
            name, own = params["method"]["unfitted"]
            kind = next(k for k in (Forecaster, Autoencoder, Density) if k.__name__ == name)
            params["method"] = kind(**{k: rich(v) for k, v in own.items()})
        self = cls(**params)
        for name, value in tree["learned"].items():
            setattr(self, name, rich(value))
        self.estimator_ = None if tree["inner"] is None else rebuilt(tree["inner"])
        return self


def _threshold(scores: np.ndarray, share: float) -> float:
    """The score that a share of the steps does not lie above.

    Steps of one stretch have one score. Where more of them are the oddest than the share leaves, it is the score next
    below theirs: or none would be odd, whatever the share.
    """
    found = float(np.quantile(scores, share))
    below = scores[scores < found]
    return float(below.max()) if share < 1 and found == scores.max() and len(below) else found


def _usual_parts(made: Estimator, n_rows: int, window: int) -> np.ndarray | None:
    """Which components of a mixture stand for what is usual, where not all do; None of other estimators.

    One odd step lies in `window` stretches, which are much alike: a component may be of these alone. Such a one is of
    fewer stretches than two odd steps would touch, and does not count.
    """
    if not isinstance(made, Density) or not isinstance(made.objective_, GaussianMixtureEM):
        return None
    usual = made.weights_ * n_rows >= 2 * window
    return usual if usual.any() and not usual.all() else None


def _least_of_windows(score: np.ndarray, window: int) -> np.ndarray:
    """Scores of windows (n - window + 1,) as scores of steps (n,): the least of those that cover a step.

    A step near an end, which fewer windows cover, has the score of the nearest step that `window` of them cover: the
    least of a few would be larger than the least of many, and ends would seem odd.
    """
    padded = np.pad(score, window - 1, constant_values=np.inf)
    least = np.lib.stride_tricks.sliding_window_view(padded, window).min(1)
    if len(score) >= window:
        least[: window - 1], least[len(score) :] = least[window - 1], least[len(score) - 1]
    return least


def _mean_of_windows(errors: np.ndarray, n: int) -> np.ndarray:
    """Errors (n_windows, window) of the steps in each window as the mean of each step's (n,)."""
    total, count = np.zeros(n), np.zeros(n)
    for k in range(errors.shape[1]):
        total[k : k + len(errors)] += errors[:, k]
        count[k : k + len(errors)] += 1
    return total / count


def _as_shares(score: np.ndarray, threshold: float) -> np.ndarray:
    """Scores as numbers in (0, 1) in the same order, above a half exactly where they are above the threshold."""
    order = np.unique(score)
    rank = np.searchsorted(order, score) / max(1, len(order) - 1)
    above = score > threshold
    return np.where(above, 0.51 + 0.49 * rank, 0.49 * rank)
