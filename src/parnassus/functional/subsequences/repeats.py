"""What to take from a profile: the windows that lie nearest, furthest, and in pairs, none overlapping another."""

from typing import NamedTuple

import torch
from torch import Tensor

from .profiles import MatrixProfile, distance_profile


class Motif(NamedTuple):
    """A pair of windows that are most alike, and every window that is nearly as near to the first of them."""

    distance: float
    pair: tuple[int, int]
    places: list[int]


def nearest_places(distance: Tensor, n: int | None, apart: int, *, within: float = torch.inf) -> list[int]:
    """Starts of the windows with the least distances, at most n of them, each `apart` steps from those before it.

    >>> nearest_places(torch.tensor([3.0, 1, 2, 9, 4]), 2, 2)
    [1, 4]
    """
    left = distance.clone()
    found: list[int] = []
    while n is None or len(found) < n:
        at = int(left.argmin())
        if not left[at] < torch.inf or left[at] > within:
            break
        found.append(at)
        left[max(0, at - apart + 1) : at + apart] = torch.inf
    return found


def discords(profile: MatrixProfile, n: int) -> list[int]:
    """Starts of the windows that are furthest from their nearest neighbours, without overlaps, the oddest first.

    >>> discords(MatrixProfile(torch.tensor([1.0, 1, 8, 1, 1]), torch.zeros(5), 2), 1)
    [2]

    Source: Keogh et al. 2005; Baker 6.2.5.
    """
    known = torch.where(profile.distance.isinf(), torch.inf, -profile.distance)
    return nearest_places(known, n, profile.window)


def motifs(series: Tensor, profile: MatrixProfile, n: int, *, radius: float = 2.0) -> list[Motif]:
    """The n pairs of windows that are most alike, the nearest first; no window of one overlaps another's.

    radius: windows count to a motif where they are within `radius` times the distance of its pair.

    Source: Yeh et al. 2016; Baker 6.2.6.
    """
    window, left, found = profile.window, profile.distance.clone(), []
    taken = torch.zeros(len(left), dtype=torch.bool)
    for _ in range(n):
        at = int(left.argmin())
        if not left[at] < torch.inf:
            break
        other = int(profile.neighbour[at])
        first, second = min(at, other), max(at, other)
        around = distance_profile(series[first : first + window], series).masked_fill(taken, torch.inf)
        near = nearest_places(around, None, window, within=radius * float(profile.distance[at]) + 1e-9)
        places = sorted({first, second, *(p for p in near if abs(p - second) >= window)})
        found.append(Motif(float(profile.distance[at]), (first, second), places))
        for place in places:
            taken[max(0, place - window + 1) : place + window] = True
        left[taken | taken[profile.neighbour.clamp_min(0)]] = torch.inf
    return found
