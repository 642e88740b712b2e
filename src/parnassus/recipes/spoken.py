"""Spoken digits and commands made by espeak-ng: as many voices, speeds and noises as a test of recognisers wants."""

import io
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ..errors import MissingExtra, SettingError
from ..functional.signal.sampling import resample

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN_VOICES = (
    "en+m1", "en+m2", "en+m3", "en+f1", "en+f2", "en-us+m1", "en-us+m4", "en-us+m5", "en-us+f1", "en-us+f3",
    "en-gb-scotland+m2", "en-gb-scotland+f2", "en-gb-x-rp+m3", "en-gb-x-rp+f5",
)  # fmt: skip
TEST_VOICES = ("en+m7", "en+f4", "en-us+m6", "en-us+f2", "en-gb-x-rp+m1", "en-gb-scotland+f1")
SPEEDS = (130, 150, 170, 190)  # words a minute
SAMPLE_RATE = 16_000
SILENCE = 0.05  # seconds that are kept at both ends, drawn anew for each recording


class Spoken(NamedTuple):
    """Recordings (float32 at 16 kHz), what is said in each, and by which voice."""

    sounds: list[np.ndarray]
    transcripts: list[str]
    speakers: list[str]


def why_silent() -> str | None:
    """Why there can be no spoken test data here, or None where espeak-ng is installed."""
    if shutil.which("espeak-ng"):
        return None
    return "espeak-ng is not installed, and it makes the spoken test data; on Debian: apt install espeak-ng"


def spoken_digits(
    n: int,
    *,
    voices: Sequence[str] = TRAIN_VOICES,
    speeds: Sequence[int] = SPEEDS,
    n_digits: tuple[int, int] = (1, 7),
    noise_db: tuple[float, float] | None = (20.0, 40.0),
    seed: int = 0,
) -> Spoken:
    """n recordings of connected digits, such as "three one nine", each by one voice at one speed.

    Parameters
    ----------
    voices : of espeak-ng with a variant, taken in turn; `TRAIN_VOICES` and `TEST_VOICES` share none.
    speeds : words a minute; each recording draws one.
    n_digits : the fewest and the most digits of a recording.
    noise_db : (low, high) decibels between which the voice stands above white noise; None adds none.

    Raises
    ------
    MissingExtra : espeak-ng is not installed; `why_silent` says so beforehand.
    """
    rng = np.random.default_rng(seed)
    least, most = n_digits
    texts = [" ".join(rng.choice(DIGITS, rng.integers(least, most + 1))) for _ in range(n)]
    return spoken(texts, voices=voices, speeds=speeds, noise_db=noise_db, seed=seed + 1)


def spoken(
    texts: Sequence[str],
    *,
    voices: Sequence[str] = TRAIN_VOICES,
    speeds: Sequence[int] = SPEEDS,
    noise_db: tuple[float, float] | None = (20.0, 40.0),
    seed: int = 0,
) -> Spoken:
    """A recording of each text, by the voices in turn."""
    reason = why_silent()
    if reason is not None:
        raise MissingExtra(reason)
    if not voices or not speeds:
        raise SettingError("spoken data need at least one voice and one speed")
    speakers = [voices[i % len(voices)] for i in range(len(texts))]
    rates = np.random.default_rng([seed, 0]).choice(speeds, len(texts)).tolist()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        raw = list(pool.map(synthesized, texts, speakers, rates))
    sounds = [_placed(wave, noise_db, np.random.default_rng([seed, 1, i])) for i, wave in enumerate(raw)]
    return Spoken(sounds, list(texts), speakers)


def synthesized(text: str, voice: str, speed: int) -> np.ndarray:
    """What espeak-ng says (n,), float32 at 16 kHz, without the silence around it."""
    import soundfile

    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text], check=True, capture_output=True
    ).stdout
    samples, rate = soundfile.read(io.BytesIO(made), dtype="float32")
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    if not len(loud):
        raise SettingError(
            f"espeak-ng says nothing for {text!r} with the voice {voice!r}; look at `espeak-ng --voices`"
        )
    return resample(samples[loud[0] : loud[-1] + 1], int(rate), SAMPLE_RATE)


def _placed(wave: np.ndarray, noise_db: tuple[float, float] | None, rng: np.random.Generator) -> np.ndarray:
    """The wave between short silences, with noise over all of it."""
    before, after = (int(SAMPLE_RATE * SILENCE * (1 + rng.random())) for _ in range(2))
    whole = np.pad(wave, (before, after)).astype(np.float32)
    level = float(np.sqrt(np.square(wave).mean()))
    decibels = 60.0 if noise_db is None else rng.uniform(*noise_db)
    noise = rng.normal(size=len(whole)).astype(np.float32) * level * 10 ** (-decibels / 20)
    return whole if noise_db is None else np.clip(whole + noise, -1, 1)
