"""Optuna's part: where trials are kept, who draws them, who ends them early, and one trial after another."""

import json
import os
import platform
import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import DataError, FileError, ParnassusError, SettingError, did_you_mean, missing_extra
from ..imports import imported
from ..train.randomness import seed_of
from .courses import COSTS, Course, SeriesCourse
from .process import process_sampler
from .space import Space, drawn

PRUNERS = ("median", "halving", "hyperband", "none")
SAMPLERS = ("tpe", "random", "nsga2", "cmaes", "process")
WHY, MEASURES, SECONDS, EPOCHS = "why", "measures", "seconds", "epochs"  # what is kept beside a trial's values
TELLING = ("loss", "class_weight", "loss__")  # settings that make losses of two trials incomparable


def optuna() -> Any:
    """The package, or what to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return imported("optuna")
    except ImportError as error:
        raise missing_extra("optuna", "tune", "a search for settings") from error


@contextmanager
def quiet() -> Iterator[Any]:
    """Optuna without its log and its notes on what is experimental; its own level comes back."""
    package = optuna()
    level, drawn_from = package.logging.get_verbosity(), random.getstate()  # parts load late, and draw as they do
    package.logging.set_verbosity(package.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            yield package
    finally:
        package.logging.set_verbosity(level)
        random.setstate(drawn_from)


class TimeUp(Exception):  # no error: the budget has been spent
    """The budget ended within a trial."""


@dataclass(frozen=True)
class Order:
    """What a search is asked: the space, what is made better, how trials are drawn and ended, until when."""

    space: Space
    metrics: tuple[str, ...]
    higher: tuple[bool, ...]
    identity: dict[str, str]
    sampler: Any = "tpe"
    pruner: Any = "median"
    seed: int = 0
    name: str = "tuning"
    start: dict[str, Any] = field(default_factory=dict)


def storage_of(storage: Any, folder: Path | None) -> Any:
    """Optuna's storage: a URL such as "sqlite:///trials.db", a path to a journal, its own object, or the run folder."""
    optuna()
    if storage is None and folder is None:
        return None
    if storage is not None and not isinstance(storage, str | Path):
        return storage
    if isinstance(storage, str) and "://" in storage:
        return database(storage)
    path = Path(storage) if storage is not None else (folder or Path()) / "trials.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise FileError(
            f"{path}: trials cannot be kept here ({error.strerror}); give another storage or out"
        ) from error
    journal = imported("optuna.storages.journal")
    lock = journal.JournalFileSymlinkLock(str(path))
    _check_journal(path, lock)
    return imported("optuna.storages").JournalStorage(journal.JournalFileBackend(str(path), lock))


def _check_journal(path: Path, lock: Any) -> None:
    """Refuse a file of other lines; of a journal drop a last line that was cut, as on a full disk, before the next."""
    number, line = 0, b"\n"
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                _ = json.loads(line)["op_code"] if line.endswith(b"\n") else None
            except (ValueError, KeyError, TypeError) as error:
                raise FileError(
                    f"{path} is no journal of trials, or a damaged one (line {number} is no entry of it); "
                    "give another storage or out"
                ) from error
    if line.endswith(b"\n"):
        return
    if number == 1:
        raise FileError(f"{path} is no journal of trials: its only line does not end; give another storage or out")
    lock.acquire()
    try:
        whole = path.read_bytes()
        os.truncate(path, whole.rfind(b"\n") + 1)
    finally:
        lock.release()


def database(url: str) -> Any:
    """Trials in a database, or why it cannot be opened."""
    failures = (imported("sqlalchemy.exc").SQLAlchemyError, optuna().exceptions.OptunaError, ImportError)
    try:
        return imported("optuna.storages").RDBStorage(url)
    except failures as error:
        raise FileError(
            f"storage {url!r} cannot be opened ({str(error).splitlines()[0]}); give a URL such as "
            "'sqlite:///trials.db', or a path for a journal"
        ) from error


@contextmanager
def keeping() -> Iterator[None]:
    """What an error means that comes of keeping trials, as on a full disk."""
    try:
        yield
    except (OSError, optuna().exceptions.StorageInternalError) as error:
        if isinstance(error, ParnassusError):
            raise
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise FileError(
            f"a trial cannot be kept ({why}); those before it are in the storage: make room there, and go on with "
            "resume=True"
        ) from error


@keeping()
def study_of(order: Order, storage: Any, *, resume: bool, worker: int = 0) -> Any:
    """The study in the storage; one that is there already is gone on with only where that was asked for, and fits."""
    package = optuna()
    names = [s.study_name for s in package.get_all_study_summaries(storage)] if storage is not None else []
    if order.name in names and not resume:
        raise FileError(
            "the storage holds trials of an earlier search; go on with it by resume=True, or give another "
            "out or storage"
        )
    study = package.create_study(
        storage=storage,
        study_name=order.name,
        directions=["maximize" if higher else "minimize" for higher in order.higher],
        load_if_exists=True,
    )
    theirs = study.user_attrs.get("identity")
    if theirs is None:
        study.set_user_attr("identity", order.identity)
        if order.start:
            study.enqueue_trial(order.start)
    elif theirs != order.identity:
        differing = [k for k in {**theirs, **order.identity} if theirs.get(k) != order.identity.get(k)]
        told = "; ".join(f"{k} was {theirs.get(k)} and is now {order.identity.get(k)}" for k in differing)
        raise DataError(f"the storage holds another search: {told}; resume with the same, or give another storage")
    joined = f"{platform.node()} {os.getpid()}" if theirs is not None else ""  # processes that share draw apart
    study.sampler = sampler_of(order, seed_of(order.seed, worker, joined) % 2**31)
    study.pruner = pruner_of(order)
    return study


