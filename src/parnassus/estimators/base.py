"""What every estimator shares: settings, raw data to a trained objective, and the way back."""

import inspect
import os
import re
import time
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from ..data.codec import Codec
from ..data.sources import Columns
from ..data.targets import Target
from ..errors import SettingError, did_you_mean
from ..evaluation.result import Evaluation
from ..registry import Spec
from ..train.compiling import compiled
from ..train.diagnosis import warn_of_growth
from ..train.phase import Objective
from ..train.randomness import kept_random
from ..train.regularizers import Regularizer
from ..train.trainer import Trainer
from .answers.using import asked
from .fitting.assembly import (
    built,
    check_module,
    choose,
    device_under,
    model_of,
    name_features,
    objective_of,
    passes,
    placed,
    prepare,
    rows_of,
)
from .fitting.identity import fingerprint, identity_of, row_keys_of, versions
from .fitting.intake import Examples, as_coded, hold_out, warn_of_leaks
from .fitting.regularization import regularized
from .fitting.teaching import taught_rows
from .fitting.training import (
    Ready,
    check_settings,
    device_of,
    one_pass,
    record_of,
    resume_from,
    threads_for,
    trainer_of,
)
from .fitting.transfer import begun, learned_codec
from .protocol import Settings, fitted, not_fitted_error, unfitted_on_error

