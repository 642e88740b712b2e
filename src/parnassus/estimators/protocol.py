"""scikit-learn's manner without importing scikit-learn: settings by name, tags, cloning, metadata requests.

scikit-learn asks what an estimator can do by looking for methods, so that inheriting from it is not needed; importing
it takes as long as importing torch. Whatever needs it here imports it when it is asked for.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Self

from ..errors import ParnassusError, SettingError, did_you_mean
from ..registry import REGISTRIES, Spec

ROUTED = ("fit", "partial_fit", "predict", "predict_proba", "decision_function", "score")
NEVER_ROUTED = ("self", "X", "y")


@cache
def not_fitted_error() -> type[ParnassusError]:
    """The error of an estimator that is asked for what only `fit` can give; scikit-learn's own kind as well."""
    from sklearn.exceptions import NotFittedError

    class NotFitted(ParnassusError, NotFittedError):
        """An estimator was asked for what only `fit` can give."""

    NotFitted.__module__ = f"{__package__}.base"
    NotFitted.__qualname__ = "NotFitted"
    return NotFitted


def fitted(estimator: Any) -> Any:
    """The estimator itself, once it is fitted."""
    if not estimator.__sklearn_is_fitted__():
        raise not_fitted_error()(f"This {type(estimator).__name__} instance is not fitted yet; call fit first")
    return estimator


@contextmanager
def unfitted_on_error(estimator: Any) -> Iterator[None]:
    """An error inside leaves the estimator unfitted: half-learned weights would answer, and wrongly."""
    try:
        yield
    except BaseException:
        vars(estimator).pop("objective_", None)
        raise


class Settings:
    """Settings that a constructor stored under their own names: read, changed, copied and shown by name.

    A setting that is a role (model, optimizer, ...) may be a name or a Spec; its options are settings too, as
    `role__option`.
    """

    task: ClassVar[str] = ""
    roles: ClassVar[tuple[str, ...]] = tuple(REGISTRIES)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(p for p in inspect.signature(cls.__init__).parameters if p != "self")

    def spec(self, role: str, given: Any) -> Spec:
        """A name or a Spec as a Spec of its own; anything else is refused."""
        if isinstance(given, Spec) and given.registry.kind == role:
            return given.copy()
        if isinstance(given, str):
            if role == "model":
                REGISTRIES[role].builders(given, self.task)  # "did you mean" looks among this task's names
            return REGISTRIES[role](given)
        raise SettingError(f"{role} is a name or pn.{role}(name, ...); got {given!r}")

    def _known(self, role: str, given: Any) -> Spec | None:
        registry = REGISTRIES[role]
        return registry(given) if isinstance(given, str) and given in registry.names() else None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Settings by name; `deep` adds the options of roles."""
        params = {name: getattr(self, name) for name in self._get_param_names()}
        for role in self.roles if deep else ():
            given = params.get(role)
            spec = given if isinstance(given, Spec) else self._known(role, given)
            task = self.task if role == "model" else None
            if spec is not None and (task is None or spec.name in spec.registry.names(task)):
                params |= {f"{role}__{k}": v for k, v in spec.get_params(task=task).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; `part__option` changes an option of a setting that has some."""
        for role in self.roles:
            if role in params:
                setattr(self, role, params.pop(role))
            if any(key.startswith(f"{role}__") for key in params):
                given = getattr(self, role)
                setattr(self, role, given.copy() if isinstance(given, Spec) else self._known(role, given) or given)
        known = self.get_params(deep=True)
        for key, value in params.items():
            part, _, option = key.partition("__")
            if part not in known or (option and not hasattr(getattr(self, part), "set_params")):
                raise SettingError(
                    f"Invalid parameter {key!r} for estimator {self!r}; {did_you_mean(key, known)} "
                    f"Valid parameters are: {self._get_param_names()!r}"
                )
            if option:
                getattr(self, part).set_params(**{option: value})
            else:
                setattr(self, part, value)
        return self

    def __repr__(self) -> str:
        defaults = {p.name: p.default for p in inspect.signature(type(self).__init__).parameters.values()}
        changed = [f"{k}={v!r}" for k, v in self.get_params(deep=False).items() if repr(v) != repr(defaults[k])]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, str]:
        from sklearn.utils import estimator_html_repr

        return {"text/plain": repr(self), "text/html": estimator_html_repr(self)}

    # --- what scikit-learn asks -------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def get_metadata_routing(self) -> Any:
        """Which of `sample_weight` and its like each method asks scikit-learn's meta-estimators for."""
        return self._get_metadata_request()

    def _get_metadata_request(self) -> Any:
        from sklearn.utils._metadata_requests import MetadataRequest

        if hasattr(self, "_metadata_request"):
            return self._metadata_request
        requests = MetadataRequest(owner=self)
        for method in ROUTED:
            for name in _routed_by(type(self), method):
                getattr(requests, method).add_request(param=name, alias=None)
        return requests

    def __getattr__(self, name: str) -> Any:
        method = name.removeprefix("set_").removesuffix("_request")
        if name == f"set_{method}_request" and method in ROUTED:
            from sklearn.utils._metadata_requests import RequestMethod

            return RequestMethod(method, _routed_by(type(self), method)).__get__(self, type(self))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _routed_by(kind: type, method: str) -> list[str]:
    """The names that a method takes beside X and y."""
    function = getattr(kind, method, None)
    if not inspect.isfunction(function):
        return []
    return [p for p in inspect.signature(function).parameters if p not in NEVER_ROUTED]
