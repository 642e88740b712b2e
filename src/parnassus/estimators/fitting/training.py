"""From an estimator's settings to a trainer: how long, how large, on what, watched by whom."""

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ... import store
from ...data.codec import Codec
from ...data.rows import Rows
from ...data.sources import Columns
from ...errors import DataError, DataWarning, FileError, SettingError, did_you_mean
from ...functional.threads import one_thread
from ...registry import Spec, plain
from ...train.checkpoint import Checkpoint
from ...train.compiling import check_mode
from ...train.distributed import device_here, join
from ...train.environment import is_first
from ...train.locking import Alone
from ...train.phase import Objective
from ...train.plan import Plan
from ...train.randomness import seed_of
from ...train.record import LISTENERS, Log, Progress, Record, Several
from ...train.regularizers import Regularizer
from ...train.strategies import WHOLE, check_strategy, strategy_of
from ...train.trainer import Trainer
from .identity import made_alike
from .intake import Examples
from .regularization import settle_penalties

if TYPE_CHECKING:
    from ..base import Estimator


@dataclass(frozen=True)
class Ready:
    """Rows as a training takes them, for an estimator whose objective has its first weights.

    `held` are the raw examples that `watched` encodes; `target` names the columns that the answers came from.
    """

    rows: Rows
    watched: Rows | None
    held: Examples | None
    device: torch.device
    target: Columns | None = None


DESCENT = ("optimizer", "lr", "schedule", "clip_norm", "clip_value", "average")  # what only gradients need
PREVIOUS = "previous.safetensors"  # the checkpoint before the last
ENOUGH_STEPS = 2_000  # what `epochs=None` aims at
FEW_EPOCHS, MANY_EPOCHS = 20, 200
SMALL_PRODUCT = 1_000_000  # multiply-adds of a layer on a batch below which a second thread gives less than it may cost


KINDS: dict[str, tuple[tuple[type, ...], str]] = {  # of settings that no part of a training checks by itself
    "seed": ((Integral,), "a whole number of at least 0"),
    "monitor": ((str,), "the name of a measure, such as 'loss'"),
    "view": ((str, NoneType), "a view's name, or None"),
    "codec": ((Codec, NoneType), "a codec such as pn.Table(), or None"),
    "memory": ((Integral, NoneType), "a number of bytes, at least 0, or None"),
    "out": ((str, os.PathLike, NoneType), "the path of a folder, or None"),
    "checkpoint_every": ((Integral, NoneType), "a number of steps, at least 0, or None"),
    "resume": ((bool,), "True or False"),
    "deterministic": ((bool,), "True or False"),
    "progress": ((bool, NoneType), "True, False or None"),
}


def check_settings(estimator: "Estimator") -> None:
    """Refuses settings of another kind; the plan, the specs and the device refuse their own values."""
    check_strategy(estimator.parallelism)
    check_mode(estimator.compile, parallelism=estimator.parallelism, deterministic=estimator.deterministic)
    for name, (kinds, words) in KINDS.items():
        value = getattr(estimator, name)
        taken = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        if not taken or (isinstance(value, Integral) and value < 0) or (isinstance(value, str) and "\0" in value):
            raise SettingError(f"{name} is {words}; got {value!r}")


def default_batch_size(n_rows: int) -> int:
    """A power of two near a thirty-second of the rows, from 16 to 128."""
    return int(min(128, max(16, 2 ** round(math.log2(max(n_rows, 1) / 32)))))


def default_epochs(n_rows: int, batch_size: int) -> int:
    """As many epochs as make about 2,000 steps, from 20 to 200."""
    return min(MANY_EPOCHS, max(FEW_EPOCHS, math.ceil(ENOUGH_STEPS / math.ceil(n_rows / batch_size))))


def plan_of(estimator: "Estimator", objective: Objective, n_rows: int) -> Plan:
    """The plan that an estimator's settings make for so many rows."""
    batch_size = default_batch_size(n_rows) if estimator.batch_size is None else plain(estimator.batch_size)
    if getattr(estimator, "batch_tokens", None) is not None:
        batch_size = 1  # a row is then a group of rows
    if isinstance(batch_size, dict):  # rows by the epoch from which on they are taken
        batch_size = tuple((plain(k), plain(v)) for k, v in sorted(batch_size.items()))
    elif isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise SettingError(f"batch_size is a whole number of at least 1; got {estimator.batch_size!r}")
    epochs = plain(estimator.epochs)
    if epochs is None:
        largest = batch_size if isinstance(batch_size, int) else max(rows for _, rows in batch_size)
        epochs = objective.epochs or default_epochs(n_rows, largest)
        epochs = max(epochs, math.ceil(objective.least_steps / math.ceil(n_rows / largest)))
    return Plan(
        epochs=epochs,
        batch_size=batch_size,
        micro_batch_size=plain(estimator.micro_batch_size),
        clip_norm=plain(estimator.clip_norm),
        clip_value=plain(estimator.clip_value),
        patience=plain(estimator.patience),
        monitor=estimator.monitor,
        average=plain(estimator.average),
        precision=estimator.precision,
        seed=int(estimator.seed),
    )


