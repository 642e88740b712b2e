"""What cross-validation returns: scores by fold with intervals that know folds overlap, and curves of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.split import Split
from ...errors import SettingError, did_you_mean
from ...evaluation.folds import FoldMean, fold_mean
from ...evaluation.result import LOWER_IS_BETTER, Evaluation, Metric, json_values, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def metric_of(name: str, value: float = 0.0) -> Metric:
    """A metric by name, to be named and written as in an evaluation."""
    return Metric(name, value, None, None, None, name not in LOWER_IS_BETTER)


# first words of the names of what lies in [0, 1]; "mean_accuracy" and the like have theirs last
SHARES = {
    "accuracy", "average", "balanced", "brier", "coverage", "exact", "expected", "f1", "hamming", "map", "mar", "mask",
    "pck", "pose", "precision", "recall", "roc", "top",
}  # fmt: skip
MEAN_SHARES = {"mean_accuracy", "mean_boundary_f", "mean_dice", "mean_iou", "pixel_accuracy"}
LEAST = {"silhouette": -1.0} | dict.fromkeys(
    ("score", "r2", "log_density", "log_likelihood_a_frame", "squared_mmd"), -math.inf
)


def within(name: str, found: FoldMean) -> FoldMean:
    """The interval cut to what the metric can be: shares in [0, 1], errors from 0 on, R squared up to 1."""
    if found.low is None or found.high is None:
        return found
    least = LEAST.get(name, 0.0)
    share = name.split("_")[0] in SHARES or name in MEAN_SHARES or name in ("r2", "silhouette")
    return replace(found, low=max(found.low, least), high=min(found.high, 1.0) if share else found.high)


def lined(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text: the first column to the left, all others to the right."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([f"{r[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(r[1:], widths[1:], strict=True))]).rstrip()
        for r in rows
    )


def between(name: str, low: float | None, high: float | None) -> str:
    """An interval as a table shows it."""
    return "" if low is None or high is None else f"{metric_of(name).text(low)} to {metric_of(name).text(high)}"


@dataclass(frozen=True)
class CrossValidation:
    """Scores of one estimator on rows that its fits had not seen, fold by fold and all together.

    Attributes
    ----------
    folds : how the rows were divided, in words; `splits` has the (train, test) row numbers.
    test : metric -> one number a fold, on its held-out rows; `train` has those on its training rows.
    fit_seconds : one number a fold; fits that ran together share their time.
    estimators : the fitted estimators, one a fold.
    predictions : what was said of each row by the fit that had not seen it, in the order of the rows, NaN for rows
        that no fold tested: probabilities by class, or numbers; None where the task gives neither.

    `result["accuracy"]` is the mean over folds with its standard error and interval.
    """

    estimator: Any
    folds: str
    splits: list[Split]
    n_rows: int
    test: dict[str, np.ndarray]
    trained: Callable[[], dict[str, np.ndarray]] = field(repr=False)
    fit_seconds: np.ndarray
    estimators: list[Any] = field(repr=False)
    predictions: np.ndarray | None = field(repr=False)
    judge: Callable[[], Evaluation | None] = field(repr=False)
    confidence: float = 0.95

    @cached_property
    def train(self) -> dict[str, np.ndarray]:
        """Metric -> one number a fold, on the rows it was trained on; made when first asked for."""
        return self.trained()

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """How good `predictions` are, with intervals beside the trivial baseline; made when first asked for."""
        return self.judge()

    @property
    def headline(self) -> str:
        """The name of the most telling metric."""
        return next(iter(self.test))

    @property
    def test_share(self) -> float:
        """Rows that a fold tests, of those that it trains on or tests: what the correction for shared rows takes."""
        return float(np.mean([len(test) / (len(train) + len(test)) for train, test in self.splits]))

    def _known(self, name: str) -> str:
        if name not in self.test:
            raise SettingError(f"no metric {name!r} was measured; {did_you_mean(name, self.test)}")
        return name

    def __getitem__(self, name: str) -> FoldMean:
        found = fold_mean(self.test[self._known(name)], test_share=self.test_share, confidence=self.confidence)
        return within(name, found)

    def gap(self, name: str | None = None) -> float:
        """How much better the metric is on training rows than on held-out ones: what was overfitted."""
        name = self._known(name or self.headline)
        worse = float(np.mean(self.train[name]) - np.mean(self.test[name]))
        return worse if metric_of(name).higher_is_better else -worse

    def table(self) -> str:
        """Aligned text: by metric, means over folds with the interval, on training rows, and of all rows together."""
        rows = [("metric", "held out", "error", f"{self.confidence:.0%} interval", "training", "pooled", "baseline")]
        pooled = {} if self.evaluation is None else {m.name: m for m in self.evaluation.metrics}
        for name in dict.fromkeys([*self.test, *pooled]):
            text, found = metric_of(name).text, self[name] if name in self.test else None
            one, all_rows = pooled.get(name), np.nan
            trained = float(np.mean(self.train[name])) if name in self.train else all_rows
            rows.append(
                (
                    metric_of(name).title,
                    text(found.mean) if found else "",
                    "" if found is None else shown(found.error),
                    between(name, found.low, found.high) if found else "",
                    text(trained),
                    text(one.value) if one else "",
                    text(one.baseline) if one else "",
                )
            )
        seconds = f"{self.fit_seconds.sum():.3g} s for {len(self.splits)} fits"
        return f"{lined(rows)}\n{self.folds} of {self.n_rows:,} rows; {seconds}"

    def __str__(self) -> str:
        return self.table()

    def plot(self, name: str | None = None) -> "Figure":
        """The metric of each fold, held out and on training rows, with the mean and its interval."""
        from ...insight.selection import fold_scores

        name = self._known(name or self.headline)
        return fold_scores(self.test[name], self.train[name], self[name], title=metric_of(name).title)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_values(
            {
                "estimator": repr(self.estimator),
                "folds": self.folds,
                "n_rows": self.n_rows,
                "metrics": {k: self[k].to_dict() | {"test": v, "train": self.train[k]} for k, v in self.test.items()},
                "fit_seconds": self.fit_seconds,
                "pooled": None if self.evaluation is None else self.evaluation.to_dict(),
            }
        )


@dataclass(frozen=True)
class Curve:
    """Held-out and training scores by a value: a number of rows, or a setting.

    test, train : metric -> (values, folds).
    """

    name: str
    values: list[Any]
    folds: str
    test: dict[str, np.ndarray]
    train: dict[str, np.ndarray]
    test_shares: list[float]
    metric: str
    confidence: float = 0.95

    def at(self, i: int, name: str | None = None) -> FoldMean:
        """The mean over folds at the i-th value, with its interval."""
        scores = self.test[name or self.metric][i]
        found = fold_mean(scores, test_share=self.test_shares[i], confidence=self.confidence)
        return within(name or self.metric, found)

    @property
    def best(self) -> Any:
        """The value with the best mean on held-out rows, the first of several."""
        means = self.test[self.metric].mean(1)
        return self.values[int(means.argmax() if metric_of(self.metric).higher_is_better else means.argmin())]

    @property
    def gap(self) -> np.ndarray:
        """How much better training rows are scored than held-out ones, by value: what is overfitted."""
        gap = self.train[self.metric].mean(1) - self.test[self.metric].mean(1)
        return gap if metric_of(self.metric).higher_is_better else -gap

    def table(self) -> str:
        """Aligned text: by value, the mean over folds, its interval, the mean on training rows, and their gap."""
        title, text = metric_of(self.metric).title, metric_of(self.metric).text
        rows = [(self.name, title, f"{self.confidence:.0%} interval", "training", "gap")]
        for i, value in enumerate(self.values):
            found, trained = self.at(i), float(self.train[self.metric][i].mean())
            interval = between(self.metric, found.low, found.high)
            rows.append((str(value), text(found.mean), interval, text(trained), text(float(self.gap[i]))))
        return f"{lined(rows)}\n{self.folds}"

    def __str__(self) -> str:
        return self.table()

    def plot(self) -> "Figure":
        """Both scores by value, held-out ones with their interval."""
        from ...insight.selection import score_curve

        return score_curve(
            self.values,
            [self.at(i) for i in range(len(self.values))],
            self.train[self.metric].mean(1),
            name=self.name,
            title=metric_of(self.metric).title,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        plain = (bool, int, float, str, type(None))
        return json_values(
            {
                "name": self.name,
                "values": [v if isinstance(v, plain) else str(v) for v in self.values],
                "folds": self.folds,
                "metric": self.metric,
                "test": self.test,
                "train": self.train,
            }
        )
