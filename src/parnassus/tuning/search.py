"""`pn.tune`: the search itself, its workers, the outer folds that it never sees, the best model on all rows."""

import math
import multiprocessing
import time as clock
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.sources import Columns
from ..errors import DataError, FileError, ParnassusError, SettingError, check_count
from ..estimators.base import Estimator
from ..estimators.forecaster import Forecaster
from ..estimators.judging.contenders import copies, task_of
from ..estimators.judging.folding import Stratify, folds_of
from ..estimators.judging.judging import judge_for
from ..estimators.judging.selection import taken
from .courses import Course, SeriesCourse, bare, course_of, metrics_of
from .result import Nested, Tuning, found_in
from .space import Space, options_of, read_space, space_of, start_of
from .study import Order, Search, quiet, storage_of, study_of


@dataclass(frozen=True)
class SearchRequest:
    """What one search is asked, as `tune` was told."""

    estimator: Any
    X: Any
    y: Any
    division: dict[str, Any]
    space: Any
    metric: Any
    trials: int | None
    budget: float | None
    sampler: Any
    pruner: Any
    storage: Any
    out: Path | None
    resume: bool
    n_workers: int
    seed: int
    name: str = "tuning"


def tune(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    target: Columns | None = None,
    space: Any = None,
    trials: int | None = None,
    budget: float | None = None,
    metric: Any = None,
    folds: Any = None,
    groups: Any = None,
    time: Any = None,
    stratify: Stratify = "auto",
    outer: int | None = None,
    sampler: Any = "tpe",
    pruner: Any = "median",
    storage: Any = None,
    out: Any = None,
    resume: bool = False,
    n_workers: int = 1,
    refit: bool = True,
    sample_weight: Any = None,
    seed: int = 0,
) -> Tuning:
    """The best settings that were found by trial, and the model fitted with them on all rows; `print` shows a table.

    The first trial is the estimator as it was given, where the space holds its settings: what is found is beside it.

    Parameters
    ----------
    estimator : an estimator of this library, or one in scikit-learn's manner with a `space`; it stays unfitted.
    X, y, target, sample_weight : as in `fit`.
    space : settings by name (`get_params` lists them), each a list of choices, (low, high), (low, high, "log"),
        (low, high, step), or "auto"; None takes what the signatures suggest (`tuning.space_of`).
    trials : how many; 30 where there is no budget either.
    budget : seconds after which no trial begins, and the one under way ends at its next epoch.
    metric : what is made better: a measure of the task, "latency" (milliseconds to answer one row), "size"; several
        give a front instead of one best. None takes the most telling measure.
    folds : 0.25 holds that share of the rows out for judging; 5 divides into five folds, at five fits a trial. Of a
        Forecaster the number of origins of its backtest, 3.
    groups, time, stratify : as in `cross_validate`.
    outer : outer folds: the whole search is made again on the training part of each, and its best is judged on rows
        that no part of that search has seen.
    sampler : "tpe", "random", "nsga2", "cmaes", "process" (a Gaussian process), or one of Optuna's.
    pruner : "median" ends trials that are behind the others' median at an epoch, "halving", "hyperband", "none".
    storage : where trials are kept: "sqlite:///trials.db", a path to a journal, or Optuna's own object; None takes
        `trials.log` in `out`, or memory. Several processes or machines may share one, with resume=True.
    out : a folder for the trials, the page, and the best model, as `model.parnassus`.
    resume : go on with the search in the storage, whoever began it; `trials` counts those already made.
    n_workers : processes that share the trials.
    refit : fit the best settings on all rows.
    seed : of the draws and the folds; with one worker equal seeds give equal trials. Fits take the estimator's own.
    """
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, Real) or not 0 < budget < math.inf):
        raise SettingError(f"budget is a number of seconds above 0; got {budget!r}")
    trials = check_count("trials", trials) if trials is not None else None if budget is not None else 30
    check_count("n_workers", n_workers)
    division = {"target": target, "folds": folds, "groups": groups, "time": time, "stratify": stratify}
    division |= {"sample_weight": sample_weight, "seed": seed}
    folder = Path(out) if out is not None else None
    if resume and folder is None and storage is None:
        raise SettingError("resume=True goes on with trials that are kept; name their folder by out= or their storage")
    if folder is not None and folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file; name a folder by out")
    request = SearchRequest(
        estimator, X, y, division, space, metric, trials, budget and float(budget), sampler, pruner, storage, folder,
        bool(resume), n_workers, seed,
    )  # fmt: skip
    if outer is not None:
        check_count("outer", outer, least=2)
        if budget is not None:  # each outer fold is a search of its own
            request = replace(request, budget=float(budget) / (outer + 1))
        if not isinstance(folds, int | float | None):
            raise SettingError("with outer folds, folds is a count or a share: each outer part is divided anew")
    with quiet():
        nested = _nested(request, outer) if outer is not None else None
        found, course = searched(request)
    found = replace(found, nested=nested)
    if refit and found.complete:
        found.best_estimator_ = course.refit(_best(request, found, X))
    _keep(found, folder)
    return found


