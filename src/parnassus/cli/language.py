"""Texts of a language model on the command line: what is learned from, and what is written on from prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, FileError, ParnassusError, SettingError

if TYPE_CHECKING:
    from ..data.sources import Columns
    from ..estimators.fitting.intake import Examples

TASK = "language_model"


def texts_alone(path: str, target: "Columns | None", drop: Sequence[str]) -> "Examples":
    """The texts of a file, of a folder or of a table's column, which have no answers."""
    from ..estimators.fitting.intake import Examples
    from ..estimators.fitting.texts import texts_at

    texts, column = texts_at(path, target, drop=drop)
    return Examples(texts, target=column)


def lines_of(path: Path) -> list[str]:
    """The lines of a text file that are not empty."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text ({error}); give one text a line") from error
    if not lines:
        raise FileError(f"{path} holds no text; give one text a line")
    return lines


def refuse_lone(examples: "Examples", path: str) -> None:
    """Refuse one text, of which no part can be kept for a test."""
    if len(examples) < 2:
        raise DataError(
            f"{path} holds one text, of which nothing can be kept for a test; part its paragraphs by empty lines, or "
            "give --test 0"
        )


def texts_again(estimator: Any, configuration: dict[str, Any], path: str, target: "Columns | None") -> "Examples":
    """Texts for a model that has learned; of a table, the column that it learned from unless another is named."""
    from ..data.sources import TABLES

    if Path(path).suffix.lower() not in TABLES:
        return texts_alone(path, target, ())
    column = target or estimator.target_name_
    return texts_alone(path, column, () if column else configuration.get("drop", ()))


def texts_given(estimator: Any, configuration: dict[str, Any], path: str) -> list[str]:
    """Texts to answer for, where no flag names a column."""
    try:
        return texts_again(estimator, configuration, path, None).X
    except DataError as error:
        told = str(error).replace("name the one that holds the texts by target=", "give a table of texts alone")
        raise DataError(told) from error


def written(
    estimator: Any, prompts: list[str], settings: dict[str, Any], *, proba: bool, on_error: str
) -> list[dict[str, Any]]:
    """One record a prompt: the prompt with what follows it, and with "skip" why there is nothing."""
    if proba:
        raise SettingError("what is written has no classes; leave --proba out, or take log_prob in Python")
    try:
        texts = estimator.generate(prompts, **settings)
    except ParnassusError as error:
        if on_error != "skip":
            raise
        if len(prompts) == 1:
            return [{"text": prompts[0], "prediction": None, "error": str(error)}]
        return [row for one in prompts for row in written(estimator, [one], settings, proba=False, on_error=on_error)]
    said = [{"text": prompt, "prediction": text} for prompt, text in zip(prompts, texts, strict=True)]
    return [row | {"error": ""} for row in said] if on_error == "skip" else said
