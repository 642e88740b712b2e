"""What a recogniser's alignment becomes: tiers of words and of units, in seconds of each recording."""

import os
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.audio.recordings import recordings
from ...data.audio.sounds import Sounds
from ...data.audio.speech import Speech
from ...data.shards import as_file, stream_of
from ...errors import SettingError
from ...evaluation.alignment import Alignment
from ..protocol import fitted

if TYPE_CHECKING:
    from ..speech_recognizer import Segment, SpeechRecognizer


def alignments_of(
    recognizer: "SpeechRecognizer", X: Any, transcripts: Any, *, heard: bool, frame_seconds: float | None
) -> list[Alignment]:
    """`SpeechRecognizer.alignments`."""
    codec = fitted(recognizer).codec_
    if isinstance(codec, Speech) == (frame_seconds is not None):
        raise SettingError(
            "the codec of sounds knows how long a frame is; leave frame_seconds out"
            if frame_seconds is not None
            else "arrays of features do not say how long a frame is; give frame_seconds=0.01, or whatever it is"
        )
    if heard:
        sounds = recordings(X, (), target=recognizer.target_name_, codec=codec)[0]
        texts = recognizer.transcribe(sounds)
    else:
        given = recognizer._examples(X, transcripts, recognizer.target_name_ if transcripts is None else None)
        sounds, texts = given.X, given.y
    texts = recognizer.target_.checked(texts)
    spoken = [i for i, text in enumerate(texts) if text]
    rows: dict[int, list[Segment]] = {}
    if spoken:
        some: Any = [sounds[i] for i in spoken]
        some = Sounds(some, sounds.sample_rate) if isinstance(sounds, Sounds) else some
        rows = dict(zip(spoken, recognizer.align(some, [texts[i] for i in spoken]), strict=True))
    words = recognizer.target_.known.kind == "words"
    names = apart([name_of(sounds[i], i) for i in range(len(texts))])
    found = []
    for i, text in enumerate(texts):
        duration, scale = seconds_of(sounds, i, codec, frame_seconds), frame_seconds or 1.0
        segments = [(u, min(a * scale, duration), min(b * scale, duration)) for u, a, b in parted(rows.get(i, []))]
        tiers = {"words": segments} if words else tiers_of(segments, text)
        found.append(Alignment(tiers, duration, names[i]))
    return found


def parted(segments: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """The same segments, those that begin together in equal parts: a transducer writes several units in a frame.

    >>> parted([("a", 0.0, 1.0), ("b", 0.0, 2.0), ("c", 2.0, 3.0)])
    [('a', 0.0, 1.0), ('b', 1.0, 2.0), ('c', 2.0, 3.0)]
    """
    found = []
    for start, group in groupby(segments, itemgetter(1)):
        own = list(group)
        end = max(one[2] for one in own)
        cuts = [start + (end - start) * k / len(own) for k in range(len(own) + 1)]
        found += [(one[0], cuts[k], cuts[k + 1]) for k, one in enumerate(own)]
    return found


def tiers_of(segments: list[tuple[str, float, float]], text: str) -> dict[str, list[tuple[str, float, float]]]:
    """Words, spelled as in the text, and their units, from segments of units and of the spaces between words."""
    words: list[tuple[str, float, float]] = []
    apart = True
    for unit, start, end in segments:
        if unit != " ":
            name, first = ("", start) if apart else words.pop()[:2]
            words.append((name + unit, first, end))
        apart = unit == " "
    named = text.split()
    if len(named) == len(words):  # units of a lexicon do not spell the word
        words = [(name, start, end) for name, (_, start, end) in zip(named, words, strict=True)]
    return {"words": words, "units": [segment for segment in segments if segment[0] != " "]}


def seconds_of(sounds: Any, row: int, codec: Any, frame_seconds: float | None) -> float:
    """How long a recording lasts: a file by its header, an array by its rate."""
    one = sounds[row]
    if frame_seconds is not None:
        return len(one) * frame_seconds
    if isinstance(one, str | os.PathLike):
        import soundfile

        return float(soundfile.info(stream_of(as_file(one))).duration)
    return len(one) / float(sounds.sample_rate if isinstance(sounds, Sounds) else codec.sample_rate)


def name_of(recording: Any, row: int) -> str:
    """A name without spaces, which part the columns of CTM: the file's, or the row's number."""
    name = Path(str(recording)).stem if isinstance(recording, str | os.PathLike) else f"recording{row}"
    return "_".join(name.split())


def apart(names: list[str]) -> list[str]:
    """The same names, those that came before with a number.

    >>> apart(["a", "b", "a"])
    ['a', 'b', 'a-2']
    """
    found: list[str] = []
    for name in names:
        number, new = 1, name
        while new in found:
            number += 1
            new = f"{name}-{number}"
        found.append(new)
    return found