def searched(request: SearchRequest) -> tuple[Tuning, Course | SeriesCourse]:
    """One search: the ground looked over, trials here or in workers, and what they found."""
    started = clock.monotonic()
    if request.n_workers > 1 and request.storage is None and request.out is None:
        raise SettingError("several workers share a storage; name one by storage= or a folder by out=")
    course = course_of(request.estimator, request.X, request.y, **request.division)
    order = _order(request, course)
    study = study_of(order, storage_of(request.storage, request.out), resume=request.resume)
    deadline = None if request.budget is None else started + request.budget
    interrupted = False
    try:
        if request.n_workers > 1:
            _in_workers(request, order, deadline)
        else:
            with said_once():
                Search(order, course, study).run(request.trials, deadline)
    except KeyboardInterrupt:
        warnings.warn("interrupted; what was found so far is kept", stacklevel=3)
        interrupted = True
    seconds = clock.monotonic() - started
    return found_in(study, order, course, seconds=seconds, interrupted=interrupted), course


@contextmanager
def said_once() -> Iterator[None]:
    """Warnings that many trials share are given once, at the end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            told = {(one.category, str(one.message)): None for one in caught}
    for category, text in told:
        warnings.warn(text, category, stacklevel=5)


def _order(request: SearchRequest, course: Course | SeriesCourse) -> Order:
    """Look the ground over by one short fit: what is measured, whether the model learns by gradients, which rows."""
    from sklearn.base import clone

    given = None if request.space is None else read_space(course.estimator, request.space, n_rows=course.n_rows or 4096)
    probe = clone(course.estimator)
    if isinstance(probe, Estimator):
        probe.set_params(epochs=1, patience=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured = (
            replace(course, splits=course.splits[:1]) if isinstance(course, Course) else replace(course, n_folds=1)
        )
        try:
            names = list(measured.measures(probe))
        except DataError:
            course.refuse_whole()
            raise
    space = given if given is not None else _suggested(course, measured)
    identity = {
        "estimator": repr(course.estimator),
        "space": "; ".join(f"{k}: {v}" for k, v in space.items()),
        "metric": ", ".join(metrics_of(request.metric, names)),
        "folds": course.words,
        "data": str(getattr(measured.fitted, "data_", None) or getattr(course, "n_rows", None)),
    }
    start = start_of(course.estimator, space)
    metrics = metrics_of(request.metric, names)
    higher = tuple(measured.higher.get(m, False) for m in metrics)
    return Order(space, metrics, higher, identity, request.sampler, request.pruner, request.seed, request.name, start)


def _suggested(course: Course | SeriesCourse, measured: Course | SeriesCourse) -> Space:
    """The space of the signatures; rates and batches only where the model learns by gradients."""
    fitted = measured.fitted
    if isinstance(measured, SeriesCourse):  # whose origins keep no fit
        (fitted,) = copies(fitted, 1)
        measured.refit(fitted)
    objective = getattr(fitted, "objective_", None)
    descends = objective is None or any(list(p.params) for p in objective.phases())
    space = space_of(course.estimator, n_rows=course.n_rows, descends=descends)
    if not space:
        own = options_of(course.estimator) if isinstance(course.estimator, Estimator) else {}
        named = "get_params()"
        for name, value in list(own.items())[:1]:
            named = f"{', '.join(own)}, such as {{{name!r}: [{value!r}, ...]}}"
        raise SettingError(f"no setting of {type(course.estimator).__name__} suggests a range; give space= of {named}")
    return space


def _best(request: SearchRequest, found: Tuning, X: Any) -> Any:
    made = bare(request.estimator, X)
    if request.out is not None and isinstance(made, Estimator):
        made.set_params(out=str(request.out))
    return made.set_params(**found.best_params_)


def _keep(found: Tuning, folder: Path | None) -> None:
    if folder is None:
        return
    found.report(folder / "tuning.html")
    if isinstance(found.best_estimator_, Estimator):
        found.best_estimator_.save(folder / "model.parnassus")


# --- several processes ----------------------------------------------------------------------------


def _in_workers(request: SearchRequest, order: Order, deadline: float | None) -> None:
    """Processes that take trials from one storage until their shares, or the time, are used up."""
    if request.storage is not None and not isinstance(request.storage, str | Path):
        raise SettingError("workers open the storage themselves; give it as a URL or a path")
    context = multiprocessing.get_context("spawn")
    left = None if deadline is None else deadline - clock.monotonic()
    threads = max(1, torch.get_num_threads() // request.n_workers)
    own = replace(request, budget=left)
    workers = [
        context.Process(target=_work, args=(own, order, index, threads), daemon=True)
        for index in range(1, request.n_workers + 1)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    bad = [(i, w.exitcode) for i, w in enumerate(workers, start=1) if w.exitcode]
    if bad:
        raise ParnassusError(
            f"worker {bad[0][0]} of {len(workers)} ended with code {bad[0][1]}; its message is above. Trials that "
            f"ended are in the storage: go on with resume=True"
        )


def _work(request: SearchRequest, order: Order, index: int, threads: int) -> None:
    """A worker's process."""
    torch.set_num_threads(threads)
    deadline = None if request.budget is None else clock.monotonic() + request.budget
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        course = course_of(request.estimator, request.X, request.y, **request.division)
        study = study_of(order, storage_of(request.storage, request.out), resume=True, worker=index)
        Search(order, course, study).run(request.trials, deadline)


