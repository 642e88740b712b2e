"""Recordings in, texts out; which model does it is one setting.

The contract of a model of the task "speech_recognizer": a builder whose facts are those of a view of sounds
(`step_features`) and `units`, the `Units` of the transcripts; it returns an `Objective` with these methods besides:

    transcribe(batch, **decoding) -> for each row a list of at most `n_best` pairs (text, score), best first; scores
        are log probabilities, or what stands for them. `decoding` is what the user gave: `n_best`, `beam`,
        `language_model`, `hot_words` and whatever else the objective names; what it does not know it refuses.
    align(batch) -> for each row a list of (unit, start_frame, end_frame), which frame of `batch["x"]` each unit of
        `batch["y"]` begins with, and the one behind its last.

A batch holds x (batch, time, step_features), lengths (batch,) and, where transcripts are known, y (batch, longest) of
ids and y_lengths (batch,). It may have `frames_needed(batch)` and `frames_given(batch)`, (batch,) each: rows that need
more than they have are refused before training. How a model likes its transcripts and sounds unless told otherwise is
in `HABITS`.
"""

import inspect
import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import nn

from ..data.audio.lexicon import read_lexicon
from ..data.audio.recordings import recordings
from ..data.audio.speech import Speech
from ..data.audio.transcripts import Transcripts
from ..data.codec import Codec, codec_for
from ..data.rows import Rows
from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..data.targets import check_lengths
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.alignment import Alignment
from ..evaluation.recognition import evaluate_recognition
from ..evaluation.result import Evaluation
from ..functional.edit_distance import align as aligned
from ..functional.edit_distance import error_rate
from ..registry import Spec
from ..train.phase import Objective
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import device_under, prepare, rows_of
from .fitting.intake import Examples, count_rows, examples_of, listed
from .fitting.training import threads_for
from .protocol import fitted

TOGETHER = 32  # recordings that are transcribed at a time


class Habits(NamedTuple):
    """What a model takes unless told otherwise: its units, and options of the codec of sounds."""

    units: str = "characters"
    sounds: dict[str, Any] = {}


CEPSTRA = {"features": "mfcc", "deltas": 2, "normalize": "utterance"}
NEURAL = Habits("characters", {"normalize": "utterance", "mask": 1})
HABITS = {
    "ctc": NEURAL,
    "attention": NEURAL,
    "transducer": NEURAL,
    "dtw": Habits("words", CEPSTRA),
    "word_hmm": Habits("words", CEPSTRA),
    "gmm_hmm": Habits("words", CEPSTRA),
    "hybrid": Habits("words", CEPSTRA),
}


class Segment(NamedTuple):
    """A unit or word, and when it begins and ends: in seconds, or in frames where a codec knows no seconds."""

    unit: str
    start: float
    end: float


