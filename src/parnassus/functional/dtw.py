"""Dynamic time warping: how far apart two sequences are when time may run faster or slower in one of them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import kernels
from ..errors import DataError, SettingError


class Warping(NamedTuple):
    """The least total cost, and the pairs of frames (pairs, 2) that it matches, from the first to the last."""

    total: float
    path: Tensor


def local_costs(x: Tensor, y: Tensor, *, squared: bool = False) -> Tensor:
    """Distances between the frames of x (n, d) and y (m, d): (n, m), float64."""
    gap = torch.cdist(x.double()[None], y.double()[None], compute_mode="donot_use_mm_for_euclid_dist")[0]
    return gap.square() if squared else gap


def within_band(n: int, m: int, band: int | None) -> Tensor:
    """Which pairs (n, m) a Sakoe-Chiba band allows: no more than `band` frames off the diagonal.

    The diagonal goes from the first pair to the last, so sequences of different lengths have one too; the band is never
    narrower than what a path needs.

    Source: Sakoe and Chiba 1978, the adjustment window.
    """
    if band is None:
        return torch.ones(n, m, dtype=torch.bool)
    if band < 0:
        raise SettingError(f"band is a number of frames, at least 0; got {band}")
    off = torch.arange(m)[None] - torch.arange(n)[:, None] * (m - 1) / max(n - 1, 1)
    reach = max(band, (m - 1) / max(n - 1, 1), 1) if n != m else band
    return off.abs() <= reach + 1e-9


def dtw(x: Tensor, y: Tensor, *, band: int | None = None, squared: bool = False) -> Warping:
    """The best matching of x (n, d) and y (m, d), a step at a time in either or in both.

        D(i, j) = c(i, j) + min(D(i - 1, j - 1), D(i - 1, j), D(i, j - 1)),   D(1, 1) = c(1, 1)

    Parameters
    ----------
    band : frames that a pair may lie off the diagonal; None allows all.
    squared : take squared distances for c, of which the total's root is the distance that many libraries give.

    >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    >>> dtw(x, y).total
    0.0

    Source: Sakoe and Chiba 1978 with unit weights; Vintsyuk 1968.
    """
    check_frames(x, y)
    cost = torch.where(within_band(len(x), len(y), band), local_costs(x, y, squared=squared), math.inf)
    kernel = kernels.load("dtw")
    if kernel is None:
        return _traced(cumulated(cost))
    total, path = torch.empty_like(cost), torch.empty(sum(cost.shape), 2, dtype=torch.int64)
    n_pairs = kernel.warp(cost, total, path)
    return Warping(float(total[-1, -1]), path[len(path) - n_pairs :])


def _traced(total: np.ndarray) -> Warping:
    """The path back from the last pair, by both where that is as good."""
    i, j = (n - 1 for n in total.shape)
    path = [(i, j)]
    while i or j:
        ways = [(total[a, b], a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        _, i, j = min(ways, key=lambda way: way[0])
        path.append((i, j))
    return Warping(float(total[-1, -1]), torch.tensor(path[::-1]))


def cumulated(cost: Tensor) -> np.ndarray:
    """D (n, m) of local costs (n, m), an anti-diagonal at a time: pairs on one do not need each other."""
    n, m = cost.shape
    c = cost.numpy()
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for s in range(n + m - 1):
        i = np.arange(max(0, s - m + 1), min(n, s + 1))
        j = s - i
        best = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = c[i, j] + best
    return total[1:, 1:]


def dtw_distances(
    queries: Sequence[Tensor], templates: Sequence[Tensor], *, band: int | None = None, squared: bool = False
) -> Tensor:
    """The total cost of warping each query to each template (queries, templates), float64.

    Compiled where there is a compiler; else each pair runs through `cumulated`.
    """
    for y in [*queries, *templates]:
        check_frames(y, templates[0])
    kernel = kernels.load("dtw")
    if kernel is None:
        totals = [[_total(x, y, band, squared) for y in templates] for x in queries]
        return torch.tensor(totals, dtype=torch.float64)
    found = torch.empty(len(queries), len(templates), dtype=torch.float64)
    kernel.distances(*_end_to_end(queries), *_end_to_end(templates), -1 if band is None else band, int(squared), found)
    return found


def _total(x: Tensor, y: Tensor, band: int | None, squared: bool) -> float:
    cost = torch.where(within_band(len(x), len(y), band), local_costs(x, y, squared=squared), math.inf)
    return float(cumulated(cost)[-1, -1])


def check_frames(x: Tensor, y: Tensor) -> None:
    """Refuse what are no two sequences of frames of one kind."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise DataError(
            "dynamic time warping takes frames (time, features) of one width; got "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )


def _end_to_end(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    return torch.cat([row.double().cpu() for row in rows]).contiguous(), torch.tensor([len(row) for row in rows])
