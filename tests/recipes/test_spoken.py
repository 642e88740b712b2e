"""Spoken digits made by espeak-ng: what is said, by whom, how loud the noise; skipped where espeak-ng is missing."""

import numpy as np
import pytest

from parnassus.errors import MissingExtra, SettingError
from parnassus.recipes import spoken as recipe
from parnassus.recipes.spoken import DIGITS, TEST_VOICES, TRAIN_VOICES, spoken, spoken_digits, why_silent

needs_voice = pytest.mark.skipif(why_silent() is not None, reason=str(why_silent()))


def test_voices_for_training_and_tests_are_disjoint():
    assert not set(TRAIN_VOICES) & set(TEST_VOICES)


@needs_voice
def test_digits_are_spoken_by_the_voices_in_turn():
    found = spoken_digits(4, voices=TRAIN_VOICES[:3], n_digits=(2, 3), seed=1)
    assert found.speakers == [*TRAIN_VOICES[:3], TRAIN_VOICES[0]]
    for wave, text in zip(found.sounds, found.transcripts, strict=True):
        assert wave.dtype == np.float32
        assert np.abs(wave).max() <= 1
        assert 2 <= len(text.split()) <= 3
        assert set(text.split()) <= set(DIGITS)
        assert 0.3 < len(wave) / recipe.SAMPLE_RATE < 4


@needs_voice
def test_the_same_seed_says_the_same():
    one, two = (spoken_digits(2, seed=3) for _ in range(2))
    assert one.transcripts == two.transcripts
    assert all(np.array_equal(a, b) for a, b in zip(one.sounds, two.sounds, strict=True))


@needs_voice
def test_noise_stands_as_far_below_the_voice_as_asked():
    quiet, noisy = (spoken(["four two"], noise_db=db, seed=2).sounds[0] for db in (None, (10.0, 10.0)))
    voice = quiet[np.flatnonzero(quiet)[0] : np.flatnonzero(quiet)[-1] + 1]
    ratio = np.square(voice).mean() / np.square(noisy - quiet).mean()
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.3)


def test_a_missing_synthesiser_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(recipe.shutil, "which", lambda name: None)
    with pytest.raises(MissingExtra, match="espeak-ng"):
        spoken(["one"])


def test_no_voices_are_refused():
    if why_silent() is None:
        with pytest.raises(SettingError, match="voice"):
            spoken(["one"], voices=())
