"""Features of an utterance, a speaker or a stretch of time brought to mean 0 and variance 1."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError

EPS = 1e-10


def valid_frames(x: Tensor, lengths: Tensor | None) -> Tensor:
    """1 for frames of x (batch, n_frames, c) within the lengths (batch,), 0 behind them: (batch, n_frames, 1)."""
    if lengths is None:
        return torch.ones(x.shape[0], x.shape[1], 1, dtype=x.dtype, device=x.device)
    return inside(x, lengths).to(x.dtype)


def inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Whether frames of x (batch, n_frames, c) are within the lengths (batch,): (batch, n_frames, 1) bool."""
    return (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[..., None]


def moments(x: Tensor, lengths: Tensor | None = None, *, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (batch, c) over the frames of x (batch, n_frames, c) that are within the lengths.

    The variance divides by the number of frames; `eps` is added to it, so that the root has a slope everywhere.
    """
    mask = valid_frames(x, lengths)
    n = mask.sum(1)
    mean = (x * mask).sum(1) / n
    variance = ((x - mean[:, None]).square() * mask).sum(1) / n
    return mean, (variance + eps).sqrt()


def cepstral_mean(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """x (batch, n_frames, c), each coefficient without its mean over the utterance; 0 behind the lengths.

    One utterance may come alone (n_frames, c), without lengths.

    A microphone or a room multiplies the spectrum, so that it adds a constant to the cepstra; this takes it away.

    Systems: cepstral-mean-normalisation
    Source: Hifny A3.21; Atal 1974.
    """
    if x.ndim == 2:
        return cepstral_mean(x[None])[0]
    mask = valid_frames(x, lengths)
    return (x - (x * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)) * mask


def standardized(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """x (batch, n_frames, c) of mean 0 and variance 1 over each utterance; 0 behind the lengths.

    One utterance may come alone (n_frames, c), without lengths.

    Systems: cepstral-mean-normalisation
    Source: Hifny A3.21; Viikki and Laurila 1998 for the variance.
    """
    if x.ndim == 2:
        return standardized(x[None])[0]
    mean, std = moments(x, lengths)
    return (x - mean[:, None]) / std[:, None] * valid_frames(x, lengths)


def by_speaker(utterances: Sequence[Tensor], speakers: Sequence[object]) -> list[Tensor]:
    """Utterances (n_frames, c), each of mean 0 and variance 1 over all that its speaker said.

    Raises
    ------
    DataError : not one speaker for each utterance.
    """
    if len(utterances) != len(speakers):
        raise DataError(
            f"there are {len(utterances)} utterances and {len(speakers)} speakers; give one speaker for each utterance"
        )
    found: dict[object, tuple[Tensor, Tensor]] = {}
    for who in set(speakers):
        together = torch.cat([u for u, s in zip(utterances, speakers, strict=True) if s == who])
        mean, std = moments(together[None])
        found[who] = mean, std
    return [(u - found[s][0]) / found[s][1] for u, s in zip(utterances, speakers, strict=True)]


def sliding(x: Tensor, *, width: int = 300, variance: bool = True) -> Tensor:
    """x (..., n_frames, c), each frame normalised by the `width` frames around it (3 s by default).

    The stretch is centred where it can be and shifted inwards at the ends, as Kaldi's apply-cmvn-sliding --center does;
    an utterance shorter than it is normalised whole. `variance=False` takes away the mean alone.
    """
    n = x.shape[-2]
    width = min(width, n)
    start = (torch.arange(n, device=x.device) - width // 2).clamp(0, n - width)
    wide = x.double()
    middle = wide.mean(-2, keepdim=True)  # sums of squares of numbers far from 0 would cancel
    sums = F.pad((wide - middle).cumsum(-2), (0, 0, 1, 0))
    squares = F.pad((wide - middle).square().cumsum(-2), (0, 0, 1, 0))
    mean = (sums[..., start + width, :] - sums[..., start, :]) / width
    centered = wide - middle - mean
    if not variance:
        return centered.to(x.dtype)
    spread = (squares[..., start + width, :] - squares[..., start, :]) / width - mean.square()
    return (centered / (spread.clamp(min=0) + EPS).sqrt()).to(x.dtype)
