"""What can be set, read off the source files: constructors, builders and their docstrings, without importing any.

The help of the command line comes from here, so that it needs neither torch nor scikit-learn and declares nothing
twice.
"""

import ast
import itertools
import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SettingError, did_you_mean

PACKAGE = Path(__file__).parent.parent
PLACES = {"model": "models", "optimizer": "train", "schedule": "train", "loss": "functional", "inference": "objectives"}
ROLES = (*PLACES, "codec")
_WORDS = re.compile(r"^(\w+)\s+:\s+(.*)$")


@dataclass(frozen=True)
class Setting:
    """One thing to set: its name, type and default as the signature has them, and its words in the docstring."""

    name: str
    annotation: str
    default: Any
    words: str = ""


@dataclass(frozen=True)
class Declared:
    """A named thing of the sources: a task, builder or codec, what it needs, and what can be set on it."""

    kind: str
    name: str
    tasks: tuple[str, ...]
    facts: tuple[str, ...]
    settings: dict[str, Setting]
    docstring: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.docstring.partition("\n")[0]


@cache
def tasks() -> dict[str, Declared]:
    """Every task of the estimators, with its own settings before the shared ones."""
    classes = {c.name: c for c in _classes("estimators", "Estimator")}
    shared = _settings(_constructor(classes["Estimator"]), ast.get_docstring(classes["Estimator"]) or "")
    found = {}
    for node in classes.values():
        bases = {ast.unparse(b).rpartition(".")[2] for b in node.bases}
        told = _literal(node, "task", None)
        listed = "Estimator" in bases or ("Unsupervised" in bases and (told or _literal(node, "default_models", None)))
        if not listed or not _has_constructor(node):
            continue
        name = told or re.sub(r"(?<!^)([A-Z])", r"_\1", node.name).lower()
        docstring = ast.get_docstring(node) or ""
        own = _settings(_constructor(node), docstring)
        own = {k: s if s.words or k not in shared else replace(s, words=shared[k].words) for k, s in own.items()}
        extra = {"class": node.name, "default_models": _literal(node, "default_models", {})}
        found[name] = Declared("task", name, (name,), (), {**shared, **own}, docstring, extra)
    return dict(sorted(found.items()))


@cache
def builders(kind: str) -> tuple[Declared, ...]:
    """Every registered builder of a kind: "model", "optimizer", "schedule" or "loss"."""
    readers = {
        f"{kind}.register(": _registered, f"@{kind}.sizes(": _each_size, f"@{kind}.variants(": _each_variant,
        "@sequence_model(": _twins,
    }  # fmt: skip
    found = [
        builder
        for text, read in readers.items()
        for tree in _trees(PLACES[kind], text)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for builder in read(kind, node, decorator)
    ]
    return tuple(sorted(found, key=lambda b: (b.name, b.tasks, b.facts)))


@cache
def codecs() -> tuple[Declared, ...]:
    """Every codec of raw inputs, with its options."""
    found = []
    for node in _classes("data", "(Codec)"):
        name = _literal(node, "kind", None)
        form = _literal(node, "form", None)
        if name is None or form is None or not _has_constructor(node):
            continue
        docstring = ast.get_docstring(node) or ""
        settings = _settings(_constructor(node), docstring)
        found.append(Declared("codec", name, (), (), settings, docstring, {"class": node.name, "form": form}))
    return tuple(found)


def named(kind: str, name: str, task: str) -> list[Declared]:
    """The builders (or the codec) behind a name for a task; a helpful refusal when there are none."""
    known = codecs() if kind == "codec" else builders(kind)
    serving = [b for b in known if kind != "model" or task in b.tasks]
    found = [b for b in serving if b.name == name]
    if not found:
        elsewhere = sorted({t for b in known if b.name == name for t in b.tasks})
        if elsewhere:
            raise SettingError(
                f"{kind} {name!r} serves {', '.join(elsewhere)}, not {task}; for {task} "
                f"{did_you_mean('', {b.name for b in serving})}"
            )
        raise SettingError(f"unknown {kind} {name!r}; {did_you_mean(name, {b.name for b in serving})}")
    return found


def options(kind: str, name: str, task: str) -> dict[str, Setting]:
    """What can be set on the thing of this name, for a task."""
    return {k: s for b in reversed(named(kind, name, task)) for k, s in b.settings.items()}


# --- reading the sources --------------------------------------------------------------------------


