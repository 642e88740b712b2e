"""`parnassus train hmm` and `train tagger`: tables with a row a step; tested on whole sequences."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SettingError
from .console import Console, finite
from .training import Request, check_part, claimed, complete, divided, estimator_for, examples_at

if TYPE_CHECKING:
    from ..estimators.fitting.intake import Examples
    from .runs import Run

    Parts = tuple[Examples, Examples | None]

TASKS = ("hmm", "tagger")


def trained(request: Request, console: Console, command: str) -> int:
    """Read, hold out sequences, fit, test, report; the run folder holds all of it. Returns the exit code."""
    estimator, examples, parts = prepared(request)
    named, data = getattr(estimator.model, "name", estimator.model), request.words["data"][0]
    run = claimed(request, Path(request.own("out") or Path("runs") / f"{Path(data).stem or 'data'}-{named}"))
    estimator.set_params(
        out=os.fspath(run.folder),
        resume=bool(request.own("resume")),
        progress=request.own("progress") if request.own("progress") is not None or sys.stderr.isatty() else True,
    )
    watched = _watched(request, estimator)
    return learned(request, estimator, examples, parts, run, console, command, validation=watched)


def prepared(request: Request) -> "tuple[Any, Examples, Parts]":
    """The estimator, its model named, the steps of the file, and those of them to learn from and to test on."""
    estimator: Any = estimator_for(request, "sequences")
    examples = _read(request, estimator, request.words["data"][0])
    if estimator.model is None:  # an HMM's, which the run is to be called by
        estimator.set_params(model="categorical" if _holds_symbols(estimator, examples.X) else "gaussian")
    return estimator, examples, _parts(request, estimator, examples)


def learned(
    request: Request,
    estimator: Any,
    examples: "Examples",
    parts: "Parts",
    run: "Run",
    console: Console,
    command: str,
    *,
    validation: Any = None,
) -> int:
    """Fit on one part, test on the other, report; the exit code."""
    from .work import work

    given = check_part(request.own("test"), "--test")
    return work(
        estimator,
        *parts,
        run,
        console,
        whole=examples,
        validation=validation,
        configuration=complete(request, estimator),
        data=Path(request.words["data"][0]).name,
        given_test=given if isinstance(given, str) else None,
        command=command,
    )


def _read(request: Request, estimator: Any, path: str) -> "Examples":
    """The rows of a file, which are steps; refused by their numbers in the file before any is taken away."""
    from .inputs import unanswered

    examples = examples_at(request, path, texts=False)
    if examples.y is None and request.task == "tagger":
        raise unanswered(path, examples, request.task)
    if hasattr(examples.X, "read"):
        raise DataError(f"{path} does not fit the memory that data may take; raise --memory, or cut it into files")
    if hasattr(examples.X, "columns"):
        _table(estimator, examples.X)
    elif estimator.sequence is not None or estimator.time is not None:
        raise SettingError(f"--sequence and --time name columns, and {path} is no table; leave them out")
    return examples


def _table(estimator: Any, frame: Any) -> Any:
    import warnings

    from ..data.timeseries.step_tables import read_steps
    from ..errors import DataWarning

    coded = getattr(estimator.codec, "options", {}).get("n_symbols") is not None
    symbols = coded or getattr(estimator.model, "name", None) == "categorical"
    with warnings.catch_warnings():  # of disorder and clocks, of which `fit` warns
        warnings.simplefilter("ignore", DataWarning)
        return read_steps(frame, sequence=estimator.sequence, time=estimator.time, symbols=symbols)


def _holds_symbols(estimator: Any, X: Any) -> bool:
    if hasattr(X, "columns"):
        return bool(_table(estimator, X).X[0].ndim == 1)
    return bool(X.ndim == 2 and X.dtype.kind in "iu")


def _parts(request: Request, estimator: Any, examples: "Examples") -> "Parts":
    """The steps to learn from, and those to test on: whole sequences, or the end of a single one."""
    import numpy as np

    from ..data.split import part_size, random_split

    part = check_part(request.own("test"), "--test")
    if isinstance(part, str):
        return examples, _read(request, estimator, part)
    if part == 0 or not hasattr(examples.X, "columns"):
        return divided(request, examples, texts=False)
    places = _table(estimator, examples.X).places
    if len(places) == 1:
        n_test = part_size(len(examples), part)
        kept, held = np.split(places[0], [len(examples) - n_test])
    else:
        chosen = random_split(len(places), part, seed=request.own("seed"))
        kept, held = (np.sort(np.concatenate([places[i] for i in index.tolist()])) for index in chosen)
    return examples.take(kept), examples.take(held)


def _watched(request: Request, estimator: Any) -> Any:
    """What `fit` takes as validation."""
    part = request.own("validation")
    share = None if part is None else check_part(part, "--validation")
    if not isinstance(share, str):
        return share
    held = _read(request, estimator, share)
    return held.X if request.task == "hmm" else (held.X, held.y)


def said(estimator: Any, X: Any, *, proba: bool) -> list[dict[str, Any]]:
    """One record a step: which it is, its state or tag, and how probable each is where that is asked for."""
    import numpy as np

    likely = getattr(estimator, "posterior", None) or estimator.predict_proba
    if hasattr(X, "columns"):
        names = [name for name in (estimator.sequence, estimator.time) if name is not None]
        told = {name: X[name].astype(str).tolist() for name in names}
        records = [{"row": i, **{name: held[i] for name, held in told.items()}} for i in range(len(X))]
        states, ask = estimator.predict(X), lambda: likely(X)
    else:
        rows = list(X) if X.ndim == 3 else [X]
        records = [{"sequence": i, "step": t} for i, row in enumerate(rows) for t in range(len(row))]
        states, ask = np.concatenate(estimator.predict(rows)), lambda: np.concatenate(likely(rows))
    found = [{**record, "prediction": k} for record, k in zip(records, states.tolist(), strict=True)]
    for record, row in zip(found, ask() if proba else (), strict=proba):
        names = getattr(estimator, "tags_", list(range(len(row))))
        record |= {f"probability {name}": finite(float(p)) for name, p in zip(names, row, strict=True)}
    return found
