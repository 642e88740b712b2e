"""Several models on the same rows, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.answers import answer_array, is_indicator, is_label_lists
from ...data.codec import Codec
from ...data.sources import Columns
from ...errors import SettingError, did_you_mean
from ...evaluation.compare import compare as compared
from ...evaluation.paired import PairedTest, corrected_t_test, holm, mcnemar, wilcoxon
from ...evaluation.result import json_values
from ...registry import model
from ..base import Estimator
from ..baselines import LADDER, NAMES, baseline
from ..classifier import Classifier
from ..fitting.intake import Examples
from ..regressor import Regressor
from .contenders import Size, size_of, task_of
from .folding import Stratify, folds_of
from .judging import Judge, MultilabelJudge, NumberJudge, Outcome, judge_for
from .selection import taken, validated
from .validation import CrossValidation, between, lined, metric_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 20  # whole numbers with more distinct values than this are quantities, where nothing says otherwise
ALPHA = 0.05
MULTILABEL_LADDER = ("linear", "mlp")  # the simplest first
TASKS: dict[str, type[Estimator]] = {"classifier": Classifier, "regressor": Regressor}


@dataclass(frozen=True)
class Standing:
    """One model of a comparison: its score with its interval, what it cost, and how far it is from the best.

    `difference` is this model minus the best one, with its interval where the rows were divided once; `p_value` is the
    chance of such a difference between equally good models, adjusted (Holm) for how many are compared; both are None
    for the best itself. `fit_seconds` is the mean over fits.
    """

    name: str
    mean: float
    low: float | None
    high: float | None
    fit_seconds: float
    size: Size
    result: CrossValidation = field(repr=False)
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    test: str = ""


@dataclass(frozen=True)
class Contest:
    """Models on the same rows, the best first; `print` shows one table."""

    metric: str
    folds: str
    n_rows: int
    standings: list[Standing]
    ladder: list[str]
    judge: Judge = field(repr=False)
    confidence: float = 0.95

    def __getitem__(self, name: str) -> Standing:
        for one in self.standings:
            if one.name == name:
                return one
        raise SettingError(f"no model {name!r} was compared; {did_you_mean(name, [s.name for s in self.standings])}")

    @property
    def best(self) -> Standing:
        """The model with the best mean."""
        return self.standings[0]

    @property
    def simplest(self) -> Standing:
        """The first, in the order given, that the best one does not beat beyond chance: put simple ones first."""
        near = {s.name for s in self.standings if s.p_value is None or s.p_value >= ALPHA}
        return self[next(name for name in self.ladder if name in near)]

    def table(self) -> str:
        """Aligned text: score, interval, seconds a fit, size, difference to the best, p-value."""
        text = metric_of(self.metric).text
        title, share = metric_of(self.metric).title, f"{self.confidence:.0%} interval"
        rows = [("model", title, share, "fit s", "size", "to best", "p")]
        for s in self.standings:
            gap = "" if s.difference is None else f"{s.difference:+.4g}"
            p = "" if s.p_value is None else "<0.001" if s.p_value < 0.001 else f"{s.p_value:.3f}"
            interval = between(self.metric, s.low, s.high)
            rows.append((s.name, text(s.mean), interval, f"{s.fit_seconds:.3g}", str(s.size), gap, p))
        tests = sorted({s.test for s in self.standings if s.test})
        how = f"; p-values: {', '.join(tests)}, Holm-adjusted" if tests else ""
        return f"{lined(rows)}\n{self.folds} of {self.n_rows:,} rows{how}"

    def __str__(self) -> str:
        return self.table()

    def tests(self, first: str, second: str) -> list[PairedTest]:
        """Every test that fits two of the models: on folds, on rows answered right, on the size of rows' errors."""
        a, b = self[first].result, self[second].result
        found = []
        if len(a.splits) > 1:
            found.append(corrected_t_test(a.test[self.metric], b.test[self.metric], test_share=a.test_share))
        if a.predictions is None or b.predictions is None:
            return found
        sides = [pooled(r) for r in (a, b)]
        if isinstance(self.judge, NumberJudge):
            truth = self.judge.y[sides[0].rows]
            errors = [np.abs(truth - side.outputs).reshape(len(truth), -1).sum(1) for side in sides]
            found.append(wilcoxon(*errors))
        else:
            found.append(mcnemar(*(self.judge.right(side) for side in sides)))
        return found

    def plot(self) -> "Figure":
        """Every model's score with its interval."""
        from ...insight.selection import contest

        names = [s.name for s in self.standings]
        return contest(names, self.standings, title=metric_of(self.metric).title)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        left = ("result", "size")
        kept = [{k: v for k, v in vars(s).items() if k not in left} | vars(s.size) for s in self.standings]
        said = {"metric": self.metric, "folds": self.folds, "n_rows": self.n_rows}
        return json_values(said | {"standings": kept, "best": self.best.name, "simplest": self.simplest.name})


