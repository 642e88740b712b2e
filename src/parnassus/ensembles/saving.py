"""An ensemble as one file, members and all, and back."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import store
from ..errors import DataError, FileError, ParnassusError
from ..estimators.base import Estimator
from ..estimators.protocol import fitted
from ..estimators.saving import coded, decoded, estimator_kinds, plain, rebuilt, rich, tree_of
from ..estimators.saving import load as load_estimator
from . import adaboost, bagging, gradient, stacking, trajectory, voting  # noqa: F401  # their kinds are then known
from .base import Ensemble


def save(ensemble: Ensemble, path: str | os.PathLike) -> None:
    """Write the ensemble's settings, what it learned, and each member as the member's own `save` writes it."""
    store.save(path, _tree(ensemble))


def load(path: str | os.PathLike) -> Any:
    """The estimator or ensemble that `save` wrote, or of a run's folder, on the CPU unless its setting says otherwise.

    Raises
    ------
    FileError : the file is absent, cut short, or not a model.
    DataError : a newer version wrote it.
    """
    tree = store.manifest_of(path)["tree"]
    if "$json" in tree:
        tree = store.load(path)
    if tree.get("estimator") not in Ensemble.kinds:
        return load_estimator(path)
    tree = store.load(path)
    try:
        return _rebuilt(tree)
    except ParnassusError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from error
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError, ValueError) as error:
        raise FileError(
            f"{os.fspath(path)}: not a whole ensemble ({type(error).__name__}: {error}); the file is damaged"
        ) from error


def _tree(ensemble: Ensemble) -> dict[str, Any]:
    return {
        "estimator": type(ensemble).__name__,
        "params": {k: _plain(v) for k, v in ensemble.get_params(deep=False).items()},
        "target": coded(ensemble.target_),
        "learned": {k: plain(getattr(ensemble, k)) for k in ensemble.learned if hasattr(ensemble, k)},
        "names": [str(n) for n in getattr(ensemble, "feature_names_in_", [])],
        "members": [_member_tree(member) for member in ensemble.members_],
        "others": {name: _member_tree(getattr(ensemble, name)) for name in ensemble.others},
    }


def _member_tree(member: Any) -> dict[str, Any]:
    """What a member's own file holds."""
    if isinstance(member, Ensemble):
        return _tree(member)
    if not isinstance(member, Estimator):
        raise DataError(
            f"cannot save a member that is a {type(member).__name__}: it is not one of ours, and a pickle runs code "
            f"when it is read; make the ensemble of pn.Classifier or pn.Regressor, or fit it again where it is used"
        )
    return tree_of(fitted(member))


def _rebuilt(tree: Mapping[str, Any]) -> Ensemble:
    self = Ensemble.kinds[tree["estimator"]](**{k: _rich(v) for k, v in tree["params"].items()})
    self.target_ = decoded(tree["target"])
    for name, value in tree["learned"].items():
        setattr(self, name, rich(value))
    if tree["names"]:
        self.feature_names_in_ = np.array(tree["names"], dtype=object)
    self.members_ = [_member(one) for one in tree["members"]]
    for name, one in tree["others"].items():
        setattr(self, name, _member(one))
    return self


def _member(tree: Mapping[str, Any]) -> Any:
    if tree["estimator"] in Ensemble.kinds:
        return _rebuilt(tree)
    return rebuilt(tree)


def _plain(value: Any) -> Any:
    """A setting as JSON values; unfitted estimators among them by their names and settings."""
    if isinstance(value, Estimator | Ensemble):
        settings = {k: _plain(v) for k, v in value.get_params(deep=False).items()}
        return {"unfitted": [type(value).__name__, settings]}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(v) for v in value]}
    if hasattr(value, "get_params") and hasattr(value, "fit"):
        return _member_tree(value)
    return plain(value)


def _rich(value: Any) -> Any:
    """The setting that `_plain` made plain."""
    if isinstance(value, list):
        return [_rich(v) for v in value]
    if isinstance(value, dict) and value.keys() == {"unfitted"}:
        name, settings = value["unfitted"]
        kind = Ensemble.kinds.get(name) or estimator_kinds()[name]
        return kind(**{k: _rich(v) for k, v in settings.items()})
    if isinstance(value, dict) and value.keys() == {"tuple"}:
        return tuple(_rich(v) for v in value["tuple"])
    return rich(value)
