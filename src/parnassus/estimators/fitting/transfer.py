"""From learned weights to a new task: where a training starts, what stays, and who teaches."""

import copy
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.codec import Codec
from ...data.text.pieces import Pieces
from ...data.text.text import Text
from ...errors import DataWarning, SettingError
from ...layouts import few, refuse_unfinite
from ...objectives.detection.detector import Detection
from ...objectives.supervised import Supervised
from ...objectives.text.question_answering import SpanAnswering
from ...objectives.text.translation import Translation
from ...objectives.transfer import Frozen, Staged, Stages, Transferred, frozen_by, rates_by_layer, stages_of
from ...registry import Spec, model
from ...train.phase import Objective
from .assembly import codec_called_for, model_of, reads_pieces, start_of
from .places_start import (
    PLACES,
    above_backbone,
    as_backbone,
    as_stand,
    is_detector,
    is_of_another_kind,
    refuse_other_kinds,
    renewed,
    scaled_as,
)
from .regularization import first_weights, named
from .written_start import begun_texts

if TYPE_CHECKING:
    from ..base import Estimator

IDLE: dict[str, Any] = {"start": None, "freeze": (), "unfreeze": None, "rate_decay": 1.0, "teacher": None}


@dataclass(frozen=True)
class Origin:
    """Where weights come from: by name, with what a fitted estimator knows beside them."""

    told: str
    weights: dict[str, Tensor]
    estimator: Any = None
    words_alone: bool = False  # an Embedder's table, which begins the embedding of any net of ids


def asked_of(estimator: "Estimator") -> dict[str, Any]:
    """The settings of transfer that are not left alone."""
    given = {name: getattr(estimator, name, idle) for name, idle in IDLE.items()} | {"start": start_of(estimator)}
    freeze = given["freeze"]
    parts = (freeze,) if isinstance(freeze, str | int) and not isinstance(freeze, bool) else freeze
    known = isinstance(parts, tuple | list) and all(isinstance(part, str | int) for part in parts)
    if parts is not None and not known:
        raise SettingError(f"freeze is a name, a number of layers, or a tuple of names; got {freeze!r}")
    return {name: value for name, value in given.items() if repr(value) != repr(IDLE[name]) and value != []}


def estimator_in(given: Any, setting: str) -> Any:
    """The fitted estimator that a setting holds, or the path of."""
    if isinstance(given, str | os.PathLike):
        return _loaded(os.fspath(given), _stamp(given))
    if hasattr(given, "get_params") and not any(name.endswith("_") for name in vars(given)):
        raise SettingError(
            f"{setting} is a {type(given).__name__} that is not fitted (scikit-learn's clone forgets what was "
            f"learned); fit it, or save it and give the path"
        )
    return given


@lru_cache(maxsize=2)
def _loaded(path: str, stamp: tuple[float, int]) -> Any:
    from ..saving import load

    return load(path)


