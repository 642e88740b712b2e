"""`parnassus train anomaly-detector`, and what it says of a series: a score and a verdict for every step."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import DataError, SettingError
from ..files import write_text
from .console import Console, finite, note, program

TASK = "anomaly_detector"


def train(
    data: Annotated[str, Parameter(help="a CSV or Parquet file of one series, a row a step")],
    /,
    *,
    target: Annotated[
        str | None, Parameter(help="the column of the series; without it the only one of numbers")
    ] = None,
    time: Annotated[str | None, Parameter(help="the column of times; without it the only one of dates")] = None,
    method: Annotated[
        Literal["matrix_profile", "forecast", "autoencoder", "density"], Parameter(help="what tells a step to be odd")
    ] = "matrix_profile",
    window: Annotated[
        int | None, Parameter(help="steps of a stretch; without it 30, or less in a short series")
    ] = None,
    quantile: Annotated[float, Parameter(help="the share of the steps learned from that are not odd")] = 0.99,
    threshold: Annotated[float | None, Parameter(help="a score above which a step is odd, in place of a share")] = None,
    missing: Annotated[
        Literal["refuse", "linear", "last", "seasonal", "zero"], Parameter(help="what becomes of steps without a value")
    ] = "refuse",
    duplicates: Annotated[
        Literal["refuse", "mean", "sum", "first", "last"], Parameter(help="what becomes of rows of one time")
    ] = "refuse",
    seed: Annotated[int, Parameter(help="of weights and draws")] = 0,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"], help="the run's folder; runs/<data>-<method>")] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="replace the run that the folder holds")] = False,
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else")] = False,
) -> int:
    """Learn what is usual in a series, and say which stretches of it are odd."""
    from ..estimators.anomaly_detector import AnomalyDetector
    from .configuration import toml
    from .runs import Run

    console = Console(json=json)
    run = Run(out or Path("runs") / f"{Path(data).stem or 'data'}-{method}")
    run.claim(overwrite=overwrite, resume=False)
    reading = {"target": target, "time": time, "missing": missing, "duplicates": duplicates}
    given: dict[str, Any] = {"method": method, "window": window, "quantile": quantile, "threshold": threshold}
    detector = AnomalyDetector(**given, seed=seed).fit(data, **{k: v for k, v in reading.items() if v is not None})
    found = detector.find(data)
    run.make(resume=False)
    detector.save(run.model)
    told = {"task": TASK, "data": data, **given, **reading, "seed": seed}
    write_text(run["config.toml"], toml({k: "none" if v is None else v for k, v in told.items()}, ""))
    found.plot().savefig(run["anomalies.png"], dpi=150)
    console.say(f"{method} on {Path(data).name}, windows of {detector.window_} steps: {found}")
    use = f"{program()} predict {shlex.quote(str(run.folder))} {shlex.quote(data)} --out scores.csv"
    console.say(f"\nsaved to {run.folder}/, drawn in {run['anomalies.png']}\n  predict   {use}")
    stretches = [{k: finite(shown(v)) for k, v in row.items()} for row in found.table().to_dict("records")]
    told = {"out": str(run.folder), "threshold": detector.threshold_, "window": detector.window_}
    console.result({**told, "n_steps": len(found.series), "odd": stretches, "commands": {"predict": use}})
    return 0


def shown(value: Any) -> Any:
    """A time as text, a number as it is."""
    return value if isinstance(value, int | float) else str(value)


def scored(detector: Any, data: list[str], *, proba: bool, texts: bool) -> list[dict[str, Any]]:
    """One record a step of a series: its time, value and score, and whether it is odd."""
    if len(data) != 1 or proba or texts:
        raise SettingError("an anomaly detector takes one file of a series: no --text, and no --proba")
    rows = detector.find(data[0]).by_step().to_dict("records")
    return [{k: finite(shown(v)) for k, v in row.items()} for row in rows]


def evaluate(detector: Any, model: str, data: str, target: Any, *, report: Path | None, json: bool) -> int:
    """Precision, recall and F1 against the column of verdicts, 0 and 1, that is named. The exit code."""
    from ..data.sources import open_source

    if report is not None:
        raise SettingError("an anomaly detector writes no page; `parnassus evaluate` has its numbers")
    if not isinstance(target, str):
        raise SettingError("name the column that says which steps are odd, 0 or 1, such as --target odd")
    source = open_source(data, target=target)
    if not hasattr(source.X, "iloc"):
        raise DataError(f"{data} is no table that fits the memory; give a CSV or Parquet file of one series")
    evaluation, console = detector.evaluate(source.X, source.y), Console(json=json)
    console.say(f"{model} on {Path(data).name}: {evaluation.n_rows:,} steps; the baseline is {evaluation.baseline}")
    console.say(evaluation.table())
    for remark in evaluation.notes:
        note(remark)
    console.result(evaluation.to_dict())
    return 0
