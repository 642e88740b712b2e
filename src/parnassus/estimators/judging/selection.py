"""How good a kind of estimator is on data it has not seen, by folds, by number of rows, by setting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data.answers import answer_array, is_gap
from ...data.sources import Columns
from ...data.split import Split, balanced_order, bootstrap_draw
from ...data.timeseries.step_tables import is_frame
from ...errors import DataError, SettingError, did_you_mean
from ...evaluation.bias_variance import BiasVariance, squared_decomposition, zero_one_decomposition
from ..fitting.intake import Examples, examples_of, split_target
from .contenders import copies, fit_all, task_of
from .folding import Stratify, folds_of
from .judging import Judge, LabelJudge, NumberJudge, Outcome, judge_for
from .validation import CrossValidation, Curve

SIZES = (0.1, 0.325, 0.55, 0.775, 1.0)


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    target: Columns | None = None,
    folds: Any = 5,
    groups: Any = None,
    time: Any = None,
    repeats: int = 1,
    stratify: Stratify = "auto",
    sample_weight: Any = None,
    seed: int = 0,
) -> CrossValidation:
    """Scores of an estimator on rows that its fits have not seen, with intervals; `print` shows them as a table.

    Each fold fits a copy on its own training rows, codecs included; plain dense nets are fitted together.

    Parameters
    ----------
    estimator : an estimator of this library, or one in scikit-learn's manner, such as a Pipeline; it stays unfitted.
    X, y, target : as in `fit`: arrays, a frame, texts, pictures, or a path.
    folds : how many; a share such as 0.25 to hold out once; "leave_one_out"; (train, test) pairs of row numbers; or a
        splitter of scikit-learn.
    groups : what a row belongs to, such as a patient: one value a row, or a column of X, which is then no input. No
        group is on both sides.
    time : when a row was, ascending: one date or number a row, or the name of a column of X. Training rows are all
        earlier than the tested ones.
    repeats : how often to divide anew.
    stratify : spread the classes evenly over the folds; "auto" does where y holds one class a row.
    sample_weight : how much each row counts, in fits and metrics.
    seed : of the division; fits take the estimator's own.

    Raises
    ------
    DataError : the folds cannot be made of these rows, classes, groups or times; the message names both numbers.

    Systems: k-fold-cv
    Source: Hifny A14.12 and A14.13, section 14.5; Baker A047; Martinez-Ramon 3.5.6. For the interval, Nadeau and Bengio
    (2003): see `evaluation.folds`.
    """
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, estimator)
    judge = judge_for(task_of(estimator), examples)
    division = {"folds": folds, "groups": groups, "time": time, "repeats": repeats, "stratify": stratify}
    splits, words = folds_of(len(examples), judge.labels, **division, seed=seed)
    return validated(estimator, judge, splits, words, seed=seed)


def taken(
    X: Any, y: Any, target: Columns | None, groups: Any, time: Any, sample_weight: Any, estimator: Any
) -> tuple[Examples, Any, Any]:
    """The examples, and groups and times one a row, taken out of X where they are named."""
    memory = getattr(estimator, "memory", None)
    memory = memory if isinstance(memory, int) else None
    examples = examples_of(X, y, target=target, sample_weight=sample_weight, memory=memory)
    groups, time = _steps_apart(estimator, examples.X, groups, time)
    if isinstance(groups, str):
        examples.X, groups = split_target(examples.X, groups, role="groups")
    if isinstance(time, str):
        time = split_target(examples.X, time, role="time")[1]
    return examples, _one_a_row("groups", groups), _one_a_row("time", time)


def rows_are_steps(estimator: Any, X: Any) -> bool:
    """Whether rows are the steps of sequences: those of a table for an HMM or a Tagger, or of one array for an HMM."""
    if not (hasattr(estimator, "sequence") and hasattr(estimator, "time")):
        return False
    return is_frame(X) or (isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f")


def _steps_apart(estimator: Any, X: Any, groups: Any, time: Any) -> tuple[Any, Any]:
    """Groups and times of rows that are steps: a sequence is on one side, and one alone is divided by its time."""
    if time is not None or not rows_are_steps(estimator, X):
        return groups, time
    if estimator.sequence is not None and (
        groups is None or (isinstance(groups, str) and groups == estimator.sequence)
    ):
        return split_target(X, estimator.sequence, role="sequence")[1], None
    if groups is not None or estimator.sequence is not None:
        return groups, None
    return None, np.arange(len(X)) if estimator.time is None else split_target(X, estimator.time, role="time")[1]


def _one_a_row(name: str, given: Any) -> np.ndarray | None:
    """Groups or times as an array; a gap among them would be a group of its own."""
    if given is None:
        return None
    row = next((i for i, value in enumerate(np.asarray(given, dtype=object).ravel()) if is_gap(value)), None)
    if row is not None:
        raise DataError(f"row {row} has no entry in {name}; say where it belongs, or leave the row out")
    return answer_array(given)


def validated(estimator: Any, judge: Judge, splits: list[Split], words: str, *, seed: int) -> CrossValidation:
    """Fit a copy on each training part and judge it on the other."""
    _refuse_lost_classes(judge, splits)
    fits = copies(estimator, len(splits))
    seconds = fit_all(fits, [judge.examples.take(train) for train, _ in splits], seed=seed)
    said = [judge.ask(e, test, train) for e, (train, test) in zip(fits, splits, strict=True)]
    predictions, pooled = _pooled(judge, said)
    return CrossValidation(
        estimator=estimator,
        folds=words,
        splits=splits,
        n_rows=len(judge.examples),
        test=_columns([judge.metrics(o) for o in said]),
        trained=lambda: _columns(
            [judge.metrics(judge.ask(e, train, train)) for e, (train, _) in zip(fits, splits, strict=True)]
        ),
        fit_seconds=np.array(seconds),
        estimators=fits,
        predictions=predictions,
        judge=lambda: judge.evaluate(pooled, seed=seed) if pooled is not None else None,
    )


def _refuse_lost_classes(judge: Judge, splits: list[Split]) -> None:
    """A fold that trains on one class alone has nothing to learn."""
    if judge.labels is None:
        return
    for i, (train, _) in enumerate(splits):
        if len(np.unique(judge.labels[train])) < 2:
            raise DataError(
                f"the {len(train)} training rows of fold {i} hold one class, and y holds "
                f"{len(np.unique(judge.labels))}; use fewer folds, more rows, or stratify"
            )


def _columns(folds: Sequence[dict[str, float]]) -> dict[str, np.ndarray]:
    """Metric -> one number a fold; those that every fold defines."""
    return {k: np.array([f[k] for f in folds]) for k in folds[0] if all(np.isfinite(f.get(k, np.nan)) for f in folds)}


def _pooled(judge: Judge, said: Sequence[Outcome]) -> tuple[np.ndarray | None, Outcome | None]:
    """What was said of each row the first time that a fold tested it, in the order of the rows, and as one outcome."""
    first = said[0].outputs
    if not isinstance(first, np.ndarray):
        return None, None
    n = len(judge.examples)
    whole = np.full((n, *first.shape[1:]), np.nan)
    done = np.zeros(n, dtype=bool)
    for outcome in said:
        new = ~done[outcome.rows]
        whole[outcome.rows[new]] = outcome.outputs[new]
        done[outcome.rows] = True
    rows, seen = np.flatnonzero(done), np.unique(np.concatenate([o.train for o in said]))
    threshold = float(np.mean([o.threshold for o in said]))
    pooled = Outcome(rows, whole[rows], seen, threshold, any(o.scores_only for o in said))
    return whole, pooled


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    target: Columns | None = None,
    sizes: Sequence[float] = SIZES,
    folds: Any = 5,
    groups: Any = None,
    time: Any = None,
    repeats: int = 1,
    stratify: Stratify = "auto",
    metric: str | None = None,
    sample_weight: Any = None,
    seed: int = 0,
) -> Curve:
    """Scores by number of training rows: whether more data would help, and how much is overfitted.

    Each fold's training rows are shuffled once, and its smaller sets are beginnings of its larger ones, with every
    class in its share; with `time`, they are the latest rows before the tested ones. The scores are means over folds
    and repeats.

    Parameters
    ----------
    sizes : numbers of rows, or shares of the rows that a fold trains on.
    metric : what `best`, `plot` and the table show; None takes the most telling.
    others : as in `cross_validate`.

    Systems: learning-curve-n
    Source: Martinez-Ramon 2.2 and its figure 2.2: error by number of rows, averaged over many draws, on a log axis.
    """
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, estimator)
    judge = judge_for(task_of(estimator), examples)
    division = {"folds": folds, "groups": groups, "time": time, "repeats": repeats, "stratify": stratify}
    splits, words = folds_of(len(examples), judge.labels, **division, seed=seed)
    n_rows = row_counts(sizes, min(len(train) for train, _ in splits))
    labels = judge.labels

    def order(train: np.ndarray, draw: int) -> np.ndarray:
        if time is not None:
            return train[np.argsort(time[train], kind="stable")[::-1]]
        return balanced_order(train, None if labels is None else labels[train], seed=seed + draw)

    ordered = [(order(train, i), test) for i, (train, test) in enumerate(splits)]
    found = [validated(estimator, judge, [(t[:n], test) for t, test in ordered], words, seed=seed) for n in n_rows]
    return _curve("rows", n_rows, found, metric)


def row_counts(sizes: Sequence[float], n_most: int) -> list[int]:
    """Numbers of rows, ascending and each once, from numbers or shares of the most there are.

    >>> row_counts([0.1, 0.5, 1.0], 120)
    [12, 60, 120]
    """
    given = np.asarray(sizes, dtype=np.float64)
    if given.ndim != 1 or not len(given) or not (given > 0).all():
        raise SettingError(f"sizes are numbers of rows, or shares of them in (0, 1]; got {sizes!r}")
    if given.max() <= 1 and not all(isinstance(s, int) for s in sizes):
        given = np.maximum((given * n_most).astype(np.int64), 1)
    if given.max() > n_most or (given != given.astype(np.int64)).any():
        raise DataError(
            f"sizes asks for {given.max():g} training rows, and a fold has {n_most}; ask for 1 to {n_most}, or shares"
        )
    return np.unique(given.astype(np.int64)).tolist()


def validation_curve(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    parameter: str,
    values: Sequence[Any],
    target: Columns | None = None,
    folds: Any = 5,
    groups: Any = None,
    time: Any = None,
    repeats: int = 1,
    stratify: Stratify = "auto",
    metric: str | None = None,
    sample_weight: Any = None,
    seed: int = 0,
) -> Curve:
    """Scores by a setting: where it underfits, where it overfits, and `best` between them.

    Every value is tried on the same folds. The best one's score is a little too good, since it was chosen by it: test
    the chosen estimator on rows that took no part.

    Parameters
    ----------
    parameter : a setting's name as in `set_params`: "epochs", "model__hidden", "optimizer__lr".
    values : what to set it to, in order.
    metric : what `best`, `plot` and the table show; None takes the most telling.
    others : as in `cross_validate`.

    Systems: validation-selection
    Source: Martinez-Ramon, problems 1.11 to 1.13 and 7.1: epochs, layers and nodes with the least validation error.
    """
    known = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    if parameter not in known:
        raise SettingError(f"{type(estimator).__name__} has no setting {parameter!r}; {did_you_mean(parameter, known)}")
    if not len(values):
        raise SettingError("values is empty; give the values to try")
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, estimator)
    judge = judge_for(task_of(estimator), examples)
    division = {"folds": folds, "groups": groups, "time": time, "repeats": repeats, "stratify": stratify}
    splits, words = folds_of(len(examples), judge.labels, **division, seed=seed)
    tried = [copies(estimator, 1, **{parameter: value})[0] for value in values]
    found = [validated(one, judge, splits, words, seed=seed) for one in tried]
    return _curve(parameter, list(values), found, metric)


def _curve(name: str, values: list[Any], found: Sequence[CrossValidation], metric: str | None) -> Curve:
    shared = [k for k in found[0].test if all(k in f.test for f in found)]
    if metric is not None and metric not in shared:
        raise SettingError(f"no metric {metric!r} was measured at every value; {did_you_mean(metric, shared)}")
    return Curve(
        name,
        values,
        found[0].folds,
        {k: np.stack([f.test[k] for f in found]) for k in shared},
        {k: np.stack([f.train[k] for f in found]) for k in shared},
        [f.test_share for f in found],
        metric or shared[0],
    )


def bias_variance(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    target: Columns | None = None,
    n_draws: int = 20,
    test: float = 0.25,
    groups: Any = None,
    time: Any = None,
    noise: float = 0.0,
    sample_weight: Any = None,
    seed: int = 0,
) -> BiasVariance:
    """What an estimator misses, and what each training set changes.

    It is fitted on bootstrap draws of the training rows, together where it can be, and judged on one held-out part:
    numbers by squared error, the mean over outputs; classes by 0-1 loss.

    Parameters
    ----------
    n_draws : training sets, each as large as the part that is not held out, drawn from it with replacement.
    test : the share of rows that is held out.
    groups, time : as in `cross_validate`: no group is on both sides, or the latest rows are held out.
    sample_weight : how much each row counts, in fits.
    noise : the variance of y where its mean is known to be y itself; see `squared_decomposition`.

    Systems: bias-variance
    Source: Hifny A14.2, section 14.1: estimated by resampling.
    """
    if n_draws < 2:
        raise SettingError(f"a variance needs two draws or more; got n_draws={n_draws}")
    examples, groups, time = taken(X, y, target, groups, time, sample_weight, estimator)
    judge = judge_for(task_of(estimator), examples)
    if not isinstance(judge, LabelJudge | NumberJudge):
        raise SettingError(f"bias and variance are of classes or numbers; {type(estimator).__name__} answers neither")
    division = {"folds": float(test), "groups": groups, "time": time}
    ((train, held),), _ = folds_of(len(examples), judge.labels, **division, seed=seed)
    draws = [train[bootstrap_draw(len(train), seed=seed + i)[0]] for i in range(n_draws)]
    _refuse_lost_classes(judge, [(drawn, held) for drawn in draws])
    fits = copies(estimator, n_draws)
    fit_all(fits, [examples.take(drawn) for drawn in draws], seed=seed)
    answers = np.stack([judge.answers(judge.ask(e, held, d)) for e, d in zip(fits, draws, strict=True)])
    if isinstance(judge, LabelJudge):
        return zero_one_decomposition(judge.codes[held], answers)
    return squared_decomposition(judge.y[held], answers, noise=noise)
