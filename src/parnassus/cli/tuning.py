"""`parnassus tune`: the flags of `train`, a search over some of them, and the run that its best settings make."""

import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from ..errors import DataError, SettingError, did_you_mean
from . import settings
from .language import TASK as LANGUAGE
from .settings import ROLES
from .training import ELSEWHERE, FROM_PYTHON, Request, complete, divided, estimator_for, examples_at, named_in
from .values import number, value_of, whole

if TYPE_CHECKING:
    from .console import Console
    from .runs import Run

OWN_FLAGS: dict[str, tuple[Any, Any, str]] = {
    "space": (
        tuple[str, ...],
        (),
        "a setting and its values: lr=1e-4..1e-1:log, model.hidden=64/128/64,64, batch_size=auto; again for more",
    ),
    "trials": (int | None, None, "how many settings to try; 30 without a budget"),
    "budget": (float | None, None, "seconds after which no trial begins"),
    "metric": (tuple[str, ...], (), "what is made better, latency and size among it; again for a second"),
    "folds": (str | None, None, "a share to judge trials on (0.25), or a count of folds; origins of a forecaster (3)"),
    "outer": (int | None, None, "outer folds, which judge the search on rows that it never sees"),
    "sampler": (str, "tpe", "tpe, random, nsga2, cmaes or process"),
    "pruner": (str, "median", "median, halving, hyperband or none"),
    "storage": (str | None, None, "where trials are kept, such as sqlite:///trials.db; without it, in the run"),
    "workers": (int, 1, "processes that share the trials"),
    "resume": (bool, False, "go on with the trials that the storage holds"),
    "overwrite": (bool, False, "replace the run that the folder holds"),
}
LEFT_OUT = ("validation", *OWN_FLAGS)  # of the flags of `train`


def tuning(words: Sequence[str]) -> App:
    """`tune` with a command for each task."""
    from .commands import HELP_FLAGS, command_of, parameters, unnamed

    app = App(
        name="tune",
        help="Search for settings by trial, then train the best: everything lands in one folder.",
        help_format="plaintext",
        help_flags=HELP_FLAGS,
    )
    for task, declared in settings.tasks().items() if "tune" in words[:1] else ():
        asked = task in [w.replace("-", "_") for w in words[1:2]]
        chosen = named_in(words, task) if asked else dict.fromkeys(ROLES)
        given = [p for p in parameters(task, chosen) if p.name not in LEFT_OUT]
        command = command_of([*given, *own_parameters()], partial(tune, task, argv=words))
        command.__doc__ = f"Tune {settings.with_article(task)}: {declared.summary}\n\n{unnamed(task, chosen)}"
        app.command(command, name=task.replace("_", "-"))
    return app


