"""`parnassus train forecaster`, and its forecasts: the last steps are the test, and nothing is drawn at random."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SettingError
from .console import Console, finite, program
from .runs import write_evaluation
from .training import Request, check_part, claimed, complete, estimator_for
from .values import NONE

if TYPE_CHECKING:
    from ..estimators.forecaster import Forecaster
    from ..evaluation.result import Evaluation
    from .runs import Run

HORIZON = "horizon"  # the value of --test that holds out as many steps as are forecast
JUDGED = "steps that training has not seen"


def trained(request: Request, console: Console, command: str) -> int:
    """Read, hold out the last steps, fit, test, report; the run folder holds all of it. Returns the exit code."""
    data = request.words["data"][0]
    estimator = made(request)
    frame = frame_at(data, drop=request.own("drop"), memory=request.own("memory"))
    parts = divided(request, estimator, frame)
    run = _folder(request, estimator, data)
    run.make(resume=bool(request.own("resume")))
    name, n_test = _model_of(estimator), 0 if parts[1] is None else len(parts[1])
    console.say(f"training {name} on {data}: {len(parts[0]):,} rows, {n_test:,} kept to test")
    estimator.set_params(
        out=os.fspath(run.folder),
        resume=bool(request.own("resume")),
        progress=request.own("progress") if request.own("progress") is not None or sys.stderr.isatty() else True,
    )
    return learned(request, estimator, parts, run, console, command)


def learned(
    request: Request,
    estimator: "Forecaster",
    parts: tuple[Any, Any, str | None],
    run: "Run",
    console: Console,
    command: str,
) -> int:
    """Fit on the first of `divided`'s parts, test on the second, report into the run. The exit code."""
    from .work import say_evaluation, say_use, write_configuration

    (train, test, given), data = parts, request.words["data"][0]
    write_configuration(run, complete(request, estimator), command, resume=bool(request.own("resume")))
    part = request.own("validation")
    estimator.fit(train, target=request.own("target"), validation=None if part is None else _share(part))
    estimator.save(run.model)
    if test is not None and given is None:
        given = os.fspath(run["test.csv"])
        test.to_csv(given, index=False)
    evaluation = _tested(estimator, run, test, data=data, command=command)
    if evaluation is not None:
        say_evaluation(evaluation, JUDGED, console)
    use = say_use(_usage(run, data, given), run, console, reported=evaluation is not None)
    console.result(_result(estimator, run, train, test, evaluation) | {"commands": use})
    return 130 if estimator.interrupted_ else 0


def made(request: Request) -> "Forecaster":
    """The forecaster that was asked for; without a model the default one, which checks itself on the last steps."""
    from ..estimators.forecaster import Forecaster

    estimator = estimator_for(request, "series")
    assert isinstance(estimator, Forecaster)
    if request.words.get("model", [NONE]) == [NONE] and not request.has_options("model"):
        estimator.set_params(model=None)
    return estimator


def _folder(request: Request, estimator: "Forecaster", data: str) -> "Run":
    named = Path("runs") / f"{Path(data).stem or 'data'}-{_model_of(estimator)}"
    return claimed(request, Path(request.own("out") or named))


def _model_of(estimator: "Forecaster") -> str:
    return str(getattr(estimator.model, "name", estimator.model or estimator.default_models["series"]))


def frame_at(path: str, *, drop: tuple[str, ...] = (), memory: int | None = None) -> Any:
    """The frame of a file, without the columns to leave out."""
    from ..data.sources import open_source
    from .inputs import without

    frame = open_source(path, memory=memory).X
    if not hasattr(frame, "iloc"):
        raise DataError(f"{path} is no table that fits the memory; a forecaster takes a CSV or Parquet of series")
    return without(frame, drop, path)


# --- what is held out -----------------------------------------------------------------------------


def divided(request: Request, estimator: "Forecaster", frame: Any) -> tuple[Any, Any, str | None]:
    """Rows to learn from, the rows of the steps after them (or None), and the path of these where they came in one."""
    part = request.own("test")
    if part != HORIZON:
        share = check_part(part, "--test")
        if isinstance(share, str):
            return frame, frame_at(share, drop=request.own("drop")), share
        if share == 0:
            return frame, None, None
    panel = estimator.panel_of(frame, target=request.own("target"))  # refuses bad series before any is cut
    n = int(estimator.horizon) if part == HORIZON else max(1, round(float(part) * panel.n_steps))
    frame = in_order(frame, panel.reading.time)  # so that nobody is told again what was out of order
    late = after(frame, n, time=panel.reading.time, series=panel.reading.series)
    return frame[~late], frame[late], None


def in_order(frame: Any, time: str | None) -> Any:
    """The rows of a frame by their times."""
    import numpy as np

    return frame if time is None else frame.iloc[np.argsort(times_of(frame, time), kind="stable")]


def times_of(frame: Any, time: str) -> Any:
    """The times of a frame's rows, numbers or datetime64."""
    from ..data.timeseries.grids import stamps_of
    from ..data.timeseries.series import as_pandas

    return stamps_of(as_pandas(frame, _reading(time))[time], f"the column {time!r}")[0]


