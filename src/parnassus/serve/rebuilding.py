"""What an autoencoder answers: how odd an input is, how it is rebuilt, its code, and what stands in a row's gaps."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..data.tables.holed import HoledTable
from ..objectives.generative.text_autoencoder import TextReconstruction
from .answers import Answer, drawn, plain
from .fields import fields_of
from .inputs import Json


def of_autoencoder(estimator: Any) -> tuple[Answer, Json]:
    """The score of each input, whether it lies beyond the threshold, its code, and what the code gives back.

    Bags of words are not rebuilt: they come back as a number for each word known. Of rows that may have gaps those that
    were sent as null are filled.
    """
    bags = estimator.codec_.form == "strings" and not isinstance(estimator.objective_, TextReconstruction)
    filling = filler_of(estimator)

    def answer(X: Any) -> list[Json]:
        beyond = float(estimator.threshold_)
        scores = estimator.anomaly_score(X)
        odd = ~(scores <= beyond)  # what is too far out for a finite score is odd
        each = zip(plain(scores), odd.tolist(), plain(estimator.encode(X)), strict=True)
        found = [{"score": score, "threshold": beyond, "odd": is_odd, "code": code} for score, is_odd, code in each]
        parts: dict[str, list[Any]] = {} if bags else {"reconstruction": rebuilt(estimator, X)}
        parts |= {"filled": filling(X)} if filling is not None else {}
        for name, values in parts.items():
            found = [one | {name: value} for one, value in zip(found, values, strict=True)]
        return found

    properties: Json = {
        "score": {"type": ["number", "null"]},
        "threshold": {"type": "number"},
        "odd": {"type": "boolean", "description": "whether the score is above the threshold"},
        "code": {"type": "array"},
    }
    properties |= {} if bags else {"reconstruction": rebuilt_schema(estimator.codec_)}
    properties |= {"filled": {"type": "object", "description": "what stands for each null"}} if filling else {}
    return answer, {"type": "object", "properties": properties}


def rebuilt(estimator: Any, X: Any) -> list[Any]:
    """Each input by way of its code; sequences without the steps that only longer ones beside them have."""
    made = drawn(estimator.reconstruct(X))
    return [row[: len(x)] for row, x in zip(made, X, strict=True)] if estimator.codec_.kind == "sequences" else made


def rebuilt_schema(codec: Any) -> Json:
    """The schema of an input that was rebuilt."""
    if codec.kind in ("image", "video"):
        url: Json = {"type": "string", "description": "a data URL: PNG"}
        frames = {"pictures": {"type": "array", "items": url}}
        return {"type": "object", "properties": {"picture": url} if codec.kind == "image" else frames}
    if codec.form == "strings":
        return {"type": "string"}
    return {"type": "array"} if codec.kind == "sequences" else {"type": ["object", "array"]}


def filler_of(estimator: Any) -> Callable[[Any], list[Json]] | None:
    """A function from rows to what stands in the gaps of each, by column; None where rows have no gaps.

    Each row is filled by itself, since a VAE draws codes for it: the draws must not depend on what waits beside it.
    """
    codec = estimator.codec_
    if not isinstance(codec, HoledTable):
        return None
    fields = fields_of(codec.schema, filled=True)

    def fill(X: Any) -> list[Json]:
        framed = hasattr(X, "iloc")
        gaps = X.isna().to_numpy() if framed else np.isnan(X)
        found: list[Json] = [{} for _ in range(len(gaps))]
        for i in np.flatnonzero(gaps.any(1)):
            made = estimator.impute(X.iloc[[i]] if framed else X[[i]])
            row = (made.iloc[0] if framed else made[0]).tolist()
            for j in np.flatnonzero(gaps[i]):
                found[i][fields[j].name] = bool(row[j]) if fields[j].kind == "boolean" else plain(row[j])
        return found

    return fill
