"""What estimators answer, as JSON: labels with probabilities, values with intervals, texts, boxes, masks, forecasts."""

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SettingError
from .inputs import Json

Answer = Callable[[Any], list[Json]]
SHARES = {
    "type": "array",
    "items": {"type": "object", "properties": {"label": {}, "probability": {"type": "number"}}},
}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
OWN = ("prompt", "seed")  # what prompts that are written together may have of their own


def plain(value: Any) -> Any:
    """The same as JSON has it: Python's own kinds, null for what is not finite, times as ISO 8601."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return str(value).replace(" ", "T")
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def shares(labels: list[Any], probabilities: np.ndarray) -> list[Json]:
    """Labels with their probabilities, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable").tolist()
    return [{"label": labels[i], "probability": float(probabilities[i])} for i in order]


# --- classes and numbers --------------------------------------------------------------------------


def of_classifier(estimator: Any) -> tuple[Answer, Json]:
    """A label, or the labels of several, and each one's probability where the model knows of probabilities."""
    several = getattr(estimator.target_, "loss_kind", "") == "multilabel"
    key = "labels" if several else "label"
    likely = hasattr(estimator, "predict_proba")

    def answer(X: Any) -> list[Json]:
        if not likely:
            return [{key: plain(one)} for one in estimator.predict(X)]
        p = estimator.predict_proba(X)
        said = estimator.target_.decide(p, threshold=estimator.threshold_)
        names = plain(estimator.classes_)
        if several:
            said = [[names[j] for j in np.flatnonzero(row)] for row in p >= np.asarray(estimator.threshold_)]
        return [{key: plain(one), "probabilities": shares(names, row)} for one, row in zip(said, p, strict=True)]

    properties: Json = {key: {"type": "array"} if several else {"enum": plain(estimator.classes_)}}
    return answer, {"type": "object", "properties": properties | ({"probabilities": SHARES} if likely else {})}


def of_regressor(estimator: Any) -> tuple[Answer, Json]:
    """A value, or one for each output, and an interval where the model learned one."""
    spread = estimator.predict_interval if has_interval(estimator) else None

    def answer(X: Any) -> list[Json]:
        said = [{"value": value} for value in plain(estimator.predict(X))]
        ends = plain(spread(X)) if spread is not None else [None] * len(said)
        return [one | ({"interval": two} if two is not None else {}) for one, two in zip(said, ends, strict=True)]

    number = {"type": "number"}
    pair = {"type": "array", "items": {}, "minItems": 2, "description": "lower and upper end"}
    value = {"oneOf": [number, {"type": "array", "items": number}]}
    return answer, {"type": "object", "properties": {"value": value} | ({"interval": pair} if spread else {})}


def has_interval(estimator: Any) -> bool:
    """Whether a regressor knows how far off it may be: learned quantiles or noises, a distribution over its weights."""
    from ..data.gaussians import Gaussians
    from ..data.quantiles import Quantiles

    return isinstance(estimator.target_, Quantiles | Gaussians) or getattr(estimator, "inference", None) is not None


def of_conformal(estimator: Any) -> tuple[Answer, Json]:
    """An interval, or a set of classes, that holds the truth with a probability that was calibrated."""
    inner = estimator.estimator_
    if not hasattr(inner, "classes_"):

        def ends(X: Any) -> list[Json]:
            both = zip(plain(inner.predict(X)), plain(estimator.predict_interval(X)), strict=True)
            return [{"value": v, "interval": e, "level": estimator.level} for v, e in both]

        return ends, {"type": "object", "properties": {"value": {}, "interval": {}, "level": {"type": "number"}}}
    labelled, schema = of_classifier(inner)

    def sets(X: Any) -> list[Json]:
        both = zip(labelled(X), estimator.predict_set(X), strict=True)
        return [one | {"set": plain(held), "level": estimator.level} for one, held in both]

    more = {"set": {"type": "array"}, "level": {"type": "number"}}
    return sets, schema | {"properties": schema["properties"] | more}


# --- texts ----------------------------------------------------------------------------------------


def of_writer(verb: Callable[[Any], Any]) -> tuple[Answer, Json]:
    """A text for each input: translations, transcripts, captions."""
    return lambda X: [{"text": text} for text in verb(X)], TEXT


def of_tagger(estimator: Any) -> tuple[Answer, Json]:
    """Each word with its tag, or each step by its number."""
    steps = estimator.codec_.kind == "sequences"
    name, told = ("step", "integer") if steps else ("token", "string")

    def answer(X: Any) -> list[Json]:
        said = estimator.predict(X)
        return [
            {"tags": [{name: w, "tag": t} for w, t in zip(range(len(row)) if steps else row, tags, strict=True)]}
            for row, tags in zip(X, said, strict=True)
        ]

    one = {"type": "object", "properties": {name: {"type": told}, "tag": {"type": ["string", "integer"]}}}
    return answer, {"type": "object", "properties": {"tags": {"type": "array", "items": one}}}


