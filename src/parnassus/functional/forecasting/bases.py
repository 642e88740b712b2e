"""Curves that a forecast is made of: powers of time, and waves that go into a stretch of it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import SettingError
from .windows import at_least


def polynomial_basis(n: int, degree: int) -> NDArray[np.float64]:
    """T[i, t] = (t / n)^i for t = 0 .. n - 1 and i = 0 .. degree: (degree + 1, n).

    Source: Oreshkin et al. 2020 (N-BEATS), 3.3, trend model.

    >>> polynomial_basis(4, 2).tolist()
    [[1.0, 1.0, 1.0, 1.0], [0.0, 0.25, 0.5, 0.75], [0.0, 0.0625, 0.25, 0.5625]]
    """
    powers = np.arange(at_least("degree", degree, 0) + 1)[:, None]
    return (np.arange(at_least("n", n)) / n) ** powers


def seasonal_basis(steps: ArrayLike, period: int, harmonics: int | None = None) -> NDArray[np.float64]:
    """1, cos(2 pi i t / period) and sin(2 pi i t / period) for steps t and i = 1 .. harmonics: (1 + 2 harmonics, time).

    None takes all waves that `period` steps tell apart, (period - 1) / 2 rounded down; the paper takes period / 2 - 1
    rounded down, which is one fewer where the period is odd. Its sine of no frequency is nothing, and is left out. The
    steps before a forecast are -1, -2, ..., so that a wave goes on from one side to the other.

    Source: Oreshkin et al. 2020 (N-BEATS), 3.3, seasonality model, with the time axis of the authors' program.

    >>> seasonal_basis([0, 1, 2, 3], 4).round(12).tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, -1.0, -0.0], [0.0, 1.0, 0.0, -1.0]]
    """
    most = (at_least("period", period) - 1) // 2
    taken = most if harmonics is None else at_least("harmonics", harmonics)
    if taken > most:
        raise SettingError(
            f"harmonics={harmonics}, and {period} steps tell apart waves that go into them up to {most} times; ask for "
            "fewer, or leave harmonics=None"
        )
    t = np.asarray(steps, dtype=np.float64)
    angles = 2 * np.pi * np.arange(1, taken + 1)[:, None] * t / period
    return np.concatenate([np.ones((1, len(t))), np.cos(angles), np.sin(angles)])
