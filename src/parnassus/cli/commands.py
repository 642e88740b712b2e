"""The commands and their flags; those of `train` are read off the estimators' sources."""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from ..version import __version__
from . import anomalies, settings
from .catalogue import verify
from .console import spoken
from .exporting import export
from .machines import SHORT, shortened
from .planning import plan
from .reproducing import reproduce
from .sampling import sample
from .settings import ROLES, Setting
from .speaking import align
from .training import OWN, named_in, own_settings, train
from .tuning import tuning
from .values import kinds_of, shown

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else, to standard output")]
Target = Annotated[
    tuple[str, ...],
    Parameter(negative=(), help="the column of the answers (again for a second); without it, what was trained on"),
]
Model = Annotated[str, Parameter(name="RUN", help="a run's folder, or a saved model")]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"])]
NAMES = (
    *("train", "tune", "runs", "compare", "evaluate", "predict", "sample", "align"),
    *("report", "serve", "export", "plan", "models", "systems", "verify", "reproduce", "demo"),
)
HELP = "Deep learning, from the perceptron on, on your own data: train, evaluate, predict, report."
METAVARS = {"int": "INT", "float": "NUM", "str": "TEXT"}
DATA = "a CSV or Parquet file, or a folder with a folder of pictures for each class"
DATA_OF = {
    "tagger": "a CSV or Parquet file with a row a step or token; --sequence names the column that tells texts apart",
    "hmm": "a CSV or Parquet file with a row a step; --sequence and --time name the columns that order them",
    "keypoint_finder": "a CSV with a column image and, for each point, two such as nose_x and nose_y; or .npz",
    "question_answerer": "SQuAD's JSON; or a CSV with the columns question, context, answer and answer_start",
    "language_model": "a text file, a folder of .txt files, or a CSV with a column of texts",
    "embedder": "a text file, a folder of .txt files, or a CSV with a column of texts",
    "detector": "a COCO file (.json), a table of boxes (.csv), or a folder with VOC's or YOLO's files",
    "segmenter": "a folder that holds the folders images and masks, of files of the same names",
    "image_translator": "a folder that holds the folders A and B (or trainA and trainB), of pictures of two kinds",
}
HELP_FLAGS = ("--help", "-h")


def application(words: Sequence[str]) -> App:
    """The commands; the flags of `train` are those of the models and optimizers that the words name."""
    app = App(
        name="parnassus",
        help=HELP,
        version=__version__,
        help_format="plaintext",
        help_flags=HELP_FLAGS,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    app.command(training(words))
    app.command(tuning(words))
    listed: list[Callable[..., int]] = [runs, compare, evaluate, predict, sample, align, report, serve, export, plan]
    listed += [models, systems, verify, reproduce, demo]
    for command in listed:
        app.command(command)
    return app


# --- train ----------------------------------------------------------------------------------------


def training(words: Sequence[str]) -> App:
    """`train` with a command for each task."""
    app = App(
        name="train",
        help="Train a model on data: split, fit, test, report; everything lands in one folder.",
        help_format="plaintext",
        help_flags=HELP_FLAGS,
    )
    if "train" in words[:1]:
        for task in settings.tasks():
            asked = task in [w.replace("-", "_") for w in words[1:2]]
            chosen = named_in(words, task) if asked else dict.fromkeys(ROLES)
            app.command(training_of(task, chosen, partial(train, task, argv=words)), name=task.replace("_", "-"))
        for name in SHORT:
            app.command(shortened(name, words, training_of), name=name)
        app.command(anomalies.train, name="anomaly-detector")
    return app


def training_of(task: str, chosen: dict[str, str | None], run: Callable[[dict[str, Any]], int]) -> Callable[..., int]:
    """A command that trains for a task, whose flags are those of what was chosen."""
    command = command_of(parameters(task, chosen), run)
    what = f"{settings.with_article(task)}: {settings.tasks()[task].summary}"
    command.__doc__ = f"Train {what}\n\n{unnamed(task, chosen)}"
    return command


def command_of(parameters: Sequence[inspect.Parameter], run: Callable[[dict[str, Any]], int]) -> Callable[..., int]:
    """A function of these parameters, which hands on what was given by name."""
    keys = {p.name: k for p, k in ((p, p.name.replace("__", ".")) for p in parameters)}

    def command(*args: Any, **given: Any) -> int:
        return run({**({"data": args[0]} if args else {}), **{keys[k]: v for k, v in given.items()}})

    signature = inspect.Signature(list(parameters))
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def parameters(task: str, chosen: dict[str, str | None]) -> list[inspect.Parameter]:
    """The parameters of `train` for a task: data first, then a flag for each setting, then those of what was chosen."""
    data = Group("Data", sort_key=0)
    training = Group("Training", sort_key=1)
    found = [
        inspect.Parameter(
            "data",
            inspect.Parameter.POSITIONAL_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                Parameter(help=DATA_OF.get(task, DATA), group=data, show_default=False),
            ],
        )
    ]
    found += [flag(key, setting, data) for key, setting in own_settings(task).items()]
    for key, setting in settings.tasks()[task].settings.items():
        words = f"one of {', '.join(names(key, task))}" if key in ROLES else setting.words
        if key == "model":
            words += "; none takes the one for this kind of data"
        elif key == "loss":
            words += "; none takes the one that fits the target"
        elif key == "codec":
            words = f"how the data become numbers: {words}; none takes the one for this kind of data"
        default = "runs/<data>-<model>" if key == "out" else None
        found.append(flag(key, Setting(key, setting.annotation, setting.default, words), training, default=default))
    for role in ROLES:
        for name in options_for(role, chosen[role], task):
            group = Group(f"{role.capitalize()} {name}", sort_key=2 + ROLES.index(role))
            known = {p.name for p in found}
            for key, setting in settings.options(role, name, task).items():
                if f"{role}__{key}" not in known:
                    found.append(flag(f"{role}.{key}", setting, group))
    return found