# --- outer folds ----------------------------------------------------------------------------------


def _nested(request: SearchRequest, outer: int) -> Nested:
    """The search made anew on each outer training part; its best is judged on rows it has not seen."""
    if isinstance(request.estimator, Forecaster):
        raise SettingError(
            "outer folds are of rows; to judge a tuned forecaster, leave the last steps out of X and score them after"
        )
    given = dict(request.division)
    examples, groups, time = taken(
        request.X, request.y, given["target"], given["groups"], given["time"], given["sample_weight"], request.estimator
    )
    judge = judge_for(task_of(request.estimator), examples)
    splits, words = folds_of(
        len(examples), judge.labels, folds=outer, groups=groups, time=time, stratify=given["stratify"],
        seed=request.seed,
    )  # fmt: skip
    scores, params = [], []
    for i, (train, test) in enumerate(splits):
        part = examples.take(train)
        inner = given | {"target": None, "sample_weight": part.weight}
        inner |= {"groups": None if groups is None else groups[train], "time": None if time is None else time[train]}
        found, course = searched(replace(request, X=part.X, y=part.y, division=inner, name=f"outer-{i}"))
        if not found.complete:
            raise ParnassusError(f"no trial of outer fold {i} came to its end: {found.reasons()}")
        best = bare(request.estimator, part.X).set_params(**found.best_params_)
        scores.append(judge.metrics(judge.ask(course.refit(best), test, train)))
        params.append(found.best_params_)
    shared = [k for k in scores[0] if all(math.isfinite(s.get(k, math.nan)) for s in scores)]
    share = float(np.mean([len(test) / (len(train) + len(test)) for train, test in splits]))
    return Nested(words, {k: np.array([s[k] for s in scores]) for k in shared}, params, share)
