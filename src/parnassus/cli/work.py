"""What every training of the command line does once data and settings are known."""

import copy
import os
import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, DataWarning
from ..files import write_text
from ..train.environment import is_first
from .console import Console, note, program, spoken
from .inputs import write_rows
from .runs import Run, write_evaluation
from .stepping import TASKS as STEPPED
from .training import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..estimators.base import Estimator
    from ..estimators.fitting.intake import Examples
    from ..evaluation.result import Evaluation

INTERRUPTED = 130
AUDITED = 50_000  # rows that are looked through


def work(
    estimator: "Estimator",
    train: "Examples",
    test: "Examples | None",
    run: Run,
    console: Console,
    *,
    whole: "Examples",
    configuration: dict[str, Any],
    data: str,
    command: str,
    validation: Any = None,
    given_test: str | None = None,
    examples_of_use: dict[str, str] | None = None,
    before_fit: "Callable[[], object] | None" = None,
) -> int:
    """Audit, fit, test, report, and say how to go on; the exit code is 130 where the training was interrupted."""
    findings = audited(whole, estimator.task)
    if estimator.task not in ELSEWHERE:  # whose rows are steps, which may be alike
        straddling_rows(train, test)
    refuse_test(estimator, train, test, whole)
    run.make(resume=estimator.resume)
    write_configuration(run, configuration, command, resume=estimator.resume)
    say_start(estimator, train, test, console, data)
    fit: Any = estimator
    if before_fit is not None:
        before_fit()
    try:
        fit.fit(train.X, train.y, validation=validation)
    except DataError:
        refuse_whole(estimator, whole)  # its row numbers are those of the file, not of the part that trains
        raise
    if not is_first():  # of processes that trained together one evaluates and writes
        return INTERRUPTED if estimator.interrupted_ else 0
    estimator.target_name_ = whole.target
    estimator.save(run.model)
    evaluation, words, rows = tested(estimator, test)
    result = {
        "out": str(run.folder),
        "model": getattr(estimator.model, "name", estimator.model_name),
        "n_train": len(train),
        "n_test": len(test) if test is not None else 0,
        "epochs": len(estimator.history_),
        "seconds": estimator.seconds_,
        "interrupted": estimator.interrupted_,
        "findings": findings,
        "evaluated_on": words,
        "evaluation": evaluation.to_dict() if evaluation else None,
    }
    if evaluation is not None and rows is not None:
        report(estimator, run, evaluation, rows, train, words=words, data=data, command=command)
        write_evaluation(run, evaluation, words)
        say_evaluation(evaluation, words, console)
    use = examples_of_use or usage(estimator, run, given_test or kept_rows(test, run), whole)
    result["commands"] = say_use(use, run, console, reported=evaluation is not None)
    console.result(result)
    return INTERRUPTED if estimator.interrupted_ else 0


def audited(whole: "Examples", task: str) -> list[dict[str, str]]:
    """What looks wrong in the data, one line each; the task says whether answers are quantities, texts or classes."""
    import numpy as np

    from ..data.audit import WRITTEN, audit

    part = whole if len(whole) <= AUDITED or not hasattr(whole.X, "__getitem__") else whole.take(np.arange(AUDITED))
    y = None if task in STEPPED else part.y  # a word may well say its tag
    found = audit(part.X, y, quantities=task == "regressor", texts=task in WRITTEN)
    for finding in found:
        if finding.severity == "warning":
            warnings.warn(finding.words, DataWarning, stacklevel=2)  # as `fit` will, which then does not say it again
        else:
            note(spoken(str(finding)))
    return [vars(finding) for finding in found]


def refuse_test(estimator: "Estimator", train: "Examples", test: "Examples | None", whole: "Examples") -> None:
    """Refuse a frame's test rows that could not be answered, before anything is learned from the others."""
    from ..data.codec import codec_for, form_of

    if test is None or estimator.task in STEPPED or form_of(train.X) != "table" or not hasattr(train.X, "columns"):
        return
    codec = codec_for(train.X) if estimator.codec is None else copy.deepcopy(estimator.codec)
    if codec.kind != "table":
        return
    try:
        codec.fit(train.X)
    except DataError:
        return  # which `fit` tells
    try:
        codec.encode(test.X)
    except DataError:
        refuse_whole(estimator, whole)
        raise


def refuse_whole(estimator: "Estimator", whole: "Examples") -> None:
    """Raise what is wrong with the whole data's inputs, where something is."""
    from ..data.codec import codec_for

    codec = codec_for(whole.X) if estimator.codec is None else copy.deepcopy(estimator.codec)
    codec.fit(whole.X).encode(whole.X)


