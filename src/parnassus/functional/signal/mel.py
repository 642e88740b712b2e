"""The mel scale, triangular filters on it, and the energies they let through."""

import math
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from ...errors import DataWarning, SettingError, did_you_mean
from .conventions import Analysis, Convention, analysis
from .filterbank import Sparse, filterbank
from .framing import refuse_short
from .spectrum import by_blocks, frame_squares, magnitudes

MelScale = Literal["htk", "slaney", "kaldi"]
SCALES = ("htk", "slaney", "kaldi")
LINEAR = 3 / 200  # mel a hertz below 1,000 Hz, where Slaney's scale is linear
PIECE = 1 << 18  # energies that stay in cache
GROUP = 32  # filters whose product is taken together
STEP = math.log(6.4) / 27  # and the step of its logarithm above


def hz_to_mel(hertz: Tensor, scale: MelScale = "htk") -> Tensor:
    """Frequencies on the mel scale.

    "htk" (the book's, and librosa's htk=True): 2595 log10(1 + f / 700). "kaldi" (Kaldi's and HTK's own code):
    1127 ln(1 + f / 700), which is 1.0000052 times as much. "slaney" (librosa's default): linear up to 1,000 Hz,
    logarithmic above, 15 mel there.

    >>> hz_to_mel(torch.tensor([1000.0])).round().tolist()
    [1000.0]

    Systems: mel-scale
    Source: Hifny A3.14; Slaney's Auditory Toolbox, 1998.
    """
    check_scale(scale)
    if scale == "slaney":
        above = 15 + torch.log(hertz.clamp(min=1000.0) / 1000) / STEP
        return torch.where(hertz >= 1000, above, hertz * LINEAR)
    return (2595 / math.log(10) if scale == "htk" else 1127) * torch.log1p(hertz / 700)


def mel_to_hz(mel: Tensor, scale: MelScale = "htk") -> Tensor:
    """Frequencies in hertz from the mel scale; undoes `hz_to_mel`.

    Systems: mel-scale
    Source: Hifny A3.14: 700 (10^(m / 2595) - 1).
    """
    check_scale(scale)
    if scale == "slaney":
        return torch.where(mel >= 15, 1000 * torch.exp((mel - 15).clamp(min=0) * STEP), mel / LINEAR)
    return 700 * torch.expm1(mel / (2595 / math.log(10) if scale == "htk" else 1127))


def check_scale(scale: str) -> None:
    """Refuses a scale that there is not."""
    if scale not in SCALES:
        raise SettingError(f"mel scale {scale!r} is not known; {did_you_mean(scale, SCALES)}")


def mel_filters(
    n_mels: int,
    *,
    sample_rate: int,
    n_fft: int,
    f_min: float | None = None,
    f_max: float | None = None,
    convention: Convention = "book",
) -> Tensor:
    """Triangular filters (n_mels, n_fft // 2 + 1), float64, n_mels + 2 points evenly spaced on the mel scale.

    "book": corners at the bins floor((n_fft + 1) f / sample_rate), sides straight from bin to bin, peak 1; where two
    corners fall into one bin the filter keeps its peak alone, instead of dividing by 0.
    "librosa": corners at the frequencies themselves, sides straight in hertz, each filter of area 1 (times 2 / width).
    "kaldi", "htk": sides straight in mel, peak 1; the bin at half the sample rate is left out. `f_min` is 20 for Kaldi.

    >>> mel_filters(3, sample_rate=16000, n_fft=512)[0, [1, 19]].tolist()
    [0.05263157894736842, 1.0]

    Systems: mel-filter-bank
    Source: Hifny A3.15 (whose "nearest bin" is a floor: B9); Davis and Mermelstein 1980.
    """
    setting = analysis(
        sample_rate, convention=convention, n_mels=n_mels, n_fft=n_fft, frame=n_fft, f_min=f_min, f_max=f_max,
        n_ceps=1, first=0,
    )  # fmt: skip
    return filters_of(setting)


