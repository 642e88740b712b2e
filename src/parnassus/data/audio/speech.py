"""Sounds as features, a row every hundredth of a second, or as waves."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...functional import signal
from ..codec import Codec, State
from ..rows import Batch, Ragged, Rows, Stream
from ..shards import as_file
from .options import SHORTEST, check_options
from .sounds import (
    Sounds,
    at_rate,
    check_header,
    clipped_share,
    is_wave,
    paths_in,
    read_sound,
    warn_of_odd,
)
from .speakers import Norm, alone, check_speakers, normed, norms_of, speakers_of

MEMORY_BUDGET = 2 << 30  # bytes of features or waves; more stays in files
THREADS = 4
FEATURES = {"log_mel": signal.log_mel, "mfcc": signal.mfcc}


class Speech(Codec):
    """Recordings of any length: WAV, FLAC, OGG or MP3 files, arrays of samples, or a table with a column of paths.

    Arrays are (n,) or (n, channels), floats from -1 to 1 or whole numbers; they do not know their rate, so
    `sample_rate` must be given, or `Sounds(arrays, rate)`.

    Parameters
    ----------
    features : "log_mel" (what networks do best with), "mfcc", or "spectrogram" (the logarithm of the power).
    convention : "kaldi", "librosa", "htk" or "book"; see `parnassus.functional.signal.analysis`.
    sample_rate : the rate that all are brought to by soxr; None takes that of most training files.
    n_mels, n_ceps : of the features; None as the convention says, but 40 for log mel energies.
    deltas : how many times changes over time are put beside (2: features, slopes, slopes of slopes).
    normalize : "training" (mean 0 and variance 1 over all training frames), "utterance" (over each recording),
        "mean" (each recording loses its mean alone), "sliding" (over 3 s), "speaker" (over all that a speaker says in
        the recordings that are given together), "none".
    channels : "mean" averages several, "one" refuses them.
    hold : what is kept between epochs. "features" are computed once, when rows are encoded; "wave" keeps the samples
        and computes features on the device for each batch, which `noise`, `speed`, `room` and models of waves need.
    mask : bands and stretches of the features that are hidden from each row in training (SpecAugment); 0 hides none.
    noise : (low, high) decibels between which the signal stands above white noise that is added in training.
    speed : the largest change of speed in training, such as 0.1 for 0.9 to 1.1 in steps of 0.05.
    room : the longest that a room rings, in seconds, such as 0.5: in training each batch is heard in a room drawn anew
        that rings for 0.05 s to that long; 0 leaves rooms as they are.
    column, folder : of a table, the column of paths and the folder they start from.
    speaker : of a table, the column that says who speaks; "folder" takes the folder that each file lies in. Arrays are
        told by `Sounds(arrays, rate, speakers=[...])`. It is asked where `normalize="speaker"`.
    memory : bytes that may be held; recordings in files beyond that are read when a batch needs them.

    A batch of features that are held was ready in a tenth of the time of one computed anew (90 recordings of 0.4 s, a
    processor), and takes a quarter of the bytes; so that is the default. Recordings shorter than a
    frame are refused; silent and clipped ones are named in a warning.

    Views: "features" (batch, time, features) with lengths, and "vector", mean and standard deviation of each feature
    over time; with `hold="wave"` also "wave" (batch, time) with lengths.

    Systems: mfcc, log-mel-energies, delta-features, cepstral-mean-normalisation, sampling-nyquist
    Source: Hifny A3.9 to A3.23.
    """

    kind = "speech"
    form = "sounds"

    sample_rate: int
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        features: str = "log_mel",
        convention: str = "kaldi",
        sample_rate: int | None = None,
        n_mels: int | None = None,
        n_ceps: int | None = None,
        deltas: int = 0,
        normalize: str = "training",
        channels: str = "mean",
        hold: str = "features",
        mask: int = 0,
        noise: Sequence[float] | None = None,
        speed: float = 0.0,
        room: float = 0.0,
        column: str | None = None,
        folder: str | None = None,
        speaker: str = "speaker",
        memory: int = MEMORY_BUDGET,
    ) -> None:
        self.options = {
            "features": features, "convention": convention, "sample_rate": sample_rate, "n_mels": n_mels,
            "n_ceps": n_ceps, "deltas": deltas, "normalize": normalize, "channels": channels, "hold": hold,
            "mask": mask, "noise": None if noise is None else list(noise), "speed": speed, "room": room,
            "column": column, "folder": folder, "speaker": speaker, "memory": memory,
        }  # fmt: skip
        check_options(self.options)
        self._read: tuple[Any, Rows] | None = None

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, raw: Any) -> Self:
        sounds = self._listed(raw)
        self.sample_rate = self.options["sample_rate"] or self._rate_of(raw, sounds)
        self._analyse()
        self.mean, self.std = torch.zeros(self.n_features), torch.ones(self.n_features)
        if self.options["normalize"] == "speaker":
            names = [name_of(sound, i) for i, sound in enumerate(sounds)]
            check_speakers(self._speakers(raw, sounds), names, self.options["speaker"])
            return self
        if self._size_of(sounds) > self.options["memory"]:
            parts: Iterable[Tensor] = (self._one(sound, i)[0] for i, sound in enumerate(sounds))
        else:
            held = self._held(sounds)
            self._read = (raw, held)
            parts = held.values.split(held.lengths.tolist())
        if self.options["normalize"] == "training":
            each = (part if part.ndim == 2 else self._raw_features(part) for part in parts)
            self.mean, self.std = frame_moments(each)
        return self

    def _rate_of(self, raw: Any, sounds: list) -> int:
        """The rate of most files, from their headers, or that which the arrays came with."""
        if hasattr(raw, "sample_rate"):
            return int(raw.sample_rate)
        rates = [check_header(as_file(s)) for s in sounds if isinstance(s, str | os.PathLike)]
        if len(rates) < len(sounds):
            raise DataError(
                "arrays of samples do not say how many there are a second; give codec=pn.Speech(sample_rate=16000), or "
                "whatever their rate is; series that are no sounds are arrays (time, columns), as "
                "[x[:, None] for x in X]"
            )
        return Counter(rates).most_common(1)[0][0]

    def _analyse(self) -> None:
        given = self.options
        n_mels = given["n_mels"] or (40 if given["features"] == "log_mel" else None)
        self._setting = signal.analysis(
            self.sample_rate, convention=given["convention"], n_mels=n_mels, n_ceps=given["n_ceps"]
        )

    @property
    def analysis(self) -> signal.Analysis:
        """Every constant of the features."""
        return self._setting

    @property
    def n_features(self) -> int:
        """Numbers a frame."""
        setting = self._setting
        n = {"log_mel": setting.n_mels, "mfcc": setting.n_ceps, "spectrogram": setting.n_fft // 2 + 1}
        return n[self.options["features"]] * (1 + self.options["deltas"])

    # --- encode -----------------------------------------------------------------------------------

    def views(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {"features": {"step_features": self.n_features}}
        if self.options["hold"] == "wave":
            found["wave"] = {"sample_rate": self.sample_rate}
        return found | {"vector": {"in_features": 2 * self.n_features}}

    def encode(self, raw: Any) -> Rows:
        if self._read is not None and self._read[0] is raw:
            (_, rows), self._read = self._read, None
            return rows
        sounds = self._listed(raw)
        if self.options["normalize"] == "speaker":
            return self._by_speaker(sounds, alone(self._speakers(raw, sounds)))
        if self._size_of(sounds) > self.options["memory"]:
            return Stream(sounds, lambda part: self._held(part))
        return self._held(sounds)

    def _speakers(self, raw: Any, sounds: list) -> list[Any]:
        return speakers_of(sounds, getattr(raw, "speakers", None), self.options["speaker"])

    def _by_speaker(self, sounds: list, speakers: list[Any]) -> Rows:
        """Features, each normalised over its speaker's frames; files beyond the budget are read twice."""
        if self._size_of(sounds) <= self.options["memory"]:
            held = self._held(sounds)
            parts = held.values.split(held.lengths.tolist())
            return normed(held, norms_of(parts, speakers), self.options["deltas"])
        norms = norms_of((self._one(sound, i)[0] for i, sound in enumerate(sounds)), speakers)

        def encode(part: list[tuple[Any, Norm]]) -> Rows:
            return normed(self._held([sound for sound, _ in part]), [n for _, n in part], self.options["deltas"])

        return Stream(list(zip(sounds, norms, strict=True)), encode)

    def _listed(self, raw: Any) -> list:
        """Recordings one by one: of a table the paths in its column, of anything else its rows."""
        if hasattr(raw, "columns"):
            return paths_in(raw, self.options)
        if isinstance(raw, Sounds) and raw.sample_rate != (wanted := getattr(self, "sample_rate", raw.sample_rate)):
            return [at_rate(read_sound(x, f"sound {i}")[0], raw.sample_rate, wanted) for i, x in enumerate(raw)]
        if isinstance(raw, str | os.PathLike):
            raise DataError(f"X is the path {raw} alone; give a list of paths, [path]")
        if is_wave(raw) or (isinstance(raw, np.ndarray) and raw.ndim == 1 and raw.dtype.kind in "iu"):
            raise DataError("X is one array of samples; give a list with one array a recording, [X]")
        sounds = list(raw)
        if not sounds:
            raise DataError("X holds no sounds; give at least one")
        return sounds

    def _size_of(self, sounds: list) -> int:
        """About how many bytes recordings in files take when held; arrays are in memory anyway."""
        if not isinstance(sounds[0], str | os.PathLike):
            return 0
        n = sum(as_file(s).stat().st_size for s in sounds if as_file(s).is_file()) // 2
        return 4 * (n if self.options["hold"] == "wave" else n * self.n_features // self._setting.hop)

    def _held(self, sounds: list) -> Ragged:
        """Features, or waves, end to end; read by a pool of threads."""
        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
            found = list(pool.map(self._one, sounds, range(len(sounds))))
        names = [name_of(sound, i) for i, sound in enumerate(sounds)]
        warn_of_odd(names, [odd[0] for _, odd in found], [odd[1] for _, odd in found])
        values = [value for value, _ in found]
        return Ragged(torch.cat(values), torch.tensor([len(value) for value in values]))

    def _one(self, sound: Any, row: int) -> tuple[Tensor, tuple[float, bool]]:
        """Features (time, features) or the wave (n,) of a recording; the share of it that is clipped, and silence."""
        where = name_of(sound, row)
        samples, rate = read_sound(sound, where, channels=self.options["channels"])
        odd = clipped_share(samples), not samples.any()
        samples = at_rate(samples, rate or self.sample_rate, self.sample_rate)
        setting = self._setting
        least = setting.frame
        if not signal.frame_count(len(samples), least, setting.hop, edges=setting.edges):
            raise DataError(
                f"{where} lasts {len(samples) / self.sample_rate * 1000:.3g} ms, and a frame of "
                f"{least / self.sample_rate * 1000:.3g} ms does not fit in; leave it out"
            )
        wave = torch.from_numpy(samples)
        return (wave if self.options["hold"] == "wave" else self._raw_features(wave)), odd

    def _raw_features(self, wave: Tensor) -> Tensor:
        """Features (time, features) of one wave, before the norm that training taught."""
        name, setting = self.options["features"], self._setting
        found = FEATURES[name](wave, setting) if name in FEATURES else log_power(wave, setting)
        if self.options["normalize"] == "utterance":
            found = signal.standardized(found[None])[0]
        elif self.options["normalize"] == "mean":
            found = signal.cepstral_mean(found[None])[0]
        elif self.options["normalize"] == "sliding":
            found = signal.sliding(found)
        elif self.options["normalize"] == "speaker":
            return found  # deltas are of what is normalised, once all that the speaker says is known
        return signal.with_deltas(found, orders=self.options["deltas"])

    # --- prepare and decode -----------------------------------------------------------------------

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        if self.options["hold"] == "wave":
            batch = batch | self._waves(batch, training=training)
            if view == "wave":
                return batch
            batch = batch | self._padded(batch)
        x, lengths = (batch["x"] - self.mean) / self.std, batch["lengths"]
        if training and self.options["mask"]:
            x = signal.spec_augment(x, lengths, n_bands=self.options["mask"], n_gaps=self.options["mask"])
        x = torch.where(signal.inside(x, lengths), x, 0.0)
        if view == "features":
            return batch | {"x": x}
        mean, std = signal.moments(x.double(), lengths)  # float32 sums would depend on the padding
        return {k: v for k, v in batch.items() if k != "lengths"} | {"x": torch.cat([mean, std], 1).float()}

    def _waves(self, batch: Batch, *, training: bool) -> Batch:
        """The waves of a batch, in training at another speed and with noise; drawn on the device."""
        x, lengths = batch["x"], batch["lengths"]
        if training and self.options["speed"]:
            steps = round(self.options["speed"] * 20)
            factor = 1 + int(torch.randint(-steps, steps + 1, ())) / 20
            x, lengths = signal.at_speed(x, factor), (lengths / factor).long().clamp(min=self._setting.frame)
            x = torch.nn.functional.pad(x, (0, max(0, int(lengths.max()) - x.shape[1])))
        if training and self.options["room"]:
            x = in_some_room(x, lengths, longest=self.options["room"], sample_rate=self.sample_rate)
        if training and self.options["noise"]:
            low, high = self.options["noise"]
            inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
            snr = low + (high - low) * torch.rand(len(x), device=x.device)
            x = signal.with_noise(x, torch.randn_like(x) * inside, snr)
        return {"x": x, "lengths": lengths}

    def _padded(self, batch: Batch) -> Batch:
        """Features of each wave for itself, so that padding cannot reach them, padded together."""
        each = [self._raw_features(x[:n]) for x, n in zip(batch["x"], batch["lengths"].tolist(), strict=True)]
        lengths = torch.tensor([len(one) for one in each], device=batch["x"].device)
        return {"x": torch.nn.utils.rnn.pad_sequence(each, batch_first=True), "lengths": lengths}

    def decode(self, x: Tensor) -> np.ndarray:
        """Features (rows, time, features) in their own units, from the view "features"."""
        return (x.detach() * self.std.to(x.device) + self.mean.to(x.device)).cpu().numpy()

    def state(self) -> State:
        return {
            "options": dict(self.options),
            "sample_rate": self.sample_rate,
            "mean": self.mean,
            "std": self.std,
            "analysis": asdict(self._setting),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.sample_rate, codec.mean, codec.std = state["sample_rate"], state["mean"], state["std"]
        codec._setting = signal.Analysis(**state["analysis"])
        return codec


def frame_moments(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and deviation (features,) over all frames of parts (time, features); 1 for what never changes."""
    n, total, squares = 0, torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for part in parts:
        values = part.double()
        total, squares, n = total + values.sum(0), squares + values.square().sum(0), n + len(values)
    mean = total / n
    std = (squares / n - mean.square()).clamp(min=0).sqrt()
    return mean.float(), torch.where(std > 1e-5, std, 1.0).float()


def log_power(wave: Tensor, setting: signal.Analysis) -> Tensor:
    """The logarithm of the spectrum of each frame, (time, n_fft // 2 + 1)."""
    return signal.logarithm(signal.spectrogram(wave, setting), setting)


def in_some_room(x: Tensor, lengths: Tensor, *, longest: float, sample_rate: int) -> Tensor:
    """Waves x (batch, n) in a room drawn anew, ringing for `SHORTEST` to `longest` seconds; 0 behind a row's end."""
    rings = SHORTEST + (longest - SHORTEST) * float(torch.rand(()))
    response = signal.room_response(sample_rate, reverberation=rings, seed=int(torch.randint(2**31, ())))
    inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    return signal.in_room(x * inside, response.to(x.device)) * inside


def name_of(sound: Any, row: int) -> str:
    """A recording as a message names it."""
    return str(sound) if isinstance(sound, str | os.PathLike) else f"sound {row}"
