"""What may be set, and between what: ranges and choices, as a person writes them or as signatures suggest them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from ..errors import SettingError, did_you_mean
from ..estimators.base import Estimator
from ..estimators.unsupervised import Unsupervised
from ..registry import REGISTRIES, Spec, plain

RANGES = "a list of choices, (low, high), (low, high, 'log') or (low, high, step)"
FORMS = f"{RANGES}, or 'auto'"
OTHER_NAMES = {"learning_rate": "lr", "n_epochs": "epochs", "max_iter": "epochs", "alpha": "optimizer__weight_decay"}
WIDTHS = ("hidden", "width", "channels", "widths", "feed_forward", "n_latent")
SHARES = ("dropout", "zoneout")
DECAYS = ("l2", "weight_decay")
FIXED = ("n_init", "n_heads", "n_workers", "n_sampled", "n_steps", "n_past")  # counts whose neighbours often do not fit
ACTIVATIONS = ["relu", "gelu", "silu", "tanh"]
BATCHES = (16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; `log` draws their logarithm, `step` keeps to a grid."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def examples(self) -> list[Any]:
        """Values that are tried on the setting before the search begins."""
        return [self.low, self.high]

    def suggest(self, trial: Any, name: str) -> Any:
        if self.whole:
            return trial.suggest_int(name, self.low, self.high, log=self.log, step=int(self.step or 1))
        return trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)

    def kept(self, value: Any) -> Any:
        """A value as the storage keeps it; None where it is not in the range."""
        inside = isinstance(value, Real) and not isinstance(value, bool) and self.low <= float(value) <= self.high
        on_grid = self.step is None or (inside and math.isclose((value - self.low) % self.step, 0.0, abs_tol=1e-12))
        return (int(value) if self.whole else float(value)) if inside and on_grid else None

    def meant(self, kept: Any) -> Any:
        """The value that the storage keeps as this."""
        return int(kept) if self.whole else float(kept)

    def __str__(self) -> str:
        how = " log" if self.log else f" by {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{how}"


@dataclass(frozen=True)
class OneOf:
    """One of several values."""

    values: tuple[Any, ...]

    @property
    def examples(self) -> list[Any]:
        """Values that are tried on the setting before the search begins."""
        return list(self.values)

    @property
    def labels(self) -> list[Any]:
        """What the storage keeps: plain values as they are, others as their words."""
        plainly = all(v is None or isinstance(v, bool | int | float | str) for v in self.values)
        return list(self.values) if plainly else [repr(v) for v in self.values]

    def suggest(self, trial: Any, name: str) -> Any:
        return self.meant(trial.suggest_categorical(name, self.labels))

    def kept(self, value: Any) -> Any:
        """A value as the storage keeps it; None where it is not among the choices."""
        return next((k for k, v in zip(self.labels, self.values, strict=True) if repr(v) == repr(value)), None)

    def meant(self, kept: Any) -> Any:
        """The value that the storage keeps as this."""
        found = next((v for k, v in zip(self.labels, self.values, strict=True) if repr(k) == repr(kept)), None)
        return found.copy() if isinstance(found, Spec) else found

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Dimension = Range | OneOf
Space = dict[str, Dimension]


def read_space(estimator: Any, given: Mapping[str, Any], *, n_rows: int) -> Space:
    """The space that a person wrote, each value tried on a copy of the estimator; a bad one is refused by name."""
    if not isinstance(given, Mapping) or not given:
        raise SettingError(f"space maps settings to {FORMS}; got {given!r}")
    suggested = (
        space_of(estimator, n_rows=n_rows) if "auto" in [v for v in given.values() if isinstance(v, str)] else {}
    )
    found: Space = {}
    for name, value in given.items():
        if isinstance(value, str) and value == "auto":
            if name not in suggested:
                raise SettingError(
                    f"space: no range is known for {name!r}; give {RANGES}; "
                    f"'auto' serves {', '.join(suggested) or 'nothing here'}"
                )
            found[name] = suggested[name]
        else:
            found[name] = read_dimension(str(name), value)
    _try_on(estimator, found)
    return dict(sorted(found.items(), key=lambda item: item[0] not in REGISTRIES))  # roles before their options


def read_dimension(name: str, given: Any) -> Dimension:
    """One line of a space.

    >>> read_dimension("lr", (1e-4, 1e-1, "log")), read_dimension("model__hidden", [(8,), (64, 64)])
    (Range(low=0.0001, high=0.1, log=True, step=None), OneOf(values=((8,), (64, 64))))
    """
    if isinstance(given, Range | OneOf):
        return given
    if isinstance(given, list | range | set | frozenset) and len(given):
        values = tuple(plain(v) for v in (sorted(given, key=repr) if isinstance(given, set | frozenset) else given))
        if len({repr(v) for v in values}) < len(values):
            raise SettingError(f"space: {name!r} names a choice twice: {given!r}")
        return OneOf(values)
    numbers = [plain(v) for v in given] if isinstance(given, tuple) else []
    if len(numbers) not in (2, 3) or not all(_number(v) for v in numbers[:2]):
        raise SettingError(f"space: {name!r} is {FORMS}; got {given!r}")
    low, high = numbers[:2]
    if not low < high:
        raise SettingError(f"space: {name!r} runs from a lower to a higher number; got {given!r}")
    if len(numbers) == 2:
        return Range(low, high)
    if numbers[2] == "log":
        if low <= 0:
            raise SettingError(f"space: {name!r} is drawn on a log scale, so that it begins above 0; got {given!r}")
        return Range(low, high, log=True)
    if not _number(numbers[2]) or not 0 < numbers[2] <= high - low:
        raise SettingError(f"space: the third of {name!r} is 'log' or a step; got {given!r}")
    return Range(low, high, step=numbers[2])


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))


def _try_on(estimator: Any, space: Space) -> None:
    """Refuses names that no choice of the space has, and values of another kind."""
    from sklearn.base import clone

    bare = [clone(estimator)]
    for role in (r for r in REGISTRIES if r in space):
        for value in space[role].examples:
            if isinstance(value, str | Spec) and isinstance(estimator, Estimator):
                estimator.spec(role, value)
        bare = [clone(one).set_params(**{role: _own(value)}) for one in bare for value in space[role].examples]
    for name, dimension in space.items():
        having = [one for one in bare if name in one.get_params(deep=True)]
        if not having:
            known = sorted({k for one in bare for k in one.get_params(deep=True)})
            other = OTHER_NAMES.get(name)
            hint = f"it is called {other!r} here" if other in known else did_you_mean(name, known)
            raise SettingError(f"space: {type(estimator).__name__} has no setting {name!r}; {hint}")
        for value in dimension.examples:
            clone(having[0]).set_params(**{name: _own(value)})


def _own(value: Any) -> Any:
    return value.copy() if isinstance(value, Spec) else value


def drawn(trial: Any, estimator: Any, space: Space) -> dict[str, Any]:
    """Set what the trial suggests on the estimator, roles first; options that a drawn role has not are left out."""
    values: dict[str, Any] = {}
    for name, dimension in space.items():
        if "__" in name and name not in estimator.get_params(deep=True):
            continue
        values[name] = dimension.suggest(trial, name)
        estimator.set_params(**{name: values[name]})
    return values


def start_of(estimator: Any, space: Space) -> dict[str, Any]:
    """What the estimator is set to now, as the storage keeps it, where the space holds it."""
    now = estimator.get_params(deep=True)
    if isinstance(estimator, Estimator):
        now |= {k: v for k, v in options_of(estimator).items() if now[k] is None}
    if now.get("lr", 0) is None:
        now["lr"] = now.get("optimizer__lr")
    now = {k: v.name if isinstance(v, Spec) and not v.options else v for k, v in now.items()}
    held = {name: (d.kept(now[name]), d) for name, d in space.items() if name in now}
    return {k: v for k, (v, d) in held.items() if v is not None or (now[k] is None and None in d.examples)}


# --- from signatures ------------------------------------------------------------------------------


def space_of(estimator: Any, *, n_rows: int | None = None, descends: bool = True) -> Space:
    """A space read off the settings of an estimator and its model: a start, to be narrowed by whoever knows more.

    Widths and batches by powers of two, rates by factors on a log scale, dropout up to a half, counts around their
    default, switches both ways, activations by name. `descends` says whether the model learns by gradients.
    """
    if not isinstance(estimator, Estimator):
        return {}
    known = estimator.get_params(deep=True)
    found: Space = {}
    rate = known["lr"] if known["lr"] is not None else known.get("optimizer__lr")
    if descends and isinstance(rate, float) and rate > 0:
        found["lr"] = Range(float(f"{rate / 10:.2g}"), float(f"{rate * 30:.2g}"), log=True)
    if descends and known.get("optimizer__weight_decay") is not None:
        found["optimizer__weight_decay"] = Range(1e-6, 0.1, log=True)
    if descends:
        sizes = [b for b in BATCHES if n_rows is None or b <= n_rows // 2]
        found |= {"batch_size": OneOf(tuple(sizes))} if len(sizes) > 1 else {}
    for name, default in options_of(estimator).items():
        dimension = suggested(name.removeprefix("model__"), default)
        found |= {name: dimension} if dimension is not None else {}
    return found


def options_of(estimator: Any) -> dict[str, Any]:
    """What may be set of the model, as the estimator names it, and what it is now.

    >>> import parnassus as pn
    >>> options_of(pn.HMM())["n_states"], options_of(pn.LanguageModel("ngram"))["model__order"]
    (3, 3)
    """
    known = estimator.get_params(deep=True)
    found = {k: v for k, v in known.items() if k.startswith("model__")}
    if not isinstance(estimator, Unsupervised) or not isinstance(estimator.model, str | Spec | None):
        return found
    usual = "gaussian" if estimator.task == "hmm" else next(iter(estimator.default_models.values()))
    options = estimator.spec("model", estimator.model or usual).get_params(task=estimator.task)
    for name in (n for n in estimator.options if n in options):
        if known[name] is not None or f"model__{name}" not in found:  # what the task was given beats what the model was
            found.pop(f"model__{name}", None)
            found[name] = options[name]
    return found


def suggested(name: str, default: Any) -> Dimension | None:
    """What is sensible for an option of this name and default; None where that cannot be told.

    >>> print(suggested("dropout", 0.1), "|", suggested("hidden", 64), "|", suggested("n_layers", 2))
    0 to 0.5 | 16, 32, 64, 128 | 1 to 4
    """
    if isinstance(default, bool):
        return OneOf((False, True))
    if isinstance(default, float) and name in SHARES:
        return Range(0.0, 0.5)
    if isinstance(default, float) and name in DECAYS:
        return Range(1e-6, 0.1, log=True)
    if isinstance(default, Integral) and name in WIDTHS:
        return OneOf(tuple(dict.fromkeys(max(4, int(default) * k // 4) for k in (1, 2, 4, 8))))
    if isinstance(default, Integral) and name.startswith("n_") and name not in FIXED:
        return _counts(name, int(default))
    if isinstance(default, tuple) and name in WIDTHS and default and all(isinstance(w, Integral) for w in default):
        return _layers(tuple(int(w) for w in default))
    return OneOf(tuple(ACTIVATIONS)) if name == "activation" and default in ACTIVATIONS else None


def _counts(name: str, default: int) -> Range:
    grouped = name in ("n_clusters", "n_components")
    return Range(
        max(1 + (name == "n_clusters"), default // 2), max(10, 2 * default) if grouped else max(3, 2 * default)
    )


def _layers(widths: tuple[int, ...]) -> OneOf:
    """The widths halved, as they are, doubled and by four; the same with a layer more."""
    deeper = (*widths, widths[-1])
    scaled = [tuple(max(4, w * k // 2) for w in each) for each in (widths, deeper) for k in (1, 2, 4, 8)]
    return OneOf(tuple(dict.fromkeys(scaled)))
