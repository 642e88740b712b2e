"""Series with a known law: sines, a harmonic mix, a load with days and weeks, and points of a curve with a gap."""

import numpy as np

from ...errors import SettingError


def sine(n_steps: int = 100, *, step: float = 0.1, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """sin(step n), n = 0 .. n_steps - 1, with Gaussian noise.

    Systems: synthetic-series
    Source: Hifny 10.7 (step 0.1, 100 steps).

    >>> sine(3).round(4).tolist()
    [0.0, 0.0998, 0.1987]
    """
    return np.sin(step * np.arange(_counted(n_steps))) + _noise(n_steps, noise, seed)


def harmonic(n_steps: int = 200, *, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """cos(pi t / 6) + cos(pi t / 3) / 2 + cos(2 pi t / 3) / 2 with Gaussian noise; of period 12.

    Without noise each value is a linear function of the six before it, exactly. The book's 0 <= t <= 200 are 201
    values, of which it splits 200.

    Systems: synthetic-series
    Source: Martinez-Ramon et al. eq. 5.24.

    >>> harmonic(2, noise=0).round(4).tolist()
    [2.0, 0.866]
    """
    t = np.arange(_counted(n_steps))
    found = np.cos(np.pi * t / 6) + 0.5 * np.cos(np.pi * t / 3) + 0.5 * np.cos(2 * np.pi * t / 3)
    return found + _noise(n_steps, noise, seed)


def load_profile(n_days: int = 28, *, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """Hourly load (24 n_days,): a base, a peak in the morning and a higher one in the evening, less at weekends.

    Systems: synthetic-series
    Source: Baker 6.2.3 (household load), in shape.

    >>> load_profile(7, noise=0).shape
    (168,)
    """
    hour = np.arange(24 * _counted(n_days))
    time, day = hour % 24, hour // 24 % 7
    peaks = 0.6 * np.exp(-0.5 * ((time - 8) / 1.5) ** 2) + np.exp(-0.5 * ((time - 19) / 2.0) ** 2)
    return (0.4 + peaks) * np.where(day < 5, 1.0, 0.8) + _noise(len(hour), noise, seed)


def sine_mix(x: np.ndarray) -> np.ndarray:
    """x + 0.3 sin(2 pi x) + 0.3 sin(4 pi x).

    Systems: synthetic-series
    Source: Martinez-Ramon et al. eq. 9.25.

    >>> round(float(sine_mix(np.array(0.25))), 4)
    0.55
    """
    return x + 0.3 * np.sin(2 * np.pi * x) + 0.3 * np.sin(4 * np.pi * x)


def gapped_sine(n_points: int = 100, *, noise: float = 0.02, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 1) of `sine_mix`, half of them in [-0.2, 0.2] and half in [0.6, 1], and their noisy values (n,).

    Between and beyond them nothing is known, which an honest interval shows.

    Systems: synthetic-series
    Source: Martinez-Ramon et al. 9.3.2.

    >>> x, y = gapped_sine(10)
    >>> bool(((x > 0.2) & (x < 0.6)).any()), y.shape
    (False, (10,))
    """
    rng = np.random.default_rng(seed)
    n = _counted(n_points)
    x = np.concatenate([rng.uniform(-0.2, 0.2, n // 2), rng.uniform(0.6, 1.0, n - n // 2)])
    return x[:, None], sine_mix(x) + noise * rng.standard_normal(n)


def _counted(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise SettingError(f"a series has a whole number of at least 1 steps; got {n!r}")
    return int(n)


def _noise(n: int, size: float, seed: int) -> np.ndarray:
    if not size >= 0:
        raise SettingError(f"noise is a standard deviation of at least 0; got {size!r}")
    return size * np.random.default_rng(seed).standard_normal(n)
