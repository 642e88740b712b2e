"""Models of counts as ARPA files, which other tools read."""

import os
from pathlib import Path
from typing import Any

from ..data.text.arpa import END, START, UNKNOWN, write_arpa
from ..data.text.tokenizers import CLOSED
from ..errors import DataError, SettingError
from ..objectives.text.language import NGramCounting
from .graph import checked


def to_arpa(estimator: Any, path: str | os.PathLike) -> Path:
    """Write a fitted LanguageModel of "ngram" as an ARPA file, log10 p of its n-grams; `LanguageModel.read` takes it.

    The beginning of a text is "<s>" there, its end "</s>", and what is unknown "<unk>".

    Raises
    ------
    SettingError : the model is none of counts.
    DataError : it does not back off (Laplace's and Lidstone's), or its units are no words between spaces.
    """
    if getattr(estimator, "task", None) != "language_model":
        raise SettingError(
            f"ARPA files hold n-grams of a LanguageModel('ngram'); got {type(estimator).__name__}: write it by to_onnx"
        )
    objective, codec = checked(estimator, ("language_model",)).objective_, estimator.codec_
    if not isinstance(objective, NGramCounting) or objective.table is None:
        raise SettingError(f"{estimator.model_name} counts no n-grams, which ARPA files hold; write it by to_onnx")
    unit, known = codec.options["unit"], codec.tokenizer
    names = [known.name(i) for i in range(codec.end)]
    spaced = next((name for name in names[2:] if len(name.split()) != 1), None)
    if unit in CLOSED or spaced is not None:
        told = "" if spaced is None else f", such as {spaced!r}"
        raise DataError(f"ARPA files part units by spaces, and these are {unit}{told}; fit with unit='words'")
    clash = {START, END, UNKNOWN}.intersection(names[2:])
    if clash:
        raise DataError(
            f"the vocabulary holds {min(clash)!r}, which is a mark of ARPA files; leave it out of the texts"
        )
    write_arpa(objective.table, [START, UNKNOWN, *names[2:], END], path)
    return Path(path)