def names(role: str, task: str) -> list[str]:
    """The names that a role can take, for a task."""
    known = settings.codecs() if role == "codec" else settings.builders(role)
    return sorted({b.name for b in known if role != "model" or task in b.tasks})


def options_for(role: str, name: str | None, task: str) -> list[str]:
    """Whose options are flags: those of what was chosen; of the likely ones, where that is left to the data."""
    if name is not None:
        return [name]
    if role == "model":
        likely = dict.fromkeys(["mlp", *settings.tasks()[task].extra["default_models"].values()])
        return [name for name in likely if name in names("model", task)]
    return [c.name for c in settings.codecs()] if role == "codec" else []


def unnamed(task: str, chosen: dict[str, str | None]) -> str:
    """What the help says of options it does not list."""
    if chosen["model"]:
        return f"{chosen['model']}: {settings.named('model', chosen['model'], task)[0].summary}"
    return "Name a model, such as --model mlp, before --help to see its options; the same for --optimizer and the rest."


def flag(key: str, setting: Setting, group: Group, *, default: str | None = None) -> inspect.Parameter:
    """A flag for a setting; values stay words, which are read once it is known whose they are."""
    kinds = kinds_of(setting).keys() - {"None"}
    kind: Any = bool | None if kinds == {"bool"} else tuple[str, ...] | None if kinds & {"tuple", "any"} else str | None
    if key in ROLES:
        kind = str | None
    name = "--" + key.replace("_", "-")
    metavar = "VALUES" if "tuple" in kinds else METAVARS.get(min(kinds, default=""), "VALUE")
    words = re.sub(r"\bNone\b", "none", spoken(setting.words.replace("`", "")))
    annotation = Annotated[
        kind,
        Parameter(
            name=name,
            group=group,
            help=words,
            metavar="NAME" if key in ROLES else metavar,
            negative=() if key in OWN else None,
            consume_multiple=bool(kinds & {"tuple", "any"}) and key not in (*ROLES, "target"),
            negative_iterable=(),
            accepts_keys=False,
            show_default=lambda _: default or shown(setting.default),
        ),
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(key.replace(".", "__"), keyword, default=None, annotation=annotation)


# --- the others -----------------------------------------------------------------------------------


def runs(
    *folders: Annotated[str, Parameter(help="runs, or folders that hold runs")],
    plot: Annotated[Path | None, Parameter(help="also draw the curves here: .png, .svg, .pdf or .html")] = None,
    sort: Annotated[Literal["name", "score", "time"], Parameter(help="what comes first")] = "name",
    mlflow: Annotated[str | None, Parameter(help="also send them to MLflow: a folder, or a server's address")] = None,
    json: Json = False,
) -> int:
    """List runs side by side: model, data, epochs, best score, time, size, and the settings they differ in."""
    from .listing import runs as work

    return work(folders or ("runs",), plot=plot, sort=sort, mlflow=mlflow, json_asked=json)


def compare(
    data: Annotated[str, Parameter(help="rows with answers: what `train` takes")],
    /,
    *,
    models: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), help="models and baselines; auto is a ladder of baselines"),
    ] = ("auto", "mlp"),
    target: Annotated[tuple[str, ...], Parameter(negative=(), help="the column of the answers")] = (),
    drop: Annotated[tuple[str, ...], Parameter(negative=(), help="columns to leave out, such as ids")] = (),
    task: Annotated[str | None, Parameter(help="classifier or regressor, where the answers do not show it")] = None,
    folds: Annotated[str, Parameter(help="a share to hold out, or a count of folds")] = "0.25",
    groups: Annotated[str | None, Parameter(help="the column of what a row belongs to; none is on both sides")] = None,
    metric: Annotated[str | None, Parameter(help="what is compared, such as f1; without it, the most telling")] = None,
    seed: Annotated[int, Parameter(help="of the division and the weights")] = 0,
    json: Json = False,
) -> int:
    """Compare models on data: one table of scores, intervals, times and sizes, on the same rows."""
    from .comparing import compare as work
    from .using import one_or_several

    asked = {"task": task, "folds": folds, "groups": groups, "metric": metric, "seed": seed}
    return work(data, models, target=one_or_several(target), drop=drop, asked=asked, json=json)


