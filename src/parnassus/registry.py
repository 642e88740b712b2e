"""Names for things: builders register under a name; a Spec is a name and the options somebody fixed.

A builder is a function. Its keywords without a default are facts, which the data supply; its keywords with a
default are options, which the user may set. There are six registries: `model`, `optimizer`, `schedule`, `loss`,
`initializer`, `regularizer`.
"""

import functools
import inspect
import itertools
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from .errors import SettingError, did_you_mean
from .imports import load_all


@dataclass(frozen=True)
class Builder:
    """One function behind a name: the tasks it serves, the facts it needs, the options it takes."""

    name: str
    make: Callable
    tasks: tuple[str | None, ...]
    facts: frozenset[str]
    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, make: Callable, tasks: tuple[str, ...], name: str | None) -> "Builder":
        keywords = [p for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY]
        facts = frozenset(p.name for p in keywords if p.default is p.empty)
        defaults = {p.name: p.default for p in keywords if p.default is not p.empty}
        return cls(name or make.__name__, make, tasks or (None,), facts, defaults)

    def takes_none(self, key: str) -> bool:
        """Whether an option may be None, as its annotation says, whatever it is by default."""
        return type(None) in get_args(inspect.signature(self.make).parameters[key].annotation)

    @property
    def summary(self) -> str:
        """The first line of the builder's docstring."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0]


class Registry:
    """All builders of one kind; `packages` are walked on the first look-up, so there is no list to edit.

    families : whether builders also stand in packages inside them, one a family.
    """

    def __init__(self, kind: str, *packages: str, families: bool = False) -> None:
        self.kind, self._families = kind, families
        self._packages: tuple[str, ...] = packages
        self._builders: list[Builder] = []

    def __call__(self, name: str, **options: Any) -> "Spec":
        return Spec(self, name, options)

    def __iter__(self) -> Iterator[Builder]:
        self._walk()
        return iter(list(self._builders))

    def __repr__(self) -> str:
        return f"<registry of {self.kind} names>"

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        """Pickled by its kind: another process has its own builders."""
        return registry_of, (self.kind,)

    def register(self, *tasks: str, name: str | None = None) -> Callable[[Callable], Callable]:
        """Decorator that enters a builder for these tasks (for losses: kinds of target) under its own name."""

        def enter(make: Callable) -> Callable:
            self._enter(Builder.of(make, tasks, name))
            return make

        return enter

    def sizes(self, *tasks: str, **option: tuple) -> Callable[[Callable], Callable]:
        """Decorator that enters a builder once for each value of one of its options, under its name and the value.

        `@model.sizes("classifier", depth=(18, 34))` above `def resnet(*, ..., depth: int = 18)` makes "resnet18" and
        "resnet34", which have no option `depth` any more.
        """
        ((key, values),) = option.items()

        def enter(make: Callable) -> Callable:
            for value in values:
                self._enter(Builder.of(_fixed(make, {key: value}), tasks, f"{make.__name__}{value}"))
            return make

        return enter

    def variants(
        self, *tasks: str, choices: tuple[str, ...], name: str | None = None
    ) -> Callable[[Callable], Callable]:
        """Decorator that enters a builder once for each choice among its facts; it is given None for the others.

        With `choices=("in_channels image_size | in_features", "| n_outputs")` a builder that has these four facts
        becomes four: of pictures and of vectors, each without classes and with them. Choices are written out, as the
        command line reads them off the source.
        """
        groups = [[frozenset(one.split()) for one in choice.split("|")] for choice in choices]
        every = frozenset().union(*itertools.chain(*groups))

        def enter(make: Callable) -> Callable:
            for chosen in itertools.product(*groups):
                absent = dict.fromkeys(sorted(every - frozenset().union(*chosen)))
                self._enter(Builder.of(_fixed(make, absent), tasks, name or make.__name__))
            return make

        return enter

    def _enter(self, new: Builder) -> None:
        for old in self._builders:
            shared = set(old.tasks) & set(new.tasks)
            if old.name != new.name or not shared:
                continue
            where = f"{self.kind} {new.name!r} for {', '.join(sorted(map(str, shared)))}"
            both = f"{old.make.__qualname__} and {new.make.__qualname__}"
            if old.facts == new.facts:
                raise ValueError(f"{where} is registered twice, by {both}, with the same facts; rename one")
            if dict(old.defaults) != dict(new.defaults):
                raise ValueError(f"{where}: builders of one name and task share their options; {both} differ")
        self._builders.append(new)

    def names(self, task: str | None = None) -> list[str]:
        """Every name, or those that serve a task."""
        return sorted({b.name for b in self if task is None or task in b.tasks})

    def builders(self, name: str, task: str | None = None) -> list[Builder]:
        """The builders behind a name, for one task or all; a helpful refusal when there are none."""
        named = [b for b in self if b.name == name]
        if not named:
            raise SettingError(f"unknown {self.kind} {name!r}; {did_you_mean(name, self.names(task))}")
        serving = [b for b in named if task is None or task in b.tasks]
        if not serving:
            served = sorted({str(t) for b in named for t in b.tasks})
            raise SettingError(
                f"{self.kind} {name!r} serves {', '.join(served)}, not {task}; "
                f"for {task} choose one of {', '.join(self.names(task))}"
            )
        return serving

    def _walk(self) -> None:
        packages, self._packages = self._packages, ()
        for package in packages:
            load_all(package, below=self._families)


def _fixed(make: Callable, values: Mapping[str, Any]) -> Callable:
    """The builder with some keywords fixed, and gone from its signature."""

    @functools.wraps(make)
    def fixed(**given: Any) -> Any:
        return make(**given, **values)

    others = [p for p in inspect.signature(make).parameters.values() if p.name not in values]
    fixed.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
    fixed.__qualname__ = " ".join([make.__qualname__, *(f"{name}={value}" for name, value in values.items())])
    return fixed


class Spec:
    """A name and the options somebody fixed: a recipe that scikit-learn can read, change and copy.

    Option names and the kind of their values are checked here, against every builder of the name; whether the task's
    own builder has the option is checked by `builders(task)`, which `fit` calls.
    """

    def __init__(self, registry: Registry, name: str, options: Mapping[str, Any]) -> None:
        self.registry, self.name = registry, name
        self.options: dict[str, Any] = {}
        registry.builders(name)
        self.set_params(**options)

    def defaults(self, task: str | None = None) -> dict[str, Any]:
        """Option names and their defaults, for one task or over all."""
        return {k: v for b in reversed(self.registry.builders(self.name, task)) for k, v in b.defaults.items()}

    def get_params(self, deep: bool = True, *, task: str | None = None) -> dict[str, Any]:
        return self.defaults(task) | self.options

    def set_params(self, **options: Any) -> "Spec":
        for key, value in options.items():
            value = plain(value)
            self._check(key, value)
            self.options[key] = value
        return self

    def _check(self, key: str, value: Any) -> None:
        builders = [b for b in self.registry.builders(self.name) if key in b.defaults]
        defaults = [b.defaults[key] for b in builders]
        if value is None and any(b.takes_none(key) for b in builders):
            return
        if not defaults:
            known = self.defaults()
            hint = did_you_mean(key, known) if known else "it has none"
            raise SettingError(f"{self.registry.kind} {self.name!r} has no option {key!r}; {hint}")
        if not any(same_kind(value, default) for default in defaults):
            raise SettingError(f"{self.registry.kind} {self.name!r}: {key} is like {defaults[0]!r}; got {value!r}")

    def builders(self, task: str | None = None) -> list[Builder]:
        """The task's builders, once every fixed option is known to be theirs."""
        builders = self.registry.builders(self.name, task)
        for key in sorted(self.options.keys() - builders[0].defaults.keys()):
            raise SettingError(
                f"{self.registry.kind} {self.name!r} has no option {key!r} for {task}; "
                f"there it has {', '.join(sorted(builders[0].defaults)) or 'none'}"
            )
        return builders

    def make(self, *given: Any, task: str | None = None, **facts: Any) -> Any:
        """What the only builder of this name and task makes (optimizers, schedules, losses)."""
        return self.builders(task)[0].make(*given, **facts, **self.get_params(task=task))

    def copy(self) -> "Spec":
        """An equal Spec of its own."""
        return Spec(self.registry, self.name, self.options)

    __sklearn_clone__ = copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and (self.registry.kind, self.name, self.options) == (
            other.registry.kind,
            other.name,
            other.options,
        )

    __hash__ = None  # type: ignore[assignment]  # a Spec can be changed

    def __repr__(self) -> str:
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        return f"{self.registry.kind}({self.name!r}{options})"


def plain(value: Any) -> Any:
    """An option as Python's own types: lists become tuples, NumPy scalars become numbers."""
    if isinstance(value, list | tuple):
        return tuple(plain(v) for v in value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def same_kind(value: Any, default: Any) -> bool:
    """Whether a value can stand where the default stands."""
    if default is None:
        return True
    for kind in (bool, numbers.Integral, numbers.Real, str, tuple):
        if isinstance(default, kind):
            return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return True


model = Registry("model", f"{__package__}.models", families=True)
optimizer = Registry("optimizer", f"{__package__}.train")
schedule = Registry("schedule", f"{__package__}.train")
loss = Registry("loss", f"{__package__}.functional")
initializer = Registry("initializer", f"{__package__}.layers")
regularizer = Registry("regularizer", f"{__package__}.train")
inference = Registry("inference", f"{__package__}.objectives", families=True)
REGISTRIES = {r.kind: r for r in (model, optimizer, schedule, loss, initializer, regularizer, inference)}


def registry_of(kind: str) -> Registry:
    """The registry of this kind."""
    return REGISTRIES[kind]
