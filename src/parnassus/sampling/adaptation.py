"""What warm-up learns: a step that is accepted as often as asked, and the spread of each parameter."""

import math

import torch
from torch import Tensor


class DualAveraging:
    """The logarithm of a step, moved until the mean acceptance is `target`; `settled` averages its last values.

    Source: Hoffman and Gelman 2014, section 3.2.
    """

    def __init__(self, step: float, target: float) -> None:
        self.target = target
        self.restart(step)

    def restart(self, step: float) -> None:
        """Begin anew around a step."""
        self.centre, self.log_step, self.log_settled = math.log(10 * step), math.log(step), 0.0
        self.gap, self.count = 0.0, 0

    def update(self, acceptance: float) -> None:
        """Take the acceptance of one step into account."""
        self.count += 1
        weight = 1 / (self.count + 10)
        self.gap += weight * (self.target - acceptance - self.gap)
        self.log_step = self.centre - math.sqrt(self.count) / 0.05 * self.gap
        share = self.count**-0.75
        self.log_settled += share * (self.log_step - self.log_settled)

    @property
    def step(self) -> float:
        """The step to try next."""
        return math.exp(self.log_step)

    @property
    def settled(self) -> float:
        """The step to keep."""
        return math.exp(self.log_settled) if self.count else math.exp(self.log_step)


def windows(n_warmup: int) -> list[int]:
    """After how many steps of warm-up the spread is learned anew: ends of windows that double, none at either end.

    >>> windows(1000)
    [150, 175, 225, 325, 900]
    >>> windows(20)
    []
    """
    if n_warmup < 40:
        return []
    first, last = int(0.15 * n_warmup), int(0.9 * n_warmup)
    ends, size = [first], 25
    while ends[-1] + 3 * size <= last:  # room for this window and for one of twice its size
        ends.append(ends[-1] + size)
        size *= 2
    return [*ends, last]


class Spread:
    """Points of all chains in a window, and the variances and covariance they have, drawn a little towards 1e-3."""

    def __init__(self) -> None:
        self.points: list[Tensor] = []

    def add(self, points: Tensor) -> None:
        """Take one step's points (chains, d) in."""
        self.points.append(points)

    def variance(self) -> Tensor:
        """(d,), as Stan regularises it."""
        held = torch.cat(self.points)
        n = len(held)
        return held.var(0) * (n / (n + 5)) + 1e-3 * (5 / (n + 5))

    def covariance(self) -> Tensor:
        """(d, d), regularised alike."""
        held = torch.cat(self.points)
        n, d = held.shape
        return torch.cov(held.T).reshape(d, d) * (n / (n + 5)) + 1e-3 * (5 / (n + 5)) * torch.eye(d, dtype=held.dtype)
