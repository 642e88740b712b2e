"""Convolution and pooling, forward and backward, with every intermediate: pictures x are (n, channels, height, width).

Kernels are w (n_out, n_in, height, width). `stride`, `padding` and `dilation` are a number or a pair (vertical,
horizontal). What layers call a convolution is the cross-correlation, which does not turn the kernel round.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError

Array = NDArray[np.float64]
Pair = int | tuple[int, int]


@dataclass(frozen=True)
class Correlation:
    """One forward pass: the padded input, its windows (n, c, rows, columns, kernel rows, kernel columns), and z."""

    padded: Array
    windows: Array
    z: Array


@dataclass(frozen=True)
class CorrelationSlopes:
    """The loss's slope by the input, the kernels and the biases of a correlation."""

    by_x: Array
    by_w: Array
    by_b: Array


@dataclass(frozen=True)
class Pooling:
    """One forward pass of a pool: its windows, and the value of each."""

    windows: Array
    z: Array


def output_size(size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """floor((n + 2 p - d (f - 1) - 1) / s) + 1.

    Source: Hifny eqs. 9.6 and 9.7 (for d = 1), Martinez-Ramon eq. 4.6 (whose p counts both sides).

    >>> output_size(5, 3, padding=1, stride=2), output_size(6, 3), output_size(227, 11, stride=4)
    (3, 4, 55)
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def correlate(
    x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> Correlation:
    """z[n, k, i, j] = b[k] + sum over c, p, q of x[n, c, i s + p d, j s + q d] w[k, c, p, q], x padded with zeros.

    Source: Hifny eq. 9.5 and Figs. 9.1 to 9.8, Baker A069 and A080, Martinez-Ramon eqs. 4.7 and 4.8.

    >>> correlate([[[[1, 2, 3, 4, 5]]]], [[[[1, 0, -1]]]]).z
    array([[[[-2., -2., -2.]]]])
    """
    x, w = _pictures(x), np.asarray(w, dtype=float)
    if w.ndim != 4 or w.shape[1] != x.shape[1]:
        raise DataError(
            f"kernels {w.shape} do not fit pictures {x.shape}: they are (n_out, n_in, height, width) with n_in = "
            f"{x.shape[1]} channels"
        )
    padded = _padded(x, padding, 0.0)
    windows = _windows(padded, w.shape[2:], stride, dilation)
    z = np.einsum("ncijpq,kcpq->nkij", windows, w, optimize=True)
    if b is not None:
        z = z + np.asarray(b, dtype=float)[:, None, None]
    return Correlation(padded, windows, z)


def correlate_direct(
    x: ArrayLike, w: ArrayLike, b: ArrayLike | None = None, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> Array:
    """The z of `correlate`, pixel by pixel as the sum is printed: the slow twin."""
    x, w = _padded(_pictures(x), padding, 0.0), np.asarray(w, dtype=float)
    (down, across), (d_i, d_j) = _pair(stride), _pair(dilation)
    n_out, _, height, width = w.shape
    rows = output_size(x.shape[2], height, stride=down, dilation=d_i)
    columns = output_size(x.shape[3], width, stride=across, dilation=d_j)
    z = np.zeros((len(x), n_out, rows, columns))
    for i, j, p, q in np.ndindex(rows, columns, height, width):
        z[:, :, i, j] += x[:, :, i * down + p * d_i, j * across + q * d_j] @ w[:, :, p, q].T
    return z if b is None else z + np.asarray(b, dtype=float)[:, None, None]


def convolve(x: ArrayLike, w: ArrayLike, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1) -> Array:
    """The true convolution: the correlation with the kernel turned by half a turn.

    Source: Hifny eqs. 9.3 and 9.4, Baker A068 (whose kernel is indexed from 1), Martinez-Ramon eq. 4.3.

    >>> convolve([[[[1, 2, 3, 4, 5]]]], [[[[1, 0, -1]]]])
    array([[[[2., 2., 2.]]]])
    """
    return correlate(x, rot180(w), stride=stride, padding=padding, dilation=dilation).z


def rot180(w: ArrayLike) -> Array:
    """Kernels turned by half a turn: rows and columns in reverse."""
    return np.asarray(w, dtype=float)[..., ::-1, ::-1]


def correlate_backward(
    delta: ArrayLike, x: ArrayLike, w: ArrayLike, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> CorrelationSlopes:
    """The slopes of a correlation from delta = dloss/dz, each position giving back what it took: the direct form.

        by_w[k, c, p, q] = sum over n, i, j of delta[n, k, i, j] x[n, c, i s + p d, j s + q d]
        by_x[n, c, i s + p d, j s + q d] += delta[n, k, i, j] w[k, c, p, q],   by_b[k] = sum of delta[:, k]

    Systems: conv-backward
    Source: Hifny eqs. 9.10 to 9.18 (9.12 prints a21 where a22 belongs, 9.18 has g' of the wrong layer), Baker A083,
    Martinez-Ramon 4.3.2 to 4.3.5 (eq. 4.16 leaves the kernel as it is, where it must be turned; 4.17 prints a matrix
    product where a correlation belongs).
    """
    x, w, delta = _pictures(x), np.asarray(w, dtype=float), np.asarray(delta, dtype=float)
    padded = _padded(x, padding, 0.0)
    windows = _windows(padded, w.shape[2:], stride, dilation)
    by_w = np.einsum("ncijpq,nkij->kcpq", windows, delta, optimize=True)
    by_windows = np.einsum("nkij,kcpq->ncijpq", delta, w, optimize=True)
    by_x = _cropped(_scattered(by_windows, padded.shape, stride, dilation), padding)
    return CorrelationSlopes(by_x, by_w, delta.sum((0, 2, 3)))


def correlate_backward_rot180(
    delta: ArrayLike, x: ArrayLike, w: ArrayLike, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> CorrelationSlopes:
    """What `correlate_backward` gives, in the form the books print: correlations with delta spread out.

    delta is spread by the stride (zeros between) and padded by the kernel's reach d (f - 1); its correlation with the
    turned kernel is the slope by the input, and the input's correlation with it the slope by the kernel.

    Systems: conv-backward
    Source: Hifny eqs. 9.16 to 9.18, Martinez-Ramon 4.3.3 with the kernel turned.
    """
    x, w, delta = _pictures(x), np.asarray(w, dtype=float), np.asarray(delta, dtype=float)
    padded = _padded(x, padding, 0.0)
    reach = tuple(d * (f - 1) for d, f in zip(_pair(dilation), w.shape[2:], strict=True))
    # rows and columns past the last window took no part: zeros stand for them
    spread = np.zeros((*delta.shape[:2], *(m - r for m, r in zip(padded.shape[2:], reach, strict=True))))
    down, across = _pair(stride)
    spread[:, :, : delta.shape[2] * down : down, : delta.shape[3] * across : across] = delta
    by_padded = correlate(spread, rot180(w).swapaxes(0, 1), padding=reach, dilation=dilation).z
    # samples are summed over, so they stand where channels do
    by_w = correlate(padded.swapaxes(0, 1), spread.swapaxes(0, 1)).z.swapaxes(0, 1)
    d_i, d_j = _pair(dilation)
    return CorrelationSlopes(_cropped(by_padded, padding), by_w[:, :, ::d_i, ::d_j], delta.sum((0, 2, 3)))


def max_pool(x: ArrayLike, size: Pair, *, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1) -> Pooling:
    """The greatest value of each window; the stride is the window's size where none is given.

    Source: Hifny eqs. 9.8, 9.9 and 9.19, Baker A077.

    >>> max_pool([[[[1, 3, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]]], 2).z
    array([[[[6., 8.],
             [3., 4.]]]])
    """
    padded = _padded(_pictures(x), padding, -np.inf)
    windows = _windows(padded, _pair(size), size if stride is None else stride, dilation)
    return Pooling(windows, windows.max((-2, -1)))


def max_pool_backward(
    delta: ArrayLike, x: ArrayLike, size: Pair, *, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1
) -> Array:
    """The slope by the input of `max_pool`: all of delta to the window's maximum, the first of equals; overlaps add.

    Systems: pooling-backward
    Source: Hifny eq. 9.20, Baker A083.
    """
    x, delta = _pictures(x), np.asarray(delta, dtype=float)
    stride = size if stride is None else stride
    padded = _padded(x, padding, -np.inf)
    windows = _windows(padded, _pair(size), stride, dilation)
    flat = windows.reshape(*windows.shape[:4], -1)
    won = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
    by_windows = (won * delta[..., None]).reshape(windows.shape)
    return _cropped(_scattered(by_windows, padded.shape, stride, dilation), padding)


def average_pool(x: ArrayLike, size: Pair, *, stride: Pair | None = None, padding: Pair = 0) -> Pooling:
    """The mean of each window, whose padding counts as zeros.

    Source: Hifny eq. 9.21, Baker A078.

    >>> average_pool([[[[1, 3, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]]], 2).z
    array([[[[3.75, 5.25],
             [2.  , 2.  ]]]])
    """
    padded = _padded(_pictures(x), padding, 0.0)
    windows = _windows(padded, _pair(size), size if stride is None else stride, 1)
    return Pooling(windows, windows.mean((-2, -1)))


def average_pool_backward(
    delta: ArrayLike, x: ArrayLike, size: Pair, *, stride: Pair | None = None, padding: Pair = 0
) -> Array:
    """The slope by the input of `average_pool`: delta over the window's number of values, to each of them.

    Systems: pooling-backward
    Source: Hifny eq. 9.22 (Martinez-Ramon 4.3.4 repeats delta without the division).
    """
    x, delta = _pictures(x), np.asarray(delta, dtype=float)
    stride, (height, width) = size if stride is None else stride, _pair(size)
    padded = _padded(x, padding, 0.0)
    share = np.broadcast_to((delta / (height * width))[..., None, None], (*delta.shape, height, width))
    return _cropped(_scattered(share, padded.shape, stride, 1), padding)


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _pictures(x: ArrayLike) -> Array:
    x = np.asarray(x, dtype=float)
    if x.ndim != 4:
        raise DataError(f"pictures are (n, channels, height, width); got shape {x.shape}")
    return x


def _padded(x: Array, padding: Pair, value: float) -> Array:
    up, side = _pair(padding)
    return np.pad(x, ((0, 0), (0, 0), (up, up), (side, side)), constant_values=value)


def _cropped(padded: Array, padding: Pair) -> Array:
    up, side = _pair(padding)
    return padded[:, :, up : padded.shape[2] - up, side : padded.shape[3] - side]


def _windows(x: Array, size: tuple[int, ...], stride: Pair, dilation: Pair) -> Array:
    (down, across), (d_i, d_j) = _pair(stride), _pair(dilation)
    reach = (d_i * (size[0] - 1) + 1, d_j * (size[1] - 1) + 1)
    if reach[0] > x.shape[2] or reach[1] > x.shape[3]:
        raise DataError(f"a window of {reach} does not fit into pictures of {x.shape[2:]} with their padding")
    every = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))
    return every[:, :, ::down, ::across, ::d_i, ::d_j]


def _scattered(by_windows: Array, shape: tuple[int, ...], stride: Pair, dilation: Pair) -> Array:
    """Slopes by window added up where the windows lay."""
    total = np.zeros(shape)
    (down, across), (d_i, d_j) = _pair(stride), _pair(dilation)
    _, _, rows, columns, height, width = by_windows.shape
    for p, q in np.ndindex(height, width):
        i, j = p * d_i, q * d_j
        total[:, :, i : i + rows * down : down, j : j + columns * across : across] += by_windows[..., p, q]
    return total
