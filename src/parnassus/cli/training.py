"""`parnassus train`: from words to a finished run folder."""

import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingError, did_you_mean
from . import language, settings
from .configuration import read_configuration
from .machines import class_of
from .settings import ROLES, Setting
from .values import NO, NONE, YES, number, value_of, words_of

if TYPE_CHECKING:
    from ..estimators.base import Estimator
    from ..estimators.fitting.intake import Examples
    from .console import Console
    from .runs import Run

OWN = {
    s.name: s
    for s in (
        Setting("target", "str | tuple[str, ...] | None", None, "the column of the answers; again for a second"),
        Setting("drop", "tuple[str, ...]", (), "columns to leave out, such as ids"),
        Setting("test", "str", "0.2", "a fraction to test on, a path of its own, or 0 for none"),
        Setting(
            "validation", "str | None", None, "a fraction of the training rows, or a path, to watch while training"
        ),
        Setting("overwrite", "bool", False, "replace the run that the folder holds"),
        Setting("config", "str | None", None, "a TOML or YAML file whose keys are these flags; flags given here win"),
        Setting("json", "bool", False, "print JSON, and nothing else, to standard output"),
    )
}
OWN_OF = {  # what a task means by a flag, where it means something else
    "forecaster": {
        "target": Setting("target", "str | tuple[str, ...] | None", None, "the column to forecast; again for a second"),
        "test": Setting(
            "test", "str", "horizon", "horizon: the last steps, a fraction of them, a path of those that follow, or 0"
        ),
        "validation": Setting("validation", "str | None", None, "the fraction of the steps at the end to watch"),
    },
    "embedder": {"test": Setting("test", "str", "0", "0: word vectors have no right answers to be tested by")},
    "hmm": {"target": Setting("target", "str | None", None, "the column of states that are known, where there is one")},
}
# tasks whose rows are not divided as others are
ELSEWHERE = {"forecaster": "forecasting", "hmm": "stepping", "tagger": "stepping", "image_translator": "translating"}
ELSEWHERE["embedder"] = "embedding"
NOT_KEPT = ("overwrite", "config", "json", "out", "resume", "progress")  # of one call, not of the run
Words = dict[str, list[str]]


def own_settings(task: str) -> dict[str, Setting]:
    """The command's own flags, as a task means them."""
    return OWN | OWN_OF.get(task, {})


# --- words ----------------------------------------------------------------------------------------


def joined(words: Sequence[str]) -> list[str]:
    """The words with `--flag true` as `--flag=true`, so that a flag of yes or no does not take the next word."""
    found: list[str] = []
    for word in words:
        if found and word.lower() in (*YES, *NO) and found[-1].startswith("--") and "=" not in found[-1]:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def named_in(words: Sequence[str], task: str) -> dict[str, str | None]:
    """What the words (and the configuration they name) choose for each role; None is left to the data."""
    given = {role: _last(words, role) for role in (*ROLES, "config", "out")}
    path = _configuration(given["config"], given["out"], resume="--resume" in words)
    held = words_in(path, task) if path is not None else {}
    defaults = {k: s.default for k, s in settings.tasks()[task].settings.items()}
    chosen = {role: given[role] or _single(held, role) or defaults.get(role) for role in ROLES}
    chosen = {role: None if name == NONE else name for role, name in chosen.items()}
    for role, name in chosen.items():
        if name is not None:
            settings.named(role, name, task)
    return chosen


def _last(words: Sequence[str], name: str) -> str | None:
    found = None
    for i, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in (f"--{name}", *(["-o"] if name == "out" else [])):
            found = value if equals else words[i + 1] if i + 1 < len(words) else None
    return found


def _configuration(given: str | None, out: str | None, *, resume: bool) -> Path | None:
    """The file of settings to start from: the one given, or when resuming that of the run itself."""
    if given is not None:
        return Path(given)
    held = Path(out) / "config.toml" if out is not None else None
    return held if resume and held is not None and held.exists() else None


def words_in(path: Path, task: str) -> Words:
    """A configuration's keys as flags, `model.hidden` for a table's; unknown ones are refused."""
    found: Words = {}
    for key, value in read_configuration(path).items():
        if key in ROLES and isinstance(value, dict):
            found |= {key if k == "name" else f"{key}.{k}": words_of(v) for k, v in value.items()}
        else:
            found[key] = words_of(value)
    meant = found.pop("task", [task])
    if meant != [task]:
        raise SettingError(f"{path}: this configuration is for `parnassus train {' '.join(meant)}`, not {task}")
    known = {*OWN, "data", *settings.tasks()[task].settings}
    for key in found:
        role, dot, _ = key.partition(".")
        if key not in known and not (dot and role in ROLES):
            raise SettingError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
    return found


