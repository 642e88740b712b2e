"""Windows of a series: what was seen, and what came next."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError, SettingError

Floats = NDArray[np.float64]


def series_of(y: ArrayLike, least: int = 1, what: str = "y") -> NDArray[np.float64]:
    """A series (time,) float64 of finite numbers with `least` steps; anything else is refused."""
    found = np.asarray(y, dtype=np.float64)
    if found.ndim != 1:
        raise DataError(f"{what} is one series (time,); got shape {found.shape}")
    if not np.isfinite(found).all():
        step = int((~np.isfinite(found)).argmax())
        raise DataError(
            f"{what} is {found[step]} at step {step}; a forecast needs finite numbers: fill or cut it first"
        )
    if len(found) < least:
        raise DataError(f"{what} has {len(found)} steps, and at least {least} are needed; give a longer series")
    return found


def at_least(name: str, value: int, least: int = 1) -> int:
    """A whole number of at least `least`; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise SettingError(f"{name} is a whole number of at least {least}; got {value!r}")
    return int(value)


def sliding_windows(
    y: ArrayLike, history: int, *, horizon: int = 1, stride: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each `history` steps in a row, and the `horizon` steps after them.

    X[i] = y[i : i + W], Y[i] = y[i + W : i + W + h].

    There are T - W - h + 1 windows of T steps (with stride 1). The book writes windows as columns, X' here.

    Systems: sliding-window-matrix
    Source: Martinez-Ramon et al. eqs. 5.26 and 5.27 (x = 0..9 and W = 3 give 7 windows).

    >>> X, Y = sliding_windows(range(10), 3)
    >>> X.T[:, 0].tolist(), X[-1].tolist(), Y[:, 0].tolist()
    ([0.0, 1.0, 2.0], [6.0, 7.0, 8.0], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    """
    for name, value in (("history", history), ("horizon", horizon), ("stride", stride)):
        at_least(name, value)
    values = series_of(y, history + horizon)
    both = np.lib.stride_tricks.sliding_window_view(values, history + horizon)[::stride]
    return both[:, :history].copy(), both[:, history:].copy()


def lagged(y: ArrayLike, lags: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The values `lags` steps back beside each value that has them all: X[t, j] = y[t - lags[j]], and y[t].

    Source: Baker A151.

    >>> X, now = lagged([1, 2, 3, 4], [1, 2])
    >>> X.tolist(), now.tolist()
    ([[2.0, 1.0], [3.0, 2.0]], [3.0, 4.0])
    """
    steps = np.atleast_1d(np.asarray(lags, dtype=np.int64))
    if steps.ndim != 1 or not len(steps) or steps.min() < 1:
        raise SettingError(f"lags are whole numbers of at least 1; got {lags!r}")
    values = series_of(y, int(steps.max()) + 1)
    at = np.arange(steps.max(), len(values))
    return values[at[:, None] - steps], values[at]
