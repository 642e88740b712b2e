"""An estimator as one file, and back."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .. import store
from ..data.codec import Codec, codec_kinds
from ..errors import DataError, FileError, ParnassusError
from ..imports import load_all
from ..registry import REGISTRIES, Spec
from ..train.distributed import first_writes
from ..train.randomness import kept_random
from .fitting.assembly import choose, model_of, objective_of, start_of
from .fitting.training import device_of

if TYPE_CHECKING:
    from .base import Estimator


def save(estimator: "Estimator", path: str | os.PathLike) -> None:
    """Write the estimator's settings, codecs, view, weights and history."""
    first_writes(path, lambda: store.save(path, tree_of(estimator)))


def tree_of(estimator: "Estimator") -> dict[str, Any]:
    """What the file of a fitted estimator holds."""
    if isinstance(estimator.model, nn.Module):
        name = type(estimator.model).__name__
        raise DataError(
            f"cannot save a {name} given as model: its class is not in the file; register a builder that returns it, "
            f"@pn.model.register({estimator.task!r}), and give the builder's name"
        )
    params = estimator.get_params(deep=False) | {"out": None, "resume": False} | started_anew(estimator)
    return {
        "estimator": type(estimator).__name__,
        "params": {k: plain(v) for k, v in params.items()},
        "view": estimator.view_,
        "codec": coded(estimator.codec_),
        "target": coded(estimator.target_),
        "learned": {k: plain(getattr(estimator, k)) for k in estimator.learned if hasattr(estimator, k)},
        "names": [str(n) for n in getattr(estimator, "feature_names_in_", [])],
        "weights": dict(estimator.objective_.state_dict()),
    }


def started_anew(estimator: "Estimator") -> dict[str, Any]:
    """Settings of where the weights came from, which the file does not need any more: it holds the weights."""
    if start_of(estimator) is None and getattr(estimator, "teacher", None) is None:
        return {}
    unset = {"start": None, "freeze": (), "unfreeze": None} if start_of(estimator) is not None else {}
    idle = {name: value for name, value in unset.items() if hasattr(estimator, name)}
    return idle | ({"teacher": None} if hasattr(estimator, "teacher") else {}) | {"model": model_of(estimator)}


def load(path: str | os.PathLike) -> Any:
    """The estimator (or `Conformal` around one) that `save` wrote, on the CPU unless its setting says otherwise.

    Raises
    ------
    FileError : the file is absent, cut short, or not a model.
    DataError : a newer version wrote it.
    """
    tree = store.load(path)
    try:
        return rebuilt(tree)
    except ParnassusError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from error
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError, ValueError) as error:
        raise FileError(
            f"{os.fspath(path)}: not a whole model ({type(error).__name__}: {error}); the file is damaged, "
            f"or something else than a model"
        ) from error


def estimator_kinds() -> dict[str, type["Estimator"]]:
    """Every estimator by name; the modules of this package are walked, so there is no list to edit."""
    from .base import Estimator

    load_all(__package__)
    return Estimator.kinds


def rebuilt(tree: Mapping[str, Any]) -> Any:
    """The estimator that `tree_of` took apart, or what holds one."""
    kinds = estimator_kinds()
    if tree["estimator"] in ("AnomalyDetector", "Conformal", "Hybrid"):
        from .anomaly_detector import AnomalyDetector
        from .conformal import Conformal
        from .hybrid import Hybrid

        own: Any = {kind.__name__: kind for kind in (AnomalyDetector, Conformal, Hybrid)}[tree["estimator"]]
        return own.from_tree(tree)
    if tree["estimator"] not in kinds:
        raise DataError(f"this version has no estimator {tree['estimator']!r}; it has {', '.join(sorted(kinds))}")
    self = kinds[tree["estimator"]](**{k: rich(v) for k, v in tree["params"].items()})
    self.codec_, self.target_ = decoded(tree["codec"]), decoded(tree["target"])
    for name, value in tree["learned"].items():
        setattr(self, name, rich(value))
    if tree["names"]:
        self.feature_names_in_ = np.array(tree["names"], dtype=object)
    self.held_, self._optimizer_state = None, {}
    self.view_, make, self.facts_ = choose(self, tree["view"])
    with kept_random(torch.device("cpu")):
        self.objective_ = objective_of(self, make())
    self.objective_.load_state_dict(tree["weights"])
    device = device_of("auto" if str(self.device).startswith("cuda") else self.device)
    self.objective_.to(device).eval()
    self.codec_.to(device)
    return self


def coded(codec: Codec | None) -> Any:
    """A fitted codec as JSON values and tensors."""
    return codec and {"kind": codec.kind, "state": codec.state()}


def decoded(tree: Any) -> Any:
    """The codec that `coded` took apart."""
    return tree and codec_kinds()[tree["kind"]].from_state(tree["state"])


def plain(value: Any) -> Any:
    """A setting as JSON values."""
    if isinstance(value, Spec):
        return {"spec": [value.registry.kind, value.name, plain(value.options)]}
    if isinstance(value, Codec):
        return {"codec": [value.kind, plain(dict(value.options))]}
    if isinstance(value, dict):
        return {"dict": [[k, plain(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [plain(v) for v in value]}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return {"array": torch.from_numpy(value)}
    return value.item() if isinstance(value, np.generic) else value


def rich(value: Any) -> Any:
    """The setting that `plain` made plain."""
    if isinstance(value, list):
        return [rich(v) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    match kind:
        case "spec":
            return REGISTRIES[held[0]](held[1], **rich(held[2]))
        case "codec":
            return codec_kinds()[held[0]](**rich(held[1]))
        case "dict":
            return {k: rich(v) for k, v in held}
        case "tuple":
            return tuple(rich(v) for v in held)
        case "array":
            return held.numpy()
    raise KeyError(kind)