@dataclass(frozen=True)
class Request:
    """What was asked for: flags over the configuration, each as the words it was given."""

    task: str
    words: Words

    @classmethod
    def of(cls, task: str, given: dict[str, Any]) -> "Request":
        words = {k: words_of(v) for k, v in given.items() if v is not None}
        path = _configuration(_single(words, "config"), _single(words, "out"), resume=words.get("resume") == ["true"])
        held = words_in(path, task) if path is not None else {}
        for role in ROLES:
            if role in words and role in held and words[role] != held[role]:  # another model has other options
                held = {k: v for k, v in held.items() if k.partition(".")[0] != role}
        return cls(task, {k: v for k, v in {**held, **words}.items() if v or k != "drop"})

    def own(self, name: str) -> Any:
        """The value of a flag that is the command's own, or the estimator's."""
        setting = own_settings(self.task).get(name) or settings.tasks()[self.task].settings[name]
        return value_of(self.words[name], setting, _flag(name)) if name in self.words else setting.default

    def options(self, role: str, name: str) -> dict[str, Any]:
        """The options that were given for what a role names."""
        known, found = settings.options(role, name, self.task), {}
        for key, words in self.words.items():
            owner, dot, option = key.partition(".")
            if owner != role or not dot:
                continue
            if option not in known:
                hint = did_you_mean(option, known) if known else "it has none"
                raise SettingError(f"{role} {name!r} has no option {option!r}; {hint}")
            found[option] = value_of(words, known[option], _flag(key))
        return found

    def has_options(self, role: str) -> bool:
        return any(key.startswith(f"{role}.") for key in self.words)


def _single(words: Words, name: str) -> str | None:
    return words[name][0] if words.get(name) else None


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-")


# --- an estimator ---------------------------------------------------------------------------------


def estimator_for(request: Request, kind: str) -> "Estimator":
    """The estimator that was asked for, for data of a kind: "table", "image" or "text"."""
    declared = settings.tasks()[request.task]
    values = {key: request.own(key) for key in declared.settings if key not in (*ROLES, *NOT_KEPT)}
    values |= {role: chosen(request, role, kind) for role in ROLES if role in declared.settings}
    return class_of(request.task, values.get("model"), declared.extra["class"])(**values)


def chosen(request: Request, role: str, kind: str) -> Any:
    """What a role is given: a spec or codec with its options, or the default where nothing was said."""
    from ..data.codec import codec_kinds
    from ..registry import REGISTRIES

    declared = settings.tasks()[request.task]
    name = _single(request.words, role) or declared.settings[role].default
    name = None if name == NONE else name
    if name is None and role == "model" and "start" in request.words and not request.has_options(role):
        from ..estimators.fitting.transfer import model_in

        begun = model_in(request.words["start"][0], request.task)
        if begun is not None:
            return REGISTRIES[role](begun) if isinstance(begun, str) else begun
    if name is None and role == "model":
        defaults = declared.extra["default_models"]
        name = next(iter(defaults.values())) if len(defaults) == 1 else defaults.get(kind, "mlp" if defaults else None)
    if name is None and role == "codec" and request.has_options(role):
        name = kind
    if name is None:
        if request.has_options(role):
            raise SettingError(
                f"an option of the {role} was given, and no {role}; name it, such as "
                f"--{role} {settings.builders(role)[0].name}"
            )
        return None
    options = request.options(role, name)
    return codec_kinds()[name](**options) if role == "codec" else REGISTRIES[role](name, **options)


def complete(request: Request, estimator: "Estimator") -> dict[str, Any]:
    """Everything that the run was told, as `config.toml` holds it; of specs what was fixed, since that has a meaning.

    (What the user fixes on an optimizer beats what a model's phase asks for, which beats the defaults.)
    """
    from ..registry import Spec

    found: dict[str, Any] = {"task": request.task}
    for name in ("data", "target", "drop", "test", "validation"):
        words = request.words.get(name)
        value = None if not words else words[0] if len(words) == 1 and name != "drop" else list(words)
        if value is not None or name == "test":
            found[name] = own_settings(request.task)["test"].default if value is None else value
    params = estimator.get_params(deep=False)
    found |= {k: v for k, v in params.items() if k not in NOT_KEPT and k not in ROLES}
    for role in (r for r in ROLES if r in params):
        given = params[role]
        if isinstance(given, str):
            given = estimator.spec(role, given)
        if isinstance(given, Spec):
            found[role] = {"name": given.name, **given.options}
        else:
            found[role] = None if given is None else {"name": given.kind, **given.options}
    return found


FROM_PYTHON = {  # whose data are no examples that could be read and split as rows
    "contact_predictor": "contacts are learned from Python so far: pn.ContactPredictor takes structures in fit",
}

# --- the command ----------------------------------------------------------------------------------


def train(task: str, given: dict[str, Any], argv: Sequence[str]) -> int:
    """Open, audit, split, fit, test, report; the run folder holds all of it. Returns the exit code."""
    from .console import Console

    request = Request.of(task, given)
    if task in FROM_PYTHON:
        raise SettingError(FROM_PYTHON[task])
    console = Console(json=bool(request.own("json")))
    if "data" not in request.words:
        words = f"train {task.replace('_', '-')}"
        raise SettingError(f"{words} needs data: parnassus {words} DATA, or `data` in a --config file")
    for name in settings.tasks()[task].settings:  # wrong values before the data are read
        if name not in ROLES:
            request.own(name)
    for role in ROLES:
        name = _single(request.words, role) or settings.tasks()[task].settings[role].default
        if name not in (None, NONE):
            request.options(role, name)
    _check_parts(request)

    from ..memory import keep_memory

    keep_memory()
    if request.own("out") is not None:
        claimed(request, Path(request.own("out")))
    command = "parnassus " + shlex.join(argv)
    if task in ELSEWHERE:
        return importlib.import_module(f".{ELSEWHERE[task]}", __package__).trained(request, console, command)
    return _trained(request, console, command)


