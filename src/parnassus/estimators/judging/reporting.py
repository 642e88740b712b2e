"""A fitted estimator's report: how good it is on given rows, what it was trained on, what it gets wrong."""

import base64
import io
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from ...data.audit import WRITTEN, audit
from ...data.images.image import Image
from ...data.tables.chunks import Chunks
from ...data.targets import Labels, Multilabel, Numbers
from ...data.text.pieces import columns_of
from ...errors import SettingError
from ...evaluation.result import Evaluation
from ...files import write_text
from ...objectives.bayes.predictive import Solved
from ...train.distributed import first_writes
from ..answers.using import outputs_of
from ..fitting.identity import versions
from ..fitting.intake import Examples, as_coded, take_rows
from .diagnosis import by_gradient, diagnosis_of

if TYPE_CHECKING:
    from ..base import Estimator

N_EXAMPLES = 12
N_COLUMNS = 8
LONGEST = 200  # characters of a text that the page shows
TASKS = {"hmm": "HMM"}  # that are no plain words
WITH_PLACES = ("detector", "segmenter", "keypoint_finder")  # tasks whose answers move with their pictures
MOST_SETTINGS = 12  # of those that the evidence chose; a scale for each of many columns would be a page
AUDITED = 50_000  # rows that the audit looks at


