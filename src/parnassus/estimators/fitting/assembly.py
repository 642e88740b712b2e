"""From codecs to an objective: the view, the builder that fits it, the loss, the rows and batches it is shown."""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ...data.codec import Codec, codec_for
from ...data.facts import choose_view
from ...data.rows import Batch, Dense, Joined, Rows
from ...data.rows import batches as batches_of
from ...data.targets import Target
from ...data.text.pieces import Pieces
from ...errors import SettingError
from ...functional.losses import Loss
from ...objectives.supervised import Supervised
from ...registry import Spec
from ...train.phase import Objective
from ...train.randomness import kept_random
from ...train.timetable import cuts_of
from .intake import Examples

if TYPE_CHECKING:
    from ..base import Estimator
    from .training import Ready

PASSED = 1024  # rows that a pass over the training rows takes at a time


def codec_called_for(estimator: "Estimator", X: Any) -> Codec:
    """The unfitted codec that X calls for."""
    if reads_pieces(estimator):
        return Pieces()
    codec = codec_for(X)
    if estimator.memory is not None and "memory" in codec.options:
        return type(codec)(**{**codec.options, "memory": estimator.memory})
    return codec


def start_of(estimator: "Estimator") -> Any:
    """What the weights begin with; None where `start` is an option of the model, as a hidden Markov model has one."""
    return None if "start" in getattr(estimator, "options", ()) else getattr(estimator, "start", None)


def reads_pieces(estimator: "Estimator") -> bool:
    """Whether the model asks for rows of subwords with segments, as BERT does."""
    given = estimator.model
    if given is None and start_of(estimator) is not None:
        from .transfer import model_from_start

        given = model_from_start(estimator)
    if not isinstance(given, str | Spec):
        return False
    builders = estimator.spec("model", given).builders(estimator.task)
    return all("n_segments" in builder.facts for builder in builders)


def model_of(estimator: "Estimator") -> Any:
    """The model that was given, or the task's own for this kind of data."""
    if estimator.model is not None:
        return estimator.model
    if start_of(estimator) is not None:
        from .transfer import model_from_start

        started = model_from_start(estimator)
        if started is not None:
            return started
    return estimator.default_models.get(estimator.codec_.kind, "mlp")


def choose(estimator: "Estimator", view: str | None) -> tuple[str, Callable[[], Any], dict[str, Any]]:
    """The view, a function that makes what `model` names for it, and the facts it is made from."""
    views = estimator.codec_.views()
    others = estimator.target_.facts() if estimator.target_ is not None else {}
    given = model_of(estimator)
    if isinstance(given, nn.Module):
        return view or next(iter(views)), lambda: copy.deepcopy(given), {}
    if not isinstance(given, str | Spec):
        raise SettingError(f"model is a name, a pn.model(...) or an nn.Module; got {given!r}")
    spec = estimator.spec("model", given)
    name, builder, facts = choose_view(spec.builders(estimator.task), views, others, wanted=spec, view=view)
    return name, lambda: builder.make(**facts, **spec.get_params(task=estimator.task)), facts


def objective_of(estimator: "Estimator", made: Any) -> Objective:
    """What a builder made as an objective: a plain module is taught by the target's loss."""
    around = getattr(estimator, "objective_around", None)  # of tasks whose answers are no target beside the inputs
    if around is not None:
        return around(made)
    if isinstance(made, Objective):
        if estimator.inference is not None:
            raise SettingError(
                f"inference={estimator.inference!r} is of the weights of a net, and model {model_of(estimator)!r} "
                f"learns by an objective of its own; leave inference=None, or choose another model"
            )
        if estimator.loss is not None:
            raise SettingError(f"model {model_of(estimator)!r} brings its own objective; leave loss=None")
        return made
    assert estimator.target_ is not None
    target = estimator.target_
    taught = Supervised(
        made, loss_of(estimator, target), kind=target.loss_kind, n_outputs=target.facts().get("n_outputs")
    )
    if estimator.inference is None:
        return taught
    return estimator.spec("inference", estimator.inference).make(taught, seed=int(estimator.seed))