def _check_parts(request: Request) -> None:
    """Refuse parts that are none; series have their own."""
    if request.task == "forecaster":
        return
    check_part(request.own("test"), "--test")
    if request.own("validation") is not None:
        check_part(request.own("validation"), "--validation")


def check_part(text: str, flag: str) -> float | str:
    """A fraction, or a path as it is."""
    part = number(text)
    if part is None:
        return text
    if not 0 <= part < 1 or (part == 0 and flag != "--test"):
        raise SettingError(f"{flag} is a fraction below 1, or a path; got {text}")
    return part


def claimed(request: Request, folder: Path) -> "Run":
    """The run's folder, which holds no other run."""
    from .runs import Run

    run = Run(folder)
    run.claim(overwrite=bool(request.own("overwrite")), resume=bool(request.own("resume")))
    return run


def _trained(request: Request, console: "Console", command: str) -> int:
    from ..estimators.unsupervised import Unsupervised
    from .inputs import CAPTIONS, kind_of, unanswered

    data, codec = request.words["data"][0], _single(request.words, "codec")
    texts = codec == "text"
    examples = examples_at(request, data, texts=texts)
    if examples.y is None and request.task == CAPTIONS:
        raise unanswered(data, examples, request.task)
    estimator = estimator_for(request, codec or kind_of(examples.X))
    if examples.y is None and not isinstance(estimator, Unsupervised) and request.task != language.TASK:
        raise unanswered(data, examples, request.task)
    if isinstance(getattr(estimator, "class_weight", None), dict):
        estimator.set_params(class_weight=by_label(estimator.get_params()["class_weight"], examples.y))
    from .work import work

    run = claimed(request, Path(request.own("out") or f"runs/{Path(data).stem or 'data'}-{estimator.model.name}"))
    train_part, test_part = divided(request, examples, texts=texts)
    validation = watched(request, texts=texts)
    estimator.set_params(
        out=os.fspath(run.folder),
        resume=bool(request.own("resume")),
        progress=request.own("progress") if request.own("progress") is not None or sys.stderr.isatty() else True,
    )
    return work(
        estimator,
        train_part,
        test_part,
        run,
        console,
        whole=examples,
        validation=validation,
        configuration=complete(request, estimator),
        data=Path(data).name,
        given_test=_given_path(request),
        command=command,
    )


def examples_at(request: Request, path: str, *, texts: bool, **given: Any) -> "Examples":
    """The examples at a path, as the flags of a request say."""
    from .detecting import parts_asked
    from .inputs import opened

    own = {name: request.own(name) for name in ("target", "drop", "memory")}
    own |= {name: _single(request.words, f"codec.{name}") for name in ("column", "speaker")}
    return opened(path, texts=texts, task=request.task, parts=parts_asked(request), **own | given)


def by_label(weights: dict[str, Any], y: Any) -> dict[Any, Any]:
    """Weights by the labels themselves: on a command line and in a file, labels are text."""
    import numpy as np

    labels = {str(label): label for label in np.unique(np.asarray(y)).tolist()}
    return {labels.get(name, name): weight for name, weight in weights.items()}


def _given_path(request: Request) -> str | None:
    part = check_part(request.own("test"), "--test")
    return part if isinstance(part, str) else None


def divided(request: Request, examples: "Examples", *, texts: bool) -> tuple["Examples", "Examples | None"]:
    """The rows to learn from, and those to test on; nothing was learned from any yet."""
    from ..data.targets import Labels, target_for
    from ..estimators.fitting.intake import hold_out

    part = check_part(request.own("test"), "--test")
    other = None
    if isinstance(part, str):
        other = examples_at(request, part, texts=texts, target=examples.target)
    if request.task == "segmenter":
        from .segmenting import divided_pictures

        return divided_pictures(examples, other, part, seed=request.own("seed"))
    if isinstance(part, str) or part == 0:
        return examples, other
    if request.task == language.TASK:
        language.refuse_lone(examples, request.words["data"][0])
    if examples.y is None or request.task not in ("classifier", "regressor"):
        return hold_out(examples, part, seed=request.own("seed"), labels=None)
    goal = target_for(examples.y, request.task).fit(examples.y)  # refuses bad answers by their rows in the file
    labels = goal.indices(examples.y) if isinstance(goal, Labels) else None
    return hold_out(examples, part, seed=request.own("seed"), labels=labels)


def watched(request: Request, *, texts: bool) -> Any:
    """What `fit` takes as validation."""
    if request.own("validation") is None:
        return None
    part = check_part(request.own("validation"), "--validation")
    if not isinstance(part, str):
        return part
    held = examples_at(request, part, texts=texts)
    return held.X if request.task == language.TASK else (held.X, held.y)
