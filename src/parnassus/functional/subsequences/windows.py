"""Every window of a series, and what z-normalising it needs."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import DataError, check_count

BLOCK = 1 << 21  # numbers of windows that stand in memory at once
FLAT = 1e-12  # a window that varies by less than this share of its size is a constant one


class Moments(NamedTuple):
    """Of every window (n_windows,): its mean, the norm of what is left without it, and whether nothing is left."""

    mean: Tensor
    norm: Tensor
    flat: Tensor


def checked(series: Tensor, window: int, name: str = "series") -> Tensor:
    """A series (time,) as float64, at least as long as a window of at least two steps."""
    if series.ndim != 1:
        raise DataError(f"{name} is {tuple(series.shape)}; one series is (time,)")
    check_count("window", window, least=2)
    if len(series) < window:
        raise DataError(f"{name} has {len(series)} steps, fewer than a window of {window}; take a shorter window")
    series = series.detach().cpu().double()
    broken = torch.nonzero(~series.isfinite())
    if len(broken):
        raise DataError(f"{name} has no finite number at step {int(broken[0])}; fill such steps first")
    return series


def blocks(series: Tensor, window: int) -> Iterator[tuple[int, Tensor]]:
    """The windows of a series, some rows (rows, window) at a time, with the number of the first of them."""
    rows = series.unfold(0, window, 1)
    step = max(1, BLOCK // window)
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def moments(series: Tensor, window: int) -> Moments:
    """Mean and norm of every window, each from its own steps, so that nothing adds up along a long series."""
    parts = []
    for _, rows in blocks(series, window):
        mean = rows.mean(1)
        low, high = rows.amin(1), rows.amax(1)
        flat = high - low <= FLAT * torch.maximum(high, -low)
        norm = (rows - mean[:, None]).norm(dim=1)
        parts.append((mean, torch.where(flat, 0, norm), flat))
    return Moments(*(torch.cat(column) for column in zip(*parts, strict=True)))


def unit_windows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Windows (rows, window) without their means, of norm one (zero where constant), and which are constant."""
    centred = rows - rows.mean(1, keepdim=True)
    flat = rows.amax(1) - rows.amin(1) <= FLAT * rows.abs().amax(1)
    norm = torch.where(flat, 1, centred.norm(dim=1))
    return torch.where(flat[:, None], 0, centred / norm[:, None]), flat


def distances_of(correlation: Tensor, window: int, flat: Tensor, other_flat: Tensor) -> Tensor:
    """d = sqrt(2 m (1 - r)); two constant windows are alike, and one is sqrt(m) from any other.

    Source: Mueen et al. 2010; the rule for constants is that of the STUMPY package.
    """
    distance = (2 * window * (1 - correlation).clamp(0, 2)).sqrt()
    distance = torch.where(flat | other_flat, window**0.5, distance)
    return torch.where(flat & other_flat, 0.0, distance)
