"""What a trial runs over: the rows it is fitted on, the rows it is judged on, and what is measured there."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.codec import codec_for
from ..data.split import Split
from ..errors import DataError, SettingError, did_you_mean
from ..estimators.base import Estimator
from ..estimators.fitting.assembly import placed, rows_of, start_of
from ..estimators.fitting.intake import Examples, count_rows
from ..estimators.forecaster import Forecaster
from ..estimators.image_translator import ImageTranslator
from ..estimators.judging.backtesting import backtest
from ..estimators.judging.contenders import copies, fit_all, size_of, task_of
from ..estimators.judging.folding import folds_of
from ..estimators.judging.judging import Judge, Outcome, judge_for
from ..estimators.judging.selection import rows_are_steps, taken
from ..estimators.unsupervised import Unsupervised
from ..train.record import Record, listening

if TYPE_CHECKING:
    from ..train.trainer import Trainer

COSTS = ("latency", "size")  # milliseconds to answer one row; parameters, or bytes where they are not counted
N_CALLS = 9  # answers timed for a latency, of which the median counts
QUIET = {"out": None, "resume": False, "progress": False}

Heard = Callable[[float, int], None]


def bare(estimator: Any, X: Any) -> Any:
    """A copy that writes and prints nothing, its model named, so that the model's options can be set."""
    from sklearn.base import clone

    made = clone(estimator)
    if not isinstance(made, Estimator):
        return made
    made.set_params(**QUIET)
    if made.model is None and start_of(made) is None and made.task != "hmm":  # whose settings are its own
        made.set_params(model=_own_model(made, X))
    return made


def _own_model(estimator: Estimator, X: Any) -> str:
    """The model that `fit` would take: the only one that the task has of its own, or that for data of this kind."""
    models = estimator.default_models
    if len(set(models.values())) == 1:
        return next(iter(models.values()))
    return models.get((estimator.codec or codec_for(X)).kind, "mlp")


def _as_fitted(estimator: Estimator, examples: Examples) -> Examples:
    """The examples as `fit` hands them to its codecs: pairs taken apart; boxes, spans, keypoints in their classes."""
    own: Any = getattr(estimator, "_examples", None)
    if own is None or isinstance(estimator, Unsupervised):
        return examples
    given = own(examples.X, examples.y)
    return Examples(given.X, given.y, examples.weight)


class Watch(Record):
    """After every epoch of a training, what its net is worth on the rows that will judge it; weights do not change."""

    def __init__(self, estimator: Estimator, examples: Examples, metric: str, heard: Heard, *, higher: bool) -> None:
        self.estimator, self.examples, self.metric, self.heard, self.higher = estimator, examples, metric, heard, higher
        self.rows: Any = None

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        if self.rows is None:
            self.rows = placed(rows_of(self.estimator, _as_fitted(self.estimator, self.examples)), trainer.device)
        found = trainer.averaged(lambda: trainer.evaluate(self.rows))
        value = found.get(self.metric)
        if value is None and "loss" in found:
            value = -found["loss"] if self.higher else found["loss"]
        if value is not None and math.isfinite(value):
            self.heard(value, len(trainer.history))


@dataclass
class Course:
    """Rows with answers, divided: a trial is fitted on each training part and judged on the other."""

    estimator: Any
    examples: Examples
    judge: Judge
    splits: list[Split]
    words: str
    seed: int = 0
    fitted: Any = field(default=None, repr=False)  # the last fit on the first part: what costs are measured on
    higher: dict[str, bool] = field(default_factory=dict)  # whether more is better, by measure

    @property
    def n_rows(self) -> int:
        """Rows that a fit learns from."""
        return len(self.splits[0][0])

    def measures(self, made: Any, *, watched: tuple[str, Heard] | None = None) -> dict[str, float]:
        """Every measure of one setting: means over the parts. `watched` hears of the epochs of the first."""
        found = []
        for i, (train, test) in enumerate(self.splits):
            (fit,) = copies(made, 1)
            held = self.examples.take(test)
            records = []
            if watched and i == 0 and isinstance(fit, Estimator) and not rows_are_steps(fit, held.X):
                records = [Watch(fit, held, *watched, higher=self.higher.get(watched[0], True))]
            with listening(*records):
                self._fit(fit, self.examples.take(train))
            found.append(self._judged(self.judge.ask(fit, test, train)))
            self.fitted = fit if i == 0 else self.fitted
        named = [k for k in found[0] if all(math.isfinite(one.get(k, math.nan)) for one in found)]
        return {k: float(np.mean([one[k] for one in found])) for k in named}

    def _judged(self, outcome: Outcome) -> dict[str, float]:
        found = self.judge.evaluate(outcome, n_bootstrap=0)
        if found is None:
            self.higher["score"] = True
            return self.judge.metrics(outcome)
        self.higher |= {m.name: m.higher_is_better for m in found.metrics}
        return {m.name: m.value for m in found.metrics}

    def _fit(self, fit: Any, part: Examples) -> None:
        if isinstance(fit, Estimator):
            weight = {} if part.weight is None else {"sample_weight": part.weight}
            fit.fit(part.X, part.y, **weight)
        else:
            fit_all([fit], [part], seed=self.seed)

    def refuse_whole(self) -> None:
        """Raise what is wrong with the inputs by their rows in the whole data, where something is."""
        if isinstance(self.estimator, Estimator):
            given = self.estimator.codec
            codec = codec_for(self.examples.X) if given is None else copy.deepcopy(given)
            codec.fit(self.examples.X).encode(self.examples.X)

    def refit(self, made: Any) -> Any:
        """The setting, fitted on all rows."""
        self._fit(made, self.examples)
        if isinstance(made, Estimator):
            made.target_name_ = self.examples.target
        return made

    def cost(self, name: str) -> float:
        """Milliseconds to answer one row, or the size, of the last fit."""
        if name == "size":
            size = size_of(self.fitted)
            return float(size.n_bytes if size.n_parameters is None else size.n_parameters)
        verbs = ("predict", "transform", "score_samples")
        verb = next((v for v in verbs if hasattr(self.fitted, v)), None)
        if verb is None:
            raise SettingError(f"latency times an answer, and {type(self.fitted).__name__} has none of {verbs}")
        row, seconds = self.examples.take(np.array([0])).X, []
        for _ in range(N_CALLS):
            started = time.perf_counter()
            getattr(self.fitted, verb)(row)
            seconds.append(time.perf_counter() - started)
        return 1000 * float(np.median(seconds))