def loss_of(estimator: "Estimator", target: Target) -> Loss:
    """The loss that was asked for, or the one that fits the target."""
    return estimator.spec("loss", estimator.loss or target.loss_name).make(task=target.loss_kind)


def rows_of(estimator: "Estimator", examples: Examples) -> Rows:
    """Encoded inputs, answers and weights side by side."""
    parts: list[Rows] = [estimator.codec_.encode(examples.X)]
    if examples.y is not None and estimator.target_ is not None:
        parts.append(estimator.target_.encode(examples.y))
    if examples.weight is not None:
        parts.append(Dense(weight=torch.from_numpy(examples.weight.astype(np.float32))))
    return Joined(*parts) if len(parts) > 1 else parts[0]


def placed(rows: Rows, device: torch.device) -> Rows:
    """Rows on the device where they fit into half of its free memory; else batches go there one by one."""
    if device.type != "cuda" or rows.n_bytes < torch.cuda.mem_get_info(device)[0] // 2:
        return rows.to(device)
    return rows


def prepare(estimator: "Estimator", device: torch.device, batch: Batch, *, training: bool = False) -> Batch:
    """What rows gave as what phases take, on the device."""
    if device.type != "cpu":
        batch = {k: t.to(device, non_blocking=True) for k, t in batch.items()}
    if estimator.target_ is not None:
        batch = estimator.target_.cut(batch)
    return estimator.codec_.prepare(batch, estimator.view_, training=training)


def passes(estimator: "Estimator", ready: "Ready") -> Iterator[Batch]:
    """The training rows in order, prepared, a piece at a time."""
    for taken in batches_of(ready.rows, torch.arange(len(ready.rows)), cuts_of(len(ready.rows), PASSED)):
        yield prepare(estimator, ready.device, taken)


def device_under(module: nn.Module) -> torch.device:
    """Where a module's parameters and buffers lie."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return first.device if first is not None else torch.device("cpu")


def name_features(estimator: "Estimator") -> None:
    """What scikit-learn wants to know of a table's columns."""
    vars(estimator).pop("feature_names_in_", None)
    vars(estimator).pop("n_features_in_", None)
    if estimator.codec_.kind in ("table", "holed_table"):
        estimator.n_features_in_ = estimator.codec_.n_columns  # type: ignore[attr-defined]
        names = estimator.codec_.feature_names  # type: ignore[attr-defined]
        if names is not None:
            estimator.feature_names_in_ = np.array(names, dtype=object)


def built(make: Callable[[], Any], named: Any) -> Any:
    """What `make()` gives; a model beyond memory, or beyond what a tensor can be, is a setting that cannot be met."""
    try:
        return make()
    except (RuntimeError, OverflowError, MemoryError, TypeError) as error:
        why = str(error).splitlines()[0][:200]
        raise SettingError(f"{named!r} cannot be built here ({why}); ask for fewer or narrower layers") from error


def check_module(estimator: "Estimator", rows: Rows) -> None:
    """Refuses a module given as `model` that does not take these rows, or says something else than the target needs."""
    if not isinstance(estimator.model, nn.Module):
        return
    objective = estimator.objective_.eval()
    device = device_under(objective)
    batch = prepare(estimator, device, rows.take(torch.arange(min(2, len(rows)))))
    shape, name = tuple(batch["x"].shape), type(estimator.model).__name__
    try:
        with torch.no_grad(), kept_random(device):
            outputs = objective.outputs(batch)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        raise SettingError(
            f"the {name} given as model does not take x of shape {shape}, the view {estimator.view_!r}: {error}"
        ) from error
    told = estimator.target_ is not None and (objective.probabilistic or not isinstance(estimator.model, Objective))
    due = (shape[0], estimator.target_.facts().get("n_outputs")) if told else None  # a game says rows, not classes
    if due and None not in due and getattr(outputs, "shape", None) != due:
        came = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise SettingError(f"the {name} given as model answers {came} for x of shape {shape}; expected {due}")