def of_embedder(estimator: Any) -> tuple[Answer, Json]:
    """A vector for each text."""
    answer = lambda X: [{"vector": row} for row in plain(estimator.transform(X))]  # noqa: E731
    numbers = {"type": "array", "items": {"type": "number"}}
    return answer, {"type": "object", "properties": {"vector": numbers}}


def of_language_model(estimator: Any) -> tuple[Answer, Json]:
    """What follows each prompt; prompts of equal settings are written together, and do not depend on each other."""

    def answer(asked: list[Json]) -> list[Json]:
        said: list[Json] = [{}] * len(asked)
        groups: dict[str, list[int]] = {}
        for i, one in enumerate(asked):
            groups.setdefault(repr(sorted((k, v) for k, v in one.items() if k not in OWN)), []).append(i)
        for rows in groups.values():
            settings = {k: v for k, v in asked[rows[0]].items() if k not in OWN}
            seeds = [asked[i].get("seed", estimator.seed) for i in rows]
            texts = estimator.generate([asked[i].get("prompt", "") for i in rows], **settings, seed=seeds)
            for i, text in zip(rows, texts, strict=True):
                said[i] = {"text": text}
        return said

    return answer, TEXT


# --- groups, densities, vectors -------------------------------------------------------------------


def of_clusterer(estimator: Any) -> tuple[Answer, Json]:
    """The group of each row."""
    answer = lambda X: [{"group": k} for k in plain(estimator.predict(X))]  # noqa: E731
    return answer, {"type": "object", "properties": {"group": {"type": "integer"}}}


def of_hmm(estimator: Any) -> tuple[Answer, Json]:
    """The likeliest path of states of each sequence, and ln p of the sequence."""

    def answer(X: Any) -> list[Json]:
        both = zip(estimator.decode(X).path, estimator.log_prob(X), strict=True)
        return [{"states": plain(path), "log_prob": float(log_p)} for path, log_p in both]

    states = {"type": "array", "items": {"type": ["integer", "string"]}}
    return answer, {"type": "object", "properties": {"states": states, "log_prob": {"type": "number"}}}


def of_density(estimator: Any) -> tuple[Answer, Json]:
    """ln p of each row."""
    answer = lambda X: [{"log_density": p} for p in plain(estimator.score_samples(X))]  # noqa: E731
    return answer, {"type": "object", "properties": {"log_density": {"type": "number"}}}


def of_question_answerer(estimator: Any) -> tuple[Answer, Json]:
    """The best answers to each question, where they begin in its context, and how probable they are."""

    def answer(asked: Any) -> list[Json]:
        return [{"answers": [plain(one._asdict()) for one in found]} for found in estimator.n_best(asked, n=3)]

    kinds = {"text": "string", "start": "integer", "probability": "number", "score": "number"}
    one = {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
    return answer, {"type": "object", "properties": {"answers": {"type": "array", "items": one}}}


# --- pictures -------------------------------------------------------------------------------------


def of_detector(estimator: Any) -> tuple[Answer, Json]:
    """The boxes in each picture, best first, in its own pixels; with the masks and keypoints of a model of those."""

    def answer(X: Any) -> list[Json]:
        return [
            {
                "width": picture.width,
                "height": picture.height,
                "boxes": [things_of(found, i) for i in range(len(found))],
            }
            for picture, found in zip(X, estimator.predict(X), strict=True)
        ]

    box = {"type": "array", "items": {"type": "number"}, "description": "x1, y1, x2, y2"}
    points = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}, "description": "x, y of each"}
    mask = {"type": "string", "description": "a data URL: PNG, 255 where the thing is"}
    thing = {"label": {}, "score": {"type": "number"}, "box": box, "points": points, "mask": mask}
    one = {"type": "object", "properties": thing, "required": ["label", "score", "box"]}
    size = {"width": {"type": "integer"}, "height": {"type": "integer"}}
    return answer, {"type": "object", "properties": size | {"boxes": {"type": "array", "items": one}}}


def things_of(found: Any, i: int) -> Json:
    """What was found i-th: its label, score and box, and its keypoints and mask where there are some."""
    thing = {"label": plain(found.labels)[i], "score": float(found.scores[i]), "box": plain(found.boxes[i])}
    if found.points is not None:
        thing["points"] = plain(found.points[i])
    if found.masks is not None:
        thing["mask"] = png(found.masks[i].astype(np.uint8) * 255)
    return thing


def of_segmenter(estimator: Any) -> tuple[Answer, Json]:
    """The class number of every pixel as a grey PNG, and each class's share of the picture."""
    classes = plain(estimator.classes_)

    def answer(X: Any) -> list[Json]:
        found = []
        for mask in estimator.predict(X):
            counts = [(mask == c).sum() for c in classes]
            part = [{"label": c, "share": float(n / mask.size)} for c, n in zip(classes, counts, strict=True)]
            found.append({"mask": png(mask.astype(np.uint8)), "classes": part})
        return found

    part = {"type": "object", "properties": {"label": {}, "share": {"type": "number"}}}
    mask = {"type": "string", "description": "a data URL: PNG whose grey values are class numbers"}
    return answer, {"type": "object", "properties": {"mask": mask, "classes": {"type": "array", "items": part}}}