@cache
def _trees(package: str, containing: str) -> tuple[ast.Module, ...]:
    """The files of a package that hold a text; parsing takes far longer than looking for it."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((PACKAGE / package).rglob("*.py"))]
    return tuple(ast.parse(text) for text in texts if containing in text)


def _classes(package: str, containing: str) -> list[ast.ClassDef]:
    return [node for tree in _trees(package, containing) for node in tree.body if isinstance(node, ast.ClassDef)]


def _registered(kind: str, node: ast.FunctionDef, decorator: ast.Call) -> list[Declared]:
    """The one builder that `register` enters."""
    if not isinstance(decorator.func, ast.Attribute):
        return []
    owner = decorator.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return [_builder(kind, node, decorator)] if decorator.func.attr == "register" and name == kind else []


def _each_size(kind: str, node: ast.FunctionDef, decorator: ast.Call) -> list[Declared]:
    """The builders that `sizes` makes of one: a name for each value, without the option."""
    if ast.unparse(decorator.func) != f"{kind}.sizes":
        return []
    one, (option,) = _builder(kind, node, decorator), decorator.keywords
    options = {k: s for k, s in one.settings.items() if k != option.arg}
    return [replace(one, name=f"{node.name}{value}", settings=options) for value in _value(option.value)]


def _each_variant(kind: str, node: ast.FunctionDef, decorator: ast.Call) -> list[Declared]:
    """The builders that `variants` makes of one: one for each choice among its facts, without the others."""
    if ast.unparse(decorator.func) != f"{kind}.variants":
        return []
    one = _builder(kind, node, decorator)
    choices = next(_value(k.value) for k in decorator.keywords if k.arg == "choices")
    groups = [[set(part.split()) for part in choice.split("|")] for choice in choices]
    every = set().union(*itertools.chain(*groups))
    left_out = [every - set().union(*chosen) for chosen in itertools.product(*groups)]
    return [replace(one, facts=tuple(fact for fact in one.facts if fact not in absent)) for absent in left_out]


def _twins(kind: str, node: ast.FunctionDef, decorator: ast.Call) -> list[Declared]:
    """The two builders that `models.sequence.sequences.sequence_model` makes of one: for vectors and for ids."""
    if ast.unparse(decorator.func) != "sequence_model":
        return []
    one = _builder(kind, node, decorator)
    options = one.settings | {"embedding": Setting("embedding", "int | None", None)}
    others = tuple(fact for fact in one.facts if fact != "step_features")
    return [replace(one, facts=(first, *others), settings=options) for first in ("step_features", "vocab_size")]


def _builder(kind: str, node: ast.FunctionDef, decorator: ast.Call) -> Declared:
    served = tuple(str(_value(a)) for a in decorator.args)
    given = next((str(_value(k.value)) for k in decorator.keywords if k.arg == "name"), node.name)
    docstring = ast.get_docstring(node) or ""
    pairs = list(zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True))
    facts = tuple(a.arg for a, default in pairs if default is None)
    return Declared(kind, given, served, facts, _settings(node, docstring), docstring)


def _settings(node: ast.FunctionDef, docstring: str) -> dict[str, Setting]:
    """Arguments that have a default, by name."""
    words, arguments = words_of(docstring), node.args
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    pairs = [
        *zip(positional, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {
        a.arg: Setting(
            a.arg, ast.unparse(a.annotation) if a.annotation else "Any", _value(default), words.get(a.arg, "")
        )
        for a, default in pairs
        if default is not None
    }


def words_of(docstring: str) -> dict[str, str]:
    """The `name : words` lines of a docstring, each with the lines that go on below it.

    >>> words_of("Sum.\\n\\nParameters\\n----------\\nlr : the rate;\\n    from 0.\\nseed : of all.")
    {'lr': 'the rate; from 0.', 'seed': 'of all.'}
    """
    found: dict[str, str] = {}
    name = ""
    for line in docstring.splitlines():
        start = _WORDS.match(line)
        if start:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.startswith(" ") and line.strip():
            found[name] += " " + line.strip()
        else:
            name = ""
    return found


def with_article(task: str) -> str:
    """A task with its article.

    >>> [with_article(task) for task in ("autoencoder", "hmm", "image_captioner", "regressor")]
    ['an autoencoder', 'an HMM', 'an image captioner', 'a regressor']
    """
    words = "HMM" if task == "hmm" else task.replace("_", " ")
    return f"{'an' if words[0] in 'aeioH' else 'a'} {words}"


def _constructor(node: ast.ClassDef) -> ast.FunctionDef:
    return next(f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")


def _has_constructor(node: ast.ClassDef) -> bool:
    return any(isinstance(f, ast.FunctionDef) and f.name == "__init__" for f in node.body)


def _literal(node: ast.ClassDef, name: str, otherwise: Any) -> Any:
    """The literal that a class assigns to a name, or `otherwise`."""
    for part in node.body:
        if not isinstance(part, ast.Assign | ast.AnnAssign):
            continue
        targets, value = part.targets if isinstance(part, ast.Assign) else [part.target], part.value
        if value is not None and any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return _value(value)
    return otherwise


def _value(node: ast.expr) -> Any:
    """A literal, or for what is none (a constant of the module) its source, which help shows as it stands."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return Source(ast.unparse(node))


class Source(str):
    """A default that is an expression of its module; where nothing is set it is left to the module."""