def sampler_of(order: Order, seed: int) -> Any:
    """How settings are drawn."""
    if not isinstance(order.sampler, str):
        return order.sampler
    samplers = optuna().samplers
    if order.sampler == "process":
        return process_sampler(seed, n_metrics=len(order.metrics))
    made = {"tpe": "TPESampler", "random": "RandomSampler", "nsga2": "NSGAIISampler", "cmaes": "CmaEsSampler"}
    if order.sampler not in made:
        raise SettingError(f"unknown sampler {order.sampler!r}; {did_you_mean(order.sampler, SAMPLERS)}")
    if order.sampler == "cmaes":
        _needs_cmaes(len(order.metrics))
    return getattr(samplers, made[order.sampler])(seed=seed)


def _needs_cmaes(n_metrics: int) -> None:
    if n_metrics > 1:
        raise SettingError("sampler='cmaes' makes one metric better; give one, or sampler='nsga2'")
    try:
        imported("cmaes")
    except ImportError as error:
        raise missing_extra("cmaes", "tune", "sampler='cmaes'") from error


def pruner_of(order: Order) -> Any:
    """Which trials are ended before their last epoch."""
    if not isinstance(order.pruner, str):
        return order.pruner
    pruners = optuna().pruners
    if order.pruner not in PRUNERS:
        raise SettingError(f"unknown pruner {order.pruner!r}; {did_you_mean(order.pruner, PRUNERS)}")
    if len(order.metrics) > 1 or order.pruner == "none":
        return pruners.NopPruner()
    if order.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    return pruners.SuccessiveHalvingPruner() if order.pruner == "halving" else pruners.HyperbandPruner()


class Search:
    """Trials of one study, one after another in this process."""

    def __init__(self, order: Order, course: Course | SeriesCourse, study: Any) -> None:
        self.order, self.course, self.study = order, course, study
        course.higher |= dict(zip(order.metrics, order.higher, strict=True))
        self.prunes = len(order.metrics) == 1 and order.pruner != "none" and order.metrics[0] not in COSTS
        blurred = any(name.startswith(TELLING) for name in order.space)
        self.prunes = self.prunes and not (blurred and order.metrics[0] != "accuracy")

    @keeping()
    def run(self, n_trials: int | None, deadline: float | None) -> None:
        """Until the study holds so many trials, or until the deadline (of the monotonic clock)."""
        while n_trials is None or self.n_ended() < n_trials:
            if deadline is not None and time.monotonic() >= deadline and self.n_ended():
                return
            if self.one(deadline):
                return

    def n_ended(self) -> int:
        """Trials that came to an end, of every worker."""
        return sum(t.state.is_finished() for t in self.study.get_trials(deepcopy=False))

    def one(self, deadline: float | None) -> bool:
        """One trial, told to the study whatever its end; whether the time is up."""
        states = optuna().trial.TrialState
        trial, started = self.study.ask(), time.perf_counter()
        try:
            values = self._values(trial, deadline)
        except optuna().TrialPruned:
            self._end(trial, started, states.PRUNED, "behind the others")
        except TimeUp:
            self._end(trial, started, states.PRUNED, "the time was up")
            return True
        except DataError as error:
            self._end(trial, started, states.FAIL, str(error))
            if not any(t.state == states.COMPLETE for t in self.study.get_trials(deepcopy=False)):
                raise  # the rows are at fault, not the settings
        except (ParnassusError, ArithmeticError, torch.OutOfMemoryError, MemoryError) as error:
            self._end(trial, started, states.FAIL, f"{type(error).__name__}: {error}")
        except BaseException as error:
            self._end(trial, started, states.FAIL, type(error).__name__)
            raise
        else:
            self._end(trial, started, states.COMPLETE, values=values)
        return False

    def _end(self, trial: Any, started: float, state: Any, why: str = "", *, values: Any = None) -> None:
        trial.set_user_attr(SECONDS, time.perf_counter() - started)
        if why:
            trial.set_user_attr(WHY, why.splitlines()[0][:300])
        self.study.tell(trial, values, state=state)

    def _values(self, trial: Any, deadline: float | None) -> list[float]:
        from sklearn.base import clone

        made = clone(self.course.estimator)
        drawn(trial, made, self.order.space)

        def heard(value: float, epoch: int) -> None:
            if deadline is not None and time.monotonic() >= deadline and self.n_ended():
                raise TimeUp
            if self.prunes:
                trial.report(value, epoch)
                if trial.should_prune():
                    trial.set_user_attr(EPOCHS, epoch)
                    raise optuna().TrialPruned

        watched = (self.order.metrics[0], heard) if self.prunes or deadline is not None else None
        found = self.course.measures(made, watched=watched)
        trial.set_user_attr(MEASURES, found)
        missing = [m for m in self.order.metrics if m not in found and m not in COSTS]
        if missing:
            raise ArithmeticError(f"{missing[0]} is not defined for these answers")
        trial.set_user_attr(EPOCHS, len(getattr(self.course.fitted, "history_", ())))
        return [self.course.cost(m) if m in COSTS else found[m] for m in self.order.metrics]