def straddling_rows(train: "Examples", test: "Examples | None") -> None:
    """Warn of test rows that training sees."""
    from ..data.duplicates import straddling

    n = straddling(train.X, test.X) if test is not None else 0
    if n:
        assert test is not None
        warnings.warn(
            f"{n} of {len(test)} test rows are also in the training rows, so that the test is too kind; "
            "take duplicates out of the data, or keep what belongs together in one part",
            DataWarning,
            stacklevel=2,
        )


def write_configuration(run: Run, configuration: dict[str, Any], command: str, *, resume: bool) -> None:
    """`config.toml`: everything, and how to run it again; a run that goes on keeps what it began with."""
    if resume and run["config.toml"].exists():
        return
    if not is_first():
        return
    from ..estimators.fitting.identity import versions
    from ..registry import REGISTRIES
    from .configuration import toml

    made = ", ".join(f"{name} {version}" for name, version in versions().items())
    again = ""
    if "data" in configuration:
        task = str(configuration["task"]).replace("_", "-")
        again = (
            f"\nAgain: parnassus train {task} --config {shlex.quote(str(run['config.toml']))}"
            f" --out {shlex.quote(str(run.folder) + '-again')}"
        )
    defaults = {}
    for role, registry in REGISTRIES.items():
        if isinstance(configuration.get(role), dict):
            served = configuration["task"] if role == "model" else None
            defaults[role] = registry(configuration[role]["name"]).defaults(served)
    text = toml(configuration, f"From: {command}{again}\nMade with {made}", defaults=defaults)
    write_text(run["config.toml"], text)


def say_start(estimator: "Estimator", train: "Examples", test: "Examples | None", console: Console, data: str) -> None:
    """What is about to happen."""
    kept = f"{len(test):,} kept for the test" if test is not None else "none kept for a test"
    name = getattr(estimator.model, "name", estimator.model) or estimator.task
    console.say(f"training {name} on {data}: {len(train):,} rows, {kept}")


def tested(estimator: "Estimator", test: "Examples | None") -> tuple["Evaluation | None", str, "Examples | None"]:
    """Numbers on rows that training has not seen, where there are any, what these rows are, and the rows."""
    if test is not None:
        what = "sequences" if estimator.task in STEPPED else "rows"
        return estimator.evaluate(test.X, test.y), f"test {what} that training has not seen", test
    held = estimator.held_
    if held is not None:
        return estimator.evaluate(held.X, held.y), "validation rows held out of training", held
    return None, "nothing", None


def report(
    estimator: "Estimator",
    run: Run,
    evaluation: "Evaluation",
    rows: "Examples",
    train: "Examples",
    *,
    words: str,
    data: str,
    command: str,
) -> None:
    """The page of the run."""
    from ..estimators.judging.reporting import write_report

    write_report(
        estimator,
        run["report.html"],
        rows,
        evaluation,
        evaluated_on=words,
        data=data,
        title=None,
        command=command,
        train=train,
    )


def say_evaluation(evaluation: "Evaluation", words: str, console: Console) -> None:
    """The numbers beside the trivial baseline's."""
    console.say()
    console.say(f"on {evaluation.n_rows:,} {words}; the baseline is {evaluation.baseline}")
    console.say(evaluation.table())


def kept_rows(test: "Examples | None", run: Run) -> Path | None:
    """A file of the test's rows, so that `evaluate` can be run on them again."""
    return write_rows(test, run.folder) if test is not None else None


def usage(estimator: "Estimator", run: Run, held: "str | Path | None", whole: "Examples") -> dict[str, str]:
    """Commands that go on from here; they work as they stand where the test rows are in a file."""
    folder = shlex.quote(str(run.folder))
    rows = shlex.quote(str(held)) if held is not None else "DATA"
    if estimator.codec_.kind in ("text", "source_texts", "token_stream"):
        given = '--text "..."'
    elif estimator.codec_.kind in ("image", "speech") and isinstance(whole.X, list):
        first = whole.X[0] if isinstance(whole.X[0], str | os.PathLike) else Path(held or "PICTURES").with_suffix("")
        given = shlex.quote(str(first))  # what was cut out of its files lies in a folder beside its table
    else:
        given = rows
    if estimator.task == "generator":
        asked = ' --condition "..."' if estimator.target_ is not None else ""
        return {"sample": f"{program()} sample {folder}{asked}", "evaluate": f"{program()} evaluate {folder} {rows}"}
    return {"predict": f"{program()} predict {folder} {given}", "evaluate": f"{program()} evaluate {folder} {rows}"}


def say_use(use: dict[str, str], run: Run, console: Console, *, reported: bool) -> dict[str, str]:
    """Print the commands, and return them."""
    console.say()
    console.say(f"saved to {run.folder}/")
    for name, command in use.items():
        console.say(f"  {name:9} {command}")
    if reported:
        python = "python" if os.name == "nt" else "python3"
        use = use | {"report": f"{python} -m webbrowser {shlex.quote(str(run['report.html']))}"}
        console.say(f"  report    {use['report']}")
    return use