def write_report(
    estimator: "Estimator",
    path: str | os.PathLike,
    examples: Examples,
    evaluation: Evaluation,
    *,
    evaluated_on: str,
    data: str,
    title: str | None,
    command: str | None,
    train: Examples | None = None,
) -> None:
    """Write the page: `examples` are the rows evaluated, `train` those learned from, where they are at hand."""
    from ...insight.report import Report, code_of, render_report

    audited = train or examples
    if hasattr(estimator, "taken_apart"):  # of tasks that read tables with a row a step
        examples, audited = estimator.taken_apart(examples), Examples(audited.X)
    if len(audited) > AUDITED:
        audited = audited.take(np.arange(AUDITED))
    report = Report(
        title=title or f"{TASKS.get(estimator.task, estimator.task.capitalize().replace('_', ' '))} on {data}",
        task=estimator.task,
        model=estimator.model_name,
        data=data,
        n_rows={"training": int(estimator.data_["n_rows"]), "evaluated": len(examples)},
        evaluation=cast(Any, evaluation),
        evaluated_on=evaluated_on,
        findings=cast(Any, audit(as_coded(audited.X, estimator.codec_), audited.y, **answered_in(estimator))),
        parameters=changed_params(estimator)
        | {"epochs": len(estimator.history_), "seed": estimator.seed}
        | by_evidence(estimator),
        history=estimator.history_,
        best_epoch=estimator.best_epoch_,
        diagnosis=diagnosis_of(estimator, examples, by_heart=False) if by_gradient(estimator) else None,
        n_parameters=sum(p.numel() for p in estimator.objective_.parameters()) or None,
        seconds=estimator.seconds_,
        figures=more_figures(estimator, examples),
        examples=worst_examples(estimator, examples),
        features=features_of(estimator),
        environment=versions(),
        command=command or code_of(estimator),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    first_writes(path, lambda: write_text(path, render_report(report)))


def answered_in(estimator: "Estimator") -> dict[str, bool]:
    """Whether answers are quantities or texts, as an audit wants to know."""
    return {"quantities": isinstance(estimator.target_, Numbers), "texts": estimator.task in WRITTEN}


def more_figures(estimator: "Estimator", examples: Examples) -> dict[str, str]:
    """Title -> SVG of what this estimator's data call for: its own figures, pictures as training changes them."""
    own = getattr(estimator, "figures", None)  # of tasks whose answers are drawn, such as boxes
    if own is not None:
        return own(examples) | (changed_pictures(estimator, examples) if estimator.task in WITH_PLACES else {})
    return changed_pictures(estimator, examples)


def changed_pictures(estimator: "Estimator", examples: Examples) -> dict[str, str]:
    """Title -> SVG of pictures as training changes them, where it does."""
    if not isinstance(estimator.codec_, Image) or estimator.codec_.augmentation is None:
        return {}
    from ...insight.pictures import augmented_pictures, augmented_with_answers
    from ...insight.style import svg

    shown = examples.take(np.arange(min(4 if estimator.task not in WITH_PLACES else 2, len(examples))))
    if estimator.task in WITH_PLACES:
        drawn = augmented_with_answers(estimator.codec_, estimator.target_, shown.X, shown.y)
        return {"Pictures as training changes them, with the answers that follow.": svg(drawn)}
    return {"Pictures like these as training changes them.": svg(augmented_pictures(estimator.codec_, shown.X))}


def changed_params(estimator: "Estimator") -> dict[str, object]:
    """The settings that differ from their defaults."""
    defaults = type(estimator)().get_params(deep=False)
    given = estimator.get_params(deep=False)
    return {k: v for k, v in given.items() if repr(v) != repr(defaults[k]) and k not in ("out", "resume", "progress")}


def features_of(estimator: "Estimator") -> list[dict[str, object]]:
    """A line a column, where the inputs are a table."""
    columns = getattr(estimator.codec_, "columns", None)
    return columns[:100] if columns else []


def worst_examples(estimator: "Estimator", examples: Examples) -> list[Any]:
    """The rows that were answered worst, worst first."""
    from ...insight.report import Example

    if estimator.target_ is None:  # rows without answers are not answered wrong
        return []
    own = getattr(estimator, "worst", None)  # of tasks whose answers are no outputs of a net, such as texts
    if own is not None:
        return [
            Example(row=row, truth=truth, predicted=said, score=score, score_name=words, columns=look)
            for row, truth, said, score, words, look in own(examples, N_EXAMPLES)
        ]
    outputs, goal = outputs_of(estimator, examples.X), estimator.target_
    if isinstance(goal, Labels):
        probability, truth = goal.probabilities(outputs), goal.indices(examples.y)
        threshold = estimator.threshold_ if goal.loss_kind == "binary" else 0.5
        answered = np.asarray(goal.decide(probability, threshold=threshold))
        wrong = answered != goal.classes[truth]
        own = probability[np.arange(len(truth)), truth]
        order, measure = [int(i) for i in np.argsort(own) if wrong[i]][:N_EXAMPLES], "probability of the truth"
        names = goal.classes[truth]
        shown = [(str(names[i]), str(answered[i]), f"{own[i]:.3f}") for i in order]
    elif isinstance(goal, Multilabel):
        hot, probability = goal.multi_hot(examples.y), goal.probabilities(outputs)
        missed = np.abs(hot - probability).max(1)
        order, measure = [int(i) for i in np.argsort(-missed)[:N_EXAMPLES]], "largest error"
        said = goal.decide(probability, threshold=estimator.threshold_)
        names = [", ".join(map(str, goal.labels[row])) or "none" for row in hot]
        shown = [(names[i], _labels(goal, said, i), f"{missed[i]:.3f}") for i in order]
    else:
        predicted = goal.decode(outputs).reshape(len(outputs), -1)
        true = np.asarray(examples.y, dtype=np.float64).reshape(len(outputs), -1)
        error = np.abs(predicted - true).mean(1)
        order, measure = [int(i) for i in np.argsort(-error)[:N_EXAMPLES]], "off by"
        shown = [(_numbers(true[i]), _numbers(predicted[i]), f"{error[i]:.4g}") for i in order]
    raw = take_rows(examples.X, np.array(order, dtype=np.int64)) if order else []
    return [
        Example(row=row, truth=truth, predicted=said, score=score, score_name=measure, **_look(estimator, raw, i))
        for i, (row, (truth, said, score)) in enumerate(zip(order, shown, strict=True))
    ]


def _labels(goal: Multilabel, said: Any, row: int) -> str:
    chosen = goal.labels[np.asarray(said[row]).astype(bool)] if goal.form_given == "indicator" else said[row]
    return ", ".join(map(str, chosen)) or "none"


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{v:.4g}" for v in values)


def _look(estimator: "Estimator", raw: Any, i: int) -> dict[str, Any]:
    """How row i of `raw` is shown: as a picture, or by its columns."""
    one = take_rows(raw, np.array([i]))
    one = next(iter(one)) if isinstance(one, Chunks) else one
    if isinstance(estimator.codec_, Image):
        return {"picture": picture_uri(estimator.codec_, one)}
    if estimator.codec_.kind == "video":
        return {"columns": {"video": str(one[0]) if isinstance(one[0], str | os.PathLike) else f"{len(one[0])} frames"}}
    if estimator.codec_.kind == "sequences":
        steps = np.asarray(one[0])
        first = ", ".join(f"{v:.3g}" for v in steps.ravel()[:6])
        return {"columns": {"steps": len(steps), "begins": first + (" ..." if steps.size > 6 else "")}}
    if estimator.codec_.kind == "text":
        text = " / ".join(column[0] for column in columns_of(one))
        return {"columns": {"text": text if len(text) <= LONGEST else text[:LONGEST] + " ..."}}
    if estimator.codec_.kind == "speech" and not hasattr(one, "columns"):
        return {
            "columns": {"sound": str(one[0]) if isinstance(one[0], str | os.PathLike) else f"{len(one[0])} samples"}
        }
    values = one.iloc[0] if hasattr(one, "iloc") else one.row(0) if hasattr(one, "row") else np.asarray(one)[0]
    names = getattr(estimator, "feature_names_in_", [f"column {j}" for j in range(len(values))])
    return {"columns": {str(n): v for n, v in list(zip(names, list(values), strict=False))[:N_COLUMNS]}}


def picture_uri(codec: Image, one: Any) -> str:
    """The picture of one raw row, as the model sees it, as a PNG that a page can hold."""
    from PIL import Image as Pictures

    pixels = codec.encode(one).take(torch.zeros(1, dtype=torch.int64))["x"][0]
    if pixels.is_floating_point():
        pixels = (pixels * 255).round()
    array = pixels.byte().permute(1, 2, 0).numpy()
    picture = Pictures.fromarray(array[..., 0] if array.shape[2] == 1 else array[..., :3])
    scale = max(1, 96 // max(picture.size))
    picture = picture.resize((picture.width * scale, picture.height * scale), Pictures.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def report_on(
    estimator: "Estimator",
    path: str | os.PathLike,
    given: Examples | None,
    *,
    title: str | None = None,
    data: str = "the data",
    command: str | None = None,
    answers: bool = True,
) -> Evaluation:
    """Evaluate on the rows given, or on the validation rows, write the page, and return the numbers.

    answers : whether the audit looks at them; boxes and masks were checked when they came.
    """
    examples, evaluated_on = held_or_given(estimator, given)
    evaluation = estimator.evaluate(examples.X, examples.y, sample_weight=examples.weight)
    words: dict[str, Any] = {"evaluated_on": evaluated_on, "data": data, "title": title, "command": command}
    write_report(estimator, path, examples, evaluation, train=None if answers else Examples(examples.X), **words)
    return evaluation


def held_or_given(estimator: "Estimator", given: Examples | None) -> tuple[Examples, str]:
    """The rows to report on, and what they are in words."""
    if given is not None:
        return given, "rows given for evaluation"
    if estimator.held_ is None:
        raise SettingError("a report needs rows that training has not seen: give X and y, or fit with validation=0.2")
    chosen = ["the epoch to stop at"] if estimator.patience else []
    chosen += ["the threshold"] if isinstance(getattr(estimator, "threshold", None), str) else []
    caveat = f" (and that chose {' and '.join(chosen)}, so that scores are a little too good)" if chosen else ""
    return estimator.held_, f"validation rows held out of training{caveat}"


def by_evidence(estimator: "Estimator") -> dict[str, Any]:
    """What the evidence chose for a model that is solved for, of standardised columns, and the evidence itself."""
    objective = estimator.objective_
    if not isinstance(objective, Solved):
        return {}
    settings = list(getattr(objective, "settings", {}).items())[:MOST_SETTINGS]
    found = {f"learned {name}": value for name, value in settings}
    return found | {"log evidence": float(objective.log_evidence)}
