"""Pictures of two kinds on the command line: `train image-translator`, and the pictures that it makes of others."""

import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, FileError, SettingError
from .console import Console, finite, note, program
from .training import Request, check_part, claimed, complete, estimator_for

if TYPE_CHECKING:
    from ..estimators.image_translator import ImageTranslator
    from .runs import Run

TASK = "image_translator"
KINDS = (("A", "B"), ("trainA", "trainB"))  # the names of a folder's two folders
KEPT = ("testA", "testB")  # those of pictures that were set apart already
FEWEST = 2  # pictures of a kind, to learn from or to judge by
Sides = tuple[list[str], list[str]]


def prepared(request: Request) -> tuple[Any, Sides, Sides | None]:
    """The translator, and the pictures of both kinds to learn from and to test on."""
    for name in ("target", "drop"):
        if request.own(name):
            raise SettingError(f"--{name} names columns, and pictures have none; leave it out")
    estimator: Any = estimator_for(request, "image")
    part = check_part(request.own("test"), "--test")
    paired = estimator._paired()
    return estimator, *divided(request.words["data"][0], part, paired=paired, seed=request.own("seed"))


def trained(request: Request, console: Console, command: str) -> int:
    """Read both kinds, hold some out, fit, test, draw; the run folder holds all of it. Returns the exit code."""
    estimator, train, test = prepared(request)
    name = estimator.spec("model", estimator.model or "cyclegan").name
    data = request.words["data"][0]
    run = claimed(request, Path(request.own("out") or Path("runs") / f"{Path(data).name or 'data'}-{name}"))
    progress = request.own("progress") if request.own("progress") is not None or sys.stderr.isatty() else True
    estimator.set_params(out=os.fspath(run.folder), resume=bool(request.own("resume")), progress=progress)
    return learned(request, estimator, train, test, run, console, command)


def learned(
    request: Request, estimator: Any, train: Sides, test: Sides | None, run: "Run", console: Console, command: str
) -> int:
    """Fit on one part, test on the other, draw, report; the exit code."""
    from ..estimators.fitting.intake import Examples
    from .runs import write_evaluation
    from .work import INTERRUPTED, report, say_evaluation, say_start, write_configuration

    data = Path(request.words["data"][0]).name
    run.make(resume=estimator.resume)
    write_configuration(run, complete(request, estimator), command, resume=estimator.resume)
    shown = Examples(train[0], None), None if test is None else Examples(test[0], None)
    say_start(estimator, *shown, console, data)
    estimator.fit(*train, validation=watched(request, paired=estimator._paired()))
    estimator.save(run.model)
    evaluation, words = None, "nothing"
    if test is not None:
        evaluation, words = estimator.evaluate(*test), "test pictures that training has not seen"
        write_evaluation(run, evaluation, words)
        say_evaluation(evaluation, words, console)
        rows, seen = Examples(*test), Examples(train[0])
        report(estimator, run, evaluation, rows, seen, words=words, data=data, command=command)
    estimator.plot((train if test is None else test)[0]).savefig(run["translated.png"], dpi=150)
    use = _said(request, train, run, console, reported=evaluation is not None)
    told = {"out": str(run.folder), "model": estimator.spec("model", estimator.model or "cyclegan").name}
    told |= {"n_train": len(train[0]), "n_test": len(test[0]) if test else 0, "epochs": len(estimator.history_)}
    told |= {"seconds": estimator.seconds_, "interrupted": estimator.interrupted_, "evaluated_on": words}
    told |= {"evaluation": evaluation and finite(evaluation.to_dict()), "commands": use}
    console.result(told)
    return INTERRUPTED if estimator.interrupted_ else 0


def _said(request: Request, train: Sides, run: "Run", console: Console, *, reported: bool) -> dict[str, str]:
    """Print the commands that come next, and return them."""
    from .work import say_use

    folder, given = shlex.quote(str(run.folder)), shlex.quote(str(Path(train[0][0]).parent))
    use = {
        "predict": f"{program()} predict {folder} {given}",
        "evaluate": f"{program()} evaluate {folder} {shlex.quote(request.words['data'][0])}",
    }
    use = say_use(use, run, console, reported=reported)
    console.say(f"  pictures  {run['translated.png']}")
    return use


def as_many(sides: Sides, *, seed: int) -> Sides:
    """Both kinds with as many pictures as the smaller one has, drawn of the other, as a search divides them alike."""
    import numpy as np

    n = min(map(len, sides))
    generator = np.random.default_rng(seed)
    a, b = ([side[i] for i in np.sort(generator.permutation(len(side))[:n])] for side in sides)
    return a, b


# --- pictures of two kinds ------------------------------------------------------------------------