if TYPE_CHECKING:
    from ..insight.diagnosis import Diagnosis


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
    init : how first weights are drawn: a name such as "he_normal" or `pn.initializer("orthogonal", gain=1.4)`; None
        leaves it to the model.
    regularizers : names such as "l2" or specs such as `pn.regularizer("mixup", alpha=0.4)`, one or several, or a dict
        from names to options.
    clip_norm : the largest norm of all gradients together.
    clip_value : the largest size of any gradient.
    patience : epochs without improvement on the validation rows after which training ends and the best weights return.
    monitor : what patience watches: "loss", or "accuracy" where it is measured.
    average : the decay of a moving average of the weights, such as 0.999, or a number of last epochs, such as 5, whose
        weights at their ends are averaged; the average is then what is evaluated and kept.
    inference : None learns one set of weights; "vi", "laplace", `pn.inference("hmc", n_draws=100)` a distribution.
    precision : "float32", or "bfloat16" for matrix products in half the bits (autocast).
    codec : how X becomes numbers, such as `pn.Table(missing="median")`; None learns it from X.
    view : which of the codec's shapes the model takes, where the first that fits is not meant.
    memory : bytes that data from files may take before they are read when needed; None is 2 GiB.
    device : "auto", "cpu", "cuda", "mps"; under `torchrun`, "auto" and "cuda" are each process's own CUDA device.
    deterministic : under `torchrun`, draw noise and dropout for the whole batch and cut it, so that any number of
        processes gives the weights of one, to rounding; else each draws its own, which costs less.
    parallelism : under `torchrun`, "data" keeps all weights on every process; "fsdp" divides weights, gradients and
        optimizer states among them, "fsdp_offload" keeps them in the CPU's memory too while a GPU computes; "tensor"
        divides Transformer layers by heads and units, where the model has a plan for it ("gpt").
    compile : "default", "reduce-overhead" (CUDA graphs) or "max-autotune": nets are compiled by torch, for a minute.
    seed : of weights, order, dropout and everything drawn; equal seeds give equal weights.
    out : a folder for the run: log.csv, TensorBoard events, checkpoints.
    checkpoint_every : steps between checkpoints, beside the one at each epoch's end.
    resume : go on with the run in `out`, where there is one.
    progress : True prints, False is quiet, None shows progress on a terminal only.
    """

    kinds: ClassVar[dict[str, type["Estimator"]]] = {}
    default_models: ClassVar[dict[str, str]] = {}  # by kind of codec; others take "mlp"

    codec_: Codec
    target_: Any  # a Target, or None where there are no answers
    objective_: Objective
    view_: str
    skipped_: dict[int, str]
    start_: dict[str, Any]
    target_name_: Columns | None
    feature_names_in_: np.ndarray
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
        init: Any = None,
        regularizers: tuple[Any, ...] | list[Any] | dict[str, Any] | Spec | str = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        patience: int | None = None,
        monitor: str = "loss",
        average: float | None = None,
        inference: Any = None,
        precision: str = "float32",
        codec: Codec | None = None,
        view: str | None = None,
        memory: int | None = None,
        device: str = "auto",
        deterministic: bool = False,
        parallelism: str = "data",
        compile: str | None = None,
        seed: int = 0,
        out: str | None = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
        progress: bool | None = None,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            hint = did_you_mean(name, self._get_param_names())
            raise SettingError(f"{type(self).__name__} has no setting {name!r}; {hint}")
        self.model, self.epochs, self.batch_size, self.micro_batch_size = model, epochs, batch_size, micro_batch_size
        self.optimizer, self.lr, self.schedule, self.loss = optimizer, lr, schedule, loss
        self.clip_norm, self.clip_value, self.patience, self.monitor = clip_norm, clip_value, patience, monitor
        self.init, self.regularizers, self.codec, self.view = init, regularizers, codec, view
        self.average, self.inference, self.precision, self.parallelism = average, inference, precision, parallelism
        self.memory, self.device, self.deterministic, self.seed, self.out = memory, device, deterministic, seed, out
        self.checkpoint_every, self.resume, self.progress, self.compile = checkpoint_every, resume, progress, compile

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Name the task; write the shared settings into the signature of a constructor that takes `**training`."""
        super().__init_subclass__(**keywords)
        cls.task = vars(cls).get("task") or re.sub(r"(?<!^)([A-Z])", r"_\1", cls.__name__).lower()
        Estimator.kinds[cls.__name__] = cls
        if "__init__" in vars(cls):
            own = inspect.signature(cls.__init__).parameters
            shared = inspect.signature(Estimator.__init__).parameters
            merged = {k: p for k, p in own.items() if p.kind is not p.VAR_KEYWORD}
            merged |= {k: p for k, p in shared.items() if k not in own and p.kind is not p.VAR_KEYWORD}
            cls.__init__.__signature__ = inspect.Signature(list(merged.values()))  # type: ignore[attr-defined]

    # --- fit --------------------------------------------------------------------------------------

    def _ready(self, examples: Examples, target: Target | None, validation: Any, labels: Any) -> Ready:
        """Codecs from training rows, the view and builder that fit, an objective with its first weights."""
        check_settings(self)
        if validation is None and self.patience:
            validation = 0.1
        self._optimizer_state = {}
        vars(self).pop("objective_", None)
        train, held = hold_out(examples, validation, seed=self.seed, labels=labels, memory=self.memory)
        for part in (train, held) if held is not None else (train,):
            part.X = as_coded(part.X, self.codec)
        self._fit_codecs(train, target)
        rows = rows_of(self, train)
        watched = rows_of(self, held) if held is not None else None
        warn_of_leaks(train, held)
        device = device_of(self.device)
        self._build(device)
        check_module(self, rows)
        rows = taught_rows(self, train, rows)
        self.objective_.n_training = len(rows)
        self.data_, self._row_keys = identity_of(self, rows), row_keys_of(rows)
        name = getattr(examples.source, "target", None) or examples.target
        return Ready(rows, watched, held, device, target=name)

    def _trainer(self, ready: Ready, regularizers: Sequence[Regularizer] = (), *, strategy: str = "data") -> Trainer:
        """A trainer at step 0."""
        batches, n_rows = partial(prepare, self, ready.device), len(ready.rows)
        more: dict[str, Any] = {"regularizers": regularizers, "strategy": strategy}
        return trainer_of(self, self.objective_, batches, n_rows, ready.device, **more)

    def _train(self, ready: Ready) -> Self:
        """Phases until the end."""
        started = time.perf_counter()
        with unfitted_on_error(self), regularized(self, self.objective_) as held_back:
            trainer = self._trainer(ready, held_back, strategy=self.parallelism)
            resume_from(self, trainer, self.data_, ready.rows)
            with threads_for(self.objective_, trainer.window), compiled(self.objective_, self.compile):
                trainer.fit(
                    placed(ready.rows, ready.device),
                    record=record_of(self, self.data_),
                    validation=placed(ready.watched, ready.device) if ready.watched is not None else None,
                )
                self.objective_.conclude(partial(passes, self, ready))
        return self._conclude(ready, trainer, time.perf_counter() - started)

    def _conclude(self, ready: Ready, trainer: Trainer, seconds: float) -> Self:
        """Keep what outlives the training."""
        if trainer.interrupted:
            words = f"interrupted after {len(trainer.history)} epochs; the model is the best so far"
            warnings.warn(words, stacklevel=4)
        warn_of_growth(trainer)
        self.seconds_, self.target_name_ = seconds, ready.target
        self._settle(trainer, ready.held)
        return self

    def _partial_fit(self, examples: Examples, target: Target | None) -> None:
        """One pass over the examples, optimizers going on from where they were; `target` is fitted, for the first."""
        check_settings(self)
        if not hasattr(self, "objective_"):
            self._fit_codecs(examples, None)
            self.target_, self.target_name_ = target, None
            self._build(device_of(self.device))
            self.n_steps_, self.history_, self._optimizer_state = 0, [], {}
        rows = rows_of(self, examples)
        device = device_under(self.objective_)
        with regularized(self, self.objective_) as held_back:
            batches = partial(prepare, self, device)
            trainer = trainer_of(one_pass(self), self.objective_, batches, len(rows), device, regularizers=held_back)
            for name, state in self._optimizer_state.items():
                trainer.optimizers[name].load_state_dict(state)
            trainer.fit(rows)
        steps, history = self.n_steps_, list(self.history_)
        self._settle(trainer, None)
        self.seconds_ = None
        self.n_steps_, self.history_ = steps + trainer.step, history + trainer.history
        self._optimizer_state = {k: o.state_dict() for k, o in trainer.optimizers.items()}
        self.data_ = {"fingerprint": fingerprint(rows), "n_rows": len(rows)}

    def _settle(self, trainer: Trainer, held: Examples | None) -> None:
        self.history_, self.n_steps_, self.interrupted_ = trainer.history, trainer.step, trainer.interrupted
        self.best_epoch_ = trainer.best["epoch"] if trainer.best else None
        self.versions_ = versions()
        self.held_ = held

    def _fit_codecs(self, train: Examples, target: Target | None) -> None:
        self.codec_ = learned_codec(self, train.X)
        self.target_ = target.fit(train.y, self.codec_) if target is not None else None
        name_features(self)

    def own_codec(self, X: Any) -> Codec | None:
        """The unfitted codec: the one given, or the task's own for rows like X; None takes what X calls for."""
        return self.codec

    def _build(self, device: torch.device) -> None:
        """The objective with fresh weights, on the device."""
        self.view_, make, self.facts_ = choose(self, self.view)
        with kept_random(device, self.seed, "weights"):
            self.objective_ = begun(self, objective_of(self, built(make, model_of(self))))
        self.objective_.to(device)
        self.codec_.to(device)

    def __getstate__(self) -> dict[str, Any]:
        """All but the raw validation rows, which are the user's and may be many."""
        return vars(self) | ({"held_": None} if "held_" in vars(self) else {})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "objective_")

    @property
    def model_name(self) -> str:
        """What the model goes by."""
        given = model_of(fitted(self))
        return given if isinstance(given, str) else repr(given) if isinstance(given, Spec) else type(given).__name__

    def report(
        self,
        path: str | os.PathLike,
        X: Any = None,
        y: Any = None,
        *,
        target: Columns | None = None,
        title: str | None = None,
        data: str = "the data",
        command: str | None = None,
    ) -> Evaluation:
        """Write one HTML page on how good the model is on rows X, y (or the validation rows), and return the numbers.

        The page holds the data's audit, learning curves, metrics with intervals beside a trivial baseline, plots, and
        the rows answered worst. It needs no network. `data` names the data and `command` says how to run it again.
        """
        from .judging.reporting import report_on

        given = asked(fitted(self), X, y, target, None) if X is not None else None
        return report_on(fitted(self), path, given, title=title, data=data, command=command)

    def diagnose(
        self, X: Any = None, y: Any = None, *, target: Columns | None = None, by_heart: bool = True
    ) -> "Diagnosis":
        """Look the training over on rows X, y (or the validation rows): layers, steps, curves, and what to try first.

        Dead and saturated units, gradients that vanish or explode, steps too large or small, under- and overfitting;
        `by_heart` also trains a fresh net on 16 rows. Print the result, or see its `table()`, `plot()` and `advice`.
        """
        from .judging.diagnosis import diagnose

        return diagnose(fitted(self), X, y, target=target, by_heart=by_heart)

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
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

        save(fitted(self), path)
        return self
