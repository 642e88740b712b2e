"""Ensembles of different estimators: their settings are reached by name."""

from collections.abc import Sequence
from typing import Any, Self

from ..errors import SettingError
from .base import Ensemble, Named
from .members import kind_of

Given = Sequence[Any]


class Committee(Ensemble):
    """An ensemble of the estimators in `estimators`, each given alone or as (name, estimator).

    One given alone is called by its class in lower case, with a number where several are of one class.
    """

    estimators: Given

    def _parts(self) -> Named:
        return named(self.estimators) if isinstance(self.estimators, list | tuple) and self.estimators else {}

    def _kind(self) -> str:
        kinds = {name: kind_of(one) for name, one in named(self.estimators).items()}
        if len(set(kinds.values())) > 1:
            raise SettingError(f"members are all classifiers or all regressors; got {kinds}")
        return next(iter(kinds.values()))

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; `name__setting` changes a member's, and `name` replaces it."""
        if "estimators" in params:
            self.estimators = params.pop("estimators")
        for key in list(params):
            name, _, option = key.partition("__")
            if name in self._parts() and name not in self._get_param_names():
                self._set_member(name, option, params.pop(key))
        return super().set_params(**params)

    def _set_member(self, name: str, option: str, value: Any) -> None:
        if option:
            self._parts()[name].set_params(**{option: value})
            return
        changed = [value if known == name else one for known, one in self._parts().items()]
        pairs = [isinstance(one, tuple) for one in self.estimators]
        self.estimators = [
            (known, one) if pair else one for known, one, pair in zip(self._parts(), changed, pairs, strict=True)
        ]


def named(estimators: Given) -> Named:
    """The estimators by name."""
    if not isinstance(estimators, list | tuple) or not estimators:
        raise SettingError(f"estimators is a list of estimators, or of (name, estimator); got {estimators!r}")
    pairs = [one if isinstance(one, tuple) else (None, one) for one in estimators]
    kinds = [type(one).__name__.lower() for _, one in pairs]
    found: Named = {}
    for i, (name, one) in enumerate(pairs):
        number = "" if kinds.count(kinds[i]) == 1 else str(kinds[: i + 1].count(kinds[i]))
        name = name or kinds[i] + number
        if name in found or "__" in name:
            raise SettingError(f"estimators: names are different, and hold no '__'; got {name!r} twice or so")
        found[name] = one
    return found