def _stamp(path: str | os.PathLike) -> tuple[float, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0.0, 0
    return found.st_mtime, found.st_size


def origin_of(start: Any) -> Origin:
    """The weights behind `start`: a fitted estimator, its file, an nn.Module, or a folder that `pn.hub` reads."""
    from ... import hub

    if is_folder(start):
        return Origin(os.fspath(start), dict(hub.load(start).state_dict()))
    if isinstance(start, str | os.PathLike) and Path(start).suffix in hub.PICKLES and Path(start).is_file():
        hub.read(start)  # which refuses a pickle, and says how to convert it
    if isinstance(start, nn.Module):
        net = start.learner if isinstance(start, Staged) else start
        return Origin(f"a {type(start).__name__}", learned_weights(net, f"start, a {type(start).__name__}"))
    if not isinstance(start, str | os.PathLike) and not hasattr(start, "get_params"):
        raise SettingError(
            f"start is a fitted estimator, the path of a saved one or of a folder for pn.hub, or an nn.Module; "
            f"got {start!r}"
        )
    held = estimator_in(start, "start")
    if getattr(getattr(held, "codec_", None), "kind", None) == "corpus":
        return Origin("an Embedder's vectors", {"embedding.weight": word_table(held)}, held, words_alone=True)
    objective = getattr(held, "objective_", None)
    model = objective.learner if isinstance(objective, Staged) else getattr(objective, "model", None)
    if not isinstance(model, nn.Module):
        raise SettingError(f"start: the {type(held).__name__} has no net whose weights could be taken")
    told = os.fspath(start) if isinstance(start, str | os.PathLike) else f"a fitted {type(held).__name__}"
    return Origin(told, learned_weights(model, f"start, {told}"), held)


def learned_weights(net: nn.Module, told: str) -> dict[str, Tensor]:
    """The weights of a net, which are refused where they, or what its norms have seen, are NaN or infinite."""
    weights = dict(net.state_dict())
    learned = {name for name, _ in net.named_parameters()}
    refuse_unfinite(told, {n: t for n, t in weights.items() if n in learned or ".running_" in f".{n}"})
    return weights


def word_table(embedder: Any) -> Tensor:
    """The vectors of an Embedder as rows by id: 0 for padding, their mean for the unknown, then the words."""
    vectors = torch.as_tensor(embedder.vectors_)
    return torch.cat([torch.zeros(1, vectors.shape[1]), vectors.mean(0, keepdim=True), vectors])


def model_from_start(estimator: "Estimator") -> Any:
    """The model of the estimator that training starts from, or None where there is none."""
    start = start_of(estimator)
    return None if start is None or isinstance(start, nn.Module) else model_in(start, estimator.task)


def model_in(start: Any, task: str) -> Any:
    """The model of a fitted estimator, of its file or of a folder, as a task has it; None where it has no name here."""
    if is_folder(start):
        from ... import hub

        return of_task(hub.spec_of(start), task)
    origin = origin_of(start)
    return None if origin.words_alone else of_task(model_of(origin.estimator), task)


def of_task(given: Any, task: str) -> Any:
    """A model of another task with the options that it has in this one; what has no name in it is given back."""
    name = given.name if isinstance(given, Spec) else given
    if isinstance(name, str) and name not in model.names(task):
        refuse_other_kinds(name, task)
    if not isinstance(given, Spec) or given.registry.names(task).count(given.name) == 0:
        return given
    options = given.registry.builders(given.name, task)[0].defaults  # another task's may be more
    return Spec(given.registry, given.name, {k: v for k, v in given.options.items() if k in options})


def is_folder(start: Any) -> bool:
    """Whether a start is a folder, which `pn.hub` reads."""
    return isinstance(start, str | os.PathLike) and Path(start).is_dir()


def learned_codec(estimator: "Estimator", X: Any) -> Codec:
    """The codec fitted to X; that of a start is taken as it is, since its weights were learned behind it."""
    own, start = estimator.own_codec(X), start_of(estimator)
    if own is not None and start is not None and estimator.task in PLACES:
        origin = origin_of(start)
        theirs = getattr(origin.estimator, "codec_", None)
        framed = estimator.codec is None and getattr(origin.estimator, "task", None) == estimator.task
        return scaled_as(theirs, own, X, framed=framed)
    if own is not None:
        return copy.deepcopy(own).fit(X)
    if start is not None and is_folder(start) and reads_pieces(estimator):
        return Pieces.read(start).fit(X)
    if start is not None:
        origin = origin_of(start)
        if origin.words_alone:
            corpus = origin.estimator.codec_
            kept = {name: corpus.options[name] for name in ("lower", "clean", "language")}
            return Text(**kept).fit(X, tokenizer=copy.deepcopy(corpus.tokenizer))
        if origin.estimator is not None:
            return known_codec(origin.estimator.codec_, X)
    return codec_called_for(estimator, X).fit(X)


def known_codec(codec: Codec, X: Any) -> Codec:
    """A start's codec as it is; of one that hides subwords, its vocabulary for rows that are read whole."""
    if codec.kind != "hidden_pieces":
        return copy.deepcopy(codec)
    read = Pieces(lower=codec.options["lower"])
    state = codec.state() | {"options": dict(read.options), "n_columns": 0}
    return Pieces.from_state(state).fit(X)


# --- the net --------------------------------------------------------------------------------------


def begun(estimator: "Estimator", objective: Objective) -> Objective:
    """The objective with its first weights: drawn, or those of the start with a new head, and with what stays frozen.

    Systems: transfer-learning
    Source: Martinez-Ramon 4.4.9 (A4.23: it is the base that is frozen, not the top), Baker 5.2, Jaiswal 3.6,
    Keras course 4.7.
    """
    first_weights(estimator, objective)
    asked = asked_of(estimator)
    vars(estimator).pop("start_", None)
    if not asked:
        return objective
    if isinstance(objective, SpanAnswering) and asked.keys() == {"start"}:
        span_weights(estimator.start, objective.model)
        return objective
    if (isinstance(objective, Translation) or estimator.task == "language_model") and asked.keys() == {"start"}:
        return begun_texts(estimator, objective)
    if isinstance(objective, Staged):
        net, n_outputs = objective.learner, estimator.target_.facts()["n_outputs"]
        head = above_backbone(net) if isinstance(objective, Detection) else head_of(net, n_outputs)
        stages, rates = _settled(estimator, net, head)
        objective.transfer = Stages(stages, rates)
        objective.transfer.settle(objective.learner)
        return objective
    if type(objective) is not Supervised:
        why = "inference" if estimator.inference is not None else "an objective of its own"
        raise SettingError(f"{few(asked)}: {named(estimator)} learns by {why}; transfer is for nets taught by a loss")
    stages, rates = _settled(estimator, objective.model, head_of(objective.model, objective.n_outputs))
    return Transferred(
        objective.model,
        objective.loss,
        kind=objective.kind,
        n_outputs=objective.n_outputs,
        stages=stages,
        rates=rates,
        temperature=getattr(estimator, "temperature", 1.0),
        share=getattr(estimator, "teacher_share", 0.0),
    )


def _settled(
    estimator: "Estimator", model: nn.Module, head: Frozen
) -> tuple[list[tuple[int, Frozen]], dict[str, float]]:
    """Put the start's weights into the model; what stays until which epoch, and which steps are smaller."""
    started: dict[str, Any] = {"from": None, "taken": [], "new": sorted(n for n, _ in model.named_parameters())}
    if estimator.start is not None:
        origin, anew = origin_of(estimator.start), head
        if estimator.task == "detector":
            origin, anew = detector_from(estimator, origin, model)
        started = taken_from(estimator, origin, model, anew)
    frozen = frozen_by(estimator.freeze, model, head)
    _refuse_frozen(estimator, model, frozen, frozenset(started["new"]) if started["from"] else frozenset())
    decay = estimator.rate_decay
    if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 < decay <= 1:
        raise SettingError(f"rate_decay is a factor from layer to layer, above 0 and at most 1; got {decay!r}")
    estimator.start_ = started | {"frozen": sorted(frozen)}
    return stages_of(frozen, estimator.unfreeze, model), rates_by_layer(model, float(decay)) if decay != 1 else {}


def span_weights(start: Any, net: nn.Module) -> None:
    """Put the start's weights into a net; a head that it has not stays as it was drawn, with a warning.

    Raises
    ------
    SettingError : weights of the body are absent, or of another shape.
    """
    own = net.state_dict()
    if is_folder(start):
        from ... import hub

        told, theirs = os.fspath(start), dict(hub.load(start, head="span").state_dict())
    else:
        origin = origin_of(start)
        same = getattr(origin.estimator, "task", None) == "question_answerer"
        told = origin.told
        theirs = {n: tensor for n, tensor in origin.weights.items() if same or not n.startswith("out.")}
    new = [n for n in own if n.startswith("out.") and (n not in theirs or theirs[n].shape != own[n].shape)]
    odd = [n for n in own if n not in new and (n not in theirs or theirs[n].shape != own[n].shape)]
    if odd:
        raise SettingError(f"start: {few(odd)} of this net are absent in {told}, or of another shape there")
    if new:
        warnings.warn(f"start: {told} answers no questions yet; {few(new)} start anew", DataWarning, stacklevel=2)
    with torch.no_grad():
        net.load_state_dict({n: own[n] if n in new else theirs[n] for n in own})


def _refuse_frozen(estimator: "Estimator", model: nn.Module, frozen: Frozen, new: Frozen) -> None:
    if frozen >= {name for name, _ in model.named_parameters()}:
        raise SettingError(f"freeze={estimator.freeze!r} leaves nothing to learn; freeze='body' leaves the head")
    if frozen & new:
        raise SettingError(
            f"freeze={estimator.freeze!r} would keep {few(sorted(frozen & new))} as drawn: they are new here; "
            f"freeze='body' leaves the head"
        )


def head_of(model: nn.Module, n_outputs: int | None) -> Frozen:
    """The parameters that answer: those that the net names as `answering`, or of its last dense or conv layer."""
    parts = tuple(f"{part}." for part in getattr(model, "answering", ()))
    if parts:
        return frozenset(name for name, _ in model.named_parameters() if name.startswith(parts))
    last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)][-1:]
    if not last or n_outputs not in (None, len(last[0][1].weight)):
        raise SettingError(
            f"the {type(model).__name__} has no last layer of {n_outputs} outputs to put anew; see start"
        )
    return frozenset(f"{last[0][0]}.{n}".lstrip(".") for n, _ in last[0][1].named_parameters(recurse=False))


