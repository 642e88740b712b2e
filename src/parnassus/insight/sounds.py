"""Plots of sounds: the wave, its spectrogram, mel filters, cepstra. Arrays or tensors in, a matplotlib Figure out."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional import signal
from ..functional.signal.mel import filters_of
from .style import BLUE, SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = 4_000  # points of a wave that a page can show
RANGE = 80.0  # decibels below the loudest that a spectrogram shows


def samples_of(wave: ArrayLike | torch.Tensor) -> torch.Tensor:
    """One channel of samples (n,) as float32."""
    x = wave.detach().cpu() if isinstance(wave, torch.Tensor) else torch.from_numpy(np.asarray(wave))
    if x.ndim != 1 or not len(x):
        raise DataError(f"a wave of shape {tuple(x.shape)} cannot be drawn; give one channel of samples (n,)")
    return x.float()


@styled
def waveform(wave: ArrayLike | torch.Tensor, *, sample_rate: int) -> "Figure":
    """Samples over time; of long waves the highest and lowest of each stretch."""
    x = samples_of(wave).numpy()
    figure, (ax,) = canvas(width=6.4, height=2.4, label="Waveform")
    if len(x) <= DRAWN:
        ax.plot(np.arange(len(x)) / sample_rate, x, color=BLUE, linewidth=0.8)
    else:
        size = -(-len(x) // (DRAWN // 2))
        pieces = np.pad(x, (0, -len(x) % size), mode="edge").reshape(-1, size)
        ax.fill_between(
            np.arange(len(pieces)) * size / sample_rate, pieces.min(1), pieces.max(1), color=BLUE, linewidth=0.4
        )
    ax.set_xlabel("seconds")
    ax.set_title("Waveform")
    return figure


@styled
def spectrogram(
    wave: ArrayLike | torch.Tensor, *, sample_rate: int, setting: signal.Analysis | None = None
) -> "Figure":
    """Power by time and frequency in decibels below the loudest; `setting` is the book's analysis unless told."""
    setting = setting or signal.analysis(sample_rate)
    power = signal.spectrogram(samples_of(wave), setting).clamp(min=1e-12)
    decibels = 10 * power.log10()
    below = (decibels - decibels.max()).clamp(min=-RANGE).numpy()
    figure, (ax,) = canvas(width=6.4, height=3.0, label="Spectrogram")
    _picture(figure, ax, below, setting, top=sample_rate / 2000, label="decibels")
    ax.set_ylabel("kHz")
    ax.set_title("Spectrogram")
    return figure


@styled
def mel_filters(setting: signal.Analysis) -> "Figure":
    """The triangles of an analysis over frequency."""
    weights = filters_of(setting).numpy()
    hertz = np.arange(weights.shape[1]) * setting.sample_rate / setting.n_fft
    figure, (ax,) = canvas(width=6.4, height=2.6, label="Mel filter bank")
    for m, filter_ in enumerate(weights):
        ax.plot(hertz / 1000, filter_, color=SERIES[m % 2], linewidth=0.9)
    ax.set_xlabel("kHz")
    ax.set_title(f"{setting.n_mels} mel filters, {setting.convention}")
    return figure


@styled
def cepstra(wave: ArrayLike | torch.Tensor, *, sample_rate: int, setting: signal.Analysis | None = None) -> "Figure":
    """Mel-frequency cepstral coefficients over time, each divided by its largest magnitude."""
    setting = setting or signal.analysis(sample_rate)
    found = signal.mfcc(samples_of(wave), setting)
    shown = (found / found.abs().amax(0).clamp(min=1e-12)).numpy()
    figure, (ax,) = canvas(width=6.4, height=3.0, label="Mel-frequency cepstral coefficients")
    _picture(figure, ax, shown, setting, top=setting.first + setting.n_ceps, bottom=setting.first, label="share")
    ax.set_ylabel("coefficient")
    ax.set_title("Cepstra")
    return figure


def _picture(
    figure: "Figure",
    ax: "Axes",
    values: np.ndarray,
    setting: signal.Analysis,
    *,
    top: float,
    bottom: float = 0.0,
    label: str,
) -> None:
    """Values (time, height) as a picture with seconds below and a colour bar."""
    seconds = len(values) * setting.hop / setting.sample_rate
    shown = ax.imshow(
        values.T, origin="lower", aspect="auto", interpolation="nearest", extent=(0.0, seconds, bottom, top)
    )
    ax.grid(visible=False)
    ax.set_xlabel("seconds")
    figure.colorbar(shown, ax=ax, label=label)
