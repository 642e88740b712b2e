"""How alike two pictures look."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError, SettingError
from .inputs import Floats

WINDOW, SPREAD = 11, 1.5  # pixels a side of the Gaussian window, and its standard deviation
FAR = 10  # times the range that pixels may spread over: noise reaches beyond it, bytes taken for 0 to 1 much further


def structural_similarity(
    a: ArrayLike, b: ArrayLike, *, data_range: float, channels: bool = False, window: int = WINDOW
) -> float:
    """The mean over places of the local likeness in brightness, contrast and structure, from -1 to 1 (equal).

        ssim = (2 m_a m_b + C1) (2 s_ab + C2) / ((m_a^2 + m_b^2 + C1) (s_a^2 + s_b^2 + C2))

    with means, variances and covariance under an 11 x 11 Gaussian window of standard deviation 1.5 that lies wholly
    inside the picture, C1 = (0.01 L)^2 and C2 = (0.03 L)^2, where L is the `data_range` (255 for bytes). Pictures are
    (height, width), or (height, width, n) with `channels`, whose likenesses are averaged. Variances are over n.
    Pictures of fewer pixels need a smaller `window`, an odd number whose deviation shrinks with it: name it beside the
    number.

    Systems: ssim
    Source: Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13; Martinez-Ramon A7.27 (part 2c).

    >>> picture = np.arange(256.0).reshape(16, 16)
    >>> structural_similarity(picture, picture, data_range=255)
    1.0
    """
    if isinstance(window, bool) or window < 3 or window % 2 == 0:
        raise SettingError(f"window is an odd number of pixels, 3 or more; got {window}")
    one, two = _pictures(a, b, data_range)
    if one.ndim != 2 + channels or min(one.shape[:2], default=0) < window:
        axes = "(height, width, channels)" if channels else "(height, width)"
        raise DataError(
            f"pictures of shapes {one.shape} and {two.shape}; expected two of one shape {axes}, "
            f"of at least {window} pixels a side, or give a smaller window="
        )
    mean_one, mean_two = _blurred(one, window), _blurred(two, window)
    variance_one, variance_two = _blurred(one * one, window) - mean_one**2, _blurred(two * two, window) - mean_two**2
    covariance = _blurred(one * two, window) - mean_one * mean_two
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    alike = (2 * mean_one * mean_two + c1) * (2 * covariance + c2)
    return float((alike / ((mean_one**2 + mean_two**2 + c1) * (variance_one + variance_two + c2))).mean())


def psnr(a: ArrayLike, b: ArrayLike, *, data_range: float) -> float:
    """The peak signal-to-noise ratio in decibels, 10 log10(data_range^2 / mean squared error); infinite for equal ones.

    `a` and `b` are one picture or many of one shape, whose errors are counted together; `data_range` is 255 for bytes.

    >>> round(psnr([[0, 255]], [[0, 0]], data_range=255), 4)
    3.0103
    """
    one, two = _pictures(a, b, data_range)
    error = float(np.square(one - two).mean())
    return 10 * math.log10(data_range**2 / error) if error else math.inf


def _pictures(a: ArrayLike, b: ArrayLike, data_range: float) -> tuple[Floats, Floats]:
    """Both as float64 of one shape, without NaN, and within a few times the range that they are said to have."""
    one, two = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if one.shape != two.shape or not one.size:
        raise DataError(f"pictures of shapes {one.shape} and {two.shape}; expected two of one shape")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise DataError("a picture holds NaN or infinite numbers; fill them or leave the picture out")
    if not data_range > 0:
        raise SettingError(f"data_range is above 0: 255 for bytes, 1 for numbers from 0 to 1; got {data_range}")
    spread = max(float(np.ptp(one)), float(np.ptp(two)))
    if spread > FAR * data_range:
        raise DataError(f"pixels spread over {spread:g} with data_range={data_range:g}; bytes have data_range=255")
    return one, two


def _blurred(picture: Floats, size: int) -> Floats:
    """Gaussian means over the windows that lie inside."""
    from scipy.ndimage import correlate1d

    places, spread = np.arange(size) - size // 2, SPREAD * size / WINDOW
    window = np.exp(-(places**2) / (2 * spread**2))
    window /= window.sum()
    edge = size // 2
    return correlate1d(correlate1d(picture, window, axis=0), window, axis=1)[edge:-edge, edge:-edge]