@dataclass
class SeriesCourse:
    """Series: a trial is fitted on the past alone, again and again, and judged on what came."""

    estimator: Any
    X: Any
    target: Any
    n_folds: int
    fitted: Any = field(default=None, repr=False)
    higher: dict[str, bool] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return f"{self.n_folds} origins of a backtest"

    @property
    def n_rows(self) -> None:
        """Windows, which the settings of a trial make more or fewer of."""
        return None

    def measures(self, made: Any, *, watched: tuple[str, Heard] | None = None) -> dict[str, float]:
        """Errors over the origins. Each origin is a training of its own, so that epochs are not compared."""
        (fit,) = copies(made, 1)
        fit.panel_, fit.validation_ = fit.panel_of(self.X, target=self.target), None
        found = backtest(fit, self.n_folds, fit.horizon, 1).evaluation
        self.fitted, self.higher = made, {m.name: m.higher_is_better for m in found.metrics}
        return {m.name: m.value for m in found.metrics if math.isfinite(m.value)}

    def refuse_whole(self) -> None:
        """Series are read whole already."""

    def refit(self, made: Any) -> Any:
        """The setting, fitted on the whole series."""
        return made.fit(self.X, target=self.target)

    def cost(self, name: str) -> float:
        """The size of the net, or milliseconds to forecast one horizon."""
        (fit,) = copies(self.fitted, 1)
        self.refit(fit)
        if name == "size":
            return float(size_of(fit).n_parameters or 0)
        seconds = []
        for _ in range(N_CALLS):
            started = time.perf_counter()
            fit.predict()
            seconds.append(time.perf_counter() - started)
        return 1000 * float(np.median(seconds))


def course_of(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    target: Any,
    folds: Any,
    groups: Any,
    time: Any,
    stratify: Any,
    sample_weight: Any,
    seed: int,
) -> Course | SeriesCourse:
    """The course for a task: folds of rows, or origins of series."""
    if isinstance(estimator, Forecaster):
        odd = [
            n
            for n, v in (("y", y), ("groups", groups), ("time", time), ("sample_weight", sample_weight))
            if v is not None
        ]
        if odd:
            raise SettingError(f"a forecaster is tuned by backtests of its series; leave out {', '.join(odd)}")
        n = 3 if folds is None else folds
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingError(f"folds of a forecaster is a number of origins of a backtest, such as 3; got {folds!r}")
        return SeriesCourse(bare(estimator, X), X, target, n)
    if isinstance(estimator, ImageTranslator):
        X, y = _both_kinds(estimator, X, y)
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, estimator)
    judge = judge_for(task_of(estimator), examples)
    folds = 0.25 if folds is None else folds
    splits, words = folds_of(
        len(examples), judge.labels, folds=folds, groups=groups, time=time, stratify=stratify, seed=seed
    )
    return Course(bare(estimator, examples.X), examples, judge, splits, words, seed)


def _both_kinds(estimator: ImageTranslator, X: Any, y: Any) -> tuple[Any, Any]:
    """Pictures A and B, as many of one as of the other."""
    if y is None:
        raise DataError("there are no pictures B; give them as y: tune(estimator, A, B)")
    a, b = estimator._sides(X, y)
    n = min(count_rows(a), count_rows(b))
    if count_rows(a) != count_rows(b):
        raise DataError(
            f"there are {count_rows(a)} pictures A and {count_rows(b)} B, and a search divides both alike; give {n} of "
            "each, in an order by chance"
        )
    return a, b


def metrics_of(given: str | Sequence[str] | None, measured: Sequence[str]) -> tuple[str, ...]:
    """What a search makes better: measures of the task, the most telling one for None, and costs beside them."""
    if given is None:
        return (measured[0],)
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in (*measured, *COSTS):
            raise SettingError(f"metric: {name!r} is not measured here; {did_you_mean(name, [*measured, *COSTS])}")
    if not names or len(set(names)) < len(names):
        raise SettingError(f"metric names one measure or several, each once; got {given!r}")
    return names