def own_parameters() -> list[inspect.Parameter]:
    """The flags of the search."""
    group, found = Group("Search", sort_key=0), []
    for name, (kind, default, words) in OWN_FLAGS.items():
        annotation: Any = Annotated[
            kind, Parameter(name=f"--{name}", group=group, help=words, negative=(), negative_iterable=())
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        found.append(inspect.Parameter(name, keyword, default=default, annotation=annotation))
    return found


@dataclass
class Job:
    """What is searched and what its best settings are then trained on: the estimator, the rows, and how a run is made.

    `given` are X with y or target, as `pn.tune` takes them; `learn` trains, tests and reports, and gives the exit code.
    """

    estimator: Any
    given: dict[str, Any]
    n_rows: tuple[int, int]  # to train on, and kept for the test
    learn: Callable[["Run", "Console", str], int]
    refuse: Callable[[], Any]  # names bad cells by their rows in the file


def tune(task: str, given: dict[str, Any], argv: Sequence[str]) -> int:
    """Search on the training rows, then train the best on them and test it on the others. The exit code."""
    from ..memory import keep_memory
    from .console import Console
    from .runs import Run

    own = {k: given.pop(k, default) for k, (_, default, _) in OWN_FLAGS.items()}
    request = Request.of(task, given)
    if task == "embedder":
        raise SettingError("word vectors have no right answers to search settings by; parnassus train embedder")
    if task in FROM_PYTHON:
        raise SettingError(f"{settings.with_article(task)} is tuned from Python so far: give it to pn.tune")
    if "data" not in request.words:
        words = f"tune {task.replace('_', '-')}"
        raise SettingError(f"{words} needs data: parnassus {words} DATA, or `data` in a --config file")
    console = Console(json=bool(request.own("json")))
    keep_memory()
    readers = {"forecasting": series_of, "stepping": steps_of, "translating": kinds_of}
    made = readers.get(ELSEWHERE.get(task, ""), rows_of)
    job = made(request)
    named = getattr(job.estimator.model, "name", job.estimator.model)
    space = space_in(own["space"], request, named) if own["space"] else None
    data = request.words["data"][0]
    run = Run(Path(request.own("out") or Path("runs") / f"{Path(data).stem or 'data'}-tuned"))
    run.claim(overwrite=own["overwrite"], resume=own["resume"])
    if own["overwrite"]:
        run["trials.log"].unlink(missing_ok=True)
    console.say(f"tuning on {Path(data).name}: {job.n_rows[0]:,} rows, {job.n_rows[1]:,} kept for the test")
    found = searched(own, job, run, space, request.own("seed"))
    console.say(found.table())
    if found.interrupted and not found.complete:
        return 130
    job.estimator.set_params(**found.best_params_, out=os.fspath(run.folder), progress=request.own("progress"))
    if request.own("progress") is None:
        job.estimator.set_params(progress=True if not sys.stderr.isatty() else None)
    code = job.learn(run, console, "parnassus " + shlex.join(argv))
    found.plot().savefig(run["tuning.png"], dpi=150)
    console.say(f"  trials    {run['tuning.html']}")
    return code


def searched(own: dict[str, Any], job: Job, run: "Run", space: Any, seed: Any) -> Any:
    """The search on the training rows; bad cells are named by their rows in the file."""
    from ..tuning import tune as search

    shared = {k: own[k] for k in ("trials", "budget", "outer", "sampler", "pruner", "storage", "resume")}
    shared |= {"metric": own["metric"] or None, "folds": folds_of(own["folds"]), "n_workers": own["workers"]}
    out = os.fspath(run.folder)
    try:
        return search(job.estimator, **job.given, space=space, out=out, refit=False, seed=seed, **shared)
    except DataError:
        job.refuse()
        raise


def rows_of(request: Request) -> Job:
    """Rows with their answers, some of them kept for the test."""
    from ..estimators.unsupervised import Unsupervised
    from .inputs import kind_of
    from .training import check_part
    from .work import refuse_whole, work

    codec = request.words.get("codec", [""])[0]
    data = request.words["data"][0]
    examples = examples_at(request, data, texts=codec == "text")
    estimator = estimator_for(request, codec or kind_of(examples.X))
    if examples.y is None and not isinstance(estimator, Unsupervised) and request.task != LANGUAGE:
        raise DataError(f"{data} holds no answers; name their column by --target")
    train, test = divided(request, examples, texts=codec == "text")

    def learn(run: "Run", console: "Console", command: str) -> int:
        part = check_part(request.own("test"), "--test")
        return work(
            estimator,
            train,
            test,
            run,
            console,
            whole=examples,
            configuration=complete(request, estimator),
            data=Path(data).name,
            given_test=part if isinstance(part, str) else None,
            command=command,
        )

    sizes = len(train), len(test) if test else 0
    return Job(estimator, {"X": train.X, "y": train.y}, sizes, learn, lambda: refuse_whole(estimator, examples))


def series_of(request: Request) -> Job:
    """Series, whose last steps are kept for the test."""
    from . import forecasting

    estimator = forecasting.made(request)
    if estimator.model is None:  # named, so that what is found of its options can be set
        estimator.set_params(model=estimator.default_models["series"])
    frame = forecasting.frame_at(request.words["data"][0], drop=request.own("drop"), memory=request.own("memory"))
    parts = forecasting.divided(request, estimator, frame)

    def learn(run: "Run", console: "Console", command: str) -> int:
        return forecasting.learned(request, estimator, parts, run, console, command)

    sizes = len(parts[0]), 0 if parts[1] is None else len(parts[1])
    return Job(estimator, {"X": parts[0], "target": request.own("target")}, sizes, learn, lambda: None)


def steps_of(request: Request) -> Job:
    """Sequences whose steps are the rows of a table, whole ones kept for the test."""
    from . import stepping
    from .work import refuse_whole

    estimator, examples, parts = stepping.prepared(request)
    train, test = parts

    def learn(run: "Run", console: "Console", command: str) -> int:
        return stepping.learned(request, estimator, examples, parts, run, console, command)

    sizes = len(train), len(test) if test else 0
    return Job(estimator, {"X": train.X, "y": train.y}, sizes, learn, lambda: refuse_whole(estimator, examples))


def kinds_of(request: Request) -> Job:
    """Pictures of two kinds, some of both kept for the test; the search takes as many of one as of the other."""
    from . import translating

    estimator, train, test = translating.prepared(request)
    if estimator.model is None:
        estimator.set_params(model=estimator.default_models["image"])

    def learn(run: "Run", console: "Console", command: str) -> int:
        return translating.learned(request, estimator, train, test, run, console, command)

    a, b = translating.as_many(train, seed=request.own("seed"))
    return Job(estimator, {"X": a, "y": b}, (len(a), len(test[0]) if test else 0), learn, lambda: None)


def folds_of(text: str | None) -> int | float | None:
    """A count of folds, or a share; None where the search has its own way."""
    if text is None:
        return None
    value = number(text)
    if value is None:
        raise SettingError(f"--folds is a share such as 0.25, or a count such as 5; got {text!r}")
    return int(value) if value >= 1 and value == int(value) else value


# --- the space as words ---------------------------------------------------------------------------


def space_in(given: Sequence[str], request: Request, model: str | None = None) -> dict[str, Any]:
    """The space that --space flags spell, as `pn.tune` takes it."""
    found: dict[str, Any] = {}
    for text in given:
        key, equals, words = text.partition("=")
        if not equals or not key or not words:
            raise SettingError(
                f"--space is NAME=VALUES, such as lr=1e-4..1e-1:log or model.hidden=64/128; got {text!r}"
            )
        key = key.strip().replace("-", "_").replace("__", ".")
        found[key.replace(".", "__")] = dimension(key, words.strip(), request, model)
    return found


def dimension(key: str, words: str, request: Request, model: str | None = None) -> Any:
    """One line of a space: auto, LOW..HIGH with :log or :STEP, or choices between slashes."""
    if words == "auto":
        return words
    span = re.fullmatch(r"(.+?)\.\.(.+?)(?::(.+))?", words)
    if span:
        ends = [whole(end) if whole(end) is not None else number(end) for end in span.groups()[:2]]
        if None in ends:
            raise SettingError(f"--space {key} runs from a number to a number; got {words!r}")
        if span[3] is None or span[3] == "log":
            return (*ends, "log") if span[3] else tuple(ends)
        return (*ends, whole(span[3]) if whole(span[3]) is not None else number(span[3]))
    role, dot, option = key.partition(".")
    setting = _option(role, option, request, model) if dot else _setting(key, request)
    if key in ROLES:
        return words.split("/")
    return [value_of(part.split(","), setting, f"--space {key}") for part in words.split("/")]


def _setting(key: str, request: Request) -> Any:
    known = settings.tasks()[request.task].settings
    if key not in known:
        raise SettingError(f"--space: {request.task} has no setting {key!r}; {did_you_mean(key, known)}")
    return known[key]


def _option(role: str, option: str, request: Request, model: str | None) -> Any:
    """The option of what the role names; where the search draws that, of any it may be."""
    if role not in ROLES:
        raise SettingError(f"--space: {role!r} has no options; {did_you_mean(role, ROLES)}")
    named = model if role == "model" else None
    named = named or request.words.get(role, [None])[0] or settings.tasks()[request.task].settings[role].default
    known = settings.codecs() if role == "codec" else settings.builders(role)
    serving = [b for b in known if role != "model" or request.task in b.tasks]
    having = [b for b in serving if option in b.settings]
    if not having:
        options = {k for b in serving if b.name == named or named is None for k in b.settings}
        raise SettingError(f"--space: no {role} has an option {option!r}; {did_you_mean(option, options)}")
    first = next((b for b in having if b.name == named), having[0])
    return first.settings[option]
