"""How far every window of a series is from a query, and from the window that is most like it elsewhere."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ... import kernels
from ...errors import DataError, SettingError
from ..threads import n_threads
from .windows import Moments, blocks, checked, distances_of, moments, unit_windows

RESTART = 2048  # steps along a diagonal after which its covariance is summed afresh


class MatrixProfile(NamedTuple):
    """Of every window (n_windows,): the distance to its nearest neighbour, and where that starts.

    A window without a neighbour (all others overlap it) has the distance inf and the neighbour -1.
    """

    distance: Tensor
    neighbour: Tensor
    window: int


def distance_profile(query: Tensor, series: Tensor) -> Tensor:
    """The z-normalised distance of a query (window,) to every window of a series: (n_windows,), in n log n.

        d_i = sqrt(2 m (1 - r_i)),   r_i = (q - mean q) . (t_i - mean t_i) / (|q - mean q| |t_i - mean t_i|)

    The products with all windows are one correlation, taken by the fast Fourier transform; as the query has no mean,
    those of the windows need not be taken off. Where some values are so large that rounding them would hide other
    windows, each product is taken by itself.

    >>> series = torch.tensor([0.0, 1, 0, 5, 7, 5, 0])
    >>> distance_profile(torch.tensor([10.0, 20, 10]), series).argmin()
    tensor(0)
    >>> distance_profile(torch.tensor([10.0, 20, 10]), series)[3]  # of another size, of the same shape
    tensor(0., dtype=torch.float64)

    Systems: pattern-matching
    Source: Mueen et al. 2010 (MASS); Baker 6.2.4.
    """
    query = checked(query, len(query), "query")
    window = len(query)
    series = checked(series, window)
    unit, flat = unit_windows(query[None])
    _, norm, windows_flat = moments(series, window)
    level = series - series.mean()
    if _even(level, norm[~windows_flat], 1):
        n = 1 << (len(series) + window - 1).bit_length()
        spectrum = torch.fft.rfft(level, n) * torch.fft.rfft(unit[0].flip(0), n)
        products = torch.fft.irfft(spectrum, n)[window - 1 : len(series)]
    else:
        products = torch.cat([(rows - rows.mean(1, keepdim=True)) @ unit[0] for _, rows in blocks(series, window)])
    correlation = products / torch.where(windows_flat, 1, norm)
    return _without_rounding(distances_of(correlation, window, flat.expand(len(norm)), windows_flat))


def _even(level: Tensor, norms: Tensor, power: int) -> bool:
    """Whether sums over a whole series leave the smallest window six digits: `power` of sizes that are summed."""
    if not len(norms):
        return True
    return float(level.abs().max()) ** power * 1e-14 < 1e-6 * float(norms.min()) ** power


def _without_rounding(distance: Tensor) -> Tensor:
    """Distances below what rounding leaves of nothing are nothing."""
    return torch.where(distance < 1e-6, 0.0, distance)


def matrix_profile(
    series: Tensor, window: int, *, other: Tensor | None = None, exclusion: int | None = None
) -> MatrixProfile:
    """The nearest neighbour of every window of a series, in the series itself or in `other`.

    Parameters
    ----------
    other : (time,) a second series in which neighbours are looked for; None looks in the series itself.
    exclusion : windows that start less than this many steps from each other are no neighbours, since they share steps;
        None takes a quarter of a window, rounded up. For `other` there is none.

    With itself it takes the compiled loop where there is a compiler, in n^2 steps; else, and for two series, blocks of
    windows are multiplied with all windows, in n^2 m.

    >>> series = torch.tensor([0.0, 1, 3, 0, 0, 0, 2, 6, 0, 0])
    >>> found = matrix_profile(series, 4)
    >>> found.distance[0], found.neighbour[0]
    (tensor(0., dtype=torch.float64), tensor(5))

    Systems: motif-detection
    Source: Yeh et al. 2016; the recursion of covariances: Zimmerman et al. 2019; Baker 6.2.5-6.
    """
    series = checked(series, window)
    apart = -(-window // 4) if exclusion is None else exclusion
    if apart < 0:
        raise SettingError(f"exclusion is a number of steps of at least 0; got {exclusion}")
    if other is not None:
        if exclusion:
            raise SettingError(f"exclusion={exclusion} keeps a series from itself; leave it out with another series")
        return by_blocks(series, checked(other, window, "other"), window)
    if len(series) - window + 1 <= apart + 1:
        raise DataError(
            f"series has {len(series)} steps, too few for two windows of {window} that start {apart + 1} steps apart; "
            "take a shorter window"
        )
    kernel, found = kernels.load("profile"), moments(series, window)
    if kernel is None or not _even(series - series.mean(), found.norm[~found.flat], 2):
        return by_blocks(series, series, window, apart)
    return _by_diagonals(kernel, series, found, window, apart)


def by_blocks(series: Tensor, other: Tensor, window: int, exclusion: int = -1) -> MatrixProfile:
    """The twin: correlations of some windows with all windows, as products of matrices.

    exclusion: windows of numbers no further apart than this are not compared.
    """
    columns, other_flat = unit_windows(other.unfold(0, window, 1))
    places = torch.arange(len(columns))
    parts = []
    for start, rows in blocks(series, window):
        for offset in range(0, len(rows), 1024):
            unit, flat = unit_windows(rows[offset : offset + 1024])
            distance = distances_of(unit @ columns.T, window, flat[:, None], other_flat)
            here = torch.arange(start + offset, start + offset + len(unit))
            distance[(here[:, None] - places).abs() <= exclusion] = torch.inf
            parts.append(distance.min(1))
    distance, index = torch.cat([p.values for p in parts]), torch.cat([p.indices for p in parts])
    return MatrixProfile(_without_rounding(distance), index.masked_fill(distance.isinf(), -1), window)


def _by_diagonals(kernel: Any, series: Tensor, found: Moments, window: int, exclusion: int) -> MatrixProfile:
    """By the compiled loop; constant windows, whose correlation is no number, come after it."""
    mean, norm, flat = found
    inverse = torch.where(flat, 0, 1 / torch.where(flat, 1, norm))
    came, gone = series[window:], series[: -window or None]
    n = len(mean)
    df, dg = torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
    df[1:] = (came - gone[: n - 1]) / 2
    dg[1:] = (came - mean[1:]) + (gone[: n - 1] - mean[:-1])
    best, index = torch.full((n,), -2.0, dtype=torch.float64), torch.full((n,), -1)
    restart = max(RESTART, 20 * window)
    kernel.self_join(series.contiguous(), mean, inverse, df, dg, exclusion + 1, restart, best, index, n_threads())
    none = index < 0
    distance = (2 * window * (1 - best).clamp(0, 2)).sqrt().masked_fill(none, torch.inf)
    if flat.any():
        _with_constants(distance, index, flat, window, exclusion)
    return MatrixProfile(_without_rounding(distance), index, window)


def _with_constants(distance: Tensor, index: Tensor, flat: Tensor, window: int, exclusion: int) -> None:
    """Put in what constant windows are the neighbours of: each other at 0, of any other at sqrt(m)."""
    constant, varied = torch.nonzero(flat)[:, 0], torch.nonzero(~flat)[:, 0]
    for i in range(len(distance)):
        if not flat[i] and distance[i] <= window**0.5:
            continue
        for places, far in ((constant, 0.0 if flat[i] else window**0.5), (varied, window**0.5)):
            if not flat[i] and places is varied:
                continue
            allowed = places[(places - i).abs() > exclusion]
            if len(allowed):
                distance[i], index[i] = far, allowed[0]
                break
