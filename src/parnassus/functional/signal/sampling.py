"""Sample rates: what a rate can carry, where the rest folds to, and how to change it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError


@dataclass(frozen=True)
class Alias:
    """Where a frequency appears at a sample rate; `aliased` where that is another one, `inverted` where phases turn."""

    frequency: float
    sample_rate: float
    appears_at: float
    aliased: bool
    inverted: bool

    def __str__(self) -> str:
        if not self.aliased:
            return f"{self.frequency:g} Hz is kept at {self.sample_rate:g} samples a second"
        return (
            f"{self.frequency:g} Hz appears at {self.appears_at:g} Hz: {self.sample_rate:g} samples a second carry "
            f"{self.sample_rate / 2:g} Hz, and {nyquist_rate(self.frequency):g} would be needed"
        )


def nyquist_rate(f_max: float) -> float:
    """The least sample rate for frequencies up to f_max: f_s >= 2 f_max.

    >>> nyquist_rate(4000.0)
    8000.0

    Systems: sampling-nyquist
    Source: Hifny A3.9, eqs. 3.1 and 3.2.
    """
    return 2 * f_max


def aliases(frequencies: Iterable[float], sample_rate: float) -> list[Alias]:
    """Where frequencies appear once x(t) is x[n] = x(n / sample_rate): at |f - f_s round(f / f_s)|.

    >>> print(*aliases([3000, 5000], 8000), sep="; ")
    3000 Hz is kept at 8000 samples a second; 5000 Hz appears at 3000 Hz: 8000 samples a second carry 4000 Hz, and 10000 would be needed

    Systems: sampling-nyquist
    Source: Hifny A3.9.
    """  # noqa: E501
    if not sample_rate > 0:
        raise SettingError(f"sample_rate is above 0; got {sample_rate}")
    found = []
    for frequency in frequencies:
        beside = frequency - sample_rate * math.floor(frequency / sample_rate + 0.5)
        found.append(
            Alias(frequency, sample_rate, abs(beside), aliased=frequency > sample_rate / 2, inverted=beside < 0)
        )
    return found


def resample(x: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """x (n,) or (n, channels) at another rate: soxr's high quality, on the processor; round(n to / from) samples.

    What lies above half of the lower rate is taken away. For tensors on any device see `resample_sinc`.
    """
    if from_rate == to_rate:
        return x
    import soxr

    return soxr.resample(x, from_rate, to_rate, quality="HQ")


def resample_sinc(x: Tensor, from_rate: int, to_rate: int, *, zeros: int = 32, rolloff: float = 0.95) -> Tensor:
    """x (..., n) at another rate by convolution with a windowed sinc, on any device: (..., ceil(n to / from)).

    y[m] = sum_n x[n] h(m / to - n / from), h(t) = c sinc(c t) w(t), with the cut c = rolloff min(from, to) and w a Hann
    window over `zeros` zero crossings on both sides. Rates are divided by their greatest common divisor, so that y is
    `to` interleaved convolutions of stride `from`.

    Source: Smith, "Digital Audio Resampling", 1984 to 2020.
    """
    if min(from_rate, to_rate) < 1:
        raise SettingError(f"sample rates are at least 1; got {from_rate} and {to_rate}")
    shared = math.gcd(from_rate, to_rate)
    start, goal = from_rate // shared, to_rate // shared
    if start == goal:
        return x
    kernels, width = _sincs(start, goal, zeros, rolloff)
    n = x.shape[-1]
    flat = F.pad(x.reshape(-1, 1, n), (width, width + start))
    found = F.conv1d(flat, kernels.to(x)[:, None], stride=start)  # (rows, goal, n_steps)
    return found.transpose(1, 2).reshape(*x.shape[:-1], -1)[..., : -(-n * goal // start)]


@lru_cache(maxsize=32)
def _sincs(start: int, goal: int, zeros: int, rolloff: float) -> tuple[Tensor, int]:
    """(goal, 2 width + start) weights, one row for each place between two samples."""
    with torch.inference_mode(False):
        cut = min(start, goal) * rolloff
        width = math.ceil(zeros * start / cut)
        at = torch.arange(-width, width + start, dtype=torch.float64) / start
        t = (at - torch.arange(goal, dtype=torch.float64)[:, None] / goal) * cut
        taper = torch.where(t.abs() < zeros, torch.cos(t * math.pi / zeros / 2).square(), 0.0)
        return torch.sinc(t) * taper * cut / start, width
