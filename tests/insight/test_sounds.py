"""Plots of sounds: what is on the axes."""

import numpy as np
import pytest

from parnassus.errors import DataError
from parnassus.functional import signal
from parnassus.insight import sounds

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(8000) / RATE)


def test_a_wave_is_drawn_whole_whatever_its_length():
    for wave in (TONE[:1000], np.tile(TONE, 4)):
        (ax,) = sounds.waveform(wave, sample_rate=RATE).axes
        low, high = ax.get_ylim()
        assert low < -0.49 < 0.49 < high
        assert ax.get_xlim()[1] >= len(wave) / RATE * 0.99


def test_a_tone_is_a_line_in_its_spectrogram():
    figure = sounds.spectrogram(TONE, sample_rate=RATE)
    picture = figure.axes[0].images[0]
    values = np.asarray(picture.get_array())
    assert values.argmax(0).tolist() == [32] * values.shape[1]  # bin 32 of 512 at 16 kHz is 1,000 Hz
    assert values.max() == 0
    assert figure.axes[0].get_ylim()[1] == 8


def test_every_filter_is_drawn():
    (ax,) = sounds.mel_filters(signal.analysis(RATE, n_mels=12)).axes
    assert len(ax.lines) == 12


def test_cepstra_are_drawn_by_coefficient():
    figure = sounds.cepstra(TONE, sample_rate=RATE)
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (12, 48)
    assert figure.axes[0].get_ylim() == (1, 13)


def test_what_is_no_wave_is_refused():
    with pytest.raises(DataError, match=r"shape \(2, 3\)"):
        sounds.waveform(np.zeros((2, 3)), sample_rate=RATE)
