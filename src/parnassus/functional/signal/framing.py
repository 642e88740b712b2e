"""From a signal to windowed frames: pre-emphasis, dither, frames, windows."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError, SettingError, did_you_mean
from .conventions import Edges


def pre_emphasis(x: Tensor, factor: float = 0.97) -> Tensor:
    """x (..., n) with the highs raised: y[n] = x[n] - factor x[n - 1], y[0] = x[0].

    Kaldi and HTK do this to each frame instead, with y[0] = (1 - factor) x[0]; see `frame_emphasis`.

    >>> [round(y, 4) for y in pre_emphasis(torch.tensor([1.0, 2.0, 3.0, 4.0])).tolist()]
    [1.0, 1.03, 1.06, 1.09]

    Systems: pre-emphasis
    Source: Hifny A3.10, eq. 3.3.
    """
    return torch.cat([x[..., :1], x[..., 1:] - factor * x[..., :-1]], -1)


def frame_emphasis(frames: Tensor, factor: float = 0.97) -> Tensor:
    """Frames (..., size), each pre-emphasised for itself as Kaldi and HTK do: the sample before the first equals it."""
    rest = torch.sub(frames[..., 1:], frames[..., :-1], alpha=factor)
    return torch.cat([(1 - factor) * frames[..., :1], rest], -1)


def dither(x: Tensor, amount: float, *, generator: torch.Generator | None = None) -> Tensor:
    """x with normal noise of standard deviation `amount`, so that no stretch is exactly silent.

    `generator` draws it; without one the noise is that of seed 0 on x's device, the same each time.
    """
    generator = generator or torch.Generator(x.device).manual_seed(0)
    return x + amount * torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)


# --- frames ---------------------------------------------------------------------------------------


def frame_count(n_samples: int, size: int, hop: int, *, edges: Edges = "inside") -> int:
    """How many frames a signal has.

    "inside" (the book, Kaldi, HTK): those that lie in it, floor((n - size) / hop) + 1, none where n < size.
    "centered" (librosa): one around every hop-th sample, size // 2 zeros before and after, floor(n / hop) + 1.
    "reflected" (Kaldi's snip_edges=false): one around the middle of every hop, floor((n + hop // 2) / hop).

    >>> frame_count(8, 4, 2), frame_count(8, 4, 2, edges="centered"), frame_count(8, 4, 2, edges="reflected")
    (3, 5, 4)
    """
    if edges == "centered":
        return n_samples // hop + 1 if n_samples else 0
    if edges == "reflected":
        return (n_samples + hop // 2) // hop
    return (n_samples - size) // hop + 1 if n_samples >= size else 0


def frames(x: Tensor, size: int, hop: int, *, edges: Edges = "inside") -> Tensor:
    """Overlapping pieces of x (..., n): frame i holds x[n + i hop], n = 0 .. size - 1. (..., n_frames, size).

    Frames "inside" the signal are a view of it; what lies behind the last whole frame is left out. For the other
    `edges` see `frame_count`.

    >>> frames(torch.arange(1, 9), 4, 2).tolist()
    [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 8]]

    Systems: framing
    Source: Hifny A3.11, eq. 3.4.
    """
    n_frames = refuse_short(x.shape[-1], size, hop, edges)
    if edges == "centered":
        zeros = x.new_zeros(*x.shape[:-1], size // 2 + size % 2)
        x = torch.cat([zeros[..., : size // 2], x, zeros], -1)
    elif edges == "reflected":
        x = reflected(x, size, hop)
    return x.unfold(-1, size, hop)[..., :n_frames, :]


def refuse_short(n_samples: int, size: int, hop: int, edges: Edges) -> int:
    """How many frames a signal holds; one that holds none is refused."""
    n_frames = frame_count(n_samples, size, hop, edges=edges)
    if not n_frames:
        raise DataError(
            f"a signal of {n_samples} samples holds no frame of {size}; give a longer one, or shorter frames"
        )
    return n_frames


def reflected(x: Tensor, size: int, hop: int) -> Tensor:
    """x (..., n) as frames "reflected" at its ends see it: mirrored there, the first frame's first sample first."""
    n, n_frames = x.shape[-1], frame_count(x.shape[-1], size, hop, edges="reflected")
    before = size // 2 - hop // 2
    at = torch.arange(-before, (n_frames - 1) * hop + size - before, device=x.device) % (2 * n)
    return x[..., torch.where(at < n, at, 2 * n - 1 - at)]


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """The sum (..., (n_frames - 1) hop + size) of frames (..., n_frames, size) laid `hop` samples apart.

    >>> overlap_add(torch.ones(3, 4), 2).tolist()
    [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    """
    *rows, n_frames, size = frames.shape
    n = (n_frames - 1) * hop + size
    columns = frames.reshape(-1, n_frames, size).transpose(1, 2)
    return F.fold(columns, (1, n), (1, size), stride=(1, hop)).reshape(*rows, n)