def evaluate(
    model: Model,
    data: Annotated[str, Parameter(help="rows with answers: what `train` takes")],
    /,
    *,
    target: Target = (),
    report: Annotated[Path | None, Parameter(help="also write the page of the report here")] = None,
    json: Json = False,
) -> int:
    """Measure a trained model on data, with intervals, beside the trivial baseline."""
    from .using import evaluate as work
    from .using import one_or_several

    return work(model, data, target=one_or_several(target), report=report, json=json)


def predict(
    model: Model,
    *data: Annotated[str, Parameter(help="a CSV, a picture, several pictures, or a folder of pictures")],
    text: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), help="texts, for a model of texts")
    ] = (),
    out: Annotated[
        Path | None,
        Parameter(name=["--out", "-o"], help="write a CSV here, not to the screen; of a segmenter, maps to a folder"),
    ] = None,
    proba: Annotated[bool, Parameter(negative=(), help="add the probability of each class")] = False,
    std: Annotated[bool, Parameter(negative=(), help="add the standard deviation of each number")] = False,
    interval: Annotated[
        float | None, Parameter(help="add the ends of an interval that holds such a share of the numbers, such as 0.9")
    ] = None,
    on_error: Annotated[Literal["raise", "skip"], Parameter(help="whether a bad row ends the work")] = "raise",
    horizon: Annotated[int | None, Parameter(help="steps ahead, of a forecaster; without it, those it learned")] = None,
    quantiles: Annotated[
        tuple[float, ...], Parameter(consume_multiple=True, negative=(), help="levels such as 0.1 0.9, of a forecaster")
    ] = (),
    known: Annotated[str | None, Parameter(help="a file of covariates of the steps ahead, of a forecaster")] = None,
    n_tokens: Annotated[int | None, Parameter(help="how much a language model writes at most; 50 unless told")] = None,
    temperature: Annotated[float | None, Parameter(help="of a language model's draws; 0: the likeliest")] = None,
    top_k: Annotated[int | None, Parameter(help="a language model draws among so many tokens")] = None,
    top_p: Annotated[float | None, Parameter(help="a language model draws among tokens of so much in all")] = None,
    seed: Annotated[int | None, Parameter(help="of draws; without it, the run's")] = None,
    beam: Annotated[float | None, Parameter(help="how widely a recogniser, translator or captioner searches")] = None,
    n_best: Annotated[int | None, Parameter(help="so many best texts of the same, with scores")] = None,
    hot_words: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), help="words that a recogniser likes to hear")
    ] = (),
    language_model: Annotated[Path | None, Parameter(help="sentences whose trigrams weigh words heard")] = None,
    spot: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), help="say where these words are heard, and when")
    ] = (),
    to: Annotated[Literal["A", "B"] | None, Parameter(help="what an image translator makes; B unless told")] = None,
    threshold: Annotated[float | None, Parameter(help="the least score of a detector's box, or of a word")] = None,
    n_most: Annotated[int | None, Parameter(help="the most boxes of a picture, of a detector")] = None,
    impute: Annotated[bool, Parameter(negative=(), help="fill holes, by an autoencoder or a diffusion")] = False,
    draws: Annotated[int | None, Parameter(help="fill holes so often by draws, not once by means")] = None,
    json: Json = False,
) -> int:
    """Answer for new data with a trained model, as CSV.

    A forecaster goes on from its own series without data; a language model writes on from prompts.
    """
    from .using import predict as work

    given: dict[str, Any] = {"horizon": horizon, "quantiles": quantiles or None, "known": known, "n_tokens": n_tokens}
    given |= {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed, "std": std or None, "to": to}
    given |= {"interval": interval, "beam": beam, "n_best": n_best, "hot_words": list(hot_words) or None}
    given |= {"language_model": language_model, "spot": list(spot) or None, "threshold": threshold, "n_most": n_most}
    given |= {"impute": impute or None, "draws": draws}
    asked: dict[str, Any] = {"out": out, "proba": proba, "on_error": on_error, "settings": given, "json": json}
    return work(model, list(data), texts=list(text), **asked)