@lru_cache(maxsize=32)
def filters_of(setting: Analysis) -> Tensor:
    """The filters of an analysis, see `mel_filters`."""
    with torch.inference_mode(False):
        edges = hz_to_mel(torch.tensor([setting.f_min, setting.f_max], dtype=torch.float64), setting.mel)
        ends = edges.tolist()
        points = torch.linspace(ends[0], ends[1], setting.n_mels + 2, dtype=torch.float64)
        bins = torch.arange(setting.n_fft // 2 + 1, dtype=torch.float64)
        hertz = bins * setting.sample_rate / setting.n_fft
        if setting.triangles == "bins":
            corners = torch.floor((setting.n_fft + 1) * mel_to_hz(points, setting.mel) / setting.sample_rate)
            return triangles(bins, corners.clamp(max=float(len(bins) - 1)), keep_peak=True)
        if setting.triangles == "mel":
            found = triangles(hz_to_mel(hertz, setting.mel), points)
            found[:, setting.n_fft // 2 :] = 0
        else:
            corners = mel_to_hz(points, setting.mel)
            found = triangles(hertz, corners)
            found *= 2 / (corners[2:] - corners[:-2])[:, None] if setting.area == "slaney" else 1
    empty = int((found.amax(1) == 0).sum())
    if empty:
        warnings.warn(
            f"{empty} of {setting.n_mels} mel filters are narrower than a bin of "
            f"{setting.sample_rate / setting.n_fft:g} Hz and let nothing through; ask for fewer "
            "n_mels or a larger n_fft",
            DataWarning,
            stacklevel=3,
        )
    return found


def triangles(at: Tensor, corners: Tensor, *, keep_peak: bool = False) -> Tensor:
    """Triangles (n, len(at)) of peak 1 over corners (n + 2,); `keep_peak` gives a peak on a point its full weight."""
    left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    tiny = torch.finfo(at.dtype).tiny
    rising, falling = (at - left) / (peak - left).clamp(min=tiny), (right - at) / (right - peak).clamp(min=tiny)
    found = torch.minimum(rising, falling).clamp(min=0)
    return torch.where((at == peak) & keep_peak, 1.0, found)


@lru_cache(maxsize=32)
def bands_of(setting: Analysis, dtype: torch.dtype, device: torch.device) -> list[tuple[slice, Tensor]]:
    """The filters in groups of neighbours: the bins that a group looks at, and its columns (bins, filters).

    Low filters are narrow: a group of them leaves most bins out of the product.
    """
    with torch.inference_mode(False):
        found = []
        for group in filters_of(setting).split(GROUP):
            seen = torch.nonzero(group.amax(0))[:, 0].tolist()
            bins = slice(seen[0], seen[-1] + 1) if seen else slice(0, 1)
            found.append((bins, group[:, bins].T.contiguous().to(dtype=dtype, device=device)))
        return found


@lru_cache(maxsize=32)
def sparse_filters(setting: Analysis) -> Sparse:
    """The filters of an analysis without their zeros, float32."""
    with torch.inference_mode(False):
        filters = filters_of(setting)
        seen = [torch.nonzero(row)[:, 0].tolist() for row in filters]
        bins = [(at[0], at[-1] + 1) if at else (0, 0) for at in seen]
        weights = torch.cat([row[first:end] for row, (first, end) in zip(filters, bins, strict=True)])
        return Sparse(torch.tensor(bins), weights.float())


def mel_energies(spectrum: Tensor, setting: Analysis) -> Tensor:
    """E_m = sum_k P[k] H_m[k] of spectra (..., n_fft // 2 + 1): (..., n_mels).

    Systems: log-mel-energies
    Source: Hifny A3.17, eq. 3.9 (which calls the dot product a convolution).
    """
    bands = bands_of(setting, spectrum.dtype, spectrum.device)
    parts = [spectrum[..., bins] @ columns for bins, columns in bands]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def logarithm(energies: Tensor, setting: Analysis) -> Tensor:
    """ln E, or 10 log10 E, of energies raised to the analysis' floor.

    Systems: log-mel-energies
    Source: Hifny A3.18; the book gives no floor.
    """
    raised = energies.clamp(min=setting.floor)
    return raised.log() if setting.log == "natural" else raised.log10() * 10


def top_limited(decibels: Tensor, setting: Analysis) -> Tensor:
    """Decibels (..., n_frames, n) at most `top_db` below the loudest of the same signal, as librosa's power_to_db."""
    if setting.top_db is None:
        return decibels
    return torch.maximum(decibels, decibels.amax((-2, -1), keepdim=True) - setting.top_db)


def log_mel(x: Tensor, setting: Analysis) -> Tensor:
    """The logarithms of the mel energies (MFBANK) of each frame of x (..., n): (..., n_frames, n_mels).

    Systems: log-mel-energies
    Source: Hifny A3.9 to A3.18.
    """
    return top_limited(by_mel(x, setting, lambda energies, _: logarithm(energies, setting)), setting)


def by_mel(x: Tensor, setting: Analysis, work: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
    """`work` of the mel energies (..., n_frames, n_mels) of x (..., n) and of its `frame_squares`, done in pieces.

    The squares (..., n_frames) are None where the analysis asks for no energy. Both come from a compiled kernel where
    there is one, see `filterbank`, and step by step elsewhere.
    """
    refuse_short(x.shape[-1], setting.frame, setting.hop, setting.edges)
    found = filterbank(x.reshape(-1, x.shape[-1]), setting, sparse_filters(setting))
    if found is None:

        def steps(part: Tensor) -> Tensor:
            squares = frame_squares(part, setting) if setting.energy else None
            return work(mel_energies(magnitudes(part, setting), setting), squares)

        return by_blocks(x, setting, steps)
    each = zip(*(whole.split(max(PIECE // setting.n_mels, 1), 1) for whole in found), strict=True)
    parts = [work(energies, squares if setting.energy else None) for energies, squares in each]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return whole.reshape(*x.shape[:-1], *whole.shape[1:])


def mel_to_spectrum(energies: Tensor, setting: Analysis) -> Tensor:
    """Spectra (..., n_fft // 2 + 1) that have about these mel energies: the least-squares ones, negative parts at 0."""
    inverse = torch.linalg.pinv(filters_of(setting)).T.to(energies)
    return (energies @ inverse).clamp(min=0)