# --- windows --------------------------------------------------------------------------------------


def _cosines(*weights: float) -> Callable[[Tensor], Tensor]:
    """A sum of cosines with signs in turn: a0 - a1 cos(2 pi t) + a2 cos(4 pi t) - ..., t from 0 to 1."""
    return lambda t: torch.stack([(-1) ** k * a * torch.cos(2 * math.pi * k * t) for k, a in enumerate(weights)]).sum(0)


def _hann(t: Tensor) -> Tensor:
    return 0.5 - 0.5 * torch.cos(2 * math.pi * t)


WINDOWS: dict[str, Callable[[Tensor], Tensor]] = {
    "rectangular": torch.ones_like,
    "hamming": _cosines(0.54, 0.46),
    "hann": _hann,
    "povey": lambda t: _hann(t).pow(0.85),
    "blackman": _cosines(0.42, 0.5, 0.08),
    "blackman_harris": _cosines(0.35875, 0.48829, 0.14128, 0.01168),
    "nuttall": _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "flat_top": _cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "bartlett": lambda t: 1 - (2 * t - 1).abs(),
    "parabolic": lambda t: 1 - (2 * t - 1).square(),
    "sine": lambda t: torch.sin(math.pi * t),
    "gaussian": lambda t: torch.exp(-0.5 * ((2 * t - 1) / 0.4).square()),
    "kaiser": lambda t: torch.special.i0(12 * (1 - (2 * t - 1).square()).clamp(min=0).sqrt()) / _i0(t, 12.0),
}


def _i0(like: Tensor, at: float) -> Tensor:
    return torch.special.i0(torch.tensor(at, dtype=like.dtype, device=like.device))


def window(
    name: str,
    size: int,
    *,
    periodic: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """The window of this name, (size,): w[n] at t = n / (size - 1), or n / size for one of a period.

    Hamming: 0.54 - 0.46 cos(2 pi t). Hann: 0.5 - 0.5 cos(2 pi t). Povey (Kaldi's): Hann to the power 0.85. Gaussian: of
    standard deviation 0.2 (size - 1). Kaiser: beta 12. The others by `WINDOWS`.

    >>> [round(w, 2) for w in window("hamming", 4).tolist()]
    [0.08, 0.77, 0.77, 0.08]

    Systems: hamming-window
    Source: Hifny A3.12, eqs. 3.5 and 3.6; the book's worked window (0.08, 0.54, 0.54, 0.08) does not follow from them
    (B7, F8). Harris 1978 for the others.
    """
    if name not in WINDOWS:
        raise SettingError(f"window {name!r} is not known; {did_you_mean(name, WINDOWS)}")
    if size == 1:
        return torch.ones(1, dtype=dtype, device=device)
    t = torch.arange(size, dtype=torch.float64) / (size if periodic else size - 1)
    return WINDOWS[name](t).to(device=device, dtype=dtype or torch.get_default_dtype())