def report(
    model: Model,
    data: Annotated[str, Parameter(help="rows with answers: what `train` takes")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="the page to write")] = Path("report.html"),
    target: Target = (),
    json: Json = False,
) -> int:
    """Write one HTML page on how good a trained model is on data."""
    from .using import evaluate as work
    from .using import one_or_several

    return work(model, data, target=one_or_several(target), report=out, json=json)


def serve(
    model: Model,
    /,
    *,
    host: Annotated[
        str, Parameter(help="whom to listen to; 0.0.0.0 is everybody, else this machine alone")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="the port to listen on")] = 8000,
    token: Annotated[
        str | None, Parameter(help="what clients must send; better kept in the variable PARNASSUS_TOKEN")
    ] = None,
    max_batch: Annotated[int, Parameter(help="inputs that the model is given at a time")] = 64,
    max_wait_ms: Annotated[float, Parameter(help="how long an input waits for others that are on their way")] = 2.0,
    max_queue: Annotated[int, Parameter(help="inputs that may wait; further ones are told to come later")] = 1_024,
    max_bytes: Annotated[int, Parameter(help="the largest request")] = 16 << 20,
    timeout: Annotated[float, Parameter(help="seconds until a request is given up")] = 30.0,
) -> int:
    """Answer over HTTP with a trained model: a page for people, JSON and files for programs."""
    from .serving import serve as work

    limits = {"max_batch": max_batch, "max_wait_ms": max_wait_ms, "max_queue": max_queue, "max_bytes": max_bytes}
    return work(model, host=host, port=port, token=token, limits={**limits, "timeout": timeout})


def models(
    name: Annotated[str | None, Parameter(help="one model, in full")] = None,
    /,
    *,
    task: Annotated[str | None, Parameter(help="those that serve this task, such as classifier")] = None,
    modality: Annotated[str | None, Parameter(help="those that take table, text, image or sequence data")] = None,
    costs: Annotated[bool, Parameter(help="nets for pictures with parameters, multiply-adds and memory")] = False,
    size: Annotated[int | None, Parameter(help="with --costs, pixels a side; each net's own without it")] = None,
    json: Json = False,
) -> int:
    """List the models: what they serve, what they take, what can be set, or what they cost."""
    from .catalogue import costs as counted
    from .catalogue import models as work

    return counted(size=size, json=json) if costs else work(name, task=task, modality=modality, json=json)


def systems(
    id: Annotated[str | None, Parameter(help="one system, in full")] = None,
    /,
    *,
    family: Annotated[str | None, Parameter(help="those of one family")] = None,
    claimed: Annotated[bool, Parameter(negative=(), help="those that are computed here")] = False,
    missing: Annotated[bool, Parameter(negative=(), help="those that are not")] = False,
    json: Json = False,
) -> int:
    """List what the books teach, and where it is computed."""
    from .catalogue import systems as work

    return work(id, family=family, claimed=claimed, missing=missing, json=json)


def demo(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="the run's folder")] = Path("runs/digits"),
    seed: Annotated[int, Parameter(help="of the split and the weights")] = 0,
    json: Json = False,
) -> int:
    """Train a convolutional net on the handwritten digits that scikit-learn ships, and report."""
    from .demo import demo as work

    return work(out, seed=seed, json=json)