def optimizers_of(estimator: "Estimator", phases: list[str]) -> tuple[Spec, dict[str, Spec]]:
    """The optimizer of all phases, and those the user chose for single phases by name."""
    given = estimator.optimizer
    by_phase = dict(given) if isinstance(given, dict) else {}
    for name in by_phase:
        if name not in phases:
            raise SettingError(
                f"optimizer names the phase {name!r}, which this model has not; {did_you_mean(name, phases)}"
            )
    chosen = estimator.spec("optimizer", "adam" if by_phase else given)
    if estimator.lr is not None:
        if not isinstance(estimator.lr, Real) or not estimator.lr >= 0:
            raise SettingError(f"lr is a number of at least 0; got {estimator.lr!r}")
        chosen = chosen.registry(chosen.name, **chosen.options | {"lr": estimator.lr})
    return chosen, {name: estimator.spec("optimizer", one) for name, one in by_phase.items()}


def trainer_of(
    estimator: "Estimator",
    objective: Objective,
    prepare: Any,
    n_rows: int,
    device: torch.device,
    *,
    regularizers: Sequence[Regularizer] = (),
    strategy: str = "data",
) -> Trainer:
    """A trainer for the objective, ready at step 0."""
    chosen, by_phase = optimizers_of(estimator, [p.name for p in objective.phases()])
    plan = plan_of(estimator, objective, n_rows)
    refuse_lone_rows(objective, plan, n_rows)
    ranks = join(device)
    trainer = Trainer(
        objective,
        prepare,
        plan=plan,
        optimizer=chosen,
        by_phase=by_phase,
        schedule=estimator.spec("schedule", estimator.schedule),
        n_rows=n_rows,
        device=device,
        regularizers=regularizers,
        ranks=ranks,
        deterministic=estimator.deterministic,
        strategy=strategy_of(strategy, ranks, device, precision=plan.precision, deterministic=estimator.deterministic),
    )
    say_undivided(trainer, estimator.model)
    settle_penalties(trainer)
    if not trainer.optimizers:
        refuse_idle_settings(estimator)
    return trainer


def say_undivided(trainer: Trainer, model: Any) -> None:
    """Warn where several processes train what cannot be divided among them."""
    ranks = trainer.shards.ranks
    whole = not trainer.shards.divided and trainer.objective.ranks is None
    if ranks.first and ranks.size > 1 and whole and trainer.strategy.by_rows:
        warnings.warn(
            f"{model if isinstance(model, str | Spec) else type(model).__name__} does not learn by gradients of rows "
            f"that are seen one by one, so each of the {ranks.size} processes does the whole work; one is as fast",
            DataWarning,
            stacklevel=5,
        )


def one_pass(estimator: "Estimator") -> "Estimator":
    """An unfitted copy whose training is one pass over some rows, with draws of its own."""
    if estimator.inference is not None:
        raise SettingError("inference weighs a prior against all rows, which partial_fit has not; use fit")
    if estimator.objective_.full_batch and any(p.during != (0.0, 1.0) for p in estimator.objective_.phases()):
        if not estimator.n_steps_:
            del estimator.objective_  # which has learned nothing
        raise SettingError("this model learns in stages, each from all rows, and partial_fit is one pass; use fit")
    own = estimator.get_params(deep=False) | {"epochs": 1, "patience": None}
    return type(estimator)(**own | {"seed": seed_of(estimator.seed, estimator.n_steps_)})


def refuse_idle_settings(estimator: "Estimator") -> None:
    """Refuses settings of gradient descent for a model that learns by a rule of its own."""

    def worded(value: Any) -> Any:
        return value.name if isinstance(value, Spec) and not value.options else value

    usual = type(estimator)().get_params(deep=False)
    given = {name: worded(getattr(estimator, name)) for name in DESCENT}
    idle = [name for name in DESCENT if repr(given[name]) != repr(usual[name])]
    if idle:
        told = ", ".join(f"{name}={given[name]!r}" for name in idle)
        raise SettingError(
            f"{told} would change nothing: the model {worded(estimator.model)!r} learns by a rule of its own, "
            f"not by gradients; leave {'it' if len(idle) == 1 else 'them'} out, or choose a model that does"
        )


def refuse_lone_rows(objective: nn.Module, plan: Plan, n_rows: int) -> None:
    """Refuses batches of one row where a batch norm must find their spread."""
    normalises = any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) for m in objective.modules())
    sizes = [plan.batch_size] if isinstance(plan.batch_size, int) else [size for _, size in plan.batch_size]
    if normalises and min(n_rows, plan.micro_batch_size or n_rows, *sizes) < 2:
        raise SettingError(
            "a batch norm finds the spread of a batch, and batches hold one row here; give 2 rows or more and a "
            "batch_size (and micro_batch_size) of at least 2, or norm='layer'"
        )


