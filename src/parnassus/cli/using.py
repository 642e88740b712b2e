"""`parnassus evaluate`, `predict` and `report`: a trained model on data."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, FileError, SettingError
from . import anomalies, embedding, imputing, language, speaking, stepping, translating
from .console import Console, finite, note
from .records import hand_out
from .runs import loaded
from .settings import with_article

if TYPE_CHECKING:
    from ..data.sources import Columns
    from ..estimators.base import Estimator

ASKED_OF = {  # what `predict` may be told beside data, by task
    "forecaster": ("horizon", "quantiles", "known"),
    "regressor": ("std", "interval"),
    "detector": ("threshold", "n_most"),
    imputing.TASK: imputing.NAMES,
    imputing.DRAWER: imputing.NAMES,
    language.TASK: ("n_tokens", "temperature", "top_k", "top_p", "seed"),
    speaking.TASK: ("beam", "n_best", "hot_words", "language_model", "spot", "threshold"),
    translating.TASK: ("to",),
    "translator": ("beam", "n_best"),
    "image_captioner": ("beam", "n_best"),
}

FILES = {"image": "picture", "speech": "sound", "video": "video"}  # what files of a kind of data are called


def one_or_several(names: tuple[str, ...]) -> "Columns | None":
    """What a flag that may be given again says of columns: nothing, one or several."""
    return None if not names else names[0] if len(names) == 1 else list(names)


def evaluate(model: str, data: str, *, target: "Columns | None", report: Path | None, json: bool) -> int:
    """Numbers with intervals beside the trivial baseline's, and the page where one is asked for. The exit code."""
    console = Console(json=json)
    estimator, configuration = loaded(model)
    if estimator.task == anomalies.TASK:
        return anomalies.evaluate(estimator, model, data, target, report=report, json=json)
    if estimator.task == translating.TASK:
        held: Any = estimator
        return translating.evaluate(held, model, data, report=report, json=json)
    if estimator.task == "forecaster":
        from .forecasting import evaluate_series

        return evaluate_series(estimator, configuration, model, data, report=report, json=json)
    examples = examples_in(estimator, configuration, data, target)
    check_form(estimator, examples.X, data)
    if examples.y is None and estimator.task == speaking.TASK:
        raise speaking.unsaid(data, examples)
    if examples.y is None and estimator.target_ is not None and estimator.task != language.TASK:
        folders = "give a folder with a folder of pictures for each class"
        where = "name the column that holds them by --target" if hasattr(examples.X, "columns") else folders
        raise DataError(f"{data} holds no answers to compare with; {where}, or use `parnassus predict`")
    name = Path(data).name
    if report is not None:
        command = shlex.join(["parnassus", "report", model, data, "-o", str(report)])
        evaluation = estimator.report(report, examples.X, examples.y, data=name, command=command)
    else:
        evaluation = estimator.evaluate(examples.X, examples.y)
    model_name = getattr(estimator.model, "name", estimator.model_name)
    console.say(f"{model_name} on {name}: {evaluation.n_rows:,} rows; the baseline is {evaluation.baseline}")
    if learned_from(configuration, data):
        note(f"{name} is what the model learned from: rows of training are judged too, and the numbers are too kind")
    console.say(evaluation.table())
    for remark in evaluation.notes:
        console.say(f"note: {remark}")
    if report is not None:
        console.say(f"report: {report}")
    console.result(evaluation.to_dict() | ({"report": str(report)} if report is not None else {}))
    return 0


def examples_in(estimator: "Estimator", configuration: dict[str, Any], data: str, target: "Columns | None") -> Any:
    """Rows with answers: the column trained on, unless another is named; columns left out then are left out here."""
    from ..estimators.fitting.intake import as_learned
    from .detecting import parts_of
    from .inputs import DRAWN, like_classes, opened

    if estimator.task == embedding.TASK:
        raise embedding.unjudged()
    if estimator.task in DRAWN:
        return opened(data, target=target, task=estimator.task, parts=parts_of(estimator))
    if estimator.task == language.TASK:
        return language.texts_again(estimator, configuration, data, target)
    learned, drop = estimator.target_name_, tuple(configuration.get("drop", ()))
    if target is None and is_table(data):
        target = learned
    target = as_learned(target, learned)
    drop = present(data, drop)
    if estimator.task == speaking.TASK:
        told = estimator.codec_.options
        return speaking.recorded(data, target, drop, told.get("column"), told.get("speaker"))
    told = {"texts": estimator.codec_.kind == "text", "memory": estimator.memory, "task": estimator.task}
    found = opened(data, target=target, drop=drop, **told)
    found.y = like_classes(found.y, estimator.target_)
    return found


