"""Word vectors on the command line: `train embedder`, the words nearest to a word, and the vectors of texts."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SettingError
from .console import Console, program
from .language import lines_of, texts_alone, texts_given
from .training import Request, check_part, claimed, complete, estimator_for, watched

if TYPE_CHECKING:
    from ..estimators.embedder import Embedder
    from .runs import Run

TASK = "embedder"
NEAREST = 10  # words that are told of one
SHOWN = 3  # of the most frequent words, whose neighbours are shown at the end
DRAWN = 60  # words on the map


def trained(request: Request, console: Console, command: str) -> int:
    """Learn from texts, write the vectors and their map; the run folder holds all of it. Returns the exit code."""
    if check_part(request.own("test"), "--test") != 0:
        raise SettingError("word vectors have no right answers to be tested by; leave --test out")
    data = request.words["data"][0]
    examples = texts_alone(data, request.own("target"), request.own("drop"))
    estimator: Any = estimator_for(request, "corpus")
    named = Path("runs") / f"{Path(data).stem or 'data'}-{estimator.model.name}"
    run = claimed(request, Path(request.own("out") or named))
    progress = request.own("progress") if request.own("progress") is not None or sys.stderr.isatty() else True
    estimator.set_params(out=os.fspath(run.folder), resume=bool(request.own("resume")), progress=progress)
    held = watched(request, texts=True)
    from .work import INTERRUPTED, say_start, write_configuration

    run.make(resume=estimator.resume)
    write_configuration(run, complete(request, estimator), command, resume=estimator.resume)
    say_start(estimator, examples, None, console, Path(data).name)
    estimator.fit(examples.X, validation=held)
    estimator.save(run.model)
    estimator.export(run["vectors.txt"])
    if len(estimator.words_) > 2 and estimator.vectors_.shape[1] > 1:
        estimator.map(n=DRAWN).plot().savefig(run["words.png"], dpi=150)
    use = _said(estimator, run, console)
    told = {"out": str(run.folder), "model": estimator.model.name, "n_train": len(examples.X)}
    told |= {"n_words": len(estimator.words_), "epochs": len(estimator.history_), "seconds": estimator.seconds_}
    console.result(told | {"interrupted": estimator.interrupted_, "commands": use})
    return INTERRUPTED if estimator.interrupted_ else 0


def _said(estimator: "Embedder", run: "Run", console: Console) -> dict[str, str]:
    """Print how many words there are, some with their neighbours, and the commands that come next; return these."""
    from .work import say_use

    words = estimator.words_
    console.say(f"{len(words):,} words, {len(estimator.vectors_[0])} numbers each")
    for word in words[:SHOWN] if len(words) > SHOWN else ():
        console.say(f"  {word}: {', '.join(other for other, _ in estimator.most_similar(word, n=SHOWN))}")
    folder = shlex.quote(str(run.folder))
    use = {"nearest": f"{program()} predict {folder} --text {shlex.quote(words[0])}"}
    use["vectors"] = f"{program()} predict {folder} texts.txt -o vectors.csv"
    use = say_use(use, run, console, reported=False)
    console.say(f"  words     {run['vectors.txt']}")
    return use


# --- use ------------------------------------------------------------------------------------------


def told(
    estimator: Any, configuration: dict[str, Any], data: list[str], words: list[str], *, proba: bool
) -> list[dict[str, Any]]:
    """Of words the words nearest to each, a record each; of a file's texts their vectors, a column a number."""
    from .using import is_table

    if proba:
        raise SettingError("words have no classes; leave --proba out")
    if bool(data) == bool(words) or len(data) > 1:
        raise SettingError("predict takes one file of texts, for their vectors, or --text WORD, for the words near it")
    if words:
        return _nearest(estimator, words)
    if is_table(data[0]):
        texts = texts_given(estimator, configuration, data[0])
        names: list[Any] = list(range(len(texts)))
    else:
        names = texts = lines_of(Path(data[0]))
    heading, rows = "row" if is_table(data[0]) else "text", estimator.transform(texts).tolist()
    return [
        {heading: name} | {f"number {i}": value for i, value in enumerate(row)}
        for name, row in zip(names, rows, strict=True)
    ]


def unjudged() -> SettingError:
    """What `evaluate` and `report` say of vectors that nothing is known to be right about."""
    return SettingError(
        "word vectors have no right answers to be judged by; parnassus predict RUN --text WORD tells the words near "
        "one, and Embedder.analogies judges them by questions in Python"
    )


def _nearest(estimator: "Embedder", words: list[str]) -> list[dict[str, Any]]:
    several = [word for word in words if len(word.split()) != 1]
    if several:
        raise DataError(
            f"--text asks for the words nearest to one word; got {several[0]!r}: give a file with one text a line for "
            "the vectors of texts"
        )
    return [
        {"text": word, "nearest": other, "similarity": cosine}
        for word in words
        for other, cosine in estimator.most_similar(word, n=NEAREST)
    ]
