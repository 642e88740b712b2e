"""Other versions of a recording: with noise, faster or slower, in a room, with parts of its features hidden."""

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from .sampling import resample_sinc

Draws = torch.Generator | None


def with_noise(x: Tensor, noise: Tensor, snr: Tensor | float) -> Tensor:
    """x (..., n) plus noise (..., n), scaled so that the powers differ by `snr` decibels (a number, or one a row).

    10 log10(sum x^2 / sum (g noise)^2) = snr gives the factor g. Where the noise is silent x stays as it is.

    Raises
    ------
    DataError : noise of another length.
    """
    if noise.shape[-1] != x.shape[-1]:
        raise DataError(
            f"x has {x.shape[-1]} samples and the noise {noise.shape[-1]}; cut it, or repeat it up to that length"
        )
    ratio = torch.as_tensor(snr, dtype=x.dtype, device=x.device)
    ratio = ratio[..., None] if ratio.ndim else ratio
    power, other = x.square().sum(-1, keepdim=True), noise.square().sum(-1, keepdim=True)
    factor = torch.where(other > 0, power / other, 0).sqrt() * 10 ** (-ratio / 20)
    return x + noise * factor


def at_speed(x: Tensor, factor: float) -> Tensor:
    """x (..., n) played `factor` times as fast, pitch and all: (..., about n / factor). Factors in hundredths.

    Source: Ko et al. 2015 (0.9, 1.0 and 1.1).
    """
    hundredths = round(factor * 100)
    if hundredths < 1:
        raise SettingError(f"a speed is at least 0.01; got {factor}")
    return resample_sinc(x, hundredths, 100)


def in_room(x: Tensor, response: Tensor) -> Tensor:
    """x (..., n) as a microphone in a room hears it: convolved with its impulse response (m,), cut to n samples.

    Done by Fourier transforms. The response is shifted so that its loudest tap, the direct way, comes without delay,
    and scaled so that this tap is 1.
    """
    direct = int(response.abs().argmax())
    taps = response[direct:] / response[direct]
    n_fft = 1 << (x.shape[-1] + len(taps) - 1).bit_length()
    product = torch.fft.rfft(x, n_fft) * torch.fft.rfft(taps.to(x), n_fft)
    return torch.fft.irfft(product, n_fft)[..., : x.shape[-1]]


def room_response(sample_rate: int, *, reverberation: float = 0.3, level: float = 0.3, seed: int = 0) -> Tensor:
    """An impulse response (n,): the direct way, then noise that has lost 60 decibels after `reverberation` seconds.

    `level` is the root of the energy of the late part, where the direct way has 1.

    Source: Polack 1988 (statistical model of late reverberation).
    """
    n = max(int(sample_rate * reverberation), 2)
    generator = torch.Generator().manual_seed(seed)
    t = torch.arange(1, n, dtype=torch.float64) / sample_rate
    tail = torch.randn(n - 1, dtype=torch.float64, generator=generator) * 10 ** (-3 * t / reverberation)
    tail *= level / tail.norm()
    return torch.cat([torch.ones(1, dtype=torch.float64), tail])


def spec_augment(
    x: Tensor,
    lengths: Tensor | None = None,
    *,
    n_bands: int = 2,
    widest: int = 8,
    n_gaps: int = 2,
    longest: int = 20,
    share: float = 0.2,
    fill: float = 0.0,
    generator: Draws = None,
) -> Tensor:
    """Features x (batch, n_frames, c) with bands of channels and stretches of time set to `fill`, drawn for each row.

    A band is 0 to `widest` channels, a gap 0 to `longest` frames and at most `share` of the row's length. Draws come
    from `generator`, or from the device's own. The warping of time is left out: its authors found it to matter least.

    Source: Park et al. 2019 (frequency masks, time masks).
    """
    n_rows, n_frames, n_channels = x.shape
    lengths = torch.full((n_rows,), n_frames, device=x.device) if lengths is None else lengths
    channels = torch.full_like(lengths, n_channels)
    hidden = _stretches(channels, n_channels, n_bands, torch.full_like(lengths, min(widest, n_channels)), generator)
    limit = (lengths * share).long().clamp(max=longest)
    gone = _stretches(lengths, n_frames, n_gaps, limit, generator)
    return x.masked_fill(hidden[:, None, :] | gone[:, :, None], fill)


def _stretches(lengths: Tensor, n: int, n_stretches: int, limit: Tensor, generator: Draws) -> Tensor:
    """(batch, n) bool: the union of stretches of 0 .. limit places, each within its row's length."""
    draws = torch.rand(2, len(lengths), n_stretches, device=lengths.device, generator=generator)
    width = (draws[0] * (limit[:, None] + 1)).long()
    start = (draws[1] * (lengths[:, None] - width + 1)).long()[..., None]
    at = torch.arange(n, device=lengths.device)
    return ((at >= start) & (at < start + width[..., None])).any(1)