def learned_from(configuration: dict[str, Any], data: str) -> bool:
    """Whether the data are those that the run was given to learn from, some of which it may have held out."""
    own = Path(str(configuration.get("data", "")))
    return Path(data).exists() and own.exists() and own.samefile(data)


def is_table(data: str) -> bool:
    """Whether the data are a table, by how their path ends."""
    from ..data.sources import TABLES

    return Path(data).suffix.lower() in TABLES


def present(data: str, drop: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the columns to leave out that the data have."""
    if not drop:
        return ()
    from ..data.sources import open_source

    columns = {str(c) for c in getattr(open_source(data).X, "columns", ())}
    return tuple(name for name in drop if name in columns)


# --- predict --------------------------------------------------------------------------------------


def predict(
    model: str,
    data: list[str],
    *,
    texts: list[str],
    out: Path | None,
    proba: bool,
    on_error: str,
    json: bool,
    settings: dict[str, Any] | None = None,
) -> int:
    """Answers as CSV, on standard output or in a file; `settings` are those of `ASKED_OF`. The exit code."""
    estimator, configuration = loaded(model)
    fills = hasattr(estimator, "impute") and (settings or {}).get("impute")
    if not fills and not any(hasattr(estimator, verb) for verb in ("predict", "generate", "most_similar")):
        draws = f": parnassus sample {model} draws rows" if hasattr(estimator, "sample") else "; use it from Python"
        raise SettingError(f"{model} holds {with_article(estimator.task)}, which predicts nothing{draws}")
    asked = asked_of(estimator, settings or {}, model)
    whole = _of_whole(estimator, configuration, data, texts, asked, proba=proba)
    if whole is not None:
        hand_out(whole, out, json=json)
        return 0
    if estimator.task == translating.TASK:
        held: Any = estimator
        if texts or proba or on_error != "raise":
            raise SettingError("an image translator takes pictures: no --text, no --proba, and no --on-error skip")
        return translating.translate(held, model, data, to=asked.get("to", "B"), out=out, json=json)
    if bool(data) == bool(texts):
        raise SettingError('predict takes data or --text, one of them: a CSV, pictures, or --text "..."')
    if estimator.task == "segmenter":
        from .segmenting import pictures_alone

        data = pictures_alone(data)
    heading, names, X = _inputs(estimator, configuration, data, texts, on_error)
    check_form(estimator, X, " ".join(data[:3]))
    if estimator.task in ("segmenter", "detector"):
        told: dict[str, Any] = {"heading": heading, "out": out, "proba": proba, "on_error": on_error, "json": json}
        _hand_out_drawn(estimator, X, names, asked, **told)
        return 0
    if asked and estimator.task in (imputing.TASK, imputing.DRAWER):
        return imputing.fill(estimator, X, asked, data, model, out=out, proba=proba, on_error=on_error, json=json)
    rows = _records(estimator, X, names, asked, heading=heading, proba=proba, on_error=on_error)
    hand_out(rows, out, json=json)
    return 0


def _of_whole(
    estimator: Any,
    configuration: dict[str, Any],
    data: list[str],
    texts: list[str],
    asked: dict[str, Any],
    *,
    proba: bool,
) -> list[dict[str, Any]] | None:
    """The records of tasks that read their data by themselves; None of others."""
    if estimator.task == anomalies.TASK:
        return anomalies.scored(estimator, data, proba=proba, texts=bool(texts))
    if estimator.task == embedding.TASK:
        return embedding.told(estimator, configuration, data, texts, proba=proba)
    if estimator.task == "forecaster":
        from .forecasting import forecasts

        return forecasts(estimator, configuration, data, asked, rows=bool(texts) or proba)
    return None


def _records(
    estimator: "Estimator", X: Any, names: list[Any], asked: dict[str, Any], *, heading: str, proba: bool, on_error: str
) -> list[dict[str, Any]]:
    """One record a row, or whatever the task says more finely."""
    if estimator.task in stepping.TASKS:
        return stepping.said(estimator, X, proba=proba)
    if estimator.task == language.TASK:
        return language.written(estimator, X, asked, proba=proba, on_error=on_error)
    if asked and estimator.task in speaking.SEARCHERS:
        return speaking.heard(estimator, X, names, asked, heading=heading, on_error=on_error)
    rows = answers(estimator, X, names, heading=heading, proba=proba, on_error=on_error)
    doubt(estimator, X, rows, on_error=on_error, **asked)
    return rows


def _hand_out_drawn(
    estimator: "Estimator",
    X: Any,
    names: Any,
    asked: dict[str, Any],
    *,
    heading: str,
    out: Path | None,
    proba: bool,
    on_error: str,
    json: bool,
) -> None:
    """Maps, or boxes, of pictures."""
    if estimator.task == "segmenter":
        from .segmenting import hand_out_maps

        if proba:
            raise SettingError("maps have a class for each pixel; leave --proba out, or take predict_proba in Python")
        hand_out_maps(estimator, X, names, heading=heading, out=out, on_error=on_error, json=json)
        return
    from .detecting import hand_out_boxes

    if proba:
        raise SettingError("boxes have a score each, and no probabilities; leave --proba out")
    hand_out_boxes(estimator, X, names, asked, heading=heading, out=out, on_error=on_error, json=json)


def asked_of(estimator: "Estimator", settings: dict[str, Any], model: str) -> dict[str, Any]:
    """Those of the settings that were given; refused where the estimator is of another task."""
    asked = {name: value for name, value in settings.items() if value is not None}
    strange = {name: [t for t, names in ASKED_OF.items() if name in names] for name in asked}
    strange = {name: takers for name, takers in strange.items() if estimator.task not in takers}
    if strange:
        takers = next(iter(strange.values()))
        flags = ", ".join(f"--{name.replace('_', '-')}" for name, those in strange.items() if those == takers)
        told, held = " or ".join(map(with_article, takers)), with_article(estimator.task)
        raise SettingError(f"{flags} is for {told}, and {model} holds {held}")
    return asked


def check_form(estimator: "Estimator", X: Any, name: str) -> None:
    """Refuse a table for a model of pictures, and the other way round."""
    from ..data.codec import form_of

    if estimator.codec_.form in ("sounds", "strings") and form_of(X) == "table" and hasattr(X, "columns"):
        return  # it may have a column of paths or of texts, which the codec looks for
    forms = {"table": "tables", "pictures": "pictures", "strings": "texts", "sounds": "sounds"}
    learned, given = forms.get(estimator.codec_.form or ""), forms.get(form_of(X) or "")
    if learned and given and learned != given:
        raise DataError(f"this model takes {learned}, and {name} holds {given}; give {learned}, or another model")


def answers(
    estimator: "Estimator", X: Any, names: list[Any], *, heading: str, proba: bool, on_error: str
) -> list[dict[str, Any]]:
    """One record a row: what it is, what is answered, the probabilities asked for, and why a row was skipped."""
    import numpy as np

    skip: dict[str, Any] = {"on_error": on_error}
    fitted: Any = estimator
    said = fitted.predict(X, **skip)
    reasons = getattr(estimator, "skipped_", {}) if on_error == "skip" else {}
    records: list[dict[str, Any]] = []
    single = np.ndim(said) < 2 or isinstance(said, list)
    for number, (name, answer) in enumerate(zip(names, said, strict=True)):
        if number in reasons:
            answer = None if single else [None] * len(answer)
        given = {"prediction": answer} if single else several("prediction", answer, estimator)
        records.append(finite({heading: name, **given}))
    if proba:
        if not hasattr(fitted, "predict_proba"):
            raise SettingError(f"{estimator.model_name} gives no probabilities; leave --proba out")
        for record, row in zip(records, fitted.predict_proba(X, **skip).tolist(), strict=True):
            record |= {f"probability {c}": finite(p) for c, p in zip(fitted.classes_.tolist(), row, strict=True)}
    if reasons:
        for number, record in enumerate(records):
            record["error"] = reasons.get(number, "")
    return records


def doubt(
    estimator: "Estimator",
    X: Any,
    records: list[dict[str, Any]],
    *,
    on_error: str,
    std: bool = False,
    interval: float | None = None,
) -> None:
    """Add to each record the deviation of its numbers, and the ends of an interval, where they are asked for."""
    import numpy as np

    fitted: Any = estimator
    added: dict[str, Any] = {}
    if std:
        added["std"] = fitted.predict(X, return_std=True, on_error=on_error)[1]
    if interval is not None:
        ends = fitted.predict_interval(X, level=interval, on_error=on_error)
        added |= {"lower": ends[..., 0], "upper": ends[..., 1]}
    for name, values in added.items():
        for record, found in zip(records, np.asarray(values).tolist(), strict=True):
            record |= finite(several(name, found, estimator) if isinstance(found, list) else {name: found})


def several(what: str, values: Iterable[Any], estimator: "Estimator") -> dict[str, Any]:
    """A column for each number of a row, called as the column that it was learned from, or by its place."""
    values, names = list(values), estimator.target_name_
    names = names if isinstance(names, list | tuple) else getattr(estimator.target_, "names", None) or ()
    named = names if len(names) == len(values) else range(len(values))
    return {f"{what} {name}": value for name, value in zip(named, values, strict=True)}


def _inputs(
    estimator: "Estimator", configuration: dict[str, Any], data: list[str], texts: list[str], on_error: str
) -> tuple[str, list[Any], Any]:
    """(what a row is called, the rows' names, raw inputs)."""
    kind = estimator.codec_.kind
    written = kind in ("text", "source_texts", "token_stream")
    if texts or (written and len(data) == 1 and data[0].lower().endswith(".txt")):
        if not written:
            takes = {"image": "pictures", "speech": "sounds", "video": "videos"}.get(kind, "tables")
            raise SettingError(f"this model takes {takes}, not --text")
        lines = texts or language.lines_of(Path(data[0]))
        return "text", lines, lines
    if estimator.task == speaking.TASK:
        return speaking.recordings_alone(estimator, data, on_error)
    if kind == "speech" or (kind in FILES and not is_table(data[0])):
        return _files(data, on_error, FILES[kind])
    if len(data) > 1:
        raise SettingError(f"one file of rows at a time; got {len(data)}: {' '.join(data[:5])}")
    if kind == "passages":
        from ..data.text.questions import open_questions

        X = open_questions(data[0]).X
        return "question", [question for question, _ in X], X
    return _rows(estimator, configuration, data[0])


def _rows(estimator: "Estimator", configuration: dict[str, Any], data: str) -> tuple[str, list[Any], Any]:
    from ..data.sources import names_of, open_source
    from .inputs import WRITERS, columns_of, texts_of, without

    if estimator.task == language.TASK:
        prompts = language.texts_given(estimator, configuration, data)
        return "text", prompts, prompts
    X = open_source(data, memory=estimator.memory, as_text=estimator.task in WRITERS).X
    gone = {*names_of(estimator.target_name_), *configuration.get("drop", ())}
    X = without(X, [c for c in columns_of(X) if c in gone], data)
    if estimator.codec_.kind == "text":
        X = texts_of(X, data)
    if estimator.codec_.kind == "image" and isinstance(X, list):
        return "picture", [str(path) for path in X], X
    return "row", list(range(len(X))), X


def _files(data: list[str], on_error: str, what: str) -> tuple[str, list[Any], Any]:
    """Pictures, sounds or videos one by one, or of folders; with `skip`, unreadable ones are left for the model."""
    from ..data.audio.sounds import SOUNDS, sounds_in
    from ..data.images.video_files import VIDEOS, videos_in
    from ..data.sources import PICTURES, open_source, pictures_in

    kinds: dict[str, Any] = {"sound": (SOUNDS, sounds_in), "video": (VIDEOS, videos_in)}
    suffixes, inside = kinds.get(what, (PICTURES, pictures_in))
    found: list[Any] = []
    for given in data:
        path = Path(given)
        if path.is_dir() and on_error == "skip":
            folders = [path, *sorted(p for p in path.iterdir() if p.is_dir())]
            found += [p for folder in folders for p in inside(folder)]
        elif path.suffix.lower() in suffixes and path.exists():
            found.append(path)
        else:
            X = open_source(given).X
            if not isinstance(X, list):
                if len(data) > 1:
                    raise SettingError(f"{given}: one file of arrays at a time, or {what}s")
                return "row", list(range(len(X))), X
            found += X
    if not found:
        raise FileError(f"{' '.join(data[:5])}: there are no {what}s here; give {what}s, or a folder of them")
    return what, [str(p) for p in found], found