class SpeechRecognizer(Estimator):
    """What is said in recordings, as text.

    Parameters
    ----------
    units : what texts are made of: "characters" or "words"; None takes what suits the model.
    lower : write everything in lower case.
    strip : characters of transcripts that are left out, such as ".,!?".
    **training : the settings that all estimators share; see `Estimator`. `codec` is `pn.Speech` with other options, or
        one of sequences of features.

    Attributes: `history_`, `units_` (the texts of all units).
    """

    default_models = {"speech": "ctc", "sequences": "ctc", "table": "ctc", "sounds": "ctc"}

    target_: Transcripts

    def __init__(
        self, model: Any = None, *, units: str | None = None, lower: bool = False, strip: str = "", **training: Any
    ) -> None:
        super().__init__(model, **training)
        self.units, self.lower, self.strip = units, lower, strip

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from recordings X and what is said in each, y.

        Parameters
        ----------
        X : a list of paths of sounds, arrays (with `codec=pn.Speech(sample_rate=...)`) or arrays of features; a table
            with a column of paths, or its path; a folder with a .txt beside each sound.
        y : one transcript a recording.
        target : the column of a table that holds the transcripts, in place of y.
        validation : a fraction to hold out, (X, y), or a path; watched by `patience`.
        sample_weight : how much each recording counts (rows,).

        Raises
        ------
        DataError : the data break a contract; the message names the recording and the remedy.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("SpeechRecognizer takes a model's name or pn.model(...), such as 'ctc'; not a module")
        examples = self._examples(X, y, target, sample_weight)
        if isinstance(validation, tuple):
            held = self._examples(validation[0], validation[1], None, validation[2] if len(validation) > 2 else None)
            validation = (held.X, held.y, held.weight)
        elif isinstance(validation, str) or hasattr(validation, "suffix"):
            held = self._examples(validation, None, target, None)
            validation = (held.X, held.y)
        kind = self.units or self._habits().units
        goal = Transcripts(units=kind, lower=self.lower, strip=self.strip, also=words_told(self.model, kind))
        ready = self._ready(examples, goal, validation, None)
        for rows, what in ((ready.rows, "row"), (ready.watched, "validation row")):
            self._refuse_short(rows, what)
        return self._train(ready)

    def _habits(self) -> Habits:
        given = self.model.name if isinstance(self.model, Spec) else self.model
        return HABITS.get(given or self.default_models["speech"], Habits())

    def _examples(self, X: Any, y: Any, target: Columns | None = None, sample_weight: Any = None) -> Examples:
        X, y, name = recordings(X, y, target=target, codec=self.codec)
        if y is None:
            raise DataError("there are no transcripts; give y, or target= the column that holds them")
        check_lengths(count_rows(X), count_rows(y))
        found = examples_of(X, list(listed(y)), sample_weight=sample_weight, memory=self.memory)
        return Examples(found.X, found.y, found.weight, None, name)

    def own_codec(self, X: Any) -> Codec:
        if self.codec is not None:
            return self.codec
        codec = codec_for(X)
        if codec.kind not in ("speech", "sequences"):
            raise DataError(
                f"X looks like {codec.kind}, and no recordings; give a list of paths of sounds, or of arrays with "
                "codec=pn.Speech(sample_rate=16000), or whatever their rate is"
            )
        return Speech(**self._habits().sounds) if isinstance(codec, Speech) else codec

    def _refuse_short(self, rows: Rows | None, what: str) -> None:
        """Refuses recordings with fewer frames than their transcripts need."""
        objective: Any = self.objective_
        if rows is None or not hasattr(objective, "frames_needed"):
            return
        first, device = 0, device_under(objective)
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
            batch = prepare(self, device, taken)
            needed, given = objective.frames_needed(batch), objective.frames_given(batch)
            short = (needed > given).nonzero()[:, 0].tolist()
            if short:
                i = short[0]
                text = self.target_.known.text(batch["y"][i].tolist())
                raise DataError(
                    f"{what} {first + i} has {int(given[i])} frames where the model reads them, and its transcript "
                    f"{text[:60]!r} needs {int(needed[i])}; leave it out, look whether the two belong together, or "
                    "subsample less"
                )
            first += len(needed)

    # --- use --------------------------------------------------------------------------------------

    @property
    def units_(self) -> list[str]:
        """The units that training knew, in the order of their ids from 1."""
        return list(fitted(self).target_.known.names[1:])

    def transcribe(
        self,
        X: Any,
        *,
        beam: int | None = None,
        n_best: int | None = None,
        language_model: Any = None,
        hot_words: Any = None,
        on_error: str = "raise",
        **decoding: Any,
    ) -> list[Any]:
        """What is said in each recording: a text a row, or with `n_best` a list of (text, score) a row, best first.

        Parameters
        ----------
        beam : how many beginnings of texts are followed side by side; None takes the model's own way.
        language_model : an n-gram model whose scores are added, such as `NGrams(2).fit(texts)`.
        hot_words : words that are made likelier, a list, or a dict from words to what they gain.
        on_error : "raise", or "skip" recordings that cannot be read, for which None comes back.
        **decoding : whatever else the model's way of decoding takes.
        """
        named = {"beam": beam, "n_best": n_best, "language_model": language_model, "hot_words": hot_words}
        decoding |= {k: v for k, v in named.items() if v is not None}
        for name, value in (("beam", beam), ("n_best", n_best)):
            if value is not None and value <= 0:
                raise SettingError(f"{name} is above 0; got {value!r}")
        objective: Any = fitted(self).objective_
        known = [name for name in inspect.signature(objective.transcribe).parameters if name != "batch"]
        for name in decoding.keys() - set(known):
            raise SettingError(f"{self.model_name} transcribes without {name!r}; {did_you_mean(name, known)}")
        X = recordings(X, (), target=self.target_name_, codec=self.codec_)[0]
        X, good = usable(self, X, on_error)
        found = self._asked(self.codec_.encode(X), lambda batch: objective.transcribe(batch, **decoding))
        return spread(found if n_best is not None else [row[0][0] for row in found], good)

    def predict(self, X: Any, *, on_error: str = "raise") -> list[Any]:
        """What is said in each recording, one text a row; None for rows that `on_error="skip"` passed over."""
        return self.transcribe(X, on_error=on_error)

    def align(self, X: Any, transcripts: Any = None, *, level: str = "units") -> list[list[Segment]]:
        """When each unit of the transcripts is said, a list of segments a recording.

        Parameters
        ----------
        transcripts : what is said in each, where X does not come with it.
        level : "units", or "words", which joins characters between spaces.
        """
        if level not in ("units", "words"):
            raise SettingError(f"level is 'units' or 'words'; got {level!r}")
        examples = self._examples(X, transcripts, fitted(self).target_name_ if transcripts is None else None)
        objective: Any = self.objective_
        rows = self._rows(examples)
        self._refuse_short(rows, "row")
        found = self._asked(rows, objective.align)
        seconds = self.codec_.analysis.hop / self.codec_.sample_rate if isinstance(self.codec_, Speech) else 1.0
        each = [[Segment(u, start * seconds, end * seconds) for u, start, end in row] for row in found]
        return each if level == "units" or self.target_.known.kind == "words" else [words_of(row) for row in each]

    def alignments(
        self, X: Any, transcripts: Any = None, *, heard: bool = False, frame_seconds: float | None = None
    ) -> list[Alignment]:
        """Words, and the units they are made of, in seconds of each recording: `ctm()` and `textgrid()` write them.

        Parameters
        ----------
        transcripts : what is said in each, where X does not come with it; "" leaves a recording without words.
        heard : align what `transcribe` hears, and not transcripts.
        frame_seconds : how long a frame is, of arrays of features.
        """
        from .answers.alignments import alignments_of

        return alignments_of(self, X, transcripts, heard=heard, frame_seconds=frame_seconds)

    def spot(
        self, X: Any, words: Sequence[str], *, threshold: float | None = None, on_error: str = "raise"
    ) -> list[Any]:
        """Where words, or phrases, are said in each recording: a list of (word, start, end, score) a row, in order.

        Parameters
        ----------
        words : what to look for; models of sounds or characters take words that training never had.
        threshold : the least score of a word: the mean over its frames of how far, in natural logarithms, the word
            lies behind what fits each frame best. 0 is the most there is. None takes the model's own: -5 of
            mixtures, -2 of hybrids, -0.5 of nets; noise lowers all scores. Higher ones miss more and are wrong less.
        on_error : "raise", or "skip" recordings that cannot be read, for which None comes back.
        """
        from .answers.keywords import spots_of

        return spots_of(self, X, words, threshold=threshold, on_error=on_error)

    def _rows(self, examples: Examples) -> Rows:
        return rows_of(self, examples)

    def _asked(self, rows: Rows, ask: Any) -> list[Any]:
        """What `ask` says of batches of encoded rows, end to end."""
        objective: Objective = fitted(self).objective_
        device = device_under(objective)
        objective.eval()
        found: list[Any] = []
        with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
                found += ask(prepare(self, device, taken))
        return found

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """1 minus the word error rate: 1 is perfect, 0 is what silence scores, and it may be below.

        Words that the recogniser cannot write, as training did not have them, count as errors.
        """
        examples = self._judged(X, y, target, sample_weight)
        said, heard = self.target_.normalized(examples.y), self.predict(examples.X)
        if examples.weight is None:
            return 1 - error_rate(said, heard).rate
        found = evaluate_recognition(said, heard, commonest="", sample_weight=examples.weight, n_bootstrap=0)
        return 1 - found["word_error_rate"].value

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Word and character error rates with intervals, beside those of a constant answer.

        Words that the recogniser cannot write count as errors; `by_class` says how many there were (`unknown`).
        """
        examples = self._judged(X, y, target, sample_weight)
        said = self.target_.normalized(examples.y)
        return evaluate_recognition(
            said,
            self.predict(examples.X),
            commonest=self.target_.commonest,
            unknown=self.target_.unknown(said, words=getattr(self.objective_, "words", None)),
            sample_weight=examples.weight,
            seed=self.seed,
        )

    def _judged(self, X: Any, y: Any, target: Columns | None, sample_weight: Any) -> Examples:
        learned = fitted(self).target_name_
        return self._examples(X, y, learned if y is None and target is None else target, sample_weight)

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The recordings with the most wrong words: row, what was said and heard, errors, their name, the recording."""
        said, heard = self.target_.normalized(examples.y), self.predict(examples.X)
        errors = np.array([aligned(a.split(), b.split()).n_errors for a, b in zip(said, heard, strict=True)])
        order = [int(i) for i in np.argsort(-errors, kind="stable") if errors[i]][:n]
        sounds = recordings(examples.X, (), target=self.target_name_, codec=self.codec_)[0]
        names = [x if isinstance(x, str | os.PathLike) else f"array of {len(x)}" for x in (sounds[i] for i in order)]
        shown = [{"sound": str(name)} for name in names]
        return [
            (i, said[i], heard[i], str(errors[i]), "wrong words", look) for i, look in zip(order, shown, strict=True)
        ]


def words_told(model: Any, kind: str) -> list[str]:
    """The words of a model's lexicon, where units are words and it has one."""
    given = model.options.get("lexicon") if isinstance(model, Spec) else None
    return list(read_lexicon(given)) if kind == "words" and isinstance(given, str | dict) else []


def words_of(row: list[Segment]) -> list[Segment]:
    """Segments of words, from those of their characters and of the spaces between them."""
    words = [list(group) for gap, group in groupby(row, lambda segment: segment.unit == " ") if not gap]
    return [Segment("".join(s.unit for s in word), word[0].start, word[-1].end) for word in words]
