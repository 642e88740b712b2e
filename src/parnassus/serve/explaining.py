"""What an answer rests on: columns, words, moments of a sound and frames by leaving each out, pictures by a map."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ..errors import ParnassusError
from .files import Sound
from .inputs import Input, Json, Row, Text
from .videos import Clip

MOST_WORDS = 60
PATCHES = 7  # a side is covered in steps of half such a part, so that a large picture costs no more than a small one
SCENES = 10  # parts of the clip that a model sees of a video
MOMENTS = 20  # parts of a sound, but none shorter than SHORTEST
SHORTEST = 0.05  # seconds
PEAKS = 240  # of the wave as it is drawn
NOISE = 1e-6  # rounding of 32-bit sums: an effect below it is none


def explainer_of(
    estimator: Any, taken: Input, answer: Callable[[list[Any]], list[Json]]
) -> Callable[[list[Any]], list[Json]] | None:
    """A function from inputs to explanations, or None where nothing explains such answers."""
    task = getattr(estimator, "task", "")
    if isinstance(taken, Row) and task in ("classifier", "regressor"):
        return lambda items: [by_column(taken, item, answer) for item in items]
    if isinstance(taken, Text) and task in ("classifier", "regressor"):
        return lambda items: [by_word(item, answer) for item in items]
    if isinstance(taken, Sound) and task in ("classifier", "regressor"):
        return lambda items: [by_moment(item, taken.rate, answer) for item in items]
    if isinstance(taken, Clip) and task in ("classifier", "regressor"):
        return lambda items: [by_frames(taken, item, answer) for item in items]
    if taken.kind == "picture" and task == "classifier" and "in_channels" in getattr(estimator, "facts_", {}):
        return lambda items: [over_picture(estimator, item) for item in items]
    return None


def effects(answer: Callable[[list[Any]], list[Json]], whole: Any, others: list[Any]) -> tuple[str, list[float | None]]:
    """How much each replacement takes from the answer: of its label's probability, or of its value."""
    said = answer([whole, *others])
    first = said[0]
    if "probabilities" in first:
        label = first["label"] if "label" in first else first["probabilities"][0]["label"]
        numbers = [next(p["probability"] for p in one["probabilities"] if p["label"] == label) for one in said]
        return f"the probability of {label}", [clean(numbers[0] - n) for n in numbers[1:]]
    if not isinstance(first.get("value"), int | float):
        return "the answer", [None] * len(others)
    value = first["value"]
    return "the value", [clean(value - one["value"], NOISE * abs(value)) for one in said[1:]]


def clean(effect: float, noise: float = NOISE) -> float:
    """The effect, or 0 where it is rounding."""
    return effect if abs(effect) > noise else 0.0


def by_column(taken: Row, row: list[Any], answer: Callable[[list[Any]], list[Json]]) -> Json:
    """For each column, what its value adds beside the training rows' mean or commonest value."""
    usual = taken.example()
    used = [j for j, f in enumerate(taken.fields) if f.kind != "idle" and "not used" not in str(f.schema)]
    others = [[*row[:j], usual[j], *row[j + 1 :]] for j in used]
    what, found = effects(answer, row, others)
    names = [taken.fields[j].name for j in used]
    return {"of": what, "beside": "its usual value", "parts": ranked(names, found)}


def by_word(text: str, answer: Callable[[list[Any]], list[Json]]) -> Json:
    """For each word, what it adds beside the text without it; words in the order of the text."""
    spans = [m.span() for m in re.finditer(r"\w+", text)][:MOST_WORDS]
    try:
        what, found = effects(answer, text, [text[:a] + text[b:] for a, b in spans])
    except ParnassusError:  # a text may be nothing the model knows once a word is gone
        return {"of": "the answer", "beside": "the text without it", "parts": []}
    parts = [{"part": text[a:b], "effect": e} for (a, b), e in zip(spans, found, strict=True) if e is not None]
    return {"of": what, "beside": "the text without it", "parts": parts}


def by_moment(wave: np.ndarray, rate: int, answer: Callable[[list[Any]], list[Json]]) -> Json:
    """For each stretch of a sound, what it adds beside silence in its place; in seconds, in order, with the wave."""
    n = max(1, min(MOMENTS, round(len(wave) / rate / SHORTEST)))
    edges = np.linspace(0, len(wave), n + 1).astype(int)
    spans = list(pairwise(edges.tolist()))
    others = [np.concatenate([wave[:a], np.zeros(b - a, wave.dtype), wave[b:]]) for a, b in spans]
    what, found = effects(answer, wave, others)
    parts = [
        {"part": f"{a / rate:.2f} to {b / rate:.2f} s", "from": a / rate, "to": b / rate, "effect": e}
        for (a, b), e in zip(spans, found, strict=True)
        if e is not None
    ]
    top = float(np.abs(wave).max()) or 1.0
    peaks = [round(float(np.abs(part).max()) / top, 3) for part in np.array_split(wave, min(PEAKS, len(wave)))]
    return {"of": what, "beside": "silence in its place", "parts": parts, "wave": peaks}


def by_frames(taken: Clip, video: np.ndarray, answer: Callable[[list[Any]], list[Json]]) -> Json:
    """For each stretch of the frames that the model sees, what it adds beside blank ones in training's mean colour."""
    seen = taken.seen(video)
    blank = taken.codec.mean.flatten().round().to(torch.uint8).numpy()
    spans = [part.tolist() for part in np.array_split(seen, min(SCENES, len(seen)))]
    others = []
    for span in spans:
        other = video.copy()
        other[span] = blank
        others.append(other)
    what, found = effects(answer, video, others)
    names = [f"frame {s[0]}" if len(s) == 1 else f"frames {s[0]} to {s[-1]}" for s in spans]
    parts = [{"part": name, "effect": e} for name, e in zip(names, found, strict=True) if e is not None]
    return {"of": what, "beside": "blank frames of the mean colour", "parts": parts}


def ranked(names: list[str], found: list[float | None]) -> list[Json]:
    """Parts with their effects, the largest first."""
    known = [{"part": n, "effect": e} for n, e in zip(names, found, strict=True) if e is not None]
    return sorted(known, key=lambda p: -abs(float(str(p["effect"]))))


def over_picture(estimator: Any, picture: Any) -> Json:
    """The picture as the net saw it, with red where it speaks for the answer and blue where it speaks against."""
    from ..insight.attribution import attribute
    from .answers import plain, png

    side = min(estimator.codec_.shape[1:])
    patch = min(max(side // PATCHES, 2), side)
    found = attribute(estimator, [picture], how="occlusion", patch=patch, stride=max(patch // 2, 1))
    heat = np.asarray(found.maps[0], dtype=np.float64)
    peak = np.abs(heat).max()
    heat = heat / peak if peak > 0 else heat
    pixels = np.asarray(found.pictures[0], dtype=np.float64)
    grey = (pixels.mean(-1) if pixels.ndim == 3 else pixels)[..., None] * np.ones(3)
    colour = np.where(heat[..., None] >= 0, [214.0, 39.0, 40.0], [31.0, 119.0, 180.0])
    weight = 0.75 * np.abs(heat)[..., None]
    mixed = (grey * (1 - weight) + colour * weight).round().clip(0, 255).astype(np.uint8)
    return {"of": f"the answer {plain(found.targets[0])}", "beside": "a patch covered", "picture": png(mixed)}