def detector_from(estimator: "Estimator", origin: Origin, net: nn.Module) -> tuple[Origin, Frozen]:
    """The weights of a detector, or of another kind's or a classifier's backbone, by our names; and what is new."""
    if is_detector(origin.estimator, origin.weights):
        if origin.estimator is not None and is_of_another_kind(origin.estimator, estimator):
            anew = renewed(net, estimator.target_, origin.estimator.target_)
            taken = as_stand(net, origin.weights, origin.told, named(estimator), renewed=anew)
            return Origin(origin.told, taken), frozenset(net.state_dict()) - taken.keys()
        return origin, renewed(net, estimator.target_, getattr(origin.estimator, "target_", None))
    taken = as_backbone(net, origin.weights, origin.told, named(estimator))
    return Origin(origin.told, taken), above_backbone(net)


def taken_from(estimator: "Estimator", origin: Origin, model: nn.Module, head: Frozen) -> dict[str, Any]:
    """Put the start's weights into the model, all but heads of other classes; what fits nowhere is refused."""
    own = model.state_dict()
    if origin.words_alone:
        return _words_taken(estimator, origin, model)
    same = origin.estimator is not None and _same_answers(estimator, origin.estimator)
    n_outputs = estimator.target_.facts().get("n_outputs")
    n_theirs = next((len(origin.weights[n]) for n in head if n in origin.weights), None)
    other = getattr(model, "headed", ())  # weights of a head, which another head's may lack or have beside
    if other:
        origin = replace(origin, weights=_bodied(origin.weights, own, other))
    new, odd = set() if same else set(head), []
    for name, tensor in own.items():
        theirs = origin.weights.get(name)
        fits = theirs is not None and theirs.shape == tensor.shape
        if name in new or fits:
            continue
        if theirs is None and name.startswith(other or ("\0",)):
            new.add(name)
            continue
        heads = theirs is not None and theirs.shape[1:] == tensor.shape[1:] and theirs.ndim
        if heads and (len(theirs), len(tensor)) == (n_theirs, n_outputs):  # type: ignore[arg-type]
            new.add(name)  # a second head, such as an auxiliary one
        else:
            came = "absent" if theirs is None else tuple(theirs.shape)
            odd.append(f"{name} is {came} there and {tuple(tensor.shape)} here")
    odd += [f"{name} is absent here" for name in origin.weights if name not in own and name not in head]
    if odd:
        raise SettingError(
            f"start: the weights of {origin.told} do not fit {named(estimator)}: {few(odd)}; give the model and the "
            f"options that they were learned with (model=None takes those of a saved estimator), and data of its shape"
        )
    model.load_state_dict({n: own[n] if n in new else origin.weights[n] for n in own})
    return {"from": origin.told, "taken": [n for n in own if n not in new], "new": sorted(new)}