def of_keypoint_finder(estimator: Any) -> tuple[Answer, Json]:
    """Where each keypoint of a picture is, in its own pixels, and how much of its heat lies there."""

    def answer(X: Any) -> list[Json]:
        places, heat = plain(estimator.predict(X)), plain(estimator.heat(X))
        return [
            {"points": [{"x": x, "y": y, "heat": h} for (x, y), h in zip(points, own, strict=True)]}
            for points, own in zip(places, heat, strict=True)
        ]

    one = {"type": "object", "properties": {name: {"type": "number"} for name in ("x", "y", "heat")}}
    return answer, {"type": "object", "properties": {"points": {"type": "array", "items": one}}}


def of_image_translator(estimator: Any) -> tuple[Answer, Json]:
    """Each picture made into the kind that was asked for, as PNG."""

    def answer(asked: list[tuple[str, Any]]) -> list[Json]:
        said: list[Json] = [{}] * len(asked)
        for kind in {to for to, _ in asked}:
            rows = [i for i, (to, _) in enumerate(asked) if to == kind]
            for i, made in zip(rows, estimator.translate([asked[i][1] for i in rows], to=kind), strict=True):
                said[i] = {"picture": png(made), "to": kind}
        return said

    url = {"type": "string", "description": "a data URL: PNG"}
    return answer, {"type": "object", "properties": {"picture": url, "to": {"enum": sides_of(estimator)}}}


def sides_of(estimator: Any) -> list[str]:
    """The kinds that pictures can be made into."""
    return sorted(estimator.objective_.sides)


def of_generator(estimator: Any) -> tuple[Answer, Json]:
    """Rows drawn anew: pictures as PNG, others as they are."""

    def answer(asked: list[Json]) -> list[Json]:
        return [{"samples": drawn(estimator.sample(**({"n": 1} | one)))} for one in asked]

    return answer, {"type": "object", "properties": {"samples": {"type": "array", "items": {}}}}


def drawn(samples: Any) -> list[Any]:
    """Samples as JSON."""
    if isinstance(samples, np.ndarray) and samples.dtype == np.uint8 and samples.ndim in (3, 4):
        return [{"picture": png(pixels)} for pixels in samples]
    if isinstance(samples, np.ndarray) and samples.dtype == np.uint8 and samples.ndim == 5:
        return [{"pictures": [png(pixels) for pixels in video]} for video in samples]
    return records(samples)


def png(pixels: np.ndarray) -> str:
    """A picture as a data URL."""
    from PIL import Image

    file = io.BytesIO()
    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def records(table: Any) -> list[Any]:
    """A frame as a list of objects, an array as a list."""
    if hasattr(table, "to_dict"):
        frame = table.to_frame() if not hasattr(table, "columns") else table
        return plain(frame.to_dict("records"))
    found = plain(table)
    return found if isinstance(found, list) else [found]


# --- series ---------------------------------------------------------------------------------------


def of_forecaster(estimator: Any) -> tuple[Answer, Json]:
    """The next steps, after a history that was sent or the series of fit, and quantiles where they are asked for."""

    def answer(asked: list[Json]) -> list[Json]:
        return [one_forecast(estimator, dict(one)) for one in asked]

    return answer, {"type": "object", "properties": {"forecast": {"type": "array"}, "quantiles": {}}}


def one_forecast(estimator: Any, asked: Json) -> Json:
    """Steps ahead of one request."""
    levels, X, horizon = asked.get("quantiles"), asked.get("history"), asked.get("horizon")
    said: Json = {"forecast": records(estimator.predict(horizon, X=X))}
    if levels is not None:
        ahead = estimator.predict(horizon, X=X, quantiles=levels)
        bare = isinstance(ahead, np.ndarray)
        said["quantiles"] = {f"{q:g}": plain(ahead[..., j]) for j, q in enumerate(levels)} if bare else records(ahead)
    return said


def of_anomalies(estimator: Any) -> tuple[Answer, Json]:
    """How odd each step is, and which are odder than the threshold."""

    def answer(asked: list[Json]) -> list[Json]:
        found = []
        for one in asked:
            if "history" not in one:
                raise SettingError("an anomaly detector looks through a series; send it as history")
            score = estimator.anomaly_score(one["history"])
            odd = np.flatnonzero(score > estimator.threshold_)
            found.append({"scores": plain(score), "threshold": float(estimator.threshold_), "odd": plain(odd)})
        return found

    steps = {"type": "array", "items": {"type": "integer"}}
    scores = {"type": "array", "items": {"type": ["number", "null"]}}
    return answer, {"type": "object", "properties": {"scores": scores, "threshold": {"type": "number"}, "odd": steps}}
