"""`parnassus export`: a trained model as a file that runs elsewhere, or its card."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import FileError, SettingError
from .console import Console

if TYPE_CHECKING:
    from ..evaluation.result import Evaluation

ENDINGS = {"onnx": "model.onnx", "program": "model.pt2", "arpa": "model.arpa", "card": "card.md"}


def export(
    model: Annotated[str, Parameter(name="RUN", help="a run's folder, or a saved model")],
    data: Annotated[str | None, Parameter(help="rows to try the file on, or to judge the model of a card by")] = None,
    /,
    *,
    to: Annotated[Literal["onnx", "program", "arpa", "card"], Parameter(help="what to write")] = "onnx",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"], help="the file; without it, beside the model")] = None,
    int8: Annotated[
        Literal["dynamic", "static"] | None, Parameter(help="of onnx: weights in 8 bits; static needs data")
    ] = None,
    codes: Annotated[
        bool, Parameter(negative=(), help="write what transform or features answer, not predictions")
    ] = False,
    target: Annotated[tuple[str, ...], Parameter(negative=(), help="the column of the answers in data")] = (),
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else")] = False,
) -> int:
    """Write a trained model as ONNX or as a torch.export program, tried and compared, n-grams as ARPA; or its card."""
    from .inputs import DRAWN
    from .runs import loaded
    from .using import examples_in, one_or_several

    console = Console(json=json)
    if int8 is not None and to != "onnx":
        raise SettingError(f"--int8 is for --to onnx; --to {to} has no such form")
    if codes and to not in ("onnx", "program"):
        raise SettingError(f"--codes is for --to onnx or program; --to {to} has no such form")
    estimator, configuration = loaded(model)
    drawn = estimator.task in DRAWN and to != "card"
    as_given = estimator.task == "forecaster" or drawn  # read by the estimator itself, pictures without answers too
    given = data is not None and not as_given
    examples = examples_in(estimator, configuration, str(data), one_or_several(target)) if given else None
    beside = Path(model) if Path(model).is_dir() else Path(model).parent
    path = out or beside / ENDINGS[to]
    if to == "card":
        card(console, estimator, configuration, path, examples, beside, data)
        return 0
    from ..export import to_arpa, to_onnx, to_program

    if to == "arpa":
        if data is not None:
            raise SettingError("an ARPA file is not tried on texts; leave them out")
        console.say(f"wrote {to_arpa(estimator, path)}")
        console.result({"path": str(path)})
        return 0

    X = data if as_given else examples.X if examples is not None else None
    told: dict[str, Any] = {"X": X, "codes": codes}
    made = to_program(estimator, path, **told) if to == "program" else to_onnx(estimator, path, int8=int8, **told)
    console.say(str(made))
    console.result({**vars(made), "path": str(made.path)})
    return 0


def card(
    console: Console,
    estimator: Any,
    configuration: dict[str, Any],
    path: Path,
    examples: Any,
    run: Path,
    data: str | None,
) -> None:
    """The card, judged on the data that were given, or else as the run was when it ended."""
    from ..export import write_card
    from .using import learned_from

    learned = Path(str(configuration.get("data", "the data"))).name
    task = str(configuration.get("task", "")).replace("_", "-")
    again = f"parnassus train {task} --config {shlex.quote(str(run / 'config.toml'))} --out ..."
    given: dict[str, Any] = {}
    if examples is not None and data is not None:
        too_kind = (
            ", rows of training among them: the numbers are too kind" if learned_from(configuration, data) else ""
        )
        given = {"X": examples.X, "y": examples.y, "data": Path(data).name + too_kind}
    elif configuration:
        given = {"measured": measured_in(run)}
    command = again if configuration else None
    evaluation = write_card(estimator, path, **{"data": learned, "learned": learned} | given, command=command)
    console.say(f"wrote {path}" + ("" if evaluation else "; name rows with answers to have the model judged on it"))
    console.result({"path": str(path), "metrics": evaluation.to_dict()["metrics"] if evaluation else None})


def measured_in(run: Path) -> "tuple[Evaluation, str] | None":
    """What was measured when the run ended, and on which rows."""
    from ..evaluation.result import Evaluation
    from .runs import Run, read_evaluation

    values = read_evaluation(Run(run))
    if values is None:
        return None
    try:
        where = values.pop("evaluated_on")
        return Evaluation.from_dict(values), where
    except (KeyError, TypeError) as error:
        raise FileError(f"{run / 'evaluation.json'} is not what a run writes ({error}); name rows instead") from error
