"""Where a series changes: the cheapest way to cut it into pieces that each have a mean, or a mean and a variance."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from ..errors import DataError, SettingError, did_you_mean

Cost = Literal["mean", "variance"]
LEAST = {"mean": 1, "variance": 2}  # steps that a piece needs at least

Pieces = Callable[[np.ndarray, int], np.ndarray]


def noise_of(y: np.ndarray) -> float:
    """The standard deviation of a series around its pieces, from the median of its absolute differences.

    Differences count that are not nothing, and have such a neighbour: a level that is held, and a step without noise,
    say nothing of the noise elsewhere. 0 where there are none.

    >>> y = np.random.default_rng(0).normal(size=1000)
    >>> y[500:] += 10
    >>> round(noise_of(y), 1)
    1.0
    """
    jumps = np.abs(np.diff(y))
    moved = np.pad(jumps > 0, 1)
    noisy = jumps[moved[1:-1] & (moved[:-2] | moved[2:])]
    return float(np.median(noisy)) / (0.6744897501960817 * 2**0.5) if len(noisy) else 0.0


def piece_costs(y: np.ndarray, cost: Cost = "mean", *, noise: float | None = None) -> Pieces:
    """The cost of pieces as a function of their starts and one end: minus twice the log likelihood, up to a constant.

        mean:      sum (y - mean)^2 / s^2          variance:  n log(sum (y - mean)^2 / n)

    noise: s; None takes `noise_of`, or, where that is nothing, the whole series' deviation.
    """
    if cost not in LEAST:
        raise SettingError(f"cost={cost!r}; {did_you_mean(str(cost), list(LEAST))}")
    y = y - y.mean()
    first, second = (np.concatenate([[0], np.cumsum(y**power)]) for power in (1, 2))
    scale = noise_of(y) if noise is None else noise
    scale = scale or float(y.std()) or 1.0
    floor = 1e-12 * max(float(y.var()), 1e-300)

    def of(starts: np.ndarray, end: int) -> np.ndarray:
        n = end - starts
        squares = np.maximum(second[end] - second[starts] - (first[end] - first[starts]) ** 2 / n, 0)
        return squares / scale**2 if cost == "mean" else n * np.log(np.maximum(squares / n, floor))

    return of


def best_cuts(
    y: np.ndarray, *, cost: Cost = "mean", penalty: float | None = None, least: int | None = None
) -> list[int]:
    """The cuts that make the sum of costs and of `penalty` a piece least, exactly (PELT).

        F(t) = min over s of F(s) + C(s, t) + penalty

    where a start s that is behind by more than the penalty at t is dropped as soon as a piece from t on is long enough
    to be cut off instead: from there it never wins again.

    Parameters
    ----------
    penalty : None takes log n for its mean, as much for its variance with cost "variance", and 2 log n for its place.
    least : the least steps of a piece.

    >>> best_cuts(np.array([0.0, 0.1, 0, 0.1, 5, 5.1, 5, 5.1]))
    [4]

    Source: Killick, Fearnhead and Eckley 2012; the price of a place: Zhang and Siegmund 2007.
    """
    n, least, penalty = _settings(y, cost, penalty, least)
    pieces = piece_costs(y, cost)
    total, before = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=int)
    total[0] = -penalty
    starts, behind_since = np.array([0]), np.array([n + 1])
    for t in range(least, n + 1):
        ways = total[starts] + pieces(starts, t)
        best = int(ways.argmin())
        total[t], before[t] = ways[best] + penalty, starts[best]
        behind_since = np.minimum(behind_since, np.where(ways > total[t], t, n + 1))
        kept = behind_since > t - least + 1
        starts, behind_since = starts[kept], behind_since[kept]
        if t - least + 1 >= least:
            starts, behind_since = np.append(starts, t - least + 1), np.append(behind_since, n + 1)
    cuts, t = [], n
    while before[t]:
        t = int(before[t])
        cuts.append(t)
    return cuts[::-1]


def cuts_into(y: np.ndarray, n_pieces: int, *, cost: Cost = "mean", least: int | None = None) -> list[int]:
    """The cuts into so many pieces whose sum of costs is least, exactly, in n_pieces n^2 steps.

        F_1(t) = C(0, t),   F_k(t) = min over s of F_{k-1}(s) + C(s, t)

    >>> cuts_into(np.array([0.0, 0.1, 0, 2, 2.1, 5, 5.1, 5]), 3)
    [3, 5]

    Source: Auger and Lawrence 1989.
    """
    n, least, _ = _settings(y, cost, None, least)
    if not 1 <= n_pieces <= n // least:
        raise SettingError(f"{n} steps make 1 to {n // least} pieces of {least} or more; got n_pieces={n_pieces}")
    pieces = piece_costs(y, cost)
    total = np.full((n_pieces + 1, n + 1), np.inf)
    before = np.zeros((n_pieces + 1, n + 1), dtype=int)
    total[0, 0] = 0
    for t in range(least, n + 1):
        starts = np.arange(t - least + 1)
        ways = total[:-1, starts] + pieces(starts, t)
        before[1:, t] = ways.argmin(1)
        total[1:, t] = ways.min(1)
    cuts, t = [], n
    for k in range(n_pieces, 1, -1):
        t = int(before[k, t])
        cuts.append(t)
    return cuts[::-1]


def _settings(y: np.ndarray, cost: Cost, penalty: float | None, least: int | None) -> tuple[int, int, float]:
    if cost not in LEAST:
        raise SettingError(f"cost={cost!r}; {did_you_mean(str(cost), list(LEAST))}")
    least = LEAST[cost] if least is None else least
    if least < LEAST[cost]:
        raise SettingError(f"least is at least {LEAST[cost]} steps with cost {cost!r}; got {least}")
    if len(y) < 2 * least:
        raise DataError(f"the series has {len(y)} steps; two pieces of {least} need {2 * least}")
    if penalty is not None and penalty < 0:
        raise SettingError(f"penalty is at least 0; got {penalty}")
    return len(y), least, (2 + LEAST[cost]) * float(np.log(len(y))) if penalty is None else penalty
