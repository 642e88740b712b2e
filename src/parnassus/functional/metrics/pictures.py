"""How alike two pictures look."""

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .inputs import Floats

WINDOW, SPREAD = 11, 1.5  # pixels a side of the Gaussian window, and its standard deviation


def structural_similarity(a: ArrayLike, b: ArrayLike, *, data_range: float, channels: bool = False) -> float:
    """The mean over places of the local likeness in brightness, contrast and structure, from -1 to 1 (equal).

        ssim = (2 m_a m_b + C1) (2 s_ab + C2) / ((m_a^2 + m_b^2 + C1) (s_a^2 + s_b^2 + C2))

    with means, variances and covariance under an 11 x 11 Gaussian window of standard deviation 1.5 that lies wholly
    inside the picture, C1 = (0.01 L)^2 and C2 = (0.03 L)^2, where L is the `data_range` (255 for bytes). Pictures are
    (height, width), or (height, width, n) with `channels`, whose likenesses are averaged. Variances are over n.

    Systems: ssim
    Source: Wang, Bovik, Sheikh and Simoncelli 2004, eq. 13; Martinez-Ramon A7.27 (part 2c).

    >>> picture = np.arange(256.0).reshape(16, 16)
    >>> structural_similarity(picture, picture, data_range=255)
    1.0
    """
    one, two = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 2 + channels or min(one.shape[:2], default=0) < WINDOW:
        axes = "(height, width, channels)" if channels else "(height, width)"
        raise DataError(
            f"pictures of shapes {one.shape} and {two.shape}; expected two of one shape {axes}, "
            f"of at least {WINDOW} pixels a side"
        )
    mean_one, mean_two = _blurred(one), _blurred(two)
    variance_one, variance_two = _blurred(one * one) - mean_one**2, _blurred(two * two) - mean_two**2
    covariance = _blurred(one * two) - mean_one * mean_two
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    alike = (2 * mean_one * mean_two + c1) * (2 * covariance + c2)
    return float((alike / ((mean_one**2 + mean_two**2 + c1) * (variance_one + variance_two + c2))).mean())


def _blurred(picture: Floats) -> Floats:
    """Gaussian means over the windows that lie inside."""
    from scipy.ndimage import correlate1d

    places = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(places**2) / (2 * SPREAD**2))
    window /= window.sum()
    edge = WINDOW // 2
    return correlate1d(correlate1d(picture, window, axis=0), window, axis=1)[edge:-edge, edge:-edge]