def compare(
    contenders: Any,
    X: Any,
    y: Any = None,
    *,
    target: Columns | None = None,
    task: str | None = None,
    folds: Any = 0.25,
    groups: Any = None,
    time: Any = None,
    repeats: int = 1,
    stratify: Stratify = "auto",
    metric: str | None = None,
    codec: Codec | None = None,
    sample_weight: Any = None,
    seed: int = 0,
) -> Contest:
    """One table of several models on the same rows: score, interval, time, size, and the difference to the best.

    Parameters
    ----------
    contenders : a list of estimators and names, or a dict from what to call each to it. A name is a classical baseline
        (`estimators.baselines.NAMES`: "dummy", "logistic_regression", "random_forest", ...) or a model of the task.
        "auto" stands for a ladder of baselines, from answering the commonest to boosted trees.
    X, y, target : as in `fit`.
    task : "classifier" or "regressor", where no estimator says so and y does not show it.
    folds : 0.25 holds that share out once; 5 divides into five folds, and takes five fits a model.
    metric : what is compared; None takes the most telling.
    codec : how X becomes numbers for models that are given by name; estimators keep their own.
    others : as in `cross_validate`.

    Where rows are divided once, differences are paired: by McNemar's exact test for accuracy, else by bootstrap. Over
    several folds they are tested by the t test that is corrected for folds that share rows.

    Systems: benchmark-first
    Source: Baker 1.3 and 6.5: naive, statistical and engineered models first; a deep one has to beat them.
    """
    made = [one for _, one in listed(contenders) if not isinstance(one, str)]
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, made[0] if made else None)
    task = task or next((task_of(c) for c in made), None) or guessed_task(examples.y)
    judge = judge_for(task, examples)
    entries = named(contenders, task=task, examples=examples, judge=judge, codec=codec, seed=seed)
    division = {"folds": folds, "groups": groups, "time": time, "repeats": repeats, "stratify": stratify}
    splits, words = folds_of(len(examples), judge.labels, **division, seed=seed)
    results = {name: validated(one, judge, splits, words, seed=seed) for name, one in entries.items()}
    return _contest(results, judge, metric)


def pooled(result: CrossValidation) -> Outcome:
    """What was said of every tested row, as one outcome."""
    said = result.predictions
    assert said is not None
    assert result.evaluation is not None
    rows = np.flatnonzero(np.isfinite(said.reshape(len(said), -1)).all(1))
    threshold = result.evaluation.threshold
    return Outcome(rows, said[rows], rows, 0.5 if threshold is None else threshold)


def guessed_task(y: Any) -> str:
    """The task that y shows: "regressor" for fractions and for whole numbers of many values, else "classifier"."""
    if y is None:
        raise SettingError("to compare models takes answers; give y, or target= with the name of their column")
    if is_label_lists(y) or is_indicator(y):
        return "classifier"
    values = answer_array(y)
    if values.dtype.kind not in "iuf":
        return "classifier"
    whole = values.dtype.kind in "iu" or bool((values == np.round(values)).all())
    return "classifier" if whole and len(np.unique(values)) <= FEW else "regressor"


def listed(contenders: Any) -> list[tuple[str, Any]]:
    """(what to call it, or "", and a name or an estimator) for each contender."""
    if isinstance(contenders, Mapping):
        return [(str(name), one) for name, one in contenders.items()]
    several = isinstance(contenders, Sequence) and not isinstance(contenders, str)
    return [("", one) for one in (contenders if several else [contenders])]


def named(
    contenders: Any, *, task: str, examples: Examples, judge: Judge, codec: Codec | None = None, seed: int
) -> dict[str, Any]:
    """Estimators by name, in the order given; what is on the ladder of "auto" and named as well stands once."""
    ladder = MULTILABEL_LADDER if isinstance(judge, MultilabelJudge) else LADDER.get(task, ())
    found: dict[str, Any] = {}
    given = listed(contenders)
    by_name = [one for name, one in given if isinstance(one, str) and not name]
    twice = next((one for one in by_name if by_name.count(one) > 1), None)
    if twice is not None:
        raise SettingError(f"{twice!r} is named twice, and would be the same model; name it once")
    for name, one in given:
        for each in ladder if isinstance(one, str) and one == "auto" else (one,):
            called = name or (each if isinstance(each, str) else title_of(each))
            if called in found and isinstance(each, str):
                continue
            found[_free(called, found)] = _made(each, task, examples, judge, codec, seed)
    kinds = {task_of(one) for one in found.values()} - {""}
    if len(kinds) > 1:
        raise SettingError(f"the models do different tasks, {' and '.join(sorted(kinds))}; compare those of one")
    if not found:
        raise SettingError("there is nothing to compare; give names, estimators, or 'auto'")
    return found


