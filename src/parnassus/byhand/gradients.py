"""Gradients by central differences, and how far a hand-written one is from them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def numeric_gradient(f: Callable[[Array], float], at: ArrayLike, *, step: float = 1e-6) -> Array:
    """(f(a + step e_i) - f(a - step e_i)) / (2 step) for each element of `at`, in its shape.

    The error falls with step^2 until rounding grows as 1/step: 1e-6 to 1e-5 suits float64.

    Systems: gradient-check
    Source: Baker B22 and Martinez-Ramon B13b check their gradients so.

    >>> numeric_gradient(lambda a: float(a[0] ** 2 + 3 * a[1]), [2.0, 5.0]).round(6)
    array([4., 3.])
    """
    at = np.array(at, dtype=float)
    gradient = np.empty_like(at)
    for i in np.ndindex(at.shape):
        kept = at[i]
        at[i] = kept + step
        above = f(at)
        at[i] = kept - step
        gradient[i] = (above - f(at)) / (2 * step)
        at[i] = kept
    return gradient


def gradient_error(f: Callable[[Array], float], gradient: ArrayLike, at: ArrayLike, *, step: float = 1e-6) -> float:
    """The relative distance |g - n| / max(|g| + |n|, 1e-12) between a gradient and the numeric one, by norms.

    Below 1e-6 is agreement; above 1e-3 is an error, unless a kink lies within a step.
    """
    gradient, numeric = np.asarray(gradient, dtype=float), numeric_gradient(f, at, step=step)
    size = float(np.linalg.norm(gradient) + np.linalg.norm(numeric))
    return float(np.linalg.norm(gradient - numeric)) / max(size, 1e-12)
