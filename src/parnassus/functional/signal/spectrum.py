"""Fourier transforms of frames, and the way back."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from .conventions import Analysis
from .framing import dither, frame_emphasis, frames, overlap_add, pre_emphasis, window

BLOCK = 1 << 18  # samples of frames that stay in a processor's cache while they are worked on
DEVICE_BLOCK = 1 << 26  # and those an accelerator takes at once


def dft(x: Tensor, n_fft: int | None = None) -> Tensor:
    """The discrete Fourier transform by its sum: X[k] = sum_n x[n] exp(-2 pi i k n / N), (..., N) complex.

    x (..., n) is filled with zeros up to N = `n_fft`. X[0] is the sum of x (not its mean), and of real x X[N - k] is
    the conjugate of X[k]. This is the slow twin of `torch.fft.fft`, which takes N log N steps instead of N^2.

    >>> dft(torch.tensor([1.0, 2.0, 3.0, 4.0])).real.round().tolist()
    [10.0, -2.0, -2.0, -2.0]

    Systems: dft-fft
    Source: Hifny A3.13, eq. 3.7; the book's worked transform starts from a wrong window, quotes 1.18 for 1.22, and
    calls the sum X[0] an average (B8, F8).
    """
    n = n_fft or x.shape[-1]
    at = torch.arange(n, dtype=torch.float64, device=x.device)
    turns = torch.outer(at, at).remainder(n) * (-2 * math.pi / n)
    kind = x.dtype.to_complex()
    return F.pad(x, (0, n - x.shape[-1])).to(kind) @ torch.polar(torch.ones_like(turns), turns).to(kind)


def power_spectrum(frames: Tensor, n_fft: int | None = None) -> Tensor:
    """P[k] = |X[k]|^2 of frames (..., n), without a factor 1 / N: (..., n_fft // 2 + 1), k = 0 .. n_fft / 2.

    >>> power_spectrum(torch.tensor([1.0, 2.0, 3.0, 4.0])).round().tolist()
    [100.0, 8.0, 4.0]

    Systems: dft-fft
    Source: Hifny A3.16, eq. 3.8.
    """
    parts = torch.view_as_real(torch.fft.rfft(frames, n_fft)).square()  # side by side: 2.5 times as fast as by halves
    return parts[..., 0] + parts[..., 1]


# --- an analysis, in blocks -----------------------------------------------------------------------


def prepared(x: Tensor, setting: Analysis) -> Tensor:
    """x (..., n) dithered (with the noise of seed 0) and, where the convention says so, pre-emphasised.

    Its scale comes with the window, since all between is linear.
    """
    x = dither(x, setting.dither / setting.scale) if setting.dither else x
    if setting.pre_emphasis and setting.emphasis == "signal":
        x = pre_emphasis(x, setting.pre_emphasis)
    return x


def frame_size(setting: Analysis) -> int:
    """Samples of a frame as it is cut: librosa's hold `n_fft`, those of the others `frame`."""
    return setting.n_fft if setting.edges == "centered" else setting.frame


def windowed(part: Tensor, setting: Analysis) -> Tensor:
    """Frames without their mean, emphasised, windowed and scaled, as the analysis asks for."""
    if setting.zero_mean:
        part = part - part.mean(-1, keepdim=True)
    if setting.pre_emphasis and setting.emphasis == "frame":
        part = frame_emphasis(part, setting.pre_emphasis)
    return part * window_of(setting, part.dtype, part.device)


@lru_cache(maxsize=32)
def window_of(setting: Analysis, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The window of an analysis times its scale; where frames are longer than it, it stands in their middle."""
    with torch.inference_mode(False):
        made = window(setting.window, setting.frame, periodic=setting.periodic, dtype=torch.float64)
        if setting.edges == "centered":
            before = (setting.n_fft - setting.frame) // 2
            made = F.pad(made, (before, setting.n_fft - setting.frame - before))
        return (made * setting.scale).to(dtype=dtype, device=device)


def by_blocks(x: Tensor, setting: Analysis, work: Callable[[Tensor], Tensor]) -> Tensor:
    """`work` of all frames (..., n_frames, size) of x (..., n), done on pieces that stay in cache."""
    seen = frames(prepared(x, setting), frame_size(setting), setting.hop, edges=setting.edges)
    *rows, n_frames, size = seen.shape
    seen = seen.reshape(-1, n_frames, size) if len(rows) != 1 else seen
    block = max((BLOCK if x.device.type == "cpu" else DEVICE_BLOCK) // setting.n_fft, 1)
    parts = []
    for some in seen.split(max(block // n_frames, 1)):
        done = [work(part) for part in some.split(block, dim=1)]
        parts.append(done[0] if len(done) == 1 else torch.cat(done, 1))
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    return whole.reshape(*rows, *whole.shape[1:])


def frame_squares(part: Tensor, setting: Analysis) -> Tensor:
    """sum_n x[n]^2 of frames (..., size), without their mean where the analysis takes it off."""
    part = part - part.mean(-1, keepdim=True) if setting.zero_mean else part
    return part.square().sum(-1)


def magnitudes(part: Tensor, setting: Analysis) -> Tensor:
    """Spectra of windowed frames to the analysis' power: |X| or |X|^2."""
    power = power_spectrum(windowed(part, setting), setting.n_fft)
    return power if setting.power == 2 else power.sqrt()


def spectrogram(x: Tensor, setting: Analysis) -> Tensor:
    """|X|^2, or |X| where `power` is 1, of each frame of x (..., n): (..., n_frames, n_fft // 2 + 1).

    Systems: dft-fft
    Source: Hifny A3.9 to A3.16.
    """
    return by_blocks(x, setting, lambda part: magnitudes(part, setting))


# --- there and back -------------------------------------------------------------------------------


def stft(x: Tensor, *, n_fft: int, hop: int, window: Tensor | None = None) -> Tensor:
    """Complex spectra (..., n_frames, n_fft // 2 + 1) of x (..., n), a frame around every hop-th sample.

    `window` (n_fft,) is a periodic Hann window unless told. Frame counts are librosa's: floor(n / hop) + 1.
    """
    w = hann(n_fft, x) if window is None else window
    return torch.fft.rfft(frames(x, n_fft, hop, edges="centered") * w)


def istft(spectra: Tensor, *, hop: int, n_samples: int | None = None, window: Tensor | None = None) -> Tensor:
    """The signal (..., n_samples) whose `stft` is nearest to these spectra (..., n_frames, n_fft // 2 + 1).

    Frames are windowed again, added up and divided by the sum of the squared windows (least squares: Griffin and Lim
    1984, eq. 6), so that `istft(stft(x))` is x.
    """
    n_fft = 2 * (spectra.shape[-1] - 1)
    pieces = torch.fft.irfft(spectra, n_fft)
    w = hann(n_fft, pieces) if window is None else window
    total = overlap_add(pieces * w, hop)
    weight = overlap_add((w * w).expand(pieces.shape[-2], n_fft), hop)
    x = total / weight.clamp(min=torch.finfo(total.dtype).tiny)
    n = (spectra.shape[-2] - 1) * hop if n_samples is None else n_samples
    found = x[..., n_fft // 2 : n_fft // 2 + n]
    return F.pad(found, (0, n - found.shape[-1]))


def hann(size: int, like: Tensor) -> Tensor:
    """A periodic Hann window of the type and place of another tensor."""
    return window("hann", size, periodic=True, dtype=like.dtype, device=like.device)


def spectral_convergence(estimate: Tensor, target: Tensor) -> Tensor:
    """How far magnitudes are from those wanted, as a share: ||target - estimate|| / ||target||, Frobenius norms."""
    return torch.linalg.norm(target - estimate) / torch.linalg.norm(target)


def griffin_lim(
    magnitude: Tensor, *, hop: int, n_iterations: int = 32, momentum: float = 0.99, seed: int = 0, n_samples: int = 0
) -> Tensor:
    """A signal (..., n) whose spectra have these magnitudes (..., n_frames, n_fft // 2 + 1), as nearly as found.

    Phases start at random (by `seed`); each round goes to the signal and back, keeps the phases that come out, and
    overshoots by `momentum` (0 is the plain rule, whose distance never grows). `n_samples` of 0 is (n_frames - 1) hop.

    Source: Griffin and Lim 1984; Perraudin, Balazs and Sondergaard 2013 for the momentum.
    """
    n_fft, n = 2 * (magnitude.shape[-1] - 1), n_samples or (magnitude.shape[-2] - 1) * hop
    generator = torch.Generator(magnitude.device).manual_seed(seed)
    turns = torch.rand(magnitude.shape, dtype=magnitude.dtype, device=magnitude.device, generator=generator)
    phase = torch.polar(torch.ones_like(magnitude), 2 * math.pi * turns)
    before = torch.zeros_like(phase)
    for _ in range(n_iterations):
        signal = istft(magnitude * phase, hop=hop, n_samples=n)
        rebuilt = stft(signal, n_fft=n_fft, hop=hop)[..., : magnitude.shape[-2], :]
        ahead = rebuilt - momentum / (1 + momentum) * before
        phase, before = ahead / ahead.abs().clamp(min=torch.finfo(magnitude.dtype).tiny), rebuilt
    return istft(magnitude * phase, hop=hop, n_samples=n)
