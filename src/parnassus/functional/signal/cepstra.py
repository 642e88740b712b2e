"""Cepstra: cosine transforms of log energies, lifters, and their changes over time."""

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from .conventions import Analysis
from .mel import by_mel, log_mel, logarithm
from .spectrum import frame_squares

DctNorm = Literal["plain", "ortho", "htk"]


def dct_matrix(n: int, n_out: int | None = None, *, norm: DctNorm = "plain") -> Tensor:
    """The cosines (n_out, n), float64, whose product with a vector is its DCT-II; see `dct`."""
    k, m = torch.arange(n_out or n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)
    found = torch.cos(math.pi / n * k * (m + 0.5))
    if norm != "plain":
        found *= math.sqrt(2 / n)
    if norm == "ortho":
        found[0] *= math.sqrt(0.5)
    return found


def dct(x: Tensor, n_out: int | None = None, *, norm: DctNorm = "plain") -> Tensor:
    """The first coefficients of the DCT-II of x (..., n): c_k = sum_m x_m cos(pi k (2 m + 1) / (2 n)), (..., n_out).

    "plain": no factor (the book; half of scipy.fft.dct). "ortho": times sqrt(2 / n), and c_0 once more by sqrt(1 / 2)
    (librosa, Kaldi, scipy's norm="ortho"). "htk": times sqrt(2 / n), c_0 too.

    >>> [round(c, 4) for c in dct(torch.tensor([0.69, 1.39, 1.79])).tolist()]
    [3.87, -0.9526, -0.15]

    Systems: dct-ii
    Source: Hifny A3.19, eq. 3.10.
    """
    return x @ dct_matrix(x.shape[-1], n_out, norm=norm).T.to(x)


def lifter(n: int, amount: int) -> Tensor:
    """The weights (n,), float64, of coefficients 0 .. n - 1: 1 + L / 2 sin(pi k / L); all 1 where L is 0.

    Source: Juang, Rabiner and Wilpon 1987; Kaldi and HTK (L = 22).
    """
    if not amount:
        return torch.ones(n, dtype=torch.float64)
    return 1 + amount / 2 * torch.sin(math.pi * torch.arange(n, dtype=torch.float64) / amount)


@lru_cache(maxsize=32)
def _lifted(setting: Analysis, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(n_mels, n_ceps): cosine transform, choice of coefficients and lifter in one product."""
    with torch.inference_mode(False):
        last = setting.first + setting.n_ceps
        rows = dct_matrix(setting.n_mels, last, norm=setting.dct) * lifter(last, setting.lifter)[:, None]
        return rows[setting.first :].T.contiguous().to(dtype=dtype, device=device)


def cepstra(log_energies: Tensor, setting: Analysis) -> Tensor:
    """Coefficients `first` to `first + n_ceps - 1`, liftered, of log energies (..., n_mels): (..., n_ceps).

    Systems: mfcc
    Source: Hifny A3.20.
    """
    return log_energies @ _lifted(setting, log_energies.dtype, log_energies.device)


def frame_energy(part: Tensor, setting: Analysis) -> Tensor:
    """ln sum_n x[n]^2 of frames (..., size) as Kaldi takes it: without the mean, before pre-emphasis and window."""
    return loudness(frame_squares(part, setting), setting)


def loudness(squares: Tensor, setting: Analysis) -> Tensor:
    """The logarithm of sums of squares in the units of an analysis, raised to its floor."""
    return (squares * setting.scale**2).clamp(min=setting.floor).log()


def mfcc(x: Tensor, setting: Analysis) -> Tensor:
    """Mel-frequency cepstral coefficients of each frame of x (..., n): (..., n_frames, n_ceps).

    The book drops c_0, which is the sum of the log energies; librosa keeps it, Kaldi puts the frame's energy there.
    Diagonal Gaussians want cepstra, networks do as well on `log_mel` (Hifny, footnote 4 of chapter 3).

    Systems: mfcc
    Source: Hifny A3.20; Davis and Mermelstein 1980.
    """
    if setting.top_db is not None:  # the limit needs the loudest frame first
        return cepstra(log_mel(x, setting), setting)

    def work(energies: Tensor, squares: Tensor | None) -> Tensor:
        found = cepstra(logarithm(energies, setting), setting)
        if squares is not None and setting.first == 0:
            found = torch.cat([loudness(squares, setting)[..., None], found[..., 1:]], -1)
        return found

    return by_mel(x, setting, work)


# --- changes over time ----------------------------------------------------------------------------


def delta(x: Tensor, *, reach: int = 2) -> Tensor:
    """The slope of each feature of x (..., n_frames, n_features) by regression over `reach` frames on both sides.

    d[t] = sum_k k (x[t + k] - x[t - k]) / (2 sum_k k^2), k = 1 .. reach. Beyond the ends the first and last frames are
    repeated, as HTK and Kaldi do (librosa's default fits a line at the ends instead).

    >>> [round(d, 2) for d in delta(torch.tensor([1.0, 2, 4, 7, 11, 16])[:, None])[:, 0].tolist()]
    [0.7, 1.5, 2.5, 3.5, 3.3, 2.3]

    Systems: delta-features
    Source: Hifny A3.22; Furui 1986. The book leaves the ends open.
    """
    if reach < 1:
        raise SettingError(f"delta reaches over at least 1 frame on both sides; got reach={reach}")
    n = x.shape[-2]
    series = x.transpose(-1, -2)
    ends = (series[..., :1].expand(*series.shape[:-1], reach), series[..., -1:].expand(*series.shape[:-1], reach))
    padded = torch.cat([ends[0], series, ends[1]], -1)
    total = sum(
        k * (padded[..., reach + k : reach + k + n] - padded[..., reach - k : reach - k + n])
        for k in range(1, reach + 1)
    )
    assert isinstance(total, Tensor)
    return (total / (2 * sum(k * k for k in range(1, reach + 1)))).transpose(-1, -2)


def with_deltas(x: Tensor, *, orders: int = 2, reach: int = 2) -> Tensor:
    """x (..., n_frames, c) with its slopes, the slopes of these, and so on: (..., n_frames, (orders + 1) c).

    Systems: delta-features
    Source: Hifny A3.23: static, delta and delta-delta in one vector.
    """
    stack = [x]
    for _ in range(orders):
        stack.append(delta(stack[-1], reach=reach))
    return torch.cat(stack, -1)


def spliced(x: Tensor, *, left: int = 4, right: int = 4) -> Tensor:
    """Each frame of x (..., n_frames, c) with its neighbours, ends repeated: (..., n_frames, (left + 1 + right) c)."""
    n = x.shape[-2]
    padded = F.pad(x.movedim(-2, -1).reshape(-1, x.shape[-1], n), (left, right), mode="replicate")
    pieces = padded.unfold(-1, left + 1 + right, 1)  # (rows, c, n_frames, width)
    return pieces.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)