def _bodied(weights: dict[str, Tensor], own: Mapping[str, Tensor], headed: tuple[str, ...]) -> dict[str, Tensor]:
    """Weights under the names of a net with a head: those of a bare body get its name, and other heads stay behind."""
    if not any(name.startswith("body.") for name in weights):
        weights = {f"body.{name}": tensor for name, tensor in weights.items()}
    return {n: t for n, t in weights.items() if n in own or not n.startswith(headed)}


def _words_taken(estimator: "Estimator", origin: Origin, model: nn.Module) -> dict[str, Any]:
    """Begin the embedding of ids with the vectors of an Embedder; all else stays as it was drawn."""
    ((name, table),) = origin.weights.items()
    own = dict(model.named_parameters()).get(name)
    if own is None:
        raise SettingError(
            f"start: {named(estimator)} has no embedding of ids that an Embedder's vectors could begin; take a net of "
            "ids such as 'lstm', 'gru' or 'text_cnn', or codec=embedder.codec_of_words() for any other"
        )
    if own.shape != table.shape:
        raise SettingError(
            f"start: the Embedder has {len(table) - 2} words of {table.shape[1]} numbers, and the embedding of "
            f"{named(estimator)} is {tuple(own.shape)}; give the model embedding={table.shape[1]}, and no codec"
        )
    with torch.no_grad():
        own.copy_(table)
    return {"from": origin.told, "taken": [name], "new": sorted(n for n, _ in model.named_parameters() if n != name)}


def _same_answers(estimator: "Estimator", other: Any) -> bool:
    """Whether two estimators answer with the same classes, or numbers of the same kind, in the same order."""
    mine, theirs = estimator.target_, other.target_
    if type(mine) is not type(theirs) or mine.facts() != theirs.facts():
        return False
    known = [name for name in ("classes", "labels", "point_names") if hasattr(mine, name)]
    known += ["names"] if getattr(mine, "names", ()) and getattr(theirs, "names", ()) else []  # of keypoints
    return all(np.array_equal(np.asarray(getattr(mine, n)), np.asarray(getattr(theirs, n))) for n in known)
