"""How loud, how high, and whether anybody speaks: numbers a frame."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from .framing import frames


def energy(x: Tensor, *, size: int, hop: int, floor: float = 1e-10) -> Tensor:
    """ln sum_n x[n]^2 of each frame of x (..., n): (..., n_frames)."""
    return frames(x, size, hop).square().sum(-1).clamp(min=floor).log()


def zero_crossings(x: Tensor, *, size: int, hop: int) -> Tensor:
    """The share of neighbours with different signs in each frame of x (..., n): (..., n_frames)."""
    signs = frames(x, size, hop) >= 0
    return (signs[..., 1:] != signs[..., :-1]).to(x.dtype).mean(-1)


def pitch(
    x: Tensor,
    *,
    sample_rate: int,
    f_min: float = 60.0,
    f_max: float = 400.0,
    hop: int | None = None,
    threshold: float = 0.15,
) -> Tensor:
    """The fundamental frequency of each frame of x (..., n) in hertz, 0 where there is none: (..., n_frames).

    YIN: of d[tau] = sum_n (x[n] - x[n + tau])^2 over a window of one longest period, divided by its mean up to tau, the
    first dip below `threshold`, refined by a parabola. Frames hold two longest periods, every `hop` samples (10 ms).

    Source: de Cheveigne and Kawahara 2002.
    """
    if not 0 < f_min < f_max <= sample_rate / 2:
        raise SettingError(f"pitch lies between 0 < f_min < f_max <= {sample_rate / 2:g}; got {f_min} and {f_max}")
    longest, shortest = int(sample_rate / f_min) + 1, max(int(sample_rate / f_max), 2)
    part = frames(x, 2 * longest, hop or sample_rate // 100)
    d = _differences(part, longest)
    running = d[..., 1:].cumsum(-1) / torch.arange(1, longest + 1, device=x.device, dtype=x.dtype)
    score = torch.cat([torch.ones_like(d[..., :1]), d[..., 1:] / running.clamp(min=torch.finfo(x.dtype).tiny)], -1)
    inner = score[..., 1:-1]
    dip = (inner < threshold) & (inner <= score[..., 2:]) & (inner < score[..., :-2])
    dip[..., : shortest - 1] = False
    found, first = dip.to(torch.int8).max(-1)
    at = (first + 1)[..., None]
    before, here, after = (score.gather(-1, at + k)[..., 0] for k in (-1, 0, 1))
    bend = before - 2 * here + after
    lag = at[..., 0] + torch.where(bend > 0, 0.5 * (before - after) / bend.clamp(min=1e-12), 0.0)
    loud = part.square().sum(-1) > 0
    return torch.where(found.bool() & loud, sample_rate / lag, 0.0)


def _differences(part: Tensor, longest: int) -> Tensor:
    """sum_{n < longest} (x[n] - x[n + tau])^2 for tau = 0 .. longest, by Fourier transforms and running sums."""
    n_fft = 1 << (3 * longest).bit_length()
    head = torch.fft.rfft(part[..., :longest], n_fft).conj()
    products = torch.fft.irfft(head * torch.fft.rfft(part, n_fft), n_fft)[..., : longest + 1]
    sums = F.pad(part.square().cumsum(-1), (1, 0))
    energies = sums[..., longest : 2 * longest + 1] - sums[..., : longest + 1]
    return (energies[..., :1] + energies - 2 * products).clamp(min=0)


def voice_activity(
    x: Tensor, *, sample_rate: int, margin: float = 10.0, range_db: float = 40.0, hangover: int = 5
) -> Tensor:
    """Whether each frame (25 ms every 10 ms) of x (..., n) is louder than the background: (..., n_frames) bool.

    Loud is: `margin` decibels above the noise floor (the level that a tenth of the frames stay below) and at most
    `range_db` below the loudest frame; where no frame stands out by `margin`, all or none are by the floor alone.
    Decisions last `hangover` frames on both sides, which bridges the gaps within words.
    """
    level = energy(x, size=sample_rate * 25 // 1000, hop=sample_rate // 100) * (10 / 2.302585092994046)
    background, top = level.quantile(0.1, dim=-1, keepdim=True), level.amax(-1, keepdim=True)
    steady = top - background < margin  # nothing stands out: one level all along
    loud = (level > torch.where(steady, -60.0, background + margin)) & (level > top - range_db)
    flat = loud.reshape(-1, 1, loud.shape[-1]).to(x.dtype)
    return (F.max_pool1d(flat, 2 * hangover + 1, 1, hangover) > 0).reshape(loud.shape)