def _made(one: Any, task: str, examples: Examples, judge: Judge, codec: Codec | None, seed: int) -> Any:
    if not isinstance(one, str):
        return one
    if one in NAMES.get(task, ()):
        if isinstance(judge, MultilabelJudge):
            raise SettingError(f"the baseline {one!r} takes one class a row, and y holds several; name models instead")
        return baseline(one, task=task, X=examples.X, y=examples.y, codec=codec, seed=seed)
    if task not in TASKS:
        raise SettingError(f"names stand for models of {' or '.join(TASKS)}; for the task {task!r} give estimators")
    names = [*NAMES.get(task, ()), *model.names(task)]
    if one not in names:
        raise SettingError(f"no baseline or {task} model {one!r}; {did_you_mean(one, names)}")
    return TASKS[task](one, codec=codec, seed=seed)


def title_of(estimator: Any) -> str:
    """What an estimator goes by: its model's name, or its class; a pipeline by its last step."""
    if isinstance(estimator, Estimator):
        given = estimator.model
        return given if isinstance(given, str) else getattr(given, "name", None) or type(estimator).__name__
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


def _free(name: str, taken_names: Mapping[str, Any]) -> str:
    if name not in taken_names:
        return name
    return next(f"{name} ({i})" for i in range(2, len(taken_names) + 3) if f"{name} ({i})" not in taken_names)


def _contest(results: dict[str, CrossValidation], judge: Judge, metric: str | None) -> Contest:
    shared = [k for k in next(iter(results.values())).test if all(k in r.test for r in results.values())]
    if metric is not None and metric not in shared:
        raise SettingError(f"no metric {metric!r} was measured of every model; {did_you_mean(metric, shared)}")
    metric = metric or shared[0]
    sign = 1 if metric_of(metric).higher_is_better else -1
    order = sorted(results, key=lambda name: -sign * float(np.mean(results[name].test[metric])))
    best = results[order[0]]
    gaps = [_difference(best, results[name], judge, metric) for name in order[1:]]
    adjusted = holm([g["p_value"] for g in gaps])
    standings = [_standing(order[0], best, metric, {})]
    for name, gap, p in zip(order[1:], gaps, adjusted, strict=True):
        standings.append(_standing(name, results[name], metric, gap | {"p_value": p}))
    return Contest(metric, best.folds, best.n_rows, standings, list(results), judge)


def _standing(name: str, result: CrossValidation, metric: str, gap: dict[str, Any]) -> Standing:
    found = result[metric]
    low, high = found.low, found.high
    if low is None and result.evaluation is not None:
        one = next((m for m in result.evaluation.metrics if m.name == metric), None)
        low, high = (one.low, one.high) if one is not None else (None, None)
    seconds, size = float(result.fit_seconds.mean()), size_of(result.estimators[0])
    return Standing(name, found.mean, low, high, seconds, size, result, **gap)


def _difference(best: CrossValidation, other: CrossValidation, judge: Judge, metric: str) -> dict[str, Any]:
    """Other minus best, its interval where there is one, its test and p-value."""
    gap = float(np.mean(other.test[metric]) - np.mean(best.test[metric]))
    if len(best.splits) > 1:
        found = corrected_t_test(best.test[metric], other.test[metric], test_share=best.test_share)
        return {"difference": gap, "p_value": found.p_value, "test": found.name}
    if best.evaluation is None or other.evaluation is None:
        return {"difference": gap, "p_value": 1.0, "test": ""}
    paired = compared(best.evaluation, other.evaluation)[metric]
    ends = {"difference": gap, "difference_low": paired.low, "difference_high": paired.high}
    if metric == "accuracy" and judge.examples.weight is None:
        right = [judge.right(pooled(r)) for r in (best, other)]
        found = mcnemar(*right)
        return ends | {"p_value": found.p_value, "test": found.name}
    share = 0.5 if paired.share is None else paired.share
    n = len(best.evaluation.replicates.get(metric, ())) or 1
    return ends | {"p_value": min(1.0, max(2 * min(share, 1 - share), 1 / n)), "test": "paired bootstrap"}
