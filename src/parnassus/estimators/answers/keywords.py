"""Words that a recogniser looks for in recordings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...data.audio.recordings import recordings
from ...data.audio.speech import Speech
from ...errors import SettingError
from ..protocol import fitted
from .using import spread, usable

if TYPE_CHECKING:
    from ..speech_recognizer import SpeechRecognizer


class Spotted(NamedTuple):
    """A word, when it begins and ends (in seconds, or in frames of features), and its score: 0 at best."""

    word: str
    start: float
    end: float
    score: float


def spots_of(
    recognizer: "SpeechRecognizer", X: Any, words: Sequence[str], *, threshold: float | None, on_error: str
) -> list[Any]:
    """`SpeechRecognizer.spot`."""
    objective: Any = fitted(recognizer).objective_
    codec = recognizer.codec_
    if not hasattr(objective, "spot"):
        raise SettingError(
            f"{recognizer.model_name} has no scores of frames to look for words in; choose one of ctc, gmm_hmm, "
            "hybrid, word_hmm, or attention"
        )
    if isinstance(words, str):
        raise SettingError(f"words is a list, such as [{words!r}]; got one text")
    asked = list(dict.fromkeys(recognizer.target_.normalized(words)))
    if not asked or "" in asked:
        raise SettingError("name the words to look for, at least one, and none of them empty")
    if threshold is not None and not threshold < 0:
        raise SettingError(f"threshold is below 0, the best score that a word can have; got {threshold!r}")
    if not hasattr(objective, "acoustic"):  # which looks words up in its lexicon
        asked = recognizer.target_.checked(asked)
    given = {} if threshold is None else {"threshold": threshold}
    X = recordings(X, (), target=recognizer.target_name_, codec=codec)[0]
    X, good = usable(recognizer, X, on_error)
    found = recognizer._asked(codec.encode(X), lambda batch: objective.spot(batch, asked, **given))
    scale = codec.analysis.hop / codec.sample_rate if isinstance(codec, Speech) else 1.0
    rows = [[Spotted(asked[s.word], s.start * scale, s.end * scale, s.score) for s in row] for row in found]
    return spread(rows, good)
