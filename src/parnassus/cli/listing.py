"""`parnassus runs`: the runs in some folders side by side, as a table, a picture of their curves, or to MLflow."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FileError, ParnassusError, SettingError
from ..files import write_text
from . import settings
from .configuration import read_configuration
from .console import Console, finite
from .runs import Run, read_evaluation
from .values import NONE

SIGNS = ("log.csv", "model.parnassus", "config.toml", "checkpoint")  # a folder with one of these is a run
SAME = (
    "task",
    "target",
    "drop",
    "test",
    "validation",
    "data",
    "model",
    "epochs",
)  # with columns of their own, or of no weight
MOST_COLUMNS = 6  # for settings; more of them stand together
DEEP = 4  # folders below the one that was named


@dataclass
class Listed:
    """One run as its files tell it; what they do not say is None."""

    folder: Path
    state: str
    model: str | None = None
    task: str | None = None
    data: str | None = None
    score: tuple[str, float] | None = None
    seconds: float | None = None
    n_parameters: int | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def epochs(self) -> int:
        return max(map(len, self.curves.values()), default=0)


def runs(folders: Sequence[str], *, plot: Path | None, sort: str, mlflow: str | None, json_asked: bool) -> int:
    """The table of all runs in the folders. The exit code."""
    console = Console(json=json_asked)
    found = [listed(folder) for folder in run_folders([Path(f) for f in folders])]
    keys: dict[str, Any] = {
        "name": lambda r: str(r.folder),
        "score": _by_score,
        "time": lambda r: r.seconds or math.inf,
    }
    if sort not in keys:
        raise SettingError(f"--sort is {' or '.join(keys)}; got {sort!r}")
    found.sort(key=keys[sort])
    console.table(table_of(found))
    for one in found:
        if one.note:
            console.say(f"{one.folder}: {one.note}")
    if plot is not None:
        draw(found, plot)
        console.say(f"curves in {plot}")
    if mlflow is not None:
        from ..tuning.tracking import send

        told = [one for one in found if one.curves or one.score]
        for one in told:
            known = {"task": one.task, "model": one.model, "data": one.data}
            settings = {k: v for k, v in known.items() if v is not None} | one.settings
            whole = one.state in ("finished", "not saved")
            send(mlflow, str(one.folder), settings=settings, curves=one.curves, score=one.score, whole=whole)
        console.say(f"{len(told)} runs sent to MLflow at {mlflow}")
    console.result([_plain(one) for one in found])
    return 0


def _by_score(run: Listed) -> tuple[int, str, float]:
    """Runs with a score first, those of one measure together, the best first."""
    if run.score is None:
        return (1, "", 0.0)
    from ..estimators.judging.validation import metric_of

    name, value = run.score
    lower = name.endswith(("loss", "error")) or not metric_of(name).higher_is_better
    return (0, name, value if lower else -value)


def run_folders(given: Sequence[Path]) -> list[Path]:
    """The runs that are, or lie in, the folders; a folder without any is refused."""
    found: dict[Path, None] = {}
    for folder in given:
        if not folder.is_dir():
            raise FileError(f"{folder}: {'is a file' if folder.exists() else 'there is no such folder'}; name a folder")
        inside = list(_within(folder, DEEP))
        if not inside:
            raise FileError(f"{folder}: no run lies in it; a run holds {', '.join(SIGNS[:3])} or {SIGNS[3]}")
        found |= dict.fromkeys(inside)
    return list(found)


def _within(folder: Path, depth: int) -> Any:
    if any((folder / sign).exists() for sign in SIGNS):
        yield folder
        return
    for below in sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink()) if depth else ():
        yield from _within(below, depth - 1)


def listed(folder: Path) -> Listed:
    """What the files of a run say of it; a damaged file is named and the others are read."""
    done, going = (folder / "model.parnassus").exists(), (folder / "checkpoint").exists()
    run = Listed(folder, "finished" if done else "not ended" if going else "no model")
    for read in (_configuration, _curves, _evaluation, _model, _checkpoint):
        try:
            read(run)
        except (ParnassusError, OSError, ValueError, KeyError, TypeError) as error:
            run.note = str(error).splitlines()[0]
            run.state = "damaged" if read is _model else run.state
    if run.score is None:
        name = next((n for n in ("validation_loss", "loss") if run.curves.get(n)), None)
        values = [v for v in run.curves.get(name or "", ()) if math.isfinite(v)]
        run.score = (name, min(values)) if name and values else None
    return run


def _configuration(run: Listed) -> None:
    path = run.folder / "config.toml"
    if not path.exists():
        return
    held = read_configuration(path)
    run.task, run.data = held.get("task"), held.get("data")
    named = held.get("model")
    run.model = named.get("name") if isinstance(named, dict) else named
    run.model = None if run.model == NONE else run.model  # the task's own, which the saved model names
    for key, value in held.items():
        if isinstance(value, dict):
            options = {key if k == "name" else f"{key}.{k}": v for k, v in value.items()}
            run.settings |= {k: v for k, v in options.items() if k not in SAME}
        elif key not in SAME:
            run.settings[key] = value


def _curves(run: Listed) -> None:
    path = run.folder / "log.csv"
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [n for n in (rows[0] if rows else ()) if n != "epoch"]
    run.curves = {n: [float(r[n]) if r[n] else math.nan for r in rows] for n in names}


def _evaluation(run: Listed) -> None:
    held = read_evaluation(Run(run.folder))
    if held is not None:
        first = held["metrics"][0]
        run.score = (first["name"], float(first["value"]))


def _checkpoint(run: Listed) -> None:
    """Of a training whose model was not saved: what it trained, and whether it came to its end."""
    path = run.folder / "checkpoint" / "last.safetensors"
    if run.state != "not ended" or not path.is_file():
        return
    from .. import store

    held = store.manifest_of(path)["tree"]
    if "trainer" not in held:  # so large that it lies among the tensors
        return
    trainer = held["trainer"]
    run.model = run.model or held["data"]["model"]
    if trainer["stopped"] or len(trainer["history"]) >= trainer["identity"]["epochs"]:
        run.state = "not saved"


def _model(run: Listed) -> None:
    path = run.folder / "model.parnassus"
    if not path.exists():
        return
    from .. import store

    tree = store.load(path)
    spec = tree["params"].get("model")
    learned = tree["learned"]
    run.seconds = learned.get("seconds_")
    run.model = run.model or (spec.get("name") if isinstance(spec, dict) else spec) or _usual(run, tree)
    run.task = run.task or tree["estimator"].lower()
    weights = {id(v): v.numel() for v in tree.get("weights", {}).values() if hasattr(v, "numel")}
    run.n_parameters = sum(weights.values()) or None


def _usual(run: Listed, tree: dict[str, Any]) -> str:
    """The model that a task takes where none is named; the estimator where it says none."""
    task = settings.tasks().get(run.task or "")
    models = task.extra["default_models"] if task is not None else {}
    return models.get((tree.get("codec") or {}).get("kind")) or tree["estimator"]


def table_of(found: Sequence[Listed]) -> list[tuple[str, ...]]:
    """Headings and a row a run; settings are shown where runs of the same task differ in them, many in one column."""
    tried = [{k: _word(run.settings[k]) for k in _changed(run, found)} for run in found]
    names = list(dict.fromkeys(k for own in tried for k in own))
    apart = len(names) <= MOST_COLUMNS
    shown = names if apart else ["settings"]
    rows: list[tuple[str, ...]] = [("run", "model", "data", "epochs", "best", "s", "weights", "state", *shown)]
    for run, own in zip(found, tried, strict=True):
        best = "" if run.score is None else f"{run.score[0].replace('_', ' ')} {run.score[1]:.4g}"
        cost = "" if run.seconds is None else f"{run.seconds:.3g}"
        size = "" if run.n_parameters is None else f"{run.n_parameters:,}"
        data = Path(str(run.data)).name if run.data else ""
        last = [own.get(k, "") for k in names] if apart else [" ".join(f"{k}={v}" for k, v in own.items())]
        rows.append((str(run.folder), str(run.model or ""), data, str(run.epochs), best, cost, size, run.state, *last))
    return rows


def _changed(run: Listed, found: Sequence[Listed]) -> list[str]:
    """The settings of a run that others of its task have otherwise; options that others of the same choice left out."""
    others = [other for other in found if other.task == run.task and other.settings]

    def differs(key: str, other: Listed) -> bool:
        if key in other.settings:
            return repr(other.settings[key]) != repr(run.settings[key])
        role, dot, _ = key.partition(".")
        return bool(dot) and _choice(other, role) == _choice(run, role)

    return [key for key in run.settings if any(differs(key, other) for other in others)]


def _choice(run: Listed, role: str) -> Any:
    return run.model if role == "model" else run.settings.get(role)


def _word(value: Any) -> str:
    return "" if value is None else ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def draw(found: Sequence[Listed], path: Path) -> None:
    """The runs' curves as a picture, or as a page that holds one."""
    from ..insight.runs import curves
    from ..insight.style import svg

    figure = curves({str(r.folder): r.curves for r in found})
    if path.suffix.lower() not in (".png", ".svg", ".pdf", ".html"):
        raise SettingError(f"--plot ends in .png, .svg, .pdf or .html; got {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() != ".html":
            figure.savefig(path, dpi=150)
            return
        page = f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Runs</title>{svg(figure)}</html>"
        write_text(path, page)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror})") from error


def _plain(run: Listed) -> dict[str, Any]:
    score = None if run.score is None else {"name": run.score[0], "value": run.score[1]}
    return finite(vars(run) | {"folder": str(run.folder), "epochs": run.epochs, "score": score})