def after(frame: Any, n: int, *, time: str | None, series: str | None) -> Any:
    """Which rows hold the last n times of their series, as an array of booleans."""
    import numpy as np

    from ..data.timeseries.series import where_of

    times = times_of(frame, time) if time is not None else np.arange(len(frame))
    groups = {"": np.arange(len(frame))} if series is None else frame.groupby(series).indices
    late = np.zeros(len(frame), dtype=bool)
    for name, rows in groups.items():
        known = np.unique(np.asarray(times[rows]))
        if len(known) <= n + 1:
            raise DataError(
                f"{where_of(str(name))} has {len(known)} steps, and {n} of them are to be kept for the test; give "
                "--test 0, a smaller share, or a longer series"
            )
        late[rows] = np.asarray(times[rows]) >= known[-n]
    return late


def _reading(time: str | None) -> Any:
    from ..data.timeseries.series import Reading

    return Reading(time=time)


def _share(text: str) -> float:
    part = check_part(text, "--validation")
    if isinstance(part, str):
        raise SettingError(f"--validation of a forecaster is the fraction of the steps at the end; got {text}")
    return part


# --- what a run says of itself --------------------------------------------------------------------


def _tested(estimator: "Forecaster", run: "Run", test: Any, *, data: str, command: str) -> "Evaluation | None":
    """Errors on the steps that were kept, with the page and the file of them."""
    if test is None:
        return None
    known = test if estimator.panel_.reading.known and _covers(estimator, test) else None
    found = estimator.report(run["report.html"], test, data=Path(data).name, command=command, known=known)
    write_evaluation(run, found, JUDGED)
    return found


def _covers(estimator: "Forecaster", test: Any) -> bool:
    """Whether the test's rows say enough of the covariates ahead to draw the whole forecast."""
    from ..data.timeseries.covariates import known_ahead

    try:
        known_ahead(estimator.panel_, test, int(estimator.horizon))
    except DataError:
        return False
    return True


def _usage(run: "Run", data: str, given: str | None) -> dict[str, str]:
    folder = shlex.quote(str(run.folder))
    held = shlex.quote(given) if given is not None else "STEPS_THAT_FOLLOW"
    return {
        "predict": f"{program()} predict {folder} {shlex.quote(data)}",
        "evaluate": f"{program()} evaluate {folder} {held}",
    }


def _result(
    estimator: "Forecaster", run: "Run", train: Any, test: Any, evaluation: "Evaluation | None"
) -> dict[str, Any]:
    return {
        "out": str(run.folder),
        "model": estimator.model_name,
        "n_train": len(train),
        "n_test": 0 if test is None else len(test),
        "n_series": estimator.n_series_,
        "epochs": len(estimator.history_),
        "seconds": estimator.seconds_,
        "interrupted": estimator.interrupted_,
        "checked": estimator.checked_,
        "evaluated_on": JUDGED if evaluation is not None else "nothing",
        "evaluation": evaluation.to_dict() if evaluation is not None else None,
    }


# --- a run that is there --------------------------------------------------------------------------


def evaluate_series(
    estimator: Any, configuration: dict[str, Any], model: str, data: str, *, report: Path | None, json: bool
) -> int:
    """Errors on the steps that follow those of the training. The exit code."""
    console = Console(json=json)
    frame = frame_at(data, drop=_present(data, configuration))
    if report is not None:
        command = shlex.join(["parnassus", "report", model, data, "-o", str(report)])
        known = frame if estimator.panel_.reading.known and _covers(estimator, frame) else None
        evaluation = estimator.report(report, frame, data=Path(data).name, command=command, known=known)
    else:
        evaluation = estimator.evaluate(frame)
    console.say(f"{estimator.model_name} on {Path(data).name}: {evaluation.n_rows:,} steps; the baseline is "
                f"{evaluation.baseline}")  # fmt: skip
    console.say(evaluation.table())
    for remark in evaluation.notes:
        console.say(f"note: {remark}")
    if report is not None:
        console.say(f"report: {report}")
    console.result(evaluation.to_dict() | ({"report": str(report)} if report is not None else {}))
    return 0


def forecasts(
    estimator: Any, configuration: dict[str, Any], data: list[str], asked: dict[str, Any], *, rows: bool
) -> list[dict[str, Any]]:
    """The steps after the training's, or after those of a file, one record a series and step."""
    if rows:
        raise SettingError("a forecaster takes series: no --text, and no --proba; --quantiles 0.1 0.9 says how sure")
    if len(data) > 1:
        raise SettingError(f"one file of series at a time; got {len(data)}: {' '.join(data[:5])}")
    X = frame_at(data[0], drop=_present(data[0], configuration)) if data else None
    known = frame_at(asked["known"]) if "known" in asked else None
    said = estimator.predict(asked.get("horizon"), X=X, known=known, quantiles=asked.get("quantiles"))
    if not hasattr(said, "to_dict"):  # series that were learned from arrays have no columns
        from ..estimators.answers.series_tables import frame_of

        many = said if estimator.panel_.form == "arrays" else said[None]
        columns = [f"{q:g}" for q in asked.get("quantiles", ())] or ["prediction"]
        said = frame_of(estimator.panel_, list(many), columns=columns)
    for name in said.columns:
        if hasattr(said[name], "dt"):  # days as days
            said[name] = said[name].astype(str)
    return [finite(row) for row in said.to_dict("records")]


def _present(data: str, configuration: dict[str, Any]) -> tuple[str, ...]:
    from .using import present

    return present(data, tuple(configuration.get("drop", ())))