def device_of(given: str | torch.device) -> torch.device:
    """The device that a setting names; "auto" is a CUDA device where there is one, else the CPU."""
    if not isinstance(given, str | torch.device):
        raise SettingError(f"device is 'auto', or a name such as 'cpu'; got {given!r}")
    if given == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    if given == "auto":
        own = device_here(torch.device("cuda"))
        return own if own.index is not None else torch.device("cuda", torch.cuda.current_device())
    try:
        device = device_here(torch.device(given))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise SettingError(f"device {given!r} cannot be used here ({why}); try device='cpu'") from error
    return device


@contextmanager
def threads_for(objective: nn.Module, batch_size: int) -> Iterator[None]:
    """One thread inside, for nets so small that threads would wait for each other longer than they work.

    Rules without weights to be trained (EM, k-means) do their work in compiled loops, which keep their threads.
    """
    with one_thread() if largest_product(objective) * batch_size <= SMALL_PRODUCT else nullcontext():
        yield


def largest_product(module: nn.Module) -> float:
    """The weights of the largest matrix that rows are multiplied by; infinite where it is a kernel for many places."""
    largest = 0
    for part in module.modules():
        if isinstance(part, nn.Embedding):  # looked up, and not multiplied by
            continue
        for weights in part.parameters(recurse=False):
            if weights.ndim > 2:
                return math.inf
            largest = max(largest, math.prod(weights.shape) if weights.ndim == 2 else 0)
    return largest


def record_of(estimator: "Estimator", identity: dict[str, Any]) -> Record:
    """The progress line, and a run folder's log and checkpoint where `out` names one; the first rank's alone."""
    checkpoint = None if estimator.out is None else checkpoint_of(estimator, Path(estimator.out), identity)
    if not is_first():
        return checkpoint if checkpoint is not None and estimator.parallelism != "data" else Record()
    if estimator.progress is False or (estimator.progress is None and not Progress().terminal):
        records: list[Record] = []
    else:
        records = [Progress(always=estimator.progress is True)]
    if estimator.out is not None and checkpoint is not None:
        folder = Path(estimator.out)
        records += [Alone(folder), Log(folder, getattr(estimator, "stage", None)), checkpoint]
    return Several(*records, *(one.of(estimator) for one in LISTENERS.get()))


def checkpoint_of(estimator: "Estimator", out: Path, identity: dict[str, Any]) -> Record:
    """What writes checkpoints: in one file, or, where weights may be divided, in one of each rank's."""
    path, every = checkpoint_path(out), estimator.checkpoint_every
    if estimator.parallelism != "data":
        from ...train.divided import sharded_checkpoint

        return Checkpoint(lambda trainer: sharded_checkpoint.write(path.parent, trainer, identity), every=every)

    def write(trainer: Trainer) -> None:
        with kept_previous(path):
            store.save(path, {"trainer": trainer.state_dict(), "data": identity})

    return Checkpoint(write, every=every)


def checkpoint_path(out: str | os.PathLike) -> Path:
    """Where a run folder keeps the last state between two steps."""
    return Path(out) / "checkpoint" / "last.safetensors"


@contextmanager
def kept_previous(path: Path) -> Iterator[None]:
    """Inside, the checkpoint is replaced; the one that was there is then the previous one, under its own name."""
    spare = path.with_name("previous.part")
    spare.unlink(missing_ok=True)
    with suppress(OSError):  # no checkpoint yet, or a file system without a second name for a file
        os.link(path, spare)
    try:
        yield
        if spare.exists():
            os.replace(spare, path.with_name(PREVIOUS))
    finally:
        spare.unlink(missing_ok=True)


def last_whole(path: Path) -> dict[str, Any] | None:
    """The newest checkpoint that is whole; where the last is not, the one before it, and this is said."""
    before = path.with_name(PREVIOUS)
    if not path.exists() and not before.exists():
        return None
    try:
        return store.load(path)
    except FileError as error:
        if not before.exists():
            raise
        state = store.load(before)
        step = state["trainer"]["step"]
        warnings.warn(f"{error}; going on from the checkpoint before it, at step {step}", DataWarning, stacklevel=5)
        return state


def resume_from(estimator: "Estimator", trainer: Trainer, identity: dict[str, Any], rows: Rows) -> None:
    """Take up the run in `out`, where there is one and `resume` asks for it; other data are refused."""
    if not estimator.resume:
        return
    if estimator.out is None:
        raise SettingError("resume=True goes on with the run in a folder; name it by out=")
    path = checkpoint_path(estimator.out)
    folders = any((path.parent / name).is_dir() for name in ("last", "previous"))
    if folders and (estimator.parallelism != "data" or not path.exists()):
        from ...train.divided.sharded_checkpoint import read

        if read(path.parent, trainer, identity):
            return
    state = last_whole(path)
    if state is not None and trainer.strategy is not WHOLE:
        raise SettingError(
            f"{path}: this checkpoint was written with strategy='data'; resume with that, or start anew in another "
            f"folder"
        )
    if state is None:
        return
    if state["data"] != made_alike(identity, state["data"], rows):
        raise DataError(
            f"{path}: this checkpoint was made on other data ({state['data']}, now {identity}); "
            f"resume with the same rows, or start anew in another folder"
        )
    trainer.load_state_dict(state["trainer"])
