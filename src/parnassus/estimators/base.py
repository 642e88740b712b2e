"""What every estimator shares: settings, raw data to a trained objective, and the way back."""

import copy
import inspect
import itertools
import os
import re
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from ..data.codec import Codec, codec_for
from ..data.facts import choose_view
from ..data.rows import Batch, Dense, Joined, Rows
from ..data.rows import batches as batches_of
from ..data.targets import Target
from ..errors import DataError, DataWarning, ParnassusError, SettingError
from ..evaluation.result import Evaluation
from ..functional.criteria import Loss
from ..objectives.supervised import Supervised
from ..registry import REGISTRIES, Spec
from ..train.phase import Objective
from ..train.randomness import kept_random, seed_of
from ..train.trainer import Trainer, cuts_of
from .identity import fingerprint, versions
from .intake import Examples, count_rows, examples_of, hold_out, inputs_of, take_rows, warn_of_leaks
from .protocol import Settings, not_fitted_error
from .training import check_settings, device_of, record_of, resume_from, threads_for, trainer_of

EVALUATED = 1024  # rows that a prediction takes at a time


def __getattr__(name: str) -> Any:
    if name == "NotFitted":
        return not_fitted_error()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Estimator(Settings):
    """A task. The constructor stores, `fit` learns, learned things end in `_`.

    Parameters
    ----------
    model : a name (`parnassus models` lists them), a spec such as `pn.model("mlp", hidden=(64, 64))`, or an nn.Module;
        None takes the task's own for this kind of data: "mlp" for tables and texts, "cnn" for pictures.
    epochs : passes over the training rows; None takes as many as make about 2,000 steps, from 20 to 200.
    batch_size : rows a step; None takes a power of two near a thirty-second of the rows, from 16 to 128.
    micro_batch_size : cuts a step's rows for memory; changes nothing beyond rounding, except batch-norm statistics.
    optimizer : a name, a spec such as `pn.optimizer("sgd", momentum=0.9)`, or a dict from phase to one of these.
    lr : the learning rate; None takes the optimizer's own.
    schedule : how the rate changes over training: a name or a spec such as `pn.schedule("cosine", warmup=0.1)`.
    loss : a name or spec such as `pn.loss("huber", delta=2.0)`; None takes the one that fits the target.
    clip_norm : the largest norm of all gradients together.
    clip_value : the largest size of any gradient.
    patience : epochs without improvement on the validation rows after which training ends and the best weights return.
    monitor : what patience watches: "loss", or "accuracy" where it is measured.
    average : the decay of a moving average of the weights, such as 0.999, which is then what is evaluated and kept.
    precision : "float32", or "bfloat16" for matrix products in half the bits (autocast).
    codec : how X becomes numbers, such as `pn.Table(missing="median")`; None learns it from X.
    view : which of the codec's shapes the model takes, where the first that fits is not meant.
    memory : bytes that data from files may take before they are read when needed; None is 2 GiB.
    device : "auto", "cpu", "cuda", "mps".
    seed : of weights, order, dropout and everything drawn; equal seeds give equal weights.
    out : a folder for the run: log.csv, TensorBoard events, checkpoints.
    checkpoint_every : steps between checkpoints, beside the one at each epoch's end.
    resume : go on with the run in `out`, where there is one.
    progress : True prints, False is quiet, None shows progress on a terminal only.
    """

    kinds: ClassVar[dict[str, type["Estimator"]]] = {}
    task: ClassVar[str] = ""
    default_models: ClassVar[dict[str, str]] = {}  # by kind of codec; others take "mlp"
    roles: ClassVar[tuple[str, ...]] = ("model", "optimizer", "schedule", "loss")

    codec_: Codec
    target_: Any  # a Target, or None where there are no answers
    objective_: Objective
    held_: Examples | None
    data_: dict[str, Any]
    history_: list[dict[str, float]]
    seconds_: float | None
    _optimizer_state: dict[str, Any]  # kept between calls of partial_fit alone: it is twice the weights

    def __init__(
        self,
        model: Any = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        micro_batch_size: int | None = None,
        optimizer: Any = "adam",
        lr: float | None = None,
        schedule: Any = "constant",
        loss: Any = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        patience: int | None = None,
        monitor: str = "loss",
        average: float | None = None,
        precision: str = "float32",
        codec: Codec | None = None,
        view: str | None = None,
        memory: int | None = None,
        device: str = "auto",
        seed: int = 0,
        out: str | None = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
        progress: bool | None = None,
    ) -> None:
        self.model, self.epochs, self.batch_size, self.micro_batch_size = model, epochs, batch_size, micro_batch_size
        self.optimizer, self.lr, self.schedule, self.loss = optimizer, lr, schedule, loss
        self.clip_norm, self.clip_value, self.patience, self.monitor = clip_norm, clip_value, patience, monitor
        self.average, self.precision, self.codec, self.view = average, precision, codec, view
        self.memory, self.device, self.seed, self.out = memory, device, seed, out
        self.checkpoint_every, self.resume, self.progress = checkpoint_every, resume, progress

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Name the task; write the shared settings into the signature of a constructor that takes `**training`."""
        super().__init_subclass__(**keywords)
        cls.task = re.sub(r"(?<!^)([A-Z])", r"_\1", cls.__name__).lower()
        Estimator.kinds[cls.__name__] = cls
        if "__init__" in vars(cls):
            own = inspect.signature(cls.__init__).parameters
            shared = inspect.signature(Estimator.__init__).parameters
            merged = {k: p for k, p in own.items() if p.kind is not p.VAR_KEYWORD}
            merged |= {k: p for k, p in shared.items() if k not in own}
            cls.__init__.__signature__ = inspect.Signature(list(merged.values()))  # type: ignore[attr-defined]

    # --- settings ---------------------------------------------------------------------------------

    def spec(self, role: str, given: Any) -> Spec:
        """A name or a Spec as a Spec of its own; anything else is refused."""
        if isinstance(given, Spec) and given.registry.kind == role:
            return given.copy()
        if isinstance(given, str):
            if role == "model":
                REGISTRIES[role].builders(given, self.task)  # "did you mean" looks among this task's names
            return REGISTRIES[role](given)
        raise SettingError(f"{role} is a name or pn.{role}(name, ...); got {given!r}")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        params = super().get_params(deep=False)
        for role in self.roles if deep else ():
            given = params.get(role)
            spec = given if isinstance(given, Spec) else self._known(role, given)
            task = self.task if role == "model" else None
            if spec is not None and (task is None or spec.name in spec.registry.names(task)):
                params |= {f"{role}__{k}": v for k, v in spec.get_params(task=task).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        for role in self.roles:
            if role in params:
                setattr(self, role, params.pop(role))
            if any(key.startswith(f"{role}__") for key in params):
                given = getattr(self, role)
                setattr(self, role, given.copy() if isinstance(given, Spec) else self._known(role, given) or given)
        return super().set_params(**params)

    def _known(self, role: str, given: Any) -> Spec | None:
        registry = REGISTRIES[role]
        return registry(given) if isinstance(given, str) and given in registry.names() else None

    # --- fit --------------------------------------------------------------------------------------

    def _fit(self, examples: Examples, target: Target | None, validation: Any, labels: Any) -> Self:
        """Codecs from training rows, the view and builder that fit, then phases until the end."""
        check_settings(self)
        if validation is None and self.patience:
            validation = 0.1
        self._optimizer_state = {}
        train, held = hold_out(examples, validation, seed=self.seed, labels=labels)
        self._fit_codecs(train, target)
        rows = self._rows(train)
        watched = self._rows(held) if held is not None else None
        warn_of_leaks(train, held)
        device = device_of(self.device)
        self._build(device)
        trainer = trainer_of(self, self.objective_, partial(self._prepare, device), len(rows), device)
        started = time.perf_counter()
        self.data_ = {"fingerprint": fingerprint(rows), "n_rows": len(rows)}
        resume_from(self, trainer, self.data_)
        with threads_for(self.objective_, trainer.window):
            trainer.fit(
                self._placed(rows, device),
                record=record_of(self, self.data_),
                validation=self._placed(watched, device) if watched is not None else None,
            )
        if trainer.interrupted:
            warnings.warn(
                f"interrupted after {len(trainer.history)} epochs; the model is the best so far", stacklevel=3
            )
        self.seconds_ = time.perf_counter() - started
        self._settle(trainer, held)
        self.target_name_ = getattr(examples.source, "target", None) or examples.target
        return self

    def _partial_fit(self, examples: Examples, target: Target | None) -> None:
        """One pass over the examples, the optimizers going on from where they were; `target` is fitted, and new."""
        check_settings(self)
        if target is not None:
            self.codec_, self.target_ = self._codec(examples.X).fit(examples.X), target
            self.target_name_ = None
            self._name_features()
            self._build(device_of(self.device))
            self.n_steps_, self._optimizer_state = 0, {}
        rows = self._rows(Examples(examples.X, examples.y, examples.weight))
        own = self.get_params(deep=False) | {"epochs": 1, "patience": None}
        once = type(self)(**own | {"seed": seed_of(self.seed, self.n_steps_)})
        trainer = trainer_of(once, self.objective_, partial(self._prepare, self._device), len(rows), self._device)
        for name, state in self._optimizer_state.items():
            trainer.optimizers[name].load_state_dict(state)
        trainer.fit(rows)
        steps, history = self.n_steps_, [] if target is not None else list(self.history_)
        self._settle(trainer, None)
        self.seconds_ = None
        self.n_steps_, self.history_ = steps + trainer.step, history + trainer.history
        self._optimizer_state = {k: o.state_dict() for k, o in trainer.optimizers.items()}
        self.data_ = {"fingerprint": fingerprint(rows), "n_rows": len(rows)}

    def _settle(self, trainer: Trainer, held: Examples | None) -> None:
        """Keep what outlives the training."""
        self.history_ = trainer.history
        self.best_epoch_ = trainer.best["epoch"] if trainer.best else None
        self.interrupted_ = trainer.interrupted
        self.n_steps_ = trainer.step
        self.versions_ = versions()
        self.held_ = held

    def _fit_codecs(self, train: Examples, target: Target | None) -> None:
        codec = self._codec(train.X)
        self.codec_ = codec.fit(train.X)
        self.target_ = target.fit(train.y, codec) if target is not None else None
        self._name_features()

    def _codec(self, X: Any) -> Codec:
        """An unfitted codec: the one given, or the one that X calls for."""
        if self.codec is not None:
            return copy.deepcopy(self.codec)
        codec = codec_for(X)
        if self.memory is not None and "memory" in codec.options:
            return type(codec)(**{**codec.options, "memory": self.memory})
        return codec

    def _build(self, device: torch.device) -> None:
        """The objective with fresh weights, on the device."""
        self.view_, make = self._choose()
        with kept_random(device, self.seed, "weights"):
            self.objective_ = self._objective(make())
        self.objective_.to(device)
        self.codec_.to(device)

    def _choose(self) -> tuple[str, Callable[[], Any]]:
        """The view, and a function that makes what `model` names for it."""
        views = self.codec_.views()
        others = self.target_.facts() if self.target_ is not None else {}
        given = self.model if self.model is not None else self.default_models.get(self.codec_.kind, "mlp")
        if isinstance(given, nn.Module):
            return self.view or next(iter(views)), lambda: copy.deepcopy(given)
        if not isinstance(given, str | Spec):
            raise SettingError(f"model is a name, a pn.model(...) or an nn.Module; got {given!r}")
        spec = self.spec("model", given)
        view, builder, self.facts_ = choose_view(spec.builders(self.task), views, others, wanted=spec, view=self.view)
        return view, lambda: builder.make(**self.facts_, **spec.get_params(task=self.task))

    def _objective(self, built: Any) -> Objective:
        if isinstance(built, Objective):
            if self.loss is not None:
                raise SettingError(f"model {self.model!r} brings its own objective; leave loss=None")
            return built
        assert self.target_ is not None
        return Supervised(built, self._loss(self.target_), kind=self.target_.loss_kind)

    def _loss(self, target: Target) -> Loss:
        return self.spec("loss", self.loss or target.loss_name).make(task=target.loss_kind)

    def _rows(self, examples: Examples) -> Rows:
        """Encoded inputs, answers and weights side by side."""
        parts: list[Rows] = [self.codec_.encode(examples.X)]
        if examples.y is not None and self.target_ is not None:
            parts.append(self.target_.encode(examples.y))
        if examples.weight is not None:
            parts.append(Dense(weight=torch.from_numpy(examples.weight.astype(np.float32))))
        return Joined(*parts) if len(parts) > 1 else parts[0]

    def _placed(self, rows: Rows, device: torch.device) -> Rows:
        """Rows on the device where they fit into half of its free memory; else batches go there one by one."""
        if device.type != "cuda" or rows.n_bytes < torch.cuda.mem_get_info(device)[0] // 2:
            return rows.to(device)
        return rows

    def _prepare(self, device: torch.device, batch: Batch, *, training: bool = False) -> Batch:
        if device.type != "cpu":
            batch = {k: t.to(device, non_blocking=True) for k, t in batch.items()}
        if self.target_ is not None:
            batch = self.target_.cut(batch)
        return self.codec_.prepare(batch, self.view_, training=training)

    @property
    def _device(self) -> torch.device:
        first = next(itertools.chain(self.objective_.parameters(), self.objective_.buffers()), None)
        return first.device if first is not None else torch.device("cpu")

    # --- use --------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Tensor:
        """What the model says of raw rows, in order, (rows, ...) on the CPU."""
        rows = self._fitted().codec_.encode(X)
        self.objective_.eval()
        parts = []
        device = self._device
        with torch.inference_mode(), threads_for(self.objective_, EVALUATED), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), EVALUATED)):
                batch = self.codec_.prepare({k: t.to(device) for k, t in taken.items()}, self.view_)
                parts.append(self.objective_.outputs(batch).float().cpu())
        return torch.cat(parts)

    def _usable(self, X: Any, on_error: str) -> tuple[Any, np.ndarray]:
        """The rows of X that can be encoded, and a mask (rows,) of them; "raise" lets every error through."""
        if on_error not in ("raise", "skip"):
            raise SettingError(f"on_error is 'raise' or 'skip'; got {on_error!r}")
        X = inputs_of(X, self._fitted().target_name_)
        n = count_rows(X)
        good = np.ones(n, dtype=bool)
        if on_error == "raise" or not n:
            return X, good
        reasons = dict(self._unusable(X, np.arange(n)))
        if len(reasons) == n:
            raise DataError(f"no row of X can be used; the first: {reasons[0]}")
        good[list(reasons)] = False
        self.skipped_ = reasons
        if reasons:
            shown = "; ".join(f"row {row}: {why}" for row, why in list(reasons.items())[:5])
            warnings.warn(f"{len(reasons)} of {n} rows were skipped ({shown}); see skipped_", DataWarning, stacklevel=3)
        return take_rows(X, np.flatnonzero(good)), good

    def _unusable(self, X: Any, index: np.ndarray) -> list[tuple[int, str]]:
        """Rows that cannot be encoded and why, by halving."""
        try:
            self.codec_.encode(take_rows(X, index))
        except ParnassusError as error:
            if len(index) == 1:
                return [(int(index[0]), str(error))]
            half = len(index) // 2
            return self._unusable(X, index[:half]) + self._unusable(X, index[half:])
        return []

    def _asked(self, X: Any, y: Any, target: str | None, sample_weight: Any) -> Examples:
        """Examples to score: where no answers are given, they are in the column that `fit` learned to predict."""
        if y is None and target is None:
            target = self._fitted().target_name_
        return examples_of(X, y, target=target, sample_weight=sample_weight, memory=self.memory)

    def _name_features(self) -> None:
        """What scikit-learn wants to know of a table's columns."""
        vars(self).pop("feature_names_in_", None)
        vars(self).pop("n_features_in_", None)
        if self.codec_.kind == "table":
            self.n_features_in_ = self.codec_.n_columns  # type: ignore[attr-defined]
            names = self.codec_.feature_names  # type: ignore[attr-defined]
            if names is not None:
                self.feature_names_in_ = np.array(names, dtype=object)

    def _fitted(self) -> Self:
        if not hasattr(self, "objective_"):
            raise not_fitted_error()(f"This {type(self).__name__} instance is not fitted yet; call fit first")
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "objective_")

    @property
    def model_name(self) -> str:
        """What the model goes by."""
        given = self.model if self.model is not None else self.default_models.get(self._fitted().codec_.kind, "mlp")
        return (
            type(given).__name__ if isinstance(given, nn.Module) else repr(given) if isinstance(given, Spec) else given
        )

    def report(
        self,
        path: str | os.PathLike,
        X: Any = None,
        y: Any = None,
        *,
        target: str | None = None,
        title: str | None = None,
        data: str = "the data",
        command: str | None = None,
    ) -> Evaluation:
        """Write one HTML page on how good the model is on rows X, y (or the validation rows), and return the numbers.

        The page holds the data's audit, learning curves, metrics with intervals beside a trivial baseline, plots, and
        the rows answered worst. It needs no network. `data` names the data and `command` says how to run it again.
        """
        from .reporting import held_or_given, write_report

        self._fitted()
        given = self._asked(X, y, target, None) if X is not None else None
        examples, evaluated_on = held_or_given(self, given)
        evaluation = self.evaluate(examples.X, examples.y, sample_weight=examples.weight)
        write_report(
            self, path, examples, evaluation, evaluated_on=evaluated_on, data=data, title=title, command=command
        )
        return evaluation

    def evaluate(self, X: Any, y: Any = None, *, target: str | None = None, sample_weight: Any = None) -> Evaluation:
        """Metrics with intervals beside the trivial baseline's, on rows that training has not seen."""
        raise NotImplementedError

    # --- save -------------------------------------------------------------------------------------

    learned: ClassVar[tuple[str, ...]] = (
        "n_features_in_",
        "history_",
        "best_epoch_",
        "n_steps_",
        "seconds_",
        "data_",
        "versions_",
        "target_name_",
    )

    def save(self, path: str | os.PathLike) -> Self:
        """Write one file that `pn.load` reads: weights, codecs, settings, history; no pickle."""
        from .saving import save

        save(self._fitted(), path)
        return self
