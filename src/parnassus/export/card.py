"""A model's card: what it is, what it learned from, how good it is, and what it is not for."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..data.sources import Columns
from ..estimators.fitting.identity import versions
from ..estimators.judging.reporting import changed_params
from ..estimators.protocol import fitted
from ..evaluation.result import Evaluation
from ..files import write_text

if TYPE_CHECKING:
    from ..estimators.base import Estimator

SEEN_SELDOM = 30  # rows (pixels, boxes) of a class below which the card says so


def write_card(
    estimator: "Estimator",
    path: str | os.PathLike,
    X: Any = None,
    y: Any = None,
    *,
    target: Columns | None = None,
    data: str = "the data",
    learned: str = "",
    command: str | None = None,
    meant_for: str = "",
    measured: tuple[Evaluation, str] | None = None,
) -> Evaluation | None:
    """Write a model card in Markdown; returns the evaluation on rows X, y, or on those that fit held out, if any.

    Parameters
    ----------
    data : the name of the rows that X, y are; without them, of those that fit learned from.
    learned : the name of the rows that fit learned from, where X, y are others.
    command : how to make the model again; without it, the estimator's settings in Python.
    meant_for : what the model is to be used for, in your words; a line asks for it where it is empty.
    measured : an evaluation that was made before, and the name of its rows, where X, y are not given.
    """
    held = X is None
    rows = held_rows(fitted(estimator)) if held else (X, y)
    where = "rows held out of training" if held else data
    evaluation = estimator.evaluate(rows[0], rows[1], target=target) if rows is not None else None
    if evaluation is None and measured is not None:
        evaluation, where = measured
    lines = [
        *about(estimator, learned or (data if held else ""), meant_for),
        *judged(evaluation, where),
        *limits(estimator, evaluation),
        *again(estimator, command),
    ]
    write_text(path, "\n".join(lines) + "\n")
    return evaluation


def held_rows(estimator: "Estimator") -> tuple[Any, Any] | None:
    """The rows that fit held out, where they are still at hand."""
    held = getattr(estimator, "held_", None)
    return None if held is None else (held.X, held.y)


def about(estimator: "Estimator", data: str, meant_for: str) -> list[str]:
    """The head: what the model is, what it takes and answers, what it learned from."""
    told = estimator.data_
    n = sum(p.numel() for p in estimator.objective_.parameters())
    task = estimator.task.replace("_", " ")
    name = getattr(estimator.model, "name", estimator.model_name)
    lines = [
        f"# {task.capitalize()}: {name}",
        "",
        f"- Made with Parnassus {versions()['parnassus']} on {datetime.now(UTC):%Y-%m-%d}.",
        f"- Meant for: {meant_for or '(say here what it is to be used for, and by whom)'}",
        f"- Model: {name}, {n:,} parameters, {len(estimator.history_)} epochs, seed {estimator.seed}.",
        f"- Takes: {taken(estimator)}",
        f"- Learned from: {told['n_rows']:,} rows{data and f' of {data}'}; fingerprint `{told['fingerprint']}`.",
    ]
    target: Any = estimator.target_
    classes = getattr(target, "classes", getattr(target, "labels", None))
    if classes is not None:
        lines.append(f"- Answers: {named([str(c) for c in classes])}.")
    return [*lines, ""]


def taken(estimator: "Estimator") -> str:
    """What rows are, in words."""
    codec: Any = estimator.codec_
    if codec.kind == "table":
        return f"tables of {codec.n_columns} columns: {named(codec.schema.names)}."
    if codec.kind == "image":
        channels, height, width = codec.shape
        return f"{'grey' if channels == 1 else 'coloured'} pictures, brought to {height} x {width}."
    return f"what the codec {codec!r} reads."


def named(names: Sequence[str], most: int = 20) -> str:
    """Names in a row, the many cut short."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more


def judged(evaluation: Evaluation | None, where: str) -> list[str]:
    """The numbers, with intervals, beside the trivial baseline's."""
    if evaluation is None:
        return ["## How good it is", "", "Not measured: no rows were held out, and none were given.", ""]
    lines = [
        "## How good it is",
        "",
        f"On {evaluation.n_rows:,} rows ({where}); the baseline is {evaluation.baseline}.",
        "",
        f"| metric | value | {evaluation.confidence:.0%} interval | baseline |",
        "|---|---|---|---|",
    ]
    for m in evaluation.metrics:
        between = "" if m.low is None else f"{m.text(m.low)} to {m.text(m.high)}"
        lines.append(f"| {m.title} | {m.text(m.value)} | {between} | {m.text(m.baseline)} |")
    notes = [f"- {note}" for note in evaluation.notes]
    return [*lines, "", *notes, *([""] if notes else [])]


def limits(estimator: "Estimator", evaluation: Evaluation | None) -> list[str]:
    """What follows from the data and the numbers: seldom classes, undecided metrics, columns dropped, other ranges."""
    found = ["It answers for rows like those it learned from; on others nothing was measured."]
    target: Any = estimator.target_
    names, counts = getattr(target, "classes", getattr(target, "labels", None)), getattr(target, "counts", None)
    if names is not None and counts is not None:
        seldom = [str(c) for c, k in zip(names, counts, strict=True) if k < SEEN_SELDOM]
        if seldom:
            what = {"masks": "pixels of training", "boxes": "boxes of training"}.get(target.kind, "training rows")
            found.append(f"Seen in fewer than {SEEN_SELDOM} {what}: {named(seldom)}.")
        found.append("A row of a class that is not listed gets one of the listed ones all the same.")
    if evaluation is not None and evaluation.metrics:
        first = evaluation.metrics[0]
        if first.verdict != "better":
            found.append(f"{first.title} is not beyond doubt better than the baseline's.")
    codec: Any = estimator.codec_
    if codec.kind == "table":
        gone = [spec["name"] for spec in codec.columns if spec["kind"] == "constant"]
        found += [f"Columns that never varied in training are not looked at: {named(gone)}."] if gone else []
        wide = [s for s in codec.columns if s["kind"] == "number" and s.get("low") is not None]
        if wide:
            shown = [f"`{s['name']}` {s['low']:.4g} to {s['high']:.4g}" for s in wide[:8]]
            more = f" (and {len(wide) - 8} more columns)" if len(wide) > 8 else ""
            found.append(f"Ranges seen in training: {'; '.join(shown)}{more}.")
    return ["## Limits", "", *(f"- {line}" for line in found), ""]


def again(estimator: "Estimator", command: str | None) -> list[str]:
    """How to make the model again, and what with."""
    from ..insight.report import code_of

    made = command or code_of(estimator)
    changed = changed_params(estimator)
    settings = [f"- {name}: `{value!r}`" for name, value in changed.items()]
    made_with = ", ".join(f"{k} {v}" for k, v in estimator.versions_.items())
    head = ["## How it was made", "", "```", made, "```", ""]
    return [*head, *settings, *([""] if settings else []), f"Versions: {made_with}."]