def sides_at(path: str, *, paired: bool, names: tuple[tuple[str, str], ...] = KINDS) -> Sides:
    """The pictures of both kinds that a folder holds; those that are pairs have the same names."""
    from ..data.images.picture_pairs import pictures_of

    folder = Path(path)
    found = next((pair for pair in names if all((folder / name).is_dir() for name in pair)), None)
    if found is None:
        raise DataError(f"{path} holds no folders of two kinds of pictures; give one with the folders A and B")
    a, b = (pictures_of(folder / name, f"{path}/{name}") for name in found)
    if paired:
        first, second = ([Path(file).stem for file in side] for side in (a, b))
        alone = sorted(((Counter(first) - Counter(second)) + (Counter(second) - Counter(first))).keys())
        if alone:
            raise DataError(
                f"{path}: {len(alone)} pictures are in one of {found[0]} and {found[1]} alone, such as {alone[0]!r}; "
                "pairs have the same names, or choose --model cyclegan, which needs no pairs"
            )
        b = [b[second.index(stem)] for stem in first]
    return a, b


def divided(path: str, part: float | str, *, paired: bool, seed: int) -> tuple[Sides, Sides | None]:
    """Pictures to learn from and to test on, each enough."""
    train, test = _parts(path, part, paired=paired, seed=seed)
    refuse_few(path, train, test)
    return train, test


def _parts(path: str, part: float | str, *, paired: bool, seed: int) -> tuple[Sides, Sides | None]:
    """Pictures to learn from and to test on: those of testA and testB where there are such, else a fraction."""
    import numpy as np

    from ..data.split import random_split

    sides = sides_at(path, paired=paired)
    if isinstance(part, str):
        return sides, sides_at(part, paired=paired, names=(*KINDS, KEPT))
    if part == 0:
        return sides, None
    if all((Path(path) / name).is_dir() for name in KEPT):
        return sides, sides_at(path, paired=paired, names=(KEPT,))
    splits = [random_split(len(side), part, seed=seed) for side in sides]
    train, test = (
        tuple([side[i] for i in np.sort(split[at])] for side, split in zip(sides, splits, strict=True)) for at in (0, 1)
    )
    return (train[0], train[1]), (test[0], test[1])


def refuse_few(path: str, train: Sides, test: Sides | None) -> None:
    """Refuses parts of which nothing could be learned, or judged once the training has ended."""
    for purpose, sides in (("to learn from", train), ("for the test", test)):
        few = FEWEST if sides is None else min(map(len, sides))
        if few < FEWEST:
            raise DataError(
                f"{path}: {few} of a kind's pictures {purpose}, and {FEWEST} or more are due; add pictures, or keep "
                "none for the test by --test 0"
            )


def watched(request: Request, *, paired: bool) -> Any:
    """What `fit` takes as validation."""
    if request.own("validation") is None:
        return None
    part = check_part(request.own("validation"), "--validation")
    return sides_at(part, paired=paired, names=(*KINDS, KEPT)) if isinstance(part, str) else part


# --- use ------------------------------------------------------------------------------------------


def evaluate(estimator: "ImageTranslator", model: str, data: str, *, report: Path | None, json: bool) -> int:
    """How good pictures of a folder's two kinds are made into one another. The exit code."""
    sides, console = sides_at(data, paired=estimator._paired(), names=(*KINDS, KEPT)), Console(json=json)
    if report is None:
        evaluation = estimator.evaluate(*sides)
    else:
        command = shlex.join(["parnassus", "report", model, data, "-o", str(report)])
        evaluation = estimator.report(report, *sides, data=Path(data).name, command=command)
    console.say(f"{model} on {Path(data).name}: {evaluation.n_rows:,} pictures; the baseline is {evaluation.baseline}")
    console.say(evaluation.table())
    if report is not None:
        console.say(f"report: {report}")
    console.result(evaluation.to_dict() | ({"report": str(report)} if report is not None else {}))
    return 0


def translate(
    estimator: "ImageTranslator", model: str, data: list[str], *, to: str, out: Path | None, json: bool
) -> int:
    """Pictures made into the other kind, one PNG for each in a folder, which is `translated` beside the model."""
    from PIL import Image

    from ..data.images.picture_pairs import pictures_of

    given = [one for path in data for one in (pictures_of(path, path) if Path(path).is_dir() else [path])]
    if not given:
        raise SettingError("predict takes pictures, or a folder of pictures")
    folder = out or (Path(model) if Path(model).is_dir() else Path(model).parent) / "translated"
    files = [folder / f"{Path(one).stem}.png" for one in given]
    twice = [file.name for file, n in Counter(files).items() if n > 1]
    if twice:
        raise SettingError(f"several pictures would become {twice[0]}; give one folder at a time")
    there = [file for file in files if file.exists()]
    if there:
        raise FileError(f"{there[0]} exists, and is not overwritten; name another folder by --out")
    made = estimator.translate(given, to=to)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for picture, file in zip(made, files, strict=True):
            Image.fromarray(picture).save(file)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    note(f"wrote {len(files):,} pictures to {folder}")
    Console(json=json).result(
        [{"input": str(one), "picture": str(file)} for one, file in zip(given, files, strict=True)]
    )
    return 0
